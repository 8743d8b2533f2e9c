//! Panics in functions of the user's that do not run in a task of their own: they fail what they were called for, and not
//! whoever called.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// What `of_user` returns, or what it said when it panicked.
pub(in crate::graph) fn caught<T>(of_user: impl FnOnce() -> T) -> Result<T, String> {
    // It gets values that nobody looks at again if it panics.
    catch_unwind(AssertUnwindSafe(of_user)).map_err(|payload| said(&*payload))
}

/// What was said in a panic.
pub(in crate::graph) fn said(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().map(ToString::to_string);
    text.or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_default()
}

//! [`Failure`]: what a store does not do as it should.

use std::fmt::Debug;

use crate::store::StoreError;

/// What a store does not do as it should.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{case}: {what}")]
pub struct Failure {
    /// The behaviour that it does not have.
    pub case: &'static str,
    /// What it does instead.
    pub what: String,
}

pub(super) type Outcome = Result<(), Failure>;

impl Failure {
    pub(super) fn new(what: impl Into<String>) -> Self {
        let (case, what) = ("", what.into());
        Self { case, what }
    }

    pub(super) fn of_case(self, case: &'static str) -> Self {
        Self { case, ..self }
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::new(format!("the store failed: {error}"))
    }
}

/// Whether `is`, which is written `what`, is as it should be.
pub(super) fn same<A: Debug + PartialEq<B> + ?Sized, B: Debug + ?Sized>(
    what: &str,
    is: &A,
    should_be: &B,
) -> Outcome {
    if is == should_be {
        return Ok(());
    }
    Err(Failure::new(format!(
        "`{what}` is {is:?} instead of {should_be:?}"
    )))
}

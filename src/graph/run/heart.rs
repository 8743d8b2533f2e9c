//! [`Heart`]: when a task last gave a sign of life.

use std::sync::Arc;

use parking_lot::Mutex;
use tokio::time::Instant;

/// When a task, or one of those that run within it, last gave a sign of life.
#[derive(Debug)]
pub(in crate::graph) struct Heart {
    last: Mutex<Instant>,
    /// Of the task whose subgraph this one is a part of.
    outer: Option<Arc<Heart>>,
}

impl Heart {
    pub(in crate::graph) fn within(outer: Option<Arc<Self>>) -> Self {
        Self {
            last: Mutex::new(Instant::now()),
            outer,
        }
    }

    pub(in crate::graph) fn beat(&self) {
        let now = Instant::now();
        let mut heart = Some(self);
        while let Some(this) = heart {
            *this.last.lock() = now;
            heart = this.outer.as_deref();
        }
    }

    pub(in crate::graph) fn last(&self) -> Instant {
        *self.last.lock()
    }
}

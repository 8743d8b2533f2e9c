//! [`StopSignal`]: the wish that a run ends early.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Asks runs to stop at their next step boundary: what is running is finished, what it wrote is saved, and
/// the run ends with [`GraphError::Stopped`](crate::graph::GraphError::Stopped). Clones are the same signal; one
/// signal can be given to many runs, so that a process drains before it shuts down.
///
/// ```
/// use stepwell::graph::{Config, StopSignal};
/// let stop = StopSignal::new();
/// let config = Config::thread("t").stop_signal(&stop);
/// // elsewhere, while a run with that config goes on:
/// stop.stop();
/// ```
///
/// A subgraph that is saved stops at a step boundary of its own. A step boundary at which a run waits
/// for a human counts as that.
#[derive(Clone, Debug, Default)]
pub struct StopSignal(Arc<AtomicBool>);

impl StopSignal {
    /// A signal that has not been given.
    pub fn new() -> Self {
        Self::default()
    }

    /// Gives the signal, for good: runs that start later stop at their first boundary.
    pub fn stop(&self) {
        self.0.store(true, Ordering::Release);
    }

    /// Whether the signal has been given.
    pub fn is_stopped(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

impl PartialEq for StopSignal {
    /// Whether they are the same signal.
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

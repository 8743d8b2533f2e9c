//! [`Limits`]: how many tasks of a run may be at work at once, until when, and whether it is to stop.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::config::Config;
use super::error::GraphError;
use super::node_error::Stop;
use super::run::Run;
use super::stop_signal::StopSignal;

/// What a config says about limits.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Bounds {
    pub(super) run_timeout: Option<Duration>,
    pub(super) max_concurrency: Option<usize>,
    pub(super) stop_signal: Option<StopSignal>,
}

/// The limits of a run, its subgraphs included.
#[derive(Clone, Debug, Default)]
pub(super) struct Limits {
    pub(super) slots: Option<Arc<Semaphore>>,
    deadline: Option<Instant>,
    run_timeout: Duration,
    stop_signal: Option<StopSignal>,
}

impl Limits {
    /// The limits of a run that starts now.
    pub(super) fn of(config: &Config) -> Result<Self, GraphError> {
        let Some(bounds) = &config.bounds else {
            return Ok(Self::default());
        };
        let slots = match bounds.max_concurrency {
            Some(0) => {
                return Err(GraphError::InvalidConfig(
                    "the maximum concurrency is 0; it must be at least 1".into(),
                ));
            }
            Some(n) => Some(Arc::new(Semaphore::new(n.min(Semaphore::MAX_PERMITS)))),
            None => None,
        };
        let deadline = bounds
            .run_timeout
            .and_then(|limit| Instant::now().checked_add(limit));
        Ok(Self {
            slots,
            deadline,
            run_timeout: bounds.run_timeout.unwrap_or_default(),
            stop_signal: bounds.stop_signal.clone(),
        })
    }
}

impl Run {
    /// Until when the tasks may run. A subgraph's are cancelled together with the task that it runs
    /// in, by the run that the time was given to.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.scope.limits.deadline.filter(|_| self.parent.is_none())
    }

    /// Whether the next super-step may start.
    pub(super) fn check_limits(&self) -> Result<(), Stop> {
        if self.deadline().is_some_and(|at| at <= Instant::now()) {
            return Err(self.run_timeout().into());
        }
        let stop = self.scope.limits.stop_signal.as_ref();
        let stopped = stop.is_some_and(StopSignal::is_stopped) || self.is_abandoned();
        // A subgraph that is not saved would have to start over.
        if stopped && (self.parent.is_none() || self.saver.is_some()) {
            return Err(Stop::Drained);
        }
        Ok(())
    }

    pub(super) fn run_timeout(&self) -> GraphError {
        GraphError::RunTimeout {
            thread: self.scope.config.thread_id.clone().unwrap_or_default(),
            limit: self.scope.limits.run_timeout,
        }
    }
}

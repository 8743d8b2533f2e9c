//! [`Limits`]: how many tasks of a run may be at work at once, until when, and whether it is to stop.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::Instant;

use crate::graph::config::Config;
use crate::graph::error::GraphError;
use crate::graph::node_error::Stop;
use crate::graph::run::Run;
use crate::graph::stop_signal::StopSignal;

/// What a config says about limits.
#[derive(Clone, Debug, Default, PartialEq)]
pub(in crate::graph) struct Bounds {
    pub(in crate::graph) run_timeout: Option<Duration>,
    pub(in crate::graph) max_concurrency: Option<usize>,
    pub(in crate::graph) stop_signal: Option<StopSignal>,
}

/// The limits of a run, its subgraphs included.
#[derive(Clone, Debug, Default)]
pub(in crate::graph) struct Limits {
    pub(in crate::graph) slots: Option<Arc<Semaphore>>,
    deadline: Option<Instant>,
    run_timeout: Duration,
    stop_signal: Option<StopSignal>,
}

impl Limits {
    /// The limits of a run that starts now.
    pub(in crate::graph) fn of(config: &Config) -> Result<Self, GraphError> {
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
    pub(in crate::graph) fn deadline(&self) -> Option<Instant> {
        self.scope.limits.deadline.filter(|_| self.parent.is_none())
    }

    /// Whether the next super-step may start.
    pub(in crate::graph) fn check_limits(&self) -> Result<(), Stop> {
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

    pub(in crate::graph) fn run_timeout(&self) -> GraphError {
        GraphError::RunTimeout {
            thread: self.scope.config.thread_id.clone().unwrap_or_default(),
            limit: self.scope.limits.run_timeout,
        }
    }
}

//! [`RetryPolicy`]: how often a failing node is tried again, and when.

use std::sync::Arc;
use std::time::Duration;

use super::node_error::NodeError;

type Predicate = dyn Fn(&NodeError) -> bool + std::marker::Send + Sync;

/// How often a failing node is tried again within its super-step, and how long to wait before.
///
/// An interrupt is no failure and is never retried. Writes of failed attempts are dropped.
#[derive(Clone)]
pub struct RetryPolicy {
    attempts: u32,
    delay: Duration,
    factor: f64,
    max_delay: Duration,
    retry_on: Option<Arc<Predicate>>,
}

impl RetryPolicy {
    /// Up to `attempts` attempts in all, waiting 0.5 s before the second and twice as long before
    /// each further one, at most 128 s: LangGraph's defaults, without its jitter.
    pub fn attempts(attempts: u32) -> Self {
        Self {
            attempts: attempts.max(1),
            delay: Duration::from_millis(500),
            factor: 2.0,
            max_delay: Duration::from_secs(128),
            retry_on: None,
        }
    }

    /// The wait before the second attempt.
    #[must_use]
    pub fn delay(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// By how much the wait grows from one attempt to the next.
    #[must_use]
    pub fn backoff(mut self, factor: f64) -> Self {
        self.factor = factor.max(1.0);
        self
    }

    /// The longest wait.
    #[must_use]
    pub fn max_delay(mut self, max: Duration) -> Self {
        self.max_delay = max;
        self
    }

    /// Retries only the failures for which this holds; all of them otherwise.
    #[must_use]
    pub fn on<F>(mut self, retry_on: F) -> Self
    where
        F: Fn(&NodeError) -> bool + std::marker::Send + Sync + 'static,
    {
        self.retry_on = Some(Arc::new(retry_on));
        self
    }

    /// How long to wait before the attempt after number `attempt` (from 1) failed with `error`;
    /// `None` to give up.
    pub(super) fn wait_after(&self, attempt: u32, error: &NodeError) -> Option<Duration> {
        let wanted = self.retry_on.as_ref().is_none_or(|on| on(error));
        if attempt >= self.attempts || !wanted {
            return None;
        }
        let exponent = i32::try_from(attempt.saturating_sub(1)).unwrap_or(i32::MAX);
        let wait = self.delay.as_secs_f64() * self.factor.powi(exponent);
        Some(Duration::try_from_secs_f64(wait).map_or(self.max_delay, |w| w.min(self.max_delay)))
    }
}

impl std::fmt::Debug for RetryPolicy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RetryPolicy")
            .field("attempts", &self.attempts)
            .field("delay", &self.delay)
            .finish_non_exhaustive()
    }
}

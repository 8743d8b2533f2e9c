//! [`RetryPolicy`]: how often a failing node is tried again, and when.

use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use tracing::Instrument;
use twox_hash::XxHash3_128;

use super::{Layer, Next};
use crate::graph::error::GraphError;
use crate::graph::node_error::{NodeError, Stop};
use crate::graph::output::NodeOutput;
use crate::graph::runtime::Runtime;
use crate::graph::state::State;

type Predicate = dyn Fn(&NodeError) -> bool + Send + Sync;

/// How often a failing node is tried again within its super-step, and how long to wait before. A
/// [`Layer`]: `Node::new(f).layer(policy)`, or `Node::new(f).retry(policy)`, which is the same.
///
/// An interrupt is no failure and is never retried. Writes of failed attempts are dropped.
///
/// ```
/// use std::time::Duration;
/// use stepwell::graph::RetryPolicy;
/// let policy = RetryPolicy::attempts(5)
///     .delay(Duration::from_millis(200))
///     .on(|error| error.downcast_ref::<std::io::Error>().is_some());
/// ```
#[derive(Clone)]
pub struct RetryPolicy {
    attempts: u32,
    delay: Duration,
    factor: f64,
    max_delay: Duration,
    jitter: f64,
    retry_on: Option<Arc<Predicate>>,
}

impl RetryPolicy {
    /// Up to `attempts` attempts in all, waiting 0.5 s before the second and twice as long before
    /// each further one, at most 128 s; up to a quarter of each wait is taken off.
    pub fn attempts(attempts: u32) -> Self {
        Self {
            attempts: attempts.max(1),
            delay: Duration::from_millis(500),
            factor: 2.0,
            max_delay: Duration::from_secs(128),
            jitter: 0.25,
            retry_on: None,
        }
    }

    /// The wait before the second attempt.
    #[must_use]
    pub fn delay(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// By how much the wait grows from one attempt to the next; at least 1.
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

    /// Which fraction of a wait, from 0 to 1, may be taken off it, so that tasks that failed together do
    /// not come back together. How much is taken off follows from the task and the attempt: it
    /// differs from task to task, evenly spread, and is the same when a task runs again.
    #[must_use]
    pub fn jitter(mut self, fraction: f64) -> Self {
        self.jitter = fraction.clamp(0.0, 1.0);
        self
    }

    /// Retries only the failures for which this holds.
    ///
    /// Unless set, all are retried but those that no attempt can mend: an update that is invalid, or a graph
    /// or config that is.
    #[must_use]
    pub fn on<F>(mut self, retry_on: F) -> Self
    where
        F: Fn(&NodeError) -> bool + Send + Sync + 'static,
    {
        self.retry_on = Some(Arc::new(retry_on));
        self
    }

    /// How long `task` waits after attempt number `attempt` (from 1) failed with `error`; `None` to
    /// give up.
    fn wait_after(&self, attempt: u32, error: &NodeError, task: &str) -> Option<Duration> {
        let Stop::Failed(_) = &error.0 else {
            return None;
        };
        let wanted = self
            .retry_on
            .as_ref()
            .map_or_else(|| may_pass(error), |on| on(error));
        if attempt >= self.attempts || !wanted {
            return None;
        }
        let exponent = i32::try_from(attempt.saturating_sub(1)).unwrap_or(i32::MAX);
        let wait = self.delay.as_secs_f64() * self.factor.powi(exponent);
        let wait =
            Duration::try_from_secs_f64(wait).map_or(self.max_delay, |w| w.min(self.max_delay));
        Some(wait.mul_f64(1.0 - self.jitter * spread(task, attempt)))
    }
}

/// Whether another attempt may succeed where `error` came from.
fn may_pass(error: &NodeError) -> bool {
    !matches!(
        error.downcast_ref::<GraphError>(),
        Some(
            GraphError::InvalidUpdate { .. }
                | GraphError::MessageNotFound { .. }
                | GraphError::RecursionLimit { .. }
                | GraphError::EmptyInput { .. }
                | GraphError::UnknownCheckpoint { .. }
                | GraphError::MissingThreadId
                | GraphError::NoCheckpointer { .. }
                | GraphError::AmbiguousResume { .. }
                | GraphError::InvalidGraph(_)
                | GraphError::InvalidConfig(_)
                | GraphError::EmptyUpdate(_)
                | GraphError::Unreadable { .. }
        )
    )
}

/// A number from 0 to 1 for the attempt of a task; spread evenly over tasks.
fn spread(task: &str, attempt: u32) -> f64 {
    let hash = XxHash3_128::oneshot_with_seed(u64::from(attempt), task.as_bytes());
    let [high, ..] = hash.to_be_bytes();
    f64::from(high) / f64::from(u8::MAX)
}

impl Layer for RetryPolicy {
    fn call(
        &self,
        state: State,
        mut runtime: Runtime,
        next: Next,
    ) -> BoxFuture<'static, Result<NodeOutput, NodeError>> {
        let policy = self.clone();
        async move {
            let mut attempt = 1;
            loop {
                runtime.attempt = attempt;
                let span = tracing::debug_span!("attempt", number = attempt);
                let outcome = next
                    .call(state.clone(), runtime.clone())
                    .instrument(span)
                    .await;
                let Err(error) = outcome else {
                    return outcome;
                };
                let Some(wait) = policy.wait_after(attempt, &error, runtime.task_id()) else {
                    return Err(error);
                };
                tracing::info!(
                    node = runtime.node(),
                    attempt,
                    ?wait,
                    %error,
                    "a node failed and is tried again"
                );
                tokio::time::sleep(wait).await;
                attempt += 1;
            }
        }
        .boxed()
    }

    fn describe(&self) -> String {
        format!(
            "retry: {} attempts, first after {:?}",
            self.attempts, self.delay
        )
    }
}

impl std::fmt::Debug for RetryPolicy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RetryPolicy")
            .field("attempts", &self.attempts)
            .field("delay", &self.delay)
            .field("jitter", &self.jitter)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waits(policy: &RetryPolicy) -> Vec<Option<Duration>> {
        let error = NodeError::msg("no luck");
        (1..5).map(|n| policy.wait_after(n, &error, "t")).collect()
    }

    #[test]
    fn waits_grow_to_the_longest_one() {
        let ms = |n| Some(Duration::from_millis(n));
        let policy = RetryPolicy::attempts(4)
            .delay(Duration::from_millis(100))
            .max_delay(Duration::from_millis(150))
            .jitter(0.0);
        assert_eq!(waits(&policy), [ms(100), ms(150), ms(150), None]);
    }

    #[test]
    fn jitter_takes_off_no_more_than_its_fraction_and_differs_between_tasks() {
        let policy = RetryPolicy::attempts(2)
            .delay(Duration::from_secs(1))
            .jitter(0.5);
        let error = NodeError::msg("no luck");
        let mut seen = std::collections::BTreeSet::new();
        for task in 0..50 {
            let wait = policy.wait_after(1, &error, &task.to_string());
            let wait = wait.unwrap_or_default();
            assert!(wait >= Duration::from_millis(500) && wait <= Duration::from_secs(1));
            seen.insert(wait);
        }
        assert!(seen.len() > 20, "{seen:?}");
    }

    #[test]
    fn what_no_attempt_can_mend_is_not_retried() {
        let policy = RetryPolicy::attempts(3);
        let invalid = NodeError::from(GraphError::invalid_update("x", "y"));
        assert!(policy.wait_after(1, &invalid, "t").is_none());
        assert!(policy.wait_after(1, &NodeError::msg("x"), "t").is_some());
        let all = policy.on(|_| true);
        assert!(all.wait_after(1, &invalid, "t").is_some());
        let question = NodeError(Stop::Interrupted(Vec::new()));
        assert!(all.wait_after(1, &question, "t").is_none());
    }
}

//! [`Timeout`]: how long a node may take, or stay silent.

use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::time::Instant;

use super::{Layer, Next};
use crate::graph::node_error::NodeError;
use crate::graph::output::NodeOutput;
use crate::graph::runtime::Runtime;
use crate::graph::state::State;

/// How long a node may take, or stay silent; a node that exceeds it is cancelled at its next wait and has
/// failed with a [`NodeTimeoutError`].
///
/// Whether it limits each attempt or all of them together is decided by where it stands: inside a
/// [`RetryPolicy`](super::RetryPolicy) or outside of it.
///
/// ```
/// use std::time::Duration;
/// use stepwell::graph::{Node, RetryPolicy, State, Timeout};
/// # async fn fetch(_: State) {}
/// let node = Node::new(fetch)
///     .layer(Timeout::after(Duration::from_secs(10))) // each attempt
///     .layer(RetryPolicy::attempts(3))
///     .layer(Timeout::after(Duration::from_secs(25))); // all of them
/// ```
///
/// A node that blocks its thread instead of waiting cannot be cancelled; it is timed out when it returns
/// to its first wait, if there is one.
#[derive(Clone, Copy, Debug)]
pub struct Timeout {
    limit: Duration,
    idle: bool,
}

impl Timeout {
    /// Limits the time from start to end.
    pub fn after(limit: Duration) -> Self {
        Self { limit, idle: false }
    }

    /// Limits the time without a sign of life: a call of [`Runtime::heartbeat`] or, in a subgraph, a
    /// task that finishes.
    pub fn idle(limit: Duration) -> Self {
        Self { limit, idle: true }
    }
}

/// A node took longer than its [`Timeout`] allows.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the node gave no {} within {limit:?}; it was cancelled",
    if *.idle { "sign of life" } else { "result" }
)]
#[non_exhaustive]
pub struct NodeTimeoutError {
    /// The node.
    pub node: String,
    /// The limit that it exceeded.
    pub limit: Duration,
    /// Whether the limit is on its silence ([`Timeout::idle`]), not on its whole time.
    pub idle: bool,
}

impl Layer for Timeout {
    fn call(
        &self,
        state: State,
        runtime: Runtime,
        next: Next,
    ) -> BoxFuture<'static, Result<NodeOutput, NodeError>> {
        let Self { limit, idle } = *self;
        async move {
            let start = Instant::now();
            let task = std::sync::Arc::clone(&runtime.task);
            let mut inner = next.call(state, runtime);
            // A limit that lies beyond the end of time is none.
            let Some(mut deadline) = start.checked_add(limit) else {
                return inner.await;
            };
            loop {
                // What is already there counts, however late it was looked at.
                if let Ok(outcome) = tokio::time::timeout_at(deadline, &mut inner).await {
                    return outcome;
                }
                let alive = start.max(task.heart.last()).checked_add(limit);
                let Some(alive) = alive.filter(|alive| idle && *alive > deadline) else {
                    return Err(NodeTimeoutError {
                        node: task.node.to_string(),
                        limit,
                        idle,
                    }
                    .into());
                };
                deadline = alive;
            }
        }
        .boxed()
    }

    fn describe(&self) -> String {
        let kind = if self.idle { "idle" } else { "whole" };
        format!("timeout: {kind} {:?}", self.limit)
    }
}

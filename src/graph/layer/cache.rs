//! [`Cache`]: a node that was run for the same input not long ago is not run again.

use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use twox_hash::XxHash3_128;

use super::memory_cache::MemoryCache;
use super::{Layer, Next};
use crate::graph::node_error::NodeError;
use crate::graph::output::NodeOutput;
use crate::graph::runtime::Runtime;
use crate::graph::state::State;

/// What an output is remembered under: the node's name and what stands for its input.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub struct CacheKey {
    /// The node.
    pub node: String,
    /// What stands for the input.
    pub input: String,
}

/// Where outputs of nodes are remembered.
///
/// A cache that cannot be reached answers as if it were empty: it is never a reason for a run to fail.
pub trait NodeCache: Send + Sync + 'static {
    /// What is remembered under `key` and has not expired.
    fn get<'a>(&'a self, key: &'a CacheKey) -> BoxFuture<'a, Option<NodeOutput>>;

    /// Remembers `output` for `ttl`.
    fn put(&self, key: CacheKey, output: NodeOutput, ttl: Duration) -> BoxFuture<'_, ()>;
}

type KeyFn = dyn Fn(&State) -> String + Send + Sync;

/// Remembers what a node returned: for the same input it is not run again until the time is up.
///
/// The whole input counts unless [`key`](Self::key) says what does. What a node fails with is not
/// remembered, and neither is what it returned after it, or a subgraph of its, had asked a question: that follows
/// from the answer as well. What the node put into a store or streamed does not happen again on a hit.
///
/// ```
/// use std::time::Duration;
/// use stepwell::graph::{Cache, Node, State};
/// # async fn embed(_: State) {}
/// let node = Node::new(embed)
///     .layer(Cache::new(Duration::from_secs(600)).key(|state| state["text"].to_string()));
/// ```
#[derive(Clone)]
pub struct Cache {
    ttl: Duration,
    key: Option<Arc<KeyFn>>,
    store: Arc<dyn NodeCache>,
}

impl Cache {
    /// Remembers outputs for `ttl`, in a [`MemoryCache`] of its own with room for 1024 of them.
    pub fn new(ttl: Duration) -> Self {
        Self {
            ttl,
            key: None,
            store: Arc::new(MemoryCache::new(1024)),
        }
    }

    /// Remembers them in `store`, which several nodes and graphs can share. Nodes of the same name share
    /// what is remembered.
    #[must_use]
    pub fn store(mut self, store: impl NodeCache) -> Self {
        self.store = Arc::new(store);
        self
    }

    /// What of the input counts: states with equal keys get the same output.
    #[must_use]
    pub fn key<F>(mut self, key: F) -> Self
    where
        F: Fn(&State) -> String + Send + Sync + 'static,
    {
        self.key = Some(Arc::new(key));
        self
    }

    fn key_of(&self, state: &State, node: &str) -> CacheKey {
        let input = match &self.key {
            Some(key) => key(state),
            None => {
                let text = state.to_value().to_string();
                format!("{:032x}", XxHash3_128::oneshot(text.as_bytes()))
            }
        };
        CacheKey {
            node: node.to_owned(),
            input,
        }
    }
}

impl Layer for Cache {
    fn call(
        &self,
        state: State,
        runtime: Runtime,
        next: Next,
    ) -> BoxFuture<'static, Result<NodeOutput, NodeError>> {
        let cache = self.clone();
        async move {
            let key = cache.key_of(&state, runtime.node());
            if let Some(output) = cache.store.get(&key).await {
                tracing::debug!(
                    node = key.node,
                    "the node's output was taken from its cache"
                );
                return Ok(output);
            }
            let task = Arc::clone(&runtime.task);
            let before = task.scratchpad.mark();
            let output = next.call(state, runtime).await?;
            if !task.scratchpad.has_digressed_since(before) {
                cache.store.put(key, output.clone(), cache.ttl).await;
            }
            Ok(output)
        }
        .boxed()
    }

    fn describe(&self) -> String {
        format!("cache: for {:?}", self.ttl)
    }
}

impl std::fmt::Debug for Cache {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cache")
            .field("ttl", &self.ttl)
            .finish_non_exhaustive()
    }
}

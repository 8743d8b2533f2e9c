//! [`Layer`]: what goes around the run of a node, and how layers are stacked.
//!
//! Must never know what any one layer does.

mod cache;
mod memory_cache;
mod retry;
mod timeout;

use std::sync::{Arc, OnceLock};

use futures::future::BoxFuture;

pub use cache::{Cache, CacheKey, NodeCache};
pub use memory_cache::MemoryCache;
pub use retry::RetryPolicy;
pub use timeout::{NodeTimeoutError, Timeout};

use crate::graph::node::Work;
use crate::graph::node_error::NodeError;
use crate::graph::output::NodeOutput;
use crate::graph::run::scratchpad::Mark;
use crate::graph::runtime::Runtime;
use crate::graph::state::State;
use crate::store::{Draft, DraftMark};

/// Something around the run of a node: it decides whether, how often and for how long the node runs,
/// and sees what goes in and comes out.
///
/// Each layer goes around those that the node already has: the last one that is added is the outermost.
/// So `Node::new(f).layer(Timeout::after(limit)).layer(RetryPolicy::attempts(3))` limits each attempt, and
/// the other order limits all attempts together.
///
/// An async function of the state, the runtime and what is inside is a layer:
///
/// ```
/// use stepwell::graph::{Next, Node, Runtime, State};
///
/// async fn logged(state: State, runtime: Runtime, next: Next)
///     -> Result<stepwell::graph::NodeOutput, stepwell::graph::NodeError>
/// {
///     let node = runtime.node().to_owned();
///     let outcome = next.call(state, runtime).await;
///     println!("{node} has {}", if outcome.is_ok() { "finished" } else { "stopped" });
///     outcome
/// }
/// # async fn fetch(_: State) {}
/// let node = Node::new(fetch).layer(logged);
/// ```
///
/// A layer hands on what is not its business. In particular an error for which
/// [`NodeError::is_failure`] is false is no failure but a question, a command for the graph around this
/// one, or a run that is being stopped: whoever swallows it loses that.
pub trait Layer: Send + Sync + 'static {
    /// Runs the node for `state`, by way of `next`.
    ///
    /// # Errors
    /// What `next` returns, or the layer's own failure; it counts as the node's.
    fn call(
        &self,
        state: State,
        runtime: Runtime,
        next: Next,
    ) -> BoxFuture<'static, Result<NodeOutput, NodeError>>;

    /// What the layer is, for the `Debug` output of its node.
    fn describe(&self) -> String {
        std::any::type_name::<Self>().to_owned()
    }
}

impl<F, Fut> Layer for F
where
    F: Fn(State, Runtime, Next) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<NodeOutput, NodeError>> + Send + 'static,
{
    fn call(
        &self,
        state: State,
        runtime: Runtime,
        next: Next,
    ) -> BoxFuture<'static, Result<NodeOutput, NodeError>> {
        Box::pin(self(state, runtime, next))
    }
}

/// A node's layers, innermost first.
pub(super) type Layers = Vec<Arc<dyn Layer>>;

/// What is inside a layer: the node and the layers closer to it.
///
/// It may be called several times, one call after the other. Each call counts the node's questions and
/// subgraphs from where the first one began to count them, so that a question that is asked again is
/// recognised.
#[derive(Clone)]
pub struct Next {
    work: Arc<Work>,
    layers: Arc<Layers>,
    /// How many of the layers are inside.
    depth: usize,
    start: Arc<OnceLock<Start>>,
}

/// How far a task had got when what is inside a layer was called first.
struct Start {
    scratchpad: Mark,
    draft: Option<DraftMark>,
}

impl Next {
    /// The whole of a node.
    pub(super) fn outermost(work: &Arc<Work>, layers: &Arc<Layers>) -> Self {
        Self {
            work: Arc::clone(work),
            layers: Arc::clone(layers),
            depth: layers.len(),
            start: Arc::default(),
        }
    }

    /// Runs the node for `state`.
    pub fn call(
        &self,
        state: State,
        runtime: Runtime,
    ) -> BoxFuture<'static, Result<NodeOutput, NodeError>> {
        let task = Arc::clone(&runtime.task);
        let start = self.start.get_or_init(|| Start {
            scratchpad: task.scratchpad.mark(),
            draft: task.draft.as_deref().map(Draft::mark),
        });
        task.scratchpad.rewind(start.scratchpad);
        let mark = start.draft.clone();
        let rewind = move || {
            if let (Some(draft), Some(mark)) = (&task.draft, &mark) {
                draft.rewind(mark);
            }
        };
        rewind();
        let work = match self.layer() {
            Some((layer, next)) => layer.call(state, runtime, next),
            None => self.work.call(state, runtime),
        };
        if start.draft.is_none() {
            return work;
        }
        Box::pin(async move {
            let outcome = work.await;
            // Also if a layer mends the failure: what failed leaves no trace in the store.
            if outcome.as_ref().is_err_and(NodeError::is_failure) {
                rewind();
            }
            outcome
        })
    }

    /// The outermost layer inside, and what is inside of that.
    fn layer(&self) -> Option<(&Arc<dyn Layer>, Self)> {
        let depth = self.depth.checked_sub(1)?;
        let next = Self {
            work: Arc::clone(&self.work),
            layers: Arc::clone(&self.layers),
            depth,
            start: Arc::default(),
        };
        Some((self.layers.get(depth)?, next))
    }
}

impl std::fmt::Debug for Next {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Next")
            .field("layers_inside", &self.depth)
            .finish_non_exhaustive()
    }
}

//! [`Node`]: a function that a graph runs, with how it is run.

use std::sync::Arc;

use futures::future::BoxFuture;

use super::compiled::CompiledGraph;
use super::layer::{Layer, Layers, RetryPolicy};
use super::node_error::NodeError;
use super::output::{IntoNodeOutput, NodeOutput};
use super::runtime::Runtime;
use super::state::State;

type NodeFn =
    dyn Fn(State, Runtime) -> BoxFuture<'static, Result<NodeOutput, NodeError>> + Send + Sync;

#[derive(Clone)]
pub(super) enum Work {
    Function(Arc<NodeFn>),
    Subgraph(CompiledGraph),
}

impl Work {
    /// Runs the node itself, without its layers.
    pub(super) fn call(
        &self,
        state: State,
        runtime: Runtime,
    ) -> BoxFuture<'static, Result<NodeOutput, NodeError>> {
        match self {
            Self::Function(function) => function(state, runtime),
            Self::Subgraph(graph) => {
                let output = graph.run_nested(state.to_value(), runtime.task);
                Box::pin(async move { output.await.map(NodeOutput::Update) })
            }
        }
    }
}

/// A node: an async function or a subgraph, and how it is run.
///
/// ```
/// use std::time::Duration;
/// use stepwell::graph::{Node, RetryPolicy, State};
/// async fn fetch(_: State) {}
/// let node = Node::new(fetch).retry(RetryPolicy::attempts(3).delay(Duration::from_millis(100)));
/// ```
#[derive(Clone)]
pub struct Node {
    pub(super) work: Work,
    pub(super) deferred: bool,
    pub(super) layers: Layers,
}

impl Node {
    /// A node that runs `function`, or a subgraph.
    pub fn new<M>(function: impl IntoNode<M>) -> Self {
        function.into_node()
    }

    /// Starts the node only when no other node is left to run.
    #[must_use]
    pub fn deferred(mut self) -> Self {
        self.deferred = true;
        self
    }

    /// Puts `layer` around the node and the layers that it has: the last one is the outermost.
    #[must_use]
    pub fn layer(mut self, layer: impl Layer) -> Self {
        self.layers.push(Arc::new(layer));
        self
    }

    /// Tries the node again when it fails: [`layer`](Self::layer) with this policy.
    #[must_use]
    pub fn retry(self, policy: RetryPolicy) -> Self {
        self.layer(policy)
    }

    fn of(work: Work) -> Self {
        Self {
            work,
            deferred: false,
            layers: Layers::new(),
        }
    }
}

impl std::fmt::Debug for Node {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Node")
            .field("subgraph", &matches!(self.work, Work::Subgraph(_)))
            .field("deferred", &self.deferred)
            .field("layers", &describe(&self.layers))
            .finish()
    }
}

pub(super) fn describe(layers: &Layers) -> Vec<String> {
    layers.iter().map(|layer| layer.describe()).collect()
}

/// Whatever can be a node: an async function of the [`State`], or of the state and the [`Runtime`],
/// that returns anything that is [`IntoNodeOutput`]; a [`Node`]; a [`CompiledGraph`].
///
/// `M` tells the kinds apart and is always inferred.
pub trait IntoNode<M> {
    /// The node.
    fn into_node(self) -> Node;
}

impl IntoNode<()> for Node {
    fn into_node(self) -> Node {
        self
    }
}

impl IntoNode<()> for CompiledGraph {
    fn into_node(self) -> Node {
        Node::of(Work::Subgraph(self))
    }
}

impl<F, Fut, R> IntoNode<(State,)> for F
where
    F: Fn(State) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = R> + Send + 'static,
    R: IntoNodeOutput,
{
    fn into_node(self) -> Node {
        Node::of(Work::Function(Arc::new(move |state, _| {
            let work = self(state);
            Box::pin(async move { work.await.into_node_output() })
        })))
    }
}

impl<F, Fut, R> IntoNode<(State, Runtime)> for F
where
    F: Fn(State, Runtime) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = R> + Send + 'static,
    R: IntoNodeOutput,
{
    fn into_node(self) -> Node {
        Node::of(Work::Function(Arc::new(move |state, runtime| {
            let work = self(state, runtime);
            Box::pin(async move { work.await.into_node_output() })
        })))
    }
}

//! [`Node`]: a function that a graph runs, with how it is run.

use std::sync::Arc;

use futures::future::BoxFuture;

use crate::graph::compiled::CompiledGraph;
use crate::graph::layer::{Layer, Layers, RetryPolicy};
use crate::graph::node_error::NodeError;
use crate::graph::output::{IntoNodeOutput, NodeOutput};
use crate::graph::runtime::Runtime;
use crate::graph::state::State;
use crate::graph::typed::{FromState, Update};

type NodeFn =
    dyn Fn(State, Runtime) -> BoxFuture<'static, Result<NodeOutput, NodeError>> + Send + Sync;

#[derive(Clone)]
pub(super) enum Work {
    Function(Arc<NodeFn>),
    Subgraph(CompiledGraph),
    /// A subgraph whose state is another.
    Mapped(Arc<Mapped>),
}

/// A subgraph and how its state follows from that of the graph around it, and the other way round.
pub(super) struct Mapped {
    pub(super) graph: CompiledGraph,
    pub(super) into: Box<dyn Fn(State) -> Result<Update, NodeError> + Send + Sync>,
    pub(super) out_of: Box<dyn Fn(State) -> Result<NodeOutput, NodeError> + Send + Sync>,
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
            Self::Mapped(mapped) => {
                let mapped = Arc::clone(mapped);
                Box::pin(async move {
                    let Update { values, locals } = (mapped.into)(state.clone())?;
                    state.locals.adopt(&locals);
                    let output = mapped.graph.run_nested(values, runtime.task).await?;
                    (mapped.out_of)(State::of_argument(output, &state.locals))
                })
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
    pub fn new<M: NodeOf<State>>(function: impl IntoNode<M>) -> Self {
        function.into_node()
    }

    /// A node that runs `function`, which may be a function of any state: of a graph's, of a part of it
    /// (a struct with some of its fields), or of what is [sent](crate::graph::Send) to it.
    pub fn typed<M>(function: impl IntoNode<M>) -> Self {
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

    pub(super) fn of(work: Work) -> Self {
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
            .field("subgraph", &!matches!(self.work, Work::Function(_)))
            .field("deferred", &self.deferred)
            .field("layers", &describe(&self.layers))
            .finish()
    }
}

pub(super) fn describe(layers: &Layers) -> Vec<String> {
    layers.iter().map(|layer| layer.describe()).collect()
}

/// Whatever can be a node: an async function of the state, or of the state and the [`Runtime`],
/// that returns anything that is [`IntoNodeOutput`]; a [`Node`]; a compiled graph.
///
/// `M` tells the kinds apart and is always inferred.
#[diagnostic::on_unimplemented(
    message = "this cannot be a node",
    note = "a node is an `async fn(S) -> R` or `async fn(S, Runtime) -> R`, where `S` is the graph's state",
    note = "`R` is its update type, `Command`, `()`, or an Option, Vec or Result of these; `E` of a Result is any \
            `std::error::Error` or `NodeError`",
    note = "a closure needs the type of its argument: `|state: S| async move {{ .. }}`"
)]
pub trait IntoNode<M> {
    /// The node.
    fn into_node(self) -> Node;
}

/// Tells whether a node can be one of a graph with the state `S`. `Self` is the mark of the node's kind.
#[diagnostic::on_unimplemented(
    message = "this node is not for a graph whose state is `{S}`",
    note = "its first argument has to be a `{S}`; for a node that sees another state, use `Node::typed(function)`"
)]
pub trait NodeOf<S> {}

impl<S> NodeOf<S> for () {}
impl<S> NodeOf<S> for (S,) {}
impl<S> NodeOf<S> for (S, Runtime) {}

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

impl<F, Fut, R, S> IntoNode<(S,)> for F
where
    F: Fn(S) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = R> + Send + 'static,
    R: IntoNodeOutput<S>,
    S: FromState,
{
    fn into_node(self) -> Node {
        Node::of(Work::Function(Arc::new(move |state, _| {
            let work = S::from_state(state).map(&self);
            Box::pin(async move { work?.await.into_node_output() })
        })))
    }
}

impl<F, Fut, R, S> IntoNode<(S, Runtime)> for F
where
    F: Fn(S, Runtime) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = R> + Send + 'static,
    R: IntoNodeOutput<S>,
    S: FromState,
{
    fn into_node(self) -> Node {
        Node::of(Work::Function(Arc::new(move |state, runtime| {
            let work = S::from_state(state).map(|state| self(state, runtime));
            Box::pin(async move { work?.await.into_node_output() })
        })))
    }
}

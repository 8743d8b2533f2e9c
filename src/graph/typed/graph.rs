//! [`TypedGraph`]: a compiled graph whose state is a struct.

use std::marker::PhantomData;
use std::sync::Arc;

use super::output::{TypedHistory, TypedOutput, TypedSnapshot};
use super::{FromState, GraphState, TypedInput, Update, support};
use crate::graph::compiled::CompiledGraph;
use crate::graph::config::Config;
use crate::graph::error::GraphError;
use crate::graph::input::Input;
use crate::graph::node::{IntoNode, Mapped, Node, Work};
use crate::graph::node_error::NodeError;
use crate::graph::output::IntoNodeOutput;
use crate::graph::run;
use crate::graph::runtime::Runtime;
use crate::graph::state::State;
use crate::graph::stream::{RunStream, StreamOptions};
use crate::graph::thread::history::HistoryQuery;

/// A compiled graph whose state is an `S`. Cloning it is cheap.
///
/// It derefs to the [`CompiledGraph`] that it is, whose methods work on JSON; those that deal in
/// the state are here once more with its types.
///
/// ```
/// use serde::{Deserialize, Serialize};
/// use stepwell::checkpoint::MemorySaver;
/// use stepwell::graph::{Config, END, Message, START, State, StateGraph};
///
/// #[derive(State, Clone, Serialize, Deserialize)]
/// struct Chat {
///     #[state(messages)]
///     messages: Vec<Message>,
/// }
///
/// async fn respond(chat: Chat) -> ChatUpdate {
///     let heard = chat.messages.len();
///     ChatUpdate::new().messages([Message::assistant(format!("{heard} so far"))])
/// }
///
/// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
/// let graph = StateGraph::typed::<Chat>()
///     .add_node("respond", respond)
///     .add_edge(START, "respond")
///     .add_edge("respond", END)
///     .with_checkpointer(MemorySaver::new())
///     .compile()?;
///
/// let thread = Config::thread("user-alice");
/// let hello = ChatUpdate::new().messages([Message::user("hello")]);
/// let out = graph.invoke(hello, &thread).await?;
/// assert_eq!(out.state.messages[1].text(), "1 so far");
/// # Ok::<(), stepwell::graph::GraphError>(())
/// # }).unwrap();
/// ```
pub struct TypedGraph<S> {
    graph: CompiledGraph,
    of: PhantomData<fn() -> S>,
}

impl<S: GraphState> TypedGraph<S> {
    pub(in crate::graph) fn new(graph: CompiledGraph) -> Self {
        Self {
            graph,
            of: PhantomData,
        }
    }

    /// Runs the graph until it ends or stops to ask: on an update of the state as new input, on a
    /// [`Command`](crate::graph::Command), or on [`Input::Continue`]. See [`CompiledGraph::invoke`].
    ///
    /// # Errors
    /// See [`GraphError`]. [`GraphError::InvalidState`] if the run left a state that is no `S`: a field
    /// was not written and has no default; the run itself is done and saved then.
    pub async fn invoke(
        &self,
        input: impl Into<TypedInput<S>>,
        config: &Config,
    ) -> Result<TypedOutput<S>, GraphError> {
        let (input, config) = input.into().with_config(config);
        let (state, interrupts) = run::root_state(&self.graph, input, config).await?;
        Ok(TypedOutput {
            state: S::from_state(state)?,
            interrupts,
        })
    }

    /// Runs the graph and tells what happens. See [`CompiledGraph::stream`]; events and output are JSON.
    pub fn stream(
        &self,
        input: impl Into<TypedInput<S>>,
        config: &Config,
        options: StreamOptions,
    ) -> RunStream {
        let (input, config) = input.into().with_config(config);
        self.graph.stream(input, &config, options)
    }

    /// Runs again what came after the checkpoint that `config` addresses. See
    /// [`CompiledGraph::replay`].
    ///
    /// # Errors
    /// Those of [`CompiledGraph::replay`] and [`invoke`](Self::invoke).
    pub async fn replay(&self, config: &Config) -> Result<TypedOutput<S>, GraphError> {
        self.invoke(Input::Continue, config).await
    }

    /// The state of the thread, or of the checkpoint that `config` addresses. See
    /// [`CompiledGraph::get_state`].
    ///
    /// # Errors
    /// Those of [`CompiledGraph::get_state`].
    pub async fn get_state(&self, config: &Config) -> Result<TypedSnapshot<S>, GraphError> {
        self.graph.get_state(config).await.map(TypedSnapshot::from)
    }

    /// The checkpoints of the thread, newest first. See [`CompiledGraph::get_state_history`].
    pub fn get_state_history(&self, config: &Config, query: HistoryQuery) -> TypedHistory<S> {
        TypedHistory::new(self.graph.get_state_history(config, query))
    }

    /// Writes a checkpoint as if `as_node` had returned `update`. See
    /// [`CompiledGraph::update_state`], whose null is an update that writes nothing.
    ///
    /// # Errors
    /// Those of [`CompiledGraph::update_state`].
    pub async fn update_state(
        &self,
        config: &Config,
        update: S::Update,
        as_node: Option<&str>,
    ) -> Result<Config, GraphError> {
        let update = support::value_or_null(update);
        self.graph.update_state(config, update, as_node).await
    }

    /// Runs the graph as a subgraph inside a node. See [`Runtime::call`].
    ///
    /// # Errors
    /// Those of [`Runtime::call`], and that the subgraph left a state that is no `S`.
    pub async fn call(&self, runtime: &Runtime, input: S::Update) -> Result<S, NodeError> {
        let Update { values, locals } = input.into();
        let own = &runtime.task.scope.config.locals;
        own.adopt(&locals);
        let output = runtime.call(&self.graph, values).await?;
        Ok(S::from_state(State::of_argument(output, own))?)
    }

    /// Runs the graph as a subgraph inside a node, in a namespace of its own for each `key`. See
    /// [`Runtime::call_keyed`].
    ///
    /// # Errors
    /// Those of [`Runtime::call_keyed`], and that the subgraph left a state that is no `S`.
    pub async fn call_keyed(
        &self,
        key: &str,
        runtime: &Runtime,
        input: S::Update,
    ) -> Result<S, NodeError> {
        let Update { values, locals } = input.into();
        let own = &runtime.task.scope.config.locals;
        own.adopt(&locals);
        let output = runtime.call_keyed(key, &self.graph, values).await?;
        Ok(S::from_state(State::of_argument(output, own))?)
    }

    /// The graph as a node of a graph with another state, `P`: `into` makes this graph's input from that
    /// state, and `out_of` an update of it from the state that this graph ends in.
    ///
    /// A subgraph whose fields have the names of the outer graph's needs no functions: the graph itself can
    /// be added as a node.
    ///
    /// ```
    /// # use serde::{Deserialize, Serialize};
    /// # use stepwell::graph::{START, State, StateGraph, TypedGraph};
    /// #[derive(State, Clone, Serialize, Deserialize)]
    /// struct Research {
    ///     question: String,
    ///     #[state(append)]
    ///     sources: Vec<String>,
    /// }
    /// #[derive(State, Clone, Serialize, Deserialize)]
    /// struct Report {
    ///     topic: String,
    ///     #[state(append)]
    ///     citations: Vec<String>,
    /// }
    /// # fn build(research: TypedGraph<Research>) {
    /// let report = StateGraph::typed::<Report>().add_node(
    ///     "research",
    ///     research.into_node_of(
    ///         |report: Report| ResearchUpdate::new().question(report.topic),
    ///         |research| ReportUpdate::new().citations(research.sources),
    ///     ),
    /// );
    /// # }
    /// ```
    pub fn into_node_of<P, I, O, R>(self, into: I, out_of: O) -> SubgraphOf<P>
    where
        P: FromState,
        I: Fn(P) -> S::Update + Send + Sync + 'static,
        O: Fn(S) -> R + Send + Sync + 'static,
        R: IntoNodeOutput<P>,
    {
        let mapped = Mapped {
            graph: self.graph,
            into: Box::new(move |state| Ok(into(P::from_state(state)?).into())),
            out_of: Box::new(move |state| out_of(S::from_state(state)?).into_node_output()),
        };
        SubgraphOf {
            node: Node::of(Work::Mapped(Arc::new(mapped))),
            of: PhantomData,
        }
    }
}

impl<S> Clone for TypedGraph<S> {
    fn clone(&self) -> Self {
        Self {
            graph: self.graph.clone(),
            of: PhantomData,
        }
    }
}

impl<S> std::ops::Deref for TypedGraph<S> {
    type Target = CompiledGraph;

    fn deref(&self) -> &CompiledGraph {
        &self.graph
    }
}

impl<S> From<TypedGraph<S>> for CompiledGraph {
    fn from(typed: TypedGraph<S>) -> Self {
        typed.graph
    }
}

impl<S> std::fmt::Debug for TypedGraph<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.graph.fmt(f)
    }
}

impl<S> IntoNode<()> for TypedGraph<S> {
    fn into_node(self) -> Node {
        self.graph.into_node()
    }
}

/// A subgraph with a state of its own, as a node of a graph with the state `P`:
/// [`TypedGraph::into_node_of`].
#[derive(Debug)]
pub struct SubgraphOf<P> {
    node: Node,
    of: PhantomData<fn(P)>,
}

impl<P> IntoNode<(P,)> for SubgraphOf<P> {
    fn into_node(self) -> Node {
        self.node
    }
}

//! [`StateGraph`]: a graph under construction.

mod check;

use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::sync::Arc;

use crate::checkpoint::CheckpointIds;
use crate::graph::branch::{Branch, IntoRouter};
use crate::graph::channels::channel::{Channel, Kind};
use crate::graph::checkpointer_mode::CheckpointerMode;
use crate::graph::compiled::{CompiledGraph, CompiledNode, Drawn, Inner};
use crate::graph::config::Breakpoints;
use crate::graph::error::GraphError;
use crate::graph::names::{self, END, Name, START, TASKS};
use crate::graph::node::{IntoNode, Node, NodeOf};
use crate::graph::state::State;
use crate::graph::store_writes::StoreWrites;
use crate::graph::typed::{GraphState, TypedGraph};
use crate::store::Store;

/// A graph under construction: its channels, its nodes, and the edges between them.
///
/// The methods take and return the graph, to be chained; what is wrong with it is reported by
/// `compile`.
///
/// [`StateGraph::new`] makes one whose channels are added by name and whose nodes see the dynamic
/// [`State`](struct@State); [`StateGraph::typed`] makes one for a struct that derives
/// [`State`](derive@crate::graph::State).
pub struct StateGraph<S = State> {
    channels: Vec<(String, Channel)>,
    nodes: Vec<(String, Node)>,
    edges: Vec<(String, String)>,
    joins: Vec<(Vec<String>, String)>,
    branches: Vec<(String, Branch)>,
    handlers: Vec<(String, Node)>,
    input: Option<Vec<String>>,
    output: Option<Vec<String>>,
    interrupt_before: Breakpoints,
    interrupt_after: Breakpoints,
    checkpointer: CheckpointerMode,
    store: Option<Arc<dyn Store>>,
    seen_as: PhantomData<fn(S)>,
    store_writes: StoreWrites,
}

impl StateGraph {
    /// A graph without channels and nodes.
    pub fn new() -> Self {
        Self::empty()
    }

    /// A graph whose channels are the fields of `S`, and whose nodes are functions of an `S`.
    pub fn typed<S: GraphState>() -> StateGraph<S> {
        let mut graph = StateGraph::empty();
        graph.channels = S::channels();
        graph
    }

    /// Checks the graph and makes it ready to run.
    ///
    /// # Errors
    /// [`GraphError::InvalidGraph`], which names what is wrong: an edge, join, branch, breakpoint or
    /// list of channels that names something that does not exist, a name that is taken or
    /// reserved, or a graph in which no edge leaves [`START`].
    pub fn compile(self) -> Result<CompiledGraph, GraphError> {
        self.build()
    }
}

impl Default for StateGraph {
    fn default() -> Self {
        Self::new()
    }
}

impl<S: GraphState> StateGraph<S> {
    /// Checks the graph and makes it ready to run.
    ///
    /// # Errors
    /// [`GraphError::InvalidGraph`], which names what is wrong: an edge, join, branch, breakpoint or
    /// list of channels that names something that does not exist, a name that is taken or
    /// reserved, or a graph in which no edge leaves [`START`].
    pub fn compile(self) -> Result<TypedGraph<S>, GraphError> {
        self.build().map(TypedGraph::new)
    }
}

impl<S> StateGraph<S> {
    fn empty() -> Self {
        Self {
            channels: Vec::new(),
            nodes: Vec::new(),
            edges: Vec::new(),
            joins: Vec::new(),
            branches: Vec::new(),
            handlers: Vec::new(),
            input: None,
            output: None,
            interrupt_before: Breakpoints::None,
            interrupt_after: Breakpoints::None,
            checkpointer: CheckpointerMode::Inherit,
            store: None,
            store_writes: StoreWrites::Immediate,
            seen_as: PhantomData,
        }
    }

    /// Adds a key of the state.
    #[must_use]
    pub fn add_channel(mut self, name: impl Into<String>, channel: Channel) -> Self {
        self.channels.push((name.into(), channel));
        self
    }

    /// Adds a node: an async function, a [`Node`], or a compiled graph as a subgraph.
    #[must_use]
    pub fn add_node<M: NodeOf<S>>(
        mut self,
        name: impl Into<String>,
        node: impl IntoNode<M>,
    ) -> Self {
        self.nodes.push((name.into(), node.into_node()));
        self
    }

    /// Runs `to` in the super-step after `from`. `from` may be [`START`], `to` may be [`END`].
    #[must_use]
    pub fn add_edge(mut self, from: impl Into<String>, to: impl Into<String>) -> Self {
        self.edges.push((from.into(), to.into()));
        self
    }

    /// Runs `to` once all of `from` have run since it last did.
    #[must_use]
    pub fn add_join<I, N>(mut self, from: I, to: impl Into<String>) -> Self
    where
        I: IntoIterator<Item = N>,
        N: Into<String>,
    {
        let from = from.into_iter().map(Into::into).collect();
        self.joins.push((from, to.into()));
        self
    }

    /// Runs after `from` what `router` says of the state: of the channels with this node's own
    /// writes applied. What it names and is no node of the graph is ignored, with a warning in the log.
    #[must_use]
    pub fn add_conditional_edges<M: NodeOf<S>>(
        mut self,
        from: impl Into<String>,
        router: impl IntoRouter<M>,
    ) -> Self {
        self.branches.push((from.into(), router.into_router()));
        self
    }

    /// [`add_conditional_edges`](Self::add_conditional_edges) that lead to `targets` only ([`END`] may be
    /// among them): they can be drawn, and a router that chooses anything else has failed.
    #[must_use]
    pub fn add_conditional_edges_to<M, I, N>(
        mut self,
        from: impl Into<String>,
        router: impl IntoRouter<M>,
        targets: I,
    ) -> Self
    where
        I: IntoIterator<Item = N>,
        N: Into<String>,
    {
        let targets = targets.into_iter().map(Into::into).collect();
        let branch = router.into_router().to(targets);
        self.branches.push((from.into(), branch));
        self
    }

    /// Runs `handler` when `node` fails, after its retries, in the same super-step and on the same input.
    ///
    /// The failure is durable before the handler starts, and a thread that is cut off in between goes
    /// straight to the handler when it is continued. The handler reads the failure from
    /// [`Runtime::node_error`](crate::graph::Runtime::node_error). What it returns counts as what `node` returned,
    /// so that `node`'s edges are followed, unless it is a [`Command`](crate::graph::Command) that says where
    /// to go instead ([`END`] included). If it fails, the run does.
    ///
    /// ```
    /// use serde_json::json;
    /// use stepwell::graph::{Channel, Command, Config, END, NodeError, Runtime, START, State, StateGraph};
    /// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
    /// async fn charge(_: State) -> Result<(), NodeError> {
    ///     Err(NodeError::msg("the card was refused"))
    /// }
    /// let graph = StateGraph::new()
    ///     .add_channel("status", Channel::last())
    ///     .add_node("charge", charge)
    ///     .add_error_handler("charge", |_: State, rt: Runtime| async move {
    ///         let why = rt.node_error().map(|failed| failed.error.message.clone());
    ///         Command::new().update(json!({"status": why})).goto(END)
    ///     })
    ///     .add_edge(START, "charge")
    ///     .compile()?;
    /// let out = graph.invoke(json!({}), &Config::new()).await?;
    /// assert_eq!(out["status"], "the card was refused");
    /// # Ok::<(), stepwell::graph::GraphError>(())
    /// # }).unwrap();
    /// ```
    #[must_use]
    pub fn add_error_handler<M>(
        mut self,
        node: impl Into<String>,
        handler: impl IntoNode<M>,
    ) -> Self {
        self.handlers.push((node.into(), handler.into_node()));
        self
    }

    /// The channels that an input may set; all of them unless set. The update of a
    /// [`Command`](crate::graph::Command) may set any.
    #[must_use]
    pub fn with_input<N: Into<String>>(mut self, channels: impl IntoIterator<Item = N>) -> Self {
        self.input = Some(channels.into_iter().map(Into::into).collect());
        self
    }

    /// The channels that a run returns; all of them unless set.
    #[must_use]
    pub fn with_output<N: Into<String>>(mut self, channels: impl IntoIterator<Item = N>) -> Self {
        self.output = Some(channels.into_iter().map(Into::into).collect());
        self
    }

    /// Stops every run before any of these nodes.
    #[must_use]
    pub fn interrupt_before(mut self, nodes: impl Into<Breakpoints>) -> Self {
        self.interrupt_before = nodes.into();
        self
    }

    /// Stops every run after any of these nodes.
    #[must_use]
    pub fn interrupt_after(mut self, nodes: impl Into<Breakpoints>) -> Self {
        self.interrupt_after = nodes.into();
        self
    }

    /// Where the graph saves its checkpoints: a checkpointer or, for a subgraph, `true` (a memory of
    /// its own) or `false` (none). See [`CheckpointerMode`].
    #[must_use]
    pub fn with_checkpointer(mut self, checkpointer: impl Into<CheckpointerMode>) -> Self {
        self.checkpointer = checkpointer.into();
        self
    }

    /// The store that nodes reach through their [`Runtime`](crate::graph::Runtime).
    #[must_use]
    pub fn with_store(mut self, store: impl Store) -> Self {
        self.store = Some(Arc::new(store));
        self
    }

    /// When what nodes do to the store takes effect; at once unless set.
    #[must_use]
    pub fn with_store_writes(mut self, when: StoreWrites) -> Self {
        self.store_writes = when;
        self
    }

    fn build(self) -> Result<CompiledGraph, GraphError> {
        self.check()?;
        let state: Vec<Name> = self
            .channels
            .iter()
            .map(|(n, _)| n.as_str().into())
            .collect();
        let input = self
            .input
            .as_deref()
            .map_or_else(|| state.clone(), to_names);
        let output = self
            .output
            .as_deref()
            .map_or_else(|| state.clone(), to_names);
        let mut channels: BTreeMap<Name, Channel> = self
            .channels
            .into_iter()
            .map(|(name, channel)| (name.into(), channel))
            .collect();
        let aliases = (channels.iter())
            .flat_map(|(name, channel)| channel.aliases.iter().map(move |a| (a.clone(), name)))
            .map(|(alias, name)| (alias, Arc::clone(name)))
            .collect();
        channels.insert(START.into(), Kind::Ephemeral.into());
        channels.insert(TASKS.into(), Kind::Topic { accumulate: false }.into());

        let mut nodes = vec![CompiledNode::start()];
        for (name, node) in self.nodes {
            let trigger = names::trigger(&name);
            let kind = if node.deferred {
                Kind::DeferredTrigger
            } else {
                Kind::Trigger
            };
            channels.insert(trigger.clone(), kind.into());
            nodes.push(CompiledNode::new(name.into(), Some(trigger), node));
        }
        let mut graph = Inner {
            nodes,
            channels,
            aliases,
            state,
            input,
            output,
            interrupt_before: self.interrupt_before,
            interrupt_after: self.interrupt_after,
            checkpointer: self.checkpointer,
            store: self.store,
            store_writes: self.store_writes,
            ids: CheckpointIds::new(),
            drawn: Drawn {
                edges: self.edges.clone(),
                joins: self.joins.clone(),
            },
        };
        for (from, to) in self.edges.iter().filter(|(_, to)| to != END) {
            graph.attach_edge(from, names::trigger(to));
        }
        for (from, to) in self.joins.iter().filter(|(_, to)| to != END) {
            graph.attach_join(from, to);
        }
        for (from, branch) in self.branches {
            graph.attach_branch(&from, branch);
        }
        for (node, handler) in self.handlers {
            graph.attach_handler(&node, handler);
        }
        Ok(CompiledGraph::new(graph))
    }
}

fn to_names(names: &[String]) -> Vec<Name> {
    names.iter().map(|name| name.as_str().into()).collect()
}

impl<S> std::fmt::Debug for StateGraph<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StateGraph")
            .field("channels", &self.channels)
            .field("nodes", &self.nodes)
            .field("edges", &self.edges)
            .field("joins", &self.joins)
            .field("branches", &self.branches)
            .field("handlers", &self.handlers)
            .field("checkpointer", &self.checkpointer)
            .finish_non_exhaustive()
    }
}

//! [`CompiledGraph`]: a checked graph, ready to run.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use serde_json::Value;

use crate::checkpoint::{CheckpointIds, Checkpointer};
use crate::graph::branch::Branch;
use crate::graph::channels::channel::{Channel, Kind};
use crate::graph::checkpointer_mode::CheckpointerMode;
use crate::graph::config::{Breakpoints, Config};
use crate::graph::error::GraphError;
use crate::graph::input::{Input, RunOutput};
use crate::graph::layer::Layers;
use crate::graph::names::{self, Name, START};
use crate::graph::node::{Node, Work};
use crate::graph::node_error::NodeError;
use crate::graph::run;
use crate::graph::runtime::TaskContext;
use crate::graph::store_writes::StoreWrites;
use crate::store::Store;

/// A checked graph, ready to run any number of times, also at the same time on different threads.
/// Cloning it is cheap.
#[derive(Clone)]
pub struct CompiledGraph {
    pub(super) inner: Arc<Inner>,
}

pub(super) struct Inner {
    /// The start first, then the nodes as they were added.
    pub(super) nodes: Vec<CompiledNode>,
    pub(super) channels: BTreeMap<Name, Channel>,
    /// The channels' former names.
    pub(super) aliases: BTreeMap<String, Name>,
    /// The channels that make up the state, without those that only trigger nodes.
    pub(super) state: Vec<Name>,
    pub(super) input: Vec<Name>,
    pub(super) output: Vec<Name>,
    pub(super) interrupt_before: Breakpoints,
    pub(super) interrupt_after: Breakpoints,
    pub(super) checkpointer: CheckpointerMode,
    pub(super) store: Option<Arc<dyn Store>>,
    pub(super) store_writes: StoreWrites,
    pub(super) ids: CheckpointIds,
    pub(super) drawn: Drawn,
}

/// Edges and joins as they were added, to be drawn.
pub(super) struct Drawn {
    pub(super) edges: Vec<(String, String)>,
    pub(super) joins: Vec<(Vec<String>, String)>,
}

/// A node with the channels that trigger it and what follows from its running.
pub(super) struct CompiledNode {
    pub(super) name: Name,
    /// Sorted.
    pub(super) triggers: Vec<Name>,
    /// `None` for the start, which only hands the input on.
    pub(super) work: Option<Arc<Work>>,
    pub(super) layers: Arc<Layers>,
    /// What is written whenever it has run: triggers of the next nodes, its name to joins.
    pub(super) edges: Vec<(Name, Value)>,
    pub(super) branches: Vec<Branch>,
    /// The node that handles this one's failures.
    pub(super) on_error: Option<Name>,
}

impl CompiledNode {
    pub(super) fn start() -> Self {
        Self {
            name: START.into(),
            triggers: vec![START.into()],
            work: None,
            layers: Arc::default(),
            edges: Vec::new(),
            branches: Vec::new(),
            on_error: None,
        }
    }

    pub(super) fn new(name: Name, trigger: Option<Name>, node: Node) -> Self {
        Self {
            name,
            triggers: trigger.into_iter().collect(),
            work: Some(Arc::new(node.work)),
            layers: Arc::new(node.layers),
            edges: Vec::new(),
            branches: Vec::new(),
            on_error: None,
        }
    }

    pub(super) fn subgraph(&self) -> Option<&CompiledGraph> {
        match self.work.as_deref() {
            Some(Work::Subgraph(graph)) => Some(graph),
            Some(Work::Mapped(mapped)) => Some(&mapped.graph),
            _ => None,
        }
    }
}

impl Inner {
    pub(super) fn node(&self, name: &str) -> Option<&CompiledNode> {
        self.nodes.iter().find(|node| &*node.name == name)
    }

    fn node_mut(&mut self, name: &str) -> Option<&mut CompiledNode> {
        self.nodes.iter_mut().find(|node| &*node.name == name)
    }

    pub(super) fn attach_edge(&mut self, from: &str, trigger: Name) {
        if let Some(node) = self.node_mut(from) {
            node.edges.push((trigger, Value::Null));
        }
    }

    pub(super) fn attach_join(&mut self, from: &[String], to: &str) {
        let channel = names::join(from, to);
        let deferred = self
            .channels
            .get(&names::trigger(to))
            .is_some_and(|c| matches!(c.kind, Kind::DeferredTrigger));
        let names: BTreeSet<String> = from.iter().cloned().collect();
        for name in &names {
            if let Some(node) = self.node_mut(name) {
                node.edges
                    .push((Arc::clone(&channel), Value::from(name.as_str())));
            }
        }
        if let Some(node) = self.node_mut(to) {
            node.triggers.push(Arc::clone(&channel));
            node.triggers.sort();
        }
        let names = Arc::new(names);
        self.channels
            .insert(channel, Kind::Barrier { names, deferred }.into());
    }

    pub(super) fn attach_handler(&mut self, of: &str, handler: Node) {
        let name = names::error_handler(of);
        if let Some(node) = self.node_mut(of) {
            node.on_error = Some(Arc::clone(&name));
            self.nodes.push(CompiledNode::new(name, None, handler));
        }
    }

    pub(super) fn attach_branch(&mut self, from: &str, branch: Branch) {
        if let Some(node) = self.node_mut(from) {
            node.branches.push(branch);
        }
    }

    /// The name that `channel` goes by now.
    pub(super) fn current_name<'a>(&'a self, channel: &'a str) -> &'a str {
        self.aliases.get(channel).map_or(channel, |name| name)
    }

    /// The channels that can bring a task about.
    pub(super) fn triggers(&self) -> impl Iterator<Item = &str> {
        let triggers = self.nodes.iter().flat_map(|node| &node.triggers);
        triggers.map(|name| &**name).chain([names::TASKS])
    }

    /// Whether a change of `channel` can bring a task about.
    pub(super) fn triggers_any(&self, channel: &str) -> bool {
        channel == names::TASKS
            || self
                .nodes
                .iter()
                .any(|node| node.triggers.iter().any(|t| &**t == channel))
    }

    pub(super) fn is_untracked(&self, channel: &str) -> bool {
        self.channels
            .get(channel)
            .is_some_and(Channel::is_untracked)
    }

    /// Gives the messages in a write to a messages channel ids, so that what is saved and what is
    /// applied has the same ones.
    pub(super) fn ensure_message_ids(&self, channel: &str, write: &mut Value) {
        if let Some(Channel {
            kind: Kind::Reduce(reducer),
            ..
        }) = self.channels.get(channel)
            && reducer.name == "messages"
        {
            crate::graph::channels::messages::ensure_ids(write);
        }
    }

    /// The checkpointer of a run: lent by the graph around this one, or its own.
    pub(super) fn checkpointer(
        &self,
        parent: Option<&TaskContext>,
    ) -> Result<Option<Arc<dyn Checkpointer>>, GraphError> {
        let lent = parent.map(|task| task.scope.checkpointer.clone());
        match (&self.checkpointer, lent) {
            (CheckpointerMode::Disabled, _) | (CheckpointerMode::Inherit, None) => Ok(None),
            (CheckpointerMode::Saver(own), None) => Ok(Some(Arc::clone(own))),
            (CheckpointerMode::PerThread, None) => Err(GraphError::InvalidConfig(
                "with_checkpointer(true) is for subgraphs; \
                 give a graph that runs by itself a checkpointer"
                    .into(),
            )),
            (_, Some(lent)) => Ok(lent),
        }
    }
}

impl CompiledGraph {
    pub(super) fn new(graph: Inner) -> Self {
        Self {
            inner: Arc::new(graph),
        }
    }

    /// Runs the graph until it ends or stops to ask.
    ///
    /// An object as input starts at the entry, on top of what the thread remembers, and drops what
    /// was pending on it. [`Input::Continue`] (or null) goes on where the thread stopped or failed, or
    /// replays from the checkpoint that `config` addresses. A [`Command`](crate::graph::Command) answers an
    /// interrupt.
    ///
    /// # Errors
    /// See [`GraphError`]. After any of them the thread can be run again.
    pub async fn invoke(
        &self,
        input: impl Into<Input>,
        config: &Config,
    ) -> Result<RunOutput, GraphError> {
        run::root(self, input.into(), config.clone(), None).await
    }

    /// Runs again what came after the checkpoint that `config` addresses (a
    /// [`StateSnapshot::config`](crate::graph::StateSnapshot::config)), on a new branch of the thread's history. It is
    /// [`invoke`](Self::invoke) with [`Input::Continue`].
    ///
    /// # Errors
    /// [`GraphError::UnknownCheckpoint`], and those of [`invoke`](Self::invoke).
    pub async fn replay(&self, config: &Config) -> Result<RunOutput, GraphError> {
        self.invoke(Input::Continue, config).await
    }

    /// Runs the graph as a part of `task`.
    pub(super) fn run_nested(
        &self,
        input: Value,
        task: Arc<TaskContext>,
    ) -> BoxFuture<'static, Result<Value, NodeError>> {
        crate::probe::alive(run::nested(self.clone(), input, task)).boxed()
    }
}

impl std::fmt::Debug for CompiledGraph {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CompiledGraph")
            .field("nodes", &self.inner.nodes)
            .field("edges", &self.inner.drawn.edges)
            .field("joins", &self.inner.drawn.joins)
            .field("channels", &self.inner.state)
            .field("checkpointer", &self.inner.checkpointer)
            .finish_non_exhaustive()
    }
}

impl std::fmt::Debug for CompiledNode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let layers = crate::graph::node::describe(&self.layers);
        let mut shown = f.debug_struct(&self.name);
        if let Some(subgraph) = self.subgraph() {
            shown.field("subgraph", subgraph);
        }
        if !layers.is_empty() {
            shown.field("layers", &layers);
        }
        if !self.branches.is_empty() {
            shown.field("branches", &self.branches);
        }
        if let Some(handler) = &self.on_error {
            shown.field("on_error", handler);
        }
        shown.finish()
    }
}

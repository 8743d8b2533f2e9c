//! [`Config`]: which thread a run belongs to, and how it runs.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::graph::channels::locals::Locals;
use crate::graph::run::limits::Bounds;
use crate::graph::stop_signal::StopSignal;
use crate::graph::thread::unfinished::UnfinishedThread;
use crate::graph::when_busy::WhenBusy;

/// How many super-steps a run may take unless its [`Config`] says otherwise. LangGraph 1.2 has the
/// same default.
pub const DEFAULT_RECURSION_LIMIT: u32 = 10_007;

/// Which thread, and where on it, a run belongs to, and how it runs.
///
/// ```
/// use stepwell::graph::Config;
/// let config = Config::thread("user-alice").with("user_id", "alice").recursion_limit(50);
/// assert_eq!(config.thread_id(), Some("user-alice"));
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Config {
    pub(super) thread_id: Option<String>,
    pub(super) namespace: String,
    pub(super) checkpoint_id: Option<String>,
    /// Where a checkpoint lies within those of the enclosing graphs: ids by namespace.
    pub(super) checkpoint_map: BTreeMap<String, String>,
    pub(super) configurable: Map<String, Value>,
    pub(super) context: Value,
    pub(super) recursion_limit: Option<u32>,
    pub(super) durability: Option<Durability>,
    pub(super) interrupt_before: Breakpoints,
    pub(super) interrupt_after: Breakpoints,
    /// Of the run that has this config: what it keeps and never saves.
    pub(super) locals: Locals,
    pub(super) when_busy: WhenBusy,
    /// Boxed, as most configs have none and snapshots hold several configs.
    pub(super) bounds: Option<Box<Bounds>>,
    /// All that nodes see of the store.
    pub(super) store_scope: Option<Arc<[String]>>,
    /// What the run continues, as it was found, if that was cut off, instead of being what somebody wants now.
    pub(super) recovers: Option<Arc<UnfinishedThread>>,
}

impl Config {
    /// A run that belongs to no thread, for graphs without a checkpointer.
    pub fn new() -> Self {
        Self::default()
    }

    /// A run on the thread `id`.
    pub fn thread(id: impl Into<String>) -> Self {
        Self {
            thread_id: Some(id.into()),
            ..Self::default()
        }
    }

    /// Addresses the checkpoint `id` of the thread, or of the [namespace](Self::in_namespace), instead of its latest.
    #[must_use]
    pub fn at(mut self, id: impl Into<String>) -> Self {
        self.checkpoint_id = Some(id.into());
        self
    }

    /// Addresses a subgraph's namespace instead of the root graph's.
    #[must_use]
    pub fn in_namespace(mut self, namespace: impl Into<String>) -> Self {
        self.namespace = namespace.into();
        self
    }

    /// A value that nodes can read with [`Runtime::configurable`](crate::graph::Runtime::configurable).
    /// It is not saved.
    #[must_use]
    pub fn with(mut self, key: impl Into<String>, value: impl Into<Value>) -> Self {
        self.configurable.insert(key.into(), value.into());
        self
    }

    /// What nodes read with [`Runtime::context`](crate::graph::Runtime::context). It is not saved.
    #[must_use]
    pub fn context(mut self, context: impl Into<Value>) -> Self {
        self.context = context.into();
        self
    }

    /// How many super-steps the run may take, at least 1;
    /// [`DEFAULT_RECURSION_LIMIT`] unless set.
    #[must_use]
    pub fn recursion_limit(mut self, steps: u32) -> Self {
        self.recursion_limit = Some(steps);
        self
    }

    /// When the run's super-steps are saved; [`Durability::Sync`] unless set.
    #[must_use]
    pub fn durability(mut self, durability: Durability) -> Self {
        self.durability = Some(durability);
        self
    }

    /// Stops the run before any of these nodes, in place of what the graph says.
    #[must_use]
    pub fn interrupt_before(mut self, nodes: impl Into<Breakpoints>) -> Self {
        self.interrupt_before = nodes.into();
        self
    }

    /// Stops the run after any of these nodes, in place of what the graph says.
    #[must_use]
    pub fn interrupt_after(mut self, nodes: impl Into<Breakpoints>) -> Self {
        self.interrupt_after = nodes.into();
        self
    }

    /// What the run does when another one is going on on its thread; [`WhenBusy::Fail`] unless set.
    #[must_use]
    pub fn when_busy(mut self, what: WhenBusy) -> Self {
        self.when_busy = what;
        self
    }

    /// How long the run may take. Then its tasks are cancelled and it ends with
    /// [`GraphError::RunTimeout`](crate::graph::GraphError::RunTimeout); what has finished is saved, and
    /// the thread can be continued.
    #[must_use]
    pub fn run_timeout(mut self, limit: Duration) -> Self {
        self.bounds.get_or_insert_default().run_timeout = Some(limit);
        self
    }

    /// How many tasks of the run may be at work at once, those of its subgraphs included; at least 1. A task
    /// that only waits for a subgraph does not count. All at once unless set.
    #[must_use]
    pub fn max_concurrency(mut self, tasks: usize) -> Self {
        self.bounds.get_or_insert_default().max_concurrency = Some(tasks);
        self
    }

    /// Lets `signal` stop the run at a step boundary.
    #[must_use]
    pub fn stop_signal(mut self, signal: &StopSignal) -> Self {
        self.bounds.get_or_insert_default().stop_signal = Some(signal.clone());
        self
    }

    /// Lets nodes see no more of the graph's store than what is in `prefix` or below, as if that were all there is
    /// ([`Scoped`](crate::store::Scoped)). It holds for subgraphs too, and is not saved: who continues a run says it again.
    ///
    /// ```
    /// use stepwell::graph::Config;
    /// let config = Config::thread("t").store_scope(&["tenant-1"]);
    /// # drop(config);
    /// ```
    #[must_use]
    pub fn store_scope(mut self, prefix: &[&str]) -> Self {
        self.store_scope = Some(prefix.iter().map(ToString::to_string).collect());
        self
    }

    /// The thread, if there is one.
    pub fn thread_id(&self) -> Option<&str> {
        self.thread_id.as_deref()
    }

    /// The namespace: `""` for the root graph.
    pub fn checkpoint_ns(&self) -> &str {
        &self.namespace
    }

    /// The checkpoint that is addressed, if one is.
    pub fn checkpoint_id(&self) -> Option<&str> {
        self.checkpoint_id.as_deref()
    }
}

/// When the super-steps of a run are saved.
///
/// How durable a saved step is, is the checkpointer's to say; a database may in turn be told to
/// acknowledge before the data is on stable storage (see [`crate::log::Durability`]).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// Each super-step is saved before the next one starts.
    #[default]
    Sync,
    /// Each super-step is saved while the next ones run. How far they may be ahead is bounded.
    Async,
    /// Only the last checkpoint of the run is saved, when the run ends, fails or stops to ask.
    Exit,
}

/// Nodes at which a run stops.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Breakpoints {
    /// At none.
    #[default]
    None,
    /// At every node.
    All,
    /// At these.
    Nodes(Vec<String>),
}

impl Breakpoints {
    pub(super) fn contains(&self, node: &str) -> bool {
        match self {
            Self::None => false,
            Self::All => node != crate::graph::names::START,
            Self::Nodes(nodes) => nodes.iter().any(|n| n == node),
        }
    }

    /// These if they name any node, else `default`.
    pub(super) fn or<'a>(&'a self, default: &'a Self) -> &'a Self {
        match self {
            Self::None => default,
            Self::Nodes(nodes) if nodes.is_empty() => default,
            set => set,
        }
    }
}

impl<S: Into<String>> FromIterator<S> for Breakpoints {
    fn from_iter<I: IntoIterator<Item = S>>(nodes: I) -> Self {
        Self::Nodes(nodes.into_iter().map(Into::into).collect())
    }
}

impl<S: Into<String>, const N: usize> From<[S; N]> for Breakpoints {
    fn from(nodes: [S; N]) -> Self {
        nodes.into_iter().collect()
    }
}

impl<S: Into<String>> From<Vec<S>> for Breakpoints {
    fn from(nodes: Vec<S>) -> Self {
        nodes.into_iter().collect()
    }
}

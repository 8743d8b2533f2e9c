//! [`Runtime`]: what a node can ask of the run that it is part of.

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};

use serde_json::Value;

use crate::checkpoint::Checkpointer;
use crate::graph::compiled::CompiledGraph;
use crate::graph::config::Config;
use crate::graph::failed_node::FailedNode;
use crate::graph::interrupt::Interrupt;
use crate::graph::names::Name;
use crate::graph::node_error::{NodeError, Stop};
use crate::graph::run::call_site::{CallSite, keyed_namespace};
use crate::graph::run::claims::Claims;
use crate::graph::run::heart::Heart;
use crate::graph::run::limits::Limits;
use crate::graph::run::replay::Replay;
use crate::graph::run::scratchpad::Scratchpad;
use crate::graph::run::slot::Slot;
use crate::graph::store_writes::StoreWrites;
use crate::graph::stream::{Emitter, Event};
use crate::lease::Held;
use crate::store::{Draft, Scoped, Store};

/// What a node can ask of the run that it is part of: its store, what the caller passed along, an
/// answer from a human.
#[derive(Clone)]
pub struct Runtime {
    pub(super) task: Arc<TaskContext>,
    pub(super) attempt: u32,
}

/// What all tasks of one graph's run share.
pub(super) struct RunScope {
    pub(super) config: Config,
    /// Lent to subgraphs.
    pub(super) checkpointer: Option<Arc<dyn Checkpointer>>,
    pub(super) store: Option<Arc<dyn Store>>,
    pub(super) store_writes: StoreWrites,
    /// All that nodes see of the store.
    pub(super) store_scope: Option<Arc<[String]>>,
    pub(super) replay: Option<Arc<Replay>>,
    pub(super) emitter: Option<Arc<Emitter>>,
    /// Answers by interrupt id.
    pub(super) answers: Option<Arc<BTreeMap<String, Value>>>,
    pub(super) claims: Arc<Claims>,
    /// What the run and those around it were admitted with.
    pub(super) leases: Vec<Weak<Held>>,
    pub(super) limits: Limits,
}

impl RunScope {
    pub(super) fn new(mut config: Config, store: Option<Arc<dyn Store>>) -> Self {
        if let Some(thread) = &config.thread_id {
            let thread = Value::from(thread.as_str());
            config.configurable.insert("thread_id".into(), thread);
        }
        let store_scope = config.store_scope.clone();
        Self {
            config,
            checkpointer: None,
            store,
            store_writes: StoreWrites::default(),
            store_scope,
            replay: None,
            emitter: None,
            answers: None,
            claims: Arc::default(),
            leases: Vec::new(),
            limits: Limits::default(),
        }
    }

    /// The store as a task sees it, by way of its draft if it has one.
    pub(super) fn store_of_task(&self, draft: Option<&Arc<Draft>>) -> Option<Arc<dyn Store>> {
        let store = match draft {
            Some(draft) => Arc::clone(draft) as Arc<dyn Store>,
            None => self.store.clone()?,
        };
        Some(match &self.store_scope {
            Some(prefix) => Arc::new(Scoped::within(store, Arc::clone(prefix))),
            None => store,
        })
    }
}

/// One task as its node and its subgraphs see it.
#[derive(Clone)]
pub(super) struct TaskContext {
    pub(super) scope: Arc<RunScope>,
    pub(super) node: Name,
    pub(super) task_id: String,
    pub(super) namespace: String,
    /// The same with what lasts in place of ids, if the task has another each time that it is run again.
    pub(super) asks_as: String,
    pub(super) scratchpad: Arc<Scratchpad>,
    /// Where the graph that the task belongs to saves.
    pub(super) graph_namespace: String,
    pub(super) step: i64,
    pub(super) remaining_steps: i64,
    /// The checkpoints that the task's super-step starts from, by namespace, this graph's included.
    pub(super) checkpoint_map: BTreeMap<String, String>,
    /// What the task does to the store, if that is to wait for the super-step.
    pub(super) draft: Option<Arc<Draft>>,
    /// The store as the task sees it.
    pub(super) store: Option<Arc<dyn Store>>,
    /// Whether the run continues what was there, as far as subgraphs are concerned.
    pub(super) resuming: Option<bool>,
    pub(super) site: CallSite,
    pub(super) heart: Arc<Heart>,
    pub(super) slot: Arc<Slot>,
    /// What the task is to handle, if its node is an error handler.
    pub(super) failure: Option<Arc<FailedNode>>,
}

impl Runtime {
    /// Asks `question` and returns the answer.
    ///
    /// The first time there is no answer yet: pass the error on with `?`, and the run stops, saved,
    /// for as long as it takes. When it is resumed with
    /// [`Command::resume`](crate::graph::Command::resume), the node runs again from its first line, and this
    /// call returns the answer. Several questions of one node are told apart by their order.
    ///
    /// # Errors
    /// Not a failure but the wait for the answer.
    pub fn interrupt(&self, question: impl Into<Value>) -> Result<Value, NodeError> {
        self.task.scratchpad.next_answer().map_err(|id| {
            NodeError(Stop::Interrupted(vec![Interrupt {
                id,
                value: question.into(),
            }]))
        })
    }

    /// The store that the graph was compiled with, or what the run [may see](crate::graph::Config::store_scope) of it.
    ///
    /// # Errors
    /// The graph has none.
    pub fn store(&self) -> Result<&dyn Store, NodeError> {
        self.task.store.as_deref().ok_or_else(|| {
            NodeError::msg(format!(
                "node `{}` asked for a store and the graph has none; \
                 give it one with StateGraph::with_store",
                self.task.node
            ))
        })
    }

    /// A value that the caller gave with [`Config::with`], or under `thread_id` the thread.
    pub fn configurable(&self, key: &str) -> Option<&Value> {
        self.task.scope.config.configurable.get(key)
    }

    /// The thread that the run belongs to.
    pub fn thread_id(&self) -> Option<&str> {
        self.task.scope.config.thread_id()
    }

    /// What the caller gave with [`Config::context`]; null if nothing.
    pub fn context(&self) -> &Value {
        &self.task.scope.config.context
    }

    /// How many super-steps the run may still take, this one included.
    pub fn remaining_steps(&self) -> i64 {
        self.task.remaining_steps
    }

    /// Says something to whoever watches the run with
    /// [`StreamMode::Custom`](crate::graph::StreamMode::Custom), and waits if he does not keep up. Nobody needs to watch.
    pub async fn emit(&self, value: impl Into<Value>) {
        if let Some(emitter) = &self.task.scope.emitter {
            let event = Event::Custom(value.into());
            let namespace = &self.task.graph_namespace;
            emitter.emit(namespace, self.task.step, event).await;
        }
    }

    /// The node that runs.
    pub fn node(&self) -> &str {
        &self.task.node
    }

    /// The task, the same when it is run again after a crash or an interrupt.
    pub fn task_id(&self) -> &str {
        &self.task.task_id
    }

    /// Which attempt of the task this is, from 1.
    pub fn attempt(&self) -> u32 {
        self.attempt
    }

    /// What an error handler is to handle: see
    /// [`StateGraph::add_error_handler`](crate::graph::StateGraph::add_error_handler). `None` in any other node.
    pub fn node_error(&self) -> Option<&FailedNode> {
        self.task.failure.as_deref()
    }

    /// Gives a sign of life, for [`Timeout::idle`](crate::graph::Timeout::idle).
    pub fn heartbeat(&self) {
        self.task.heart.beat();
    }

    /// Runs `graph` as a subgraph, with its checkpoints below this task's.
    ///
    /// The first subgraph that a task runs this way has the task's own namespace; the second and later
    /// ones have their place in the order of calls appended to it, so call them in a fixed order, or
    /// give each a key with [`call_keyed`](Self::call_keyed).
    ///
    /// # Errors
    /// The subgraph failed, or it waits for an answer: pass the error on with `?`.
    /// [`GraphError::SubgraphBusy`](crate::graph::GraphError::SubgraphBusy) if the subgraph has a memory of its own and
    /// this node is calling it already.
    pub async fn call(
        &self,
        graph: &CompiledGraph,
        input: impl Into<Value>,
    ) -> Result<Value, NodeError> {
        let run = graph.run_nested(input.into(), Arc::clone(&self.task));
        self.task.slot.lend(run).await
    }

    /// Runs `graph` as a subgraph as [`call`](Self::call) does, with a namespace that depends on `key` and not
    /// on the order of calls. So one subgraph with a memory of its own
    /// (`with_checkpointer(true)`) can run several times at once, and has one memory per key, the same in every run.
    ///
    /// ```
    /// # use serde_json::{Value, json};
    /// # use stepwell::graph::{CompiledGraph, NodeError, Runtime};
    /// # async fn node(rt: Runtime, expert: CompiledGraph) -> Result<Value, NodeError> {
    /// let (fruit, veggies) = tokio::try_join!(
    ///     rt.call_keyed("fruit", &expert, json!({"ask": "apples"})),
    ///     rt.call_keyed("veggies", &expert, json!({"ask": "carrots"})),
    /// )?;
    /// # Ok(json!([fruit, veggies])) }
    /// ```
    ///
    /// The key is a level of the namespace, written `:key`: `node|:fruit`. Calls with one key one after the
    /// other go on with one memory.
    ///
    /// # Errors
    /// Those of [`call`](Self::call); the key is empty or contains `|` or `:`; a call with the same key
    /// is going on.
    pub async fn call_keyed(
        &self,
        key: &str,
        graph: &CompiledGraph,
        input: impl Into<Value>,
    ) -> Result<Value, NodeError> {
        let task = TaskContext {
            namespace: keyed_namespace(&self.task.namespace, key)?,
            asks_as: keyed_namespace(&self.task.asks_as, key)?,
            site: self.task.site.keyed(),
            ..TaskContext::clone(&self.task)
        };
        let run = graph.run_nested(input.into(), Arc::new(task));
        self.task.slot.lend(run).await
    }
}

impl std::fmt::Debug for Runtime {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Runtime")
            .field("node", &self.task.node)
            .field("task_id", &self.task.task_id)
            .field("thread_id", &self.thread_id())
            .finish_non_exhaustive()
    }
}

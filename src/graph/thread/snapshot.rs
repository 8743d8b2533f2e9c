//! [`StateSnapshot`]: a checkpoint as a graph reads it.

use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use serde_json::{Map, Value, json};

use crate::checkpoint::{CheckpointTuple, Checkpointer, Metadata};
use crate::graph::channels::Channels;
use crate::graph::checkpointer_mode::CheckpointerMode;
use crate::graph::compiled::{CompiledGraph, Inner};
use crate::graph::config::Config;
use crate::graph::error::GraphError;
use crate::graph::interrupt::Interrupt;
use crate::graph::names::without_task_ids;
use crate::graph::run::apply::{TaskWrites, apply_writes};
use crate::graph::run::plan::Plan;
use crate::graph::run::task::{Task, TaskPath, Write};
use crate::graph::run::task_status::{Pending, TaskStatus, read_statuses, writes_of_commands};

/// The state of a graph at one checkpoint.
///
/// Read without naming a checkpoint it is *live*: the values include what tasks of the unfinished
/// super-step have already written, and `next` and `interrupts` list only what is still to be done.
/// Read at a checkpoint, or from the history, it is a *record*: the values at the start of the step,
/// all of its tasks, and what became of them.
#[derive(Clone, Debug, PartialEq)]
pub struct StateSnapshot {
    /// The channels that have a value, as an object.
    pub values: Value,
    /// The nodes to run, one entry per task.
    pub next: Vec<String>,
    /// Addresses this checkpoint: give it to [`CompiledGraph::invoke`] to replay from it, or to
    /// [`CompiledGraph::update_state`] to fork it.
    pub config: Config,
    /// How the checkpoint came about; `None` if there is none.
    pub metadata: Option<Metadata>,
    /// When it was made: RFC 3339, UTC.
    pub created_at: Option<String>,
    /// Addresses the checkpoint before it.
    pub parent_config: Option<Config>,
    /// The tasks of the super-step that starts here.
    pub tasks: Vec<TaskSnapshot>,
    /// The interrupts of all tasks.
    pub interrupts: Vec<Interrupt>,
}

/// A task of the super-step that starts at a checkpoint.
#[derive(Clone, Debug, PartialEq)]
pub struct TaskSnapshot {
    /// The task's id.
    pub id: String,
    /// The node that it runs.
    pub name: String,
    /// Where it stands in its super-step.
    pub path: String,
    /// Whether it was sent, as opposed to triggered by an edge.
    pub is_send: bool,
    /// How it failed, if it did.
    pub error: Option<TaskError>,
    /// What it asked.
    pub interrupts: Vec<Interrupt>,
    /// Of a subgraph: its state, or where to find it.
    pub state: Option<TaskState>,
    /// What it wrote to the state, once it has finished. A channel written more than once shows as
    /// `{"$writes": [...]}`.
    pub result: Option<Value>,
}

/// How a task failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskError {
    /// The [`ErrorKind`](crate::graph::ErrorKind) as a word.
    pub kind: String,
    /// What it said.
    pub message: String,
}

/// The state of a subgraph that a task runs.
#[derive(Clone, Debug, PartialEq)]
pub enum TaskState {
    /// Where to find it.
    Config(Box<Config>),
    /// The state itself.
    Snapshot(Box<StateSnapshot>),
}

impl CompiledGraph {
    /// The state of the thread, or of the checkpoint or subgraph that `config` addresses. Without a
    /// checkpoint it is empty: no metadata, no values.
    ///
    /// # Errors
    /// The graph has no checkpointer, `config` no thread, or the checkpoint cannot be read.
    pub async fn get_state(&self, config: &Config) -> Result<StateSnapshot, GraphError> {
        self.read_state(config, false).await
    }

    /// Like [`get_state`](Self::get_state), with the states of subgraphs in the tasks that run them.
    ///
    /// # Errors
    /// Those of [`get_state`](Self::get_state).
    pub async fn get_state_with_subgraphs(
        &self,
        config: &Config,
    ) -> Result<StateSnapshot, GraphError> {
        self.read_state(config, true).await
    }

    async fn read_state(
        &self,
        config: &Config,
        recurse: bool,
    ) -> Result<StateSnapshot, GraphError> {
        let checkpointer = self.state_checkpointer("get_state")?;
        let (graph, config) = self.addressed_graph(config);
        Reader {
            graph,
            checkpointer,
            recurse,
        }
        .read(config)
        .await
    }

    /// The checkpointer that state methods use.
    pub(in crate::graph) fn state_checkpointer(
        &self,
        operation: &'static str,
    ) -> Result<Arc<dyn Checkpointer>, GraphError> {
        match &self.inner.checkpointer {
            CheckpointerMode::Saver(checkpointer) => Ok(Arc::clone(checkpointer)),
            _ => Err(GraphError::NoCheckpointer { operation }),
        }
    }

    /// The subgraph that the namespace of `config` names, this graph if it names none that is known,
    /// and the config with the namespace under which that graph saves.
    pub(in crate::graph) fn addressed_graph(&self, config: &Config) -> (Self, Config) {
        let mut graph = self.clone();
        let path = crate::graph::names::node_path(&config.namespace);
        for (place, name) in path.iter().enumerate() {
            // An error handler's level follows that of the node that failed, beside which it stands.
            let handler = crate::graph::names::error_handler(name);
            if path.get(place + 1).is_some_and(|next| **next == *handler) {
                continue;
            }
            let Some(subgraph) = graph.inner.node(name).and_then(|n| n.subgraph()).cloned() else {
                return (self.clone(), config.clone());
            };
            graph = subgraph;
        }
        let mut config = config.clone();
        if matches!(graph.inner.checkpointer, CheckpointerMode::PerThread) {
            config.namespace = without_task_ids(&config.namespace);
        }
        (graph, config)
    }
}

/// Reads snapshots of one graph.
pub(in crate::graph) struct Reader {
    pub(in crate::graph) graph: CompiledGraph,
    pub(in crate::graph) checkpointer: Arc<dyn Checkpointer>,
    /// Whether the states of subgraphs are read as well.
    pub(in crate::graph) recurse: bool,
}

impl Reader {
    async fn read(&self, config: Config) -> Result<StateSnapshot, GraphError> {
        let thread = config.thread_id().ok_or(GraphError::MissingThreadId)?;
        let saved = self
            .checkpointer
            .get(thread, &config.namespace, config.checkpoint_id())
            .await
            .map_err(|e| GraphError::checkpoint(thread, e))?;
        let live = config.checkpoint_id.is_none();
        match saved {
            Some(saved) => self.snapshot(saved, live).await,
            None => Ok(StateSnapshot {
                values: json!({}),
                next: Vec::new(),
                config,
                metadata: None,
                created_at: None,
                parent_config: None,
                tasks: Vec::new(),
                interrupts: Vec::new(),
            }),
        }
    }

    /// The snapshot of a checkpoint.
    pub(in crate::graph) async fn snapshot(
        &self,
        saved: CheckpointTuple,
        live: bool,
    ) -> Result<StateSnapshot, GraphError> {
        let graph = &*self.graph.inner;
        let mut checkpoint = saved.checkpoint.clone();
        let mut channels = Channels::restore(&graph.channels, &checkpoint)?;
        let pending = Pending::read_all(&saved.pending_writes, &checkpoint.id)?;
        let statuses = read_statuses(&pending);
        let commanded = writes_of_commands(&pending);
        if live && !commanded.is_empty() {
            let writes = vec![TaskWrites::from_input(commanded.clone())];
            apply_writes(graph, &mut checkpoint, &mut channels, writes)?;
        }
        let plan = Plan {
            graph,
            checkpoint: &checkpoint,
            channels: &channels,
            pending: &pending,
            namespace: &saved.namespace,
            step: saved.metadata.step.unwrap_or(-1) + 1,
            answers: None,
            within: None,
        };
        let mut tasks = plan.tasks();
        if live {
            plan.resume(&mut tasks, &statuses);
        }
        if !live && !commanded.is_empty() {
            // A record tells what the checkpoint led to by itself, as in LangGraph.
            let writes = vec![TaskWrites::from_input(commanded.clone())];
            apply_writes(graph, &mut checkpoint, &mut channels, writes)?;
        }
        let unstarted = TaskStatus::default();
        let mut shown = Vec::new();
        let mut next = Vec::new();
        let mut finished = Vec::new();
        for task in &mut tasks {
            let status = statuses.get(task.id.as_str()).unwrap_or(&unstarted);
            let state = self.task_state(task, &saved).await?;
            shown.push(show_task(graph, task, status, state, live));
            if task.writes.is_empty() {
                next.push(task.node.to_string());
            } else {
                finished.push(TaskWrites::from(task));
            }
        }
        if !finished.is_empty()
            && let Err(error) = apply_writes(graph, &mut checkpoint, &mut channels, finished)
        {
            // The step fails as a whole, and its writes are not applied. Whoever is to mend it needs to see
            // the state that it failed on.
            tracing::debug!(%error, "the writes of a step that failed are not shown in its state");
            channels = start_of_step(graph, &saved, commanded)?;
            next = shown.iter().map(|task| task.name.clone()).collect();
        } else if shown.len() > next.len() {
            // What tasks passed on to the next step is not shown before that step, as in LangGraph.
            for (name, channel) in channels.iter_mut().filter(|(_, c)| c.is_fleeting()) {
                let emptied = channel.update(Vec::new());
                emptied.map_err(|e| GraphError::reduce(name, e))?;
            }
        }
        let interrupts = shown.iter().flat_map(|t| t.interrupts.clone()).collect();
        Ok(StateSnapshot {
            values: channels.to_object(&graph.state),
            next,
            config: address(&saved, &saved.checkpoint.id),
            created_at: Some(saved.checkpoint.ts.clone()),
            parent_config: saved.parent_id.as_deref().map(|id| address(&saved, id)),
            tasks: shown,
            interrupts,
            metadata: Some(saved.metadata),
        })
    }

    /// Where the subgraph that `task` runs saves or, on request, its state.
    fn task_state<'a>(
        &'a self,
        task: &'a Task,
        saved: &'a CheckpointTuple,
    ) -> BoxFuture<'a, Result<Option<TaskState>, GraphError>> {
        async move {
            let subgraph = self
                .graph
                .inner
                .node(&task.node)
                .and_then(|node| node.subgraph());
            let Some(subgraph) = subgraph else {
                return Ok(None);
            };
            let mode = &subgraph.inner.checkpointer;
            if matches!(mode, CheckpointerMode::Disabled) {
                return Ok(None);
            }
            let mut config = Config::thread(&saved.thread).in_namespace(&task.namespace);
            if !self.recurse {
                return Ok(Some(TaskState::Config(Box::new(config))));
            }
            if matches!(mode, CheckpointerMode::PerThread) {
                config.namespace = without_task_ids(&config.namespace);
            }
            let reader = Self {
                graph: subgraph.clone(),
                checkpointer: Arc::clone(&self.checkpointer),
                recurse: true,
            };
            let snapshot = reader.read(config).await?;
            Ok(Some(TaskState::Snapshot(Box::new(snapshot))))
        }
        .boxed()
    }
}

/// The channels at a checkpoint, with the writes of commands applied.
fn start_of_step(
    graph: &Inner,
    saved: &CheckpointTuple,
    commanded: Vec<Write>,
) -> Result<Channels, GraphError> {
    let mut checkpoint = saved.checkpoint.clone();
    let mut channels = Channels::restore(&graph.channels, &checkpoint)?;
    let writes = vec![TaskWrites::from_input(commanded)];
    apply_writes(graph, &mut checkpoint, &mut channels, writes)?;
    Ok(channels)
}

fn show_task(
    graph: &Inner,
    task: &Task,
    status: &TaskStatus,
    state: Option<TaskState>,
    live: bool,
) -> TaskSnapshot {
    let interrupts = if live {
        status.open_questions(task)
    } else {
        status.interrupts.clone()
    };
    TaskSnapshot {
        id: task.id.clone(),
        name: task.node.to_string(),
        path: task.path.to_string(),
        is_send: matches!(task.path, TaskPath::Push(_)),
        error: status.error.clone(),
        interrupts,
        state,
        result: status.finished().then(|| result_of(graph, &status.output)),
    }
}

pub(in crate::graph) fn result_of(graph: &Inner, writes: &[Write]) -> Value {
    let mut result: Map<String, Value> = Map::new();
    let mut repeated: Map<String, Value> = Map::new();
    let to_state = writes.iter().filter(|(name, _)| graph.state.contains(name));
    for (channel, value) in to_state {
        let channel = channel.to_string();
        if let Some(first) = result.get(&channel) {
            let list = repeated
                .entry(channel)
                .or_insert_with(|| json!([first.clone()]));
            if let Value::Array(list) = list {
                list.push(value.clone());
            }
        } else {
            result.insert(channel, value.clone());
        }
    }
    for (channel, writes) in repeated {
        result.insert(channel, json!({"$writes": writes}));
    }
    Value::Object(result)
}

/// The config that addresses the checkpoint `id` of the same thread and namespace as `saved`.
pub(in crate::graph) fn address(saved: &CheckpointTuple, id: &str) -> Config {
    let mut config = Config::thread(&saved.thread)
        .in_namespace(&saved.namespace)
        .at(id);
    if !saved.metadata.parents.is_empty() {
        config.checkpoint_map = saved.metadata.parents.clone();
        config
            .checkpoint_map
            .insert(saved.namespace.clone(), id.to_owned());
    }
    config
}

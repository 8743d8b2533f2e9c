//! Updating a thread's state from outside, as if a node had returned the update.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use serde_json::Value;

use super::apply::{TaskWrites, apply_writes};
use super::channels::Channels;
use super::compiled::{CompiledGraph, CompiledNode};
use super::config::Config;
use super::error::GraphError;
use super::names::{COPY, END, INPUT, NULL_TASK_ID, Name, START};
use super::node_error::{NodeError, Stop};
use super::output::NodeOutput;
use super::plan::Plan;
use super::save::encode;
use super::snapshot::address;
use super::task::{Task, Write, task_id};
use super::task_status::{Pending, read_statuses};
use super::writers::writes_of;
use crate::checkpoint::{
    ChannelVersion, Checkpoint, CheckpointTuple, Checkpointer, Metadata, PutCheckpoint, PutWrites,
    Source,
};

/// One update of a thread's state.
#[derive(Clone, Debug, PartialEq)]
pub struct StateUpdate {
    values: Value,
    as_node: Option<String>,
    task_id: Option<String>,
}

impl StateUpdate {
    /// An update with the entries of the object `values`; with null it writes nothing, and only the edges
    /// of its node count.
    pub fn new(values: impl Into<Value>) -> Self {
        Self {
            values: values.into(),
            as_node: None,
            task_id: None,
        }
    }

    /// Applies the update as if this node had returned it.
    #[must_use]
    pub fn as_node(mut self, node: impl Into<String>) -> Self {
        self.as_node = Some(node.into());
        self
    }

    /// Lets the update stand for this task; otherwise for the node's first planned one.
    #[must_use]
    pub fn task_id(mut self, id: impl Into<String>) -> Self {
        self.task_id = Some(id.into());
        self
    }
}

impl CompiledGraph {
    /// Writes a checkpoint as if `as_node` had returned `values`: through the reducers, with the
    /// node's edges. Returns the new checkpoint's address. At a past checkpoint this makes a fork.
    ///
    /// Without `as_node` the update counts as the node that ran last, or as the input if none has.
    /// Special: `__start__` counts as the step that applies an input; `__input__` as a new input;
    /// [`END`] with null drops all pending tasks; `__copy__` with null makes a copy of the
    /// checkpoint beside it.
    ///
    /// # Errors
    /// [`GraphError::InvalidUpdate`] if two nodes ran last, the node does not exist, or the reducers
    /// refuse; nothing is saved then. Also those of [`get_state`](Self::get_state).
    pub async fn update_state(
        &self,
        config: &Config,
        values: impl Into<Value>,
        as_node: Option<&str>,
    ) -> Result<Config, GraphError> {
        let mut update = StateUpdate::new(values);
        update.as_node = as_node.map(str::to_owned);
        self.bulk_update_state(config, vec![vec![update]]).await
    }

    /// Applies a series of super-steps, each a list of updates, and returns the address of the last
    /// checkpoint. Each super-step is one checkpoint; several updates in one need an
    /// [`as_node`](StateUpdate::as_node) each.
    ///
    /// # Errors
    /// [`GraphError::EmptyUpdate`] if there are no super-steps or one has no updates, and those of
    /// [`update_state`](Self::update_state). Super-steps before the one that failed stay.
    pub async fn bulk_update_state(
        &self,
        config: &Config,
        supersteps: Vec<Vec<StateUpdate>>,
    ) -> Result<Config, GraphError> {
        let checkpointer = self.state_checkpointer("update_state")?;
        let thread = config.thread_id().ok_or(GraphError::MissingThreadId)?;
        if supersteps.is_empty() {
            return Err(GraphError::EmptyUpdate("no super-steps were given"));
        }
        if supersteps.iter().any(Vec::is_empty) {
            return Err(GraphError::EmptyUpdate("a super-step has no updates"));
        }
        let (graph, own) = self.addressed_graph(config);
        let at_root = Arc::ptr_eq(&graph.inner, &self.inner);
        if at_root && !config.namespace.is_empty() {
            return Err(GraphError::invalid_update(
                format!("namespace `{}`", config.namespace),
                "the graph has no such subgraph",
            ));
        }
        let updater = Updater {
            graph,
            checkpointer,
            thread: thread.to_owned(),
        };
        let mut steps: VecDeque<Vec<StateUpdate>> = supersteps.into();
        let mut config = own;
        let mut is_first = true;
        while let Some(updates) = steps.pop_front() {
            let (next, more) = updater.perform(&config, updates, is_first).await?;
            if let Some(more) = more {
                steps.push_front(more);
            }
            config = next;
            is_first = false;
        }
        Ok(config)
    }
}

/// Updates one graph's state on one thread.
struct Updater {
    graph: CompiledGraph,
    checkpointer: Arc<dyn Checkpointer>,
    thread: String,
}

/// The checkpoint that an update builds on.
struct Base {
    saved: Option<CheckpointTuple>,
    namespace: String,
    checkpoint: Checkpoint,
    channels: Channels,
    pending: Vec<Pending>,
    step: i64,
}

impl Updater {
    /// Applies one super-step; returns where it left the thread, and what it still has to do there.
    async fn perform(
        &self,
        config: &Config,
        updates: Vec<StateUpdate>,
        is_first: bool,
    ) -> Result<(Config, Option<Vec<StateUpdate>>), GraphError> {
        let base = self.load(config).await?;
        let special = match updates.first() {
            Some(first) => match first.as_node.as_deref() {
                Some(END) if first.values.is_null() => Some(END),
                Some(INPUT) => Some(INPUT),
                Some(COPY) => Some(COPY),
                _ => None,
            },
            None => None,
        };
        let Some(special) = special else {
            return Ok((self.as_nodes(base, updates, is_first).await?, None));
        };
        let mut updates = updates.into_iter();
        let (Some(update), None) = (updates.next(), updates.next()) else {
            return Err(GraphError::invalid_update(
                format!("`{special}`"),
                "it has to be the only update of its super-step",
            ));
        };
        match special {
            END => Ok((self.clear_tasks(base).await?, None)),
            INPUT => Ok((self.as_input(base, update.values).await?, None)),
            _ => self.copy(base, update.values).await,
        }
    }

    async fn load(&self, config: &Config) -> Result<Base, GraphError> {
        let namespace = config.namespace.clone();
        let id = config.checkpoint_id();
        let saved = self
            .checkpointer
            .get(&self.thread, &namespace, id)
            .await
            .map_err(|e| GraphError::checkpoint(&self.thread, e))?;
        if let (None, Some(id)) = (&saved, id) {
            return Err(GraphError::UnknownCheckpoint {
                thread: self.thread.clone(),
                namespace,
                checkpoint: id.to_owned(),
            });
        }
        let mut checkpoint = saved
            .as_ref()
            .map_or_else(Checkpoint::default, |s| s.checkpoint.clone());
        let channels = Channels::restore(&self.graph.inner.channels, &checkpoint)?;
        checkpoint.channel_values = BTreeMap::new();
        let pending = match &saved {
            Some(saved) => Pending::read_all(&saved.pending_writes, &saved.checkpoint.id)?,
            None => Vec::new(),
        };
        Ok(Base {
            step: saved.as_ref().and_then(|s| s.metadata.step).unwrap_or(-1),
            saved,
            namespace,
            checkpoint,
            channels,
            pending,
        })
    }

    fn planned(&self, base: &Base) -> Vec<Task> {
        Plan {
            graph: &self.graph.inner,
            checkpoint: &base.checkpoint,
            channels: &base.channels,
            pending: &base.pending,
            namespace: &base.namespace,
            step: base.step + 1,
            answers: None,
            parent: None,
        }
        .tasks()
    }

    fn apply(
        &self,
        base: &mut Base,
        writes: Vec<TaskWrites>,
    ) -> Result<BTreeSet<Name>, GraphError> {
        apply_writes(
            &self.graph.inner,
            &mut base.checkpoint,
            &mut base.channels,
            writes,
        )
    }

    /// Applies what finished tasks wrote and drops all others.
    async fn clear_tasks(&self, mut base: Base) -> Result<Config, GraphError> {
        let mut tasks = self.planned(&base);
        let null_writes: Vec<Write> = base
            .pending
            .iter()
            .filter(|w| w.task_id == NULL_TASK_ID)
            .map(|w| (Arc::clone(&w.channel), w.value.clone()))
            .collect();
        let mut updated = BTreeSet::new();
        if !null_writes.is_empty() {
            updated.extend(self.apply(&mut base, vec![TaskWrites::from_input(null_writes)])?);
        }
        if !tasks.is_empty() {
            for (id, status) in read_statuses(&base.pending) {
                if let Some(task) = tasks.iter_mut().find(|task| task.id == id) {
                    task.writes = status.output;
                }
            }
            let writes = tasks.iter_mut().map(TaskWrites::from).collect();
            updated.extend(self.apply(&mut base, writes)?);
        }
        let step = base.step + 1;
        self.save(base, Source::Update, step, &updated).await
    }

    /// Applies `values` as a run would apply an input.
    async fn as_input(&self, mut base: Base, mut values: Value) -> Result<Config, GraphError> {
        let Value::Object(entries) = &mut values else {
            return Err(GraphError::invalid_update(
                "the input",
                "an input is an object",
            ));
        };
        for (channel, value) in entries.iter_mut() {
            self.graph.inner.ensure_message_ids(channel, value);
        }
        let input = TaskWrites::from_input(vec![(START.into(), values)]);
        let updated = self.apply(&mut base, vec![input])?;
        let step = match &base.saved {
            Some(_) => base.step + 1,
            None => -1,
        };
        self.save(base, Source::Input, step, &updated).await
    }

    /// Makes a copy beside the checkpoint. A list of updates is then applied to the copy.
    async fn copy(
        &self,
        base: Base,
        values: Value,
    ) -> Result<(Config, Option<Vec<StateUpdate>>), GraphError> {
        let Some(saved) = base.saved else {
            return Err(GraphError::invalid_update(
                format!("thread `{}`", self.thread),
                "it has no checkpoint to copy",
            ));
        };
        let parent = match &saved.parent_id {
            Some(id) => self
                .checkpointer
                .get(&self.thread, &saved.namespace, Some(id))
                .await
                .map_err(|e| GraphError::checkpoint(&self.thread, e))?,
            None => None,
        };
        let inherited = parent.map(|p| p.checkpoint.channel_versions);
        let mut checkpoint = saved.checkpoint.clone();
        checkpoint.id = self.next_id(&saved.checkpoint.id, base.step + 1);
        checkpoint.ts = crate::checkpoint::now();
        let id = checkpoint.id.clone();
        let mut metadata = Metadata::new(Source::Fork, base.step + 1);
        metadata.parents.clone_from(&saved.metadata.parents);
        self.put(PutCheckpoint {
            thread: self.thread.clone(),
            namespace: saved.namespace.clone(),
            parent_id: saved.parent_id.clone(),
            new_versions: changed(inherited.as_ref(), &checkpoint.channel_versions),
            checkpoint,
            metadata,
        })
        .await?;
        let more = match values {
            Value::Array(items) if !items.is_empty() => Some(
                items
                    .iter()
                    .map(update_from_item)
                    .collect::<Result<Vec<_>, _>>()?,
            ),
            _ => None,
        };
        Ok((address(&saved, &id), more))
    }

    /// Applies updates as if nodes had returned them.
    async fn as_nodes(
        &self,
        mut base: Base,
        updates: Vec<StateUpdate>,
        is_first: bool,
    ) -> Result<Config, GraphError> {
        let mut planned: VecDeque<Task> = self.planned(&base).into();
        let alone = updates.len() == 1;
        let mut writes = Vec::new();
        let mut to_keep = Vec::new();
        for (place, update) in updates.into_iter().enumerate() {
            let node = self.node_of(&base, update.as_node.as_deref(), alone)?;
            let id = update.task_id.unwrap_or_else(|| {
                let task = planned.iter().position(|task| task.node == node.name);
                match task.and_then(|place| planned.remove(place)) {
                    Some(task) => task.id,
                    None => task_id(&base.checkpoint.id, &["__update__", &place.to_string()]),
                }
            });
            let output = match update.values {
                Value::Null => NodeOutput::Nothing,
                values => NodeOutput::Update(values),
            };
            let mut of_node = writes_of(&self.graph.inner, node, output, &base.channels)
                .map_err(|NodeError(stop)| update_failure(&node.name, stop))?;
            for (channel, value) in &mut of_node {
                self.graph.inner.ensure_message_ids(channel, value);
            }
            to_keep.push((id, place, of_node.clone()));
            writes.push(TaskWrites::from_update(
                Arc::clone(&node.name),
                place,
                of_node,
            ));
        }
        let keep_writes = self.is_latest(&base, is_first).await?;
        let updated = self.apply(&mut base, writes)?;
        if keep_writes {
            self.keep_writes(&base, to_keep).await?;
        }
        let step = base.step + 1;
        self.save(base, Source::Update, step, &updated).await
    }

    /// The node that an update counts as.
    fn node_of(
        &self,
        base: &Base,
        as_node: Option<&str>,
        alone: bool,
    ) -> Result<&CompiledNode, GraphError> {
        let graph = &*self.graph.inner;
        let name = match as_node {
            Some(name) => name,
            None if !alone => {
                return Err(GraphError::invalid_update(
                    "the state",
                    "several updates in one super-step need an as_node each",
                ));
            }
            None => self.last_node(base).ok_or_else(|| {
                GraphError::invalid_update(
                    "the state",
                    "it is ambiguous which node it counts as; say so with as_node",
                )
            })?,
        };
        graph.node(name).ok_or_else(|| {
            GraphError::invalid_update(format!("node `{name}`"), "the graph has no such node")
        })
    }

    /// The node that ran last, if it was one only; the start if none has run.
    fn last_node(&self, base: &Base) -> Option<&str> {
        let graph = &*self.graph.inner;
        let seen = |node: &CompiledNode| base.checkpoint.versions_seen.get(&*node.name);
        let mut last: Option<(&ChannelVersion, &str)> = None;
        let mut several = false;
        for node in &graph.nodes {
            for version in seen(node).into_iter().flat_map(BTreeMap::values) {
                match last {
                    Some((latest, name)) if version == latest => several |= name != &*node.name,
                    Some((latest, _)) if version < latest => {}
                    _ => {
                        last = Some((version, &node.name));
                        several = false;
                    }
                }
            }
        }
        match last {
            None => Some(START),
            Some(_) if several => None,
            Some((_, name)) => Some(name),
        }
    }

    /// Whether the thread has not moved past the base, so that what is kept with it can mislead no
    /// other branch.
    async fn is_latest(&self, base: &Base, is_first: bool) -> Result<bool, GraphError> {
        let Some(saved) = &base.saved else {
            return Ok(false);
        };
        if !is_first {
            return Ok(true);
        }
        let latest = self
            .checkpointer
            .get(&self.thread, &base.namespace, None)
            .await
            .map_err(|e| GraphError::checkpoint(&self.thread, e))?;
        Ok(latest.is_none_or(|l| l.checkpoint.id == saved.checkpoint.id))
    }

    /// Keeps what the updates wrote with the base, so that its history shows it as their results.
    async fn keep_writes(
        &self,
        base: &Base,
        tasks: Vec<(String, usize, Vec<Write>)>,
    ) -> Result<(), GraphError> {
        for (task_id, place, writes) in tasks {
            let writes: Vec<_> = writes
                .iter()
                .filter(|(channel, _)| !self.graph.inner.is_untracked(channel))
                .map(|(channel, value)| (channel.to_string(), encode(value)))
                .collect();
            if writes.is_empty() {
                continue;
            }
            self.checkpointer
                .put_writes(PutWrites {
                    thread: self.thread.clone(),
                    namespace: base.namespace.clone(),
                    checkpoint_id: base.checkpoint.id.clone(),
                    task_id,
                    task_path: format!("~__interrupt__, {place:010}"),
                    writes,
                })
                .await
                .map_err(|e| GraphError::checkpoint(&self.thread, e))?;
        }
        Ok(())
    }

    async fn save(
        &self,
        base: Base,
        source: Source,
        step: i64,
        updated: &BTreeSet<Name>,
    ) -> Result<Config, GraphError> {
        let mut metadata = Metadata::new(source, step);
        if let Some(saved) = &base.saved {
            metadata.parents.clone_from(&saved.metadata.parents);
        }
        let before = base.saved.as_ref().map(|s| &s.checkpoint.channel_versions);
        let new_versions = changed(before, &base.checkpoint.channel_versions);
        let mut checkpoint = base.checkpoint;
        checkpoint.id = self.next_id(&checkpoint.id, step);
        checkpoint.ts = crate::checkpoint::now();
        checkpoint.updated_channels = Some(updated.iter().map(ToString::to_string).collect());
        for channel in new_versions.keys() {
            if let Some(value) = base.channels.get(channel).and_then(|c| c.save()) {
                checkpoint
                    .channel_values
                    .insert(channel.clone(), encode(&value));
            }
        }
        let id = checkpoint.id.clone();
        self.put(PutCheckpoint {
            thread: self.thread.clone(),
            namespace: base.namespace.clone(),
            parent_id: base.saved.as_ref().map(|s| s.checkpoint.id.clone()),
            checkpoint,
            metadata,
            new_versions,
        })
        .await?;
        Ok(match &base.saved {
            Some(saved) => address(saved, &id),
            None => Config::thread(&self.thread)
                .in_namespace(base.namespace)
                .at(id),
        })
    }

    async fn put(&self, put: PutCheckpoint) -> Result<(), GraphError> {
        self.checkpointer
            .put(put)
            .await
            .map_err(|e| GraphError::checkpoint(&self.thread, e))
    }

    fn next_id(&self, after: &str, step: i64) -> String {
        self.graph.inner.ids.next(Some(after), step)
    }
}

/// The versions in `now` that differ from those in `before`.
fn changed(
    before: Option<&BTreeMap<String, ChannelVersion>>,
    now: &BTreeMap<String, ChannelVersion>,
) -> BTreeMap<String, ChannelVersion> {
    now.iter()
        .filter(|(channel, version)| before.and_then(|b| b.get(*channel)) != Some(version))
        .map(|(channel, version)| (channel.clone(), version.clone()))
        .collect()
}

/// An update out of the list that is given with a copy: `[values, node]`.
fn update_from_item(item: &Value) -> Result<StateUpdate, GraphError> {
    let Some([values, rest @ ..]) = item.as_array().map(Vec::as_slice) else {
        return Err(GraphError::invalid_update(
            "`__copy__`",
            format!("its updates are lists of values and a node, not `{item}`"),
        ));
    };
    let mut update = StateUpdate::new(values.clone());
    update.as_node = rest.first().and_then(Value::as_str).map(str::to_owned);
    Ok(update)
}

fn update_failure(node: &str, stop: Stop) -> GraphError {
    match stop {
        Stop::Failed(source) => Stop::failure(node, source),
        Stop::Interrupted(_) | Stop::ToParent(_) | Stop::Drained => GraphError::invalid_update(
            format!("node `{node}`"),
            "an update cannot ask and cannot command the parent graph",
        ),
    }
}

//! Updates that stand for what nodes return.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use serde_json::Value;

use super::StateUpdate;
use super::updater::{Base, Updater};
use crate::checkpoint::{ChannelVersion, PutWrites, Source};
use crate::graph::compiled::CompiledNode;
use crate::graph::config::Config;
use crate::graph::error::GraphError;
use crate::graph::names::{NS_END, START};
use crate::graph::node_error::{NodeError, Stop};
use crate::graph::output::NodeOutput;
use crate::graph::run::apply::TaskWrites;
use crate::graph::run::call_site::CallSite;
use crate::graph::run::heart::Heart;
use crate::graph::run::save::encode;
use crate::graph::run::task::{Task, Write, node_namespace, task_id};
use crate::graph::run::values::write_to_save;
use crate::graph::run::writers::writes_of;
use crate::graph::runtime::{Runtime, TaskContext};

impl Updater {
    /// Applies updates as if nodes had returned them.
    pub(super) async fn as_nodes(
        &self,
        mut base: Base,
        updates: Vec<StateUpdate>,
        is_first: bool,
    ) -> Result<Config, GraphError> {
        let mut planned: VecDeque<Task> = self.plan(&base).tasks().into();
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
            let runtime = self.runtime_of(&base, node, &id);
            let mut of_node = writes_of(&self.graph.inner, node, output, &base.channels, &runtime)
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

    /// What the conditional edges of `node` may ask.
    fn runtime_of(&self, base: &Base, node: &CompiledNode, task_id: &str) -> Runtime {
        let namespace = node_namespace(&base.namespace, &node.name);
        Runtime {
            attempt: 1,
            task: Arc::new(TaskContext {
                scope: Arc::clone(&self.scope),
                node: Arc::clone(&node.name),
                task_id: task_id.to_owned(),
                namespace: format!("{namespace}{NS_END}{task_id}"),
                asks_as: String::new(),
                scratchpad: Arc::default(),
                graph_namespace: base.namespace.clone(),
                step: base.step,
                remaining_steps: 2,
                checkpoint_map: BTreeMap::new(),
                draft: None,
                store: self.scope.store_of_task(None),
                resuming: None,
                site: CallSite::default(),
                heart: Heart::within(None).into(),
                slot: Arc::default(),
                failure: None,
            }),
        }
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

    /// Whether the thread has not moved past the base and is not about to, so that what is kept with it can mislead no
    /// other branch.
    async fn is_latest(&self, base: &Base, is_first: bool) -> Result<bool, GraphError> {
        let Some(saved) = &base.saved else {
            return Ok(false);
        };
        if !is_first {
            return Ok(true);
        }
        if self.beside_a_run {
            return Ok(false);
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
                .into_iter()
                .filter_map(|write| write_to_save(&self.graph.inner, write))
                .map(|(channel, value)| (channel.to_string(), encode(&value)))
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

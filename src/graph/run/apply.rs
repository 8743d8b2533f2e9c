//! Applying the writes of a super-step to the channels and to what the checkpoint knows of them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Value;

use crate::checkpoint::{ChannelVersion, Checkpoint};
use crate::graph::channels::Channels;
use crate::graph::channels::live_channel::LiveChannel;
use crate::graph::compiled::Inner;
use crate::graph::error::GraphError;
use crate::graph::names::{
    INPUT, INTERRUPT, NO_WRITES, Name, PUSH, STORE_WRITES, TASKS, is_control,
};
use crate::graph::run::plan::is_triggered;
use crate::graph::run::task::{Task, Write};

/// The writes of one task, or of the input.
pub(in crate::graph) struct TaskWrites {
    path: String,
    name: Name,
    triggers: Vec<Name>,
    writes: Vec<Write>,
}

impl TaskWrites {
    /// Writes that come from outside the super-step: an input, or a command.
    pub(in crate::graph) fn from_input(writes: Vec<Write>) -> Self {
        Self {
            path: "~".into(),
            name: INPUT.into(),
            triggers: Vec::new(),
            writes,
        }
    }

    /// Writes that stand in for those of `node`, as number `place` of an update of the state.
    pub(in crate::graph) fn from_update(node: Name, place: usize, writes: Vec<Write>) -> Self {
        Self {
            path: format!("~{INTERRUPT}, {place:010}"),
            name: node,
            triggers: vec![INTERRUPT.into()],
            writes,
        }
    }
}

impl From<&mut Task> for TaskWrites {
    /// Takes the task's writes.
    fn from(task: &mut Task) -> Self {
        Self {
            path: task.path.to_string(),
            name: Arc::clone(&task.node),
            triggers: task.triggers.clone(),
            writes: std::mem::take(&mut task.writes),
        }
    }
}

/// Applies the writes of `tasks`, ordered by their paths, and returns the channels that changed and
/// have a value.
///
/// All channels that change get the same new version. On an error the channels are left half-changed:
/// the caller drops them.
pub(in crate::graph) fn apply_writes(
    graph: &Inner,
    checkpoint: &mut Checkpoint,
    channels: &mut Channels,
    mut tasks: Vec<TaskWrites>,
) -> Result<BTreeSet<Name>, GraphError> {
    tasks.sort_by(|a, b| a.path.cmp(&b.path));
    let is_step = tasks.iter().any(|task| !task.triggers.is_empty());
    let next = ChannelVersion::next(checkpoint.channel_versions.values().max());

    for task in &tasks {
        let seen = checkpoint
            .versions_seen
            .entry(task.name.to_string())
            .or_default();
        for trigger in &task.triggers {
            if let Some(version) = checkpoint.channel_versions.get(&**trigger) {
                seen.insert(trigger.to_string(), version.clone());
            }
        }
    }
    let bump = |checkpoint: &mut Checkpoint, channel: &Name| {
        let versions = &mut checkpoint.channel_versions;
        versions.insert(channel.to_string(), next.clone());
    };

    let triggers: BTreeSet<&Name> = tasks.iter().flat_map(|task| &task.triggers).collect();
    for trigger in triggers {
        if channels.get_mut(trigger).is_some_and(|c| c.consume()) {
            bump(checkpoint, trigger);
        }
    }

    let mut updated = BTreeSet::new();
    for (name, values) in by_channel(graph, tasks, channels) {
        if let Some(channel) = channels.get_mut(&name)
            && channel
                .update(values)
                .map_err(|e| GraphError::reduce(&name, e))?
        {
            bump(checkpoint, &name);
            if channel.is_available() {
                updated.insert(name);
            }
        }
    }
    if is_step {
        for (name, channel) in channels.iter_mut() {
            if channel.is_available()
                && !updated.contains(name)
                && channel
                    .update(Vec::new())
                    .map_err(|e| GraphError::reduce(name, e))?
            {
                bump(checkpoint, name);
                if channel.is_available() {
                    updated.insert(Arc::clone(name));
                }
            }
        }
    }
    let leads_on = if is_step {
        updated.iter().any(|name| graph.triggers_any(name))
    } else {
        is_anything_due(graph, checkpoint, channels)
    };
    if !leads_on {
        for (name, channel) in channels.iter_mut() {
            if channel.finish() {
                bump(checkpoint, name);
                if channel.is_available() {
                    updated.insert(Arc::clone(name));
                }
            }
        }
    }
    Ok(updated)
}

/// Whether something is to be run that is not deferred. LangGraph does not ask, so a command that goes to a deferred node
/// on a thread that has come to its end leads nowhere there.
fn is_anything_due(graph: &Inner, checkpoint: &Checkpoint, channels: &Channels) -> bool {
    let mut nodes = graph.nodes.iter();
    channels.get(TASKS).is_some_and(LiveChannel::is_available)
        || nodes.any(|node| is_triggered(node, checkpoint, channels))
}

fn by_channel(
    graph: &Inner,
    tasks: Vec<TaskWrites>,
    channels: &Channels,
) -> BTreeMap<Name, Vec<Value>> {
    let mut grouped: BTreeMap<Name, Vec<Value>> = BTreeMap::new();
    for task in tasks {
        for (channel, value) in task.writes {
            if is_control(&channel) || matches!(&*channel, NO_WRITES | PUSH | STORE_WRITES) {
                continue;
            }
            let channel = graph.aliases.get(&*channel).cloned().unwrap_or(channel);
            if channels.get(&channel).is_none() {
                tracing::warn!(
                    node = &*task.name,
                    channel = &*channel,
                    "ignored a write to a channel or node that the graph does not have"
                );
                continue;
            }
            grouped.entry(channel).or_default().push(value);
        }
    }
    grouped
}

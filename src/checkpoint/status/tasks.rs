//! Which tasks a checkpoint leads to, and what became of them, by the names of channels and the paths of writes.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::RunFailure;
use crate::Encoded;
use crate::checkpoint::{CheckpointTuple, PendingWrite};
use crate::msgpack::elements_of_set;

const START: &str = "__start__";
const TRIGGER: &str = "branch:to:";
const JOIN: &str = "join:";
const SENT: &str = "__pregel_tasks";
const ERROR: &str = "__error__";
const HANDLED: &str = "__error_source_node__";
const INTERRUPT: &str = "__interrupt__";
const ANSWER: &str = "__resume__";
/// What a run notes about itself.
pub(super) const RUN: &str = "__run__";
/// The task id of what a command wrote.
const COMMAND: &str = "00000000-0000-0000-0000-000000000000";

/// A task of the super-step that starts at a checkpoint.
pub(super) struct Task {
    pub(super) node: String,
    path: String,
    pub(super) state: TaskState,
}

/// What the pending writes of a task say about it.
#[derive(Clone, Default)]
pub(super) struct TaskState {
    has_finished: bool,
    pub(super) asks: bool,
    error: Option<Value>,
    is_handled: bool,
}

impl TaskState {
    /// Whether it is known why the task has not finished.
    pub(super) fn is_settled(&self) -> bool {
        self.asks || self.error.is_some()
    }
}

impl Task {
    fn new(node: &str, path: String) -> Self {
        Self {
            node: node.to_owned(),
            path,
            state: TaskState::default(),
        }
    }

    pub(super) fn failure(&self) -> Option<RunFailure> {
        let error = self.state.error.as_ref()?;
        let message = error.get("message").and_then(Value::as_str);
        Some(RunFailure {
            node: Some(self.node.clone()),
            message: message.map_or_else(|| error.to_string(), str::to_owned),
        })
    }
}

/// Whether the status of a thread depends on the value of `channel`.
pub(crate) fn is_told_by(channel: &str) -> bool {
    channel == START || channel == SENT || channel.starts_with(TRIGGER) || channel.starts_with(JOIN)
}

/// The tasks that a checkpoint leads to, with what a command has written since: what was sent, then what was triggered.
pub(super) fn planned(latest: &CheckpointTuple) -> Vec<Task> {
    let checkpoint = &latest.checkpoint;
    let of_command = (latest.pending_writes.iter()).filter(|write| write.task_id == COMMAND);
    // What a command sends takes the place of what was sent before.
    let mut sent: Vec<_> = (of_command.clone())
        .filter(|write| write.channel == SENT)
        .map(|write| &write.value)
        .collect();
    if sent.is_empty() {
        sent.extend(checkpoint.channel_values.get(SENT));
    }
    let sent = sent.into_iter().flat_map(sent_nodes);
    let path = |place: usize| format!("~__pregel_push, {place:010}, {:010}", 0);
    let mut tasks: Vec<_> = (sent.enumerate())
        .filter_map(|(place, node)| Some(Task::new(&node?, path(place))))
        .collect();
    let went_to = of_command.filter_map(|write| {
        Some((
            write.channel.strip_prefix(TRIGGER)?,
            deferral(&write.value).1,
        ))
    });
    let (went_to, deferred): (Vec<_>, Vec<_>) = went_to.partition(|(_, is_due)| *is_due);
    let mut triggered: Vec<&str> = Vec::new();
    for (node, _) in went_to {
        if !triggered.contains(&node) {
            triggered.push(node);
        }
    }
    for (channel, value) in &checkpoint.channel_values {
        let Some(node) = triggered_by(channel, value) else {
            continue;
        };
        let seen = checkpoint.versions_seen.get(node);
        let version = checkpoint.channel_versions.get(channel);
        let is_new = version.is_some() && seen.is_none_or(|seen| version > seen.get(channel));
        if is_new && !triggered.contains(&node) {
            triggered.push(node);
        }
    }
    if tasks.is_empty() && triggered.is_empty() {
        // Nothing else is left to run.
        let nodes: BTreeSet<_> = deferred.into_iter().map(|(node, _)| node).collect();
        triggered.extend(nodes);
    }
    let pulled = |node: &&str| Task::new(node, format!("~__pregel_pull, {node}"));
    tasks.extend(triggered.iter().map(pulled));
    tasks
}

/// The nodes that packets are for: one packet, or a list of them. `None` stands for a damaged one.
fn sent_nodes(sent: &Encoded) -> Vec<Option<String>> {
    let packets = match sent.to_json() {
        Ok(Value::Array(packets)) => packets,
        Ok(packet) => vec![packet],
        // Another serializer's. It is only there if something was sent.
        Err(_) => return vec![Some("?".to_owned())],
    };
    let node = |packet: &Value| packet.get("node")?.as_str().map(str::to_owned);
    packets.iter().map(node).collect()
}

/// The node that a channel with this value triggers.
fn triggered_by<'c>(channel: &'c str, value: &Encoded) -> Option<&'c str> {
    if channel == START {
        return Some(START);
    }
    if let Some(node) = channel.strip_prefix(TRIGGER) {
        return deferral(value).1.then_some(node);
    }
    let (starts, node) = channel.strip_prefix(JOIN)?.rsplit_once(':')?;
    is_gathered(starts, value).then_some(node)
}

/// What a deferred channel holds, and whether nothing else is left to run. One that is not deferred holds `None`.
fn deferral(value: &Encoded) -> (Option<Value>, bool) {
    let Ok(Value::Array(pair)) = value.to_json() else {
        return (None, true);
    };
    match <[Value; 2]>::try_from(pair) {
        Ok([held, Value::Bool(is_last)]) => (Some(held), is_last),
        _ => (None, true),
    }
}

/// Whether all nodes of a join have come.
fn is_gathered(starts: &str, value: &Encoded) -> bool {
    let (held, is_last) = deferral(value);
    let come = held.or_else(|| value.to_json().ok());
    let Some(Value::Array(come)) = come.map(elements_of_set) else {
        // Another serializer's. As a rule it is the last node's coming that ends a super-step.
        return true;
    };
    let come: BTreeSet<&str> = come.iter().filter_map(Value::as_str).collect();
    let is_complete = starts.split('+').all(|start| come.contains(start));
    // A node's name may contain a plus. Only those that are waited for come, so the length tells too.
    let length: usize = come.iter().map(|name| name.len() + 1).sum();
    is_last && (is_complete || length == starts.len() + 1)
}

/// The tasks that have not finished, with the handlers of those that failed in their place.
pub(super) fn open(tasks: Vec<Task>, writes: &[PendingWrite]) -> Vec<Task> {
    let mut states: BTreeMap<&str, TaskState> = BTreeMap::new();
    for write in writes.iter().filter(|w| w.channel != RUN) {
        let state = states.entry(&write.task_path).or_default();
        match write.channel.as_str() {
            INTERRUPT => state.asks = !is_empty_list(&write.value),
            ERROR => state.error = Some(error_of(&write.value)),
            HANDLED => state.is_handled = true,
            ANSWER => {}
            _ => state.has_finished = true,
        }
    }
    let mut open = Vec::new();
    let mut handlers = Vec::new();
    for mut task in tasks {
        task.state = states.get(task.path.as_str()).cloned().unwrap_or_default();
        let state = &task.state;
        if state.has_finished {
            continue;
        }
        if state.is_handled && state.error.is_some() {
            let path = format!("{}, node_error_handler, {:010}", task.path, 0);
            let mut handler = Task::new(&format!("__error_handler__{}", task.node), path);
            handler.state = states
                .get(handler.path.as_str())
                .cloned()
                .unwrap_or_default();
            handlers.push(handler);
        } else {
            open.push(task);
        }
    }
    open.extend(handlers.into_iter().filter(|task| !task.state.has_finished));
    open
}

/// Whether what was asked was answered since.
fn is_empty_list(asked: &Encoded) -> bool {
    matches!(asked.to_json(), Ok(Value::Array(asked)) if asked.is_empty())
}

fn error_of(value: &Encoded) -> Value {
    value
        .to_json()
        .unwrap_or_else(|_| format!("an error saved as {}", value.tag()).into())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn encoded(value: Value) -> Encoded {
        Encoded::json(&value)
    }

    #[test]
    fn a_join_is_gathered_when_all_have_come_whatever_they_are_called() {
        let is_gathered = |starts, come| super::is_gathered(starts, &encoded(come));
        assert!(is_gathered("a+b", json!(["b", "a"])));
        assert!(!is_gathered("a+b", json!(["a"])));
        assert!(is_gathered("a+b+c", json!(["c", "a+b"])));
        assert!(!is_gathered("a+b+c", json!(["a+b"])));
        assert!(is_gathered("a+a", json!(["a"])));
        assert!(is_gathered("a+b", json!([["a", "b"], true])));
        assert!(!is_gathered("a+b", json!([["a", "b"], false])));
        let foreign = Encoded::new("msgpack+aes", vec![0x90]);
        assert!(super::is_gathered("a+b", &foreign));
    }

    #[test]
    fn a_deferred_node_is_triggered_when_nothing_else_is_left() {
        let triggered = |channel, value| triggered_by(channel, &encoded(value));
        assert_eq!(triggered("branch:to:a", json!(null)), Some("a"));
        assert_eq!(triggered("branch:to:a", json!([null, false])), None);
        assert_eq!(triggered("branch:to:a", json!([null, true])), Some("a"));
        assert_eq!(triggered("__start__", json!([null, false])), Some(START));
        assert_eq!(triggered("join:a+b:c", json!(["a", "b"])), Some("c"));
        assert_eq!(triggered("join", json!(["a", "b"])), None);
        assert_eq!(triggered("state", json!(1)), None);
    }
}

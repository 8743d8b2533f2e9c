//! Names that the executor reserves, spelled as LangGraph spells them, so that a thread is recognisable
//! to both.

use std::sync::Arc;

/// Where every run begins: an edge from here says which node runs first.
pub const START: &str = "__start__";
/// Where a path ends: an edge to here triggers nothing.
pub const END: &str = "__end__";

/// A channel's or node's name; cloning it is cheap.
pub(super) type Name = Arc<str>;

pub(super) const TASKS: &str = "__pregel_tasks";
pub(super) const INPUT: &str = "__input__";
pub(super) const COPY: &str = "__copy__";
pub(super) const INTERRUPT: &str = "__interrupt__";
pub(super) const RESUME: &str = "__resume__";
pub(super) const ERROR: &str = "__error__";
/// Beside an error: it is handled.
pub(super) const ERROR_SOURCE: &str = "__error_source_node__";
/// What a run notes about itself; LangGraph has no such channel and ignores it.
pub(super) const RUN: &str = "__run__";
pub(super) const NO_WRITES: &str = "__no_writes__";
pub(super) const STORE_WRITES: &str = "__store__";
pub(super) const PULL: &str = "__pregel_pull";
pub(super) const PUSH: &str = "__pregel_push";

/// The task id of writes that come from a command and not from a task.
pub(super) const NULL_TASK_ID: &str = "00000000-0000-0000-0000-000000000000";

/// Separates the levels of a namespace.
pub(super) const NS_SEP: char = '|';
/// Separates a node's name from its task's id within a level of a namespace.
pub(super) const NS_END: char = ':';

/// The channel that triggers a node.
pub(super) fn trigger(node: &str) -> Name {
    format!("branch:to:{node}").into()
}

/// The channel that gathers the nodes of a join.
pub(super) fn join(starts: &[String], end: &str) -> Name {
    format!("join:{}:{end}", starts.join("+")).into()
}

/// The node that handles the failures of `node`.
pub(super) fn error_handler(node: &str) -> Name {
    format!("__error_handler__{node}").into()
}

/// Whether a write to `channel` says what happened to a task instead of what it produced.
pub(super) fn is_control(channel: &str) -> bool {
    matches!(channel, ERROR | ERROR_SOURCE | INTERRUPT | RESUME)
}

/// A namespace without the ids of tasks: where a graph that keeps its own memory saves.
pub(super) fn without_task_ids(namespace: &str) -> String {
    let levels: Vec<&str> = namespace.split(NS_SEP).map(without_task_id).collect();
    levels.join("|")
}

/// Whether a namespace belongs to certain tasks, as opposed to a graph that keeps its own memory.
pub(super) fn has_task_ids(namespace: &str) -> bool {
    namespace
        .split(NS_SEP)
        .any(|level| without_task_id(level) != level)
}

/// A level of a namespace without the id of the task; a key (`:key`) has none.
fn without_task_id(level: &str) -> &str {
    match level.split_once(NS_END) {
        Some((node, _)) if !node.is_empty() => node,
        _ => level,
    }
}

/// The node names along a namespace, outermost first.
pub(super) fn node_path(namespace: &str) -> Vec<&str> {
    namespace
        .split(NS_SEP)
        .filter(|level| !level.bytes().all(|b| b.is_ascii_digit()) && !level.starts_with(NS_END))
        .map(without_task_id)
        .collect()
}

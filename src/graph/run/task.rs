//! [`Task`]: one execution of one node in one super-step, and the ids that name it.
//!
//! The ids are LangGraph's, so that pending writes are recognised by both.

use std::sync::Arc;

use serde_json::Value;
use twox_hash::XxHash3_128;
use uuid::Uuid;

use crate::graph::failed_node::FailedNode;
use crate::graph::names::{NS_SEP, Name, PULL, PUSH};
use crate::graph::run::scratchpad::Scratchpad;
use crate::graph::state::State;

const HANDLER: &str = "node_error_handler";

/// One write of a task: a channel and a value.
pub(in crate::graph) type Write = (Name, Value);

/// What brought a task about. Its text orders the tasks of a super-step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::graph) enum TaskPath {
    /// An edge triggered the node.
    Pull(Name),
    /// It was sent, as the n-th of its super-step.
    Push(usize),
    /// The task with this path failed, and its node has an error handler.
    Handler(Box<TaskPath>),
}

impl std::fmt::Display for TaskPath {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Pull(node) => write!(f, "~{PULL}, {node}"),
            Self::Push(place) => write!(f, "~{PUSH}, {place:010}, {:010}", 0),
            Self::Handler(failed) => write!(f, "{failed}, {HANDLER}, {:010}", 0),
        }
    }
}

/// One execution of a node.
#[derive(Clone, Debug)]
pub(in crate::graph) struct Task {
    pub(in crate::graph) id: String,
    pub(in crate::graph) node: Name,
    pub(in crate::graph) path: TaskPath,
    pub(in crate::graph) triggers: Vec<Name>,
    pub(in crate::graph) input: State,
    /// Where the task's subgraphs save.
    pub(in crate::graph) namespace: String,
    pub(in crate::graph) scratchpad: Arc<Scratchpad>,
    /// What it wrote; not empty once it has finished.
    pub(in crate::graph) writes: Vec<Write>,
    /// What it is to handle, if its node is an error handler.
    pub(in crate::graph) failure: Option<Arc<FailedNode>>,
}

/// The namespace of `node` within the graph that saves in `parent`.
pub(in crate::graph) fn node_namespace(parent: &str, node: &str) -> String {
    if parent.is_empty() {
        node.to_owned()
    } else {
        format!("{parent}{NS_SEP}{node}")
    }
}

/// The id of a task: a hash of its checkpoint and of `parts`, written as a UUID.
pub(in crate::graph) fn task_id(checkpoint_id: &str, parts: &[&str]) -> String {
    let mut bytes = match Uuid::try_parse(checkpoint_id) {
        Ok(id) => id.as_bytes().to_vec(),
        Err(_) => checkpoint_id.as_bytes().to_vec(),
    };
    for part in parts {
        bytes.extend_from_slice(part.as_bytes());
    }
    Uuid::from_u128(XxHash3_128::oneshot(&bytes)).to_string()
}

/// The id of a task that an edge triggered.
pub(in crate::graph) fn pull_task_id(
    checkpoint_id: &str,
    namespace: &str,
    step: i64,
    node: &str,
    triggers: &[Name],
) -> String {
    let step = step.to_string();
    let mut parts = vec![namespace, &step, node, PULL];
    parts.extend(triggers.iter().map(|t| &**t));
    task_id(checkpoint_id, &parts)
}

/// The id of a task that was sent as number `place` of its super-step.
pub(in crate::graph) fn push_task_id(
    checkpoint_id: &str,
    namespace: &str,
    step: i64,
    node: &str,
    place: usize,
) -> String {
    let (step, place) = (step.to_string(), place.to_string());
    task_id(checkpoint_id, &[namespace, &step, node, PUSH, &place])
}

/// The id of the task that handles the failure of the task `failed`.
pub(in crate::graph) fn handler_task_id(
    checkpoint_id: &str,
    namespace: &str,
    step: i64,
    handler: &str,
    failed: &str,
) -> String {
    let step = step.to_string();
    let parts = [namespace, &step, handler, PUSH, HANDLER, failed];
    task_id(checkpoint_id, &parts)
}

/// The id of the question that a task asks after `answered` ones were answered.
pub(in crate::graph) fn interrupt_id(task_namespace: &str, answered: usize) -> String {
    let hash = if answered == 0 {
        XxHash3_128::oneshot(task_namespace.as_bytes())
    } else {
        XxHash3_128::oneshot(format!("{task_namespace}{NS_SEP}{answered}").as_bytes())
    };
    format!("{hash:032x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHECKPOINT: &str = "1efeb7a1-0000-6000-8000-000000000001";
    const AGENT: &str = "40c4546b-9073-4015-bbf7-58e4b7c004b8";

    #[test]
    fn task_ids_are_those_of_langgraph() {
        let triggers = ["branch:to:agent".into()];
        assert_eq!(
            pull_task_id(CHECKPOINT, "agent", 3, "agent", &triggers),
            AGENT
        );
        assert_eq!(
            push_task_id(CHECKPOINT, "w", 1, "w", 0),
            "37ac2062-a848-51b3-c063-88374a8a6564"
        );
        assert_eq!(
            handler_task_id(
                "1f1e5617-7be1-6a82-8000-e4076641d459",
                "a:843544fd-b6c6-c12a-af35-d5740c50b201|__error_handler__a",
                1,
                "__error_handler__a",
                "843544fd-b6c6-c12a-af35-d5740c50b201"
            ),
            "a6701ec9-0eb5-17de-3712-2a564320832c"
        );
        // Of a task that a workflow called; only LangGraph has those.
        let parts = [
            "wf:b6016846-b213-449c-ee6c-37a1638919ec|add",
            "3",
            "add",
            PUSH,
            "~__pregel_pull, wf",
            "0",
        ];
        assert_eq!(
            task_id(CHECKPOINT, &parts),
            "23184208-8eef-c657-d374-a3eb353a73c2"
        );
    }

    #[test]
    fn interrupt_ids_are_those_of_langgraph() {
        let namespace = format!("agent:{AGENT}");
        assert_eq!(
            interrupt_id(&namespace, 0),
            "b88da76fa048fe8089a28e9031297b11"
        );
        assert_eq!(
            interrupt_id(&namespace, 1),
            "860d61ff59f56dca479f1eb6339366c1"
        );
    }

    #[test]
    fn task_paths_are_written_as_langgraph_writes_them() {
        assert_eq!(
            TaskPath::Pull("agent".into()).to_string(),
            "~__pregel_pull, agent"
        );
        assert_eq!(
            TaskPath::Push(1).to_string(),
            "~__pregel_push, 0000000001, 0000000000"
        );
        assert_eq!(
            TaskPath::Handler(Box::new(TaskPath::Pull("a".into()))).to_string(),
            "~__pregel_pull, a, node_error_handler, 0000000000"
        );
    }
}

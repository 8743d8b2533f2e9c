//! What the saved writes of a super-step say about its tasks.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};

use crate::checkpoint::PendingWrite;
use crate::graph::error::GraphError;
use crate::graph::interrupt::Interrupt;
use crate::graph::names::{ERROR, ERROR_SOURCE, INTERRUPT, NULL_TASK_ID, Name, RUN, is_control};
use crate::graph::run::task::{Task, Write};
use crate::graph::thread::snapshot::TaskError;

/// A saved write, decoded.
#[derive(Clone, Debug)]
pub(in crate::graph) struct Pending {
    pub(in crate::graph) task_id: String,
    pub(in crate::graph) channel: Name,
    pub(in crate::graph) value: Value,
}

impl Pending {
    pub(in crate::graph) fn read_all(
        saved: &[PendingWrite],
        checkpoint: &str,
    ) -> Result<Vec<Self>, GraphError> {
        let read = |write: &PendingWrite| {
            let value = write
                .value
                .to_state()
                .map_err(|e| GraphError::unreadable(&write.channel, checkpoint, e.to_string()))?;
            Ok(Self {
                task_id: write.task_id.clone(),
                channel: write.channel.as_str().into(),
                value,
            })
        };
        let of_tasks = saved.iter().filter(|write| write.channel != RUN);
        of_tasks.map(read).collect()
    }
}

/// What commands wrote that belongs to no task.
pub(in crate::graph) fn writes_of_commands(pending: &[Pending]) -> Vec<Write> {
    let of_commands = pending.iter().filter(|w| w.task_id == NULL_TASK_ID);
    of_commands
        .map(|w| (Arc::clone(&w.channel), w.value.clone()))
        .collect()
}

/// What the saved writes say about one task.
///
/// A task has finished if and only if it has an output write; one that produced nothing has a marker
/// in its place. An interrupt waits for an answer only while its task is unfinished.
#[derive(Clone, Debug, Default)]
pub(in crate::graph) struct TaskStatus {
    pub(in crate::graph) output: Vec<Write>,
    pub(in crate::graph) interrupts: Vec<Interrupt>,
    pub(in crate::graph) error: Option<TaskError>,
    /// The ids of questions that were answered before it failed.
    pub(in crate::graph) answered: Vec<String>,
    /// Whether the error was handed to a handler.
    pub(in crate::graph) handled: bool,
}

impl TaskStatus {
    pub(in crate::graph) fn finished(&self) -> bool {
        !self.output.is_empty()
    }

    /// Whether it asked and has not finished since.
    pub(in crate::graph) fn waits(&self) -> bool {
        !self.finished() && !self.interrupts.is_empty()
    }

    /// What `task`, whose status this is, asked and nobody has answered. A task that failed after it was answered still has
    /// its question among its writes.
    pub(in crate::graph) fn open_questions(&self, task: &Task) -> Vec<Interrupt> {
        if self.finished() || !task.writes.is_empty() {
            return Vec::new();
        }
        let failed = self.error.is_some();
        let is_open = |asked: &&Interrupt| {
            !self.answered.contains(&asked.id) && !task.scratchpad.has_answer_to(&asked.id, failed)
        };
        self.interrupts.iter().filter(is_open).cloned().collect()
    }
}

/// The status of every task that has saved writes, by its id.
pub(in crate::graph) fn read_statuses(pending: &[Pending]) -> BTreeMap<&str, TaskStatus> {
    let mut statuses: BTreeMap<&str, TaskStatus> = BTreeMap::new();
    for write in pending.iter().filter(|w| w.task_id != NULL_TASK_ID) {
        let status = statuses.entry(&write.task_id).or_default();
        match &*write.channel {
            INTERRUPT => status.interrupts = Interrupt::read_all(&write.value),
            ERROR => {
                status.error = Some(read_error(&write.value));
                status.answered = answered_in(&write.value);
            }
            ERROR_SOURCE => status.handled = true,
            control if is_control(control) => {}
            _ => status
                .output
                .push((write.channel.clone(), write.value.clone())),
        }
    }
    statuses
}

/// A task's error as it is saved.
pub(in crate::graph) fn write_error(error: &GraphError) -> Value {
    let TaskError { kind, message } = show_error(error);
    json!({"kind": kind, "message": message})
}

/// The key under which an error has the ids of questions that were answered before.
const ANSWERED: &str = "answered";

/// A saved error, with the ids of the questions that were answered before.
pub(in crate::graph) fn with_answered(mut error: Value, answered: Vec<String>) -> Value {
    if let (Value::Object(entries), false) = (&mut error, answered.is_empty()) {
        entries.insert(ANSWERED.into(), answered.into());
    }
    error
}

fn answered_in(error: &Value) -> Vec<String> {
    let ids = error.get(ANSWERED).and_then(Value::as_array);
    let ids = ids.into_iter().flatten().filter_map(Value::as_str);
    ids.map(str::to_owned).collect()
}

/// A task's error as it is shown.
pub(in crate::graph) fn show_error(error: &GraphError) -> TaskError {
    TaskError {
        kind: error.kind().as_str().to_owned(),
        message: error.node_message().unwrap_or_else(|| error.to_string()),
    }
}

/// What was saved of a task's error.
pub(in crate::graph) fn read_error(saved: &Value) -> TaskError {
    let text = |key: &str| saved.get(key).and_then(Value::as_str).map(str::to_owned);
    TaskError {
        kind: text("kind").unwrap_or_else(|| "node_error".into()),
        message: text("message").unwrap_or_else(|| match saved {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        }),
    }
}

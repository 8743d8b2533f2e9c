//! [`ThreadStatus`]: whether a thread has something left to do, told from its latest root checkpoint alone.
//!
//! Names and forms are those that the executor writes. This module must never know a compiled graph:
//! that is what it is for.

mod tasks;

use serde::{Deserialize, Serialize};

use crate::checkpoint::{CheckpointTuple, Source};

pub(crate) use tasks::is_told_by;
use tasks::{RUN, Task};

/// Whether a thread has something left to do, and whom that waits for.
///
/// ```
/// # use stepwell::checkpoint::{CheckpointError, Checkpointer, MemorySaver, ThreadStatus};
/// # async fn look(saver: MemorySaver) -> Result<(), CheckpointError> {
/// if let Some(latest) = saver.get("thread-1", "", None).await? {
///     match ThreadStatus::of(&latest) {
///         ThreadStatus::Idle => println!("it has come to its end"),
///         ThreadStatus::Interrupted { next, .. } => println!("somebody has to let {next:?} go on"),
///         ThreadStatus::Unfinished { next, .. } => println!("{next:?} is still to run"),
///     }
/// }
/// # Ok(()) }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "status", rename_all = "snake_case")]
pub enum ThreadStatus {
    /// Its last run has come to its end.
    Idle,
    /// It waits for somebody.
    Interrupted {
        /// What for.
        waits_for: Awaited,
        /// The nodes that are still to run, one entry per task.
        next: Vec<String>,
    },
    /// Its last run has not come to its end: it failed or was cut off, or it goes on now.
    Unfinished {
        /// How it failed; `None` if it did not.
        failure: Option<RunFailure>,
        /// The nodes that are still to run, one entry per task.
        next: Vec<String>,
    },
}

/// A [`ThreadStatus`] without what it says beside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StatusKind {
    /// [`ThreadStatus::Idle`].
    Idle,
    /// [`ThreadStatus::Interrupted`].
    Interrupted,
    /// [`ThreadStatus::Unfinished`].
    Unfinished,
}

/// What an interrupted thread waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Awaited {
    /// The answer to a question that a node asks.
    Answer,
    /// That somebody lets it pass a breakpoint.
    Breakpoint,
    /// A run, after an update of the state from outside.
    Run,
}

/// How the last run of a thread failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunFailure {
    /// The node that failed; `None` if it was the run itself.
    pub node: Option<String>,
    /// What the error says.
    pub message: String,
}

impl ThreadStatus {
    /// The status of the thread whose latest root checkpoint this is.
    ///
    /// What Stepwell's executor notes about a run is taken into account. Of a thread that LangGraph wrote it
    /// cannot be told whether it stopped at a breakpoint or was cut off; it counts as cut off. A task that was sent to a
    /// node which its graph does not have counts as still to run.
    pub fn of(latest: &CheckpointTuple) -> Self {
        let tasks = tasks::planned(latest);
        if tasks.is_empty() {
            return Self::Idle;
        }
        let planned: Vec<_> = tasks.iter().map(|task| task.node.clone()).collect();
        let open = tasks::open(tasks, &latest.pending_writes);
        let note = Note::of(latest);
        let next = match note {
            // The step failed as a whole, once all its tasks had finished: none of their writes counts.
            Some(Note::Failed(_)) if open.is_empty() => planned,
            _ => open.iter().map(|task| task.node.clone()).collect(),
        };
        let waits_for = match note {
            Some(Note::Stopped {}) => Some(Awaited::Breakpoint),
            None if is_prepared(latest) => Some(Awaited::Run),
            _ => None,
        };
        if let Some(waits_for) = waits_for {
            let asks = open.iter().any(|task| task.state.asks);
            let waits_for = if asks { Awaited::Answer } else { waits_for };
            return Self::Interrupted { waits_for, next };
        }
        let failure = match note {
            Some(Note::Failed(failure)) => Some(failure),
            Some(_) => None,
            None if open.is_empty() || open.iter().any(|task| !task.state.is_settled()) => None,
            None => match open.iter().find_map(Task::failure) {
                Some(failure) => Some(failure),
                None => {
                    let waits_for = Awaited::Answer;
                    return Self::Interrupted { waits_for, next };
                }
            },
        };
        Self::Unfinished { failure, next }
    }

    /// Which one it is.
    pub fn kind(&self) -> StatusKind {
        match self {
            Self::Idle => StatusKind::Idle,
            Self::Interrupted { .. } => StatusKind::Interrupted,
            Self::Unfinished { .. } => StatusKind::Unfinished,
        }
    }

    /// `idle`, `interrupted` or `unfinished`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Interrupted { .. } => "interrupted",
            Self::Unfinished { .. } => "unfinished",
        }
    }

    /// The nodes that are still to run, one entry per task.
    pub fn next(&self) -> &[String] {
        match self {
            Self::Idle => &[],
            Self::Interrupted { next, .. } | Self::Unfinished { next, .. } => next,
        }
    }
}

/// What a run noted about itself.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Note {
    Running {},
    Stopped {},
    Failed(RunFailure),
}

impl Note {
    fn of(latest: &CheckpointTuple) -> Option<Self> {
        let note = latest.pending_writes.iter().find(|w| w.channel == RUN)?;
        serde_json::from_value(note.value.to_json().ok()?).ok()
    }
}

/// Whether an update of the state made the checkpoint.
fn is_prepared(latest: &CheckpointTuple) -> bool {
    matches!(latest.metadata.source, Some(Source::Update | Source::Fork))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn as_json_it_has_stable_names() {
        let next = vec!["a".to_owned()];
        let interrupted = ThreadStatus::Interrupted {
            waits_for: Awaited::Breakpoint,
            next,
        };
        let shown = [ThreadStatus::Idle, interrupted].map(|s| serde_json::to_value(s).unwrap());
        let expected = [
            json!({"status": "idle"}),
            json!({"status": "interrupted", "waits_for": "breakpoint", "next": ["a"]}),
        ];
        assert_eq!(shown, expected);
    }
}

//! [`RunMark`]: what a run notes with a checkpoint about itself, where the checkpoint and the writes of its tasks
//! do not say it.
//!
//! A checkpoint with tasks that are not done looks the same whether the process died, the run stopped at a
//! breakpoint, or an update of the state prepared it for a run to come. The mark tells them apart. It is a
//! write of no task, and stands in the log before the checkpoint, so neither is there without the other.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::checkpoint::CheckpointTuple;
use crate::graph::config::Breakpoints;
use crate::graph::names::RUN;

/// The task id of marks.
pub(in crate::graph) const RUN_TASK_ID: &str = "00000000-0000-0000-0000-000000000001";

/// By interrupt id.
type Answers = BTreeMap<String, Value>;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(in crate::graph) enum RunMark {
    /// A run goes on from here.
    Running {
        /// Its own breakpoints, in place of the graph's.
        #[serde(default)]
        before: Breakpoints,
        #[serde(default)]
        after: Breakpoints,
        /// The answers that it was given.
        #[serde(default)]
        answers: Answers,
    },
    /// Somebody has to say so before a run goes on from here.
    Stopped {
        /// Whether it is for a breakpoint of this graph, as opposed to one of a subgraph.
        here: bool,
        /// As of a run that goes on: nothing has to have used them.
        #[serde(default, skip_serializing_if = "Answers::is_empty")]
        answers: Answers,
    },
    /// A run failed here.
    Failed {
        /// The node that failed, if it was one.
        node: Option<String>,
        /// What the error says.
        message: String,
        /// As of a run that goes on: nothing has to have used them.
        #[serde(default, skip_serializing_if = "Answers::is_empty")]
        answers: Answers,
    },
}

impl RunMark {
    pub(in crate::graph) fn of(saved: &CheckpointTuple) -> Option<Self> {
        let mark = saved.pending_writes.iter().find(|w| w.channel == RUN)?;
        serde_json::from_value(mark.value.to_json().ok()?).ok()
    }

    /// The answers by id that the run was given.
    pub(in crate::graph) fn answers(&self) -> &BTreeMap<String, Value> {
        match self {
            Self::Running { answers, .. }
            | Self::Stopped { answers, .. }
            | Self::Failed { answers, .. } => answers,
        }
    }

    pub(in crate::graph) fn to_value(&self) -> Value {
        serde_json::to_value(self).unwrap_or_default()
    }
}

//! [`UnfinishedThread`]: a thread whose last run has not come to its end.

use crate::checkpoint::{CheckpointTuple, Source};
use crate::graph::channels::Channels;
use crate::graph::compiled::CompiledGraph;
use crate::graph::error::GraphError;
use crate::graph::names::without_task_ids;
use crate::graph::run::apply::{TaskWrites, apply_writes};
use crate::graph::run::plan::Plan;
use crate::graph::run::run_mark::RunMark;
use crate::graph::run::task_status::{Pending, TaskStatus, read_statuses, writes_of_commands};

/// A thread whose last run has not come to its end, as [`CompiledGraph::unfinished`] finds it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct UnfinishedThread {
    /// The thread.
    pub thread: String,
    /// The checkpoint at which it stands.
    pub checkpoint_id: String,
    /// The nodes that are still to run, one entry per task.
    pub next: Vec<String>,
    /// What became of its last run.
    pub reason: UnfinishedReason,
}

/// What became of the last run of a thread.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum UnfinishedReason {
    /// It was cut off: the process died, the run was dropped, or it was asked to stop
    /// ([`StopSignal`](crate::graph::StopSignal)) and had work left.
    CutOff,
    /// It failed. Continuing it runs what failed again.
    Failed {
        /// The node that failed; `None` if it was the run itself, such as one that reached its recursion limit.
        node: Option<String>,
        /// What the error says.
        message: String,
    },
    /// Its latest checkpoint cannot be read by this graph, so it is not known.
    Unreadable {
        /// Why not.
        message: String,
    },
}

impl UnfinishedReason {
    /// Whether the run was cut off.
    pub fn is_cut_off(&self) -> bool {
        matches!(self, Self::CutOff)
    }
}

impl CompiledGraph {
    /// What is unfinished about the thread whose latest checkpoint this is, if anything.
    pub(in crate::graph) fn inspect(&self, saved: &CheckpointTuple) -> Option<UnfinishedThread> {
        self.try_inspect(saved).unwrap_or_else(|error| {
            Some(UnfinishedThread {
                thread: saved.thread.clone(),
                checkpoint_id: saved.checkpoint.id.clone(),
                next: Vec::new(),
                reason: UnfinishedReason::Unreadable {
                    message: error.to_string(),
                },
            })
        })
    }

    fn try_inspect(&self, saved: &CheckpointTuple) -> Result<Option<UnfinishedThread>, GraphError> {
        let graph = &*self.inner;
        if let Some(stranger) = self.stranger_in(saved) {
            tracing::debug!(
                thread = saved.thread,
                stranger,
                "passed over a thread that mentions what this graph does not have"
            );
            return Ok(None);
        }
        let mark = RunMark::of(saved);
        if let Some(RunMark::Stopped { .. }) = mark {
            return Ok(None);
        }
        let mut checkpoint = saved.checkpoint.clone();
        let mut channels = Channels::restore(&graph.channels, &checkpoint)?;
        let pending = Pending::read_all(&saved.pending_writes, &checkpoint.id)?;
        let mut went_to = writes_of_commands(&pending);
        // The state may not be there, and what a command does to it brings no task about.
        went_to.retain(|(channel, _)| graph.triggers_any(channel));
        if !went_to.is_empty() {
            let writes = vec![TaskWrites::from_input(went_to)];
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
        if tasks.is_empty() {
            return Ok(None);
        }
        let statuses = read_statuses(&pending);
        plan.resume(&mut tasks, &statuses);
        let unstarted = TaskStatus::default();
        let open: Vec<_> = tasks
            .iter()
            .filter(|task| task.writes.is_empty())
            .map(|task| {
                (
                    &*task.node,
                    statuses.get(task.id.as_str()).unwrap_or(&unstarted),
                )
            })
            .collect();
        let reason = match mark {
            Some(RunMark::Failed { node, message, .. }) => {
                UnfinishedReason::Failed { node, message }
            }
            Some(_) => UnfinishedReason::CutOff,
            None if is_prepared(saved) => return Ok(None),
            None => match reason_of(&open) {
                Some(reason) => reason,
                None => return Ok(None),
            },
        };
        Ok(Some(UnfinishedThread {
            thread: saved.thread.clone(),
            checkpoint_id: saved.checkpoint.id.clone(),
            next: if open.is_empty() {
                // The step failed as a whole, once all its tasks had finished: none of their writes counts.
                tasks.iter().map(|task| task.node.to_string()).collect()
            } else {
                open.iter().map(|(node, _)| (*node).to_owned()).collect()
            },
            reason,
        }))
    }

    /// A channel or node that the checkpoint mentions and this graph does not have.
    fn stranger_in<'s>(&self, saved: &'s CheckpointTuple) -> Option<&'s str> {
        let graph = &*self.inner;
        let mut channels = saved.checkpoint.channel_versions.keys();
        let channel = channels.find(|channel| !graph.channels.contains_key(channel.as_str()));
        let mut nodes = saved.checkpoint.versions_seen.keys();
        let is_own = |node: &str| node.starts_with("__") || graph.node(node).is_some();
        let node = nodes.find(|node| !is_own(&without_task_ids(node)));
        channel.or(node).map(String::as_str)
    }
}

/// Whether an update of the state made the checkpoint, and no run has begun from it.
fn is_prepared(saved: &CheckpointTuple) -> bool {
    matches!(saved.metadata.source, Some(Source::Update | Source::Fork))
}

/// Why the tasks that have not finished have not; `None` if they wait for answers.
fn reason_of(open: &[(&str, &TaskStatus)]) -> Option<UnfinishedReason> {
    let is_settled = |status: &TaskStatus| status.error.is_some() || !status.interrupts.is_empty();
    if open.is_empty() || open.iter().any(|(_, status)| !is_settled(status)) {
        return Some(UnfinishedReason::CutOff);
    }
    open.iter().find_map(|(node, status)| {
        let error = status.error.as_ref()?;
        Some(UnfinishedReason::Failed {
            node: Some((*node).to_owned()),
            message: error.message.clone(),
        })
    })
}

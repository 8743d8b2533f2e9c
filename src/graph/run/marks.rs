//! When a run marks the checkpoints that it makes, continues from, or ends at.

use std::collections::BTreeMap;

use serde_json::Value;

use super::Run;
use crate::checkpoint::Source;
use crate::graph::config::{Breakpoints, Durability};
use crate::graph::error::GraphError;
use crate::graph::names::{ERROR, INTERRUPT, RUN};
use crate::graph::node_error::Stop;
use crate::graph::run::plan::Plan;
use crate::graph::run::run_mark::{RUN_TASK_ID, RunMark};

impl Run {
    /// Whether the run continues one that was cut off and has got no further than a breakpoint here.
    pub(super) fn waits_here(&self) -> bool {
        let stopped_here = matches!(self.mark, Some(RunMark::Stopped { here: true, .. }));
        self.scope.config.recovers.is_some() && stopped_here
    }

    /// Marks a checkpoint that the run continues from, if it would not be seen otherwise that it does.
    pub(super) fn mark_continued(&mut self) {
        if self.durability == Durability::Exit || self.waits_here() {
            return;
        }
        let copied = matches!(self.metadata.source, Some(Source::Update | Source::Fork));
        let settled = |channel: &str| matches!(channel, INTERRUPT | ERROR);
        let is_due = match (&self.parent, &self.mark) {
            (Some(_), mark) => matches!(mark, Some(RunMark::Stopped { .. })),
            (None, Some(_)) => true,
            (None, None) => {
                copied
                    || self.has_breakpoints_of_call()
                    || self.pending.iter().any(|w| settled(&w.channel))
            }
        };
        if is_due {
            self.put_mark(self.running());
        }
    }

    /// Marks the checkpoint that is about to be saved, if the run will stop there or it would not be seen
    /// otherwise that it goes on.
    pub(super) fn mark_next(&mut self, source: Source) {
        self.mark = None;
        if self.foresees_breakpoint() {
            self.put_mark(self.stopped(true));
        } else if source == Source::Fork || self.has_breakpoints_of_call() {
            self.put_mark(self.running());
        }
    }

    /// Marks the checkpoint at which the run ends without being finished.
    pub(super) fn mark_end(&mut self, outcome: Result<(), &Stop>) {
        let is_root = self.parent.is_none();
        let saves_nothing = self.checkpoint.channel_versions.is_empty();
        let mark = match outcome {
            // A run that was asked to stop goes on like one that was cut off.
            Ok(()) | Err(Stop::ToParent(_)) => None,
            _ if saves_nothing || !self.begun => None,
            Err(Stop::Interrupted(asked)) => {
                let shows = is_root && self.mark.is_none() && !asked.is_empty();
                let here = self.stopped_here;
                (!shows && (is_root || here)).then(|| self.stopped(here))
            }
            // Somebody will want it to go on, such as the process that follows the one that drains.
            Err(Stop::Drained) => is_root.then(|| self.running()),
            Err(Stop::Failed(source)) => {
                let error = Stop::failure("", std::sync::Arc::clone(source));
                let saving = matches!(error, GraphError::Checkpoint { .. });
                (is_root && !saving).then(|| self.failed(&error))
            }
        };
        if let Some(mark) = mark
            && self.mark.as_ref() != Some(&mark)
        {
            self.put_mark(mark);
        }
    }

    fn put_mark(&mut self, mark: RunMark) {
        if let Some(saver) = &mut self.saver {
            let write = [(RUN.into(), mark.to_value())];
            saver.put_writes(&self.checkpoint.id, RUN_TASK_ID, String::new(), &write);
            self.mark = Some(mark);
        }
    }

    fn running(&self) -> RunMark {
        let config = &self.scope.config;
        RunMark::Running {
            before: config.interrupt_before.clone(),
            after: config.interrupt_after.clone(),
            answers: self.answers_by_id(),
        }
    }

    fn stopped(&self, here: bool) -> RunMark {
        RunMark::Stopped {
            here,
            answers: self.answers_by_id(),
        }
    }

    fn failed(&self, error: &GraphError) -> RunMark {
        let (node, message) = match error {
            GraphError::Node { node, source } => (Some(node.clone()), source.to_string()),
            error => (None, error.to_string()),
        };
        RunMark::Failed {
            node,
            message,
            answers: self.answers_by_id(),
        }
    }

    fn answers_by_id(&self) -> BTreeMap<String, Value> {
        self.scope.answers.as_deref().cloned().unwrap_or_default()
    }

    fn has_breakpoints_of_call(&self) -> bool {
        let config = &self.scope.config;
        self.parent.is_none()
            && (config.interrupt_before != Breakpoints::None
                || config.interrupt_after != Breakpoints::None)
    }

    /// Whether the run will stop at the checkpoint that it has just made.
    fn foresees_breakpoint(&self) -> bool {
        if self.stops_at(&self.interrupt_after, &self.tasks) {
            return true;
        }
        if self.interrupt_before == Breakpoints::None {
            return false;
        }
        let next = Plan {
            graph: &self.graph,
            checkpoint: &self.checkpoint,
            channels: &self.channels,
            pending: &[],
            namespace: &self.namespace,
            step: self.step + 1,
            answers: None,
            within: None,
        };
        self.stops_at(&self.interrupt_before, &next.tasks())
    }
}

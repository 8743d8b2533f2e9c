//! Error handlers: from the failure of a node to the task that takes its place.
//!
//! The failure is durable before the handler starts. A thread that is cut off in between goes
//! straight to the handler when it is continued.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::graph::error::GraphError;
use crate::graph::failed_node::FailedNode;
use crate::graph::names::{ERROR, ERROR_SOURCE};
use crate::graph::node_error::Stop;
use crate::graph::run::Run;
use crate::graph::run::plan::Plan;
use crate::graph::run::task::{Task, Write};
use crate::graph::run::task_status::{TaskStatus, read_error, write_error};

/// What is kept of a task whose failure is handled.
pub(in crate::graph) fn failure_writes(task: &Task, error: &GraphError) -> Vec<Write> {
    vec![
        (ERROR.into(), write_error(error)),
        (ERROR_SOURCE.into(), (&*task.node).into()),
    ]
}

impl Run {
    /// Adds the task that handles the failure of the one at `place`, which has been kept, and returns the new
    /// one's place.
    pub(in crate::graph) async fn hand_over(
        &mut self,
        place: usize,
        error: GraphError,
    ) -> Result<Option<usize>, Stop> {
        if let Some(saver) = &mut self.saver {
            saver.flush().await?;
        }
        let Some(failed) = self.tasks.get(place) else {
            return Ok(None);
        };
        let failure = FailedNode::new(&failed.node, read_error(&write_error(&error)), Some(error));
        let Some(handler) = self.next_plan().handler(failed, failure) else {
            return Ok(None);
        };
        let place = self.tasks.len();
        self.tasks.push(handler);
        Ok(Some(place))
    }
}

impl Plan<'_> {
    /// Gives tasks what they wrote before, and adds the handlers of those that had failed by then.
    pub(in crate::graph) fn resume(
        &self,
        tasks: &mut Vec<Task>,
        statuses: &BTreeMap<&str, TaskStatus>,
    ) {
        let mut handlers = Vec::new();
        for task in &mut *tasks {
            let Some(status) = statuses.get(task.id.as_str()) else {
                continue;
            };
            task.writes.clone_from(&status.output);
            let handled = status.handled && !status.finished();
            let Some(error) = status.error.as_ref().filter(|_| handled) else {
                continue;
            };
            let failure = FailedNode::new(&task.node, error.clone(), None);
            if let Some(mut handler) = self.handler(task, failure) {
                if let Some(status) = statuses.get(handler.id.as_str()) {
                    handler.writes.clone_from(&status.output);
                }
                handlers.push(handler);
                // It has had its turn.
                task.writes = vec![(ERROR_SOURCE.into(), (&*task.node).into())];
            }
        }
        tasks.extend(handlers);
    }

    /// The task that handles the failure of `failed`, if its node has a handler.
    fn handler(&self, failed: &Task, failure: FailedNode) -> Option<Task> {
        let name = self.graph.node(&failed.node)?.on_error.as_ref()?;
        let node = self.graph.node(name)?;
        let mut task = self.handler_task(failed, node);
        task.failure = Some(Arc::new(failure));
        Some(task)
    }
}

//! [`Stops`]: what kept the tasks of a super-step from finishing, and which of it counts.

use std::collections::BTreeMap;

use crate::graph::command::Command;
use crate::graph::error::GraphError;
use crate::graph::interrupt::Interrupt;
use crate::graph::node_error::Stop;

/// What kept the tasks of a super-step from finishing.
#[derive(Default)]
pub(in crate::graph) struct Stops {
    failure: Option<GraphError>,
    /// By the paths of the tasks, in whose order they are applied.
    to_parent: BTreeMap<String, Vec<Command>>,
    interrupts: Option<Vec<Interrupt>>,
    drained: bool,
}

impl Stops {
    /// Notes what stopped the task with this path.
    pub(in crate::graph) fn note(&mut self, path: String, stop: Stop) {
        match stop {
            Stop::Failed(source) => {
                self.failure.get_or_insert(Stop::failure("", source));
            }
            Stop::ToParent(commands) => {
                self.to_parent.insert(path, commands);
            }
            Stop::Interrupted(interrupts) => {
                self.interrupts.get_or_insert_default().extend(interrupts);
            }
            Stop::Drained => self.drained = true,
        }
    }

    pub(in crate::graph) fn into_result(self) -> Result<(), Stop> {
        let to_parent: Vec<_> = self.to_parent.into_values().flatten().collect();
        match (self.failure, self.interrupts) {
            (Some(error), _) => Err(error.into()),
            (None, _) if !to_parent.is_empty() => Err(Stop::ToParent(to_parent)),
            (None, Some(interrupts)) => Err(Stop::Interrupted(interrupts)),
            (None, None) if self.drained => Err(Stop::Drained),
            (None, None) => Ok(()),
        }
    }
}

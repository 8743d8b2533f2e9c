//! [`Stops`]: what kept the tasks of a super-step from finishing, and which of it counts.

use crate::graph::command::Command;
use crate::graph::error::GraphError;
use crate::graph::interrupt::Interrupt;
use crate::graph::node_error::Stop;

/// What kept the tasks of a super-step from finishing.
#[derive(Default)]
pub(in crate::graph) struct Stops {
    failure: Option<GraphError>,
    to_parent: Option<Command>,
    interrupts: Option<Vec<Interrupt>>,
    drained: bool,
}

impl Stops {
    pub(in crate::graph) fn note(&mut self, stop: Stop) {
        match stop {
            Stop::Failed(source) => {
                self.failure.get_or_insert(Stop::failure("", source));
            }
            Stop::ToParent(command) => {
                self.to_parent.get_or_insert(command);
            }
            Stop::Interrupted(interrupts) => {
                self.interrupts.get_or_insert_default().extend(interrupts);
            }
            Stop::Drained => self.drained = true,
        }
    }

    pub(in crate::graph) fn into_result(self) -> Result<(), Stop> {
        match (self.failure, self.to_parent, self.interrupts) {
            (Some(error), _, _) => Err(error.into()),
            (None, Some(command), _) => Err(Stop::ToParent(command)),
            (None, None, Some(interrupts)) => Err(Stop::Interrupted(interrupts)),
            (None, None, None) if self.drained => Err(Stop::Drained),
            (None, None, None) => Ok(()),
        }
    }
}

//! What a run is given, and what it gives back.

use serde_json::Value;

use crate::graph::command::Command;
use crate::graph::interrupt::Interrupt;

/// What a run is given.
#[derive(Clone, Debug, PartialEq)]
pub enum Input {
    /// Nothing new: the thread goes on where it stopped, or a past checkpoint is replayed.
    Continue,
    /// New input: an object whose entries are written to the channels of the same names. Whatever was
    /// pending on the thread is dropped.
    Values(Value),
    /// An answer to an interrupt, an update, or where to go next.
    Command(Command),
}

impl Input {
    /// Whether it answers an interrupt.
    pub(super) fn answers(&self) -> bool {
        matches!(self, Self::Command(command) if command.resume.is_some())
    }
}

impl From<Value> for Input {
    /// Null means [`Input::Continue`].
    fn from(values: Value) -> Self {
        match values {
            Value::Null => Self::Continue,
            values => Self::Values(values),
        }
    }
}

impl From<Command> for Input {
    fn from(command: Command) -> Self {
        Self::Command(command)
    }
}

/// What a run gives back: the state that it left, and the questions that it asks.
#[derive(Clone, Debug, PartialEq)]
pub struct RunOutput {
    /// The graph's output channels that have a value, as an object; null if the run wrote to none of them. A
    /// value that lasts for one step only is among them if it came with the last write to any of them.
    pub values: Value,
    /// The interrupts that wait for an answer; empty if the run came to its end.
    pub interrupts: Vec<Interrupt>,
}

impl RunOutput {
    /// Whether the run stopped to ask.
    pub fn is_interrupted(&self) -> bool {
        !self.interrupts.is_empty()
    }
}

impl std::ops::Index<&str> for RunOutput {
    type Output = Value;

    /// The value of a channel, null if it has none.
    fn index(&self, channel: &str) -> &Value {
        static NULL: Value = Value::Null;
        self.values.get(channel).unwrap_or(&NULL)
    }
}

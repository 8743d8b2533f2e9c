//! What the code that `#[derive(State)]` generates calls. No part of the API.

use serde_json::Value;

use super::fields::ChannelValue;
pub use super::fields::{
    AddField, ConcatField, ListField, MergeField, OrdField, SavedField, UntrackedField,
};
pub use super::input::TypedInput;
pub use super::writes::Writes;
use crate::graph::channels::reducer::ReduceError;
pub use crate::graph::{
    Channel, GraphError, GraphState, IntoNodeOutput, NodeError, NodeOutput, State,
};
pub use serde_json::Value as Json;

/// A field that is being read from the state.
pub struct Field<'a> {
    pub state: &'a State,
    /// The struct.
    pub of: &'static str,
    pub name: &'static str,
    pub aliases: &'static [&'static str],
}

impl Field<'_> {
    fn value(&self) -> Option<ChannelValue<'_>> {
        // An argument that was sent before a channel was renamed has its former name.
        let names = std::iter::once(&self.name).chain(self.aliases);
        let mut values = names.filter_map(|name| self.state.get_channel(name));
        values.next()
    }

    /// The field's value, if the channel has one.
    pub fn plain<T: SavedField>(&self) -> Result<Option<T>, GraphError> {
        let read = self.value().map(ChannelValue::to);
        read.transpose().map_err(|e| self.invalid(e.to_string()))
    }

    /// The same of a list.
    pub fn list<T: ListField>(&self) -> Result<Option<T>, GraphError> {
        let read = self.value().map(T::from_channel);
        read.transpose().map_err(|e| self.invalid(e.to_string()))
    }

    /// The field's value, if the run has one.
    pub fn untracked<T: UntrackedField>(&self) -> Result<Option<T>, GraphError> {
        let token = self.state.get(self.name).filter(|token| !token.is_null());
        let kept = token.map(|token| {
            (self.state.locals.get(token)).ok_or_else(|| {
                self.invalid(format!(
                    "it is `untracked`, and a value of its type came neither with the input nor with \
                     `Command::update` nor from a node, but as `{token}`"
                ))
            })
        });
        kept.transpose()
    }

    /// `value` of an untracked field, or the error that there is none.
    pub fn given<T>(&self, value: Option<T>) -> Result<T, GraphError> {
        value.ok_or_else(|| {
            self.invalid(
                "it is `untracked`, so no checkpoint has it: give it whenever the thread is run or resumed, \
                 with the input or with `Command::update`; where it may be missing, make it an `Option`",
            )
        })
    }

    /// `value`, or the error that there is none.
    pub fn required<T>(&self, value: Option<T>) -> Result<T, GraphError> {
        value.ok_or_else(|| {
            self.invalid(
                "it has no value; write it before it is read (in the input, for example), \
                 make the field an `Option`, or give it `#[state(default)]`",
            )
        })
    }

    fn invalid(&self, reason: impl Into<String>) -> GraphError {
        GraphError::InvalidState {
            channel: self.name.into(),
            expected: self.of,
            reason: reason.into(),
        }
    }
}

/// A channel whose type checkpoints can keep.
pub fn saved<T: SavedField>(channel: Channel) -> Channel {
    channel
}

/// A channel for what is never saved.
pub fn untracked<T: UntrackedField>(channel: Channel) -> Channel {
    channel
}

/// A channel for a list.
pub fn list<T: ListField>(channel: Channel) -> Channel {
    channel
}

/// A channel for a number.
pub fn added<T: AddField>(channel: Channel) -> Channel {
    channel
}

/// A channel for a map.
pub fn merged<T: MergeField>(channel: Channel) -> Channel {
    channel
}

/// A channel for a text.
pub fn joined<T: ConcatField>(channel: Channel) -> Channel {
    channel
}

/// A channel for what can be compared.
pub fn ordered<T: OrdField>(channel: Channel) -> Channel {
    channel
}

/// A channel that `reduce` works on.
pub fn custom<T: SavedField + 'static>(reduce: fn(T, T) -> T) -> Channel {
    Channel::custom(None, move |current, write| {
        let invalid = |e: serde_json::Error| ReduceError::Invalid(e.to_string());
        let current = serde_json::from_value(current).map_err(invalid)?;
        let write = serde_json::from_value(write).map_err(invalid)?;
        serde_json::to_value(reduce(current, write)).map_err(invalid)
    })
}

/// `channel` with a value before its first write.
pub fn starting_from<T: SavedField>(channel: Channel, initial: T) -> Channel {
    match serde_json::to_value(initial) {
        Ok(Value::Null) => channel, // of an option: as without a default
        Ok(initial) => channel.starting_from(initial),
        // The field's default is taken when it is read, so nothing is lost but the reducer's start.
        Err(_) => channel,
    }
}

/// An update as a value that stands for no update where it writes nothing.
pub(super) fn value_or_null(update: impl Into<Value>) -> Value {
    match update.into() {
        Value::Object(writes) if writes.is_empty() => Value::Null,
        update => update,
    }
}

//! [`Writes`]: what the update type of a state holds.

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::{SavedField, UntrackedField, Update};
use crate::graph::channels::locals::Locals;
use crate::graph::channels::reducer::ReduceError;
use crate::graph::command::Command;
use crate::graph::output::{NodeOutput, OVERWRITE, overwrite};

/// Stands for a value that could not be serialised: setters return no errors, so the write carries it to
/// where writes are refused.
const UNSERIALIZABLE: &str = "__unserializable__";

/// Writes to the channels of a state, by name.
#[derive(Debug, Default, PartialEq)]
pub struct Writes {
    values: Map<String, Value>,
    /// What tokens in the values stand for.
    locals: Locals,
}

impl Writes {
    /// Writes `value`, in place of what was to be written.
    pub fn set<T: SavedField>(&mut self, channel: &str, value: T) {
        self.values.insert(channel.into(), to_json(value));
    }

    /// Writes `value`, which is not serialised, in place of what was to be written.
    pub fn set_untracked<T: UntrackedField>(&mut self, channel: &str, value: T) {
        let token = self.locals.keep(value);
        self.values.insert(channel.into(), token);
    }

    /// Makes `value` the channel's value, whatever the reducer.
    pub fn overwrite<T: Serialize>(&mut self, channel: &str, value: T) {
        let value = to_json(value);
        let write = if value.get(UNSERIALIZABLE).is_some() {
            value
        } else {
            overwrite(value)
        };
        self.values.insert(channel.into(), write);
    }

    /// Writes `items` after what was to be written already.
    pub fn extend<T: Serialize>(&mut self, channel: &str, items: impl Iterator<Item = T>) {
        let mut items: Vec<Value> = items.map(to_json).collect();
        let failed = |item: &&mut Value| item.get(UNSERIALIZABLE).is_some();
        if let Some(failed) = items.iter_mut().find(failed) {
            self.values.insert(channel.into(), failed.take());
            return;
        }
        let list = match self.values.entry(channel).or_insert_with(|| json!([])) {
            Value::Object(fields) => fields.get_mut(OVERWRITE),
            list => Some(list),
        };
        // If it is no list, an earlier write has failed already.
        if let Some(Value::Array(list)) = list {
            list.append(&mut items);
        }
    }
}

impl From<Writes> for Value {
    fn from(writes: Writes) -> Self {
        Self::Object(writes.values)
    }
}

impl From<Writes> for Update {
    fn from(writes: Writes) -> Self {
        Self {
            locals: writes.locals.clone(),
            values: writes.into(),
        }
    }
}

impl Clone for Writes {
    /// Later writes to the clone are no concern of the original.
    fn clone(&self) -> Self {
        Self {
            values: self.values.clone(),
            locals: self.locals.detached(),
        }
    }
}

impl From<Writes> for NodeOutput {
    fn from(writes: Writes) -> Self {
        if writes.locals.is_empty() {
            return Self::Update(writes.into());
        }
        Self::Command(Command::new().update(writes))
    }
}

fn to_json<T: Serialize>(value: T) -> Value {
    serde_json::to_value(value).unwrap_or_else(|error| {
        let mut failed = Map::new();
        failed.insert(UNSERIALIZABLE.into(), error.to_string().into());
        failed.into()
    })
}

/// The error of a write that could not be serialised.
pub(in crate::graph) fn refuse_unserializable(write: &Value) -> Result<(), ReduceError> {
    match write.get(UNSERIALIZABLE) {
        Some(reason) => Err(ReduceError::Invalid(format!(
            "the value cannot be serialised: {}",
            reason.as_str().unwrap_or_default()
        ))),
        None => Ok(()),
    }
}

//! [`Update`]: an update of any state, with the untracked values that it writes.

use serde_json::{Map, Value};

use crate::graph::channels::locals::Locals;

/// An update of any state: what [`Command::update`](crate::graph::Command::update) takes. The update type of a
/// state turns into it, and so does a JSON object.
#[derive(Clone, Debug, PartialEq)]
pub struct Update {
    pub(in crate::graph) values: Value,
    pub(in crate::graph) locals: Locals,
}

impl From<Value> for Update {
    fn from(values: Value) -> Self {
        Self {
            values,
            locals: Locals::default(),
        }
    }
}

impl From<Map<String, Value>> for Update {
    fn from(values: Map<String, Value>) -> Self {
        Value::Object(values).into()
    }
}

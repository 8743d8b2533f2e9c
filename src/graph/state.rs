//! [`State`]: what a node sees of the graph's state.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::graph::channels::locals::Locals;
use crate::graph::names::Name;

/// What a node sees: the channels that have a value at the start of its super-step or, for a task that
/// was sent, the argument that was sent.
///
/// ```
/// use stepwell::graph::State;
/// let state = State::from(serde_json::json!({"name": "Ada"}));
/// assert_eq!(state["name"], "Ada");
/// assert!(state["age"].is_null());
/// ```
#[derive(Clone, Debug)]
pub struct State {
    inner: Arc<Inner>,
    pub(super) locals: Locals,
}

#[derive(Debug)]
enum Inner {
    Channels(BTreeMap<Name, Arc<Value>>),
    Argument(Value),
}

impl State {
    pub(super) fn of_channels(values: BTreeMap<Name, Arc<Value>>, locals: &Locals) -> Self {
        Self::of(Inner::Channels(values), locals)
    }

    /// The argument of a task that was sent, or what a subgraph was left with.
    pub(super) fn of_argument(argument: Value, locals: &Locals) -> Self {
        Self::of(Inner::Argument(argument), locals)
    }

    fn of(inner: Inner, locals: &Locals) -> Self {
        Self {
            inner: Arc::new(inner),
            locals: locals.clone(),
        }
    }

    /// The value under `key`, if there is one.
    pub fn get(&self, key: &str) -> Option<&Value> {
        match &*self.inner {
            Inner::Channels(values) => values.get(key).map(|value| &**value),
            Inner::Argument(argument) => argument.get(key),
        }
    }

    /// The value under `key`, if there is one that can be shared.
    pub(super) fn get_shared(&self, key: &str) -> Option<&Arc<Value>> {
        match &*self.inner {
            Inner::Channels(values) => values.get(key),
            Inner::Argument(_) => None,
        }
    }

    /// The value under `key` as a `T`; an absent one reads as null.
    ///
    /// # Errors
    /// The value does not have the shape of a `T`.
    pub fn get_as<T: DeserializeOwned>(&self, key: &str) -> Result<T, serde_json::Error> {
        T::deserialize(&self[key])
    }

    /// The whole state as a `T`.
    ///
    /// # Errors
    /// The state does not have the shape of a `T`.
    pub fn to<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        serde_json::from_value(self.to_value())
    }

    /// A copy of the whole state as JSON.
    pub fn to_value(&self) -> Value {
        match &*self.inner {
            Inner::Channels(values) => Value::Object(
                values
                    .iter()
                    .map(|(name, value)| (name.to_string(), Value::clone(value)))
                    .collect::<Map<_, _>>(),
            ),
            Inner::Argument(argument) => argument.clone(),
        }
    }
}

impl Default for State {
    /// A state without values.
    fn default() -> Self {
        Self::from(Value::Null)
    }
}

impl From<Value> for State {
    fn from(argument: Value) -> Self {
        Self::of_argument(argument, &Locals::default())
    }
}

impl std::ops::Index<&str> for State {
    type Output = Value;

    /// The value under `key`, null if there is none.
    fn index(&self, key: &str) -> &Value {
        static NULL: Value = Value::Null;
        self.get(key).unwrap_or(&NULL)
    }
}

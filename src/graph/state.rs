//! [`State`]: what a node sees of the graph's state.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::graph::channels::held::Held;
use crate::graph::channels::locals::Locals;
use crate::graph::names::Name;
use crate::graph::typed::{ChannelValue, List, ListField};

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
    Channels(BTreeMap<Name, Held>),
    Argument(Value),
}

impl State {
    pub(super) fn of_channels(values: BTreeMap<Name, Held>, locals: &Locals) -> Self {
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
            Inner::Channels(values) => values.get(key).map(|value| &**value.whole()),
            Inner::Argument(argument) => argument.get(key),
        }
    }

    /// The value under `key`, if there is one, for whoever can read a list in two parts.
    pub(super) fn get_channel(&self, key: &str) -> Option<ChannelValue<'_>> {
        match &*self.inner {
            Inner::Channels(values) => values.get(key).map(ChannelValue::from),
            Inner::Argument(argument) => argument.get(key).map(ChannelValue::from),
        }
    }

    /// The list under `key`, without copying or decoding it; an absent one reads as empty.
    ///
    /// In a conditional edge this is the way to read a long list: what its node has just added lies beside the list, and
    /// [`get`](Self::get) has to put the two together.
    ///
    /// ```
    /// use stepwell::graph::State;
    /// let state = State::from(serde_json::json!({"words": ["one", "two"]}));
    /// let words = state.list::<String>("words")?;
    /// assert_eq!(words.last()?.as_deref(), Some("two"));
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    ///
    /// # Errors
    /// The value is no list.
    pub fn list<T: DeserializeOwned + Serialize>(
        &self,
        key: &str,
    ) -> Result<List<T>, serde_json::Error> {
        self.get_channel(key)
            .map_or_else(|| Ok(List::default()), List::from_channel)
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
                    .map(|(name, value)| (name.to_string(), value.to_value()))
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

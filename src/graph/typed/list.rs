//! [`List`]: a list field that is read without being copied. Must never know which channel it is.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{DeserializeOwned, Error};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use super::fields::{ChannelValue, ListField, SavedField};
use crate::graph::channels::held::Held;

/// A list for `append`, `messages` and `topic` fields that shares the channel's value: a node gets it, and
/// clones it, in constant time however long it is, and only the elements that it asks for are decoded.
///
/// A `Vec` decodes all elements for every node. A node that needs only the end of a long conversation is better
/// off with a `List`.
///
/// ```
/// use serde::{Deserialize, Serialize};
/// use stepwell::graph::{List, Message, State};
///
/// #[derive(State, Clone, Serialize, Deserialize)]
/// struct Chat {
///     #[state(messages)]
///     messages: List<Message>,
/// }
///
/// async fn respond(chat: Chat) -> Result<ChatUpdate, serde_json::Error> {
///     let last = chat.messages.last()?; // decodes one message
///     let text = format!("you said {:?}", last.map(|m| m.content));
///     Ok(ChatUpdate::new().messages([Message::assistant(text)]))
/// }
/// ```
pub struct List<T> {
    /// Always a list.
    held: Held,
    of: PhantomData<fn() -> T>,
}

impl<T> List<T> {
    fn of(held: Held) -> Option<Self> {
        held.len().is_some().then_some(Self {
            held,
            of: PhantomData,
        })
    }

    fn elements(&self) -> impl DoubleEndedIterator<Item = &Value> {
        self.held.elements().into_iter().flatten()
    }

    /// How many elements it has.
    pub fn len(&self) -> usize {
        self.held.len().unwrap_or_default()
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<T: DeserializeOwned> List<T> {
    /// Element number `place`, from 0; `None` if there are fewer.
    ///
    /// # Errors
    /// The element is no `T`.
    pub fn get(&self, place: usize) -> Result<Option<T>, serde_json::Error> {
        self.held.element(place).map(T::deserialize).transpose()
    }

    /// The last element; `None` if there is none.
    ///
    /// # Errors
    /// The element is no `T`.
    pub fn last(&self) -> Result<Option<T>, serde_json::Error> {
        self.elements().next_back().map(T::deserialize).transpose()
    }

    /// All elements, decoded as they are asked for; from the end with `rev()`.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = Result<T, serde_json::Error>> + '_ {
        self.elements().map(T::deserialize)
    }
}

impl<T> Clone for List<T> {
    fn clone(&self) -> Self {
        Self {
            held: self.held.clone(),
            of: PhantomData,
        }
    }
}

impl<T> Default for List<T> {
    fn default() -> Self {
        Self {
            held: Value::Array(Vec::new()).into(),
            of: PhantomData,
        }
    }
}

impl<T> PartialEq for List<T> {
    fn eq(&self, other: &Self) -> bool {
        self.held == other.held
    }
}

impl<T> fmt::Debug for List<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.elements()).finish()
    }
}

impl<T> Serialize for List<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.elements())
    }
}

impl<'de, T> Deserialize<'de> for List<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let elements = Value::deserialize(deserializer)?;
        Self::of(elements.into()).ok_or_else(|| D::Error::custom("it is no list"))
    }
}

impl<T: SavedField> ListField for List<T> {
    type Item = T;

    fn from_channel(value: ChannelValue<'_>) -> Result<Self, serde_json::Error> {
        Self::of(value.share()).ok_or_else(|| serde_json::Error::custom("it is no list"))
    }
}

//! [`Message`]: one message of a conversation. Must never know how a list of them is reduced.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::graph::channels::messages::REMOVE_ALL;

/// One message of a conversation, for lists with `#[state(messages)]`.
///
/// Such a list tells messages apart by their ids: one with a known id replaces the one that is there, one
/// without an id gets one when it is written. It serialises as `{"role": .., "content": .., "id": ..}`, and whatever
/// other fields a message has are kept.
///
/// ```
/// use stepwell::graph::Message;
/// let question = Message::user("what is a stepwell?").with_id("q1");
/// assert_eq!(
///     serde_json::to_value(&question).unwrap(),
///     serde_json::json!({"role": "user", "content": "what is a stepwell?", "id": "q1"})
/// );
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Message {
    /// Who speaks.
    pub role: Role,
    /// What is said: a text, or a list of blocks as models take them.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub content: Value,
    /// What tells it apart from others; made up when the message is written without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// All other fields, such as `name` and `tool_calls`.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// Who speaks in a [`Message`].
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Role {
    /// A human.
    User,
    /// The model.
    Assistant,
    /// What the model is told before the conversation.
    System,
    /// The result of a tool that the model called.
    Tool,
    /// Nobody: the message with this id is to be removed.
    Remove,
    /// Whoever else.
    #[serde(untagged)]
    Other(String),
}

impl Message {
    /// A message of `role`. Its content is a text or JSON.
    pub fn new(role: Role, content: impl Into<Value>) -> Self {
        Self {
            role,
            content: content.into(),
            id: None,
            extra: Map::new(),
        }
    }

    /// A human's message.
    pub fn user(content: impl Into<Value>) -> Self {
        Self::new(Role::User, content)
    }

    /// The model's message.
    pub fn assistant(content: impl Into<Value>) -> Self {
        Self::new(Role::Assistant, content)
    }

    /// What the model is told before the conversation.
    pub fn system(content: impl Into<Value>) -> Self {
        Self::new(Role::System, content)
    }

    /// The result of the tool call `call_id`.
    pub fn tool(content: impl Into<Value>, call_id: impl Into<String>) -> Self {
        Self::new(Role::Tool, content).with("tool_call_id", call_id.into())
    }

    /// Removes the message `id` from the list that this is written to.
    pub fn remove(id: impl Into<String>) -> Self {
        Self::new(Role::Remove, Value::Null).with_id(id)
    }

    /// Removes all messages from the list that this is written to, those before it in the same write
    /// included.
    pub fn remove_all() -> Self {
        Self::remove(REMOVE_ALL)
    }

    /// The same message under this id.
    #[must_use]
    pub fn with_id(mut self, id: impl Into<String>) -> Self {
        self.id = Some(id.into());
        self
    }

    /// The same message with another field.
    #[must_use]
    pub fn with(mut self, field: impl Into<String>, value: impl Into<Value>) -> Self {
        self.extra.insert(field.into(), value.into());
        self
    }

    /// The content if it is a text, else the first text among its blocks, else empty.
    pub fn text(&self) -> &str {
        let text = match &self.content {
            Value::Array(blocks) => blocks.iter().find_map(|block| block.get("text")?.as_str()),
            content => content.as_str(),
        };
        text.unwrap_or_default()
    }
}

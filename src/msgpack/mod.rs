//! Values as LangGraph's serializer writes them, MessagePack with Python's objects as extension types, as JSON and back; pure.
//!
//! What JSON cannot say (objects of classes, bytes, keys that are no text, `nan`) is shown as LangChain shows objects,
//! `{"lc": 2, "type": "constructor", "id": ["module", "Class"], "args": [..]}` or with `kwargs`. For a graph it
//! also *carries* its bytes, so that they can be written again as they were (see [`carried`]). Messages of LangChain are
//! messages as everywhere here, objects with `role`, `content` and `id`.
//!
//! This module must never know where values are kept, nor what a checkpoint or a graph is.

mod carried;
mod from_json;
mod message;
mod object;
mod reader;
mod to_json;
mod writer;

#[cfg(test)]
mod tests;

use serde_json::Value;

use crate::nesting;

pub(crate) use carried::carries;
pub(crate) use from_json::encode;
#[cfg(feature = "langgraph")]
pub(crate) use from_json::{encode_channel, encode_plain};
#[cfg(feature = "langgraph")]
pub(crate) use message::from_envelopes;
#[cfg(feature = "langgraph")]
pub(crate) use object::fields_of;
#[cfg(feature = "langgraph")]
pub(crate) use reader::{Reader, Token};
#[cfg(feature = "langgraph")]
pub(crate) use writer::{write_bytes, write_list_head, write_map_head, write_text, write_value_of};

use to_json::{Mode, transcode};

/// Why bytes are no value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Malformed {
    #[error("it ends in the middle of a value")]
    Truncated,
    #[error("it says that it is longer than it is")]
    Length,
    #[error("a text in it is not UTF-8")]
    Text,
    #[error("byte {0:#x} begins no value")]
    Marker(u8),
    #[error("something follows the value")]
    Trailing,
    #[error("it is nested more than {} deep", nesting::READABLE)]
    Depth,
    #[error("it has parts that JSON cannot say")]
    NotPlain,
    #[error("an object in it lacks `{0}`")]
    Missing(&'static str),
    #[error("`{0}` in it is of another kind than it should be")]
    Kind(&'static str),
}

/// The value as it is shown.
pub(crate) fn show(bytes: &[u8]) -> Result<Value, Malformed> {
    parse(&transcode(bytes, Mode::Show)?)
}

/// The value for a graph: what JSON cannot say carries its bytes.
pub(crate) fn read(bytes: &[u8]) -> Result<Value, Malformed> {
    parse(&transcode(bytes, Mode::Carry)?)
}

/// The value as JSON text, if JSON can say all of it.
#[cfg(feature = "langgraph")]
pub(crate) fn plain_text(bytes: &[u8]) -> Result<Vec<u8>, Malformed> {
    transcode(bytes, Mode::Plain)
}

/// Bytes that Python kept as bytes, for a graph.
pub(crate) fn read_bytes(bytes: &[u8]) -> Result<Value, Malformed> {
    let mut encoded = Vec::with_capacity(bytes.len() + 5);
    writer::write_bytes(&mut encoded, bytes)?;
    read(&encoded)
}

/// The elements of a Python set, as it is read; any other value as it is.
pub(crate) fn elements_of_set(value: Value) -> Value {
    let is_set = value.pointer("/lc") == Some(&Value::from(2))
        && value.pointer("/id/0") == Some(&Value::from("builtins"))
        && value
            .pointer("/id/1")
            .is_some_and(|name| name == "set" || name == "frozenset");
    match value.pointer("/args/0") {
        Some(elements) if is_set => elements.clone(),
        _ => value,
    }
}

fn parse(text: &[u8]) -> Result<Value, Malformed> {
    // The text is ours, so it can only be too deep.
    serde_json::from_slice(text).map_err(|_| Malformed::Depth)
}

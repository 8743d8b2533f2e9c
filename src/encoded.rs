//! [`Encoded`]: a value of the user's as the engine sees it, bytes with a type tag.
//!
//! This module must never know what the bytes mean, but for asking `msgpack`.

use bytes::Bytes;

use crate::{msgpack, nesting};

/// A value as it is stored: bytes, and a tag that says how to read them.
///
/// The engine compares, copies and returns the bytes and never looks inside. The tag is `json`,
/// `msgpack`, `bytes`, `null`, or whatever name a binding's serializer gives, so that a tool can show
/// a value that another language wrote.
///
/// ```
/// let v = stepwell::Encoded::json(&serde_json::json!({"city": "San Francisco"}));
/// assert_eq!(v.tag(), "json");
/// assert_eq!(v.to_json().unwrap()["city"], "San Francisco");
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Encoded {
    tag: Tag,
    bytes: Bytes,
    depth: Depth,
}

/// How deep JSON is nested, if that was counted when it was written. It says nothing that the bytes do not, so equal values may differ in it.
#[derive(Clone, Copy, Default)]
struct Depth(Option<u16>);

impl PartialEq for Depth {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Depth {}

impl std::hash::Hash for Depth {
    fn hash<H: std::hash::Hasher>(&self, _: &mut H) {}
}

/// The common tags cost no allocation.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) enum Tag {
    Json,
    Msgpack,
    Bytes,
    Null,
    Other(Box<str>),
}

impl Tag {
    fn name(&self) -> &str {
        match self {
            Self::Json => "json",
            Self::Msgpack => "msgpack",
            Self::Bytes => "bytes",
            Self::Null => "null",
            Self::Other(tag) => tag,
        }
    }
}

impl Encoded {
    /// A value with the tag and bytes that a serializer made.
    pub fn new(tag: &str, bytes: impl Into<Bytes>) -> Self {
        let tag = match tag {
            "json" => Tag::Json,
            "msgpack" => Tag::Msgpack,
            "bytes" => Tag::Bytes,
            "null" => Tag::Null,
            other => Tag::Other(other.into()),
        };
        Self {
            tag,
            bytes: bytes.into(),
            depth: Depth::default(),
        }
    }

    /// The tag, which can be kept without the bytes.
    pub(crate) fn tag_of(&self) -> &Tag {
        &self.tag
    }

    /// The same with bytes that nothing else shares.
    pub(crate) fn copied(&self) -> Self {
        Self {
            tag: self.tag.clone(),
            bytes: Bytes::copy_from_slice(&self.bytes),
            depth: self.depth,
        }
    }

    /// A JSON value under the tag `json`.
    pub fn json(value: &serde_json::Value) -> Self {
        let (bytes, depth) = match nesting::text_of(value) {
            Ok((text, depth)) => (text.into(), Some(u16::try_from(depth).unwrap_or(u16::MAX))),
            // Writing a `Value` to memory does not fail; its `Display` has no error to handle.
            Err(_) => (value.to_string().into(), None),
        };
        Self {
            tag: Tag::Json,
            bytes,
            depth: Depth(depth),
        }
    }

    /// How to read [`bytes`](Self::bytes).
    pub fn tag(&self) -> &str {
        self.tag.name()
    }

    /// The value's bytes as its writer encoded them. Cloning them is cheap.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// The value, if it is JSON, MessagePack or null. Of what LangGraph in Python has written, messages are those of a
    /// messages channel (`role`, `content`, `id`), and objects of other classes, bytes and the like are shown as
    /// LangChain does it: `{"lc": 2, "type": "constructor", "id": ["module", "Class"], "kwargs": {..}}`.
    ///
    /// # Errors
    /// The tag is none of these, or the bytes are not what it says.
    pub fn to_json(&self) -> Result<serde_json::Value, DecodeError> {
        match &self.tag {
            Tag::Null => Ok(serde_json::Value::Null),
            Tag::Json => serde_json::from_slice(&self.bytes).map_err(DecodeError::Json),
            Tag::Msgpack => msgpack::show(&self.bytes).map_err(DecodeError::msgpack),
            _ => Err(DecodeError::Tag(self.tag().into())),
        }
    }

    /// The value for a graph that will save it again: what JSON cannot say carries its bytes.
    pub(crate) fn to_state(&self) -> Result<serde_json::Value, DecodeError> {
        match &self.tag {
            Tag::Msgpack => msgpack::read(&self.bytes).map_err(DecodeError::msgpack),
            Tag::Bytes => msgpack::read_bytes(&self.bytes).map_err(DecodeError::msgpack),
            Tag::Other(tag) if &**tag == "bytearray" => {
                msgpack::read_bytes(&self.bytes).map_err(DecodeError::msgpack)
            }
            _ => self.to_json(),
        }
    }

    /// Whether it is JSON that could not be read any more `inside` so many lists and objects.
    pub(crate) fn is_too_deep(&self, inside: usize) -> bool {
        let most = nesting::READABLE.saturating_sub(inside);
        self.tag == Tag::Json
            && match self.depth {
                Depth(Some(depth)) => usize::from(depth) > most,
                // To look through a long text takes as long as to write it.
                Depth(None) => nesting::is_text_deeper(&self.bytes, most),
            }
    }

    /// A value of a graph: JSON, or MessagePack if it carries what JSON cannot say.
    pub(crate) fn of_state(value: &serde_json::Value) -> Self {
        // What is too deep is JSON, which is refused.
        if msgpack::carries(value) && !nesting::is_value_deeper(value, nesting::READABLE) {
            let mut bytes = Vec::new();
            if msgpack::encode(&mut bytes, value).is_ok() {
                return Self::new("msgpack", bytes);
            }
        }
        Self::json(value)
    }
}

impl std::fmt::Debug for Tag {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

impl std::fmt::Debug for Encoded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.tag {
            Tag::Json => write!(f, "json:{}", String::from_utf8_lossy(&self.bytes)),
            _ => write!(f, "{}:{} bytes", self.tag(), self.bytes.len()),
        }
    }
}

/// Why an [`Encoded`] value cannot be shown as JSON.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// The value was written by another serializer.
    #[error("a value tagged `{0}` is not JSON; read it with the serializer that wrote it")]
    Tag(String),
    /// The bytes are not MessagePack although the tag says so.
    #[error("a value tagged `msgpack` cannot be read: {0}")]
    Msgpack(String),
    /// The bytes are not JSON although the tag says so.
    #[error("a value tagged `json` is not valid JSON: {0}")]
    Json(serde_json::Error),
}

impl DecodeError {
    fn msgpack(error: msgpack::Malformed) -> Self {
        Self::Msgpack(error.to_string())
    }
}

//! [`Sample`]: as much of a value as fits on a line.

use std::fmt::{self, Write};

use serde::Serialize;
use serde_json::Value;

use crate::Encoded;

/// How long the JSON text of a value may be to be shown whole, in bytes.
pub(super) const MAX_SAMPLE: usize = 160;

/// A stored value: what it is, and what it holds if it is JSON.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Stored {
    /// The tag of its encoding, such as `json`.
    #[serde(rename = "type")]
    pub tag: String,
    /// Its length.
    pub bytes: usize,
    /// What it holds; `None` if it is not JSON.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sample: Option<Sample>,
}

impl Stored {
    pub(super) fn of(value: &Encoded) -> Self {
        Self {
            tag: value.tag().to_owned(),
            bytes: value.bytes().len(),
            sample: value.to_json().ok().map(|value| Sample::of(&value)),
        }
    }
}

/// A JSON value, or its beginning if it is long.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
#[non_exhaustive]
pub enum Sample {
    /// All of it.
    Whole {
        /// The value.
        value: Value,
    },
    /// It is too long to be shown whole.
    Cut {
        /// The beginning of its JSON text.
        begins: String,
        /// How many elements a list has, entries an object, characters a string.
        length: usize,
    },
}

impl Sample {
    pub(super) fn of(value: &Value) -> Self {
        let mut beginning = Beginning::default();
        if write!(beginning, "{value}").is_ok() {
            return Self::Whole {
                value: value.clone(),
            };
        }
        Self::Cut {
            begins: beginning.0,
            length: match value {
                Value::Array(list) => list.len(),
                Value::Object(entries) => entries.len(),
                Value::String(text) => text.chars().count(),
                _ => 1,
            },
        }
    }
}

impl fmt::Display for Sample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole { value } => value.fmt(f),
            Self::Cut { begins, length } => write!(f, "{begins}… (length {length})"),
        }
    }
}

/// Takes text until it is full.
#[derive(Default)]
struct Beginning(String);

impl Write for Beginning {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let room = MAX_SAMPLE.saturating_sub(self.0.len());
        let taken = text.floor_char_boundary(room.min(text.len()));
        self.0.push_str(text.get(..taken).unwrap_or_default());
        if taken < text.len() {
            return Err(fmt::Error);
        }
        Ok(())
    }
}

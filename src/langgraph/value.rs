//! Values, each with a tag of its own or in a checkpoint.

use bytes::Bytes;

use crate::Encoded;
use crate::langgraph::ColumnError;
use crate::msgpack::{self, Malformed, Reader, Token};

/// The key of a value, in a checkpoint, whose tag LangGraph does not have. Its bytes are MessagePack's, so JSON cannot
/// look like it.
const OTHER: &str = "__encoded__";

/// In what form values are handed out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reading {
    /// What JSON can say under the tag `json`, as a graph has written it.
    AsJson,
    /// As they are.
    AsKept,
}

/// The tag and bytes of a column for a value of `channel`.
///
/// # Errors
/// It is no valid JSON although it says so, or too long.
pub(crate) fn value_column<'a>(
    channel: &str,
    value: &'a Encoded,
) -> Result<(&'a str, Bytes), ColumnError> {
    match value.tag() {
        "json" => {
            let mut bytes = Vec::with_capacity(value.bytes().len());
            write_json(&mut bytes, channel, value)?;
            Ok(("msgpack", bytes.into()))
        }
        tag => Ok((tag, value.bytes().clone())),
    }
}

/// The value of a column.
pub(crate) fn read_value(tag: &str, bytes: Bytes, reading: Reading) -> Encoded {
    if reading == Reading::AsJson
        && tag == "msgpack"
        && let Ok(text) = msgpack::plain_text(&bytes)
    {
        return Encoded::new("json", text);
    }
    if tag == "json"
        && let Ok(value) = serde_json::from_slice(&bytes)
    {
        return Encoded::json(&msgpack::from_envelopes(value));
    }
    Encoded::new(tag, bytes)
}

/// Writes a value of `channel` as a part of a checkpoint.
pub(super) fn write_inline(
    out: &mut Vec<u8>,
    channel: &str,
    value: &Encoded,
) -> Result<(), ColumnError> {
    if value.tag() == "json" {
        return write_json(out, channel, value);
    }
    match msgpack::write_value_of(out, value.tag(), value.bytes()) {
        Some(written) => written,
        None => write_other(out, value),
    }
    .map_err(ColumnError::at(channel))
}

fn write_json(out: &mut Vec<u8>, channel: &str, value: &Encoded) -> Result<(), ColumnError> {
    let json = value.to_json();
    let json = json.map_err(|e| ColumnError::Json(channel.to_owned(), e.to_string()))?;
    msgpack::encode_channel(out, channel, &json).map_err(ColumnError::at(channel))
}

fn write_other(out: &mut Vec<u8>, value: &Encoded) -> Result<(), Malformed> {
    msgpack::write_map_head(out, 1)?;
    msgpack::write_text(out, OTHER)?;
    msgpack::write_list_head(out, 2)?;
    msgpack::write_text(out, value.tag())?;
    msgpack::write_bytes(out, value.bytes())
}

/// A value that is part of a checkpoint; `part` are its bytes in `whole`.
pub(super) fn read_inline(whole: &Bytes, part: &[u8], reading: Reading) -> Encoded {
    match other(part) {
        Some((tag, bytes)) => Encoded::new(tag, whole.slice_ref(bytes)),
        None => read_value("msgpack", whole.slice_ref(part), reading),
    }
}

fn other(part: &[u8]) -> Option<(&str, &[u8])> {
    let mut reader = Reader::new(part);
    let is_one = reader.token() == Ok(Token::Map(1)) && reader.token() == Ok(Token::Text(OTHER));
    if is_one
        && let (Ok(Token::List(2)), Ok(Token::Text(tag)), Ok(Token::Bytes(bytes))) =
            (reader.token(), reader.token(), reader.token())
    {
        return Some((tag, bytes));
    }
    None
}

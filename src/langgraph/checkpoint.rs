//! Checkpoints: with their values in one value of MessagePack, or without them in JSON.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde_json::{Map, Value, json};

use crate::Encoded;
use crate::checkpoint::{ChannelVersion, Checkpoint};
use crate::langgraph::value::{read_inline, read_value, write_inline};
use crate::langgraph::{ColumnError, FORM, Reading, give_sent};
use crate::msgpack::{self, Reader, Token};

type Versions = BTreeMap<String, ChannelVersion>;

/// A key that LangGraph does not have: the channels whose values are not known, as opposed to those without one.
const UNKNOWN: &str = "__unknown__";

/// A checkpoint with its values as one value of MessagePack, of one of LangGraph's forms.
///
/// # Errors
/// A value is not what its tag says, or too long.
pub(crate) fn inline_checkpoint(
    checkpoint: &Checkpoint,
    form: u64,
    unknown: &[String],
) -> Result<Vec<u8>, ColumnError> {
    let mut out = Vec::with_capacity(256);
    let mut rest = without_values(checkpoint, form);
    if !unknown.is_empty() {
        rest.insert(UNKNOWN.into(), unknown.into());
    }
    let values = &checkpoint.channel_values;
    let whole = ColumnError::at;
    msgpack::write_map_head(&mut out, rest.len() + 1).map_err(whole("checkpoint"))?;
    for key in ["v", "ts", "id"] {
        if let Some(value) = rest.remove(key) {
            entry(&mut out, key, &value)?;
        }
    }
    msgpack::write_text(&mut out, "channel_values").map_err(whole("checkpoint"))?;
    msgpack::write_map_head(&mut out, values.len()).map_err(whole("channel_values"))?;
    for (channel, value) in values {
        msgpack::write_text(&mut out, channel).map_err(whole(channel))?;
        write_inline(&mut out, channel, value)?;
    }
    for (key, value) in &rest {
        entry(&mut out, key, value)?;
    }
    Ok(out)
}

fn entry(out: &mut Vec<u8>, key: &str, value: &Value) -> Result<(), ColumnError> {
    let written = msgpack::write_text(out, key).and_then(|()| msgpack::encode_plain(out, value));
    written.map_err(ColumnError::at(key))
}

/// A checkpoint without its values, as JSON; `inline` are those that stand in it all the same.
#[cfg(any(feature = "postgres", test))]
pub(crate) fn checkpoint_json(
    checkpoint: &Checkpoint,
    form: u64,
    inline: Map<String, Value>,
) -> Value {
    let mut all = without_values(checkpoint, form);
    all.insert("channel_values".into(), Value::Object(inline));
    Value::Object(all)
}

/// What follows the counter of a version that is a plain number here. LangGraph's savers compare versions as texts, and
/// cannot compare a text with a number.
const PLAIN: &str = ".0000000000000000";

/// A version as LangGraph's savers write theirs.
fn version_text(version: &ChannelVersion) -> String {
    match version {
        ChannelVersion::Int(number) => format!("{number:032}{PLAIN}"),
        ChannelVersion::Text(text) => text.clone(),
    }
}

/// The version that a text is.
fn version_of(text: String) -> ChannelVersion {
    let number = text.strip_suffix(PLAIN).filter(|number| number.len() == 32);
    match number.and_then(|number| number.parse().ok()) {
        Some(number) => ChannelVersion::Int(number),
        None => ChannelVersion::Text(text),
    }
}

fn versions_column(versions: &Versions) -> Value {
    let versions = versions.iter();
    versions
        .map(|(channel, version)| (channel.clone(), Value::from(version_text(version))))
        .collect()
}

fn without_values(checkpoint: &Checkpoint, form: u64) -> Map<String, Value> {
    let seen = checkpoint.versions_seen.iter();
    let seen: Value = seen
        .map(|(node, of)| (node.clone(), versions_column(of)))
        .collect();
    let all = json!({
        "v": form,
        "ts": checkpoint.ts,
        "id": checkpoint.id,
        "channel_versions": versions_column(&checkpoint.channel_versions),
        "versions_seen": seen,
        "updated_channels": checkpoint.updated_channels,
    });
    match all {
        Value::Object(all) => all,
        _ => Map::new(),
    }
}

/// The checkpoint of a column that has the values too.
///
/// # Errors
/// The bytes are not what the tag says, or no checkpoint.
pub(crate) fn read_inline_checkpoint(
    tag: &str,
    bytes: &Bytes,
    reading: Reading,
) -> Result<Checkpoint, ColumnError> {
    match tag {
        "msgpack" => read_msgpack(bytes, reading),
        "json" => {
            let failed =
                |e: serde_json::Error| ColumnError::Json("checkpoint".into(), e.to_string());
            read_checkpoint_json(serde_json::from_slice(bytes).map_err(failed)?)
        }
        other => Err(ColumnError::Tag(other.to_owned())),
    }
}

/// The checkpoint of a column of JSON, with the values that stand in it.
///
/// # Errors
/// It is no checkpoint.
pub(crate) fn read_checkpoint_json(column: Value) -> Result<Checkpoint, ColumnError> {
    let Value::Object(mut all) = column else {
        return Err(ColumnError::Kind("checkpoint".into()));
    };
    let values = match all.remove("channel_values") {
        Some(Value::Object(values)) => values,
        _ => Map::new(),
    };
    let values = values.into_iter().map(|(channel, value)| {
        let value = Encoded::json(&msgpack::from_envelopes(value));
        (channel, value)
    });
    let sends = match all.remove("pending_sends") {
        Some(sends @ Value::Array(_)) if all.get("v").and_then(Value::as_u64) < Some(FORM) => {
            Some(sends).filter(|sends| sends.get(0).is_some())
        }
        _ => None,
    };
    let mut text = |key: &'static str| match all.remove(key) {
        Some(Value::String(text)) => Ok(text),
        _ => Err(ColumnError::Missing(key)),
    };
    let mut checkpoint = Checkpoint {
        id: text("id")?,
        ts: text("ts")?,
        channel_values: values.collect(),
        channel_versions: versions(all.remove("channel_versions"))?,
        versions_seen: match all.remove("versions_seen") {
            Some(Value::Object(seen)) => {
                let seen = seen.into_iter();
                seen.map(|(node, of)| Ok((node, versions(Some(of))?)))
                    .collect::<Result<_, _>>()?
            }
            _ => BTreeMap::new(),
        },
        updated_channels: match all.remove("updated_channels") {
            Some(updated @ Value::Array(_)) => serde_json::from_value(updated).ok(),
            _ => None,
        },
    };
    if let Some(sends) = sends {
        give_sent(
            &mut checkpoint,
            Encoded::json(&msgpack::from_envelopes(sends)),
        );
    }
    Ok(checkpoint)
}

fn versions(of: Option<Value>) -> Result<Versions, ColumnError> {
    let Some(Value::Object(of)) = of else {
        return Ok(BTreeMap::new());
    };
    let version = |(channel, version): (String, Value)| match version {
        Value::String(text) => Ok((channel, version_of(text))),
        number => match number.as_u64() {
            Some(number) => Ok((channel, ChannelVersion::Int(number))),
            None => Err(ColumnError::Kind(format!("the version of {channel}"))),
        },
    };
    of.into_iter().map(version).collect()
}

fn read_msgpack(bytes: &Bytes, reading: Reading) -> Result<Checkpoint, ColumnError> {
    let at = ColumnError::at;
    let mut reader = Reader::new(bytes);
    let mut values = BTreeMap::new();
    let mut sends = None;
    let mut rest = Map::new();
    let count = reader
        .expect_map("a checkpoint")
        .map_err(at("checkpoint"))?;
    for _ in 0..count {
        let key = reader.expect_text("a key").map_err(at("checkpoint"))?;
        let part = reader.value().map_err(at(key))?;
        if key == "channel_values" {
            values = channel_values(bytes, part, reading).map_err(at(key))?;
        } else if key == "pending_sends" {
            sends = Some(part);
        } else {
            rest.insert(key.to_owned(), msgpack::show(part).map_err(at(key))?);
        }
    }
    reader.end().map_err(at("checkpoint"))?;
    let is_old = rest.get("v").and_then(Value::as_u64) < Some(FORM);
    let mut checkpoint = read_checkpoint_json(Value::Object(rest))?;
    checkpoint.channel_values = values;
    if let Some(sends) = sends.filter(|_| is_old)
        && let Ok(Token::List(1..)) = Reader::new(sends).token()
    {
        let sends = read_value("msgpack", bytes.slice_ref(sends), reading);
        give_sent(&mut checkpoint, sends);
    }
    Ok(checkpoint)
}

/// The form of a checkpoint with its values.
pub(crate) fn inline_form(tag: &str, bytes: &[u8]) -> u64 {
    let form = match tag {
        "msgpack" => msgpack_form(bytes),
        _ => serde_json::from_slice(bytes)
            .ok()
            .and_then(|all: Value| all.get("v")?.as_u64()),
    };
    form.unwrap_or(FORM)
}

/// It stands in front.
fn msgpack_form(bytes: &[u8]) -> Option<u64> {
    let mut reader = Reader::new(bytes);
    for _ in 0..reader.expect_map("a checkpoint").ok()? {
        let key = reader.expect_text("a key").ok()?;
        let part = reader.value().ok()?;
        if key == "v" {
            return msgpack::show(part).ok()?.as_u64();
        }
    }
    None
}

/// The channels of a checkpoint with its values whose values are not known.
pub(crate) fn unknown_channels(tag: &str, bytes: &[u8]) -> Vec<String> {
    if tag != "msgpack" {
        return Vec::new();
    }
    let fields = msgpack::fields_of(bytes).unwrap_or_default();
    let unknown = fields.into_iter().find(|(key, _)| *key == UNKNOWN);
    let unknown = unknown.and_then(|(_, value)| msgpack::show(value).ok());
    unknown
        .and_then(|names| serde_json::from_value(names).ok())
        .unwrap_or_default()
}

fn channel_values(
    whole: &Bytes,
    part: &[u8],
    reading: Reading,
) -> Result<BTreeMap<String, Encoded>, msgpack::Malformed> {
    let mut reader = Reader::new(part);
    let count = match reader.token()? {
        Token::Map(count) => count,
        _ => return Ok(BTreeMap::new()),
    };
    let mut values = BTreeMap::new();
    for _ in 0..count {
        let channel = reader.expect_text("a channel")?;
        let value = read_inline(whole, reader.value()?, reading);
        values.insert(channel.to_owned(), value);
    }
    Ok(values)
}

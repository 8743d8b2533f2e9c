//! From JSON to MessagePack.

use serde_json::{Map, Number, Value};

use crate::msgpack::Malformed;
use crate::msgpack::carried::carried_by;
use crate::msgpack::message::{self, Message};
use crate::msgpack::object::MODEL_2;
#[cfg(feature = "langgraph")]
use crate::msgpack::object::{KEYWORDS, POSITIONAL, SINGLE};
use crate::msgpack::writer::{
    write_bool, write_ext, write_float, write_list_head, write_map_head, write_nil, write_signed,
    write_text, write_unsigned,
};

/// A value of a graph's state. Messages become those of LangChain, and what is carried what it was.
pub(crate) fn encode(out: &mut Vec<u8>, value: &Value) -> Result<(), Malformed> {
    match value {
        Value::Null => write_nil(out),
        Value::Bool(value) => write_bool(out, *value),
        Value::Number(number) => write_number(out, number),
        Value::String(text) => write_text(out, text)?,
        Value::Array(list) => {
            write_list_head(out, list.len())?;
            list.iter().try_for_each(|element| encode(out, element))?;
        }
        Value::Object(object) => {
            if let Some(bytes) = carried_by(object) {
                out.extend_from_slice(&bytes);
            } else if let Some(message) = message::of_object(object) {
                encode_message(out, &message)?;
            } else {
                encode_entries(out, object)?;
            }
        }
    }
    Ok(())
}

/// A value that is no state of anybody: what looks like a message is an object like any other.
#[cfg(feature = "langgraph")]
pub(crate) fn encode_plain(out: &mut Vec<u8>, value: &Value) -> Result<(), Malformed> {
    match value {
        Value::Array(list) => {
            write_list_head(out, list.len())?;
            list.iter()
                .try_for_each(|element| encode_plain(out, element))
        }
        Value::Object(object) => {
            write_map_head(out, object.len())?;
            object.iter().try_for_each(|(key, value)| {
                write_text(out, key)?;
                encode_plain(out, value)
            })
        }
        other => encode(out, other),
    }
}

/// What was written to a channel, or what it holds. What the executor keeps in channels of its own becomes what
/// LangGraph's does.
#[cfg(feature = "langgraph")]
pub(crate) fn encode_channel(
    out: &mut Vec<u8>,
    channel: &str,
    value: &Value,
) -> Result<(), Malformed> {
    match (channel, value) {
        ("__pregel_tasks", Value::Array(packets)) => {
            write_list_head(out, packets.len())?;
            packets
                .iter()
                .try_for_each(|packet| encode_packet(out, packet))
        }
        ("__pregel_tasks", packet) => encode_packet(out, packet),
        ("__interrupt__", Value::Array(interrupts)) => {
            write_list_head(out, interrupts.len())?;
            interrupts
                .iter()
                .try_for_each(|interrupt| encode_interrupt(out, interrupt))
        }
        (join, Value::Array(names)) if join.starts_with("join:") => match names.as_slice() {
            [names @ Value::Array(_), finished @ Value::Bool(_)] => {
                write_list_head(out, 2)?;
                encode_set(out, names)?;
                encode(out, finished)
            }
            _ => encode_set(out, value),
        },
        _ => encode(out, value),
    }
}

fn write_number(out: &mut Vec<u8>, number: &Number) {
    if let Some(number) = number.as_u64() {
        write_unsigned(out, number);
    } else if let Some(number) = number.as_i64() {
        write_signed(out, number);
    } else {
        write_float(out, number.as_f64().unwrap_or_default());
    }
}

fn encode_entries(out: &mut Vec<u8>, object: &Map<String, Value>) -> Result<(), Malformed> {
    write_map_head(out, object.len())?;
    for (key, value) in object {
        write_text(out, key)?;
        encode(out, value)?;
    }
    Ok(())
}

fn encode_message(out: &mut Vec<u8>, message: &Message<'_>) -> Result<(), Malformed> {
    let mut fields = Vec::new();
    let has_content = message
        .fields
        .iter()
        .any(|(name, value)| *name == "content" && !value.is_null());
    let given = message
        .fields
        .iter()
        .filter(|(name, value)| *name != "content" || !value.is_null());
    let given: Vec<_> = given.collect();
    let more = 1 + usize::from(!has_content) + usize::from(message.role.is_some());
    write_map_head(&mut fields, given.len() + more)?;
    write_text(&mut fields, "type")?;
    write_text(&mut fields, message.kind)?;
    if !has_content {
        write_text(&mut fields, "content")?;
        write_text(&mut fields, "")?;
    }
    if let Some(role) = message.role {
        write_text(&mut fields, "role")?;
        write_text(&mut fields, role)?;
    }
    let calls = message.calls();
    for (name, value) in given {
        if *name == "tool_calls" && calls.is_some() {
            write_text(&mut fields, "additional_kwargs")?;
            write_map_head(&mut fields, 1)?;
        }
        write_text(&mut fields, name)?;
        encode(&mut fields, value)?;
    }
    object(
        out,
        MODEL_2,
        &message.module,
        &message.class,
        &fields,
        Some("model_validate_json"),
    )
}

/// The packet of a task. A key has no place in LangGraph's, which passes over what stands behind the time-out.
#[cfg(feature = "langgraph")]
fn encode_packet(out: &mut Vec<u8>, packet: &Value) -> Result<(), Malformed> {
    let (Some(node), Some(arg)) = (packet.get("node"), packet.get("arg")) else {
        return encode(out, packet);
    };
    let (timeout, key) = (packet.get("timeout"), packet.get("key"));
    let mut arguments = Vec::new();
    let count = match (timeout, key) {
        (_, Some(_)) => 4,
        (Some(_), None) => 3,
        (None, None) => 2,
    };
    write_list_head(&mut arguments, count)?;
    encode(&mut arguments, node)?;
    encode(&mut arguments, arg)?;
    if count > 2 {
        encode(&mut arguments, timeout.unwrap_or(&Value::Null))?;
    }
    if let Some(key) = key {
        encode(&mut arguments, key)?;
    }
    object(out, POSITIONAL, "langgraph.types", "Send", &arguments, None)
}

#[cfg(feature = "langgraph")]
fn encode_interrupt(out: &mut Vec<u8>, interrupt: &Value) -> Result<(), Malformed> {
    let (Some(id), Some(value)) = (interrupt.get("id"), interrupt.get("value")) else {
        return encode(out, interrupt);
    };
    let mut fields = Vec::new();
    write_map_head(&mut fields, 2)?;
    for (name, value) in [("value", value), ("id", id)] {
        write_text(&mut fields, name)?;
        encode(&mut fields, value)?;
    }
    object(out, KEYWORDS, "langgraph.types", "Interrupt", &fields, None)
}

#[cfg(feature = "langgraph")]
fn encode_set(out: &mut Vec<u8>, elements: &Value) -> Result<(), Malformed> {
    let mut encoded = Vec::new();
    encode(&mut encoded, elements)?;
    object(out, SINGLE, "builtins", "set", &encoded, None)
}

fn object(
    out: &mut Vec<u8>,
    code: i8,
    module: &str,
    class: &str,
    arg: &[u8],
    method: Option<&str>,
) -> Result<(), Malformed> {
    let mut payload = Vec::with_capacity(arg.len() + module.len() + class.len() + 32);
    write_list_head(&mut payload, 3 + usize::from(method.is_some()))?;
    write_text(&mut payload, module)?;
    write_text(&mut payload, class)?;
    payload.extend_from_slice(arg);
    if let Some(method) = method {
        write_text(&mut payload, method)?;
    }
    write_ext(out, code, &payload)
}

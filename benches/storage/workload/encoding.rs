//! [`Encoding`]: how values become bytes: as a program's JSON, or as LangGraph's serializer does it.

use serde_json::{Value, json};
use stepwell::Encoded;

use super::message::Message;

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encoding {
    Json,
    /// As LangGraph's `JsonPlusSerializer`: a message is an extension of type 5, with its class and its fields.
    Msgpack,
}

impl Encoding {
    pub(crate) const ALL: [Self; 2] = [Self::Msgpack, Self::Json];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Msgpack => "msgpack",
        }
    }

    /// A value that is no message.
    pub(crate) fn value(self, value: &Value) -> Encoded {
        match self {
            Self::Json => Encoded::json(value),
            Self::Msgpack => {
                let mut bytes = Vec::new();
                msgpack(value, &mut bytes);
                Encoded::new("msgpack", bytes)
            }
        }
    }

    /// A message as an element of a list.
    pub(crate) fn message(self, message: &Message) -> Vec<u8> {
        match self {
            Self::Json => message.fields.to_string().into_bytes(),
            Self::Msgpack => {
                let module = format!("langchain_core.messages.{}", message.module);
                let how = json!([module, message.class, message.fields, "model_validate_json"]);
                let mut data = Vec::new();
                msgpack(&how, &mut data);
                let mut bytes = Vec::with_capacity(data.len() + 6);
                match u8::try_from(data.len()) {
                    Ok(length) => bytes.extend_from_slice(&[0xC7, length]),
                    Err(_) => sized(&mut bytes, 0xC8, 0xC9, data.len()),
                }
                bytes.push(5);
                bytes.extend_from_slice(&data);
                bytes
            }
        }
    }

    /// A list of `count` elements, which are `elements`, each with [`separator`](Self::separator) behind it.
    pub(crate) fn list(self, count: usize, elements: &[u8]) -> Encoded {
        let mut bytes = Vec::with_capacity(elements.len() + 8);
        match self {
            Self::Json => {
                bytes.push(b'[');
                bytes.extend_from_slice(elements.strip_suffix(b",").unwrap_or(elements));
                bytes.push(b']');
            }
            Self::Msgpack => {
                list_header(&mut bytes, count);
                bytes.extend_from_slice(elements);
            }
        }
        Encoded::new(self.name(), bytes)
    }

    pub(crate) fn separator(self) -> &'static [u8] {
        match self {
            Self::Json => b",",
            Self::Msgpack => b"",
        }
    }
}

fn msgpack(value: &Value, to: &mut Vec<u8>) {
    match value {
        Value::Null => to.push(0xC0),
        Value::Bool(value) => to.push(0xC2 + u8::from(*value)),
        Value::Number(number) => match number.as_u64().unwrap() {
            n @ 0..0x80 => to.push(n as u8),
            n @ 0x80..0x100 => to.extend_from_slice(&[0xCC, n as u8]),
            n => sized(to, 0xCD, 0xCE, n as usize),
        },
        Value::String(text) => {
            match text.len() {
                n @ 0..32 => to.push(0xA0 | n as u8),
                n @ 32..0x100 => to.extend_from_slice(&[0xD9, n as u8]),
                n => sized(to, 0xDA, 0xDB, n),
            }
            to.extend_from_slice(text.as_bytes());
        }
        Value::Array(values) => {
            list_header(to, values.len());
            values.iter().for_each(|value| msgpack(value, to));
        }
        Value::Object(fields) => {
            match fields.len() {
                n @ 0..16 => to.push(0x80 | n as u8),
                n => sized(to, 0xDE, 0xDF, n),
            }
            for (name, value) in fields {
                msgpack(&Value::from(&**name), to);
                msgpack(value, to);
            }
        }
    }
}

fn list_header(to: &mut Vec<u8>, count: usize) {
    match count {
        n @ 0..16 => to.push(0x90 | n as u8),
        n => sized(to, 0xDC, 0xDD, n),
    }
}

/// A marker with a number of two bytes, or of four.
fn sized(to: &mut Vec<u8>, two: u8, four: u8, number: usize) {
    match u16::try_from(number) {
        Ok(number) => {
            to.push(two);
            to.extend_from_slice(&number.to_be_bytes());
        }
        Err(_) => {
            to.push(four);
            to.extend_from_slice(&(number as u32).to_be_bytes());
        }
    }
}

//! Values as they are stored, and what they are.

use std::str;

use serde_json::{Value as Json, json};

use crate::Encoded;
use crate::codec::{Stored, Value};
use crate::db::place::At;
use crate::db::reader::follow;
use crate::db::{Db, DbError, Reader};
use crate::log::FrameAddress;

/// Puts values together.
pub(super) struct Resolving(Reader);

/// The values of one record, in their order.
pub(super) struct OfRecord<'r> {
    reader: &'r mut Reader,
    next: At,
}

impl Resolving {
    pub(super) fn new(db: Db) -> Self {
        Self(Reader::new(db))
    }

    pub(super) fn of(&mut self, frame: FrameAddress, record: u32) -> OfRecord<'_> {
        OfRecord {
            reader: &mut self.0,
            next: At {
                frame,
                record,
                value: 0,
            },
        }
    }
}

impl OfRecord<'_> {
    /// The record's next value.
    pub(super) fn printed(&mut self, stored: &Stored) -> Result<Json, DbError> {
        let at = self.next;
        self.next.value = at.value.saturating_add(1);
        let (form, of, weight) = match stored {
            Value::Whole(whole) => return Ok(with_bytes(json!({ "form": "whole" }), whole)),
            Value::Delta(delta) => ("delta", delta.base, delta.weight),
            Value::Alias(alias) => ("alias", alias.of, alias.weight),
        };
        let object = json!({
            "form": form,
            "of": [follow(at, of)?.lsn().get(), of.value],
            "links": weight.links,
            "cost": weight.cost,
        });
        // What is kept in memory is not asked: what is printed is what is stored.
        let value = self.reader.checked(at)?;
        if wide(value.bytes().len()) != weight.length {
            let reason = "a value of it has another length than it says";
            return Err(DbError::unreadable_record(at.frame, at.record, reason));
        }
        Ok(with_bytes(object, &value))
    }
}

/// The object with the tag and the bytes of a value: as text if they are JSON, else in hexadecimal.
fn with_bytes(mut object: Json, value: &Encoded) -> Json {
    let bytes = value.bytes();
    let text = match value.tag() {
        "json" => str::from_utf8(bytes).ok(),
        _ => None,
    };
    if let Some(object) = object.as_object_mut() {
        object.insert("tag".into(), value.tag().into());
        match text {
            Some(text) => object.insert("text".into(), text.into()),
            None => object.insert("hex".into(), hex(bytes).into()),
        };
    }
    object
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        for half in [byte >> 4, byte & 15] {
            text.extend(char::from_digit(u32::from(half), 16));
        }
    }
    text
}

fn wide(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

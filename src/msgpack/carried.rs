//! Values that JSON cannot say, on their way through a graph: their bytes beside what is shown of them.
//!
//! Python makes objects from such bytes by calling what they name, so nobody else may make them up: a state can come from
//! anywhere. Therefore they are sealed with a key that only this process has, and without the seal it is an object
//! like any other. A value that carries something is saved as MessagePack, never as JSON, so the seal need not outlive
//! the process.

use std::hash::{BuildHasher, RandomState};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicBool, Ordering};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};

/// The field that carries the bytes.
pub(crate) const FIELD: &str = "msgpack";

static SEAL: LazyLock<RandomState> = LazyLock::new(RandomState::new);
static MADE: AtomicBool = AtomicBool::new(false);

/// Whether this process has ever made a value that carries bytes. As long as not, none needs to be looked for.
pub(crate) fn any_was_made() -> bool {
    MADE.load(Ordering::Relaxed)
}

/// The text that carries these bytes.
pub(crate) fn seal(bytes: &[u8]) -> String {
    MADE.store(true, Ordering::Relaxed);
    let mut text = format!("{:016x}:", SEAL.hash_one(bytes));
    STANDARD.encode_string(bytes, &mut text);
    text
}

/// The bytes that an object carries, if it is one of ours.
pub(crate) fn carried_by(object: &Map<String, Value>) -> Option<Vec<u8>> {
    let (seal, bytes) = object.get(FIELD)?.as_str()?.split_once(':')?;
    let bytes = STANDARD.decode(bytes).ok()?;
    let expected = SEAL.hash_one(bytes.as_slice());
    (u64::from_str_radix(seal, 16) == Ok(expected)).then_some(bytes)
}

/// Whether something in the value carries bytes.
pub(crate) fn carries(value: &Value) -> bool {
    if !any_was_made() {
        return false;
    }
    match value {
        Value::Array(list) => list.iter().any(carries),
        Value::Object(object) => {
            (object.contains_key(FIELD) && carried_by(object).is_some())
                || object.values().any(carries)
        }
        _ => false,
    }
}

/// Bytes as a text.
pub(crate) fn base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

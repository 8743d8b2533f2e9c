//! How deep JSON is nested. What is deeper than readers follow would be written and never read again.
//!
//! This module must never know whose JSON it is.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::Value;
use serde_json::ser::{Formatter, Serializer};

/// How deep lists and objects may be in one another for `serde_json` to read them.
pub(crate) const READABLE: usize = 127;

/// The text of a value, and how deep it is nested, which costs nothing to tell while it is written.
pub(crate) fn text_of(value: &Value) -> serde_json::Result<(Vec<u8>, usize)> {
    let mut text = Vec::new();
    let mut deepest = 0;
    let counting = Counting {
        depth: 0,
        deepest: &mut deepest,
    };
    value.serialize(&mut Serializer::with_formatter(&mut text, counting))?;
    Ok((text, deepest))
}

/// Writes compact JSON, and counts how deep it is.
struct Counting<'d> {
    depth: usize,
    deepest: &'d mut usize,
}

impl Counting<'_> {
    fn begin(&mut self) {
        self.depth += 1;
        *self.deepest = self.depth.max(*self.deepest);
    }
}

impl Formatter for Counting<'_> {
    fn begin_array<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.begin();
        writer.write_all(b"[")
    }

    fn end_array<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.depth -= 1;
        writer.write_all(b"]")
    }

    fn begin_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.begin();
        writer.write_all(b"{")
    }

    fn end_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.depth -= 1;
        writer.write_all(b"}")
    }
}

/// Whether lists and objects are more than `most` deep in one another in a JSON text.
pub(crate) fn is_text_deeper(text: &[u8], most: usize) -> bool {
    // Most texts have not as many brackets, and to count them is quick.
    let opens = |byte: &&u8| matches!(byte, b'[' | b'{');
    if text.len() / 2 <= most || text.iter().filter(opens).count() <= most {
        return false;
    }
    let mut depth = 0_usize;
    let mut bytes = text.iter();
    while let Some(byte) = bytes.next() {
        match byte {
            b'[' | b'{' if depth == most => return true,
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth = depth.saturating_sub(1),
            b'"' => skip_string(&mut bytes),
            _ => {}
        }
    }
    false
}

/// Goes behind the end of a string that has begun.
fn skip_string<'t>(bytes: &mut impl Iterator<Item = &'t u8>) {
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => return,
            b'\\' => drop(bytes.next()),
            _ => {}
        }
    }
}

/// Whether lists and objects are more than `most` deep in one another in a value.
pub(crate) fn is_value_deeper(value: &Value, most: usize) -> bool {
    let is_deeper = |inside: &Value| {
        most.checked_sub(1)
            .is_none_or(|left| is_value_deeper(inside, left))
    };
    match value {
        Value::Array(list) => most == 0 || list.iter().any(is_deeper),
        Value::Object(object) => most == 0 || object.values().any(is_deeper),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn nested(levels: usize) -> Value {
        (0..levels).fold(json!(1), |value, level| match level % 2 {
            0 => json!([value]),
            _ => json!({"]}\\\"[": value}),
        })
    }

    #[test]
    fn as_deep_as_can_be_read_is_not_too_deep() {
        let is_read = |value: &Value| serde_json::from_str::<Value>(&value.to_string()).is_ok();
        for levels in [1, READABLE - 1, READABLE, READABLE + 1, READABLE + 9] {
            let value = nested(levels);
            let text = value.to_string();
            assert_eq!(is_text_deeper(text.as_bytes(), READABLE), !is_read(&value));
            assert_eq!(is_value_deeper(&value, READABLE), !is_read(&value));
        }
    }

    fn any_value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(json!(null)),
            "[\\[\\]{}\"\\\\a]{0,5}".prop_map(Value::from)
        ];
        leaf.prop_recursive(8, 40, 3, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
                prop::collection::btree_map("[\"{a\\\\]{0,3}", inner, 0..3)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    fn depth(value: &Value) -> usize {
        match value {
            Value::Array(list) => 1 + list.iter().map(depth).max().unwrap_or(0),
            Value::Object(object) => 1 + object.values().map(depth).max().unwrap_or(0),
            _ => 0,
        }
    }

    proptest! {
        #[test]
        fn brackets_in_texts_do_not_count(value in any_value(), most in 0_usize..9) {
            let is_deeper = depth(&value) > most;
            prop_assert_eq!(is_text_deeper(value.to_string().as_bytes(), most), is_deeper);
            prop_assert_eq!(is_value_deeper(&value, most), is_deeper);
            prop_assert_eq!(text_of(&value).unwrap(), (value.to_string().into_bytes(), depth(&value)));
        }
    }
}

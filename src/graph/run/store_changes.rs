//! What tasks did to the store, on its way to the commit of their super-step.
//!
//! It is kept among the writes of a task, so that a task that had finished before a crash has not lost it.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use crate::graph::names::STORE_WRITES;
use crate::graph::run::task::Write;
use crate::store::{IndexedFields, TextFields, Ttl};
use crate::{Encoded, ItemChange};

/// The write that keeps `changes`, if there are any.
pub(in crate::graph) fn to_write(changes: Vec<ItemChange>) -> Option<Write> {
    if changes.is_empty() {
        return None;
    }
    let one = |change: &ItemChange| {
        let value = change.value.as_ref().and_then(|v| v.to_json().ok());
        let mut one = json!({
            "namespace": change.namespace,
            "key": change.key,
            "put": change.value.is_some(),
            "value": value,
        });
        if let Some(fields) = one.as_object_mut() {
            fields.extend(ttl_of(change.ttl).map(|ttl| ("ttl".to_owned(), ttl)));
            fields.extend(
                change
                    .index
                    .as_ref()
                    .map(|index| ("index".to_owned(), index_of(index))),
            );
            let texts = change.texts.as_ref();
            fields.extend(texts.map(|texts| ("texts".to_owned(), texts.paths().into())));
            let vectors = change.vectors.as_ref();
            fields.extend(vectors.map(|of| ("vectors".to_owned(), hex(of.bytes()).into())));
        }
        one
    };
    Some((STORE_WRITES.into(), changes.iter().map(one).collect()))
}

/// The changes among `writes`, which are in the order of their tasks: of each key the last.
pub(in crate::graph) fn gather<'a>(writes: impl IntoIterator<Item = &'a Write>) -> Vec<ItemChange> {
    let mut gathered = BTreeMap::new();
    for (_, kept) in writes.into_iter().filter(|(c, _)| &**c == STORE_WRITES) {
        for change in kept.as_array().into_iter().flatten().filter_map(read) {
            gathered.insert((change.namespace.clone(), change.key.clone()), change);
        }
    }
    gathered.into_values().collect()
}

fn read(kept: &Value) -> Option<ItemChange> {
    let namespace = serde_json::from_value(kept.get("namespace")?.clone()).ok()?;
    let put = kept.get("put")?.as_bool()?;
    Some(ItemChange {
        namespace,
        key: kept.get("key")?.as_str()?.to_owned(),
        value: match put {
            true => Some(Encoded::json(kept.get("value")?)),
            false => None,
        },
        ttl: kept
            .get("ttl")
            .map_or(Ttl::Default, |ttl| match ttl.as_u64() {
                Some(micros) => Ttl::After(Duration::from_micros(micros)),
                None => Ttl::Never,
            }),
        index: match kept.get("index") {
            Some(index) => Some(match index.as_array() {
                Some(_) => IndexedFields::Only(serde_json::from_value(index.clone()).ok()?),
                None => IndexedFields::All,
            }),
            None => None,
        },
        texts: match kept.get("texts") {
            Some(paths) => {
                let paths: Vec<String> = serde_json::from_value(paths.clone()).ok()?;
                Some(TextFields::new(paths))
            }
            None => None,
        },
        vectors: match kept.get("vectors") {
            Some(hex) => Some(Encoded::new("vectors", bytes_of(hex.as_str()?)?)),
            None => None,
        },
    })
}

fn hex(bytes: &[u8]) -> String {
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    let digits = digits.filter_map(|digit| char::from_digit(digit.into(), 16));
    digits.collect()
}

fn bytes_of(hex: &str) -> Option<Vec<u8>> {
    let (pairs, rest) = hex.as_bytes().as_chunks::<2>();
    let pair = |pair: &[u8; 2]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    let bytes = pairs.iter().map(pair).collect::<Option<_>>()?;
    rest.is_empty().then_some(bytes)
}

/// Microseconds, or null for ever.
fn ttl_of(ttl: Ttl) -> Option<Value> {
    match ttl {
        Ttl::Default => None,
        Ttl::Never => Some(Value::Null),
        Ttl::After(ttl) => Some(u64::try_from(ttl.as_micros()).unwrap_or(u64::MAX).into()),
    }
}

/// A list of paths, or null for all fields.
fn index_of(fields: &IndexedFields) -> Value {
    match fields {
        IndexedFields::All => Value::Null,
        IndexedFields::Only(paths) => paths.as_slice().into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_read_again() {
        let change = |key: &str, value, ttl, index| ItemChange {
            namespace: vec!["a".into(), "b".into()],
            key: key.into(),
            value,
            ttl,
            index,
            texts: (key == "1").then(|| TextFields::new(["x", "y[*]"])),
            vectors: (key == "2").then(|| Encoded::new("vectors", vec![0, 1, 0xfe, 0xff])),
        };
        let value = || Some(Encoded::json(&json!({"x": 1})));
        let changes = vec![
            change("1", value(), Ttl::Default, None),
            change("2", value(), Ttl::Never, Some(IndexedFields::All)),
            change(
                "3",
                value(),
                Ttl::After(Duration::from_micros(7)),
                Some(IndexedFields::NONE),
            ),
            change("4", None, Ttl::Default, None),
        ];
        let write = to_write(changes.clone()).unwrap();
        assert_eq!(gather([&write]), changes);
    }
}

//! What tasks did to the store, on its way to the commit of their super-step.
//!
//! It is kept among the writes of a task, so that a task that had finished before a crash has not lost it.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::graph::names::STORE_WRITES;
use crate::graph::run::task::Write;
use crate::{Encoded, ItemChange};

/// The write that keeps `changes`, if there are any.
pub(in crate::graph) fn to_write(changes: Vec<ItemChange>) -> Option<Write> {
    if changes.is_empty() {
        return None;
    }
    let one = |change: &ItemChange| {
        let value = change.value.as_ref().and_then(|v| v.to_json().ok());
        json!({"namespace": change.namespace, "key": change.key, "put": change.value.is_some(), "value": value})
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
    })
}

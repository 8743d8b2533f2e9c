//! What a database holds in the end, as JSON, and in what that differs.

use std::collections::BTreeSet;
use std::fmt::Write;

use futures::TryStreamExt;
use serde_json::{Map, Value, json};

use super::BoxError;
use crate::checkpoint::{Checkpointer, JsonChangeKind, Projection, compare};
use crate::db::Db;
use crate::graph::{CompiledGraph, Config};
use crate::store::{Search, Store};

/// How many differences are told.
const TOLD: usize = 3;

/// What a database holds: the threads as the graph sees them, and the items of the store.
pub(super) async fn ending(db: &Db, graph: &CompiledGraph) -> Result<Value, BoxError> {
    let mut threads = Map::new();
    let latest = (db.checkpointer()).list_latest("", Projection::named([String::new()]));
    for found in latest.try_collect::<Vec<_>>().await? {
        let state = graph.get_state(&Config::thread(&found.thread)).await?;
        let questions = state.interrupts.into_iter().map(|of| of.value);
        let thread = json!({
            "values": state.values,
            "next": state.next,
            "questions": questions.collect::<Value>(),
        });
        threads.insert(found.thread, thread);
    }
    let mut items = Map::new();
    for item in (db.store().search(Search::new(&[]).limit(usize::MAX))).await? {
        let name = [item.namespace, vec![item.key]].concat().join("/");
        items.insert(name, item.value);
    }
    Ok(json!({"threads": threads, "items": items}))
}

/// Makes the same of everything that was made up.
pub(super) fn forget(value: &mut Value, made_up: &BTreeSet<String>) {
    match value {
        Value::String(text) if made_up.contains(text) => "(made up)".clone_into(text),
        Value::Array(list) => list.iter_mut().for_each(|of| forget(of, made_up)),
        Value::Object(object) => object.values_mut().for_each(|of| forget(of, made_up)),
        _ => {}
    }
}

/// In what an end differs from what was expected; `None` if it does not.
pub(super) fn difference(expected: &Value, found: &Value) -> Option<String> {
    let diff = compare(expected, found);
    if diff.changes.is_empty() {
        return None;
    }
    let mut told = String::new();
    for (number, change) in diff.changes.iter().take(TOLD).enumerate() {
        let between = if number > 0 { "; " } else { "" };
        let _ = write!(told, "{between}{} ", change.path);
        let _ = match &change.kind {
            JsonChangeKind::Replaced { from, to } => {
                write!(told, "is {to} instead of {from}")
            }
            JsonChangeKind::Removed { value } => write!(told, "is missing, it was {value}"),
            other => write!(told, "{other}"),
        };
    }
    let more = diff.more + diff.changes.len().saturating_sub(TOLD);
    if more > 0 {
        let _ = write!(told, "; and {more} more");
    }
    Some(told)
}

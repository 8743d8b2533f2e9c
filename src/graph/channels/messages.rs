//! The messages reducer: a list of messages that are told apart by id.

use std::collections::HashMap;

use serde_json::Value;
use uuid::Uuid;

use crate::graph::channels::reducer::ReduceError;

/// The id that stands for every message before it.
pub(in crate::graph) const REMOVE_ALL: &str = "__remove_all__";

pub(in crate::graph) fn reduce(current: Value, write: Value) -> Result<Value, ReduceError> {
    let Value::Array(mut messages) = current else {
        return Err(ReduceError::Invalid(
            "`messages` needs a list as its value".into(),
        ));
    };
    let mut writes = match write {
        Value::Array(list) => list,
        one => vec![one],
    };
    writes.iter_mut().try_for_each(ensure_id)?;
    messages.iter_mut().try_for_each(ensure_id)?;
    if let Some(last) = writes
        .iter()
        .rposition(|m| is_removal(m) && id_of(m) == REMOVE_ALL)
    {
        messages.clear();
        writes.drain(..=last);
    }
    merge(messages, writes).map(Value::Array)
}

/// Gives every message in a write to a messages channel an id, so that a replay of the saved write
/// has the same ids as the run.
pub(in crate::graph) fn ensure_ids(write: &mut Value) {
    match write {
        Value::Array(list) => list.iter_mut().for_each(|m| {
            let _ = ensure_id(m);
        }),
        one => {
            let _ = ensure_id(one);
        }
    }
}

fn merge(mut messages: Vec<Value>, writes: Vec<Value>) -> Result<Vec<Value>, ReduceError> {
    let mut places: HashMap<String, usize> = messages
        .iter()
        .enumerate()
        .map(|(place, m)| (id_of(m).to_owned(), place))
        .collect();
    let mut removed = Vec::new();
    for message in writes {
        let id = id_of(&message).to_owned();
        match places.get(&id).copied() {
            Some(_) if is_removal(&message) => removed.push(id),
            Some(place) => {
                removed.retain(|r| *r != id);
                if let Some(slot) = messages.get_mut(place) {
                    *slot = message;
                }
            }
            None if is_removal(&message) => return Err(ReduceError::MessageNotFound(id)),
            None => {
                places.insert(id, messages.len());
                messages.push(message);
            }
        }
    }
    if !removed.is_empty() {
        messages.retain(|m| !removed.iter().any(|r| r == id_of(m)));
    }
    Ok(messages)
}

fn ensure_id(message: &mut Value) -> Result<(), ReduceError> {
    let Value::Object(fields) = message else {
        return Err(ReduceError::Invalid(format!(
            "a message is an object with a role and content, not `{message}`"
        )));
    };
    match fields.get("id") {
        Some(Value::String(_)) => {}
        None | Some(Value::Null) => {
            fields.insert("id".into(), Value::String(Uuid::new_v4().to_string()));
        }
        Some(other) => {
            return Err(ReduceError::Invalid(format!(
                "a message's id is a string, not `{other}`"
            )));
        }
    }
    Ok(())
}

fn id_of(message: &Value) -> &str {
    message
        .get("id")
        .and_then(Value::as_str)
        .unwrap_or_default()
}

fn is_removal(message: &Value) -> bool {
    message.get("role").and_then(Value::as_str) == Some("remove")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_known_id_replaces_in_place_and_an_unknown_one_is_appended() {
        let list = json!([{"role": "user", "content": "a", "id": "1"}]);
        let out = reduce(
            list,
            json!([{"role": "user", "content": "b", "id": "1"}, {"role": "user", "content": "c", "id": "2"}]),
        )
        .unwrap();
        assert_eq!(out[0]["content"], "b");
        assert_eq!(out[1]["id"], "2");
    }

    #[test]
    fn removing_an_unknown_message_names_it() {
        let error = reduce(json!([]), json!({"role": "remove", "id": "x"})).unwrap_err();
        assert!(matches!(error, ReduceError::MessageNotFound(id) if id == "x"));
    }

    #[test]
    fn remove_all_drops_the_old_list_and_everything_before_it_in_the_write() {
        let out = reduce(
            json!([{"role": "user", "content": "a", "id": "1"}]),
            json!([
                {"role": "user", "content": "lost", "id": "2"},
                {"role": "remove", "id": "__remove_all__"},
                {"role": "user", "content": "kept", "id": "3"}
            ]),
        )
        .unwrap();
        assert_eq!(out, json!([{"role": "user", "content": "kept", "id": "3"}]));
    }
}

//! The messages reducer: a list of messages that are told apart by id.

use std::collections::{HashMap, HashSet};

use serde_json::Value;
use uuid::Uuid;

use crate::graph::channels::reducer::{Folded, ReduceError};

/// The id that stands for every message before it.
pub(in crate::graph) const REMOVE_ALL: &str = "__remove_all__";

pub(in crate::graph) fn reduce(current: Value, write: Value) -> Result<Folded, ReduceError> {
    let Value::Array(mut messages) = current else {
        return Err(ReduceError::Invalid(
            "`messages` needs a list as its value".into(),
        ));
    };
    let mut writes = match write {
        Value::Array(list) => list,
        one => vec![one],
    };
    let mut only_grew = true;
    for write in &mut writes {
        ensure_id(write)?;
    }
    for message in &mut messages {
        only_grew &= !ensure_id(message)?;
    }
    if let Some(last) = writes
        .iter()
        .rposition(|m| is_removal(m) && id_of(m) == REMOVE_ALL)
    {
        messages.clear();
        writes.drain(..=last);
        only_grew = false;
    }
    only_grew &= merge(&mut messages, writes)?;
    Ok(Folded {
        value: Value::Array(messages),
        only_grew,
    })
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

/// Merges `writes` into `messages`; says whether all that was there is as it was.
fn merge(messages: &mut Vec<Value>, writes: Vec<Value>) -> Result<bool, ReduceError> {
    // Only what is written is looked for: a conversation is long, and a write is short.
    let mut places: HashMap<String, Option<usize>> =
        writes.iter().map(|m| (id_of(m).to_owned(), None)).collect();
    for (place, message) in messages.iter().enumerate() {
        if let Some(found) = places.get_mut(id_of(message)) {
            *found = Some(place);
        }
    }
    let before = messages.len();
    let mut only_grew = true;
    let mut removed = HashSet::new();
    for message in writes {
        let id = id_of(&message).to_owned();
        match places.get(&id).copied().flatten() {
            Some(_) if is_removal(&message) => {
                removed.insert(id);
            }
            Some(place) => {
                removed.remove(&id);
                only_grew &= place >= before;
                if let Some(slot) = messages.get_mut(place) {
                    *slot = message;
                }
            }
            None if is_removal(&message) => return Err(ReduceError::MessageNotFound(id)),
            None => {
                places.insert(id, Some(messages.len()));
                messages.push(message);
            }
        }
    }
    if !removed.is_empty() {
        let mut place = 0;
        messages.retain(|m| {
            let stays = !removed.contains(id_of(m));
            only_grew &= stays || place >= before;
            place += 1;
            stays
        });
    }
    Ok(only_grew)
}

/// Gives `message` an id; says whether it had none.
fn ensure_id(message: &mut Value) -> Result<bool, ReduceError> {
    let Value::Object(fields) = message else {
        return Err(ReduceError::Invalid(format!(
            "a message is an object with a role and content, not `{message}`"
        )));
    };
    match fields.get("id") {
        Some(Value::String(_)) => Ok(false),
        None | Some(Value::Null) => {
            fields.insert("id".into(), Value::String(Uuid::new_v4().to_string()));
            Ok(true)
        }
        Some(other) => Err(ReduceError::Invalid(format!(
            "a message's id is a string, not `{other}`"
        ))),
    }
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
        assert_eq!(out.value[0]["content"], "b");
        assert_eq!(out.value[1]["id"], "2");
        assert!(!out.only_grew);
    }

    #[test]
    fn removing_an_unknown_message_names_it() {
        let outcome = reduce(json!([]), json!({"role": "remove", "id": "x"}));
        assert!(matches!(outcome, Err(ReduceError::MessageNotFound(id)) if id == "x"));
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
        let kept = json!([{"role": "user", "content": "kept", "id": "3"}]);
        assert_eq!(out.value, kept);
        assert!(!out.only_grew);
    }

    #[test]
    fn a_list_has_only_grown_if_all_that_was_there_is_as_it_was() {
        let [a, b, c] = ["a", "b", "c"].map(|id| json!({"role": "user", "content": "x", "id": id}));
        let remove = |id: &str| json!({"role": "remove", "id": id});
        let only_grew = |current: Value, write: Value| reduce(current, write).unwrap().only_grew;
        assert!(only_grew(json!([a]), json!([b, c])));
        assert!(only_grew(json!([a]), json!([])));
        assert!(only_grew(json!([a]), json!([b, b, c, remove("c")])));
        assert!(!only_grew(json!([a]), json!([a])));
        assert!(!only_grew(json!([a, b]), json!([c, remove("a")])));
        let without_id = json!({"role": "user", "content": "x"});
        assert!(!only_grew(json!([without_id]), json!([a])));
        assert!(only_grew(json!([a]), without_id));
    }
}

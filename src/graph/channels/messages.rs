//! The messages reducer: a list of messages that are told apart by id.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use serde_json::Value;

use crate::graph::channels::held::Held;
use crate::graph::channels::reducer::{Folded, ReduceError};
use crate::graph::output::overwriting;

/// The id that stands for every message before it.
pub(in crate::graph) const REMOVE_ALL: &str = "__remove_all__";

/// Where in a list each message is, by id. It is kept beside the list, as a conversation is long, and a write is short.
#[derive(Clone, Debug, Default)]
pub(in crate::graph) struct Places {
    /// Shared with the clones of the channel.
    known: Arc<HashMap<String, usize>>,
    /// Of the messages that were added since.
    new: HashMap<String, usize>,
}

impl Places {
    fn of(messages: &Held) -> Self {
        let messages = messages.elements().into_iter().flatten().enumerate();
        let known = messages.map(|(place, message)| (id_of(message).to_owned(), place));
        Self {
            known: Arc::new(known.collect()),
            new: HashMap::new(),
        }
    }

    fn get(&self, id: &str) -> Option<usize> {
        self.new.get(id).or_else(|| self.known.get(id)).copied()
    }

    /// Takes what is new among what is known: in place, or by a copy if a clone still has that.
    pub(in crate::graph) fn join(&mut self) {
        if !self.new.is_empty() {
            // Not drained: an empty map that was large costs as much to clone as a full one.
            Arc::make_mut(&mut self.known).extend(std::mem::take(&mut self.new));
        }
    }
}

pub(in crate::graph) fn reduce(
    mut list: Held,
    places: &mut Option<Places>,
    write: Value,
) -> Result<Folded, ReduceError> {
    let mut writes = match write {
        Value::Array(list) => list,
        one => vec![one],
    };
    for write in &mut writes {
        ensure_id(write)?;
    }
    let mut only_grew = true;
    let mut known = match places.take() {
        Some(known) => known,
        None => {
            only_grew = !ensure_all(&mut list)?;
            Places::of(&list)
        }
    };
    if let Some(last) = writes
        .iter()
        .rposition(|m| is_removal(m) && id_of(m) == REMOVE_ALL)
    {
        list = Value::Array(Vec::new()).into();
        known = Places::default();
        writes.drain(..=last);
        only_grew = false;
    }
    let merged = merge(&mut list, &mut known, writes)?;
    *places = (!merged.moved).then_some(known);
    Ok(Folded {
        value: list,
        only_grew: only_grew && merged.only_grew,
    })
}

/// What became of a list.
struct Merged {
    /// Whether all that was there is as it was.
    only_grew: bool,
    /// Whether messages are no longer where they were.
    moved: bool,
}

/// Gives every message in a write to a messages channel an id, so that a replay of the saved write
/// has the same ids as the run.
pub(in crate::graph) fn ensure_ids(write: &mut Value) {
    let messages = match overwriting(write) {
        Some(messages) => messages,
        None => write,
    };
    match messages {
        Value::Array(list) => list.iter_mut().for_each(|m| {
            let _ = ensure_id(m);
        }),
        one => {
            let _ = ensure_id(one);
        }
    }
}

fn merge(list: &mut Held, known: &mut Places, writes: Vec<Value>) -> Result<Merged, ReduceError> {
    let before = list.len().ok_or_else(no_list)?;
    let mut only_grew = true;
    let mut added: Vec<Value> = Vec::new();
    let mut removed = HashSet::new();
    for message in writes {
        let id = id_of(&message).to_owned();
        match known.get(&id) {
            Some(_) if is_removal(&message) => {
                removed.insert(id);
            }
            Some(place) => {
                removed.remove(&id);
                only_grew &= place >= before;
                let slot = match place.checked_sub(before) {
                    Some(place) => added.get_mut(place),
                    None => list.list_mut().and_then(|list| list.get_mut(place)),
                };
                if let Some(slot) = slot {
                    *slot = message;
                }
            }
            None if is_removal(&message) => return Err(ReduceError::MessageNotFound(id)),
            None => {
                known.new.insert(id, before + added.len());
                added.push(message);
            }
        }
    }
    list.grow(added).map_err(|_| no_list())?;
    if !removed.is_empty() {
        let mut place = 0;
        list.list_mut().ok_or_else(no_list)?.retain(|m| {
            let stays = !removed.contains(id_of(m));
            only_grew &= stays || place >= before;
            place += 1;
            stays
        });
    }
    Ok(Merged {
        only_grew,
        moved: !removed.is_empty(),
    })
}

fn no_list() -> ReduceError {
    ReduceError::Invalid("`messages` needs a list as its value".into())
}

/// Gives all messages ids; says whether one had none.
fn ensure_all(list: &mut Held) -> Result<bool, ReduceError> {
    let mut complete = true;
    for message in list.elements().ok_or_else(no_list)? {
        complete &= has_id(message)?;
    }
    if complete {
        return Ok(false);
    }
    for message in list.list_mut().into_iter().flatten() {
        ensure_id(message)?;
    }
    Ok(true)
}

/// Gives `message` an id if it has none.
fn ensure_id(message: &mut Value) -> Result<(), ReduceError> {
    if !has_id(message)?
        && let Value::Object(fields) = message
    {
        fields.insert(
            "id".into(),
            Value::String(crate::probe::unique().to_string()),
        );
    }
    Ok(())
}

/// Whether `message`, which has to be one, has an id.
fn has_id(message: &Value) -> Result<bool, ReduceError> {
    let Value::Object(fields) = message else {
        return Err(ReduceError::Invalid(format!(
            "a message is an object with a role and content, not `{message}`"
        )));
    };
    match fields.get("id") {
        Some(Value::String(_)) => Ok(true),
        None | Some(Value::Null) => Ok(false),
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
mod tests;

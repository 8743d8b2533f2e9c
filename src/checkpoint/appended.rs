//! Lists that were handed over as what was appended to them, made whole.
//!
//! This module must never know where values are kept.

use crate::Encoded;
use crate::checkpoint::{CheckpointError, PutCheckpoint};

/// Gives every channel that `put` appends to its whole value. `parents` is the value that the parent has of a
/// channel.
pub(super) fn make_whole(
    put: &mut PutCheckpoint,
    mut parents: impl FnMut(&str) -> Result<Option<Encoded>, CheckpointError>,
) -> Result<(), CheckpointError> {
    for (channel, elements) in std::mem::take(&mut put.appended) {
        let list = parents(&channel)?;
        let Some(whole) = list.and_then(|list| concatenate(&list, &elements)) else {
            return Err(CheckpointError::NothingToAppendTo {
                thread: put.thread.clone(),
                checkpoint: put.checkpoint.id.clone(),
                channel,
            });
        };
        put.checkpoint.channel_values.insert(channel, whole);
    }
    Ok(())
}

/// The JSON list `list` followed by `elements`; `None` if it is no such list, or one of them not JSON.
fn concatenate(list: &Encoded, elements: &[Encoded]) -> Option<Encoded> {
    let is_json = |value: &Encoded| value.tag() == "json";
    if !is_json(list) || !elements.iter().all(is_json) {
        return None;
    }
    let text = list.bytes().trim_ascii().strip_suffix(b"]")?;
    let is_empty = text.strip_prefix(b"[")?.trim_ascii().is_empty();
    let added: usize = elements.iter().map(|e| e.bytes().len() + 1).sum();
    let mut whole = Vec::with_capacity(text.len() + added + 1);
    whole.extend_from_slice(text);
    for (place, element) in elements.iter().enumerate() {
        if place > 0 || !is_empty {
            whole.push(b',');
        }
        whole.extend_from_slice(element.bytes());
    }
    whole.push(b']');
    Some(Encoded::new("json", whole))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn what_is_no_json_list_cannot_be_appended_to() {
        let one = [Encoded::json(&json!(1))];
        for text in ["{}", "\"[]", "]", "", "[", "1"] {
            assert_eq!(concatenate(&Encoded::new("json", text), &one), None);
        }
        assert_eq!(concatenate(&Encoded::new("msgpack", "[]"), &one), None);
        let list = Encoded::json(&json!([]));
        assert_eq!(concatenate(&list, &[Encoded::new("bytes", "1")]), None);
    }

    proptest! {
        #[test]
        fn a_list_is_followed_by_the_elements(
            list in prop::collection::vec("[\\[\\],\" a]{0,4}", 0..4),
            more in prop::collection::vec(prop::option::of(0..9_u8), 0..4),
            pretty: bool,
        ) {
            let text = if pretty {
                format!(" {}\n", serde_json::to_string_pretty(&list).unwrap())
            } else {
                json!(list).to_string()
            };
            let elements: Vec<Encoded> = more.iter().map(|e| Encoded::json(&json!(e))).collect();
            let whole = concatenate(&Encoded::new("json", text), &elements).unwrap();
            let mut expected: Vec<Value> = list.into_iter().map(Value::from).collect();
            expected.extend(more.into_iter().map(|e| json!(e)));
            prop_assert_eq!(whole.to_json().unwrap(), Value::Array(expected));
        }
    }
}

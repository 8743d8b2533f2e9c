//! What holds for the diff of any two values.

use proptest::prelude::*;
use serde_json::{Map, Value};

use super::json::compare;
use super::tests::{tuple, value};
use super::*;

/// Makes the changes that a diff lists; `None` if it does not show all there is to them.
fn applied(mut value: Value, diff: &JsonDiff) -> Option<Value> {
    for JsonChange { path, kind } in &diff.changes {
        let (parent, key) = path.rsplit_once('/').unwrap_or_default();
        let key = key.replace("~1", "/").replace("~0", "~");
        match kind {
            JsonChangeKind::Added { value: added } => {
                let entries = value.pointer_mut(parent)?.as_object_mut()?;
                assert!(entries.insert(key, whole(added)?).is_none());
            }
            JsonChangeKind::Removed { value: removed } => {
                let entries = value.pointer_mut(parent)?.as_object_mut()?;
                assert_eq!(Sample::of(&entries.remove(&key)?), *removed);
            }
            JsonChangeKind::Replaced { from, to } => {
                let place = value.pointer_mut(path)?;
                assert_eq!(Sample::of(place), *from);
                *place = whole(to)?;
            }
            JsonChangeKind::Grew {
                at,
                by,
                length,
                elements,
            } => {
                let list = value.pointer_mut(path)?.as_array_mut()?;
                assert_eq!(list.len() + by, *length);
                let come: Option<Vec<Value>> = elements.iter().map(whole).collect();
                let come = come.filter(|come| come.len() == *by)?;
                list.splice(at..at, come);
            }
            JsonChangeKind::Shrank {
                at,
                by,
                length,
                elements,
            } => {
                let list = value.pointer_mut(path)?.as_array_mut()?;
                assert_eq!(list.len() - by, *length);
                let gone: Vec<Value> = list.drain(*at..at + by).collect();
                for (gone, shown) in gone.iter().zip(elements) {
                    assert_eq!(*shown, Sample::of(gone));
                }
            }
            JsonChangeKind::Text {
                at,
                from,
                to,
                length,
            } => {
                let place = value.pointer_mut(path)?;
                let text: Vec<char> = place.as_str()?.chars().collect();
                let (from, to) = (whole(from)?, whole(to)?);
                let end = at + from.as_str()?.chars().count();
                assert_eq!(String::from_iter(&text[*at..end]), from.as_str()?);
                let now = String::from_iter(&text[..*at])
                    + to.as_str()?
                    + &String::from_iter(&text[end..]);
                assert_eq!(now.chars().count(), *length);
                *place = now.into();
            }
        }
    }
    (diff.more == 0).then_some(value)
}

fn whole(sample: &Sample) -> Option<Value> {
    match sample {
        Sample::Whole { value } => Some(value.clone()),
        Sample::Cut { .. } => None,
    }
}

/// Values of few kinds, so that two of them have much in common.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        (0..3_i64).prop_map(Value::from),
        "[ab/~]{0,2}".prop_map(Value::from),
        "é{0,4}a{150,170}[bé]{0,3}a{0,3}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        let entries = prop::collection::btree_map("[ab~/]", inner.clone(), 0..4);
        prop_oneof![
            prop::collection::vec(inner, 0..6).prop_map(Value::from),
            entries.prop_map(|entries| Value::Object(Map::from_iter(entries))),
        ]
    })
}

proptest! {
    #[test]
    fn nothing_differs_from_itself(a in any_json()) {
        let a = tuple("1", &[("c", 1, value(a))]);
        prop_assert!(diff(&a, &a).is_empty());
        prop_assert!(diff(&a, &a).to_string().ends_with("no difference"));
    }

    #[test]
    fn what_is_reported_leads_from_one_value_to_the_other(a in any_json(), b in any_json()) {
        let found = compare(&a, &b);
        prop_assert_eq!(found.changes.is_empty(), a == b);
        if let Some(now) = applied(a, &found) {
            prop_assert_eq!(now, b);
        }
    }

    #[test]
    fn any_two_byte_strings_are_compared(a: Vec<u8>, b: Vec<u8>) {
        let tagged = |tag: &str, bytes: &[u8]| Some(Encoded::new(tag, bytes.to_vec()));
        for tag in ["json", "bytes", "null", "msgpack"] {
            let found = diff(&tuple("1", &[("c", 1, tagged("json", &a))]), &tuple("2", &[("c", 1, tagged(tag, &b))]));
            let is_same = tag == "json" && a == b;
            prop_assert_eq!(found.is_empty(), is_same);
        }
    }
}

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::json::compare;
use super::*;
use crate::checkpoint::{Checkpoint, Metadata, Source};

type Channels<'a> = &'a [(&'a str, u64, Option<Encoded>)];

fn tuple(id: &str, channels: Channels<'_>) -> CheckpointTuple {
    let mut checkpoint = Checkpoint {
        id: id.into(),
        ..Checkpoint::default()
    };
    for (name, version, value) in channels {
        let version = ChannelVersion::Int(*version);
        checkpoint
            .channel_versions
            .insert((*name).to_owned(), version);
        let value = value.clone().map(|value| ((*name).to_owned(), value));
        checkpoint.channel_values.extend(value);
    }
    CheckpointTuple {
        thread: "t".into(),
        namespace: String::new(),
        checkpoint,
        metadata: Metadata::new(Source::Loop, 1),
        parent_id: None,
        pending_writes: Vec::new(),
    }
}

fn value(value: Value) -> Option<Encoded> {
    Some(Encoded::json(&value))
}

fn bytes(bytes: &[u8]) -> Option<Encoded> {
    Some(Encoded::new("msgpack", bytes.to_vec()))
}

fn write(task: &str, value: Value) -> PendingWrite {
    PendingWrite {
        task_id: task.into(),
        task_path: format!("~__pregel_pull, {task}"),
        index: 0,
        channel: "out".into(),
        value: Encoded::json(&value),
    }
}

#[test]
fn every_kind_of_difference_of_a_channel_is_told_apart() {
    let a = tuple(
        "1",
        &[
            ("changed", 1, value(json!({"n": 1}))),
            ("cleared", 1, value(json!(1))),
            ("encoded", 1, bytes(b"abcd")),
            ("same", 1, value(json!(1))),
            ("touched", 1, value(json!(1))),
        ],
    );
    let mut b = tuple(
        "2",
        &[
            ("changed", 2, value(json!({"n": 2}))),
            ("cleared", 2, None),
            ("encoded", 2, bytes(b"abXd5")),
            ("new", 2, value(json!("x"))),
            ("same", 1, value(json!(1))),
            ("touched", 2, value(json!(1))),
        ],
    );
    b.metadata.step = Some(2);
    b.pending_writes.push(write("w", json!([1])));
    let seen = [("branch:to:w".to_owned(), ChannelVersion::Int(2))];
    let seen_by = &mut b.checkpoint.versions_seen;
    seen_by.insert("w".into(), seen.into());
    let found = diff(&a, &b);
    let shown = "1 -> 2
~ changed (version 1 -> version 2)
    /n: 1 -> 2
- cleared (version 1): 1
~ encoded (version 1 -> version 2)
    msgpack of 4 bytes -> msgpack of 5 bytes, which differ from byte 2 on
+ new (version 2): \"x\"
= touched (version 1 -> version 2): the same value
ran: w
metadata
    /step: 1 -> 2
pending writes
  + out of w: [1]";
    assert_eq!(found.to_string(), shown);
    let shown = serde_json::to_value(&found).unwrap();
    assert_eq!(
        shown["channels"]["changed"],
        json!({"change": "changed", "from": 1, "to": 2, "how": {"kind": "json", "more": 0, "changes": [
            {"path": "/n", "change": "replaced", "from": {"value": 1}, "to": {"value": 2}}
        ]}})
    );
    assert_eq!(
        shown["channels"]["cleared"],
        json!({"change": "removed", "version": 1,
            "value": {"type": "json", "bytes": 1, "sample": {"value": 1}}})
    );
    assert_eq!(
        shown["channels"]["encoded"]["how"]["first_difference"],
        json!(2)
    );
}

#[test]
fn a_list_that_grew_says_by_what_and_one_that_changed_says_where() {
    let shown = |a: Value, b: Value| {
        let found = diff(
            &tuple("1", &[("c", 1, value(a))]),
            &tuple("2", &[("c", 2, value(b))]),
        );
        let text = found.to_string();
        let lines = text.lines().skip(2).map(|line| line.trim().to_owned());
        lines.collect::<Vec<_>>()
    };
    assert_eq!(
        shown(json!([1, 2]), json!([1, 2, 3])),
        ["grew by 1 to 3: 3"]
    );
    assert_eq!(
        shown(json!([1, 2]), json!([1, 8, 8, 8, 8, 2])),
        ["grew by 4 to 6, at 1: 8, 8, 8, and 1 more"]
    );
    assert_eq!(
        shown(json!([1, 2, 3]), json!([3])),
        ["shrank by 2 to 1, at 0: 1, 2"]
    );
    assert_eq!(
        shown(
            json!({"a/b": [1, {"x": 1}, 3]}),
            json!({"a/b": [1, {"y": 1}, 3]})
        ),
        ["/a~1b/1/x: removed 1", "/a~1b/1/y: added 1"]
    );
    let (before, now) = ("é".repeat(200), format!("{}!", "é".repeat(200)));
    assert_eq!(
        shown(json!(before), json!(now)),
        ["at character 200 of 201: \"\" -> \"!\""]
    );
}

#[test]
fn the_same_value_in_other_words_is_a_change_without_changes() {
    let spelled = |text: &str| Some(Encoded::new("json", text.as_bytes().to_vec()));
    let found = diff(
        &tuple("1", &[("c", 1, spelled("[1,2]"))]),
        &tuple("2", &[("c", 2, spelled("[1, 2]"))]),
    );
    assert!(!found.is_empty());
    let how = ValueDiff::Json(JsonDiff::default());
    assert!(matches!(&found.channels["c"], ChannelDiff::Changed { how: h, .. } if *h == how));
}

#[test]
fn text_from_a_database_does_not_steer_a_terminal() {
    let a = tuple("1", &[]);
    let b = tuple(
        "2",
        &[("c\u{1b}[2J", 1, value(json!({"k\u{9b}": "\u{9b}"})))],
    );
    let shown = diff(&a, &b).to_string();
    assert!(shown.chars().all(|c| c == '\n' || !c.is_control()));
}

/// A value that is nested `depth` lists deep.
fn nested(depth: usize, inner: &str) -> Option<Encoded> {
    let text = format!("{}{inner}{}", "[".repeat(depth), "]".repeat(depth));
    Some(Encoded::new("json", text))
}

#[test]
fn what_is_said_of_huge_values_is_bounded() {
    let key = "k~".repeat(500);
    let wide = |value: &str| {
        let list = vec![json!({&key: value.repeat(1_000)}); 300];
        Some(Encoded::json(&json!(list)))
    };
    let pairs = [
        (nested(100, "1"), nested(100, "2")),
        // Deeper than JSON is read: compared as bytes.
        (nested(100_000, "1"), nested(100_000, "2")),
        (nested(1, "1"), nested(100_000, "2")),
        (wide("a"), wide("b")),
    ];
    for (a, b) in pairs {
        let found = diff(&tuple("1", &[("c", 1, a)]), &tuple("2", &[("c", 2, b)]));
        assert!(!found.is_empty());
        let shown = serde_json::to_string(&found).unwrap();
        assert!(shown.len() < 200_000, "{} bytes", shown.len());
        assert!(found.to_string().len() < 200_000);
    }
    let mut b = tuple("2", &[]);
    b.pending_writes = (0..1_000)
        .map(|n| write(&n.to_string(), json!(n)))
        .collect();
    let found = diff(&tuple("1", &[]), &b).writes;
    assert_eq!(found.changes.len() + found.more, 1_000);
    assert!(found.changes.len() <= MAX_WRITES);
}

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

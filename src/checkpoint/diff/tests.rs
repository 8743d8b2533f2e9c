//! What a diff says of certain differences, and how much it says.

use serde_json::{Value, json};

use super::*;
use crate::checkpoint::{Checkpoint, Metadata, Source};

pub(super) type Channels<'a> = &'a [(&'a str, u64, Option<Encoded>)];

pub(super) fn tuple(id: &str, channels: Channels<'_>) -> CheckpointTuple {
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

pub(super) fn value(value: Value) -> Option<Encoded> {
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

use std::collections::BTreeMap;

use bytes::Bytes;
use serde_json::{Map, json};

use super::*;
use crate::Encoded;
use crate::checkpoint::{ChannelVersion, Checkpoint, Metadata, Source};

fn checkpoint() -> Checkpoint {
    let versions: BTreeMap<_, _> = [
        ("a".to_owned(), ChannelVersion::Int(u64::MAX)),
        (
            "b".to_owned(),
            ChannelVersion::Text("00000000000000000000000000000002.0.123".into()),
        ),
    ]
    .into();
    let values = [
        ("a", Encoded::json(&json!({"n": [1, null]}))),
        ("b", Encoded::new("python+aes", vec![0, 255])),
        ("c", Encoded::new("msgpack", vec![0x91, 0xc4, 1, 7])),
    ];
    Checkpoint {
        id: "1".into(),
        ts: "2026-11-21T01:02:03.000004+00:00".into(),
        channel_values: values.map(|(channel, of)| (channel.to_owned(), of)).into(),
        channel_versions: versions.clone(),
        versions_seen: [("node".into(), versions), ("__input__".into(), [].into())].into(),
        updated_channels: Some(vec!["a".into()]),
    }
}

#[test]
fn a_checkpoint_with_its_values_comes_back() {
    let bytes = Bytes::from(inline_checkpoint(&checkpoint(), FORM, &[]).unwrap());
    let read = |reading| read_inline_checkpoint("msgpack", &bytes, reading).unwrap();
    assert_eq!(read(Reading::AsJson), checkpoint());
    let kept = read(Reading::AsKept);
    assert_eq!(kept.channel_values["a"].tag(), "msgpack");
    assert_eq!(
        kept.channel_values["a"].to_json().unwrap(),
        json!({"n": [1, null]})
    );
}

#[test]
fn what_is_not_known_is_told_from_nothing() {
    let unknown = ["x".to_owned(), "y".to_owned()];
    let bytes = inline_checkpoint(&checkpoint(), FORM, &unknown).unwrap();
    assert_eq!(unknown_channels("msgpack", &bytes), unknown);
    let bytes = Bytes::from(bytes);
    assert_eq!(
        read_inline_checkpoint("msgpack", &bytes, Reading::AsJson).unwrap(),
        checkpoint()
    );
    assert!(
        unknown_channels(
            "msgpack",
            &inline_checkpoint(&checkpoint(), FORM, &[]).unwrap()
        )
        .is_empty()
    );
}

#[test]
fn bytes_and_nothing_at_all_come_back_in_a_checkpoint() {
    let mut put = checkpoint();
    put.channel_values = [
        ("bytes".to_owned(), Encoded::new("bytes", vec![0, 1])),
        ("null".to_owned(), Encoded::new("null", "")),
    ]
    .into();
    let bytes = Bytes::from(inline_checkpoint(&put, FORM, &[]).unwrap());
    let read = read_inline_checkpoint("msgpack", &bytes, Reading::AsJson).unwrap();
    assert_eq!(read.channel_values["null"].to_json().unwrap(), json!(null));
    assert_eq!(&read.channel_values["bytes"].bytes()[..], [0xc4, 2, 0, 1]);
}

#[test]
fn a_checkpoint_without_its_values_comes_back_from_json() {
    let inline: Map<_, _> = [("a".to_owned(), json!("x"))].into_iter().collect();
    let read = read_checkpoint_json(checkpoint_json(&checkpoint(), FORM, inline)).unwrap();
    let mut expected = checkpoint();
    expected.channel_values = [("a".to_owned(), Encoded::json(&json!("x")))].into();
    assert_eq!(read, expected);
}

#[test]
fn a_checkpoint_of_old_has_its_messages_in_envelopes() {
    let envelope = json!({
        "lc": 1,
        "type": "constructor",
        "id": ["langchain", "schema", "messages", "HumanMessage"],
        "kwargs": {"content": "hi", "type": "human", "id": "1"},
    });
    let old = json!({
        "v": 1, "id": "1", "ts": "2024", "channel_values": {"messages": [envelope]},
        "channel_versions": {"messages": 2}, "versions_seen": {},
    });
    let read = read_inline_checkpoint("json", &old.to_string().into(), Reading::AsKept).unwrap();
    let messages = read.channel_values["messages"].to_json().unwrap();
    assert_eq!(
        messages,
        json!([{"role": "user", "content": "hi", "id": "1"}])
    );
    assert_eq!(read.updated_channels, None);
}

#[test]
fn metadata_comes_back() {
    let rich = Metadata {
        parents: [("a".to_owned(), "b".to_owned())].into(),
        extra: json!({"run": "r", "n": 1.5, "big": u64::MAX})
            .as_object()
            .unwrap()
            .clone(),
        ..Metadata::new(Source::Update, i64::MIN)
    };
    let foreign = json!({"source": "elsewhere", "step": "one", "parents": [1]});
    let foreign = Metadata {
        extra: foreign.as_object().unwrap().clone(),
        ..Metadata::default()
    };
    for metadata in [
        rich,
        foreign,
        Metadata::default(),
        Metadata::new(Source::Loop, 0),
    ] {
        let column = metadata_json(&metadata).to_string();
        assert_eq!(read_metadata(column.as_bytes()).unwrap(), metadata);
    }
    assert_eq!(read_metadata(b"").unwrap(), Metadata::default());
    assert!(read_metadata(b"[]").is_err());
}

#[test]
fn damaged_checkpoints_are_refused() {
    let bytes = inline_checkpoint(&checkpoint(), FORM, &[]).unwrap();
    for end in 0..bytes.len() {
        let part = Bytes::copy_from_slice(&bytes[..end]);
        assert!(
            read_inline_checkpoint("msgpack", &part, Reading::AsJson).is_err(),
            "{end}"
        );
    }
    for at in 0..bytes.len() {
        for byte in [0x00, 0x80, 0xc0, 0xc7, 0xdf, 0xff] {
            let mut damaged = bytes.clone();
            damaged[at] = byte;
            let _ = read_inline_checkpoint("msgpack", &damaged.into(), Reading::AsJson);
        }
    }
}

#[test]
fn what_was_sent_before_form_4_becomes_its_channel() {
    let all = [
        Encoded::new("msgpack", vec![0xa1, b'x']),
        Encoded::json(&json!({"n": 1})),
    ];
    let sent = sent(&all).unwrap().unwrap();
    assert_eq!(&sent.bytes()[..], [0x92, 0xa1, b'x', 0x81, 0xa1, b'n', 1]);
    let mut old = checkpoint();
    give_sent(&mut old, sent.clone());
    assert_eq!(old.channel_values[TASKS], sent);
    assert_eq!(old.channel_versions[TASKS], old.channel_versions["b"]);
}

#[test]
fn sends_that_stand_in_an_old_checkpoint_become_its_channel() {
    let column = json!({"v": 1, "id": "1", "ts": "", "channel_values": {"a": 1}, "pending_sends": [2],
        "channel_versions": {"a": 3}});
    let mut bytes = Vec::new();
    crate::msgpack::encode_plain(&mut bytes, &column).unwrap();
    let text = Bytes::from(column.to_string());
    for (tag, bytes) in [("msgpack", Bytes::from(bytes)), ("json", text)] {
        let read = read_inline_checkpoint(tag, &bytes, Reading::AsJson).unwrap();
        assert_eq!(read.channel_values[TASKS].to_json().unwrap(), json!([2]));
        assert_eq!(read.channel_versions[TASKS], ChannelVersion::Int(3));
        assert_eq!(inline_form(tag, &bytes), 1);
    }
}

#[test]
fn a_form_that_graphs_have_to_translate_is_kept() {
    for (form, kept) in [(1, 1), (2, 2), (3, 4), (4, 4)] {
        let mut metadata = Metadata::new(Source::Loop, 1);
        note_form(&mut metadata, form);
        assert_eq!(form_of(&metadata), kept);
        assert_eq!(
            metadata_json(&metadata),
            metadata_json(&Metadata::new(Source::Loop, 1))
        );
    }
}

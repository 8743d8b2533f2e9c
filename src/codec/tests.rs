use std::collections::BTreeMap;

use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;

use super::*;
use crate::Encoded;
use crate::version::ChannelVersion;

fn text() -> impl Strategy<Value = String> {
    prop_oneof![Just(String::new()), "[a-z\0é日]{0,9}", "[a-z]{250,300}"]
}

fn version() -> impl Strategy<Value = ChannelVersion> {
    prop_oneof![
        any::<u64>().prop_map(ChannelVersion::Int),
        text().prop_map(ChannelVersion::Text),
    ]
}

fn value() -> impl Strategy<Value = Encoded> {
    let tag = prop_oneof![Just("json".to_owned()), Just("null".to_owned()), text()];
    (tag, vec(any::<u8>(), 0..300)).prop_map(|(tag, bytes)| Encoded::new(&tag, bytes))
}

fn versions() -> impl Strategy<Value = BTreeMap<String, ChannelVersion>> {
    btree_map(text(), version(), 0..4)
}

fn checkpoint() -> impl Strategy<Value = CheckpointPut<Encoded>> {
    let names = (text(), text(), text(), option::of(text()), text());
    let changed = (text(), version(), option::of(value()));
    let changed = changed.prop_map(|(channel, version, value)| Changed {
        channel,
        version,
        value,
    });
    (
        names,
        vec(any::<u8>(), 0..9),
        btree_map(text(), text(), 0..3),
        versions(),
        btree_map(text(), versions(), 0..3),
        option::of(vec(text(), 0..3)),
        vec(changed, 0..3),
        (btree_map(text(), value(), 0..3), any::<bool>()),
    )
        .prop_map(
            |(names, metadata, ancestors, versions, seen, updated, changed, rest)| {
                let (unchanged, standalone) = rest;
                let (thread, namespace, id, parent_id, ts) = names;
                CheckpointPut {
                    thread,
                    namespace,
                    id,
                    parent_id,
                    ts,
                    metadata: metadata.into(),
                    ancestors,
                    versions,
                    seen,
                    updated,
                    changed,
                    unchanged,
                    standalone,
                }
            },
        )
}

fn writes() -> impl Strategy<Value = WritesPut<Encoded>> {
    let write = (any::<i32>(), text(), value());
    let write = write.prop_map(|(index, channel, value)| TaskWrite {
        index,
        channel,
        value,
    });
    let names = (text(), text(), text(), text(), text());
    (names, vec(write, 0..4)).prop_map(|(names, writes)| {
        let (thread, namespace, checkpoint_id, task_id, task_path) = names;
        WritesPut {
            thread,
            namespace,
            checkpoint_id,
            task_id,
            task_path,
            writes,
        }
    })
}

fn record() -> impl Strategy<Value = Record<Encoded>> {
    let item = (vec(text(), 0..4), text(), value(), any::<u64>());
    let deleted = (vec(text(), 0..4), text());
    let removed = option::of(vec((text(), text()), 0..3));
    let pruned = (text(), any::<u64>(), btree_map(text(), removed, 0..3));
    prop_oneof![
        checkpoint().prop_map(Record::CheckpointPut),
        writes().prop_map(Record::WritesPut),
        item.prop_map(|(namespace, key, value, at)| Record::ItemPut(ItemPut {
            namespace,
            key,
            value,
            at
        })),
        deleted.prop_map(|(namespace, key)| Record::ItemDeleted(ItemDeleted { namespace, key })),
        (text(), text())
            .prop_map(|(thread, cutoff)| Record::ThreadDeleted(ThreadDeleted { thread, cutoff })),
        (text(), text())
            .prop_map(|(source, target)| Record::ThreadCopied(ThreadCopied { source, target })),
        pruned.prop_map(|(thread, as_of, namespaces)| {
            Record::CheckpointsPruned(CheckpointsPruned {
                thread,
                as_of,
                namespaces,
            })
        }),
        (text(), text(), text(), text()).prop_map(|(thread, namespace, tag, checkpoint_id)| {
            Record::TagSet(TagSet {
                thread,
                namespace,
                tag,
                checkpoint_id,
            })
        }),
        (text(), text(), text()).prop_map(|(thread, namespace, tag)| {
            Record::TagRemoved(TagRemoved {
                thread,
                namespace,
                tag,
            })
        }),
    ]
}

fn owned(record: Record<Blob<'_>>) -> Record<Encoded> {
    record.map(|blob| Encoded::new(blob.tag, blob.bytes.to_vec()))
}

/// A record of every kind.
fn one_of_each() -> Vec<Record<Encoded>> {
    let value = || Encoded::new("json", "[1]");
    let version = || ChannelVersion::Int(300);
    let versions = || BTreeMap::from([("c".to_owned(), version())]);
    vec![
        Record::CheckpointPut(CheckpointPut {
            thread: "t".into(),
            namespace: "n".into(),
            id: "2".into(),
            parent_id: Some("1".into()),
            ts: "now".into(),
            metadata: (*b"{}").into(),
            ancestors: [("".into(), "0".into())].into(),
            versions: versions(),
            seen: [("node".into(), versions())].into(),
            updated: Some(vec!["c".into()]),
            changed: vec![Changed {
                channel: "c".into(),
                version: version(),
                value: Some(value()),
            }],
            unchanged: [("d".into(), value())].into(),
            standalone: true,
        }),
        Record::WritesPut(WritesPut {
            thread: "t".into(),
            namespace: "n".into(),
            checkpoint_id: "2".into(),
            task_id: "task".into(),
            task_path: "path".into(),
            writes: vec![TaskWrite {
                index: -3,
                channel: "c".into(),
                value: value(),
            }],
        }),
        Record::ItemPut(ItemPut {
            namespace: vec!["a".into(), "b".into()],
            key: "k".into(),
            value: value(),
            at: 1_000_000,
        }),
        Record::ItemDeleted(ItemDeleted {
            namespace: vec!["a".into()],
            key: "k".into(),
        }),
        Record::ThreadDeleted(ThreadDeleted {
            thread: "t".into(),
            cutoff: "9".into(),
        }),
        Record::ThreadCopied(ThreadCopied {
            source: "t".into(),
            target: "u".into(),
        }),
        Record::CheckpointsPruned(CheckpointsPruned {
            thread: "t".into(),
            as_of: 300,
            namespaces: [
                (String::new(), Some(vec![("1".into(), "2".into())])),
                ("n".into(), None),
            ]
            .into(),
        }),
        Record::TagSet(TagSet {
            thread: "t".into(),
            namespace: String::new(),
            tag: "good".into(),
            checkpoint_id: "2".into(),
        }),
        Record::TagRemoved(TagRemoved {
            thread: "t".into(),
            namespace: String::new(),
            tag: "good".into(),
        }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_encoded_is_decoded(records in vec(record(), 0..5)) {
        let payload = encode(&records).unwrap();
        let decoded: Vec<_> = decode(&payload).unwrap().into_iter().map(owned).collect();
        prop_assert_eq!(&decoded, &records);
        for (number, record) in (0_u32..).zip(&records) {
            prop_assert_eq!(&owned(decode_one(&payload, number).unwrap()), record);
        }
        let beyond = u32::try_from(records.len()).unwrap();
        let is_no_such_record = matches!(
            decode_one(&payload, beyond),
            Err(CodecError::NoSuchRecord { .. })
        );
        prop_assert!(is_no_such_record);
    }

    #[test]
    fn any_bytes_are_decoded_or_refused(bytes in vec(any::<u8>(), 0..200)) {
        let _ = decode(&bytes);
    }

    #[test]
    fn any_body_is_decoded_or_refused(kind in 0_u8..13, body in vec(any::<u8>(), 0..200)) {
        let mut payload = u32::try_from(body.len()).unwrap().to_le_bytes().to_vec();
        payload.extend([kind, 0]);
        payload.extend(body);
        let _ = decode(&payload);
    }
}

#[test]
fn every_changed_byte_is_decoded_or_refused() {
    let payload = encode(&one_of_each()).unwrap();
    for at in 0..payload.len() {
        for byte in 0..=u8::MAX {
            let mut damaged = payload.clone();
            damaged[at] = byte;
            let _ = decode(&damaged);
        }
    }
}

#[test]
fn a_claimed_length_allocates_nothing() {
    // 2^62 of everything, at every place where a length may stand.
    let payload = encode(&one_of_each()).unwrap();
    for at in 6..payload.len() {
        let mut damaged = payload.clone();
        damaged.splice(at..=at, [253, 0, 0, 0, 0, 0, 0, 0, 0x40]);
        let length = u32::try_from(damaged.len() - 6).unwrap();
        damaged[..4].copy_from_slice(&length.to_le_bytes());
        let _ = decode(&damaged);
    }
}

#[test]
fn a_cut_payload_is_refused() {
    for record in one_of_each() {
        let payload = encode(&[record]).unwrap();
        for length in 1..payload.len() {
            assert!(decode(&payload[..length]).is_err());
        }
    }
}

#[test]
fn bytes_after_the_end_of_a_record_are_refused() {
    for record in one_of_each() {
        let mut payload = encode(&[record]).unwrap();
        payload.push(0);
        payload[0] += 1;
        let refused = decode(&payload).unwrap_err().to_string();
        assert!(refused.contains("left after its end"), "{refused}");
    }
}

#[test]
fn records_of_unknown_kinds_or_with_flags_are_refused() {
    for (kind, flags) in [(0, 0), (8, 0), (99, 0), (2, 1)] {
        let payload = [0, 0, 0, 0, kind, flags];
        assert_eq!(
            decode(&payload),
            Err(CodecError::Unknown { at: 0, kind, flags })
        );
    }
}

/// The example of docs/format.md. It may never change.
#[test]
fn the_bytes_are_those_of_the_specification() {
    let record = Record::WritesPut(WritesPut {
        thread: "t".into(),
        namespace: String::new(),
        checkpoint_id: "1".into(),
        task_id: "a".into(),
        task_path: "p".into(),
        writes: vec![TaskWrite {
            index: -3,
            channel: "c".into(),
            value: Encoded::new("json", vec![b'7'; 300]),
        }],
    });
    let payload = encode(&[record]).unwrap();
    let (head, tail) = payload.split_at(payload.len() - 300);
    let body = b"\x01t\x00\x011\x01a\x01p\x01\x05\x01c\x01\x04json\xfb\x2c\x01";
    assert_eq!(head[..6], [0x42, 0x01, 0, 0, 3, 0]);
    assert_eq!(&head[6..], body);
    assert_eq!(tail, [b'7'; 300]);
}

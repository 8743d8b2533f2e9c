use std::collections::BTreeMap;
use std::time::Duration;

use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;

use bytes::Bytes;

use super::*;
use crate::Encoded;
use crate::delta::{MAX_LENGTH, MAX_LINKS, Op, Weight, encoded_len, total_len};
use crate::retention_policy::RetentionPolicy;
use crate::store_options::IndexedFields;
use crate::text_fields::TextFields;
use crate::version::ChannelVersion;

fn text() -> impl Strategy<Value = String> {
    prop_oneof![Just(String::new()), "[a-z\0é日]{0,9}", "[a-z]{250,300}"]
}

fn version() -> impl Strategy<Value = ChannelVersion> {
    prop_oneof![
        (0_u64..3).prop_map(ChannelVersion::Int),
        any::<u64>().prop_map(ChannelVersion::Int),
        text().prop_map(ChannelVersion::Text),
        "0{30}[1-3]{2}\\.(0\\.)?[0-9]{16}".prop_map(ChannelVersion::Text),
        Just(ChannelVersion::Text(format!("{:032}.{:016}", 7, 8))),
    ]
}

fn policy() -> impl Strategy<Value = RetentionPolicy> {
    let time = || option::of(any::<u64>().prop_map(Duration::from_micros));
    let fields = (option::of(any::<u64>()), time(), any::<bool>(), time());
    fields.prop_map(
        |(keep_last, older_than, finished_subgraphs, idle)| RetentionPolicy {
            keep_last,
            older_than,
            finished_subgraphs,
            idle,
        },
    )
}

fn whole() -> impl Strategy<Value = Stored> {
    let tag = prop_oneof!["json|msgpack|null", text()];
    let bytes = prop_oneof![Just(Vec::new()), vec(any::<u8>(), 0..300)];
    (tag, bytes).prop_map(|(tag, bytes)| Stored::Whole(Encoded::new(&tag, bytes)))
}

fn place() -> impl Strategy<Value = Place> {
    let frame = (1..u64::MAX, any::<u64>(), any::<u64>(), any::<[u32; 2]>());
    let frame = frame.prop_map(
        |(lsn, segment, offset, [payload_len, records])| FramePlace {
            lsn,
            segment: 1 + segment % lsn,
            offset,
            payload_len,
            records,
        },
    );
    (option::of(frame), any::<u32>(), 0_u32..400).prop_map(|(frame, record, value)| Place {
        frame,
        record,
        value,
    })
}

fn op() -> impl Strategy<Value = Op> {
    let len = 0..MAX_LENGTH / 8;
    prop_oneof![
        vec(any::<u8>(), 0..300).prop_map(|bytes| Op::Literal(bytes.into())),
        (any::<u64>(), len.clone()).prop_map(|(offset, len)| Op::CopyBase { offset, len }),
        (any::<u32>(), any::<u64>(), len).prop_map(|(source, offset, len)| Op::CopySource {
            source,
            offset,
            len
        }),
    ]
}

fn delta() -> impl Strategy<Value = Stored> {
    let weight = (1..=MAX_LINKS, any::<u64>());
    let parts = (place(), weight, vec(place(), 0..3), vec(op(), 0..6));
    parts.prop_map(|(base, (links, cost), sources, ops)| {
        let weight = Weight {
            length: total_len(&ops),
            links,
            cost,
        };
        Stored::Delta(Delta {
            base,
            weight,
            sources,
            ops,
        })
    })
}

fn alias() -> impl Strategy<Value = Stored> {
    let parts = (place(), 0..=MAX_LENGTH, 0..=MAX_LINKS, any::<u64>());
    parts.prop_map(|(of, length, links, cost)| {
        let weight = Weight {
            length,
            links,
            cost,
        };
        Stored::Alias(Alias { of, weight })
    })
}

fn value() -> impl Strategy<Value = Stored> {
    prop_oneof![whole(), delta(), alias()]
}

fn channel_versions() -> impl Strategy<Value = ChannelVersions> {
    btree_map(text(), version(), 0..4)
}

fn versions() -> impl Strategy<Value = Versions> {
    let seen = btree_map(text(), channel_versions(), 0..3);
    let whole =
        (channel_versions(), seen).prop_map(|(channels, seen)| Versions::Whole { channels, seen });
    let seen = btree_map(text(), option::of(version()), 0..3);
    let changes = (
        any::<u32>(),
        vec(text(), 0..3),
        channel_versions(),
        vec(text(), 0..3),
        btree_map(text(), seen, 0..3),
    );
    let changes = changes.prop_map(|(check, removed, channels, unseen, seen)| {
        Versions::Changed(VersionChanges {
            check,
            removed,
            channels,
            unseen,
            seen,
        })
    });
    prop_oneof![whole, changes]
}

/// Ids, most of them UUIDs.
fn id() -> impl Strategy<Value = String> {
    let uuid = "[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}";
    prop_oneof![
        text(),
        uuid,
        uuid,
        "[0-9A-F]{8}-([0-9A-F]{4}-){3}[0-9A-F]{12}"
    ]
}

fn time() -> impl Strategy<Value = String> {
    prop_oneof![
        text(),
        "20[0-9]{2}-01-[12][0-9]T00:00:[0-5][0-9]\\.[0-9]{6}\\+00:00",
        "20[0-9]{2}-01-[12][0-9]T00:00:[0-5][0-9](\\.[0-9]{1,9})?Z",
    ]
}

fn metadata() -> impl Strategy<Value = Vec<u8>> {
    let json =
        "\\{(\"a\":1,)?\"source\":\"(loop|input|else)\",\"step\":-?[0-9]{1,20}(,\"u\":2)?\\}";
    prop_oneof![vec(any::<u8>(), 0..9), json.prop_map(String::into_bytes)]
}

fn checkpoint() -> impl Strategy<Value = CheckpointPut<Stored>> {
    let names = (id(), text(), id(), option::of(id()), time());
    let changed = (text(), version(), option::of(value()));
    let changed = changed.prop_map(|(channel, version, value)| Changed {
        channel,
        version,
        value,
    });
    (
        names,
        metadata(),
        btree_map(text(), id(), 0..3),
        versions(),
        option::of(vec(text(), 0..3)),
        option::of(vec(any::<bool>(), 4)),
        vec(changed, 0..4),
        (
            btree_map(text(), value(), 0..3),
            any::<(bool, Option<u64>)>(),
        ),
    )
        .prop_map(
            |(names, metadata, ancestors, versions, updated, is_updated, changed, rest)| {
                let (unchanged, (standalone, moment)) = rest;
                let (thread, namespace, id, mut parent_id, ts) = names;
                let needs_parent = matches!(versions, Versions::Changed(_));
                if needs_parent && parent_id.is_none() {
                    parent_id = Some(String::new());
                }
                let updated = match is_updated {
                    None => updated,
                    Some(is) => {
                        let is_updated = changed.iter().zip(is).filter(|(_, is)| *is);
                        Some(
                            is_updated
                                .map(|(c, _): (&Changed<_>, _)| c.channel.clone())
                                .collect(),
                        )
                    }
                };
                CheckpointPut {
                    thread,
                    namespace,
                    id,
                    parent_id,
                    ts,
                    metadata: metadata.into(),
                    ancestors,
                    versions,
                    changed,
                    updated,
                    unchanged,
                    standalone: standalone && !needs_parent,
                    moment: moment.filter(|_| standalone && !needs_parent),
                }
            },
        )
}

fn writes() -> impl Strategy<Value = WritesPut<Stored>> {
    let write = (any::<i32>(), text(), value());
    let write = write.prop_map(|(index, channel, value)| TaskWrite {
        index,
        channel,
        value,
    });
    let names = (id(), text(), id(), id(), text());
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

fn record() -> impl Strategy<Value = Record<Stored>> {
    let item = (vec(text(), 0..4), text(), value(), any::<u64>());
    let deleted = (vec(text(), 0..4), text(), any::<Option<u64>>());
    let history = (vec(text(), 0..4), any::<u64>(), any::<Option<u64>>());
    let touched = (vec(text(), 0..4), text(), any::<u64>(), any::<u64>());
    let expired = (vec(text(), 0..4), text(), any::<u64>());
    let only = vec(text(), 0..3).prop_map(IndexedFields::Only);
    let fields = (
        any::<Option<u64>>(),
        prop_oneof![Just(IndexedFields::All), only],
        any::<bool>(),
        any::<Option<(u64, Option<u64>)>>(),
    );
    let removed = option::of(vec((id(), id()), 0..3));
    let pruned = (id(), any::<u64>(), btree_map(text(), removed, 0..3));
    prop_oneof![
        checkpoint().prop_map(Record::CheckpointPut),
        writes().prop_map(Record::WritesPut),
        (item, fields).prop_map(
            |((namespace, key, value, at), (lifetime, index, is_new, moved))| {
                Record::ItemPut(ItemPut {
                    namespace,
                    key,
                    value,
                    at,
                    lifetime,
                    index,
                    is_new,
                    moved: moved.map(|(created, expires)| Moved { created, expires }),
                    fields: None,
                    ranked: crate::codec::Ranked::default(),
                })
            }
        ),
        touched.prop_map(
            |(namespace, key, put, at)| Record::ItemTouched(ItemTouched {
                namespace,
                key,
                put,
                at,
            })
        ),
        expired.prop_map(|(namespace, key, put)| Record::ItemExpired(ItemExpired {
            namespace,
            key,
            put
        })),
        deleted.prop_map(|(namespace, key, at)| Record::ItemDeleted(ItemDeleted {
            namespace,
            key,
            at
        })),
        history.prop_map(
            |(namespace, at, since)| Record::ItemHistorySet(ItemHistorySet {
                namespace,
                at,
                since
            })
        ),
        (id(), id())
            .prop_map(|(thread, cutoff)| Record::ThreadDeleted(ThreadDeleted { thread, cutoff })),
        (id(), id())
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
        (
            option::of((text(), any::<u64>(), option::of(text()))),
            vec(value(), 0..3)
        )
            .prop_map(|(touched, values)| {
                let touched = touched.map(|(thread, first, greatest)| Touched {
                    thread,
                    first,
                    last: first / 2,
                    pruned: greatest.clone(),
                    greatest,
                });
                Record::Remnant(Remnant { touched, values })
            }),
        (text(), text(), text()).prop_map(|(thread, namespace, tag)| {
            Record::TagRemoved(TagRemoved {
                thread,
                namespace,
                tag,
            })
        }),
        (text(), option::of(policy())).prop_map(|(thread, policy)| Record::ThreadPolicySet(
            ThreadPolicySet { thread, policy }
        )),
    ]
}

/// All records of a payload, which its index is told the same of.
fn decoded(payload: &[u8]) -> Result<Vec<Record<Stored>>, CodecError> {
    let numbered = decode(payload, |record| record.numbered())?;
    let payload = Bytes::copy_from_slice(payload);
    let each = (0..).zip(numbered).map(|(number, numbered)| {
        let record = decode_one(&payload, number)?;
        assert_eq!(decode_one(&payload, number)?.numbered(), numbered);
        Ok(record)
    });
    each.collect()
}

fn encoded(records: &[Record<Stored>]) -> Vec<u8> {
    encode(records, Compression::None).unwrap()
}

fn framed(kind: u8, flags: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len()).unwrap().to_le_bytes();
    [&length, [kind, flags].as_slice(), body].concat()
}

fn delta_on_an_older_frame() -> Stored {
    let frame = FramePlace {
        lsn: 1_000,
        segment: 700,
        offset: 4_096,
        payload_len: 300,
        records: 2,
    };
    let place = |frame, value| Place {
        frame,
        record: 1,
        value,
    };
    Stored::Delta(Delta {
        base: place(Some(frame), 0),
        weight: Weight {
            length: 63,
            links: 2,
            cost: 700,
        },
        sources: vec![place(None, 3)],
        ops: vec![
            Op::CopyBase { offset: 0, len: 21 },
            Op::Literal(Bytes::from_static(b",")),
            Op::CopySource {
                source: 0,
                offset: 1,
                len: 40,
            },
            Op::Literal(Bytes::from_static(b"]")),
        ],
    })
}

/// A record of every kind.
fn one_of_each() -> Vec<Record<Stored>> {
    let value = || Stored::Whole(Encoded::new("json", "[1]"));
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
            versions: Versions::Whole {
                channels: versions(),
                seen: [("node".into(), versions())].into(),
            },
            updated: Some(vec!["c".into()]),
            changed: vec![Changed {
                channel: "c".into(),
                version: version(),
                value: Some(value()),
            }],
            unchanged: [
                ("d".into(), delta_on_an_older_frame()),
                (
                    "e".into(),
                    Stored::Alias(Alias {
                        of: Place {
                            frame: None,
                            record: 0,
                            value: 1,
                        },
                        weight: Weight::whole(3),
                    }),
                ),
            ]
            .into(),
            standalone: true,
            moment: None,
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
            lifetime: Some(300),
            index: IndexedFields::Only(vec!["a.b".into()]),
            is_new: true,
            moved: None,
            fields: None,
            ranked: crate::codec::Ranked::default(),
        }),
        Record::ItemTouched(ItemTouched {
            namespace: vec!["a".into()],
            key: "k".into(),
            put: 7,
            at: 300,
        }),
        Record::ItemExpired(ItemExpired {
            namespace: vec!["a".into()],
            key: "k".into(),
            put: 300,
        }),
        Record::ItemDeleted(ItemDeleted {
            namespace: vec!["a".into()],
            key: "k".into(),
            at: None,
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
        Record::Remnant(Remnant {
            touched: Some(Touched {
                thread: "t".into(),
                first: 1,
                last: 2,
                greatest: Some("2".into()),
                pruned: None,
            }),
            values: vec![Stored::Whole(Encoded::json(&serde_json::json!(1)))],
        }),
        Record::ThreadPolicySet(ThreadPolicySet {
            thread: "t".into(),
            policy: Some(RetentionPolicy {
                keep_last: Some(3),
                older_than: Some(Duration::from_secs(1)),
                finished_subgraphs: true,
                idle: None,
            }),
        }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_encoded_is_decoded(records in vec(record(), 0..5), is_compressed: bool) {
        let compression = if is_compressed { Compression::All } else { Compression::None };
        let payload = encode(&records, compression).unwrap();
        prop_assert_eq!(&decoded(&payload).unwrap(), &records);
        let beyond = u32::try_from(records.len()).unwrap();
        let is_no_such_record = matches!(
            decode_one(&payload.into(), beyond),
            Err(CodecError::NoSuchRecord { .. })
        );
        prop_assert!(is_no_such_record);
    }

    #[test]
    fn values_are_read_without_the_rest_as_with_it(records in vec(record(), 1..5), is_compressed: bool) {
        let compression = if is_compressed { Compression::All } else { Compression::None };
        let payload = Bytes::from(encode(&records, compression).unwrap());
        for (number, record) in (0..).zip(records) {
            let values = record.into_values();
            for value in 0..=values.len() {
                let first = values_to(&payload, number, u32::try_from(value).unwrap()).unwrap();
                prop_assert!(first.len() > value || first.len() == values.len());
                prop_assert_eq!(&values[..first.len()], first.as_slice());
            }
        }
        let none = u32::try_from(decode_all(&payload).unwrap().len()).unwrap();
        let beyond = values_to(&payload, none, 0);
        prop_assert!(beyond.is_err(), "{:?}", beyond);
    }

    #[test]
    fn any_bytes_are_decoded_or_refused(bytes in vec(any::<u8>(), 0..200)) {
        let _ = decoded(&bytes);
    }

    #[test]
    fn any_body_is_decoded_or_refused(
        kind in 0_u8..14, flags in 0_u8..2, body in vec(any::<u8>(), 0..200),
    ) {
        let _ = decoded(&framed(kind, flags, &body));
    }

    #[test]
    fn operations_take_what_the_choice_of_a_delta_counts(ops in vec(op(), 0..6)) {
        let item = |ops: Vec<Op>| {
            let base = Place { frame: None, record: 0, value: 0 };
            let weight = Weight { length: total_len(&ops).min(9), links: 1, cost: 0 };
            let value = Stored::Delta(Delta { base, weight, sources: Vec::new(), ops });
            let put = ItemPut { namespace: Vec::new(), key: String::new(), value, at: 0, lifetime: None, index: IndexedFields::All, is_new: false, moved: None, fields: None, ranked: crate::codec::Ranked::default(), };
            u64::try_from(encoded(&[Record::ItemPut(put)]).len()).unwrap()
        };
        let expected = encoded_len(&ops) - encoded_len::<Bytes>(&[]);
        prop_assert_eq!(item(ops) - item(Vec::new()), expected);
    }
}

#[test]
fn every_changed_byte_is_decoded_or_refused() {
    let payload = encoded(&one_of_each());
    for at in 0..payload.len() {
        for byte in 0..=u8::MAX {
            let mut damaged = payload.clone();
            damaged[at] = byte;
            let _ = decoded(&damaged);
        }
    }
}

#[test]
fn a_claimed_length_allocates_nothing() {
    // 2^62 of everything, at every place where a length may stand.
    let payload = encoded(&one_of_each());
    for at in 6..payload.len() {
        let mut damaged = payload.clone();
        damaged.splice(at..=at, [253, 0, 0, 0, 0, 0, 0, 0, 0x40]);
        let length = u32::try_from(damaged.len() - 6).unwrap();
        damaged[..4].copy_from_slice(&length.to_le_bytes());
        let _ = decoded(&damaged);
    }
}

#[test]
fn a_cut_payload_is_refused() {
    for record in one_of_each() {
        let payload = encoded(&[record]);
        for length in 1..payload.len() {
            assert!(decoded(&payload[..length]).is_err());
        }
    }
}

#[test]
fn bytes_after_the_end_of_a_record_are_refused() {
    for record in one_of_each() {
        let mut payload = encoded(&[record]);
        payload.push(0);
        payload[0] += 1;
        let refused = decoded(&payload).unwrap_err().to_string();
        assert!(refused.contains("left after its end"), "{refused}");
    }
}

#[test]
fn records_of_unknown_kinds_or_with_flags_are_refused() {
    for (kind, flags) in [(0, 0), (40, 0), (99, 0), (2, 3), (2, 4)] {
        let payload = [0, 0, 0, 0, kind, flags];
        assert_eq!(
            decoded(&payload),
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
            value: Stored::Whole(Encoded::new("json", vec![b'7'; 300])),
        }],
    });
    let payload = encoded(&[record]);
    let (head, tail) = payload.split_at(payload.len() - 300);
    let body = b"\x00\x01t\x00\x00\x011\x00\x01a\x01p\x01\x05\x01c\x04\xfb\x2c\x01";
    assert_eq!(head[..6], [0x40, 0x01, 0, 0, 3, 0]);
    assert_eq!(&head[6..], body);
    assert_eq!(tail, [b'7'; 300]);
}

/// The second example of docs/format.md.
#[test]
fn the_bytes_of_a_delta_are_those_of_the_specification() {
    let put = ItemPut {
        namespace: Vec::new(),
        key: "k".into(),
        value: delta_on_an_older_frame(),
        at: 0,
        lifetime: None,
        index: IndexedFields::All,
        is_new: false,
        moved: None,
        fields: None,
        ranked: crate::codec::Ranked::default(),
    };
    let payload = encoded(&[Record::ItemPut(put)]);
    let place = b"\xfb\xe8\x03\xfb\x2c\x01\xfb\x00\x10\xfb\x2c\x01\x02\x01\x00";
    let weight = b"\x3f\x02\xfb\xbc\x02";
    let sources = b"\x01\x00\x01\x03";
    let ops = b"\x04\x01\x00\x15\x00\x01,\x02\x00\x01\x28\x00\x01]";
    let value = [place.as_slice(), weight, sources, ops].concat();
    assert_eq!(
        payload,
        framed(
            4,
            0,
            &[b"\x00\x01k\x00\x00\x00\x00\x02", &value[..]].concat()
        )
    );
}

#[test]
fn a_delta_that_contradicts_itself_is_refused() {
    let Stored::Delta(good) = delta_on_an_older_frame() else {
        panic!("it is a delta");
    };
    let with = |change: &dyn Fn(&mut Delta<Bytes>)| {
        let mut delta = good.clone();
        change(&mut delta);
        let put = ItemPut {
            namespace: Vec::new(),
            key: String::new(),
            value: Stored::Delta(delta),
            at: 0,
            lifetime: None,
            index: IndexedFields::All,
            is_new: false,
            moved: None,
            fields: None,
            ranked: crate::codec::Ranked::default(),
        };
        decoded(&encoded(&[Record::ItemPut(put)]))
    };
    assert!(with(&|_| ()).is_ok());
    assert!(with(&|d| d.weight.length += 1).is_err());
    assert!(with(&|d| d.weight.links = 0).is_err());
    assert!(with(&|d| d.weight.links = MAX_LINKS + 1).is_err());
    let too_long = |d: &mut Delta<Bytes>| {
        d.weight.length = MAX_LENGTH + 1;
        let len = MAX_LENGTH + 1;
        d.ops = vec![Op::CopyBase { offset: 0, len }];
    };
    assert!(with(&too_long).is_err());
}

#[test]
fn a_body_is_compressed_only_if_that_makes_it_shorter_by_enough() {
    let flags = |bytes: Vec<u8>| {
        let put = ItemPut {
            namespace: Vec::new(),
            key: "k".into(),
            value: Stored::Whole(Encoded::new("json", bytes)),
            at: 0,
            lifetime: None,
            index: IndexedFields::All,
            is_new: false,
            moved: None,
            fields: None,
            ranked: crate::codec::Ranked::default(),
        };
        let records = [Record::ItemPut(put)];
        let payload = encode(&records, Compression::All).unwrap();
        assert_eq!(decoded(&payload).unwrap(), records);
        assert!(payload.len() <= encoded(&records).len());
        payload[5]
    };
    assert_eq!(flags(vec![b'7'; 300]), 0);
    assert_eq!(flags(vec![b'7'; 600]), 1);
    // What zstd makes too short.
    assert_eq!(flags(vec![b'7'; 3_000_000]), 1);
    let numbers = (0..9000).map(|number| number.to_string());
    assert_eq!(flags(numbers.collect::<String>().into_bytes()), 2);
    // Bytes without any pattern.
    let mut state = 1_u32;
    let noise = std::iter::repeat_with(|| {
        state = state.wrapping_mul(747_796_405).wrapping_add(2_891_336_453);
        (state >> 24) as u8
    });
    assert_eq!(flags(noise.take(3_000).collect()), 0);
}

#[test]
fn a_compressed_body_that_claims_too_much_is_refused() {
    let lz4 = lz4_flex::block::compress(&[b'7'; 600]);
    let zstd = zstd::bulk::compress(&[b'7'; 600], 1).unwrap();
    for (flags, block) in [(1, lz4), (2, zstd)] {
        for length in [0, 1, 599, 601, 70_000, 1 << 30, u32::MAX] {
            let body = [&length.to_le_bytes(), block.as_slice()].concat();
            let refused = decoded(&framed(5, flags, &body));
            assert!(
                matches!(refused, Err(CodecError::Malformed { .. })),
                "{length}"
            );
        }
        assert!(decoded(&framed(5, flags, &[1, 0])).is_err());
    }
    let both = decoded(&framed(5, 3, &[1, 0, 0, 0, 0]));
    assert!(matches!(both, Err(CodecError::Unknown { .. })));
}

/// A record with so many entries that are all alike.
fn alike(entries: usize) -> Record<Stored> {
    Record::ItemDeleted(ItemDeleted {
        namespace: vec![String::new(); entries],
        key: "key".into(),
        at: None,
    })
}

/// A record as it is compressed, whatever is in it.
fn compressed_by_force(record: &Record<Stored>) -> Vec<u8> {
    let plain = encoded(std::slice::from_ref(record));
    let (head, body) = plain.split_at(6);
    let length = u32::try_from(body.len()).unwrap().to_le_bytes();
    let block = lz4_flex::block::compress(body);
    framed(head[4], 1, &[length.as_slice(), &block].concat())
}

#[test]
fn a_short_payload_cannot_ask_for_many_entries() {
    let (few, many) = (alike(1000), alike((1 << 20) + 100_000));
    let short = compressed_by_force(&many);
    assert!(short.len() < 50_000, "{}", short.len());
    let refused = |payload: &[u8]| {
        let Err(CodecError::Malformed { reason, .. }) = decoded(payload) else {
            panic!("it is taken");
        };
        assert!(reason.contains("more entries"), "{reason}");
    };
    refused(&short);
    // Nor can many records together.
    let half = compressed_by_force(&alike(600_000));
    assert_eq!(decoded(&half).unwrap().len(), 1);
    refused(&half.repeat(2));
    assert_eq!(
        decoded(&compressed_by_force(&few)).unwrap(),
        std::slice::from_ref(&few)
    );
    // What is written is read, and compressed as far as it can be.
    for (records, most) in [
        (vec![many.clone()], usize::MAX),
        (vec![alike(600_000), few, alike(600_000)], 700_000),
    ] {
        let payload = encode(&records, Compression::Long).unwrap();
        assert!(payload.len() < most, "{}", payload.len());
        assert_eq!(decoded(&payload).unwrap(), records);
    }
}

#[test]
fn a_short_payload_cannot_ask_for_long_bodies() {
    let length = (300_u32 << 20).to_le_bytes();
    let one = framed(3, 2, &[length.as_slice(), &[0; 400 << 10]].concat());
    let four = Bytes::from(one.repeat(4));
    // None of them is expanded on the way to the last one.
    let Err(CodecError::Malformed { at, reason, .. }) = decode_one(&four, 3) else {
        panic!("it is taken");
    };
    assert_eq!(at, 3 * one.len());
    assert!(reason.contains("1258291200 bytes long"), "{reason}");
}

#[test]
fn every_changed_byte_of_a_compressed_body_is_decoded_or_refused() {
    for (flags, times) in [(1, 100), (2, 2_500)] {
        let put = ItemPut {
            namespace: Vec::new(),
            key: "k".into(),
            value: Stored::Whole(Encoded::new("json", b"a body ".repeat(times))),
            at: 0,
            lifetime: None,
            index: IndexedFields::All,
            is_new: false,
            moved: None,
            fields: None,
            ranked: crate::codec::Ranked::default(),
        };
        let payload = encode(&[Record::ItemPut(put)], Compression::All).unwrap();
        assert_eq!(payload[5], flags);
        for at in 0..payload.len() {
            for byte in 0..=u8::MAX {
                let mut damaged = payload.clone();
                damaged[at] = byte;
                let _ = decoded(&damaged);
            }
        }
    }
}

#[test]
fn an_item_that_is_ranked_comes_back_with_what_it_is_ranked_by() {
    let put = |texts: &[&str], vectors| ItemPut {
        namespace: vec!["n".into()],
        key: "k".into(),
        value: Value::Whole(Encoded::new("bytes", &b"\x01"[..])),
        at: 5,
        lifetime: Some(7),
        index: IndexedFields::NONE,
        is_new: true,
        moved: None,
        fields: None,
        ranked: Ranked {
            texts: TextFields::new(texts.iter().copied()),
            vectors,
            words: None,
            at_hand: None,
        },
    };
    let vectors = || Some(Value::Whole(Encoded::new("vectors", &b"\x07\x08"[..])));
    for (put, kind) in [
        (put(&[], None), 4),
        (put(&["t"], None), 16),
        (put(&["t", "u"], vectors()), 16),
        (put(&[], vectors()), 16),
    ] {
        let records = [Record::ItemPut(put)];
        let payload = encoded(&records);
        assert_eq!(payload[4], kind);
        assert_eq!(decoded(&payload).unwrap(), records);
    }
    let payload = encoded(&[Record::ItemPut(put(&["t"], vectors()))]);
    let head = b"\x01\x01n\x01k\x05\x01\x07\x01\x00\x01";
    let value = b"\x01\x05bytes\x01\x01";
    let body = [
        &head[..],
        b"\x01\x01t",
        value,
        b"\x01\x07vectors\x02\x07\x08",
    ]
    .concat();
    assert_eq!(payload, framed(16, 0, &body));
}

#[test]
fn a_map_whose_keys_do_not_ascend_is_refused() {
    let pruned = |first: u8, second: u8| {
        let body = [0, 1, b't', 1, 2, 1, first, 0, 1, second, 0];
        decode_all(&[&[11, 0, 0, 0, 7, 0][..], &body].concat().into())
    };
    assert!(pruned(b'a', b'b').is_ok());
    assert!(pruned(b'b', b'a').is_err());
    assert!(pruned(b'a', b'a').is_err());
}

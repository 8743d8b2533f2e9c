//! Records of all kinds.

use std::time::Duration;

use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;

use super::super::*;
use crate::Encoded;
use crate::compact::{KeptMetadata, KeptTime};
use crate::delta::{MAX_LENGTH, MAX_LINKS, Op, Weight, total_len};
use crate::retention_policy::RetentionPolicy;
use crate::store_options::IndexedFields;
use crate::version::ChannelVersion;

pub(super) fn text() -> impl Strategy<Value = String> {
    prop_oneof![Just(String::new()), "[a-z\0é日]{0,9}", "[a-z]{250,300}"]
}

pub(super) fn version() -> impl Strategy<Value = ChannelVersion> {
    prop_oneof![
        (0_u64..3).prop_map(ChannelVersion::Int),
        any::<u64>().prop_map(ChannelVersion::Int),
        text().prop_map(ChannelVersion::Text),
        "0{30}[1-3]{2}\\.(0\\.)?[0-9]{16}".prop_map(ChannelVersion::Text),
        Just(ChannelVersion::Text(format!("{:032}.{:016}", 7, 8))),
    ]
}

pub(super) fn policy() -> impl Strategy<Value = RetentionPolicy> {
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

pub(super) fn whole() -> impl Strategy<Value = Stored> {
    let tag = prop_oneof!["json|msgpack|null", text()];
    let bytes = prop_oneof![Just(Vec::new()), vec(any::<u8>(), 0..300)];
    (tag, bytes).prop_map(|(tag, bytes)| Stored::Whole(Encoded::new(&tag, bytes)))
}

pub(super) fn place() -> impl Strategy<Value = Place> {
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

pub(super) fn op() -> impl Strategy<Value = Op> {
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

pub(super) fn delta() -> impl Strategy<Value = Stored> {
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

pub(super) fn alias() -> impl Strategy<Value = Stored> {
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

pub(super) fn value() -> impl Strategy<Value = Stored> {
    prop_oneof![whole(), delta(), alias()]
}

pub(super) fn channel_versions() -> impl Strategy<Value = ChannelVersions> {
    btree_map(text(), version(), 0..4)
}

pub(super) fn versions() -> impl Strategy<Value = Versions> {
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
pub(super) fn id() -> impl Strategy<Value = String> {
    let uuid = "[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}";
    prop_oneof![
        text(),
        uuid,
        uuid,
        "[0-9A-F]{8}-([0-9A-F]{4}-){3}[0-9A-F]{12}"
    ]
}

pub(super) fn time() -> impl Strategy<Value = String> {
    prop_oneof![
        text(),
        "20[0-9]{2}-01-[12][0-9]T00:00:[0-5][0-9]\\.[0-9]{6}\\+00:00",
        "20[0-9]{2}-01-[12][0-9]T00:00:[0-5][0-9](\\.[0-9]{1,9})?Z",
    ]
}

pub(super) fn metadata() -> impl Strategy<Value = Vec<u8>> {
    let json =
        "\\{(\"a\":1,)?\"source\":\"(loop|input|else)\",\"step\":-?[0-9]{1,20}(,\"u\":2)?\\}";
    prop_oneof![vec(any::<u8>(), 0..9), json.prop_map(String::into_bytes)]
}

pub(super) fn checkpoint() -> impl Strategy<Value = CheckpointPut<Stored>> {
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
                    ts: KeptTime::of(&ts),
                    metadata: KeptMetadata::of(metadata),
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

pub(super) fn writes() -> impl Strategy<Value = WritesPut<Stored>> {
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

pub(super) fn record() -> impl Strategy<Value = Record<Stored>> {
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

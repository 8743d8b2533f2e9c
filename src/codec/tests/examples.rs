//! A record of every kind, always the same.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;

use super::super::*;
use crate::Encoded;
use crate::compact::{KeptMetadata, KeptTime};
use crate::delta::{Op, Weight};
use crate::retention_policy::RetentionPolicy;
use crate::store_options::IndexedFields;
use crate::version::ChannelVersion;

pub(super) fn delta_on_an_older_frame() -> Stored {
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
pub(super) fn one_of_each() -> Vec<Record<Stored>> {
    let value = || Stored::Whole(Encoded::new("json", "[1]"));
    let version = || ChannelVersion::Int(300);
    let versions = || BTreeMap::from([("c".to_owned(), version())]);
    vec![
        Record::CheckpointPut(CheckpointPut {
            thread: "t".into(),
            namespace: "n".into(),
            id: "2".into(),
            parent_id: Some("1".into()),
            ts: KeptTime::of("now"),
            metadata: KeptMetadata::of(*b"{}"),
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

//! Rows come back from their bytes, and other bytes do no harm.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::*;
use crate::compact::{KeptMetadata, KeptTime};
use crate::index::entry::{Channel, Versions};
use crate::index::{Entry, Held};
use crate::version::ChannelVersion;

struct Numbers;

impl HandleBytes<u64> for Numbers {
    fn put(&mut self, to: &mut Vec<u8>, handle: &u64) {
        put_number(to, *handle);
    }

    fn take(&mut self, from: &mut &[u8]) -> Option<u64> {
        number(from)
    }
}

fn shared() -> impl Strategy<Value = Arc<str>> {
    "[a\0é]{0,3}".prop_map(Arc::from)
}

fn boxed() -> impl Strategy<Value = Box<str>> {
    "[a\0é]{0,3}".prop_map(Box::from)
}

fn origins() -> impl Strategy<Value = Origin> {
    any::<(u64, u64, u64)>().prop_map(|(lsn, segment, bytes)| Origin {
        lsn,
        segment,
        bytes,
    })
}

fn versions() -> impl Strategy<Value = ChannelVersion> {
    prop_oneof![
        any::<u64>().prop_map(ChannelVersion::Int),
        "[a-z]{0,3}|0{31}[0-9]\\.(0\\.)?[0-9]{16}".prop_map(ChannelVersion::Text),
    ]
}

fn ids() -> impl Strategy<Value = Box<str>> {
    "[a\0é]{0,3}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}".prop_map(Box::from)
}

fn times() -> impl Strategy<Value = Box<str>> {
    "[a\0é]{0,3}|20[0-9]{2}-01-01T00:00:00\\.[0-9]{6}(\\+00:00|Z)".prop_map(Box::from)
}

fn entries() -> impl Strategy<Value = Entry<u64>> {
    let held = prop_oneof![
        any::<u64>().prop_map(Held::Value),
        Just(Held::Nothing),
        Just(Held::Unknown)
    ];
    let channel = (shared(), versions(), held).prop_map(|(name, version, held)| Channel {
        name,
        version,
        held,
    });
    let metadata = "\\{\"source\":\"(loop|other)\",\"step\":-?[0-9]{1,9}(,\"a\":1)?\\}";
    let metadata = metadata.prop_map(String::into_bytes);
    let seen = vec((shared(), versions()), 0..3).prop_map(|v| Arc::new(Versions::from(v)));
    (
        (
            (origins(), any::<u64>()),
            any::<bool>(),
            option::of(ids()),
            times(),
        ),
        prop_oneof![vec(any::<u8>(), 0..9), metadata],
        vec((boxed(), ids()), 0..3),
        vec(channel, 0..4),
        vec((shared(), seen), 0..3),
        option::of(vec(shared(), 0..3)),
    )
        .prop_map(|(head, metadata, ancestors, channels, seen, updated)| {
            let ((origin, moment), scanned, parent_id, ts) = head;
            Entry {
                origin,
                moment,
                scanned,
                standalone: !scanned,
                parent_id: parent_id.map(Into::into),
                ts: KeptTime::of(&ts),
                metadata: KeptMetadata::of(metadata),
                ancestors: ancestors.into(),
                channels: channels.into(),
                seen: seen.into(),
                updated: updated.map(Into::into),
            }
        })
}

fn policies() -> impl Strategy<Value = RetentionPolicy> {
    let time = || option::of(any::<u64>().prop_map(Duration::from_micros));
    (option::of(any::<u64>()), time(), any::<bool>(), time()).prop_map(
        |(keep_last, older_than, finished_subgraphs, idle)| RetentionPolicy {
            keep_last,
            older_than,
            finished_subgraphs,
            idle,
        },
    )
}

fn threads() -> impl Strategy<Value = ThreadRow> {
    let life = (
        any::<(u64, Option<u64>, bool)>(),
        any::<(u64, u64, u64, u64, u64, u64, u64)>(),
        option::of(shared()),
        option::of(shared()),
        option::of(policies()),
    );
    let life = life.prop_map(|(branch, numbers, greatest, pruned, policy)| Life {
        branch: branch.0,
        ancestor: branch.1,
        own: branch.2,
        created_at: numbers.0,
        updated_at: numbers.1,
        checkpoints: numbers.2,
        bytes: numbers.3,
        begun: numbers.4,
        lsn: numbers.5,
        written_to: numbers.6,
        greatest,
        pruned,
        policy,
    });
    (option::of(shared()), option::of(life)).prop_map(|(cutoff, life)| ThreadRow { cutoff, life })
}

fn rows() -> impl Strategy<Value = (Key, Row<u64>)> {
    let none = Arc::<str>::default;
    let write = (any::<i32>(), shared(), shared(), any::<u64>(), origins());
    let write = write.prop_map(|(index, task_path, channel, value, origin)| Write {
        index,
        task_path,
        channel,
        value,
        origin,
    });
    let writes = vec(write, 0..4).prop_map(|writes| {
        Arc::new(TaskWrites {
            writes: writes.into(),
        })
    });
    let life = (any::<(u64, u64)>(), option::of(origins()));
    let life = life.prop_map(|((lifetime, expires_at), touched)| ItemLife {
        lifetime,
        expires_at,
        touched,
    });
    let fields = vec(any::<u8>(), 0..9);
    let item = (
        any::<(u64, u64, u64, u64)>(),
        origins(),
        option::of(life),
        fields,
    );
    prop_oneof![
        threads().prop_map(move |row| (Key::Thread(none()), Row::Thread(Arc::new(row)))),
        any::<(Option<u64>, u64, u8, Option<u64>)>().prop_map(
            |(ancestor, heirs, rank, merged_from)| {
                let row = FrozenRow {
                    ancestor,
                    heirs,
                    rank,
                    merged_from,
                };
                (Key::Frozen(1), Row::from(row))
            }
        ),
        any::<(Option<u64>, bool)>().prop_map(|(needs, is_merged)| {
            (Key::Dropped(1), Row::from(DroppedRow { needs, is_merged }))
        }),
        option::of(any::<u64>()).prop_map(|from| {
            let from = from.map(|from| Box::new(Key::Frozen(from)));
            (Key::Folding(1), Row::Folding(from))
        }),
        any::<bool>().prop_map(|is_over| (Key::Heir(1, 2), Row::Heir(is_over))),
        option::of(entries().prop_map(Arc::new))
            .prop_map(move |row| (Key::Checkpoint(1, none(), none()), Row::Checkpoint(row))),
        option::of(writes)
            .prop_map(move |row| (Key::Writes(1, none(), none(), none()), Row::Writes(row))),
        option::of(shared()).prop_map(move |row| (Key::Tag(1, none(), none()), Row::Tag(row))),
        item.prop_map(
            |((value, created_at, updated_at, place), origin, life, fields)| {
                let namespace: Arc<[String]> = vec!["a".to_owned()].into();
                let item = ItemEntry {
                    namespace: Arc::clone(&namespace),
                    key: "k".into(),
                    value,
                    created_at,
                    updated_at,
                    place,
                    origin,
                    life,
                    fields: fields.into(),
                    vectors: (place % 3 == 0).then_some(place),
                    words: u32::try_from(place % 300).unwrap(),
                };
                if place % 2 == 0 {
                    let past = PastItem {
                        item: Arc::new(item),
                        ended: created_at,
                        ended_at: updated_at,
                        was_removed: place % 4 == 0,
                    };
                    let key = Key::Past(namespace, "k".into(), 1);
                    return (key, Row::Past(Arc::new(past)));
                }
                (Key::Item(namespace, "k".into()), Row::Item(Arc::new(item)))
            }
        ),
        (any::<Option<(u64, u64)>>(), option::of(any::<u64>())).prop_map(|(since, from)| {
            let reclaim = from.map(|from| Box::new(Key::Frozen(from)));
            let row = HistoryRow { since, reclaim };
            (Key::History(Arc::default()), Row::from(row))
        }),
        (any::<u64>(), any::<u64>())
            .prop_map(|(dead, bound)| (Key::Segment(1), Row::Segment(SegmentUse { dead, bound }))),
        any::<u64>().prop_map(|end| (Key::Refused(1), Row::Refused(end))),
        any::<u64>().prop_map(|handle| (Key::Content([1; 16]), Row::Content(handle))),
        vec(any::<u8>(), 0..9).prop_map(|block| (
            Key::Posting("w".into(), Arc::default(), 7),
            Row::Postings(block.into())
        )),
        (any::<u64>(), any::<u64>()).prop_map(|(items, words)| (
            Key::WordCount(Arc::default()),
            Row::WordCount(WordCount { items, words })
        )),
        (any::<u64>(), any::<u64>(), any::<u64>()).prop_map(|(items, expiring, newest)| (
            Key::ItemsHere(Arc::default()),
            Row::ItemsHere(ItemsHere {
                items,
                expiring,
                newest
            })
        )),
    ]
}

proptest! {
    #[test]
    fn what_is_encoded_is_decoded((key, row) in rows()) {
        let bytes = encode(&row, &mut Numbers);
        prop_assert_eq!(decode(&key, &bytes, &mut Numbers), Some(row));
        for length in 0..bytes.len() {
            let cut = decode(&key, &bytes[..length], &mut Numbers);
            prop_assert_eq!(cut, None);
        }
    }

    #[test]
    fn any_bytes_are_a_row_or_none((key, row) in rows(), at in any::<usize>(), to in any::<u8>()) {
        let mut bytes = encode(&row, &mut Numbers);
        if !bytes.is_empty() {
            let at = at % bytes.len();
            bytes[at] = to;
        }
        let _ = decode(&key, &bytes, &mut Numbers);
    }
}

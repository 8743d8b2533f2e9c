//! Rows as bytes, for maps that keep them on disk.
//!
//! A row's kind is its key's. The bytes last no longer than the version of stepwell that wrote them: they can be
//! made again from the log.

use std::sync::Arc;
use std::time::Duration;

use crate::compact::{Counted, Step, Time, uuid_of, uuid_text};
use crate::index::bytes::{
    byte, bytes, list, number, option, put_bytes, put_length, put_number, put_option, text,
};
use crate::index::entry::{Channel, Versions};
use crate::index::item_history::{HistoryRow, PastItem};
use crate::index::items::ItemLife;
use crate::index::names::{Name, Names};
use crate::index::row::{
    DroppedRow, FrozenRow, Life, Origin, SegmentUse, TaskWrites, ThreadRow, Write,
};
use crate::index::{Entry, Held, ItemEntry, ItemsHere, Key, Row, WordCount};
use crate::retention_policy::RetentionPolicy;
use crate::version::ChannelVersion;

/// How handles are written. It may remember the last one of a row, which the next one often resembles.
pub(crate) trait HandleBytes<H> {
    fn put(&mut self, to: &mut Vec<u8>, handle: &H);

    fn take(&mut self, from: &mut &[u8]) -> Option<H>;
}

/// The bytes of a row.
pub(crate) fn encode<H>(row: &Row<H>, handles: &mut impl HandleBytes<H>) -> Vec<u8> {
    let mut to = Vec::with_capacity(256);
    match row {
        Row::Thread(row) => put_thread(&mut to, row),
        Row::Frozen(row) => {
            put_option(&mut to, row.ancestor, put_number);
            put_number(&mut to, row.heirs);
            to.push(row.rank);
            put_option(&mut to, row.merged_from, put_number);
        }
        Row::Dropped(row) => {
            put_option(&mut to, row.needs, put_number);
            to.push(u8::from(row.is_merged));
        }
        Row::Folding(from) => put_option(&mut to, from.as_deref(), |to, from| {
            put_bytes(to, &from.encode());
        }),
        Row::Heir(is_over) => to.push(u8::from(*is_over)),
        Row::Checkpoint(entry) => put_option(&mut to, entry.as_deref(), |to, entry| {
            put_entry(to, entry, handles);
        }),
        Row::Writes(writes) => put_option(&mut to, writes.as_deref(), |to, writes| {
            put_length(to, writes.writes.len());
            for write in &writes.writes {
                put_number(to, u64::from(write.index.cast_unsigned()));
                put_text(to, &write.task_path);
                put_text(to, &write.channel);
                put_origin(to, write.origin);
                handles.put(to, &write.value);
            }
        }),
        Row::Tag(id) => put_option(&mut to, id.as_deref(), put_text),
        Row::Item(item) => put_item(&mut to, item, handles),
        Row::Past(past) => {
            put_number(&mut to, past.ended);
            put_number(&mut to, past.ended_at);
            to.push(u8::from(past.was_removed));
            put_item(&mut to, &past.item, handles);
        }
        Row::History(row) => {
            put_option(&mut to, row.since, |to, (lsn, at)| {
                put_number(to, lsn);
                put_number(to, at);
            });
            put_option(&mut to, row.reclaim.as_deref(), |to, from| {
                put_bytes(to, &from.encode());
            });
        }
        Row::Mark => {}
        Row::Segment(used) => {
            put_number(&mut to, used.dead);
            put_number(&mut to, used.bound);
        }
        Row::Refused(end) => put_number(&mut to, *end),
        Row::Content(handle) => handles.put(&mut to, handle),
        Row::Postings(bytes) | Row::ItemWords(bytes) => put_bytes(&mut to, bytes),
        Row::WordCount(count) => {
            put_number(&mut to, count.items);
            put_number(&mut to, count.words);
        }
        Row::ItemsHere(here) => {
            put_number(&mut to, here.items);
            put_number(&mut to, here.expiring);
            put_number(&mut to, here.newest);
        }
    }
    to
}

/// The row of `key` that was encoded as `from`; `None` if none was.
pub(crate) fn decode<H>(
    key: &Key,
    mut from: &[u8],
    handles: &mut impl HandleBytes<H>,
) -> Option<Row<H>> {
    let from = &mut from;
    let names = &mut Names::default();
    let row = match key {
        Key::Thread(_) => Row::Thread(Arc::new(thread(from)?)),
        Key::Frozen(_) => Row::from(FrozenRow {
            ancestor: option(from, number)?,
            heirs: number(from)?,
            rank: byte(from)?,
            merged_from: option(from, number)?,
        }),
        Key::Dropped(_) => Row::from(DroppedRow {
            needs: option(from, number)?,
            is_merged: flag(from)?,
        }),
        Key::Folding(_) => {
            let from = option(from, |from| Key::decode(bytes(from)?))?;
            Row::Folding(from.map(Box::new))
        }
        Key::Heir(..) => Row::Heir(flag(from)?),
        Key::Checkpoint(..) => {
            let entry = option(from, |from| entry(from, names, handles))?;
            Row::Checkpoint(entry.map(Arc::new))
        }
        Key::Writes(..) => {
            let writes = option(from, |from| {
                list(from, |from| {
                    Some(Write {
                        index: u32::try_from(number(from)?).ok()?.cast_signed(),
                        task_path: text(from)?.into(),
                        channel: names.share(text(from)?),
                        origin: origin(from)?,
                        value: handles.take(from)?,
                    })
                })
            })?;
            Row::Writes(writes.map(|writes| {
                let writes = writes.into_boxed_slice();
                Arc::new(TaskWrites { writes })
            }))
        }
        Key::Tag(..) => Row::Tag(option(from, shared)?),
        Key::Item(namespace, key) => Row::Item(Arc::new(item(from, (namespace, key), handles)?)),
        Key::Past(namespace, key, _) => Row::Past(Arc::new(PastItem {
            ended: number(from)?,
            ended_at: number(from)?,
            was_removed: flag(from)?,
            item: Arc::new(item(from, (namespace, key), handles)?),
        })),
        Key::History(_) => {
            let since = option(from, |from| Some((number(from)?, number(from)?)))?;
            let reclaim = option(from, |from| Key::decode(bytes(from)?))?;
            Row::from(HistoryRow {
                since,
                reclaim: reclaim.map(Box::new),
            })
        }
        Key::Field(..) | Key::Partial(..) | Key::Expiry(..) | Key::Recent(..) => Row::Mark,
        Key::Segment(_) => Row::Segment(SegmentUse {
            dead: number(from)?,
            bound: number(from)?,
        }),
        Key::Refused(_) => Row::Refused(number(from)?),
        Key::Content(_) => Row::Content(handles.take(from)?),
        Key::Posting(..) => Row::Postings(bytes(from)?.into()),
        Key::ItemWords(_) => Row::ItemWords(bytes(from)?.into()),
        Key::WordCount(_) => Row::WordCount(WordCount {
            items: number(from)?,
            words: number(from)?,
        }),
        Key::ItemsHere(_) => Row::ItemsHere(ItemsHere {
            items: number(from)?,
            expiring: number(from)?,
            newest: number(from)?,
        }),
    };
    from.is_empty().then_some(row)
}

fn put_item<H>(to: &mut Vec<u8>, item: &ItemEntry<H>, handles: &mut impl HandleBytes<H>) {
    put_number(to, item.created_at);
    put_number(to, item.updated_at);
    put_number(to, item.place);
    put_origin(to, item.origin);
    put_option(to, item.life, |to, life| {
        put_number(to, life.lifetime);
        put_number(to, life.expires_at);
        put_option(to, life.touched, put_origin);
    });
    put_bytes(to, &item.fields);
    handles.put(to, &item.value);
    put_option(to, item.vectors.as_ref(), |to, vectors| {
        handles.put(to, vectors);
    });
    put_number(to, u64::from(item.words));
}

fn item<H>(
    from: &mut &[u8],
    (namespace, key): (&Arc<[String]>, &Arc<str>),
    handles: &mut impl HandleBytes<H>,
) -> Option<ItemEntry<H>> {
    Some(ItemEntry {
        namespace: Arc::clone(namespace),
        key: Arc::clone(key),
        created_at: number(from)?,
        updated_at: number(from)?,
        place: number(from)?,
        origin: origin(from)?,
        life: option(from, |from| {
            Some(ItemLife {
                lifetime: number(from)?,
                expires_at: number(from)?,
                touched: option(from, origin)?,
            })
        })?,
        fields: bytes(from)?.into(),
        value: handles.take(from)?,
        vectors: option(from, |from| handles.take(from))?,
        words: u32::try_from(number(from)?).ok()?,
    })
}

fn put_text(to: &mut Vec<u8>, text: &str) {
    put_bytes(to, text.as_bytes());
}

fn shared(from: &mut &[u8]) -> Option<Arc<str>> {
    text(from).map(Arc::from)
}

fn boxed(from: &mut &[u8]) -> Option<Box<str>> {
    text(from).map(Box::from)
}

fn put_origin(to: &mut Vec<u8>, origin: Origin) {
    put_number(to, origin.lsn);
    put_number(to, origin.segment);
    put_number(to, origin.bytes);
}

fn origin(from: &mut &[u8]) -> Option<Origin> {
    Some(Origin {
        lsn: number(from)?,
        segment: number(from)?,
        bytes: number(from)?,
    })
}

/// A number that is a little greater than another one, or anything else.
fn put_near(to: &mut Vec<u8>, than: u64, number: u64) {
    put_number(to, number.wrapping_sub(than));
}

fn near(from: &mut &[u8], than: u64) -> Option<u64> {
    Some(number(from)?.wrapping_add(than))
}

fn put_thread(to: &mut Vec<u8>, row: &ThreadRow) {
    put_option(to, row.cutoff.as_deref(), put_text);
    put_option(to, row.life.as_ref(), |to, life| {
        put_number(to, life.branch);
        put_option(to, life.ancestor, put_number);
        to.push(u8::from(life.own));
        for part in [
            life.created_at,
            life.updated_at,
            life.checkpoints,
            life.bytes,
            life.begun,
            life.lsn,
            life.written_to,
        ] {
            put_number(to, part);
        }
        put_option(to, life.greatest.as_deref(), put_text);
        put_option(to, life.pruned.as_deref(), put_text);
        put_option(to, life.policy, put_policy);
    });
}

fn thread(from: &mut &[u8]) -> Option<ThreadRow> {
    Some(ThreadRow {
        cutoff: option(from, shared)?,
        life: option(from, |from| {
            Some(Life {
                branch: number(from)?,
                ancestor: option(from, number)?,
                own: flag(from)?,
                created_at: number(from)?,
                updated_at: number(from)?,
                checkpoints: number(from)?,
                bytes: number(from)?,
                begun: number(from)?,
                lsn: number(from)?,
                written_to: number(from)?,
                greatest: option(from, shared)?,
                pruned: option(from, shared)?,
                policy: option(from, policy)?,
            })
        })?,
    })
}

fn put_policy(to: &mut Vec<u8>, policy: RetentionPolicy) {
    put_option(to, policy.keep_last, put_number);
    put_option(to, policy.older_than, put_span);
    to.push(u8::from(policy.finished_subgraphs));
    put_option(to, policy.idle, put_span);
}

fn policy(from: &mut &[u8]) -> Option<RetentionPolicy> {
    Some(RetentionPolicy {
        keep_last: option(from, number)?,
        older_than: option(from, span)?,
        finished_subgraphs: flag(from)?,
        idle: option(from, span)?,
    })
}

/// In microseconds, as records have it.
fn put_span(to: &mut Vec<u8>, time: Duration) {
    put_number(to, u64::try_from(time.as_micros()).unwrap_or(u64::MAX));
}

fn span(from: &mut &[u8]) -> Option<Duration> {
    number(from).map(Duration::from_micros)
}

fn flag(from: &mut &[u8]) -> Option<bool> {
    match byte(from)? {
        0 => Some(false),
        1 => Some(true),
        _ => None,
    }
}

fn put_version(to: &mut Vec<u8>, version: &ChannelVersion) {
    match version {
        ChannelVersion::Int(count) => {
            to.push(0);
            put_number(to, *count);
        }
        ChannelVersion::Text(text) => match Counted::of(text) {
            None => {
                to.push(1);
                put_text(to, text);
            }
            Some(counted) => {
                to.push(if counted.is_fraction { 3 } else { 2 });
                put_number(to, counted.counter);
                to.push(counted.digits);
                put_number(to, counted.number);
            }
        },
    }
}

fn version(from: &mut &[u8]) -> Option<ChannelVersion> {
    let text = match byte(from)? {
        0 => return number(from).map(ChannelVersion::Int),
        1 => text(from)?.to_owned(),
        form @ (2 | 3) => {
            let counted = Counted {
                counter: number(from)?,
                is_fraction: form == 3,
                digits: byte(from)?,
                number: number(from)?,
            };
            counted.text()?
        }
        _ => return None,
    };
    Some(ChannelVersion::Text(text))
}

fn put_id(to: &mut Vec<u8>, id: &str) {
    match uuid_of(id) {
        None => {
            to.push(0);
            put_text(to, id);
        }
        Some(uuid) => {
            to.push(1);
            to.extend(uuid);
        }
    }
}

fn id(from: &mut &[u8]) -> Option<Box<str>> {
    match byte(from)? {
        0 => boxed(from),
        1 => {
            let (uuid, rest) = from.split_first_chunk()?;
            *from = rest;
            Some(uuid_text(*uuid).into())
        }
        _ => None,
    }
}

fn put_time(to: &mut Vec<u8>, text: &str) {
    match Time::of(text) {
        None => {
            to.push(0);
            put_text(to, text);
        }
        Some(Time::Micros(micros)) => {
            to.push(1);
            put_number(to, micros);
        }
        Some(Time::Nanos(nanos)) => {
            to.push(2);
            put_number(to, nanos);
        }
    }
}

fn time(from: &mut &[u8]) -> Option<Box<str>> {
    let time = match byte(from)? {
        0 => return boxed(from),
        1 => Time::Micros(number(from)?),
        2 => Time::Nanos(number(from)?),
        _ => return None,
    };
    time.text().map(Into::into)
}

fn put_metadata(to: &mut Vec<u8>, metadata: &[u8]) {
    match Step::of(metadata) {
        Some(step) if step == Step::alone(step.source, step.step) => {
            to.extend([1, step.source]);
            put_number(to, step.step.cast_unsigned());
        }
        _ => {
            to.push(0);
            put_bytes(to, metadata);
        }
    }
}

fn metadata(from: &mut &[u8]) -> Option<Box<[u8]>> {
    match byte(from)? {
        0 => bytes(from).map(Into::into),
        1 => Step::alone(byte(from)?, number(from)?.cast_signed()).bytes(),
        _ => None,
    }
}

fn put_entry<H>(to: &mut Vec<u8>, entry: &Entry<H>, handles: &mut impl HandleBytes<H>) {
    put_origin(to, entry.origin);
    put_near(to, entry.origin.lsn, entry.moment);
    to.push(u8::from(entry.scanned));
    to.push(u8::from(entry.standalone));
    put_option(to, entry.parent_id.as_deref(), put_id);
    put_time(to, &entry.ts);
    put_metadata(to, &entry.metadata);
    put_length(to, entry.ancestors.len());
    for (namespace, id) in &entry.ancestors {
        put_text(to, namespace);
        put_id(to, id);
    }
    put_length(to, entry.channels.len());
    for channel in &entry.channels {
        put_text(to, &channel.name);
        put_version(to, &channel.version);
        match &channel.held {
            Held::Unknown => to.push(0),
            Held::Nothing => to.push(1),
            Held::Value(handle) => {
                to.push(2);
                handles.put(to, handle);
            }
        }
    }
    put_length(to, entry.seen.len());
    for (node, versions) in &entry.seen {
        put_text(to, node);
        put_length(to, versions.len());
        for (channel, version) in versions.iter() {
            put_text(to, channel);
            put_version(to, version);
        }
    }
    put_option(to, entry.updated.as_deref(), |to, updated| {
        put_length(to, updated.len());
        for name in updated {
            put_text(to, name);
        }
    });
}

fn entry<H>(
    from: &mut &[u8],
    names: &mut Names,
    handles: &mut impl HandleBytes<H>,
) -> Option<Entry<H>> {
    let origin = origin(from)?;
    Some(Entry {
        origin,
        moment: near(from, origin.lsn)?,
        scanned: flag(from)?,
        standalone: flag(from)?,
        parent_id: option(from, id)?,
        ts: time(from)?,
        metadata: metadata(from)?,
        ancestors: list(from, |from| Some((boxed(from)?, id(from)?)))?.into(),
        channels: list(from, |from| {
            Some(Channel {
                name: names.share(text(from)?),
                version: version(from)?,
                held: match byte(from)? {
                    0 => Held::Unknown,
                    1 => Held::Nothing,
                    2 => Held::Value(handles.take(from)?),
                    _ => return None,
                },
            })
        })?
        .into(),
        seen: list(from, |from| {
            let node = names.share(text(from)?);
            let versions = list(from, |from| {
                let name = names.share(text(from)?);
                Some((name, version(from)?))
            })?;
            Some((node, Arc::new(Versions::from(versions))))
        })?
        .into(),
        updated: option(from, |from| {
            let updated: Vec<Name> = list(from, |from| Some(names.share(text(from)?)))?;
            Some(updated.into())
        })?,
    })
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::option;
    use proptest::prelude::*;

    use super::*;

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
                    parent_id,
                    ts,
                    metadata: metadata.into(),
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
        (option::of(shared()), option::of(life))
            .prop_map(|(cutoff, life)| ThreadRow { cutoff, life })
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
            (any::<u64>(), any::<u64>()).prop_map(|(dead, bound)| (
                Key::Segment(1),
                Row::Segment(SegmentUse { dead, bound })
            )),
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
}

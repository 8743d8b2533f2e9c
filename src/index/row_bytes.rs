//! Rows as bytes, for maps that keep them on disk.
//!
//! A row's kind is its key's. The bytes last no longer than the version of stepwell that wrote them: they can be
//! made again from the log.

mod entry;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use self::entry::{entry, put_entry};
use crate::index::bytes::{
    byte, bytes, list, number, option, put_bytes, put_length, put_number, put_option, text,
};
use crate::index::item_history::{HistoryRow, PastItem};
use crate::index::items::ItemLife;
use crate::index::names::Names;
use crate::index::row::{
    DroppedRow, FrozenRow, Life, Origin, SegmentUse, TaskWrites, ThreadRow, Write,
};
use crate::index::{ItemEntry, ItemsHere, Key, Row, WordCount};
use crate::retention_policy::RetentionPolicy;

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

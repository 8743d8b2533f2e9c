//! The body of each kind of record, field by field, in the order that docs/format.md gives.

use std::time::Duration;

use bincode::de::Decode;
use bincode::enc::{Encode, Encoder};
use bincode::error::{DecodeError, EncodeError};

use crate::codec::checkpoint::{checkpoint, put_checkpoint};
use crate::codec::item_put::{ItemPut, Moved, Ranked};
use crate::codec::record::{
    CheckpointsPruned, ItemDeleted, ItemExpired, ItemHistorySet, ItemTouched, Record, Remnant,
    TagRemoved, TagSet, TaskWrite, ThreadCopied, ThreadDeleted, ThreadPolicySet, Touched,
    WritesPut,
};
use crate::codec::value::{Found, Stored, put_value, some_value, value};
use crate::codec::wire::{
    Source, form, id, list, map, option, put_id, put_length, put_list, put_map, put_option, string,
    unknown,
};
use crate::retention_policy::RetentionPolicy;
use crate::store_options::IndexedFields;
use crate::text_fields::TextFields;

/// The kinds of records. Missing numbers are reserved; docs/format.md says for what.
pub(super) mod kind {
    pub(in crate::codec) const THREAD_COPIED: u8 = 1;
    pub(in crate::codec) const CHECKPOINT_PUT: u8 = 2;
    pub(in crate::codec) const WRITES_PUT: u8 = 3;
    pub(in crate::codec) const ITEM_PUT: u8 = 4;
    pub(in crate::codec) const ITEM_DELETED: u8 = 5;
    pub(in crate::codec) const THREAD_DELETED: u8 = 6;
    pub(in crate::codec) const CHECKPOINTS_PRUNED: u8 = 7;
    pub(in crate::codec) const REMNANT: u8 = 8;
    pub(in crate::codec) const ITEM_TOUCHED: u8 = 9;
    pub(in crate::codec) const TAG_SET: u8 = 10;
    pub(in crate::codec) const TAG_REMOVED: u8 = 11;
    pub(in crate::codec) const THREAD_POLICY_SET: u8 = 12;
    pub(in crate::codec) const ITEM_EXPIRED: u8 = 13;
    pub(in crate::codec) const ITEM_DELETED_AT: u8 = 14;
    pub(in crate::codec) const ITEM_HISTORY_SET: u8 = 15;
    pub(in crate::codec) const ITEM_PUT_RANKED: u8 = 16;
    pub(in crate::codec) const ITEM_MOVED: u8 = 17;
}

/// The number that says what a record is.
pub(super) fn kind_of<V>(record: &Record<V>) -> u8 {
    match record {
        Record::CheckpointPut(_) => kind::CHECKPOINT_PUT,
        Record::WritesPut(_) => kind::WRITES_PUT,
        Record::ItemPut(put) if put.moved.is_some() => kind::ITEM_MOVED,
        Record::ItemPut(put) if put.ranked.is_empty() => kind::ITEM_PUT,
        Record::ItemPut(_) => kind::ITEM_PUT_RANKED,
        Record::ItemDeleted(ItemDeleted { at: None, .. }) => kind::ITEM_DELETED,
        Record::ItemDeleted(_) => kind::ITEM_DELETED_AT,
        Record::ItemTouched(_) => kind::ITEM_TOUCHED,
        Record::ItemExpired(_) => kind::ITEM_EXPIRED,
        Record::ItemHistorySet(_) => kind::ITEM_HISTORY_SET,
        Record::ThreadDeleted(_) => kind::THREAD_DELETED,
        Record::ThreadCopied(_) => kind::THREAD_COPIED,
        Record::CheckpointsPruned(_) => kind::CHECKPOINTS_PRUNED,
        Record::TagSet(_) => kind::TAG_SET,
        Record::TagRemoved(_) => kind::TAG_REMOVED,
        Record::Remnant(_) => kind::REMNANT,
        Record::ThreadPolicySet(_) => kind::THREAD_POLICY_SET,
    }
}

/// A record's body, to be encoded.
pub(super) struct Body<'r>(pub(super) &'r Record<Stored>);

impl Encode for Body<'_> {
    fn encode<E: Encoder>(&self, to: &mut E) -> Result<(), EncodeError> {
        match self.0 {
            Record::CheckpointPut(put) => put_checkpoint(to, put),
            Record::WritesPut(put) => put_writes(to, put),
            Record::ItemPut(put) => {
                put.namespace.encode(to)?;
                put.key.encode(to)?;
                put.at.encode(to)?;
                put.lifetime.encode(to)?;
                put_indexed(to, &put.index)?;
                put.is_new.encode(to)?;
                if let Some(moved) = put.moved {
                    moved.created.encode(to)?;
                    moved.expires.encode(to)?;
                } else if put.ranked.is_empty() {
                    return put_value(to, Some(&put.value));
                }
                put.ranked.texts.paths().encode(to)?;
                put_value(to, Some(&put.value))?;
                put_value(to, put.ranked.vectors.as_ref())
            }
            Record::ItemDeleted(deleted) => {
                deleted.namespace.encode(to)?;
                deleted.key.encode(to)?;
                deleted.at.map_or(Ok(()), |at| at.encode(to))
            }
            Record::ItemHistorySet(set) => {
                set.namespace.encode(to)?;
                set.at.encode(to)?;
                set.since.encode(to)
            }
            Record::ItemTouched(touched) => {
                touched.namespace.encode(to)?;
                touched.key.encode(to)?;
                touched.put.encode(to)?;
                touched.at.encode(to)
            }
            Record::ItemExpired(expired) => {
                expired.namespace.encode(to)?;
                expired.key.encode(to)?;
                expired.put.encode(to)
            }
            Record::ThreadDeleted(deleted) => {
                put_id(to, &deleted.thread)?;
                put_id(to, &deleted.cutoff)
            }
            Record::ThreadCopied(copied) => {
                put_id(to, &copied.source)?;
                put_id(to, &copied.target)
            }
            Record::CheckpointsPruned(pruned) => {
                put_id(to, &pruned.thread)?;
                pruned.as_of.encode(to)?;
                put_map(to, &pruned.namespaces, |to, removed| {
                    put_option(to, removed.as_deref(), |to, ranges| {
                        put_list(to, ranges, |to, (first, last)| {
                            put_id(to, first)?;
                            put_id(to, last)
                        })
                    })
                })
            }
            Record::TagSet(set) => {
                put_id(to, &set.thread)?;
                set.namespace.encode(to)?;
                set.tag.encode(to)?;
                put_id(to, &set.checkpoint_id)
            }
            Record::TagRemoved(removed) => {
                put_id(to, &removed.thread)?;
                removed.namespace.encode(to)?;
                removed.tag.encode(to)
            }
            Record::Remnant(remnant) => put_remnant(to, remnant),
            Record::ThreadPolicySet(set) => {
                put_id(to, &set.thread)?;
                set.policy.is_some().encode(to)?;
                set.policy.map_or(Ok(()), |policy| put_policy(to, &policy))
            }
        }
    }
}

/// The thread that a record of `kind` is about, from the beginning of its body; `None` if it is about none.
pub(super) fn thread<'p, D: Source<'p>>(
    kind: u8,
    from: &mut D,
) -> Result<Option<String>, DecodeError> {
    match kind {
        kind::ITEM_PUT
        | kind::ITEM_PUT_RANKED
        | kind::ITEM_MOVED
        | kind::ITEM_DELETED
        | kind::ITEM_DELETED_AT
        | kind::ITEM_TOUCHED
        | kind::ITEM_EXPIRED
        | kind::ITEM_HISTORY_SET => Ok(None),
        kind::THREAD_POLICY_SET => string(from).map(Some),
        kind::REMNANT => option(from, id),
        _ => id(from).map(Some),
    }
}

/// Reads the body of a record of `kind`; `None` if there is no such kind.
pub(super) fn body<'p, D: Source<'p>>(
    kind: u8,
    from: &mut D,
) -> Result<Option<Record<Found<'p>>>, DecodeError> {
    Ok(Some(match kind {
        kind::CHECKPOINT_PUT => Record::CheckpointPut(checkpoint(from)?),
        kind::WRITES_PUT => Record::WritesPut(writes(from)?),
        kind::ITEM_PUT | kind::ITEM_PUT_RANKED | kind::ITEM_MOVED => {
            let namespace = list(from, string)?;
            let key = string(from)?;
            let at = u64::decode(from)?;
            let lifetime = Option::decode(from)?;
            let index = indexed(from)?;
            let is_new = bool::decode(from)?;
            let moved = match kind {
                kind::ITEM_MOVED => Some(Moved {
                    created: u64::decode(from)?,
                    expires: Option::decode(from)?,
                }),
                _ => None,
            };
            let mut ranked = Ranked::default();
            if kind != kind::ITEM_PUT {
                ranked.texts = TextFields::new(list(from, string)?);
            }
            let put = some_value(from)?;
            if kind != kind::ITEM_PUT {
                ranked.vectors = value(from)?;
            }
            Record::ItemPut(ItemPut {
                namespace,
                key,
                value: put,
                at,
                lifetime,
                index,
                is_new,
                moved,
                fields: None,
                ranked,
            })
        }
        kind::ITEM_DELETED | kind::ITEM_DELETED_AT => Record::ItemDeleted(ItemDeleted {
            namespace: list(from, string)?,
            key: string(from)?,
            at: match kind {
                kind::ITEM_DELETED => None,
                _ => Some(u64::decode(from)?),
            },
        }),
        kind::ITEM_HISTORY_SET => Record::ItemHistorySet(ItemHistorySet {
            namespace: list(from, string)?,
            at: u64::decode(from)?,
            since: Option::decode(from)?,
        }),
        kind::ITEM_TOUCHED => Record::ItemTouched(ItemTouched {
            namespace: list(from, string)?,
            key: string(from)?,
            put: u64::decode(from)?,
            at: u64::decode(from)?,
        }),
        kind::ITEM_EXPIRED => Record::ItemExpired(ItemExpired {
            namespace: list(from, string)?,
            key: string(from)?,
            put: u64::decode(from)?,
        }),
        kind::THREAD_DELETED => Record::ThreadDeleted(ThreadDeleted {
            thread: id(from)?,
            cutoff: id(from)?,
        }),
        kind::THREAD_COPIED => Record::ThreadCopied(ThreadCopied {
            source: id(from)?,
            target: id(from)?,
        }),
        kind::CHECKPOINTS_PRUNED => Record::CheckpointsPruned(CheckpointsPruned {
            thread: id(from)?,
            as_of: u64::decode(from)?,
            namespaces: map(from, |from| {
                option(from, |from| list(from, |from| Ok((id(from)?, id(from)?))))
            })?,
        }),
        kind::REMNANT => Record::Remnant(remnant(from)?),
        kind::TAG_SET => Record::TagSet(TagSet {
            thread: id(from)?,
            namespace: string(from)?,
            tag: string(from)?,
            checkpoint_id: id(from)?,
        }),
        kind::TAG_REMOVED => Record::TagRemoved(TagRemoved {
            thread: id(from)?,
            namespace: string(from)?,
            tag: string(from)?,
        }),
        kind::THREAD_POLICY_SET => Record::ThreadPolicySet(ThreadPolicySet {
            thread: id(from)?,
            policy: option(from, policy)?,
        }),
        _ => return Ok(None),
    }))
}

fn put_indexed<E: Encoder>(to: &mut E, fields: &IndexedFields) -> Result<(), EncodeError> {
    match fields {
        IndexedFields::All => form::FIELDS_ALL.encode(to),
        IndexedFields::Only(paths) => {
            form::FIELDS_ONLY.encode(to)?;
            paths.encode(to)
        }
    }
}

fn indexed<'p, D: Source<'p>>(from: &mut D) -> Result<IndexedFields, DecodeError> {
    Ok(match u8::decode(from)? {
        form::FIELDS_ALL => IndexedFields::All,
        form::FIELDS_ONLY => IndexedFields::Only(list(from, string)?),
        other => return Err(unknown("form of the fields in the index", other)),
    })
}

fn put_policy<E: Encoder>(to: &mut E, policy: &RetentionPolicy) -> Result<(), EncodeError> {
    let micros = |time: Option<Duration>| {
        time.map(|time| u64::try_from(time.as_micros()).unwrap_or(u64::MAX))
    };
    policy.keep_last.encode(to)?;
    micros(policy.older_than).encode(to)?;
    policy.finished_subgraphs.encode(to)?;
    micros(policy.idle).encode(to)
}

fn policy<'p, D: Source<'p>>(from: &mut D) -> Result<RetentionPolicy, DecodeError> {
    Ok(RetentionPolicy {
        keep_last: Option::decode(from)?,
        older_than: Option::decode(from)?.map(Duration::from_micros),
        finished_subgraphs: bool::decode(from)?,
        idle: Option::decode(from)?.map(Duration::from_micros),
    })
}

fn put_remnant<E: Encoder>(to: &mut E, remnant: &Remnant<Stored>) -> Result<(), EncodeError> {
    match &remnant.touched {
        None => 0_u8.encode(to)?,
        Some(touched) => {
            1_u8.encode(to)?;
            put_id(to, &touched.thread)?;
            touched.first.encode(to)?;
            touched.last.encode(to)?;
            put_option(to, touched.greatest.as_deref(), put_id)?;
            put_option(to, touched.pruned.as_deref(), put_id)?;
        }
    }
    put_length(to, remnant.values.len())?;
    (remnant.values.iter()).try_for_each(|value| put_value(to, Some(value)))
}

fn remnant<'p, D: Source<'p>>(from: &mut D) -> Result<Remnant<Found<'p>>, DecodeError> {
    Ok(Remnant {
        touched: option(from, |from| {
            Ok(Touched {
                thread: id(from)?,
                first: u64::decode(from)?,
                last: u64::decode(from)?,
                greatest: option(from, id)?,
                pruned: option(from, id)?,
            })
        })?,
        values: list(from, some_value)?,
    })
}

fn put_writes<E: Encoder>(to: &mut E, put: &WritesPut<Stored>) -> Result<(), EncodeError> {
    put_id(to, &put.thread)?;
    put.namespace.encode(to)?;
    put_id(to, &put.checkpoint_id)?;
    put_id(to, &put.task_id)?;
    put.task_path.encode(to)?;
    put_list(to, &put.writes, |to, write| {
        write.index.encode(to)?;
        write.channel.encode(to)?;
        put_value(to, Some(&write.value))
    })
}

fn writes<'p, D: Source<'p>>(from: &mut D) -> Result<WritesPut<Found<'p>>, DecodeError> {
    Ok(WritesPut {
        thread: id(from)?,
        namespace: string(from)?,
        checkpoint_id: id(from)?,
        task_id: id(from)?,
        task_path: string(from)?,
        writes: list(from, |from| {
            Ok(TaskWrite {
                index: i32::decode(from)?,
                channel: string(from)?,
                value: some_value(from)?,
            })
        })?,
    })
}

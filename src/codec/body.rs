//! The body of each kind of record, field by field, in the order that docs/format.md gives.

use bincode::de::{BorrowDecoder, Decode};
use bincode::enc::{Encode, Encoder};
use bincode::error::{DecodeError, EncodeError};

use crate::codec::record::{
    Changed, CheckpointPut, CheckpointsPruned, ItemDeleted, ItemPut, Record, Remnant, TagRemoved,
    TagSet, TaskWrite, ThreadCopied, ThreadDeleted, Touched, WritesPut,
};
use crate::codec::value::{Found, Stored, put_value, put_whole, some_value, value, whole};
use crate::codec::wire::{
    Blob, expect, form, list, map, option, put_length, put_map, put_version, string, version,
};

/// The kinds of records. Missing numbers are reserved; docs/format.md says for what.
mod kind {
    pub(super) const THREAD_COPIED: u8 = 1;
    pub(super) const CHECKPOINT_PUT: u8 = 2;
    pub(super) const WRITES_PUT: u8 = 3;
    pub(super) const ITEM_PUT: u8 = 4;
    pub(super) const ITEM_DELETED: u8 = 5;
    pub(super) const THREAD_DELETED: u8 = 6;
    pub(super) const CHECKPOINTS_PRUNED: u8 = 7;
    pub(super) const REMNANT: u8 = 8;
    pub(super) const TAG_SET: u8 = 10;
    pub(super) const TAG_REMOVED: u8 = 11;
}

/// The tag of metadata; another serializer's would have another.
const METADATA_TAG: &str = "json";

/// The number that says what a record is.
pub(super) fn kind_of<V>(record: &Record<V>) -> u8 {
    match record {
        Record::CheckpointPut(_) => kind::CHECKPOINT_PUT,
        Record::WritesPut(_) => kind::WRITES_PUT,
        Record::ItemPut(_) => kind::ITEM_PUT,
        Record::ItemDeleted(_) => kind::ITEM_DELETED,
        Record::ThreadDeleted(_) => kind::THREAD_DELETED,
        Record::ThreadCopied(_) => kind::THREAD_COPIED,
        Record::CheckpointsPruned(_) => kind::CHECKPOINTS_PRUNED,
        Record::TagSet(_) => kind::TAG_SET,
        Record::TagRemoved(_) => kind::TAG_REMOVED,
        Record::Remnant(_) => kind::REMNANT,
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
                put_value(to, Some(&put.value))
            }
            Record::ItemDeleted(deleted) => {
                deleted.namespace.encode(to)?;
                deleted.key.encode(to)
            }
            Record::ThreadDeleted(deleted) => {
                deleted.thread.encode(to)?;
                deleted.cutoff.encode(to)
            }
            Record::ThreadCopied(copied) => {
                copied.source.encode(to)?;
                copied.target.encode(to)
            }
            Record::CheckpointsPruned(pruned) => {
                pruned.thread.encode(to)?;
                pruned.as_of.encode(to)?;
                put_map(to, &pruned.namespaces, |to, removed| removed.encode(to))
            }
            Record::TagSet(set) => {
                set.thread.encode(to)?;
                set.namespace.encode(to)?;
                set.tag.encode(to)?;
                set.checkpoint_id.encode(to)
            }
            Record::TagRemoved(removed) => {
                removed.thread.encode(to)?;
                removed.namespace.encode(to)?;
                removed.tag.encode(to)
            }
            Record::Remnant(remnant) => put_remnant(to, remnant),
        }
    }
}

/// Reads the body of a record of `kind`; `None` if there is no such kind.
pub(super) fn body<'p, D: BorrowDecoder<'p>>(
    kind: u8,
    from: &mut D,
) -> Result<Option<Record<Found<'p>>>, DecodeError> {
    Ok(Some(match kind {
        kind::CHECKPOINT_PUT => Record::CheckpointPut(checkpoint(from)?),
        kind::WRITES_PUT => Record::WritesPut(writes(from)?),
        kind::ITEM_PUT => {
            let namespace = list(from, string)?;
            let key = string(from)?;
            let at = u64::decode(from)?;
            let value = some_value(from)?;
            Record::ItemPut(ItemPut {
                namespace,
                key,
                value,
                at,
            })
        }
        kind::ITEM_DELETED => Record::ItemDeleted(ItemDeleted {
            namespace: list(from, string)?,
            key: string(from)?,
        }),
        kind::THREAD_DELETED => Record::ThreadDeleted(ThreadDeleted {
            thread: string(from)?,
            cutoff: string(from)?,
        }),
        kind::THREAD_COPIED => Record::ThreadCopied(ThreadCopied {
            source: string(from)?,
            target: string(from)?,
        }),
        kind::CHECKPOINTS_PRUNED => Record::CheckpointsPruned(CheckpointsPruned {
            thread: string(from)?,
            as_of: u64::decode(from)?,
            namespaces: map(from, |from| {
                option(from, |from| {
                    list(from, |from| Ok((string(from)?, string(from)?)))
                })
            })?,
        }),
        kind::REMNANT => Record::Remnant(remnant(from)?),
        kind::TAG_SET => Record::TagSet(TagSet {
            thread: string(from)?,
            namespace: string(from)?,
            tag: string(from)?,
            checkpoint_id: string(from)?,
        }),
        kind::TAG_REMOVED => Record::TagRemoved(TagRemoved {
            thread: string(from)?,
            namespace: string(from)?,
            tag: string(from)?,
        }),
        _ => return Ok(None),
    }))
}

fn put_checkpoint<E: Encoder>(to: &mut E, put: &CheckpointPut<Stored>) -> Result<(), EncodeError> {
    put.thread.encode(to)?;
    put.namespace.encode(to)?;
    put.id.encode(to)?;
    put.parent_id.encode(to)?;
    form::TIME_TEXT.encode(to)?;
    put.ts.encode(to)?;
    let metadata = Blob {
        tag: METADATA_TAG,
        bytes: &put.metadata,
    };
    put_whole(to, metadata)?;
    put_map(to, &put.ancestors, |to, id| id.encode(to))?;
    form::MAP_WHOLE.encode(to)?;
    put_map(to, &put.versions, put_version)?;
    form::MAP_WHOLE.encode(to)?;
    put_map(to, &put.seen, |to, versions| {
        put_map(to, versions, put_version)
    })?;
    put.updated.encode(to)?;
    put_length(to, put.changed.len())?;
    for changed in &put.changed {
        changed.channel.encode(to)?;
        put_version(to, &changed.version)?;
        put_value(to, changed.value.as_ref())?;
    }
    put_map(to, &put.unchanged, |to, value| put_value(to, Some(value)))?;
    put.standalone.encode(to)
}

fn checkpoint<'p, D: BorrowDecoder<'p>>(
    from: &mut D,
) -> Result<CheckpointPut<Found<'p>>, DecodeError> {
    // The fields of a struct expression are evaluated in the order in which they are written.
    Ok(CheckpointPut {
        thread: string(from)?,
        namespace: string(from)?,
        id: string(from)?,
        parent_id: option(from, string)?,
        ts: {
            expect(from, form::TIME_TEXT, "form of a timestamp")?;
            string(from)?
        },
        metadata: {
            let Blob { tag, bytes } = whole(from)?;
            if tag != METADATA_TAG {
                let reason = format!("metadata is tagged `{tag}` instead of `{METADATA_TAG}`");
                return Err(DecodeError::OtherString(reason));
            }
            bytes.into()
        },
        ancestors: map(from, string)?,
        versions: {
            expect(from, form::MAP_WHOLE, "form of the channel versions")?;
            map(from, version)?
        },
        seen: {
            expect(from, form::MAP_WHOLE, "form of the versions seen")?;
            map(from, |from| map(from, version))?
        },
        updated: option(from, |from| list(from, string))?,
        changed: list(from, |from| {
            Ok(Changed {
                channel: string(from)?,
                version: version(from)?,
                value: value(from)?,
            })
        })?,
        unchanged: map(from, some_value)?,
        standalone: bool::decode(from)?,
    })
}

fn put_remnant<E: Encoder>(to: &mut E, remnant: &Remnant<Stored>) -> Result<(), EncodeError> {
    match &remnant.touched {
        None => 0_u8.encode(to)?,
        Some(touched) => {
            1_u8.encode(to)?;
            touched.thread.encode(to)?;
            touched.first.encode(to)?;
            touched.last.encode(to)?;
            touched.greatest.encode(to)?;
            touched.pruned.encode(to)?;
        }
    }
    put_length(to, remnant.values.len())?;
    (remnant.values.iter()).try_for_each(|value| put_value(to, Some(value)))
}

fn remnant<'p, D: BorrowDecoder<'p>>(from: &mut D) -> Result<Remnant<Found<'p>>, DecodeError> {
    Ok(Remnant {
        touched: option(from, |from| {
            Ok(Touched {
                thread: string(from)?,
                first: u64::decode(from)?,
                last: u64::decode(from)?,
                greatest: option(from, string)?,
                pruned: option(from, string)?,
            })
        })?,
        values: list(from, some_value)?,
    })
}

fn put_writes<E: Encoder>(to: &mut E, put: &WritesPut<Stored>) -> Result<(), EncodeError> {
    put.thread.encode(to)?;
    put.namespace.encode(to)?;
    put.checkpoint_id.encode(to)?;
    put.task_id.encode(to)?;
    put.task_path.encode(to)?;
    put_length(to, put.writes.len())?;
    for write in &put.writes {
        write.index.encode(to)?;
        write.channel.encode(to)?;
        put_value(to, Some(&write.value))?;
    }
    Ok(())
}

fn writes<'p, D: BorrowDecoder<'p>>(from: &mut D) -> Result<WritesPut<Found<'p>>, DecodeError> {
    Ok(WritesPut {
        thread: string(from)?,
        namespace: string(from)?,
        checkpoint_id: string(from)?,
        task_id: string(from)?,
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

//! The body of a checkpoint, field by field, in the order that docs/format.md gives.

use bincode::de::{BorrowDecode, Decode};
use bincode::enc::{Encode, Encoder};
use bincode::error::{DecodeError, EncodeError};

use crate::codec::checkpoint_put::{Changed, CheckpointPut, VersionChanges, Versions};
use crate::codec::value::{Found, Stored, put_value, some_value, value};
use crate::codec::wire::{
    Source, VersionsRead, VersionsWritten, form, id, list, map, option, put_id, put_length,
    put_map, put_option, string, unknown,
};
use crate::compact::{KeptMetadata, KeptTime, Step, Time};

pub(super) fn put_checkpoint<E: Encoder>(
    to: &mut E,
    put: &CheckpointPut<Stored>,
) -> Result<(), EncodeError> {
    let mut versions = VersionsWritten::default();
    put_id(to, &put.thread)?;
    put.namespace.encode(to)?;
    put_id(to, &put.id)?;
    put_option(to, put.parent_id.as_deref(), put_id)?;
    put_time(to, &put.ts)?;
    put_metadata(to, &put.metadata)?;
    put_map(to, &put.ancestors, |to, id| put_id(to, id))?;
    put_length(to, put.changed.len())?;
    for changed in &put.changed {
        changed.channel.encode(to)?;
        versions.put(to, &changed.version)?;
        put_value(to, changed.value.as_ref())?;
    }
    put_versions(to, &put.versions, versions)?;
    put_updated(to, put.updated.as_deref(), &put.changed)?;
    put_map(to, &put.unchanged, |to, value| put_value(to, Some(value)))?;
    match put.moment {
        Some(moment) if put.standalone => {
            form::STANDALONE_AGAIN.encode(to)?;
            moment.encode(to)
        }
        _ => put.standalone.encode(to),
    }
}

pub(super) fn checkpoint<'p, D: Source<'p>>(
    from: &mut D,
) -> Result<CheckpointPut<Found<'p>>, DecodeError> {
    let thread = id(from)?;
    let namespace = string(from)?;
    let own_id = id(from)?;
    let parent_id = option(from, id)?;
    let ts = time(from)?;
    let metadata = metadata(from)?;
    let ancestors = map(from, id)?;
    let mut read = VersionsRead::default();
    let changed = list(from, |from| {
        Ok(Changed {
            channel: string(from)?,
            version: read.take(from)?,
            value: value(from)?,
        })
    })?;
    let versions = versions(from, read)?;
    let updated = updated(from, &changed)?;
    let unchanged = map(from, some_value)?;
    let (standalone, moment) = match u8::decode(from)? {
        0 => (false, None),
        1 => (true, None),
        form::STANDALONE_AGAIN => (true, Some(u64::decode(from)?)),
        other => return Err(unknown("form of what it needs of its parent", other)),
    };
    let needs_parent = matches!(versions, Versions::Changed(_));
    if needs_parent && (standalone || parent_id.is_none()) {
        let reason = "the versions are those of a parent, but there is none";
        return Err(DecodeError::Other(reason));
    }
    Ok(CheckpointPut {
        thread,
        namespace,
        id: own_id,
        parent_id,
        ts,
        metadata,
        ancestors,
        versions,
        changed,
        updated,
        unchanged,
        standalone,
        moment,
    })
}

fn put_time<E: Encoder>(to: &mut E, time: &KeptTime) -> Result<(), EncodeError> {
    match time.time() {
        None => {
            form::TIME_TEXT.encode(to)?;
            time.text().encode(to)
        }
        Some(Time::Micros(micros)) => {
            form::TIME_MICROS.encode(to)?;
            micros.encode(to)
        }
        Some(Time::Nanos(nanos)) => {
            form::TIME_NANOS.encode(to)?;
            nanos.encode(to)
        }
    }
}

fn time<'p, D: Source<'p>>(from: &mut D) -> Result<KeptTime, DecodeError> {
    let time = match u8::decode(from)? {
        form::TIME_TEXT => {
            let text: &'p str = BorrowDecode::borrow_decode(from)?;
            return Ok(KeptTime::of(text));
        }
        form::TIME_MICROS => Time::Micros(u64::decode(from)?),
        form::TIME_NANOS => Time::Nanos(u64::decode(from)?),
        other => return Err(unknown("form of a time", other)),
    };
    KeptTime::known(time).ok_or(DecodeError::Other("a time is too late"))
}

fn put_metadata<E: Encoder>(to: &mut E, metadata: &KeptMetadata) -> Result<(), EncodeError> {
    if let Some(step) = metadata.alone() {
        form::METADATA_STEP_ALONE.encode(to)?;
        step.source.encode(to)?;
        return step.step.encode(to);
    }
    let bytes = metadata.bytes();
    let Some(step) = Step::of(&bytes) else {
        form::METADATA_WHOLE.encode(to)?;
        return bytes.encode(to);
    };
    form::METADATA_STEP.encode(to)?;
    step.source.encode(to)?;
    step.step.encode(to)?;
    step.before.encode(to)?;
    step.after.encode(to)
}

fn metadata<'p, D: Source<'p>>(from: &mut D) -> Result<KeptMetadata, DecodeError> {
    let no_source = |source| unknown("source of a checkpoint", source);
    let step = match u8::decode(from)? {
        form::METADATA_WHOLE => {
            let bytes: &'p [u8] = BorrowDecode::borrow_decode(from)?;
            return Ok(KeptMetadata::of(bytes));
        }
        form::METADATA_STEP_ALONE => {
            let (source, step) = (u8::decode(from)?, i64::decode(from)?);
            return KeptMetadata::of_alone(source, step).ok_or_else(|| no_source(source));
        }
        form::METADATA_STEP => Step {
            source: u8::decode(from)?,
            step: i64::decode(from)?,
            before: BorrowDecode::borrow_decode(from)?,
            after: BorrowDecode::borrow_decode(from)?,
        },
        other => return Err(unknown("form of metadata", other)),
    };
    let bytes = step.bytes().ok_or_else(|| no_source(step.source))?;
    Ok(KeptMetadata::of(bytes))
}

fn put_versions<'r, E: Encoder>(
    to: &mut E,
    versions: &'r Versions,
    mut written: VersionsWritten<'r>,
) -> Result<(), EncodeError> {
    match versions {
        Versions::Whole { channels, seen } => {
            form::VERSIONS_WHOLE.encode(to)?;
            put_map(to, channels, |to, version| written.put(to, version))?;
            put_map(to, seen, |to, versions| {
                put_map(to, versions, |to, version| written.put(to, version))
            })
        }
        Versions::Changed(changes) => {
            form::VERSIONS_CHANGED.encode(to)?;
            changes.check.to_le_bytes().encode(to)?;
            changes.removed.encode(to)?;
            put_map(to, &changes.channels, |to, version| {
                written.put(to, version)
            })?;
            changes.unseen.encode(to)?;
            put_map(to, &changes.seen, |to, versions| {
                put_map(to, versions, |to, version| {
                    put_option(to, version.as_ref(), |to, version| written.put(to, version))
                })
            })
        }
    }
}

fn versions<'p, D: Source<'p>>(
    from: &mut D,
    mut read: VersionsRead,
) -> Result<Versions, DecodeError> {
    Ok(match u8::decode(from)? {
        form::VERSIONS_WHOLE => Versions::Whole {
            channels: map(from, |from| read.take(from))?,
            seen: map(from, |from| map(from, |from| read.take(from)))?,
        },
        form::VERSIONS_CHANGED => Versions::Changed(VersionChanges {
            check: u32::from_le_bytes(Decode::decode(from)?),
            removed: list(from, string)?,
            channels: map(from, |from| read.take(from))?,
            unseen: list(from, string)?,
            seen: map(from, |from| {
                map(from, |from| option(from, |from| read.take(from)))
            })?,
        }),
        other => return Err(unknown("form of the versions", other)),
    })
}

fn put_updated<E: Encoder>(
    to: &mut E,
    updated: Option<&[String]>,
    changed: &[Changed<Stored>],
) -> Result<(), EncodeError> {
    let Some(updated) = updated else {
        return form::UPDATED_UNKNOWN.encode(to);
    };
    if let Some(others) = others(updated, changed) {
        form::UPDATED_CHANGED.encode(to)?;
        return others.encode(to);
    }
    form::UPDATED_LISTED.encode(to)?;
    updated.encode(to)
}

/// The numbers of the changed channels that are to be left out so that `updated` is left.
fn others<V>(updated: &[String], changed: &[Changed<V>]) -> Option<Vec<u32>> {
    let mut updated = updated.iter().peekable();
    let mut others = Vec::new();
    for (number, changed) in (0..).zip(changed) {
        if updated.next_if_eq(&&changed.channel).is_none() {
            others.push(number);
        }
    }
    updated.next().is_none().then_some(others)
}

fn updated<'p, D: Source<'p>, V>(
    from: &mut D,
    changed: &[Changed<V>],
) -> Result<Option<Vec<String>>, DecodeError> {
    Ok(match u8::decode(from)? {
        form::UPDATED_UNKNOWN => None,
        form::UPDATED_LISTED => Some(list(from, string)?),
        form::UPDATED_CHANGED => {
            let others = list(from, |from| u32::decode(from))?;
            let mut others = others.into_iter().peekable();
            let numbered = (0_u32..).zip(changed);
            let updated = numbered
                .filter(|(number, _)| others.next_if_eq(number).is_none())
                .map(|(_, changed)| changed.channel.clone())
                .collect();
            if others.next().is_some() {
                let reason = "what was not updated is not in the order of what changed";
                return Err(DecodeError::Other(reason));
            }
            Some(updated)
        }
        other => return Err(unknown("form of the updated channels", other)),
    })
}

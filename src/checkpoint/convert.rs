//! Between the checkpoints of the trait and what the index knows of them.
//!
//! This module must never know where values are kept.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::Encoded;
use crate::checkpoint::{
    Checkpoint, CheckpointError, CheckpointTuple, ListQuery, Metadata, PendingWrite, PutCheckpoint,
    PutWrites, Source, special_write_index,
};
use crate::codec::{Changed, CheckpointPut, TaskWrite, WritesPut};
use crate::index::{Checkpoints, Entry, Found, Held, Refused, Selection};

impl From<Refused> for CheckpointError {
    fn from(refused: Refused) -> Self {
        Self::ThreadDeleted {
            thread: refused.thread,
            checkpoint: refused.checkpoint,
        }
    }
}

/// The record of a checkpoint, with all the values that it came with. Those that it appends to are
/// [made whole](crate::checkpoint::appended::make_whole) before.
pub(crate) fn checkpoint_record(put: PutCheckpoint) -> CheckpointPut<Encoded> {
    let checkpoint = put.checkpoint;
    let mut unchanged = checkpoint.channel_values;
    let changed = put
        .new_versions
        .into_iter()
        .map(|(channel, version)| Changed {
            value: unchanged.remove(&channel),
            channel,
            version,
        })
        .collect();
    CheckpointPut {
        thread: put.thread,
        namespace: put.namespace,
        id: checkpoint.id,
        parent_id: put.parent_id,
        ts: checkpoint.ts,
        metadata: metadata_to_json(&put.metadata).into(),
        ancestors: put.metadata.parents,
        versions: checkpoint.channel_versions,
        seen: checkpoint.versions_seen,
        updated: checkpoint.updated_channels,
        changed,
        unchanged,
    }
}

/// The record of a task's writes.
pub(crate) fn writes_record(put: PutWrites) -> WritesPut<Encoded> {
    let writes = (put.writes.into_iter().enumerate()).map(|(position, (channel, value))| {
        let position = || i32::try_from(position).unwrap_or(i32::MAX);
        TaskWrite {
            index: special_write_index(&channel).unwrap_or_else(position),
            channel,
            value,
        }
    });
    WritesPut {
        thread: put.thread,
        namespace: put.namespace,
        checkpoint_id: put.checkpoint_id,
        task_id: put.task_id,
        task_path: put.task_path,
        writes: writes.collect(),
    }
}

/// The checkpoints that `query` selects, as they are now.
pub(crate) fn select<H: Clone>(checkpoints: &Checkpoints<H>, query: &ListQuery) -> Vec<Found<H>> {
    checkpoints.list(&Selection {
        thread: query.thread.as_deref(),
        namespace: query.namespace.as_deref(),
        before: query.before.as_deref(),
        limit: query.limit.unwrap_or(usize::MAX),
        // Unreadable metadata is selected, so that reading the checkpoint says what is wrong.
        wanted: &|entry| {
            query.filter.is_empty()
                || metadata_of(entry).map_or(true, |metadata| metadata.matches(&query.filter))
        },
    })
}

/// What is not kept elsewhere of a checkpoint's metadata, as JSON: all but the parents.
fn metadata_to_json(metadata: &Metadata) -> Vec<u8> {
    let mut map = metadata.extra.clone();
    // The typed fields win over extra ones of the same name: a name must come back once.
    map.remove("parents");
    if let Some(source) = metadata.source {
        map.insert("source".into(), source.as_str().into());
    }
    if let Some(step) = metadata.step {
        map.insert("step".into(), step.into());
    }
    Value::Object(map).to_string().into_bytes()
}

/// The metadata of an entry, or why it cannot be read.
pub(crate) fn metadata_of<H>(entry: &Entry<H>) -> Result<Metadata, serde_json::Error> {
    let mut extra: Map<String, Value> = serde_json::from_slice(&entry.metadata)?;
    let source = extra
        .get("source")
        .and_then(|source| match source.as_str()? {
            "input" => Some(Source::Input),
            "loop" => Some(Source::Loop),
            "update" => Some(Source::Update),
            "fork" => Some(Source::Fork),
            _ => None,
        });
    if source.is_some() {
        extra.remove("source");
    }
    let step = extra.get("step").and_then(Value::as_i64);
    if step.is_some() {
        extra.remove("step");
    }
    let parents = entry
        .ancestors
        .iter()
        .map(|(namespace, id)| (namespace.to_string(), id.to_string()))
        .collect();
    Ok(Metadata {
        source,
        step,
        parents,
        extra,
    })
}

/// The handle of the value that a checkpoint has of `channel`.
pub(crate) fn value_of<'a, H>(entry: &'a Entry<H>, channel: &str) -> Option<&'a H> {
    let found = entry.channels().iter().find(|c| &*c.name == channel)?;
    match &found.held {
        Held::Value(handle) => Some(handle),
        Held::Nothing | Held::Unknown => None,
    }
}

/// The handles of all values of a checkpoint, in the order in which [`tuple()`] takes the values.
pub(crate) fn handles<H>(found: &Found<H>) -> Vec<&H> {
    let channels = found.entry.channels().iter();
    let values = channels.filter_map(|channel| match &channel.held {
        Held::Value(handle) => Some(handle),
        Held::Nothing | Held::Unknown => None,
    });
    let writes = found.writes.iter().flat_map(|writes| writes.iter());
    values.chain(writes.map(|write| &write.value)).collect()
}

/// A checkpoint, with the `values` that belong to its [`handles`].
pub(crate) fn tuple<H>(
    found: &Found<H>,
    metadata: Metadata,
    values: impl IntoIterator<Item = Encoded>,
) -> CheckpointTuple {
    let mut values = values.into_iter();
    let entry = &found.entry;
    let channel_values: BTreeMap<String, Encoded> = entry
        .channels()
        .iter()
        .filter(|channel| matches!(channel.held, Held::Value(_)))
        .map_while(|channel| Some((channel.name.to_string(), values.next()?)))
        .collect();
    let writes = found.writes.iter().flat_map(|writes| writes.iter());
    let mut pending_writes: Vec<PendingWrite> = writes
        .map_while(|write| {
            Some(PendingWrite {
                task_id: write.task_id.to_string(),
                task_path: write.task_path.to_string(),
                index: write.index,
                channel: write.channel.to_string(),
                value: values.next()?,
            })
        })
        .collect();
    // They come by task id and index; the sort is stable.
    pending_writes.sort_by(|a, b| {
        (&a.task_path, &a.task_id, a.index).cmp(&(&b.task_path, &b.task_id, b.index))
    });
    CheckpointTuple {
        thread: found.thread.to_string(),
        namespace: found.namespace.to_string(),
        checkpoint: Checkpoint {
            id: found.id.to_string(),
            ts: entry.ts.to_string(),
            channel_values,
            channel_versions: entry.versions(),
            versions_seen: entry.seen(),
            updated_channels: entry.updated(),
        },
        metadata,
        parent_id: entry.parent_id.as_deref().map(str::to_owned),
        pending_writes,
    }
}

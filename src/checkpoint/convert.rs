//! Between the checkpoints of the trait and what the index knows of them.
//!
//! This module must never know where values are kept.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value};

use crate::Encoded;
use crate::checkpoint::{
    Checkpoint, CheckpointError, CheckpointTuple, ListQuery, Metadata, PendingWrite, PutCheckpoint,
    PutWrites, Source, Tag, special_write_index,
};
use crate::codec::{Changed, CheckpointPut, TagSet, TaskWrite, Versions, WritesPut};
use crate::compact::{KeptMetadata, KeptTime, Step};
use crate::index::{
    Entry, Found, Held, Key, List, Reason, Refused, Row, Rows, Selection, Snapshot, Survivor,
    TablesError, map_of, owned,
};

impl From<Refused> for CheckpointError {
    fn from(refused: Refused) -> Self {
        let thread = refused.thread;
        match refused.reason {
            Reason::Deleted { checkpoint } => Self::ThreadDeleted { thread, checkpoint },
            Reason::Pruned { checkpoint } => Self::Pruned { thread, checkpoint },
            Reason::Replaced { checkpoint } => Self::Replaced { thread, checkpoint },
            Reason::Changed => Self::Changed { thread },
            Reason::Empty => Self::NothingToCopy { thread },
            Reason::Taken => Self::ThreadExists { thread },
            Reason::Missing { checkpoint } => Self::NoSuchCheckpoint { thread, checkpoint },
        }
    }
}

impl From<TablesError> for CheckpointError {
    fn from(error: TablesError) -> Self {
        Self::Db(error.into())
    }
}

/// The record of a checkpoint, with all the values that it came with. `lists` are those of changed channels that it came without.
pub(crate) fn checkpoint_record<V: From<Encoded>>(
    put: PutCheckpoint,
    mut lists: BTreeMap<String, V>,
) -> CheckpointPut<V> {
    let checkpoint = put.checkpoint;
    let mut values = checkpoint.channel_values;
    let changed = put
        .new_versions
        .into_iter()
        .map(|(channel, version)| {
            let value = values.remove(&channel).map(V::from);
            Changed {
                value: lists.remove(&channel).or(value),
                channel,
                version,
            }
        })
        .collect();
    let unchanged = (values.into_iter()).map(|(channel, value)| (channel, value.into()));
    CheckpointPut {
        thread: put.thread,
        namespace: put.namespace,
        id: checkpoint.id,
        parent_id: put.parent_id,
        ts: KeptTime::of(&checkpoint.ts),
        metadata: kept(&put.metadata),
        ancestors: put.metadata.parents,
        versions: Versions::Whole {
            channels: checkpoint.channel_versions,
            seen: checkpoint.versions_seen,
        },
        changed,
        updated: checkpoint.updated_channels,
        unchanged: unchanged.collect(),
        standalone: false,
        moment: None,
    }
}

/// The record by which a checkpoint is put again without need of its parent, with the `values` that it holds, in
/// the order of its channels.
pub(crate) fn standalone_record<H, V>(
    thread: &str,
    survivor: &Survivor<H>,
    values: impl IntoIterator<Item = V>,
) -> CheckpointPut<V> {
    let entry = &survivor.entry;
    let mut values = values.into_iter();
    let changed = entry.channels().iter().filter_map(|channel| {
        let value = match &channel.held {
            Held::Value(_) => Some(values.next()?),
            Held::Nothing => None,
            Held::Unknown => return None,
        };
        Some(Changed {
            channel: channel.name.to_string(),
            version: channel.version.clone(),
            value,
        })
    });
    CheckpointPut {
        thread: thread.to_owned(),
        namespace: survivor.namespace.to_string(),
        id: survivor.id.to_string(),
        changed: changed.collect(),
        parent_id: entry.parent_id.as_deref().map(str::to_owned),
        ts: entry.ts.clone(),
        metadata: entry.metadata.clone(),
        ancestors: (entry.ancestors.iter())
            .map(|(namespace, id)| (namespace.to_string(), id.to_string()))
            .collect(),
        versions: Versions::Whole {
            channels: entry.versions(),
            seen: entry.seen(),
        },
        updated: entry.updated(),
        unchanged: BTreeMap::new(),
        standalone: true,
        moment: Some(entry.moment),
    }
}

/// The tags of a thread in the form of the trait.
pub(crate) fn tags_of<H: Clone, T: Rows<Key, Row<H>>>(
    snapshot: &Snapshot<H, T>,
    thread: &str,
) -> Result<Vec<Tag>, CheckpointError> {
    let tags = snapshot.tags(thread)?.into_iter();
    Ok(tags
        .map(|(namespace, name, id)| Tag {
            thread: thread.to_owned(),
            namespace: namespace.to_string(),
            name: name.to_string(),
            checkpoint_id: id.to_string(),
        })
        .collect())
}

/// The record of a new tag.
pub(crate) fn tag_record(tag: Tag) -> TagSet {
    TagSet {
        thread: tag.thread,
        namespace: tag.namespace,
        tag: tag.name,
        checkpoint_id: tag.checkpoint_id,
    }
}

/// The handles of all values of an entry, in the order of its channels.
pub(crate) fn held_values<H>(entry: &Entry<H>) -> impl Iterator<Item = &H> {
    let channels = entry.channels().iter();
    channels.filter_map(|channel| match &channel.held {
        Held::Value(handle) => Some(handle),
        Held::Nothing | Held::Unknown => None,
    })
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

/// The checkpoints that a query selects, looked up as they are asked for.
pub(crate) struct Selected<H, T> {
    list: List<H, T>,
    filter: Map<String, Value>,
    left: usize,
    writes: bool,
}

impl<H: Clone, T: Rows<Key, Row<H>>> Selected<H, T> {
    pub(crate) fn new(snapshot: Snapshot<H, T>, query: ListQuery) -> Result<Self, TablesError> {
        let list = snapshot.list(&Selection {
            thread: query.thread.as_deref(),
            namespace: query.namespace.as_deref(),
            before: query.before.as_deref(),
        })?;
        Ok(Self {
            list,
            filter: query.filter,
            left: query.limit.unwrap_or(usize::MAX),
            writes: query.projection.writes,
        })
    }

    fn advance(&mut self) -> Result<Option<Found<H>>, TablesError> {
        let filter = &self.filter;
        // Unreadable metadata is selected, so that reading the checkpoint says what is wrong.
        self.list.next(self.writes, |entry| {
            filter.is_empty()
                || metadata_of(entry).map_or(true, |metadata| metadata.matches(filter))
        })
    }
}

impl<H: Clone, T: Rows<Key, Row<H>>> Iterator for Selected<H, T> {
    type Item = Result<Found<H>, TablesError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let next = self.advance().transpose();
        if matches!(next, Some(Err(_))) {
            self.left = 0;
        }
        next
    }
}

/// The latest checkpoint in `namespace` of each thread that has one, looked up as they are asked for.
pub(crate) fn latest_of_each<H: Clone, T: Rows<Key, Row<H>>>(
    snapshot: Snapshot<H, T>,
    namespace: String,
    writes: bool,
) -> impl Iterator<Item = Result<Found<H>, TablesError>> {
    let mut after: Option<Arc<str>> = None;
    let mut failed = false;
    std::iter::from_fn(move || {
        if failed {
            return None;
        }
        let next = snapshot.next_latest(&namespace, after.as_deref(), writes);
        match &next {
            Ok(Some(found)) => after = Some(Arc::clone(&found.thread)),
            Ok(None) => {}
            Err(_) => failed = true,
        }
        next.transpose()
    })
}

/// What is not kept elsewhere of a checkpoint's metadata: all but the parents.
fn kept(metadata: &Metadata) -> KeptMetadata {
    if let (Some(source), Some(step), true) =
        (metadata.source, metadata.step, metadata.extra.is_empty())
        && let Some(source) = Step::source_of(source.as_str())
        && let Some(alone) = KeptMetadata::of_alone(source, step)
    {
        // As most are.
        return alone;
    }
    let mut map = metadata.extra.clone();
    if let Some(source) = metadata.source {
        map.insert("source".into(), source.as_str().into());
    }
    if let Some(step) = metadata.step {
        map.insert("step".into(), step.into());
    }
    KeptMetadata::of(Value::Object(map).to_string().into_bytes())
}

/// The metadata of an entry, or why it cannot be read.
pub(crate) fn metadata_of<H>(entry: &Entry<H>) -> Result<Metadata, serde_json::Error> {
    let parents = entry.ancestors.iter();
    let parents = map_of(parents.map(|(namespace, id)| (owned(namespace), owned(id))));
    if let Some(found) = entry.metadata.alone() {
        // As most are.
        return Ok(Metadata {
            source: found.source_name().and_then(Source::named),
            step: Some(found.step),
            parents,
            extra: Map::new(),
        });
    }
    let entries = serde_json::from_slice(&entry.metadata.bytes())?;
    let mut metadata = Metadata::of_entries(entries);
    if !parents.is_empty() {
        metadata.parents = parents;
    }
    Ok(metadata)
}

/// The handle of the value that a checkpoint has of `channel`.
pub(crate) fn value_of<'a, H>(entry: &'a Entry<H>, channel: &str) -> Option<&'a H> {
    let found = entry.channels().iter().find(|c| &*c.name == channel)?;
    match &found.held {
        Held::Value(handle) => Some(handle),
        Held::Nothing | Held::Unknown => None,
    }
}

/// The handles of the values of a checkpoint that `wants` names the channels of, and of those of its pending writes, in
/// the order in which [`tuple()`] takes the values.
pub(crate) fn handles<'f, H>(found: &'f Found<H>, wants: &dyn Fn(&str) -> bool) -> Vec<&'f H> {
    let channels = found.entry.channels().iter();
    let values = channels.filter_map(|channel| match &channel.held {
        Held::Value(handle) if wants(&channel.name) => Some(handle),
        _ => None,
    });
    let writes = found.writes.iter().flat_map(|(_, writes)| &writes.writes);
    values.chain(writes.map(|write| &write.value)).collect()
}

/// A checkpoint, with the `values` that belong to its [`handles`].
pub(crate) fn tuple<H>(
    found: &Found<H>,
    wants: &dyn Fn(&str) -> bool,
    metadata: Metadata,
    values: impl IntoIterator<Item = Encoded>,
) -> CheckpointTuple {
    let mut values = values.into_iter();
    let entry = &found.entry;
    let channels = entry.channels().iter();
    let channels =
        channels.filter(|channel| matches!(channel.held, Held::Value(_)) && wants(&channel.name));
    let channel_values =
        map_of(channels.map_while(|channel| Some((owned(&channel.name), values.next()?))));
    let writes = found.writes.iter();
    let writes = writes.flat_map(|(task, writes)| writes.writes.iter().map(move |w| (task, w)));
    let mut pending_writes: Vec<PendingWrite> = writes
        .map_while(|(task, write)| {
            Some(PendingWrite {
                task_id: owned(task),
                task_path: owned(&write.task_path),
                index: write.index,
                channel: owned(&write.channel),
                value: values.next()?,
            })
        })
        .collect();
    // They come by task id and index; the sort is stable.
    pending_writes.sort_by(|a, b| {
        (&a.task_path, &a.task_id, a.index).cmp(&(&b.task_path, &b.task_id, b.index))
    });
    CheckpointTuple {
        thread: owned(&found.thread),
        namespace: owned(&found.namespace),
        checkpoint: Checkpoint {
            id: owned(&found.id),
            ts: entry.ts.text().into_owned(),
            channel_values,
            channel_versions: entry.versions(),
            versions_seen: entry.seen(),
            updated_channels: entry.updated(),
        },
        metadata,
        parent_id: entry.parent_id.as_deref().map(owned),
        pending_writes,
    }
}

//! Putting checkpoints and writes, with what is kept in memory of those before, and what else changes a thread.

use std::collections::BTreeMap;

use crate::Encoded;
use crate::codec::{Changed, CheckpointPut, Record, Stored, TaskWrite, Versions, WritesPut};
use crate::db::handed::Handed;
use crate::db::hot::{Held, HotCheckpoint, HotThread, HotVersions, NewContent, Sources};
use crate::db::kept_value::{Kept, KeptValue};
use crate::db::storing::Storing;
use crate::db::written::{Own, Written};
use crate::db::{Db, DbError, Durability, Submitted};
use crate::index::{Refused, shrink};
use crate::log::Lsn;
use crate::version::ChannelVersion;

/// Why a checkpoint was not submitted.
#[derive(Debug)]
pub(crate) enum NotPut {
    Db(DbError),
    /// The index would refuse it.
    Refused(Refused),
    /// The parent has no list to append to in this channel.
    NothingToAppendTo {
        thread: String,
        checkpoint: String,
        channel: String,
    },
}

impl<E: Into<DbError>> From<E> for NotPut {
    fn from(error: E) -> Self {
        Self::Db(error.into())
    }
}

impl Db {
    /// Submits a checkpoint, each of its values as what it has of others, and other records in the same frame.
    pub(crate) fn put_checkpoint(
        &self,
        put: CheckpointPut<Handed>,
        others: Vec<Record<Encoded>>,
        durability: Option<Durability>,
    ) -> Result<Submitted, NotPut> {
        let _entered = self.enter();
        let name = put.thread.clone();
        self.hot().with_thread(&name, |thread| {
            let id: Box<str> = put.id.as_str().into();
            let changed = thread.changed();
            // The ancestors of a subgraph's checkpoint may have been deleted.
            let has_ancestors =
                put.ancestors.is_empty() || self.is_sure_of_ancestors(&name, thread)?;
            let (hot, puts) = thread.namespace_and_puts(&put.namespace);
            let parent_id = put.parent_id.as_deref();
            let parent_put = parent_id.map_or(Lsn::FIRST, |id| puts.end_of(id));
            let mut parent = self.parent(&put, (parent_put, changed), hot.checkpoint.take())?;
            let has_parent = match (parent_id, &parent) {
                (None, _) => true,
                (Some(_), parent) => parent.as_ref().is_some_and(|parent| parent.certain),
            };
            let sources = hot.sources.of(put.parent_id.as_deref());
            let storing = Storing::new(self, sources);
            let (mut record, kept) = self.stored(put, parent.as_mut(), storing)?;
            let versions = shrunk(&mut record, parent.as_ref());
            let mut records = Vec::with_capacity(1 + others.len());
            records.push(Record::CheckpointPut(record));
            let (others, mut contents) = self.shared(others, 1);
            records.extend(others);
            let values = kept.iter().filter_map(|kept| kept.value.as_ref());
            contents.extend(values.filter_map(KeptValue::new_content));
            // Of other records nothing is known.
            let certain = has_parent && has_ancestors && records.len() == 1;
            let submitted = self.submit_with(records, contents, certain, durability, named)?;
            puts.note(&id, submitted.address().end());

            let mut channels = parent.map(|parent| parent.channels).unwrap_or_default();
            for kept in kept {
                let held = kept.value.map_or(Held::Nothing, |value| {
                    Held::Hot(Box::new(self.keep(value, &submitted)))
                });
                channels.insert(kept.channel, (kept.version, held));
            }
            hot.checkpoint = Some(HotCheckpoint {
                id,
                put: Some((submitted.address().end(), submitted.fate())),
                certain: has_parent && has_ancestors,
                versions,
                channels,
            });
            Ok(submitted)
        })
    }

    /// Submits writes of a task. They are stored whole, or are ones that were, so that the checkpoint after them can copy from
    /// them.
    pub(crate) fn put_writes(
        &self,
        put: WritesPut<Encoded>,
        durability: Option<Durability>,
    ) -> Result<Submitted, DbError> {
        let _entered = self.enter();
        let name = put.thread.clone();
        self.hot().with_thread(&name, |thread| {
            let certain = self.takes_writes(&name, &put.namespace, thread);
            let sources = &mut thread.namespace(&put.namespace).sources;
            sources.begin(&put.checkpoint_id);
            let mut contents = Vec::new();
            let mut written = Vec::with_capacity(put.writes.len());
            let mut own = Own::default();
            let mut writes = Vec::with_capacity(put.writes.len());
            for (number, write) in (0_u32..).zip(put.writes) {
                let value = write.value;
                // Special ones are replaced, and what is gone should not be needed.
                let copied = (write.index >= 0 && Sources::takes(&value)).then(|| value.clone());
                let Written {
                    stored,
                    at,
                    number,
                    content,
                } = self.written(value, number, &mut own);
                contents.extend(content.map(|content| NewContent {
                    content,
                    record: 0,
                    value: number,
                }));
                written.extend(copied.map(|value| (at, number, value)));
                writes.push(TaskWrite {
                    index: write.index,
                    channel: write.channel,
                    value: stored,
                });
            }
            let record = Record::WritesPut(WritesPut {
                thread: put.thread,
                namespace: put.namespace,
                checkpoint_id: put.checkpoint_id,
                task_id: put.task_id,
                task_path: put.task_path,
                writes,
            });
            let submitted = self.submit_with(vec![record], contents, certain, durability, named)?;
            for (at, number, value) in written {
                sources.add(at.unwrap_or_else(|| submitted.at(0, number)), value);
            }
            Ok(submitted)
        })
    }

    /// Submits records after which nothing of a thread is as it was.
    pub(crate) fn change_thread(
        &self,
        name: &str,
        records: Vec<Record<Stored>>,
        durability: Option<Durability>,
        what: impl Fn() -> String,
    ) -> Result<Submitted, DbError> {
        let _entered = self.enter();
        self.hot().with_thread(name, |thread| {
            thread.forget();
            let submitted = self.submit(records, durability, what)?;
            thread.note_change(submitted.address().end());
            Ok(submitted)
        })
    }

    /// Whether the index is sure to take writes of the thread. Of one that was not put to lately that is not worth a look-up.
    fn takes_writes(&self, name: &str, namespace: &str, thread: &mut HotThread) -> bool {
        let is_known = thread.is_asked() || thread.namespace(namespace).checkpoint.is_some();
        is_known && self.is_sure_of_ancestors(name, thread).unwrap_or(false)
    }

    /// Whether the index is sure to have the ancestors of what is put, if it ever had them.
    fn is_sure_of_ancestors(&self, name: &str, thread: &mut HotThread) -> Result<bool, DbError> {
        let changed = thread.changed();
        if !self.with_log(|log| Ok(log.is_acknowledged(changed)))? {
            return Ok(false);
        }
        let deleted = thread.deleted(|| self.snapshot().was_deleted(name))?;
        Ok(!deleted)
    }

    /// What is known of the parent of a checkpoint. It is the one that was put last, or is looked up. If it was put, that was before
    /// the LSN `parent_put`; other changes of the thread were before `changed`.
    fn parent(
        &self,
        put: &CheckpointPut<Handed>,
        (parent_put, changed): (Lsn, Lsn),
        last: Option<HotCheckpoint>,
    ) -> Result<Option<HotCheckpoint>, DbError> {
        let Some(id) = put.parent_id.as_deref() else {
            return Ok(None);
        };
        let look_up = || {
            // Asked before the look-up: it may be acknowledged meanwhile.
            let certain = self.with_log(|log| Ok(log.is_acknowledged(changed)))?;
            let entry = (self.snapshot()).entry(&put.thread, &put.namespace, id)?;
            Ok::<_, DbError>(entry.map(|entry| HotCheckpoint::cold(id, &entry, certain)))
        };
        let wait = || self.with_log(|log| Ok(log.wait()?));
        let mut last = last.filter(|last| *last.id == *id);
        if let Some(last) = last.as_mut().filter(|last| !last.certain) {
            // If the index refuses it, the parent is what it was before, or is not there.
            let end = last.put.as_ref().map(|(end, _)| *end);
            let is_applied =
                self.with_log(|log| Ok(end.is_some_and(|e| log.is_acknowledged(e))))?;
            if !is_applied {
                wait()?;
            }
            self.indexed().view.catch_up();
            last.certain = true;
        }
        let parent = match last.filter(|last| !last.is_refused()) {
            Some(last) => Some(last),
            None => {
                // Asked before the look-up: it may be acknowledged meanwhile.
                let is_applied = self.with_log(|log| Ok(log.is_acknowledged(parent_put)))?;
                let found = look_up()?;
                if found.is_some() && !is_applied {
                    // It was put again, or may have been, and this may be what it was before.
                    wait()?;
                    return look_up();
                }
                found
            }
        };
        let is_missing = |channel: &str| {
            (parent.as_ref()).is_none_or(|parent| !parent.channels.contains_key(channel))
        };
        let mut lists = put
            .changed
            .iter()
            .filter(|c| matches!(c.value, Some(Handed::Appended(_))));
        if lists.any(|list| is_missing(&list.channel)) {
            // It is on its way into the index, if it is anywhere.
            wait()?;
            return look_up();
        }
        Ok(parent)
    }

    /// The record of a checkpoint, and what is to be kept of it. Of the parent remains what the checkpoint inherits.
    fn stored(
        &self,
        put: CheckpointPut<Handed>,
        mut parent: Option<&mut HotCheckpoint>,
        mut storing: Storing<'_>,
    ) -> Result<(CheckpointPut<Stored>, Vec<Kept>), NotPut> {
        let is_applied = match parent.as_ref().and_then(|parent| parent.put.as_ref()) {
            Some((end, unapplied)) => {
                self.with_log(|log| Ok(log.is_acknowledged(*end)))? && unapplied.get().is_none()
            }
            None => true,
        };
        let Versions::Whole {
            channels: versions,
            seen,
        } = put.versions
        else {
            let what = format!("checkpoint `{}` of thread `{}`", put.id, put.thread);
            let reason =
                "its versions were left out before it was known what its parent has".into();
            return Err(DbError::Unwritable { what, reason }.into());
        };
        let mut all = Vec::with_capacity(put.changed.len());
        let mut number = 0;
        let nothing_to_append_to = |channel: &str| {
            let gone = (put.parent_id.as_deref())
                .map(|parent| (self.snapshot()).why_gone(&put.thread, &put.namespace, parent));
            match gone.transpose().map(Option::flatten) {
                Ok(None) => NotPut::NothingToAppendTo {
                    thread: put.thread.clone(),
                    checkpoint: put.id.clone(),
                    channel: channel.to_owned(),
                },
                Ok(Some(refused)) => NotPut::Refused(refused),
                Err(error) => error.into(),
            }
        };
        let mut store = |channel: &str, version: ChannelVersion, value, parents| {
            let (name, parents): (Option<Box<str>>, _) = Option::unzip(parents);
            let to_store = match value {
                None => None,
                Some(value) => {
                    let stored = storing.store(value, parents, number)?;
                    Some(stored.ok_or_else(|| nothing_to_append_to(channel))?)
                }
            };
            let (stored, value) = to_store.map(|to_store| to_store.numbered(number)).unzip();
            number += u32::from(value.is_some());
            all.push(Kept {
                channel: name.unwrap_or_else(|| channel.into()),
                version,
                value,
            });
            Ok::<Option<Stored>, NotPut>(stored)
        };
        let mut changed = Vec::with_capacity(put.changed.len());
        for Changed {
            channel,
            version,
            value,
        } in put.changed
        {
            let parents = parent
                .as_deref_mut()
                .and_then(|parent| parent.take(&channel));
            let value = store(&channel, version.clone(), value, parents)?;
            changed.push(Changed {
                channel,
                version,
                value,
            });
        }
        let mut unchanged = BTreeMap::new();
        for (channel, value) in put.unchanged {
            let Some(version) = versions.get(&channel) else {
                continue;
            };
            let parent = (parent.as_deref_mut()).filter(|parent| parent.has(&channel, version));
            // A parent that is not in the index yet may still be refused.
            if parent.is_some() && is_applied {
                continue;
            }
            let parents = parent.and_then(|parent| parent.take(&channel));
            if let Some(value) = store(&channel, version.clone(), Some(value), parents)? {
                unchanged.insert(channel, value);
            }
        }
        let kept = all
            .into_iter()
            .filter(|kept| versions.get(&*kept.channel) == Some(&kept.version));
        let kept = kept.collect();
        if let Some(parent) = parent {
            parent.retain(&versions);
        }
        let record = CheckpointPut {
            thread: put.thread,
            namespace: put.namespace,
            id: put.id,
            parent_id: put.parent_id,
            ts: put.ts,
            metadata: put.metadata,
            ancestors: put.ancestors,
            versions: Versions::Whole {
                channels: versions,
                seen,
            },
            changed,
            updated: put.updated,
            unchanged,
            standalone: put.standalone,
            moment: put.moment,
        };
        Ok((record, kept))
    }
}

/// What the records of a put are about, for errors.
fn named(records: &[Record<Stored>]) -> String {
    match records.first() {
        Some(Record::CheckpointPut(put)) => checkpoint_of(put),
        Some(Record::WritesPut(put)) => format!(
            "the writes of task `{}` to checkpoint `{}` of thread `{}`",
            put.task_id, put.checkpoint_id, put.thread
        ),
        _ => String::new(),
    }
}

fn checkpoint_of<V>(put: &CheckpointPut<V>) -> String {
    format!("checkpoint `{}` of thread `{}`", put.id, put.thread)
}

/// Leaves out of the record what its parent says as well. Returns all versions.
fn shrunk(record: &mut CheckpointPut<Stored>, parent: Option<&HotCheckpoint>) -> HotVersions {
    let whole = parent.and_then(|parent| shrink(record, &parent.versions));
    match (whole, &record.versions) {
        (Some(Versions::Whole { channels, seen }), _) => HotVersions { channels, seen },
        (_, Versions::Whole { channels, seen }) => HotVersions {
            channels: channels.clone(),
            seen: seen.clone(),
        },
        (_, Versions::Changed(_)) => HotVersions::default(),
    }
}

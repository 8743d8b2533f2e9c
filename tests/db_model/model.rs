//! A checkpointer that is too simple to be wrong: it remembers everything and searches it through.

use std::collections::{BTreeMap, BTreeSet};

use stepwell::Encoded;
use stepwell::checkpoint::{
    ChannelVersion, Checkpoint, CheckpointTuple, PendingWrite, PutCheckpoint, PutWrites,
    special_write_index,
};

/// What a channel holds; the outer `None`: nobody knows.
type Held = Option<Option<Encoded>>;

#[derive(Default)]
pub(crate) struct Model {
    /// All checkpoints that are there, in the order in which they were put.
    checkpoints: Vec<Kept>,
    /// Every value that was put, in order: thread, namespace, channel, version, value.
    values: Vec<(String, String, String, ChannelVersion, Option<Encoded>)>,
    /// Thread, namespace, checkpoint, write.
    writes: Vec<(String, String, String, PendingWrite)>,
    /// Deleted threads, and the version 6 ids that were made before.
    deleted: BTreeMap<String, BTreeSet<String>>,
}

struct Kept {
    put: PutCheckpoint,
    held: BTreeMap<String, Held>,
}

/// The operation was refused: it belongs to a deleted checkpoint.
#[derive(Debug, PartialEq)]
pub(crate) struct Refused;

impl Model {
    /// `is_v6` tells the form of the parent's id.
    pub(crate) fn put(
        &mut self,
        put: PutCheckpoint,
        is_v6: impl Fn(&str) -> bool,
    ) -> Result<(), Refused> {
        let (thread, namespace) = (put.thread.clone(), put.namespace.clone());
        if let Some(before) = self.deleted.get(&thread) {
            let parent = put.parent_id.iter().any(|parent| {
                (!is_v6(parent) || before.contains(parent))
                    && self.find(&thread, &namespace, parent).is_none()
            });
            let ancestor = put.metadata.parents.iter().any(|(namespace, id)| {
                before.contains(id) && self.find(&thread, namespace, id).is_none()
            });
            if parent || ancestor {
                return Err(Refused);
            }
        }
        for (channel, version) in &put.new_versions {
            let value = put.checkpoint.channel_values.get(channel).cloned();
            self.value_put(&put, channel, version, value);
        }
        let mut held = BTreeMap::new();
        for (channel, version) in &put.checkpoint.channel_versions {
            let given = put.checkpoint.channel_values.get(channel).cloned();
            if put.new_versions.contains_key(channel) {
                held.insert(channel.clone(), Some(given));
                continue;
            }
            let parent = put.parent_id.as_deref();
            let parent = parent.and_then(|id| self.find(&thread, &namespace, id));
            let inherited = parent
                .filter(|p| p.put.checkpoint.channel_versions.get(channel) == Some(version))
                .and_then(|parent| parent.held.get(channel).cloned().flatten());
            let newest = || {
                let of = (&thread, &namespace, channel, version);
                let newest = self.values.iter().rev();
                let mut newest = newest.filter(|(t, n, c, v, _)| (t, n, c, v) == of);
                newest.next().map(|(.., value)| value.clone())
            };
            let mut resolved = inherited.or_else(newest);
            if resolved.is_none()
                && let Some(given) = given
            {
                self.value_put(&put, channel, version, Some(given.clone()));
                resolved = Some(Some(given));
            }
            held.insert(channel.clone(), resolved);
        }
        self.checkpoints.retain(|kept| {
            (
                &kept.put.thread,
                &kept.put.namespace,
                &kept.put.checkpoint.id,
            ) != (&thread, &namespace, &put.checkpoint.id)
        });
        self.checkpoints.push(Kept { put, held });
        Ok(())
    }

    pub(crate) fn put_writes(&mut self, put: PutWrites) -> Result<(), Refused> {
        let (thread, namespace, id) = (&put.thread, &put.namespace, &put.checkpoint_id);
        let before = self.deleted.get(thread);
        let before = before.is_some_and(|before| before.contains(id));
        if before && self.find(thread, namespace, id).is_none() {
            return Err(Refused);
        }
        for (position, (channel, value)) in (0..).zip(put.writes) {
            let index = special_write_index(&channel).unwrap_or(position);
            let same_key = |(t, n, c, w): &(String, String, String, PendingWrite)| {
                (t, n, c, &w.task_id, w.index)
                    == (
                        &put.thread,
                        &put.namespace,
                        &put.checkpoint_id,
                        &put.task_id,
                        index,
                    )
            };
            if index >= 0 && self.writes.iter().any(same_key) {
                continue;
            }
            self.writes.retain(|write| !same_key(write));
            let write = PendingWrite {
                task_id: put.task_id.clone(),
                task_path: put.task_path.clone(),
                index,
                channel,
                value,
            };
            self.writes.push((
                put.thread.clone(),
                put.namespace.clone(),
                put.checkpoint_id.clone(),
                write,
            ));
        }
        Ok(())
    }

    /// `made` are the version 6 ids that there are.
    pub(crate) fn delete(&mut self, thread: &str, made: impl IntoIterator<Item = String>) {
        self.checkpoints.retain(|kept| kept.put.thread != thread);
        self.values.retain(|value| value.0 != thread);
        self.writes.retain(|write| write.0 != thread);
        self.deleted
            .insert(thread.into(), made.into_iter().collect());
    }

    /// All checkpoints, newest first.
    pub(crate) fn list(&self) -> Vec<CheckpointTuple> {
        let mut all: Vec<_> = self
            .checkpoints
            .iter()
            .map(|kept| self.tuple(kept))
            .collect();
        all.sort_by(|a, b| {
            let newest_first = b.checkpoint.id.cmp(&a.checkpoint.id);
            newest_first.then((&a.thread, &a.namespace).cmp(&(&b.thread, &b.namespace)))
        });
        all
    }

    fn find(&self, thread: &str, namespace: &str, id: &str) -> Option<&Kept> {
        self.checkpoints.iter().find(|kept| {
            kept.put.thread == thread
                && kept.put.namespace == namespace
                && kept.put.checkpoint.id == id
        })
    }

    fn value_put(
        &mut self,
        put: &PutCheckpoint,
        channel: &str,
        version: &ChannelVersion,
        value: Option<Encoded>,
    ) {
        self.values.push((
            put.thread.clone(),
            put.namespace.clone(),
            channel.to_owned(),
            version.clone(),
            value,
        ));
    }

    fn tuple(&self, kept: &Kept) -> CheckpointTuple {
        let put = &kept.put;
        let writes = self.writes.iter().filter(|(thread, namespace, id, _)| {
            (thread, namespace, id) == (&put.thread, &put.namespace, &put.checkpoint.id)
        });
        let mut pending_writes: Vec<_> = writes.map(|(.., write)| write.clone()).collect();
        pending_writes.sort_by_key(|w| (w.task_path.clone(), w.task_id.clone(), w.index));
        let held = kept.held.iter();
        CheckpointTuple {
            thread: put.thread.clone(),
            namespace: put.namespace.clone(),
            checkpoint: Checkpoint {
                channel_values: held
                    .filter_map(|(channel, held)| Some((channel.clone(), held.clone()??)))
                    .collect(),
                ..put.checkpoint.clone()
            },
            metadata: put.metadata.clone(),
            parent_id: put.parent_id.clone(),
            pending_writes,
        }
    }
}

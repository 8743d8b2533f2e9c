//! A checkpointer that is too simple to be wrong: it remembers everything and searches it through.

use std::collections::{BTreeMap, BTreeSet};

use stepwell::Encoded;
use stepwell::checkpoint::{
    ChannelVersion, Checkpoint, CheckpointTuple, PendingWrite, PutCheckpoint, PutWrites,
    special_write_index,
};

/// What a channel holds; the outer `None`: nobody knows.
type Held = Option<Option<Encoded>>;

#[derive(Clone, Default)]
pub(crate) struct Model {
    /// All checkpoints that are there, in the order in which they were put.
    checkpoints: Vec<Kept>,
    /// Thread, namespace, checkpoint, write.
    writes: Vec<(String, String, String, PendingWrite)>,
    /// Deleted threads, and the version 6 ids that were made before.
    pub(crate) deleted: BTreeMap<String, BTreeSet<String>>,
    /// The greatest id that was pruned from each thread.
    pub(crate) pruned: BTreeMap<String, String>,
    /// Thread, namespace and name: the id.
    tags: BTreeMap<(String, String, String), String>,
}

#[derive(Clone)]
struct Kept {
    put: PutCheckpoint,
    held: BTreeMap<String, Held>,
}

impl Kept {
    /// What a channel holds, if it is at this version.
    fn holds(&self, channel: &str, version: &ChannelVersion) -> Option<&Held> {
        let at = self.put.checkpoint.channel_versions.get(channel)?;
        self.held.get(channel).filter(|_| at == version)
    }
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
        let mut held = BTreeMap::new();
        for (channel, version) in &put.checkpoint.channel_versions {
            let given = put.checkpoint.channel_values.get(channel).cloned();
            if put.new_versions.contains_key(channel) {
                held.insert(channel.clone(), Some(given));
                continue;
            }
            let parent = put.parent_id.as_deref();
            let parent = parent.and_then(|id| self.find(&thread, &namespace, id));
            let inherited = parent.and_then(|parent| parent.holds(channel, version));
            let resolved = match (inherited, given) {
                (Some(Some(known)), _) => Some(known.clone()),
                (_, Some(given)) => Some(Some(given)),
                (Some(None), None) => None,
                // What is missing may have gone with its parent.
                (None, None)
                    if parent.is_none()
                        && put.parent_id.as_ref() <= self.pruned.get(&thread)
                        && put.parent_id.is_some() =>
                {
                    return Err(Refused);
                }
                // The last one that was put and knows it.
                (None, None) => (self.checkpoints.iter().rev())
                    .filter(|kept| (&kept.put.thread, &kept.put.namespace) == (&thread, &namespace))
                    .find_map(|kept| kept.holds(channel, version)?.clone()),
            };
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
        self.writes.retain(|write| write.0 != thread);
        self.tags.retain(|(of, ..), _| of != thread);
        self.pruned.remove(thread);
        self.deleted
            .insert(thread.into(), made.into_iter().collect());
    }

    /// The target has what the source has, from now on on its own.
    pub(crate) fn copy(&mut self, source: &str, target: &str) -> Result<(), Refused> {
        let has = |thread: &str| {
            self.checkpoints
                .iter()
                .any(|kept| kept.put.thread == thread)
        };
        if !has(source) || has(target) {
            return Err(Refused);
        }
        // What was put to a thread without checkpoints does not mix with what is copied.
        self.writes.retain(|write| write.0 != target);
        self.tags.retain(|(of, ..), _| of != target);
        self.pruned.remove(target);
        let mut copies: Vec<Kept> = self.checkpoints.clone();
        copies.retain(|kept| kept.put.thread == source);
        copies
            .iter_mut()
            .for_each(|kept| kept.put.thread = target.into());
        self.checkpoints.extend(copies);
        let mut writes = self.writes.clone();
        writes.retain(|write| write.0 == source);
        writes.iter_mut().for_each(|write| write.0 = target.into());
        self.writes.extend(writes);
        let tags: Vec<_> = (self.tags.iter())
            .filter(|((of, ..), _)| of == source)
            .map(|((_, ns, name), id)| ((target.to_owned(), ns.clone(), name.clone()), id.clone()))
            .collect();
        self.tags.extend(tags);
        if let Some(pruned) = self.pruned.get(source).cloned() {
            self.pruned.insert(target.into(), pruned);
        }
        Ok(())
    }

    /// Removes all but the latest `n` of each namespace, and what is tagged. Tells how many went.
    pub(crate) fn keep_last(&mut self, thread: &str, n: usize) -> u64 {
        let mut gone = Vec::new();
        for namespace in ["0", "1"] {
            let of = |kept: &&Kept| kept.put.thread == thread && kept.put.namespace == namespace;
            let mut ids: Vec<_> = self.checkpoints.iter().filter(of).collect();
            ids.sort_by(|a, b| b.put.checkpoint.id.cmp(&a.put.checkpoint.id));
            for kept in ids.into_iter().skip(n) {
                let id = &kept.put.checkpoint.id;
                if !self.is_tagged(thread, namespace, id) {
                    gone.push((namespace, id.clone()));
                }
            }
        }
        let is_gone = |kept: &Kept| {
            let put = &kept.put;
            put.thread == thread
                && (gone.iter()).any(|(ns, id)| *ns == put.namespace && *id == put.checkpoint.id)
        };
        // Each range of neighbours that go takes the pending writes within it along.
        let goes = |namespace: &str, id: &String| {
            let of = |kept: &&Kept| kept.put.thread == thread && kept.put.namespace == namespace;
            let mut ids: Vec<_> = self.checkpoints.iter().filter(of).collect();
            ids.sort_by(|a, b| a.put.checkpoint.id.cmp(&b.put.checkpoint.id));
            let is_gone = |kept: &&Kept| {
                let id = &kept.put.checkpoint.id;
                gone.iter().any(|(ns, gone)| *ns == namespace && gone == id)
            };
            let ranges = ids.chunk_by(|a, b| is_gone(a) && is_gone(b));
            ranges.into_iter().any(|range| {
                let (first, last) = (range.first().unwrap(), range.last().unwrap());
                is_gone(first) && (&first.put.checkpoint.id..=&last.put.checkpoint.id).contains(&id)
            })
        };
        let mut writes = std::mem::take(&mut self.writes);
        writes.retain(|(of, ns, id, _)| of != thread || !goes(ns, id));
        self.writes = writes;
        // Those whose parent went are put again.
        let is_orphan = |kept: &Kept| {
            let put = &kept.put;
            let parent = put.parent_id.as_ref();
            put.thread == thread
                && (gone.iter()).any(|(ns, id)| *ns == put.namespace && Some(id) == parent)
        };
        self.checkpoints.retain(|kept| !is_gone(kept));
        let (mut again, others): (Vec<_>, Vec<_>) =
            self.checkpoints.drain(..).partition(|kept| is_orphan(kept));
        again.sort_by(|a, b| {
            let key = |kept: &Kept| (kept.put.namespace.clone(), kept.put.checkpoint.id.clone());
            key(a).cmp(&key(b))
        });
        self.checkpoints = others;
        self.checkpoints.extend(again);
        for (_, id) in &gone {
            let greatest = self.pruned.entry(thread.to_owned()).or_default();
            if id > greatest {
                greatest.clone_from(id);
            }
        }
        gone.len().try_into().unwrap()
    }

    pub(crate) fn tag(
        &mut self,
        thread: &str,
        namespace: &str,
        name: &str,
        id: &str,
    ) -> Result<(), Refused> {
        self.find(thread, namespace, id).ok_or(Refused)?;
        let key = (thread.to_owned(), namespace.to_owned(), name.to_owned());
        self.tags.insert(key, id.to_owned());
        Ok(())
    }

    pub(crate) fn untag(&mut self, thread: &str, namespace: &str, name: &str) {
        let key = (thread.to_owned(), namespace.to_owned(), name.to_owned());
        self.tags.remove(&key);
    }

    /// The tags of a thread: namespace, name, id.
    pub(crate) fn tags(&self, thread: &str) -> Vec<(String, String, String)> {
        (self.tags.iter())
            .filter(|((of, ..), _)| of == thread)
            .map(|((_, ns, name), id)| (ns.clone(), name.clone(), id.clone()))
            .collect()
    }

    fn is_tagged(&self, thread: &str, namespace: &str, id: &str) -> bool {
        (self.tags.iter())
            .any(|((t, n, _), of)| (t.as_str(), n.as_str(), of.as_str()) == (thread, namespace, id))
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

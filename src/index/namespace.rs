//! [`Namespace`]: the checkpoints and pending writes of one graph of a thread.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::codec::{CheckpointPut, WritesPut};
use crate::index::entry::{Channel, Entry, Header, Held};
use crate::index::names::{Name, Names};
use crate::version::ChannelVersion;

/// A checkpoint's pending writes, sorted by task id and index. Copied when one is added while a
/// reader holds it, so that a reader's view does not change.
pub(crate) type Writes<H> = Vec<Write<H>>;

/// A pending write.
#[derive(Clone, Debug)]
pub(crate) struct Write<H> {
    pub(crate) task_id: Arc<str>,
    pub(crate) index: i32,
    pub(crate) task_path: Arc<str>,
    pub(crate) channel: Name,
    pub(crate) value: H,
}

#[derive(Debug)]
pub(crate) struct Namespace<H> {
    /// By id; the greatest is the latest.
    pub(crate) checkpoints: BTreeMap<Arc<str>, Arc<Entry<H>>>,
    /// By checkpoint id, which may be of a checkpoint that has not come yet.
    pub(crate) writes: BTreeMap<Arc<str>, Arc<Writes<H>>>,
    /// What was last put as a channel's version, whichever checkpoint it came with: it resolves
    /// channels that a checkpoint's parent does not.
    by_version: HashMap<(Name, ChannelVersion), Held<H>>,
}

impl<H> Default for Namespace<H> {
    fn default() -> Self {
        Self {
            checkpoints: BTreeMap::new(),
            writes: BTreeMap::new(),
            by_version: HashMap::new(),
        }
    }
}

impl<H: Clone> Namespace<H> {
    pub(crate) fn put(&mut self, new: CheckpointPut<H>, names: &mut Names) {
        let mut changed = HashMap::with_capacity(new.changed.len());
        for change in new.changed {
            let name = names.share(&change.channel);
            let held = change.value.map_or(Held::Nothing, Held::Value);
            self.by_version
                .insert((Name::clone(&name), change.version.clone()), held.clone());
            changed.insert(name, (change.version, held));
        }
        let parent = new
            .parent_id
            .as_deref()
            .and_then(|id| self.checkpoints.get(id))
            .map(Arc::clone);
        let mut unchanged = new.unchanged;
        let channels = new
            .versions
            .into_iter()
            .map(|(channel, version)| {
                let name = names.share(&channel);
                let held = match changed.remove(&name) {
                    Some((changed, held)) if changed == version => held,
                    _ => self
                        .resolve(parent.as_deref(), &name, &version)
                        .or_else(|| {
                            let held = Held::Value(unchanged.remove(&channel)?);
                            self.by_version
                                .insert((Name::clone(&name), version.clone()), held.clone());
                            Some(held)
                        })
                        .unwrap_or(Held::Unknown),
                };
                Channel {
                    name,
                    version,
                    held,
                }
            })
            .collect();
        let header = Header {
            parent_id: new.parent_id,
            ts: new.ts,
            metadata: new.metadata,
            ancestors: new.ancestors,
            seen: new.seen,
            updated: new.updated,
        };
        let entry = Arc::new(Entry::new(header, channels, parent.as_deref(), names));
        self.checkpoints.insert(new.id.into(), entry);
    }

    /// What a channel that did not change holds: what the parent has, else the newest value that was
    /// put as this version.
    fn resolve(
        &self,
        parent: Option<&Entry<H>>,
        channel: &Name,
        version: &ChannelVersion,
    ) -> Option<Held<H>> {
        let inherited = parent.and_then(|parent| parent.held(channel, version));
        match inherited {
            Some(Held::Unknown) | None => self
                .by_version
                .get(&(Name::clone(channel), version.clone()))
                .cloned(),
            Some(held) => Some(held.clone()),
        }
    }

    /// Whether a checkpoint that is put with `parent_id` would find the unchanged `channel` without
    /// bringing its value.
    pub(crate) fn resolves(
        &self,
        parent_id: &str,
        channel: &str,
        version: &ChannelVersion,
    ) -> bool {
        self.checkpoints.get(parent_id).is_some_and(|parent| {
            matches!(
                parent.held(channel, version),
                Some(Held::Value(_) | Held::Nothing)
            ) || self
                .by_version
                .contains_key(&(Name::from(channel), version.clone()))
        })
    }

    pub(crate) fn put_writes(&mut self, new: WritesPut<H>, names: &mut Names) {
        let task_id: Arc<str> = new.task_id.into();
        let task_path: Arc<str> = new.task_path.into();
        let writes = self.writes.entry(new.checkpoint_id.into()).or_default();
        let writes = Arc::make_mut(writes);
        for write in new.writes {
            let place = writes.binary_search_by(|w| {
                (w.task_id.as_ref(), w.index).cmp(&(task_id.as_ref(), write.index))
            });
            if place.is_ok() && write.index >= 0 {
                continue;
            }
            let write = Write {
                task_id: Arc::clone(&task_id),
                index: write.index,
                task_path: Arc::clone(&task_path),
                channel: names.share(&write.channel),
                value: write.value,
            };
            match place {
                Ok(at) => writes.splice(at..=at, [write]).for_each(drop),
                Err(at) => writes.insert(at, write),
            }
        }
    }
}

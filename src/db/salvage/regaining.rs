//! [`Regaining`]: the versions of checkpoints that say how they differ from those of a parent that is lost.

use std::collections::{HashMap, VecDeque};
use std::iter;

use crate::codec::{CheckpointPut, Stored};
use crate::db::Place;
use crate::index::{Entry, Key, KnownVersions, MemTables, Row, Selection, Snapshot, TablesError};

/// A parent is looked for among so many checkpoints. A lost one differs little from those around it.
const TRIED: usize = 64;

/// What is known of the checkpoints that are kept without all of their versions, by their LSNs: their versions if the
/// lost ones changed nothing that was not changed again.
#[derive(Default)]
pub(super) struct Regaining {
    presumed: HashMap<u64, KnownVersions>,
}

/// What became of a checkpoint's versions.
pub(super) struct Regained {
    /// Whether they are those that it had. Their checksum tells.
    pub(super) is_all: bool,
    /// The channels that it seems to have had besides.
    pub(super) lost: Vec<String>,
}

impl Regaining {
    /// Makes the versions of a checkpoint whole that is the record `lsn`, as far as they are known.
    pub(super) fn regain(
        &mut self,
        snapshot: &Snapshot<Place, MemTables<Key, Row<Place>>>,
        put: &mut CheckpointPut<Stored>,
        lsn: u64,
    ) -> Result<Regained, TablesError> {
        let (thread, namespace) = (put.thread.as_str(), put.namespace.as_str());
        let parent = match &put.parent_id {
            Some(parent) => snapshot.entry(thread, namespace, parent)?,
            None => None,
        };
        let of_parent = |entry: &Entry<Place>| self.presumed.get(&entry.origin.lsn);
        let presumed_of_parent = parent.as_deref().and_then(of_parent).cloned();
        let known = match (&parent, &presumed_of_parent) {
            // What it still has is right.
            (Some(parent), Some(_)) => KnownVersions::from(&**parent),
            _ => KnownVersions::default(),
        };
        let mut tried: VecDeque<KnownVersions> = presumed_of_parent.into_iter().collect();
        let mut list = snapshot.clone().list(&Selection {
            thread: Some(thread),
            namespace: Some(namespace),
            before: None,
        })?;
        tried.extend(parent.as_deref().map(KnownVersions::from));
        let others = iter::from_fn(|| list.next(false, |_| true).transpose());
        for other in others.take(TRIED) {
            let other = other?;
            if *other.id != *put.id {
                let presumed = self.presumed.get(&other.entry.origin.lsn).cloned();
                tried.push_back(presumed.unwrap_or_else(|| (&*other.entry).into()));
            }
        }
        let mut likely = None;
        for base in tried {
            let (versions, is_all) = base.followed_by(put);
            if is_all {
                put.versions = versions.into();
                let lost = Vec::new();
                return Ok(Regained { is_all, lost });
            }
            likely.get_or_insert(versions);
        }
        let (known, _) = known.followed_by(put);
        let likely = likely.unwrap_or_default();
        let lost = likely.channels.keys();
        let lost = lost.filter(|channel| !known.channels.contains_key(*channel));
        let lost = lost.cloned().collect();
        put.versions = known.into();
        self.presumed.insert(lsn, likely);
        let is_all = false;
        Ok(Regained { is_all, lost })
    }
}

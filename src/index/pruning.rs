//! Checkpoints of a thread are removed.

use std::collections::BTreeSet;
use std::ops::Bound;
use std::sync::Arc;

use crate::codec::CheckpointsPruned;
use crate::index::chain::{Chain, Shown, after, after_checkpoints};
use crate::index::changes::Changes;
use crate::index::row::{Life, Origin, wrong};
use crate::index::tags::tagged;
use crate::index::{Key, Reason, Row, Rows, TablesError, Unapplied, threads};

pub(super) fn prune<H>(
    tables: &impl Rows<Key, Row<H>>,
    pruned: CheckpointsPruned,
    origin: Origin,
) -> Result<Changes<H>, Unapplied> {
    let key = Key::Thread(pruned.thread.as_str().into());
    let thread = threads::row(tables, &key)?;
    let Some(mut life) = (thread.life.clone()).filter(|life| life.lsn == pruned.as_of) else {
        return Err(Unapplied::refused(&pruned.thread, Reason::Changed));
    };
    let chain = Chain::of(tables, &life)?;
    let mut changes = Changes::default();
    life.changed(origin);
    for (namespace, ranges) in pruned.namespaces {
        let namespace: Arc<str> = namespace.into();
        let mut pruning = Pruning {
            tables,
            chain: &chain,
            kept: tagged(tables, &chain, &namespace)?,
            life: &mut life,
            changes: &mut changes,
        };
        match ranges {
            None => pruning.whole(&namespace)?,
            Some(ranges) => {
                for (from, to) in ranges {
                    pruning.range(&namespace, from.into(), to.into())?;
                }
            }
        }
    }
    changes.put(key, thread.with(life));
    Ok(changes)
}

struct Pruning<'p, H, T> {
    tables: &'p T,
    chain: &'p Chain,
    /// What has a tag stays.
    kept: BTreeSet<Arc<str>>,
    life: &'p mut Life,
    changes: &'p mut Changes<H>,
}

impl<H, T: Rows<Key, Row<H>>> Pruning<'_, H, T> {
    fn whole(&mut self, namespace: &Arc<str>) -> Result<(), TablesError> {
        let first = Key::Checkpoint(self.chain.own(), Arc::clone(namespace), Arc::default());
        let end = after_checkpoints(self.chain.own(), namespace);
        let removed = self.checkpoints(first, Bound::Excluded(&end))?;
        self.writes(namespace, &removed)
    }

    /// Removes the checkpoints whose ids are neither smaller than `from` nor greater than `to`.
    fn range(
        &mut self,
        namespace: &Arc<str>,
        from: Arc<str>,
        to: Arc<str>,
    ) -> Result<(), TablesError> {
        let id = |id| Key::Checkpoint(self.chain.own(), Arc::clone(namespace), id);
        let (first, last) = (id(from), id(to));
        let removed = self.checkpoints(first, Bound::Included(&last))?;
        self.writes(namespace, &removed)
    }

    /// Removes checkpoints and tells which, in the order of their ids.
    fn checkpoints(
        &mut self,
        first: Key,
        end: Bound<&Key>,
    ) -> Result<BTreeSet<Arc<str>>, TablesError> {
        let mut removed = BTreeSet::new();
        let mut from = Bound::Included(first);
        while let Some(shown) = self.chain.next(self.tables, from.as_ref(), end)? {
            let Key::Checkpoint(_, _, id) = &shown.key else {
                return Err(wrong());
            };
            if !self.kept.contains(id) {
                removed.insert(Arc::clone(id));
                self.remove(&shown)?;
            }
            from = Bound::Excluded(shown.key);
        }
        let count = u64::try_from(removed.len()).unwrap_or(u64::MAX);
        self.life.checkpoints = self.life.checkpoints.saturating_sub(count);
        let greatest = removed.last().cloned();
        self.life.pruned = self.life.pruned.take().max(greatest);
        Ok(removed)
    }

    /// Removes the pending writes of checkpoints. Those of checkpoints that have not come yet stay.
    fn writes(&mut self, namespace: &Arc<str>, of: &BTreeSet<Arc<str>>) -> Result<(), TablesError> {
        let (Some(first), Some(last)) = (of.first(), of.last()) else {
            return Ok(());
        };
        let own = self.chain.own();
        let writes = |id| Key::Writes(own, Arc::clone(namespace), id, Arc::default());
        let mut from = Bound::Included(writes(Arc::clone(first)));
        let end = writes(after(last));
        while let Some(shown) =
            (self.chain).next(self.tables, from.as_ref(), Bound::Excluded(&end))?
        {
            let Key::Writes(_, _, id, _) = &shown.key else {
                return Err(wrong());
            };
            if of.contains(id) {
                self.remove(&shown)?;
            }
            from = Bound::Excluded(shown.key);
        }
        Ok(())
    }

    fn remove(&mut self, shown: &Shown<H>) -> Result<(), TablesError> {
        let removal = self.chain.removal(self.tables, shown)?;
        self.changes.set(shown.key.clone(), removal);
        if shown.own {
            self.life.died(shown.row.origins(), self.changes);
        }
        Ok(())
    }
}

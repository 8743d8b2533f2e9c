//! Checkpoints of a thread are removed.

use std::collections::BTreeSet;
use std::ops::Bound;
use std::sync::Arc;

use crate::codec::CheckpointsPruned;
use crate::index::burying::Burying;
use crate::index::chain::{Chain, Shown, after, after_checkpoints};
use crate::index::changes::Changes;
use crate::index::row::{Life, Origin, wrong};
use crate::index::tags::tagged;
use crate::index::{Key, Reason, Row, Rows, TablesError, Unapplied, threads};

/// Removes checkpoints; without asking as of when it was planned if it is `sure` that this is right.
pub(super) fn prune<H>(
    tables: &impl Rows<Key, Row<H>>,
    pruned: &CheckpointsPruned,
    origin: Origin,
    sure: bool,
) -> Result<Changes<H>, Unapplied> {
    let key = Key::Thread(pruned.thread.as_str().into());
    let thread = threads::row(tables, &key)?;
    let Some(mut life) = (thread.life.clone()).filter(|life| sure || life.lsn == pruned.as_of)
    else {
        if sure {
            return Ok(Changes::default());
        }
        return Err(Unapplied::refused(&pruned.thread, Reason::Changed));
    };
    let chain = Chain::of(tables, &life)?;
    let mut changes = Changes::default();
    let mut burying = Burying::of(&chain);
    let mut hides = false;
    life.changed(origin);
    for (namespace, ranges) in &pruned.namespaces {
        let namespace: Arc<str> = namespace.as_str().into();
        let mut pruning = Pruning {
            tables,
            chain: &chain,
            kept: tagged(tables, &chain, &namespace)?,
            life: &mut life,
            burying: &mut burying,
            hides: &mut hides,
            changes: &mut changes,
        };
        match ranges {
            None => pruning.whole(&namespace)?,
            Some(ranges) => {
                let mut last: Option<&String> = None;
                for (from, to) in ranges {
                    // No checkpoint may go twice.
                    if from <= to && last.is_none_or(|last| last < from) {
                        pruning.range(&namespace, from.as_str().into(), to.as_str().into())?;
                        last = last.max(Some(to));
                    }
                }
            }
        }
    }
    if hides {
        burying.note(&mut changes);
    }
    changes.put(key, thread.with(life));
    Ok(changes)
}

/// What a prune would change that was planned just now.
pub(super) fn prune_planned<H>(
    tables: &impl Rows<Key, Row<H>>,
    pruned: &CheckpointsPruned,
) -> Result<Changes<H>, TablesError> {
    let origin = Origin {
        lsn: u64::MAX,
        segment: 0,
        bytes: 0,
    };
    prune(tables, pruned, origin, true).map_err(|unapplied| match unapplied {
        Unapplied::Tables(error) => error,
        Unapplied::Refused(_) => wrong(),
    })
}

struct Pruning<'p, H, T> {
    tables: &'p T,
    chain: &'p Chain,
    /// What has a tag stays.
    kept: BTreeSet<Arc<str>>,
    life: &'p mut Life,
    burying: &'p mut Burying,
    /// Whether something in older branches had to be hidden.
    hides: &'p mut bool,
    changes: &'p mut Changes<H>,
}

impl<H, T: Rows<Key, Row<H>>> Pruning<'_, H, T> {
    fn whole(&mut self, namespace: &Arc<str>) -> Result<(), TablesError> {
        let first = Key::Checkpoint(self.chain.own(), Arc::clone(namespace), Arc::default());
        let end = after_checkpoints(self.chain.own(), namespace);
        self.checkpoints(first, Bound::Excluded(&end))?;
        let writes =
            |namespace| Key::Writes(self.chain.own(), namespace, Arc::default(), Arc::default());
        let (first, end) = (writes(Arc::clone(namespace)), writes(after(namespace)));
        self.writes(first, &end)
    }

    /// Removes the checkpoints whose ids are neither smaller than `from` nor greater than `to`.
    fn range(
        &mut self,
        namespace: &Arc<str>,
        from: Arc<str>,
        to: Arc<str>,
    ) -> Result<(), TablesError> {
        let own = self.chain.own();
        let id = |id| Key::Checkpoint(own, Arc::clone(namespace), id);
        let (first, last) = (id(Arc::clone(&from)), id(Arc::clone(&to)));
        self.checkpoints(first, Bound::Included(&last))?;
        let writes = |id| Key::Writes(own, Arc::clone(namespace), id, Arc::default());
        self.writes(writes(from), &writes(after(&to)))
    }

    /// Removes checkpoints.
    fn checkpoints(&mut self, first: Key, end: Bound<&Key>) -> Result<(), TablesError> {
        let mut from = Bound::Included(first);
        while let Some(shown) = self.chain.next(self.tables, from.as_ref(), end)? {
            let Key::Checkpoint(_, _, id) = &shown.key else {
                return Err(wrong());
            };
            if !self.kept.contains(id) {
                self.life.checkpoints = self.life.checkpoints.saturating_sub(1);
                self.life.pruned = self.life.pruned.take().max(Some(Arc::clone(id)));
                self.remove(&shown)?;
            }
            from = Bound::Excluded(shown.key);
        }
        Ok(())
    }

    /// Removes pending writes, whether or not their checkpoints were there: that might be told otherwise when the log is
    /// replayed.
    fn writes(&mut self, first: Key, end: &Key) -> Result<(), TablesError> {
        let mut from = Bound::Included(first);
        while let Some(shown) =
            (self.chain).next(self.tables, from.as_ref(), Bound::Excluded(end))?
        {
            let Key::Writes(_, _, id, _) = &shown.key else {
                return Err(wrong());
            };
            if !self.kept.contains(id) {
                self.remove(&shown)?;
            }
            from = Bound::Excluded(shown.key);
        }
        Ok(())
    }

    fn remove(&mut self, shown: &Shown<H>) -> Result<(), TablesError> {
        let shows = self.burying.bury(self.tables, &shown.key, self.changes)?;
        *self.hides |= shows;
        let removal = shows.then(|| shown.row.hiding()).flatten();
        self.changes.set(shown.key.clone(), removal);
        if shown.own {
            self.life.died(shown.row.origins(), self.changes);
        } else {
            self.life.lost(shown.row.origins());
        }
        Ok(())
    }
}

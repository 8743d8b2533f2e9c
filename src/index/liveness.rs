//! What the rows need of the log.

use std::collections::HashMap;
use std::ops::{Bound, ControlFlow};
use std::sync::Arc;

use crate::index::item_history::{HistoryRules, behind_past, first_past};
use crate::index::key::Branch;
use crate::index::row::wrong;
use crate::index::{Entry, Key, Row, Rows, SegmentUse, Snapshot, TablesError};

/// What a row needs of the log.
pub(crate) enum Needed<'r, H> {
    /// The record with this LSN.
    Record(u64),
    /// The value with this handle.
    Value(&'r H),
    /// The record with this LSN, a checkpoint of this branch, in a form that says all that it holds: what it takes from others
    /// may not be found again when the log is replayed.
    Standalone(u64, Branch),
}

/// Goes through the rows.
struct Walk<'w, H, T> {
    tables: &'w T,
    /// Of threads that were copied, the branch that their own one has inherited.
    ancestors: HashMap<Branch, Branch>,
    /// From here on it is told of records that are to be standalone.
    from_lsn: u64,
    with: &'w mut dyn FnMut(Needed<'_, H>),
    /// Called for each row. It may end the walk.
    go_on: &'w mut dyn FnMut() -> ControlFlow<()>,
}

impl<H: Clone, T: Rows<Key, Row<H>>> Snapshot<H, T> {
    /// Tells `with` what of the log is needed by rows that can be looked up. Of the records below `from_lsn` it is not
    /// told whether they are to be standalone. `go_on` is called for each row and may end it; whether it came to its end.
    pub(crate) fn needed(
        &self,
        from_lsn: u64,
        with: &mut dyn FnMut(Needed<'_, H>),
        go_on: &mut dyn FnMut() -> ControlFlow<()>,
    ) -> Result<ControlFlow<()>, TablesError> {
        let mut ancestors = HashMap::new();
        let mut after = None;
        while let Some(thread) = self.next_thread(after.as_deref())? {
            if let Some(ancestor) = thread.life.ancestor {
                ancestors.insert(thread.life.branch, ancestor);
            }
            after = Some(thread.name.to_string());
            if go_on().is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        let mut walk = Walk {
            tables: self.tables(),
            ancestors,
            from_lsn,
            with,
            go_on,
        };
        for part in [Walk::checkpoints, Walk::writes, Walk::items, Walk::past] {
            if part(&mut walk)?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    /// How much of each segment is of use, as far as anything is noted, by the segment's base.
    pub(crate) fn segments(&self) -> Result<Vec<(u64, SegmentUse)>, TablesError> {
        let mut segments = Vec::new();
        let mut from = Bound::Included(Key::Segment(0));
        let end = Bound::Included(&Key::Segment(u64::MAX));
        while let Some((key, row)) = self.tables().next(from.as_ref(), end)? {
            let (Key::Segment(base), Row::Segment(used)) = (&key, row) else {
                return Err(wrong());
            };
            segments.push((*base, used));
            from = Bound::Excluded(key);
        }
        Ok(segments)
    }

    /// The records of the log that were not taken, each time from the first of a frame that was not to the frame's end, by LSN.
    pub(crate) fn refused(&self) -> Result<Vec<(u64, u64)>, TablesError> {
        let mut refused = Vec::new();
        let mut from = Bound::Included(Key::Refused(0));
        let end = Bound::Included(&Key::Refused(u64::MAX));
        while let Some((key, row)) = self.tables().next(from.as_ref(), end)? {
            let (Key::Refused(lsn), Row::Refused(end)) = (&key, row) else {
                return Err(wrong());
            };
            refused.push((*lsn, end));
            from = Bound::Excluded(key);
        }
        Ok(refused)
    }

    /// A checkpoint of a branch.
    pub(crate) fn of_branch(
        &self,
        branch: Branch,
        namespace: &str,
        id: &str,
    ) -> Result<Option<Arc<Entry<H>>>, TablesError> {
        let key = Key::Checkpoint(branch, namespace.into(), id.into());
        self.tables().get(&key)?.map_or(Ok(None), Row::checkpoint)
    }
}

impl<H: Clone, T: Rows<Key, Row<H>>> Walk<'_, H, T> {
    fn checkpoints(&mut self) -> Result<ControlFlow<()>, TablesError> {
        let none = Arc::<str>::default;
        let first = |branch| Key::Checkpoint(branch, none(), none());
        let mut from = Bound::Included(first(0));
        let end = Key::Writes(0, none(), none(), none());
        let mut branches: Vec<Branch> = Vec::new();
        let mut before: Option<(Key, u64)> = None;
        while let Some((key, row)) = self.tables.next(from.as_ref(), Bound::Excluded(&end))? {
            let Key::Checkpoint(branch, namespace, _) = &key else {
                return Err(wrong());
            };
            if branches.first() != Some(branch) {
                if self.tables.get(&Key::Dropped(*branch))?.is_some() {
                    from = Bound::Included(first(branch.saturating_add(1)));
                    continue;
                }
                branches = self.chain(*branch)?;
            }
            if let Some(entry) = row.checkpoint()? {
                let lsn = entry.origin.lsn;
                (self.with)(Needed::Record(lsn));
                entry
                    .values()
                    .for_each(|value| (self.with)(Needed::Value(value)));
                if lsn >= self.from_lsn && !entry.standalone {
                    let parent = entry.parent_id.as_deref();
                    let parent =
                        parent.map(|id| Key::Checkpoint(*branch, Arc::clone(namespace), id.into()));
                    let found = match (&parent, &before) {
                        (Some(parent), Some((key, lsn))) if parent == key => Some(*lsn),
                        (Some(parent), _) => self.shown(parent, &branches)?,
                        (None, _) => Some(0),
                    };
                    // One that took the place of its own parent shows as that.
                    if entry.scanned || found.is_none_or(|parent| parent >= lsn) {
                        (self.with)(Needed::Standalone(lsn, *branch));
                    }
                }
                before = Some((key.clone(), lsn));
            }
            from = Bound::Excluded(key);
            if (self.go_on)().is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    /// The LSN of a checkpoint's record, if it shows in a chain of branches.
    fn shown(&self, key: &Key, branches: &[Branch]) -> Result<Option<u64>, TablesError> {
        for branch in branches {
            if let Some(row) = self.tables.get(&key.in_branch(*branch))? {
                return Ok(row.checkpoint()?.map(|entry| entry.origin.lsn));
            }
        }
        Ok(None)
    }

    /// A branch and those that it has inherited.
    fn chain(&self, branch: Branch) -> Result<Vec<Branch>, TablesError> {
        let mut branches = vec![branch];
        let mut last = branch;
        loop {
            let ancestor = match self.tables.get(&Key::Frozen(last))? {
                Some(row) => row.frozen()?.ancestor,
                None => self.ancestors.get(&last).copied(),
            };
            // A branch is older than its heirs; in a damaged map it may not be.
            match ancestor.filter(|older| *older < last) {
                Some(older) => branches.push(older),
                None => return Ok(branches),
            }
            last = branches.last().copied().unwrap_or_default();
        }
    }

    fn writes(&mut self) -> Result<ControlFlow<()>, TablesError> {
        let none = Arc::<str>::default;
        let first = |branch| Key::Writes(branch, none(), none(), none());
        let mut from = Bound::Included(first(0));
        let end = Key::Tag(0, none(), none());
        let mut last = None;
        while let Some((key, row)) = self.tables.next(from.as_ref(), Bound::Excluded(&end))? {
            let Key::Writes(branch, ..) = &key else {
                return Err(wrong());
            };
            if last != Some(*branch) {
                if self.tables.get(&Key::Dropped(*branch))?.is_some() {
                    from = Bound::Included(first(branch.saturating_add(1)));
                    continue;
                }
                last = Some(*branch);
            }
            if let Some(writes) = row.writes()? {
                for write in &writes.writes {
                    (self.with)(Needed::Record(write.origin.lsn));
                    (self.with)(Needed::Value(&write.value));
                }
            }
            from = Bound::Excluded(key);
            if (self.go_on)().is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    /// What items were, as far as it is not to be forgotten.
    fn past(&mut self) -> Result<ControlFlow<()>, TablesError> {
        let history = HistoryRules::read(self.tables)?;
        let mut from = Bound::Included(first_past(&[]));
        let behind = behind_past();
        while let Some((key, row)) = self.tables.next(from.as_ref(), Bound::Excluded(&behind))? {
            let past = row.past()?;
            if history.shows(&past) {
                (past.item.origins()).for_each(|origin| (self.with)(Needed::Record(origin.lsn)));
                (self.with)(Needed::Value(&past.item.value));
                let vectors = past.item.vectors.iter();
                vectors.for_each(|vectors| (self.with)(Needed::Value(vectors)));
            }
            from = Bound::Excluded(key);
            if (self.go_on)().is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    fn items(&mut self) -> Result<ControlFlow<()>, TablesError> {
        let mut from = Bound::Included(Key::Item(Arc::default(), Arc::default()));
        let behind = Key::behind_items();
        let end = Bound::Excluded(&behind);
        while let Some((key, row)) = self.tables.next(from.as_ref(), end)? {
            let item = row.item()?;
            (item.origins()).for_each(|origin| (self.with)(Needed::Record(origin.lsn)));
            (self.with)(Needed::Value(&item.value));
            (item.vectors.iter()).for_each(|vectors| (self.with)(Needed::Value(vectors)));
            from = Bound::Excluded(key);
            if (self.go_on)().is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }
}

//! [`Chain`]: a branch seen together with those that it has inherited.

use std::ops::Bound;
use std::sync::Arc;

use crate::index::id::made_at;
use crate::index::key::Branch;
use crate::index::row::{Life, wrong};
use crate::index::{Entry, Key, Row, Rows, TablesError};

/// A branch and its ancestors, newest first. What a newer one says hides what older ones say.
#[derive(Clone, Debug)]
pub(super) struct Chain {
    own: Branch,
    ancestors: Vec<Branch>,
    /// See [`Life::written_to`].
    written_to: u64,
}

/// A row that shows in a chain.
pub(super) struct Shown<H> {
    /// Its key in the chain's own branch.
    pub(super) key: Key,
    pub(super) row: Row<H>,
    /// Whether it is its own branch's.
    pub(super) own: bool,
}

/// A checkpoint's id and what is known of it.
pub(super) type Checkpoint<H> = (Arc<str>, Arc<Entry<H>>);

/// The key after all checkpoints of a namespace.
pub(super) fn after_checkpoints(branch: Branch, namespace: &str) -> Key {
    Key::Checkpoint(branch, after(namespace), Arc::default())
}

/// The text that comes right after `text`.
pub(super) fn after(text: &str) -> Arc<str> {
    let mut next = String::with_capacity(text.len() + 1);
    next.push_str(text);
    next.push('\0');
    next.into()
}

/// A frozen branch and those that it has inherited, newest first.
pub(super) fn lineage<H>(
    tables: &impl Rows<Key, Row<H>>,
    branch: Branch,
) -> Result<Vec<Branch>, TablesError> {
    let mut branches = Vec::new();
    let mut next = Some(branch);
    while let Some(branch) = next {
        branches.push(branch);
        let row = tables.get(&Key::Frozen(branch))?.ok_or_else(wrong)?;
        // A branch is older than its heirs; in a damaged map it may not be.
        next = row.frozen()?.ancestor.filter(|older| *older < branch);
    }
    Ok(branches)
}

impl Chain {
    pub(super) fn of<H>(tables: &impl Rows<Key, Row<H>>, life: &Life) -> Result<Self, TablesError> {
        Ok(Self {
            own: life.branch,
            ancestors: match life.ancestor {
                Some(ancestor) => lineage(tables, ancestor)?,
                None => Vec::new(),
            },
            written_to: life.written_to,
        })
    }

    /// Whether writes may have been put to this checkpoint. It need not be looked for what there cannot be: the newest
    /// checkpoint of a run that ended has none.
    pub(super) fn may_have_writes(&self, checkpoint: &str) -> bool {
        made_at(checkpoint).is_none_or(|at| at <= self.written_to)
    }

    /// The branch into which is put.
    pub(super) fn own(&self) -> Branch {
        self.own
    }

    /// The branches that it has inherited, newest first.
    pub(super) fn ancestors(&self) -> &[Branch] {
        &self.ancestors
    }

    fn branches(&self) -> impl Iterator<Item = Branch> {
        std::iter::once(self.own).chain(self.ancestors.iter().copied())
    }

    /// The row with this key in the own branch, or the newest of the ancestors'.
    pub(super) fn get<H>(
        &self,
        tables: &impl Rows<Key, Row<H>>,
        key: &Key,
    ) -> Result<Option<Shown<H>>, TablesError> {
        let found = self.row(tables, key)?;
        Ok(found.map(|(row, own)| Shown {
            key: key.clone(),
            row,
            own,
        }))
    }

    /// That row, and whether it is the own branch's.
    fn row<H>(
        &self,
        tables: &impl Rows<Key, Row<H>>,
        key: &Key,
    ) -> Result<Option<(Row<H>, bool)>, TablesError> {
        for branch in self.branches() {
            let own = branch == self.own;
            let row = if own {
                tables.get(key)?
            } else {
                tables.get(&key.in_branch(branch))?
            };
            if let Some(row) = row {
                return Ok((!row.hides()).then_some((row, own)));
            }
        }
        Ok(None)
    }

    /// What is to be put in the place of a row that shows, so that nothing shows.
    pub(super) fn removal<H>(
        &self,
        tables: &impl Rows<Key, Row<H>>,
        shown: &Shown<H>,
    ) -> Result<Option<Row<H>>, TablesError> {
        let hidden = shown.row.hiding().ok_or_else(wrong)?;
        if !shown.own {
            return Ok(Some(hidden));
        }
        for branch in &self.ancestors {
            if let Some(row) = tables.get(&shown.key.in_branch(*branch))? {
                return Ok((!row.hides()).then_some(hidden));
            }
        }
        Ok(None)
    }

    /// The checkpoint with this id.
    pub(super) fn checkpoint<H>(
        &self,
        tables: &impl Rows<Key, Row<H>>,
        namespace: &Arc<str>,
        id: &Arc<str>,
    ) -> Result<Option<Arc<Entry<H>>>, TablesError> {
        let key = Key::Checkpoint(self.own, Arc::clone(namespace), Arc::clone(id));
        let found = self.row(tables, &key)?;
        found.map_or(Ok(None), |(row, _)| row.checkpoint())
    }

    /// The first row that shows between two keys of the own branch.
    pub(super) fn next<H>(
        &self,
        tables: &impl Rows<Key, Row<H>>,
        after: Bound<&Key>,
        end: Bound<&Key>,
    ) -> Result<Option<Shown<H>>, TablesError> {
        let mut after = after.cloned();
        loop {
            let mut best: Option<Shown<H>> = None;
            for branch in self.branches() {
                let found = if branch == self.own {
                    tables.next(after.as_ref(), end)?
                } else {
                    tables.next(
                        in_branch(after.as_ref(), self.own, branch).as_ref(),
                        in_branch(end, self.own, branch).as_ref(),
                    )?
                };
                if let Some((key, row)) = found {
                    let key = key.in_branch(self.own);
                    let own = branch == self.own;
                    if best.as_ref().is_none_or(|best| key < best.key) {
                        best = Some(Shown { key, row, own });
                    }
                }
            }
            match best {
                Some(best) if best.row.hides() => after = Bound::Excluded(best.key),
                best => return Ok(best),
            }
        }
    }

    /// The last row that shows between two keys of the own branch.
    pub(super) fn previous<H>(
        &self,
        tables: &impl Rows<Key, Row<H>>,
        start: Bound<&Key>,
        before: Bound<&Key>,
    ) -> Result<Option<Shown<H>>, TablesError> {
        let mut before = before.cloned();
        loop {
            let mut best: Option<Shown<H>> = None;
            for branch in self.branches() {
                let found = if branch == self.own {
                    tables.previous(start, before.as_ref())?
                } else {
                    tables.previous(
                        in_branch(start, self.own, branch).as_ref(),
                        in_branch(before.as_ref(), self.own, branch).as_ref(),
                    )?
                };
                if let Some((key, row)) = found {
                    let key = key.in_branch(self.own);
                    let own = branch == self.own;
                    if best.as_ref().is_none_or(|best| key > best.key) {
                        best = Some(Shown { key, row, own });
                    }
                }
            }
            match best {
                Some(best) if best.row.hides() => before = Bound::Excluded(best.key),
                best => return Ok(best),
            }
        }
    }

    /// The newest checkpoint of a namespace whose id is before `before`.
    pub(super) fn newest<H>(
        &self,
        tables: &impl Rows<Key, Row<H>>,
        namespace: &Arc<str>,
        before: Option<&Arc<str>>,
    ) -> Result<Option<Checkpoint<H>>, TablesError> {
        let start = Key::Checkpoint(self.own, Arc::clone(namespace), Arc::default());
        let before = match before {
            Some(id) => Key::Checkpoint(self.own, Arc::clone(namespace), Arc::clone(id)),
            None => after_checkpoints(self.own, namespace),
        };
        let found = self.previous(tables, Bound::Included(&start), Bound::Excluded(&before))?;
        match found {
            None => Ok(None),
            Some(Shown { key, row, .. }) => match (key, row) {
                (Key::Checkpoint(_, _, id), Row::Checkpoint(Some(entry))) => Ok(Some((id, entry))),
                _ => Err(wrong()),
            },
        }
    }
}

/// A bound of the branch `own`, which may be the start of the next one, as a bound of `branch`.
fn in_branch(bound: Bound<&Key>, own: Branch, branch: Branch) -> Bound<Key> {
    bound.map(|key| {
        let beyond = key.branch().is_some_and(|of| of > own);
        key.in_branch(branch.saturating_add(u64::from(beyond)))
    })
}

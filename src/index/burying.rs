//! Removing rows of inherited branches that nobody sees any more.
//!
//! A row of a frozen branch is seen by those that have inherited it, unless each of them has, at the same key, a row of its own
//! or one that hides it.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::ops::Bound;

use crate::index::chain::{Chain, lineage};
use crate::index::changes::Changes;
use crate::index::key::Branch;
use crate::index::merging::tables_of;
use crate::index::row::wrong;
use crate::index::{Key, Row, Rows, TablesError};

/// So many heirs are looked at for a row. With more, the row stays.
const MOST_HEIRS: usize = 16;

/// A branch that has inherited another.
#[derive(Clone, Copy, Debug)]
struct Heir {
    branch: Branch,
    /// Whether it may have rows in the place of ones that it has inherited.
    is_over: bool,
}

/// Removes rows that nobody sees any more.
pub(super) struct Burying {
    /// The branch of the thread that sees none of the rows that are given.
    own: Option<Branch>,
    /// The branches in which rows may go, newest first.
    inherited: Vec<Branch>,
    /// What was found out about branches; `None`: it is not known who sees all of what they have.
    heirs: HashMap<Branch, Option<Vec<Heir>>>,
}

impl Burying {
    /// What is beneath a thread's own branch.
    pub(super) fn of(chain: &Chain) -> Self {
        Self {
            own: Some(chain.own()),
            inherited: chain.ancestors().to_vec(),
            heirs: HashMap::new(),
        }
    }

    /// Removes the inherited rows at `key` that nobody sees. Whether what is left would show.
    pub(super) fn bury<H>(
        &mut self,
        tables: &impl Rows<Key, Row<H>>,
        key: &Key,
        changes: &mut Changes<H>,
    ) -> Result<bool, TablesError> {
        let mut pointless = Vec::new();
        let mut shows = false;
        for position in 0.. {
            let Some(branch) = self.inherited.get(position).copied() else {
                break;
            };
            let key = key.in_branch(branch);
            let Some(row) = tables.get(&key)? else {
                continue;
            };
            let Some(hiding) = self.hiding(tables, branch, &key)? else {
                shows = !row.hides();
                break;
            };
            pointless.extend(hiding);
            changes.died(row.origins());
            changes.set(key, None);
        }
        if !shows {
            for branch in pointless {
                changes.set(key.in_branch(branch), None);
            }
        }
        Ok(shows)
    }

    /// Takes note that the thread's branch has something in the place of what it has inherited.
    pub(super) fn note<H>(&self, changes: &mut Changes<H>) {
        if let (Some(own), Some(branch)) = (self.own, self.inherited.first()) {
            changes.put(Key::Heir(*branch, own), Row::Heir(true));
        }
    }

    /// If nobody sees the row of `branch` at `key`: the branches that only hide it.
    fn hiding<H>(
        &mut self,
        tables: &impl Rows<Key, Row<H>>,
        branch: Branch,
        key: &Key,
    ) -> Result<Option<Vec<Branch>>, TablesError> {
        let mut hiding = Vec::new();
        let Some(heirs) = self.heirs(tables, branch)? else {
            return Ok(None);
        };
        let mut left = heirs.to_vec();
        let mut looked_at = 0;
        while let Some(heir) = left.pop() {
            looked_at += 1;
            if looked_at > MOST_HEIRS {
                return Ok(None);
            }
            if Some(heir.branch) == self.own {
                continue;
            }
            let row = match heir.is_over {
                true => tables.get(&key.in_branch(heir.branch))?,
                false => None,
            };
            match row {
                // What was inherited of a task's writes is among what takes their place.
                Some(Row::Writes(Some(_))) => return Ok(None),
                Some(row) if row.hides() => hiding.push(heir.branch),
                Some(_) => {}
                None => match self.heirs(tables, heir.branch)? {
                    Some(heirs) => left.extend(heirs),
                    None => return Ok(None),
                },
            }
        }
        Ok(Some(hiding))
    }

    /// The heirs of a branch, if they are few and all known.
    fn heirs<H>(
        &mut self,
        tables: &impl Rows<Key, Row<H>>,
        branch: Branch,
    ) -> Result<Option<&[Heir]>, TablesError> {
        let heirs = match self.heirs.entry(branch) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(unknown) => unknown.insert(known_heirs(tables, branch)?),
        };
        Ok(heirs.as_deref())
    }

    /// Whether there may be rows of `branch` that nobody sees.
    fn may_hide<H>(
        &mut self,
        tables: &impl Rows<Key, Row<H>>,
        branch: Branch,
    ) -> Result<bool, TablesError> {
        let Some(heirs) = self.heirs(tables, branch)? else {
            return Ok(false);
        };
        let mut left = heirs.to_vec();
        let mut looked_at = 0;
        while let Some(heir) = left.pop() {
            looked_at += 1;
            if looked_at > MOST_HEIRS {
                return Ok(false);
            }
            if heir.is_over {
                continue;
            }
            match self.heirs(tables, heir.branch)? {
                Some(heirs) => left.extend(heirs),
                None => return Ok(false),
            }
        }
        Ok(true)
    }
}

/// The heirs of a branch, if it is frozen, and they are few and all known. Of a merged branch they are not: its rows are those of
/// others, too.
fn known_heirs<H>(
    tables: &impl Rows<Key, Row<H>>,
    branch: Branch,
) -> Result<Option<Vec<Heir>>, TablesError> {
    let Some(row) = tables.get(&Key::Frozen(branch))? else {
        return Ok(None);
    };
    let frozen = row.frozen()?;
    let expected = usize::try_from(frozen.heirs).unwrap_or(usize::MAX);
    if frozen.merged_from.is_some() || expected > MOST_HEIRS {
        return Ok(None);
    }
    let mut heirs = Vec::new();
    let mut from = Bound::Included(Key::Heir(branch, 0));
    let end = Key::Heir(branch, u64::MAX);
    while let Some((key, row)) = tables.next(from.as_ref(), Bound::Included(&end))? {
        let (Key::Heir(_, heir), Row::Heir(is_over)) = (&key, row) else {
            return Err(wrong());
        };
        // An heir is newer; in a damaged map it may not be.
        if *heir > branch {
            heirs.push(Heir {
                branch: *heir,
                is_over,
            });
        }
        from = Bound::Excluded(key);
    }
    // A branch that was merged from it is no heir that can be asked.
    Ok((heirs.len() == expected).then_some(heirs))
}

/// Looks at up to `limit` rows of a frozen branch, from `from` on, and removes those that nobody sees.
pub(super) fn fold<H>(
    tables: &impl Rows<Key, Row<H>>,
    branch: Branch,
    from: Option<&Key>,
    limit: usize,
    changes: &mut Changes<H>,
) -> Result<(), TablesError> {
    changes.set(Key::Folding(branch), None);
    let Some(frozen) = tables.get(&Key::Frozen(branch))? else {
        return Ok(());
    };
    let mut burying = Burying {
        own: None,
        inherited: lineage(tables, branch)?,
        heirs: HashMap::new(),
    };
    let mut looked_at = 0;
    if burying.may_hide(tables, branch)? {
        let [checkpoints, writes, _] = tables_of(branch);
        for (start, end) in [checkpoints, writes] {
            let start = from.cloned().map_or(start.clone(), |from| start.max(from));
            if start >= end {
                continue;
            }
            let mut next = Bound::Included(start);
            while let Some((key, _)) = tables.next(next.as_ref(), Bound::Excluded(&end))? {
                if looked_at >= limit.max(1) {
                    let from = Row::Folding(Some(Box::new(key)));
                    changes.put(Key::Folding(branch), from);
                    return Ok(());
                }
                looked_at += 1;
                burying.bury(tables, &key, changes)?;
                next = Bound::Excluded(key);
            }
        }
    }
    // Its heirs may have hidden what it has inherited.
    if let Some(ancestor) = frozen.frozen()?.ancestor.filter(|older| *older < branch) {
        changes.put(Key::Folding(ancestor), Row::Folding(None));
    }
    Ok(())
}

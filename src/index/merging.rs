//! Merging frozen branches, so that the chains of copies of copies stay short.
//!
//! Each time that 32 branches of about the same size follow one another, a branch of their rows takes their place for whoever is copied
//! from then on. They stay, as others see them; the rows are shared, and only their keys are another time in the index.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use crate::index::changes::Changes;
use crate::index::key::Branch;
use crate::index::row::{FrozenRow, wrong};
use crate::index::{Key, Row, Rows, TablesError};

/// How many branches are merged. A look-up visits fewer of each size.
const RUN: usize = 32;

/// How many rows are merged at most: those of longer branches are many for each branch that a look-up visits.
const MOST_ROWS: usize = 4096;

/// Puts the rows of the frozen branches from `top` on into the branch `merged`, if there are as many as are to be merged, and tells of
/// it. `top` is not in the tables yet: its ancestor is `ancestor`.
pub(super) fn merge<H: Clone>(
    tables: &impl Rows<Key, Row<H>>,
    top: Branch,
    ancestor: Option<Branch>,
    merged: Branch,
    changes: &mut Changes<H>,
) -> Result<Option<FrozenRow>, TablesError> {
    let chain = chain(tables, top, ancestor)?;
    for Run { branches, rank } in runs(&chain).into_iter().rev() {
        let branches = chain.get(..branches).unwrap_or_default();
        let Some(rows) = rows(tables, branches, merged)? else {
            continue;
        };
        for (key, row) in rows {
            changes.put(key, row);
        }
        return Ok(Some(FrozenRow {
            ancestor: branches.last().and_then(|last| last.ancestor),
            heirs: 0,
            rank,
            merged_from: Some(top),
        }));
    }
    Ok(None)
}

/// A frozen branch.
struct Link {
    branch: Branch,
    ancestor: Option<Branch>,
    rank: u8,
}

/// So many branches from the newest on, and the rank of what is made of them.
struct Run {
    branches: usize,
    rank: u8,
}

/// `top` and what it has inherited, newest first.
fn chain<H>(
    tables: &impl Rows<Key, Row<H>>,
    top: Branch,
    ancestor: Option<Branch>,
) -> Result<Vec<Link>, TablesError> {
    let mut chain = vec![Link {
        branch: top,
        ancestor,
        rank: 0,
    }];
    let mut next = ancestor;
    while let Some(branch) = next {
        let row = tables.get(&Key::Frozen(branch))?.ok_or_else(wrong)?;
        let FrozenRow { ancestor, rank, .. } = row.frozen()?;
        next = ancestor.filter(|older| *older < branch);
        chain.push(Link {
            branch,
            ancestor: next,
            rank,
        });
    }
    Ok(chain)
}

/// What may be merged: a run of branches that were not, and with it a run of each greater size that it completes.
fn runs(chain: &[Link]) -> Vec<Run> {
    let same = |from: usize, rank: u8| {
        let links = chain.iter().skip(from);
        links.take_while(|link| link.rank == rank).count()
    };
    let unmerged = same(0, 0);
    let mut runs = Vec::new();
    // If the rows were too many, it is tried again when there are as many branches more.
    if unmerged.is_multiple_of(RUN) {
        let (mut branches, mut rank) = (RUN, 1);
        runs.push(Run { branches, rank });
        // What has been found counts as one of the next size.
        while branches >= unmerged && same(branches, rank) + 1 >= RUN && rank < u8::MAX {
            branches += RUN - 1;
            rank += 1;
            runs.push(Run { branches, rank });
        }
    }
    runs
}

/// All that the branches have, seen together, as rows of `merged`; `None` if that is too much.
fn rows<H: Clone>(
    tables: &impl Rows<Key, Row<H>>,
    branches: &[Link],
    merged: Branch,
) -> Result<Option<BTreeMap<Key, Row<H>>>, TablesError> {
    let mut rows: BTreeMap<Key, Row<H>> = BTreeMap::new();
    for link in branches {
        for (from, end) in tables_of(link.branch) {
            let bounds = (Bound::Included(&from), Bound::Excluded(&end));
            tables.scan(bounds.0, bounds.1, |key, row| {
                // What is newer comes first.
                rows.entry(key.in_branch(merged))
                    .or_insert_with(|| row.clone());
                rows.len() <= MOST_ROWS
            })?;
            if rows.len() > MOST_ROWS {
                return Ok(None);
            }
        }
    }
    Ok(Some(rows))
}

/// The ranges of a branch's rows.
pub(super) fn tables_of(branch: Branch) -> [(Key, Key); 3] {
    let none = Arc::<str>::default;
    let next = branch.saturating_add(1);
    [
        (
            Key::Checkpoint(branch, none(), none()),
            Key::Checkpoint(next, none(), none()),
        ),
        (
            Key::Writes(branch, none(), none(), none()),
            Key::Writes(next, none(), none(), none()),
        ),
        (
            Key::Tag(branch, none(), none()),
            Key::Tag(next, none(), none()),
        ),
    ]
}

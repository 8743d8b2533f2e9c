//! Removing the rows that nobody needs.

use std::ops::Bound;

use crate::index::burying::fold;
use crate::index::changes::Changes;
use crate::index::deletion::release;
use crate::index::merging::tables_of;
use crate::index::row::wrong;
use crate::index::{Key, Row, Rows, TablesError, item_history};

/// Removes up to about `limit` rows of the first branch that was dropped; if none was, looks at as many of one that fewer need
/// than before, and then at what is not kept of what items were.
pub(super) fn reclaim<H>(
    tables: &impl Rows<Key, Row<H>>,
    limit: usize,
) -> Result<Changes<H>, TablesError> {
    if let Some(changes) = reclaim_branches(tables, limit)? {
        return Ok(changes);
    }
    let mut changes = Changes::default();
    item_history::reclaim(tables, limit, &mut changes)?;
    Ok(changes)
}

/// The same of branches alone; `None` if there is nothing to be done.
pub(super) fn reclaim_branches<H>(
    tables: &impl Rows<Key, Row<H>>,
    limit: usize,
) -> Result<Option<Changes<H>>, TablesError> {
    let first = tables.next(
        Bound::Included(&Key::Dropped(0)),
        Bound::Included(&Key::Folding(u64::MAX)),
    )?;
    let Some((key, row)) = first else {
        return Ok(None);
    };
    let mut changes = Changes::default();
    let (branch, dropped) = match (&key, row) {
        (Key::Dropped(branch), Row::Dropped(dropped)) => (branch, dropped),
        (Key::Folding(branch), Row::Folding(from)) => {
            fold(tables, *branch, from.as_deref(), limit, &mut changes)?;
            return Ok(Some(changes));
        }
        _ => return Err(wrong()),
    };
    for (from, end) in tables_of(*branch) {
        let mut from = Bound::Included(from);
        while changes.len() < limit
            && let Some((key, row)) = tables.next(from.as_ref(), Bound::Excluded(&end))?
        {
            if !dropped.is_merged {
                changes.died(row.origins());
            }
            changes.set(key.clone(), None);
            from = Bound::Excluded(key);
        }
    }
    if changes.len() < limit {
        changes.set(key.clone(), None);
        if let Some(ancestor) = dropped.needs {
            release(tables, ancestor, *branch, &mut changes)?;
        }
    }
    Ok(Some(changes))
}

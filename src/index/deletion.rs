//! A thread is deleted.

use std::sync::Arc;

use crate::codec::ThreadDeleted;
use crate::index::changes::Changes;
use crate::index::key::Branch;
use crate::index::row::{DroppedRow, FrozenRow, Life, ThreadRow, wrong};
use crate::index::{Key, Row, Rows, TablesError, threads};

/// Forgets everything of a thread but that it was deleted. The rows of its branch are left to be reclaimed.
pub(super) fn delete<H>(
    tables: &impl Rows<Key, Row<H>>,
    old: &ThreadDeleted,
) -> Result<Changes<H>, TablesError> {
    let key = Key::Thread(old.thread.as_str().into());
    let thread = threads::row(tables, &key)?;
    let mut changes = Changes::default();
    if let Some(life) = &thread.life {
        unlink(tables, life, &mut changes)?;
    }
    // A clock that was ahead may have made ids beyond the cutoff.
    let greatest = thread.life.as_ref().and_then(|life| life.greatest.clone());
    let given = Some(Arc::from(old.cutoff.as_str()));
    let row = ThreadRow {
        cutoff: thread.cutoff.clone().max(given).max(greatest),
        life: None,
    };
    changes.put(key, Row::Thread(Arc::new(row)));
    Ok(changes)
}

/// Takes its branch from a thread.
pub(super) fn unlink<H>(
    tables: &impl Rows<Key, Row<H>>,
    life: &Life,
    changes: &mut Changes<H>,
) -> Result<(), TablesError> {
    if life.own {
        let dropped = DroppedRow {
            needs: life.ancestor,
            is_merged: false,
        };
        changes.put(Key::Dropped(life.branch), dropped.into());
    } else if let Some(ancestor) = life.ancestor {
        release(tables, ancestor, life.branch, changes)?;
    }
    Ok(())
}

/// An heir of a branch is gone.
pub(super) fn release<H>(
    tables: &impl Rows<Key, Row<H>>,
    branch: Branch,
    heir: Branch,
    changes: &mut Changes<H>,
) -> Result<(), TablesError> {
    let key = Key::Frozen(branch);
    let row = tables.get(&key)?.ok_or_else(wrong)?.frozen()?;
    changes.set(Key::Heir(branch, heir), None);
    if row.heirs > 1 {
        let heirs = row.heirs - 1;
        changes.put(key, FrozenRow { heirs, ..row }.into());
        changes.put(Key::Folding(branch), Row::Folding(None));
    } else {
        changes.set(key, None);
        changes.put(Key::Dropped(branch), row.dropped().into());
    }
    Ok(())
}

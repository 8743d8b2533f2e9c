//! A thread is copied.

use crate::codec::ThreadCopied;
use crate::index::changes::Changes;
use crate::index::checkpoints::branches_of;
use crate::index::deletion::unlink;
use crate::index::merging::merge;
use crate::index::row::{FrozenRow, Life, Origin, wrong};
use crate::index::{Key, Reason, Row, Rows, Unapplied, threads};

/// Freezes the source's branch and begins one for each of the two threads, whose ancestor it is;
/// without asking whether that may be if it is `sure`.
pub(super) fn copy<H: Clone>(
    tables: &impl Rows<Key, Row<H>>,
    copied: &ThreadCopied,
    origin: Origin,
    sure: bool,
) -> Result<Changes<H>, Unapplied> {
    let source_key = Key::Thread(copied.source.as_str().into());
    let target_key = Key::Thread(copied.target.as_str().into());
    let source = threads::row(tables, &source_key)?;
    let target = threads::row(tables, &target_key)?;
    let Some(mut life) = (source.life.clone()).filter(|life| life.checkpoints > 0 || sure) else {
        if sure {
            return Ok(Changes::default());
        }
        return Err(Unapplied::refused(&copied.source, Reason::Empty));
    };
    let mut changes = Changes::default();
    if let Some(before) = &target.life {
        if before.checkpoints > 0 && !sure {
            return Err(Unapplied::refused(&copied.target, Reason::Taken));
        }
        unlink(tables, before, &mut changes)?;
    }
    let [merged, first, second] = branches_of(origin);
    let (ancestor, is_frozen) = match life.ancestor {
        // Nothing is its own: there is nothing to freeze.
        Some(ancestor) if !life.own => {
            let key = Key::Frozen(ancestor);
            let row = tables.get(&key)?.ok_or_else(wrong)?.frozen()?;
            let heirs = row.heirs.saturating_add(1);
            changes.put(key, FrozenRow { heirs, ..row }.into());
            (ancestor, false)
        }
        ancestor => {
            let mut frozen = FrozenRow {
                ancestor,
                heirs: 2,
                rank: 0,
                merged_from: None,
            };
            let into = merge(tables, life.branch, ancestor, merged, &mut changes)?;
            if let Some(into) = into {
                frozen.heirs = 1;
                let into = FrozenRow { heirs: 2, ..into };
                changes.put(Key::Frozen(merged), into.into());
            }
            changes.put(Key::Frozen(life.branch), frozen.into());
            (into.map_or(life.branch, |_| merged), true)
        }
    };
    changes.put(Key::Heir(ancestor, second), Row::Heir(false));
    let copy = Life {
        branch: second,
        ancestor: Some(ancestor),
        own: false,
        bytes: origin.bytes,
        begun: origin.lsn,
        lsn: origin.lsn,
        policy: target.life.as_ref().and_then(|life| life.policy),
        ..life.clone()
    };
    if is_frozen {
        changes.put(Key::Heir(ancestor, first), Row::Heir(false));
        life.branch = first;
        life.ancestor = Some(ancestor);
        life.own = false;
    }
    changes.put(source_key, source.with(life));
    changes.put(target_key, target.with(copy));
    Ok(changes)
}

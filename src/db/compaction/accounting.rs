//! What the rows say about segments and records, after a compaction.

use crate::codec::{Record, Stored};
use crate::db::compaction::candidates::Candidate;
use crate::db::compaction::engine::Engine;
use crate::db::compaction::marks::Marks;
use crate::db::view::DbSnapshot;
use crate::index::{Branch, Key, Row, Rows, SegmentUse, Tables, TablesError};
use crate::log::SegmentId;

/// So many rows are changed at a time: commits wait meanwhile.
const AT_ONCE: usize = 64;

impl Engine {
    /// Takes note that of `run` only `bound` bytes of dead records are left, and what died since the snapshot.
    pub(super) fn account(
        &self,
        run: &[Candidate],
        before: &DbSnapshot,
        bound: u64,
    ) -> Result<(), TablesError> {
        let (Some(first), Some(last)) = (run.first(), run.last()) else {
            return Ok(());
        };
        let range = first.stats.id.base().get()..last.stats.end.get();
        let before = before.segments()?;
        let now = self.indexed.view.snapshot().segments()?;
        self.indexed.view.with_rows(|rows| {
            let mut died = 0_u64;
            for (base, _) in now.iter().filter(|(base, _)| range.contains(base)) {
                let key = Key::Segment(*base);
                let old = before.iter().find(|(of, _)| of == base);
                if let Some(Row::Segment(used)) = rows.get(&key)? {
                    let old = old.map_or(0, |(_, old)| old.dead);
                    died = died.saturating_add(used.dead.saturating_sub(old));
                }
                rows.delete(key);
            }
            let used = SegmentUse { dead: died, bound };
            if used != SegmentUse::default() {
                rows.put(Key::Segment(range.start), Row::Segment(used));
            }
            Ok(())
        })
    }

    /// Takes note that these records say all that their checkpoints hold.
    pub(super) fn note_standalone(
        &self,
        replaced: impl IntoIterator<Item = (u64, Key)>,
    ) -> Result<(), TablesError> {
        for (lsn, key) in replaced {
            self.indexed.view.with_rows(|rows| {
                if let Some(Row::Checkpoint(Some(entry))) = rows.get(&key)?
                    && entry.origin.lsn == lsn
                {
                    let mut entry = (*entry).clone();
                    entry.standalone = true;
                    rows.put(key, Row::Checkpoint(Some(entry.into())));
                }
                Ok::<_, TablesError>(())
            })?;
        }
        Ok(())
    }

    /// Forgets the contents of values in records below `as_of` that nobody needs.
    pub(super) fn forget_contents(
        &self,
        snapshot: &DbSnapshot,
        marks: &Marks,
        as_of: u64,
    ) -> Result<(), TablesError> {
        let is_gone = |lsn: u64| {
            (marks.from()..as_of).contains(&lsn) && !marks.is_live(lsn) && !marks.has_values(lsn)
        };
        self.hot.contents().forget(|at| is_gone(at.lsn().get()));
        for some in snapshot
            .contents(|place| is_gone(place.lsn().get()))?
            .chunks(AT_ONCE)
        {
            self.indexed.view.with_rows(|rows| {
                for key in some.iter().copied().map(Key::Content) {
                    // It may be about another value by now.
                    if let Some(Row::Content(place)) = rows.get(&key)?
                        && is_gone(place.lsn().get())
                    {
                        rows.delete(key);
                    }
                }
                Ok::<_, TablesError>(())
            })?;
        }
        Ok(())
    }

    /// Forgets that these records of a segment were not taken, now that they are gone, but for so many bytes of values.
    pub(super) fn forget_refused(
        &self,
        refused: &[(u64, u64)],
        segment: SegmentId,
        left: u64,
    ) -> Result<(), TablesError> {
        for some in refused.chunks(AT_ONCE) {
            self.indexed.view.with_rows(|rows| {
                for (lsn, _) in some {
                    rows.delete(Key::Refused(*lsn));
                }
            });
        }
        self.indexed.view.with_rows(|rows| {
            let key = Key::Segment(segment.base().get());
            let mut used = match rows.get(&key)? {
                Some(Row::Segment(used)) => used,
                _ => SegmentUse::default(),
            };
            used.dead = used.dead.saturating_add(left);
            if used != SegmentUse::default() {
                rows.put(key, Row::Segment(used));
            }
            Ok(())
        })
    }
}

/// The key of the row of a checkpoint that was put into a branch.
pub(super) fn key_of(branch: Branch, record: &Record<Stored>) -> Option<Key> {
    match record {
        Record::CheckpointPut(put) => Some(Key::Checkpoint(
            branch,
            put.namespace.as_str().into(),
            put.id.as_str().into(),
        )),
        _ => None,
    }
}

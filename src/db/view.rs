//! [`View`]: the index of a database, fed by its log.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use parking_lot::{RwLock, RwLockReadGuard, RwLockWriteGuard};

use crate::canary::Canary;
use crate::codec::{CodecError, Numbered, Record};
use crate::db::DbError;
use crate::db::applying::apply_all;
use crate::db::backlog::{Backlog, PORTION, Then};
use crate::db::decoded::Decoded;
use crate::db::hot::NewContent;
use crate::db::place::Place;
use crate::index::{
    Found, FoundFile, Gate, Index, Layered, LayeredSnapshot, Row, Snapshot, TablesError, Unapplied,
    VectorTable, Waits, Watermark,
};
use crate::log::{CommitSink, FrameAddress, LogPosition, SegmentStats};

type DbIndex = Index<Place, DbTables>;

/// The index of a database. The log tells it of every commit, in order, before the committer; whoever looks at it sees all of them.
#[derive(Debug)]
pub(crate) struct View {
    /// Locked by [`read`](Self::read) and [`write`](Self::write) only.
    index: RwLock<DbIndex>,
    backlog: Backlog,
    /// The index has ended for this run.
    ended: AtomicBool,
    gate: Arc<Gate>,
}

/// How many rows that nobody needs are removed at a time while others wait.
pub(super) const RECLAIMED_AT_ONCE: usize = 64;
/// ... and for each commit, when it is applied. More than a commit makes of them in the long run.
const RECLAIMED_AFTER_COMMIT: usize = 16;

/// Where the rows of a database's index are.
pub(crate) type DbTables = Layered<Row<Place>>;

/// The index of a database as it was.
pub(crate) type DbSnapshot = Snapshot<Place, LayeredSnapshot<Row<Place>>>;

/// What goes through the log with a frame, to be applied when it is committed.
#[derive(Debug)]
pub(crate) struct Note {
    pub(crate) records: Vec<Record<Numbered>>,
    /// Large values among theirs.
    pub(super) contents: Vec<NewContent>,
    /// The index will take the records: nobody waits to hear of it.
    pub(super) certain: bool,
    /// Set if the index did not take one of the records.
    pub(crate) unapplied: Arc<OnceLock<Unapplied>>,
}

impl View {
    /// What was found in the index file, and nothing of the log.
    pub(crate) fn new(found: Option<FoundFile>, gate: &Arc<Gate>) -> Self {
        let tables = Layered::new(found, Arc::clone(gate));
        Self {
            index: RwLock::new(Index::new(tables)),
            backlog: Backlog::beside(gate.memory_bytes()),
            ended: AtomicBool::new(false),
            gate: Arc::clone(gate),
        }
    }

    /// Commits that are not applied yet.
    pub(super) fn backlog(&self) -> &Backlog {
        &self.backlog
    }

    /// Applies all that was acknowledged before the call.
    pub(super) fn catch_up(&self) {
        if self.backlog.is_waiting() {
            drop(self.write());
        } else {
            // If somebody is applying it, this waits for him.
            drop(self.index.read());
        }
    }

    /// Whether the index has ended for this run.
    pub(super) fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Acquire)
    }

    /// The index with all that was acknowledged before the call.
    fn read(&self) -> RwLockReadGuard<'_, DbIndex> {
        if self.backlog.is_waiting() && !Canary::StaleIndex.sings() {
            RwLockWriteGuard::downgrade(self.write())
        } else {
            self.index.read()
        }
    }

    /// The same, to be changed.
    fn write(&self) -> RwLockWriteGuard<'_, DbIndex> {
        let mut index = self.index.write();
        if self.backlog.is_waiting() {
            self.apply_backlog(&mut index, usize::MAX);
        }
        index
    }

    /// Applies a portion of what is waiting.
    pub(super) fn apply_some(&self) {
        let mut index = self.index.write();
        self.apply_backlog(&mut index, PORTION);
        // Others come first: whoever calls this calls it again.
        RwLockWriteGuard::unlock_fair(index);
    }

    /// Applies up to so many frames of what is waiting.
    fn apply_backlog(&self, index: &mut DbIndex, limit: usize) {
        let mut applying = Applying {
            index,
            ended: &self.ended,
            is_done: false,
        };
        let frames = self.backlog.take(limit);
        let reclaimed =
            (frames.len().saturating_mul(RECLAIMED_AFTER_COMMIT)).min(RECLAIMED_AT_ONCE);
        let mut applied = None;
        let mut bytes = 0;
        let mut spent = Vec::with_capacity(frames.len());
        for (frame, mut note) in frames {
            let done = apply_all(applying.index, frame, &mut note.records, &note.contents);
            if let Err(unapplied) = done {
                let is_refused = matches!(unapplied, Unapplied::Refused(_));
                debug_assert!(
                    !(note.certain && is_refused),
                    "it was certain: {unapplied:?}"
                );
                if !is_refused {
                    self.ended.store(true, Ordering::Release);
                }
                let _ = note.unapplied.set(unapplied);
            }
            applied = Some(after(frame));
            bytes += frame_bytes(frame);
            spent.push((frame_bytes(frame), note));
        }
        self.backlog.spent().add(spent);
        applying.index.settle();
        if let Some(applied) = applied {
            applying.index.tables_mut().advance(applied, bytes);
        }
        // What cannot be read now is removed another time.
        let _ = applying.index.reclaim(reclaimed);
        applying.is_done = true;
    }

    /// The index as it is now.
    pub(crate) fn snapshot(&self) -> DbSnapshot {
        Snapshot::new(self.read().tables().snapshot())
    }

    /// The same with the vectors of items, if they are known.
    pub(crate) fn snapshot_with_vectors(&self) -> (DbSnapshot, Option<VectorTable>) {
        let index = self.read();
        let rows = Snapshot::new(index.tables().snapshot());
        (rows, index.vectors().cloned())
    }

    /// The latest checkpoint of a namespace as it is now, with its pending writes.
    pub(crate) fn latest(
        &self,
        thread: &str,
        namespace: &str,
    ) -> Result<Option<Arc<Found<Place>>>, TablesError> {
        let (rows, as_of) = {
            let index = self.read();
            if let Some(error) = index.tables().abandoned() {
                return Err(error.clone());
            }
            let known = index.latest().get(thread, namespace);
            if known.is_some() {
                return Ok(known);
            }
            (index.tables().snapshot(), index.latest().as_of())
        };
        let found = Snapshot::new(rows).get(thread, namespace, None, true)?;
        let found = found.map(Arc::new);
        if let Some(found) = &found {
            self.read().latest().note(found, as_of);
        }
        Ok(found)
    }

    /// The index as it is now, from when on the vectors of items are being made known.
    pub(crate) fn begin_vectors(&self) -> DbSnapshot {
        let mut index = self.write();
        index.begin_vectors();
        Snapshot::new(index.tables().snapshot())
    }

    /// The vectors of items are `then` as it was begun. Whether they are all known now.
    pub(crate) fn finish_vectors(&self, then: VectorTable) -> bool {
        self.write().finish_vectors(then)
    }

    /// The vectors of items are not asked for any more.
    pub(crate) fn forget_vectors(&self) {
        self.index.write().forget_vectors();
    }

    /// The index as it is now, and the LSN up to which the log is applied to it.
    pub(crate) fn snapshot_as_of(&self) -> (DbSnapshot, u64) {
        let index = self.read();
        let rows = index.tables();
        let applied = rows.applied().map_or(0, |applied| applied.lsn);
        (Snapshot::new(rows.snapshot()), applied)
    }

    /// Takes note that all of the log is applied, which ends with this segment: what was dropped from its end need not be.
    pub(crate) fn opened(&self, newest: &SegmentStats) {
        let mut index = self.write();
        let rows = index.tables_mut();
        let watermark = Watermark {
            lsn: newest.end.get(),
            segment: newest.id.base().get(),
            offset: newest.bytes,
        };
        if (rows.applied()).is_none_or(|applied| applied.lsn < watermark.lsn) {
            rows.advance(watermark, 0);
        }
        rows.opened();
    }

    /// See [`Index::be_sure_below`].
    pub(crate) fn be_sure_below(&self, lsn: u64) {
        self.write().be_sure_below(lsn);
    }

    /// Removes up to about `limit` rows that belong to no thread any more, and tells how many.
    pub(crate) fn reclaim(&self, limit: usize) -> Result<usize, TablesError> {
        let mut index = self.write();
        let rows = index.reclaim(limit);
        // Commits come first: whoever calls this calls it again.
        RwLockWriteGuard::unlock_fair(index);
        rows
    }

    /// See [`Index::died`].
    pub(crate) fn died(&self) -> u64 {
        self.read().died()
    }

    /// Lends the rows.
    pub(crate) fn with_rows<T>(&self, with: impl FnOnce(&mut DbTables) -> T) -> T {
        with(self.write().tables_mut())
    }

    /// Blocks until the index file, if there is one, follows the log up to `lsn`, or never will.
    pub(crate) fn flush(&self, lsn: u64) -> Result<(), TablesError> {
        while self.read().tables().lags(lsn) && self.gate.wait_for_flush()? {}
        Ok(())
    }

    /// Blocks while too much of the index is only in memory.
    pub(crate) fn wait_for_room(&self) -> Result<(), TablesError> {
        self.gate.wait_for_room()
    }

    /// How often, and for how long, somebody waited for room.
    pub(crate) fn waits(&self) -> Waits {
        self.gate.waits()
    }

    /// Applies frames of the log that is being opened, up to the first that cannot be understood.
    pub(super) fn replay(
        &self,
        frames: &mut [(FrameAddress, Result<Decoded, CodecError>)],
    ) -> Result<(), DbError> {
        self.wait_for_room()?;
        let mut index = self.write();
        let mut outcome = Ok(());
        let mut last = None;
        let mut bytes = 0;
        for (frame, decoded) in frames {
            let frame = *frame;
            let Decoded { records, contents } = match decoded {
                Ok(decoded) => decoded,
                Err(error) => {
                    outcome = Err(DbError::unreadable_record(frame, 0, error.clone()));
                    break;
                }
            };
            last = Some(after(frame));
            bytes += frame_bytes(frame);
            match apply_all(&mut index, frame, records, contents) {
                Err(Unapplied::Tables(error)) => {
                    outcome = Err(error.into());
                    break;
                }
                // What was refused when it was written is refused again.
                Ok(()) | Err(Unapplied::Refused(_)) => {}
            }
        }
        index.settle();
        if let Some(last) = last {
            index.tables_mut().advance(last, bytes);
        }
        outcome
    }
}

/// The index while commits are applied to it. If that does not come to its end, the index would lack some: it ends here.
struct Applying<'i> {
    index: &'i mut DbIndex,
    ended: &'i AtomicBool,
    is_done: bool,
}

impl Drop for Applying<'_> {
    fn drop(&mut self) {
        if !self.is_done {
            let error = TablesError::Contradictory("a commit could not be applied to it");
            self.index.tables_mut().abandon(error);
            self.ended.store(true, Ordering::Release);
        }
    }
}

impl CommitSink<Note> for View {
    fn committed(&self, frames: &mut dyn Iterator<Item = (FrameAddress, Note)>) {
        match self.backlog.add(frames) {
            Then::Nothing => {}
            Then::Help(count) => {
                if let Some(mut index) = self.index.try_write() {
                    self.apply_backlog(&mut index, count);
                }
            }
            Then::Apply => self.catch_up(),
        }
    }
}

/// Up to where the log is applied when this frame is.
fn after(frame: FrameAddress) -> Watermark {
    let LogPosition {
        lsn,
        segment,
        offset,
    } = frame.position_after();
    Watermark {
        lsn: lsn.get(),
        segment: segment.base().get(),
        offset,
    }
}

/// What a frame takes in the log.
pub(super) fn frame_bytes(frame: FrameAddress) -> u64 {
    frame.position_after().offset.saturating_sub(frame.offset)
}

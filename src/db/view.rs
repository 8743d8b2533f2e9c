//! [`View`]: the index of a database, fed by its log.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use parking_lot::{RwLock, RwLockReadGuard, RwLockWriteGuard};

use crate::canary::Canary;
use crate::codec::{self, CodecError, Numbered, Record, Value};
use crate::db::DbError;
use crate::db::backlog::{Backlog, PORTION, Then};
use crate::db::hot::{Content, LASTING_BYTES, NewContent};
use crate::db::place::{At, Place, RecordPlace};
use crate::index::{
    FoundFile, Gate, Index, Key, Layered, LayeredSnapshot, Origin, Row, Snapshot, Tables,
    TablesError, Unapplied, VectorTable, Waits, Watermark,
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
        for (frame, note) in frames {
            let done = apply_all(applying.index, frame, note.records, &note.contents);
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
        }
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
        frames: impl IntoIterator<Item = (FrameAddress, Result<Decoded, CodecError>)>,
    ) -> Result<(), DbError> {
        self.wait_for_room()?;
        let mut index = self.write();
        let mut outcome = Ok(());
        let mut last = None;
        let mut bytes = 0;
        for (frame, decoded) in frames {
            let Decoded { records, contents } = match decoded {
                Ok(decoded) => decoded,
                Err(error) => {
                    outcome = Err(DbError::unreadable_record(frame, 0, error));
                    break;
                }
            };
            last = Some(after(frame));
            bytes += frame_bytes(frame);
            match apply_all(&mut index, frame, records, &contents) {
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

/// What a frame of the log tells the index.
pub(super) struct Decoded {
    records: Vec<Record<Numbered>>,
    contents: Vec<NewContent>,
}

impl Decoded {
    pub(super) fn of(frame: FrameAddress, payload: &[u8]) -> Result<Self, CodecError> {
        Ok(Self {
            records: decoded(frame, payload)?,
            contents: contents(payload)?,
        })
    }
}

/// The records of a frame, as many as it says.
pub(super) fn decoded(
    frame: FrameAddress,
    payload: &[u8],
) -> Result<Vec<Record<Numbered>>, CodecError> {
    let records = codec::decode(payload, |record| record.numbered())?;
    require_count(frame, records.len())?;
    Ok(records)
}

/// The values of a frame that the index has rows of by their contents.
fn contents(payload: &[u8]) -> Result<Vec<NewContent>, CodecError> {
    // A compressed value may be longer than the payload, and then is not found again.
    if payload.len() < LASTING_BYTES {
        return Ok(Vec::new());
    }
    let mut contents = Vec::new();
    let mut record = 0_u32;
    codec::decode(payload, |found| {
        for (value, found) in (0_u32..).zip(found.into_values()) {
            if let Value::Whole(whole) = found
                && whole.bytes.len() >= LASTING_BYTES
            {
                contents.extend(Content::of(whole.bytes).map(|content| NewContent {
                    content,
                    record,
                    value,
                }));
            }
        }
        record = record.saturating_add(1);
    })?;
    Ok(contents)
}

pub(super) fn require_count(frame: FrameAddress, records: usize) -> Result<(), CodecError> {
    let found = u32::try_from(records).unwrap_or(u32::MAX);
    if found == frame.records {
        return Ok(());
    }
    Err(CodecError::WrongCount {
        expected: frame.records,
        found,
    })
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

/// Applies the records of a frame up to the first that is not taken. If that is for want of rows, the index
/// would be wrong from here on, and is given up. The rows are not settled yet.
fn apply_all(
    index: &mut DbIndex,
    frame: FrameAddress,
    records: Vec<Record<Numbered>>,
    contents: &[NewContent],
) -> Result<(), Unapplied> {
    let applied = (0..)
        .zip(records)
        .try_for_each(|(number, record)| apply_next(index, frame, number, record));
    let tables = index.tables_mut();
    if applied.is_ok() {
        for new in contents.iter().filter(|new| new.content.lasts) {
            let (record, value) = (new.record, new.value);
            let at = At {
                frame,
                record,
                value,
            };
            tables.put(Key::Content(new.content.hash), Row::Content(at.into()));
        }
    }
    if let Err(Unapplied::Tables(error)) = &applied {
        tables.abandon(error.clone());
    }
    applied
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

pub(super) fn try_apply_all(
    index: &mut Index<Place, impl Tables<Key, Row<Place>>>,
    frame: FrameAddress,
    records: Vec<Record<Numbered>>,
) -> Result<(), Unapplied> {
    for (number, record) in (0..).zip(records) {
        apply_one(index, frame, number, record)?;
    }
    Ok(())
}

/// Applies the record with this number of a frame.
pub(super) fn apply_one(
    index: &mut Index<Place, impl Tables<Key, Row<Place>>>,
    frame: FrameAddress,
    number: u32,
    record: Record<Numbered>,
) -> Result<(), Unapplied> {
    let applied = apply_next(index, frame, number, record);
    index.settle();
    applied
}

/// The same, but the rows are not settled yet.
fn apply_next(
    index: &mut Index<Place, impl Tables<Key, Row<Place>>>,
    frame: FrameAddress,
    number: u32,
    record: Record<Numbered>,
) -> Result<(), Unapplied> {
    let place = Arc::new(RecordPlace { frame, number });
    let mut record = record;
    if let Record::CheckpointPut(put) = &mut record {
        // What is put into the store with it comes behind it.
        put.moment.get_or_insert(frame.end().get());
    }
    let handle = |value: Numbered| match value.alias {
        None => Place {
            record: Arc::clone(&place),
            value: value.number,
        },
        // What it stands for may stay when the record goes.
        Some(of) => At::of(frame, of).into(),
    };
    let origin = Origin {
        lsn: frame.lsn.plus(u64::from(number)).get(),
        segment: frame.segment.base().get(),
        bytes: u64::from(frame.payload_len) / u64::from(frame.records.max(1)),
    };
    let applied = index.apply_next(record, origin, handle);
    if matches!(applied, Err(Unapplied::Refused(_))) {
        let end = frame.end().get();
        index
            .tables_mut()
            .put(Key::Refused(origin.lsn), Row::Refused(end));
    }
    applied
}

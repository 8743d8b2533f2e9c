//! [`View`]: the index of a database, fed by its log.

use std::sync::{Arc, OnceLock};

use parking_lot::RwLock;

use crate::codec::{self, CodecError, Numbered, Record};
use crate::db::place::{At, Place, RecordPlace};
use crate::index::{
    FoundFile, Gate, Index, Key, Layered, LayeredSnapshot, Origin, Row, Snapshot, Tables,
    TablesError, Unapplied, Waits, Watermark,
};
use crate::log::{CommitSink, FrameAddress, LogPosition};

/// The index of a database. The log tells it of every commit, in order, before the committer.
#[derive(Debug)]
pub(crate) struct View {
    index: RwLock<Index<Place, DbTables>>,
    gate: Arc<Gate>,
}

/// How many rows that nobody needs are removed at a time: after a commit, and while others wait.
pub(super) const RECLAIMED_AT_ONCE: usize = 64;

/// Where the rows of a database's index are.
pub(crate) type DbTables = Layered<Row<Place>>;

/// The index of a database as it was.
pub(crate) type DbSnapshot = Snapshot<Place, LayeredSnapshot<Row<Place>>>;

/// What goes through the log with a frame, to be applied when it is committed.
#[derive(Debug)]
pub(crate) struct Note {
    pub(crate) records: Vec<Record<Numbered>>,
    /// Set if the index did not take one of the records.
    pub(crate) unapplied: Arc<OnceLock<Unapplied>>,
}

/// Why a frame of the log that is being opened was not applied.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReplayFailed {
    #[error(transparent)]
    Codec(#[from] CodecError),
    #[error(transparent)]
    Tables(#[from] TablesError),
}

impl View {
    /// What was found in the index file, and nothing of the log.
    pub(crate) fn new(found: Option<FoundFile>, gate: &Arc<Gate>) -> Self {
        let tables = Layered::new(found, Arc::clone(gate));
        Self {
            index: RwLock::new(Index::new(tables)),
            gate: Arc::clone(gate),
        }
    }

    /// The index as it is now.
    pub(crate) fn snapshot(&self) -> DbSnapshot {
        Snapshot::new(self.index.read().tables().snapshot())
    }

    /// The index as it is now, and the LSN up to which the log is applied to it.
    pub(crate) fn snapshot_as_of(&self) -> (DbSnapshot, u64) {
        let index = self.index.read();
        let rows = index.tables();
        let applied = rows.applied().map_or(0, |applied| applied.lsn);
        (Snapshot::new(rows.snapshot()), applied)
    }

    /// See [`Index::be_sure_below`].
    pub(crate) fn be_sure_below(&self, lsn: u64) {
        self.index.write().be_sure_below(lsn);
    }

    /// Removes up to about `limit` rows that belong to no thread any more, and tells how many.
    pub(crate) fn reclaim(&self, limit: usize) -> Result<usize, TablesError> {
        self.index.write().reclaim(limit)
    }

    /// Lends the rows.
    pub(crate) fn with_rows<T>(&self, with: impl FnOnce(&mut DbTables) -> T) -> T {
        with(self.index.write().tables_mut())
    }

    /// Blocks while too much of the index is only in memory.
    pub(crate) fn wait_for_room(&self) -> Result<(), TablesError> {
        self.gate.wait_for_room()
    }

    /// How often, and for how long, somebody waited for room.
    pub(crate) fn waits(&self) -> Waits {
        self.gate.waits()
    }

    /// Applies a frame of the log that is being opened.
    pub(crate) fn replay(&self, frame: FrameAddress, payload: &[u8]) -> Result<(), ReplayFailed> {
        self.wait_for_room()?;
        let records = decoded(frame, payload)?;
        match apply_all(&mut self.index.write(), frame, records) {
            Err(Unapplied::Tables(error)) => Err(error.into()),
            // What was refused when it was written is refused again.
            Ok(()) | Err(Unapplied::Refused(_)) => Ok(()),
        }
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

impl CommitSink<Note> for View {
    fn committed(&self, frames: &mut dyn Iterator<Item = (FrameAddress, Note)>) {
        let mut index = self.index.write();
        for (frame, note) in frames {
            if let Err(unapplied) = apply_all(&mut index, frame, note.records) {
                let _ = note.unapplied.set(unapplied);
            }
        }
        // What cannot be read now is removed another time.
        let _ = index.reclaim(RECLAIMED_AT_ONCE);
    }
}

/// Applies the records of a frame up to the first that is not taken. If that is for want of rows, the index
/// would be wrong from here on, and is given up.
fn apply_all(
    index: &mut Index<Place, DbTables>,
    frame: FrameAddress,
    records: Vec<Record<Numbered>>,
) -> Result<(), Unapplied> {
    let applied = try_apply_all(index, frame, records);
    let tables = index.tables_mut();
    if let Err(Unapplied::Tables(error)) = &applied {
        tables.abandon(error.clone());
    }
    let LogPosition {
        lsn,
        segment,
        offset,
    } = frame.position_after();
    let watermark = Watermark {
        lsn: lsn.get(),
        segment: segment.base().get(),
        offset,
    };
    tables.advance(watermark, offset.saturating_sub(frame.offset));
    applied
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
    let place = Arc::new(RecordPlace { frame, number });
    let record = record.map(|value| match value.alias {
        None => Place {
            record: Arc::clone(&place),
            value: value.number,
        },
        // What it stands for may stay when the record goes.
        Some(of) => At::of(frame, of).into(),
    });
    let origin = Origin {
        lsn: frame.lsn.plus(u64::from(number)).get(),
        segment: frame.segment.base().get(),
        bytes: u64::from(frame.payload_len) / u64::from(frame.records.max(1)),
    };
    let applied = index.apply(record, origin);
    if matches!(applied, Err(Unapplied::Refused(_))) {
        let end = frame.end().get();
        index
            .tables_mut()
            .put(Key::Refused(origin.lsn), Row::Refused(end));
    }
    applied
}

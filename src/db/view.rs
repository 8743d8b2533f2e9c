//! [`View`]: the index of a database, fed by its log.

use std::sync::{Arc, OnceLock};

use parking_lot::RwLock;

use crate::codec::{self, CodecError, Record};
use crate::db::place::{Place, RecordPlace};
use crate::index::{Index, Key, MemTables, Origin, Row, Snapshot, Unapplied};
use crate::log::{CommitSink, FrameAddress};

/// The index of a database. The log tells it of every commit, in order, before the committer.
#[derive(Debug, Default)]
pub(crate) struct View {
    index: RwLock<Index<Place, DbTables>>,
}

/// How many rows that nobody needs are removed after a commit.
const RECLAIMED_AT_ONCE: usize = 64;

/// Where the rows of a database's index are.
pub(crate) type DbTables = MemTables<Key, Row<Place>>;

/// What goes through the log with a frame, to be applied when it is committed.
#[derive(Debug)]
pub(crate) struct Note {
    pub(crate) records: Vec<Record<u32>>,
    /// Set if the index did not take one of the records.
    pub(crate) unapplied: Arc<OnceLock<Unapplied>>,
}

impl View {
    /// The index as it is now.
    pub(crate) fn snapshot(&self) -> Snapshot<Place, DbTables> {
        self.index.read().snapshot()
    }

    /// Applies a frame of the log that is being opened.
    pub(crate) fn replay(&self, frame: FrameAddress, payload: &[u8]) -> Result<(), CodecError> {
        let records = codec::decode(payload)?;
        let found = u32::try_from(records.len()).unwrap_or(u32::MAX);
        if found != frame.records {
            return Err(CodecError::WrongCount {
                expected: frame.records,
                found,
            });
        }
        let records = records.into_iter().map(Record::numbered).collect();
        // What was refused when it was written is refused again.
        let _ = apply_all(&mut self.index.write(), frame, records);
        Ok(())
    }
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

/// Applies the records of a frame up to the first that is not taken.
fn apply_all(
    index: &mut Index<Place, DbTables>,
    frame: FrameAddress,
    records: Vec<Record<u32>>,
) -> Result<(), Unapplied> {
    for (number, record) in (0..).zip(records) {
        let place = Arc::new(RecordPlace { frame, number });
        let record = record.map(|value| Place {
            record: Arc::clone(&place),
            value,
        });
        let origin = Origin {
            lsn: frame.lsn.plus(u64::from(number)).get(),
            segment: frame.segment.base().get(),
            bytes: u64::from(frame.payload_len) / u64::from(frame.records.max(1)),
        };
        index.apply(record, origin)?;
    }
    Ok(())
}

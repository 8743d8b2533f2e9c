//! [`View`]: the index of a database, fed by its log.

use std::sync::{Arc, OnceLock};

use parking_lot::{RwLock, RwLockReadGuard};

use crate::codec::{self, CodecError, Numbered, Record};
use crate::db::place::{Place, RecordPlace};
use crate::index::{Checkpoints, Items, Refused};
use crate::log::{CommitSink, FrameAddress};

/// The index of a database. The log tells it of every commit, in order, before the committer.
#[derive(Debug, Default)]
pub(crate) struct View {
    index: RwLock<Index>,
}

/// Both memories.
#[derive(Debug, Default)]
pub(crate) struct Index {
    pub(crate) checkpoints: Checkpoints<Place>,
    pub(crate) items: Items<Place>,
}

/// What goes through the log with a frame, to be applied when it is committed.
#[derive(Debug)]
pub(crate) struct Note {
    pub(crate) records: Vec<Record<Numbered>>,
    /// Set if the index did not take one of the records.
    pub(crate) refused: Arc<OnceLock<Refused>>,
}

impl View {
    /// The index as it is now. Commits wait while this is held.
    pub(crate) fn read(&self) -> RwLockReadGuard<'_, Index> {
        self.index.read()
    }

    /// Applies a frame of the log that is being opened.
    pub(crate) fn replay(&self, frame: FrameAddress, payload: &[u8]) -> Result<(), CodecError> {
        let records = codec::decode(payload, |record| record.numbered())?;
        let found = u32::try_from(records.len()).unwrap_or(u32::MAX);
        if found != frame.records {
            return Err(CodecError::WrongCount {
                expected: frame.records,
                found,
            });
        }
        // What was refused when it was written is refused again.
        let _ = self.index.write().apply_all(frame, records);
        Ok(())
    }
}

impl CommitSink<Note> for View {
    fn committed(&self, frames: &mut dyn Iterator<Item = (FrameAddress, Note)>) {
        let mut index = self.index.write();
        for (frame, note) in frames {
            if let Err(refused) = index.apply_all(frame, note.records) {
                let _ = note.refused.set(refused);
            }
        }
    }
}

impl Index {
    /// Applies the records of a frame up to the first that is refused.
    fn apply_all(
        &mut self,
        frame: FrameAddress,
        records: Vec<Record<Numbered>>,
    ) -> Result<(), Refused> {
        (0..)
            .zip(records)
            .try_for_each(|(number, record)| self.apply(frame, number, record))
    }

    fn apply(
        &mut self,
        frame: FrameAddress,
        number: u32,
        record: Record<Numbered>,
    ) -> Result<(), Refused> {
        let place = Arc::new(RecordPlace { frame, number });
        let record = record.map(|value| Place {
            record: Arc::clone(&place),
            value: value.number,
        });
        match record {
            Record::CheckpointPut(put) => return self.checkpoints.put(put),
            Record::WritesPut(put) => return self.checkpoints.put_writes(put),
            Record::ThreadDeleted(deleted) => self.checkpoints.delete_thread(deleted),
            Record::ItemPut(put) => self.items.put(put),
            Record::ItemDeleted(deleted) => self.items.delete(&deleted),
        }
        Ok(())
    }
}

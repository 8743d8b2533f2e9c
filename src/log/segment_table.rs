//! [`SegmentTable`]: the log's segments for reading, with a bounded number of them open.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use parking_lot::RwLock;

use super::directory::Directory;
use super::segment::Segment;
use super::{FrameAddress, LogError, SegmentId};
use crate::vfs::OpenMode;

/// How many sealed segments are held open at most.
const OPEN_MAX: usize = 128;

/// The log's segments for reading.
#[derive(Debug)]
pub(super) struct SegmentTable {
    directory: Directory,
    table: RwLock<Table>,
}

#[derive(Debug, Default)]
struct Table {
    salts: BTreeMap<SegmentId, u64>,
    open: BTreeMap<SegmentId, Arc<Segment>>,
    /// The open ones, the one opened first in front.
    order: VecDeque<SegmentId>,
}

impl Table {
    fn insert(&mut self, segment: Arc<Segment>) {
        let id = segment.id;
        self.salts.insert(id, segment.salt);
        if self.open.insert(id, segment).is_none() {
            self.order.push_back(id);
        }
        while self.order.len() > OPEN_MAX {
            if let Some(oldest) = self.order.pop_front() {
                self.open.remove(&oldest);
            }
        }
    }
}

impl SegmentTable {
    pub(super) fn new(directory: Directory, sealed: Vec<(SegmentId, u64)>) -> Self {
        Self {
            directory,
            table: RwLock::new(Table {
                salts: sealed.into_iter().collect(),
                ..Table::default()
            }),
        }
    }

    pub(super) fn len(&self) -> u64 {
        self.table.read().salts.len() as u64
    }

    pub(super) fn insert(&self, segment: Arc<Segment>) {
        self.table.write().insert(segment);
    }

    /// The segment that `at` is in.
    pub(super) fn segment_of(&self, at: FrameAddress) -> Result<Arc<Segment>, LogError> {
        let id = at.segment;
        let salt = {
            let table = self.table.read();
            if let Some(segment) = table.open.get(&id) {
                return Ok(Arc::clone(segment));
            }
            table.salts.get(&id).copied()
        };
        let path = self.directory.segment(id);
        let Some(salt) = salt else {
            let lsns = at.lsn.get()..at.end().get();
            return Err(LogError::corrupt(
                &path,
                at.offset,
                lsns,
                "the log has no such segment",
            ));
        };
        let file = self
            .directory
            .vfs
            .open(&path, OpenMode::Read)
            .map_err(|error| LogError::io("open", &path, error))?;
        let segment = Arc::new(Segment {
            id,
            salt,
            path,
            file,
        });
        self.insert(Arc::clone(&segment));
        Ok(segment)
    }
}

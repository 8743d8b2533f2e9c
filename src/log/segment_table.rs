//! [`SegmentTable`]: the log's segments for reading, with a bounded number of them open.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Bound;
use std::sync::Arc;

use parking_lot::RwLock;

use super::block_cache::BlockCache;
use super::chain::SegmentInfo;
use super::directory::Directory;
use super::segment::Segment;
use super::segment_header::Kind;
use super::{FrameAddress, LogError, Lsn, SegmentId};
use crate::vfs::OpenMode;

/// How many sealed segments are held open at most.
const OPEN_MAX: usize = 128;

/// The log's segments for reading.
#[derive(Debug)]
pub(super) struct SegmentTable {
    directory: Directory,
    table: RwLock<Table>,
    /// What was read last of compacted ones.
    blocks: BlockCache,
}

#[derive(Debug, Default)]
struct Table {
    /// All of them. The length of the newest is not kept here.
    infos: BTreeMap<SegmentId, SegmentInfo>,
    open: BTreeMap<SegmentId, Arc<Segment>>,
    /// The open ones, the one opened first in front.
    order: VecDeque<SegmentId>,
    /// Those whose files are about to be replaced or removed: nobody may open these by name.
    pinned: BTreeMap<SegmentId, Arc<Segment>>,
}

impl Table {
    fn insert(&mut self, segment: Arc<Segment>) {
        let id = segment.id;
        if self.open.insert(id, segment).is_none() {
            self.order.push_back(id);
        }
        while self.order.len() > OPEN_MAX {
            if let Some(oldest) = self.order.pop_front() {
                self.open.remove(&oldest);
            }
        }
    }

    fn opened(&self, id: SegmentId) -> Option<Arc<Segment>> {
        let segment = self.open.get(&id).or_else(|| self.pinned.get(&id));
        segment.map(Arc::clone)
    }

    fn close(&mut self, id: SegmentId) {
        self.open.remove(&id);
        self.order.retain(|open| *open != id);
        self.pinned.remove(&id);
    }

    /// The segment that holds the record at `at`, if it is in the one named there or in one that
    /// has replaced that.
    fn holding(&self, at: FrameAddress) -> Option<SegmentInfo> {
        let (_, info) = self.infos.range(..=SegmentId::new(at.lsn)).next_back()?;
        let holds = match info.header.kind {
            Kind::Ordinary => info.id() == at.segment,
            Kind::Compacted { end, .. } => at.lsn.get() < end,
        };
        holds.then_some(*info)
    }
}

impl SegmentTable {
    pub(super) fn new(directory: Directory, sealed: Vec<SegmentInfo>) -> Self {
        let infos = sealed.into_iter().map(|info| (info.id(), info)).collect();
        Self {
            directory,
            table: RwLock::new(Table {
                infos,
                ..Table::default()
            }),
            blocks: BlockCache::default(),
        }
    }

    /// What was read last of compacted segments.
    pub(super) fn blocks(&self) -> &BlockCache {
        &self.blocks
    }

    /// All segments in order, the newest without its length.
    pub(super) fn infos(&self) -> Vec<SegmentInfo> {
        self.table.read().infos.values().copied().collect()
    }

    /// The segment that covers the record `lsn`, and the base of the one behind it.
    pub(super) fn covering(&self, lsn: Lsn) -> Option<(SegmentInfo, Option<u64>)> {
        let table = self.table.read();
        let (id, info) = table.infos.range(..=SegmentId::new(lsn)).next_back()?;
        let behind = (Bound::Excluded(*id), Bound::Unbounded);
        let next = table.infos.range(behind).next();
        Some((*info, next.map(|(next, _)| next.base().get())))
    }

    /// Adds the segment that is the newest from now on. The one that was it has `sealed_bytes`.
    pub(super) fn begin(&self, segment: Arc<Segment>, sealed_bytes: u64) {
        let mut table = self.table.write();
        if let Some(mut last) = table.infos.last_entry() {
            last.get_mut().bytes = sealed_bytes;
        }
        let header = segment.header;
        table
            .infos
            .insert(segment.id, SegmentInfo { header, bytes: 0 });
        table.insert(segment);
    }

    /// The segment that `at` is in, or has come to be in.
    pub(super) fn segment_of(&self, at: FrameAddress) -> Result<Arc<Segment>, LogError> {
        loop {
            let info = self.info_of(at)?;
            if let Some(segment) = self.opened(&info) {
                return Ok(segment);
            }
            if let Some(segment) = self.open(&info)? {
                return Ok(segment);
            }
        }
    }

    /// What is known of the segment that `at` is in, or has come to be in.
    pub(super) fn info_of(&self, at: FrameAddress) -> Result<SegmentInfo, LogError> {
        self.table.read().holding(at).ok_or_else(|| {
            let lsns = at.lsn.get()..at.end().get();
            let path = self.directory.segment(at.segment);
            LogError::corrupt(&path, at.offset, lsns, "the log has no such segment")
        })
    }

    /// A segment, if it is open.
    pub(super) fn opened(&self, info: &SegmentInfo) -> Option<Arc<Segment>> {
        let segment = self.table.read().opened(info.id())?;
        (segment.header == info.header).then_some(segment)
    }

    /// Keeps a segment open for a while that somebody else has opened.
    pub(super) fn keep_open(&self, segment: Arc<Segment>) {
        self.table.write().insert(segment);
    }

    /// Takes over what another process has made of the segments.
    pub(super) fn refresh(&self, infos: Vec<SegmentInfo>) {
        let infos = infos.into_iter().map(|info| (info.id(), info)).collect();
        *self.table.write() = Table {
            infos,
            ..Table::default()
        };
    }

    /// Opens a segment; none if another one has replaced it meanwhile.
    pub(super) fn open(&self, info: &SegmentInfo) -> Result<Option<Arc<Segment>>, LogError> {
        let id = info.id();
        let path = self.directory.segment(id);
        let file = self.directory.vfs.open(&path, OpenMode::Read);
        let mut table = self.table.write();
        // Whoever replaces segments has pinned them before, and unpins them when this is known here.
        if table.infos.get(&id).map(|info| info.header) != Some(info.header) {
            return Ok(None);
        }
        if let Some(segment) = table.opened(id) {
            return Ok(Some(segment));
        }
        let file = file.map_err(|error| LogError::io("open", &path, error))?;
        let segment = Arc::new(Segment::new(info.header, path, file));
        table.insert(Arc::clone(&segment));
        Ok(Some(segment))
    }

    /// Holds segments open that are about to be replaced.
    pub(super) fn pin(&self, segments: &[Arc<Segment>]) {
        let mut table = self.table.write();
        for segment in segments {
            table.pinned.insert(segment.id, Arc::clone(segment));
        }
    }

    /// Lets go of segments that were not replaced.
    pub(super) fn unpin(&self, ids: &[SegmentId]) {
        let mut table = self.table.write();
        for id in ids {
            table.pinned.remove(id);
        }
    }

    /// Puts a compacted segment in the place of those that it covers.
    pub(super) fn replace(&self, ids: &[SegmentId], segment: Arc<Segment>, bytes: u64) {
        let mut table = self.table.write();
        for id in ids {
            table.infos.remove(id);
            table.close(*id);
        }
        let header = segment.header;
        table
            .infos
            .insert(segment.id, SegmentInfo { header, bytes });
        table.insert(segment);
    }
}

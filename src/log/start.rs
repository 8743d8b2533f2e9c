//! [`Start`]: with which segment a replay from a position begins.

use super::block_cache::BlockCache;
use super::chain::Chain;
use super::directory::Directory;
use super::frame::ALIGNMENT;
use super::segment::Segment;
use super::segment_header::{Kind, SEGMENT_HEADER_BYTES};
use super::{LogError, LogPosition, Lsn, ReplayFrom, SegmentId};
use crate::vfs::OpenMode;

/// With which segment a replay begins.
#[derive(Debug, Clone, Copy)]
pub(super) struct Start {
    /// Its number in the chain.
    pub(super) segment: usize,
    /// Where in it, if not at its beginning.
    pub(super) position: Option<LogPosition>,
}

impl Start {
    /// Finds the place in the log that a position means now. Whether a frame begins there is for
    /// whoever reads it to see.
    pub(super) fn find(
        directory: &Directory,
        chain: &Chain,
        from: ReplayFrom,
    ) -> Result<Self, LogError> {
        let ReplayFrom::Position(position) = from else {
            return Ok(Self {
                segment: 0,
                position: None,
            });
        };
        Self::of(directory, chain, position)?.ok_or_else(|| no_such_position(directory, from))
    }

    fn of(
        directory: &Directory,
        chain: &Chain,
        position: LogPosition,
    ) -> Result<Option<Self>, LogError> {
        let lsn = position.lsn;
        let after = chain
            .segments
            .partition_point(|info| info.id().base() <= lsn);
        let Some(segment) = after.checked_sub(1) else {
            // In a log without segments there is the position of its first record.
            let first = lsn == Lsn::FIRST && chain.segments.is_empty();
            return Ok(first.then_some(Self {
                segment: 0,
                position: None,
            }));
        };
        let Some(info) = chain.segments.get(segment) else {
            return Ok(None);
        };
        let beginning = Self {
            segment,
            position: None,
        };
        if info.id().base() == lsn {
            return Ok(Some(beginning));
        }
        match info.header.kind {
            Kind::Ordinary if position.segment != info.id() => Ok(None),
            Kind::Ordinary => Ok((position.offset >= SEGMENT_HEADER_BYTES
                && position.offset.is_multiple_of(ALIGNMENT))
            .then_some(Self {
                segment,
                position: Some(position),
            })),
            Kind::Compacted { .. } => {
                let path = directory.segment(info.id());
                let file = directory
                    .vfs
                    .open(&path, OpenMode::Read)
                    .map_err(|error| LogError::io("open", &path, error))?;
                let segment_file = Segment::new(info.header, path, file);
                let is_boundary = segment_file.is_boundary(lsn.get(), &BlockCache::default())?;
                Ok(is_boundary.then_some(Self {
                    segment,
                    position: Some(position),
                }))
            }
        }
    }
}

pub(super) fn no_such_position(directory: &Directory, from: ReplayFrom) -> LogError {
    let beginning = LogPosition {
        lsn: Lsn::FIRST,
        segment: SegmentId::new(Lsn::FIRST),
        offset: SEGMENT_HEADER_BYTES,
    };
    LogError::NoSuchPosition {
        log: directory.root().to_path_buf(),
        position: match from {
            ReplayFrom::Position(position) => position,
            ReplayFrom::Beginning => beginning,
        },
    }
}

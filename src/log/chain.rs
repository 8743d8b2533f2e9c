//! [`Chain`]: which segments make up a log, from their names and headers.
//!
//! Every segment names the one in front of it, so that a missing one is found without reading frames.

use std::path::Path;

use uuid::Uuid;

use super::directory::Directory;
use super::segment_header::{Kind, SEGMENT_HEADER_BYTES, SegmentHeader};
use super::superblock::Superblock;
use super::{LogError, Lsn, SegmentId};
use crate::vfs::{OpenMode, VfsFile};

/// What is known of a segment without reading its frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SegmentInfo {
    pub(super) header: SegmentHeader,
    /// The length of its file, without space prepared ahead where that is known.
    pub(super) bytes: u64,
}

impl SegmentInfo {
    pub(super) fn id(&self) -> SegmentId {
        self.header.id()
    }
}

/// The segments that make up a log.
#[derive(Debug, Default)]
pub(super) struct Chain {
    /// In order. The last one is the newest.
    pub(super) segments: Vec<SegmentInfo>,
    /// Segments whose records are in a compacted one that replaces them; each with that.
    pub(super) leftovers: Vec<(SegmentId, SegmentId)>,
}

impl Chain {
    /// The greatest LSN up to which the log was known to whoever compacted segments of it; 0 if nobody has.
    pub(super) fn compacted_as_of(&self) -> u64 {
        let of_segments = self.segments.iter().map(|info| info.header.kind.as_of());
        of_segments.max().unwrap_or_default()
    }
}

/// Reads the headers of the segments in `directory` and finds what is missing between them.
pub(super) fn read_chain(
    directory: &Directory,
    superblock: &Superblock,
) -> Result<Chain, LogError> {
    let missing = |base: u64, end: u64| {
        let path = directory.segment(SegmentId::new(Lsn::new(base)));
        LogError::corrupt(&path, 0, base..end, "the segment is missing")
    };
    let mut chain = Chain::default();
    for id in directory.segments()? {
        let base = id.base().get();
        let last = chain.segments.last().map(|info| info.header);
        if let Some(last) = last
            && let Kind::Compacted { end, .. } = last.kind
            && base < end
        {
            chain.leftovers.push((id, last.id()));
            continue;
        }
        let info = read_header(directory, id, superblock)?;
        let previous = info.header.previous;
        match last.map(|last| (last.base, last.kind)) {
            None if base != Lsn::FIRST.get() => return Err(missing(Lsn::FIRST.get(), base)),
            None if previous != 0 => return Err(misplaced(directory, id)),
            Some((_, Kind::Compacted { end, .. })) if base > end => return Err(missing(end, base)),
            Some((before, Kind::Compacted { .. })) if previous < before => {
                return Err(misplaced(directory, id));
            }
            Some((before, Kind::Ordinary)) if previous > before => {
                return Err(missing(previous, base));
            }
            Some((before, Kind::Ordinary)) if previous < before => {
                return Err(misplaced(directory, id));
            }
            _ => chain.segments.push(info),
        }
    }
    let newest = superblock.newest_segment;
    let watermark = superblock.watermark;
    match chain.segments.last().map(|info| info.header) {
        None if newest != 0 => Err(missing(Lsn::FIRST.get(), watermark.max(2))),
        Some(SegmentHeader {
            kind: Kind::Compacted { end, .. },
            ..
        }) => Err(missing(
            newest.max(end),
            watermark.max(newest.max(end).saturating_add(1)),
        )),
        Some(last) if last.base < newest => {
            Err(missing(newest, watermark.max(newest.saturating_add(1))))
        }
        _ => Ok(chain),
    }
}

/// Whether a log that ends at `end` has all that was known to whoever compacted `segments` of it.
pub(super) fn require_end(
    directory: &Directory,
    segments: &[SegmentInfo],
    end: u64,
) -> Result<(), LogError> {
    for info in segments {
        let as_of = info.header.kind.as_of();
        if as_of > end {
            let reason = format!(
                "it was compacted when the log was known up to record {as_of}, but that ends at {end}"
            );
            let path = directory.segment(info.id());
            return Err(LogError::corrupt(&path, 0, end..as_of, reason));
        }
    }
    Ok(())
}

/// The databases that the headers of the segments in `directory` name, as far as they can be read.
pub(super) fn databases_of(directory: &Directory) -> Result<Vec<Uuid>, LogError> {
    let mut databases = Vec::new();
    for id in directory.segments()? {
        let (header, _) = header_bytes(directory, &directory.segment(id))?;
        databases.extend(SegmentHeader::database_of(&header));
    }
    Ok(databases)
}

/// A segment that does not know the one in front of it.
fn misplaced(directory: &Directory, id: SegmentId) -> LogError {
    let base = id.base().get();
    LogError::corrupt(
        &directory.segment(id),
        0,
        base..base.saturating_add(1),
        "it does not follow the segment in front of it",
    )
}

fn read_header(
    directory: &Directory,
    id: SegmentId,
    superblock: &Superblock,
) -> Result<SegmentInfo, LogError> {
    let path = directory.segment(id);
    let (header, bytes) = header_bytes(directory, &path)?;
    let header = SegmentHeader::decode(&header, &path, id, superblock.database)?;
    if let Kind::Compacted { footer, end, .. } = header.kind
        && bytes <= footer
    {
        let reason = "the file ends before the segment's footer";
        return Err(LogError::corrupt(&path, footer, header.base..end, reason));
    }
    Ok(SegmentInfo { header, bytes })
}

/// The bytes of a segment's header, as [`header_of`], and the length of its file.
fn header_bytes(directory: &Directory, path: &Path) -> Result<(Vec<u8>, u64), LogError> {
    let io = |action| move |error| LogError::io(action, path, error);
    let file = directory.vfs.open(path, OpenMode::Read);
    let file = file.map_err(io("open"))?;
    let length = file.len().map_err(io("measure"))?;
    let header = header_of(file.as_ref(), length).map_err(io("read"))?;
    Ok((header, length))
}

/// The bytes of a segment's header, or as many as there are.
pub(super) fn header_of(file: &dyn VfsFile, len: u64) -> std::io::Result<Vec<u8>> {
    let length = len.min(SEGMENT_HEADER_BYTES);
    let mut bytes = vec![0; usize::try_from(length).unwrap_or_default()];
    file.read_exact_at(&mut bytes, 0)?;
    Ok(bytes)
}

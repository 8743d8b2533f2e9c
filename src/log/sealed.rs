//! Every frame of a sealed segment, in order, with all that must hold of it.

use super::frame::FrameHeader;
use super::packed_frames::PackedFrames;
use super::scan::{Expected, Found, SegmentScan};
use super::segment_header::{Kind, SEGMENT_HEADER_BYTES, SegmentHeader};
use super::{FrameAddress, LogError, LogPosition};

/// A sealed segment to be read, from its beginning unless [`start_at`](Self::start_at) says otherwise.
pub(super) enum Sealed {
    Ordinary(Ordinary),
    Compacted(PackedFrames),
}

/// A sealed segment that holds all of its records.
pub(super) struct Ordinary {
    scan: SegmentScan,
    header: SegmentHeader,
    end: u64,
    offset: u64,
    lsn: u64,
}

/// A frame of a sealed segment, found valid.
pub(super) struct SealedFrame<'a> {
    /// Where it is; of a compacted segment, where its block is.
    pub(super) address: FrameAddress,
    pub(super) header: FrameHeader,
    pub(super) payload: &'a [u8],
}

impl Sealed {
    /// A segment that covers the records up to `end`.
    pub(super) fn new(
        scan: SegmentScan,
        header: SegmentHeader,
        end: u64,
    ) -> Result<Self, LogError> {
        match header.kind {
            Kind::Ordinary => Ok(Self::Ordinary(Ordinary {
                scan,
                header,
                end,
                offset: SEGMENT_HEADER_BYTES,
                lsn: header.base,
            })),
            Kind::Compacted { .. } => PackedFrames::new(scan, header).map(Self::Compacted),
        }
    }

    /// Begins at a frame: the one at this offset, or the first in a compacted segment that ends after the LSN.
    pub(super) fn start_at(&mut self, at: LogPosition) {
        match self {
            Self::Ordinary(frames) => {
                (frames.offset, frames.lsn) = (at.offset, at.lsn.get());
            }
            Self::Compacted(frames) => frames.start_at(at.lsn.get()),
        }
    }

    pub(super) fn path(&self) -> &std::path::Path {
        match self {
            Self::Ordinary(frames) => frames.scan.path(),
            Self::Compacted(frames) => frames.path(),
        }
    }

    /// Up to where the file was read.
    pub(super) fn offset(&self) -> u64 {
        match self {
            Self::Ordinary(frames) => frames.offset,
            Self::Compacted(frames) => frames.offset(),
        }
    }

    /// The next frame; none at the end.
    pub(super) fn next(&mut self) -> Result<Option<SealedFrame<'_>>, LogError> {
        match self {
            Self::Ordinary(frames) => frames.next(),
            Self::Compacted(frames) => frames.next(),
        }
    }
}

impl Ordinary {
    fn next(&mut self) -> Result<Option<SealedFrame<'_>>, LogError> {
        if self.lsn >= self.end {
            return Ok(None);
        }
        let offset = self.offset;
        let expected = Expected::Exactly(self.lsn);
        let found = self.scan.frame(offset, expected, self.header.salt)?;
        let reason = match found {
            Found::Frame(header, _) if header.end() > self.end => {
                "its frame overlaps the next segment"
            }
            Found::Frame(header, payload) => {
                let address = header.address(self.header.id(), offset);
                self.lsn = header.end();
                self.offset += header.frame_bytes();
                return Ok(Some(SealedFrame {
                    address,
                    header,
                    payload: self.scan.bytes(payload)?,
                }));
            }
            Found::Bad(reason) => reason,
            Found::End => "the file ends before the next segment begins",
        };
        let path = self.scan.path();
        Err(LogError::corrupt(path, offset, self.lsn..self.end, reason))
    }
}

//! Every frame of a sealed segment, in order, with all that must hold of it.

use super::footer::Footer;
use super::frame::FrameHeader;
use super::scan::{Expected, Found, SegmentScan};
use super::segment::read_footer;
use super::segment_header::{Kind, SEGMENT_HEADER_BYTES, SegmentHeader};
use super::{FrameAddress, LogError};

/// A sealed segment to be read, from its beginning unless `offset` and `lsn` are set to a later frame.
pub(super) struct Sealed {
    scan: SegmentScan,
    header: SegmentHeader,
    end: u64,
    offset: u64,
    lsn: u64,
    /// The footer of a compacted segment, and what it would be as far as was read.
    footer: Option<(Footer, Footer)>,
    frames_end: u64,
}

/// A frame of a sealed segment, found valid.
pub(super) struct SealedFrame<'a> {
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
        let (footer, frames_end) = match header.kind {
            Kind::Ordinary => (None, scan.len()),
            Kind::Compacted { footer: at, .. } => {
                let footer = read_footer(&header, scan.path(), scan.file(), scan.len())?;
                (Some((footer, Footer::default())), at)
            }
        };
        Ok(Self {
            scan,
            header,
            end,
            offset: SEGMENT_HEADER_BYTES,
            lsn: header.base,
            footer,
            frames_end,
        })
    }

    /// Begins at the frame at `offset`, the first that ends after `lsn`.
    pub(super) fn start_at(&mut self, offset: u64, lsn: u64) {
        self.offset = offset;
        self.lsn = lsn;
        if offset != SEGMENT_HEADER_BYTES {
            // It can no longer be compared with the frames.
            self.footer = None;
        }
    }

    pub(super) fn path(&self) -> &std::path::Path {
        self.scan.path()
    }

    /// The next frame; none at the end.
    pub(super) fn next(&mut self) -> Result<Option<SealedFrame<'_>>, LogError> {
        let compacted = matches!(self.header.kind, Kind::Compacted { .. });
        let (done, expected) = match compacted {
            true => (self.offset >= self.frames_end, Expected::From(self.lsn)),
            false => (self.lsn >= self.end, Expected::Exactly(self.lsn)),
        };
        if done {
            return self.finish().map(|()| None);
        }
        let offset = self.offset;
        let found = self.scan.frame(offset, expected, self.header.salt)?;
        let reason = match found {
            Found::Frame(header, _) if header.end() > self.end => {
                "its frame overlaps the next segment"
            }
            Found::Frame(header, _) if offset + header.frame_bytes() > self.frames_end => {
                "its frame overlaps the segment's footer"
            }
            Found::Frame(header, payload) => {
                let address = header.address(self.header.id(), offset);
                if let Some((_, read)) = &mut self.footer {
                    read.push(header.lsn, offset);
                }
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

    fn finish(&self) -> Result<(), LogError> {
        let reason = match &self.footer {
            Some((stored, read)) if stored != read => {
                "the segment's footer does not fit its frames"
            }
            _ if self.offset > self.frames_end => "a frame overlaps the segment's footer",
            _ => return Ok(()),
        };
        let lsns = self.header.base..self.end;
        let path = self.scan.path();
        Err(LogError::corrupt(path, self.frames_end, lsns, reason))
    }
}

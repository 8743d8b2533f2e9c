//! [`Segment`]: one open file of the log.

use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;

use super::frame::{BadHeader, FrameHeader, HEADER_BYTES};
use super::{FrameAddress, LogError, SegmentId};
use crate::vfs::VfsFile;

/// One open file of the log.
#[derive(Debug)]
pub(super) struct Segment {
    pub(super) id: SegmentId,
    pub(super) salt: u64,
    pub(super) path: PathBuf,
    pub(super) file: Arc<dyn VfsFile>,
}

impl Segment {
    /// The payload of the frame that is at `at`, once both of its checksums were found right.
    pub(super) fn read(&self, at: FrameAddress) -> Result<Bytes, LogError> {
        let padded = u64::from(at.payload_len).next_multiple_of(super::frame::ALIGNMENT);
        let damaged = |reason: &str| {
            LogError::corrupt(&self.path, at.offset, at.lsn.get()..at.end().get(), reason)
        };
        let length = HEADER_BYTES + usize::try_from(padded).map_err(|_| damaged("too long"))?;
        let mut bytes = vec![0; length];
        self.file
            .read_exact_at(&mut bytes, at.offset)
            .map_err(|error| match error.kind() {
                std::io::ErrorKind::UnexpectedEof => damaged("the file ends before the frame does"),
                _ => LogError::io("read", &self.path, error),
            })?;
        let (header, body) = bytes.split_at_checked(HEADER_BYTES).unwrap_or_default();
        let header = FrameHeader::decode(header, self.salt).map_err(|bad| match bad {
            BadHeader::Invalid(reason) => damaged(reason),
            BadHeader::Newer(what) => LogError::NewerFormat {
                path: self.path.clone(),
                offset: at.offset,
                what,
            },
        })?;
        if header.lsn != at.lsn.get()
            || header.records != at.records
            || header.payload_len != at.payload_len
        {
            return Err(damaged("another frame is at this place"));
        }
        if !header.covers(body, self.salt) {
            return Err(damaged("the payload's checksum is wrong"));
        }
        let end = HEADER_BYTES + at.payload_len as usize;
        Ok(Bytes::from(bytes).slice(HEADER_BYTES..end))
    }
}

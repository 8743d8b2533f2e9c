//! [`Segment`]: one open file of the log.

use std::ops::Range;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;

use super::block_cache::BlockCache;
use super::footer::Footer;
use super::frame::{BadHeader, FrameHeader, HEADER_BYTES};
use super::segment_header::{Kind, SegmentHeader};
use super::{FrameAddress, LogError, SegmentId, Window};
use crate::vfs::VfsFile;

/// So much is allocated on the word of a place, which may say anything; for more the file must be long enough.
const BELIEVED_BYTES: u64 = 1 << 20;

/// One open file of the log.
#[derive(Debug)]
pub(super) struct Segment {
    pub(super) id: SegmentId,
    pub(super) header: SegmentHeader,
    pub(super) path: PathBuf,
    pub(super) file: Arc<dyn VfsFile>,
    /// That of a compacted segment, once it was needed.
    footer: OnceLock<Footer>,
}

impl Segment {
    pub(super) fn new(header: SegmentHeader, path: PathBuf, file: Arc<dyn VfsFile>) -> Self {
        Self {
            id: header.id(),
            header,
            path,
            file,
            footer: OnceLock::new(),
        }
    }

    pub(super) fn salt(&self) -> u64 {
        self.header.salt
    }

    /// The payload of the frame that is, or was before a compaction, at `at`, once its checksums were found right.
    pub(super) fn read(&self, at: FrameAddress, blocks: &BlockCache) -> Result<Bytes, LogError> {
        match self.header.kind {
            Kind::Ordinary => self.read_at(at),
            Kind::Compacted { .. } => self.read_packed(at.lsn, blocks, None),
        }
    }

    /// As [`read`](Self::read), by way of a window that also holds what lies in front of the frame.
    pub(super) fn read_back(
        self: &Arc<Self>,
        at: FrameAddress,
        window: &mut Window,
        blocks: &BlockCache,
    ) -> Result<Bytes, LogError> {
        if self.header.kind != Kind::Ordinary {
            return self.read_packed(at.lsn, blocks, Some(window));
        }
        let end = at.position_after().offset;
        let bytes = match window.get(self.salt(), at.offset, end) {
            Some(bytes) => bytes,
            None => {
                let Some(length) = window.next_length() else {
                    return self.read_at(at);
                };
                let start = at.offset.min(end.saturating_sub(length));
                let bytes = Bytes::from(self.bytes(start..end, at.lsn.get()..at.end().get())?);
                window.fill(self.salt(), start, bytes.clone());
                bytes.slice(usize::try_from(at.offset - start).unwrap_or_default()..)
            }
        };
        self.verified(at, bytes)
    }

    fn read_at(&self, at: FrameAddress) -> Result<Bytes, LogError> {
        let end = at.position_after().offset;
        let bytes = self.bytes(at.offset..end, at.lsn.get()..at.end().get())?;
        self.verified(at, bytes.into())
    }

    /// A part of the file, which is needed for these records.
    pub(super) fn bytes(&self, part: Range<u64>, lsns: Range<u64>) -> Result<Vec<u8>, LogError> {
        let damaged = |reason: &str| self.damaged(part.start, lsns.clone(), reason);
        let length = part.end.saturating_sub(part.start);
        let short = "the file ends before the frame does";
        if length > BELIEVED_BYTES {
            let len = self.file.len();
            if len.map_err(|error| LogError::io("measure", &self.path, error))? < part.end {
                return Err(damaged(short));
            }
        }
        let mut bytes = vec![0; usize::try_from(length).map_err(|_| damaged("too long"))?];
        self.file
            .read_exact_at(&mut bytes, part.start)
            .map_err(|error| match error.kind() {
                std::io::ErrorKind::UnexpectedEof => damaged(short),
                _ => LogError::io("read", &self.path, error),
            })?;
        Ok(bytes)
    }

    /// The payload of the frame that these bytes are, if they are that.
    fn verified(&self, at: FrameAddress, bytes: Bytes) -> Result<Bytes, LogError> {
        let damaged = |reason: &str| self.damaged(at.offset, at.lsn.get()..at.end().get(), reason);
        let (header, body) = bytes.split_at_checked(HEADER_BYTES).unwrap_or_default();
        let header = FrameHeader::decode(header, self.salt());
        let lsns = at.lsn.get()..at.end().get();
        let header = header.map_err(|bad| self.bad(at.offset, lsns, bad))?;
        if header.lsn != at.lsn.get()
            || header.records != at.records
            || header.payload_len != at.payload_len
        {
            return Err(damaged("another frame is at this place"));
        }
        if !header.covers(body) {
            return Err(damaged("the payload's checksum is wrong"));
        }
        let end = HEADER_BYTES + at.payload_len as usize;
        Ok(bytes.slice(HEADER_BYTES..end))
    }

    pub(super) fn footer(&self) -> Result<&Footer, LogError> {
        if let Some(footer) = self.footer.get() {
            return Ok(footer);
        }
        let len = self
            .file
            .len()
            .map_err(|error| LogError::io("measure", &self.path, error))?;
        let footer = read_footer(&self.header, &self.path, self.file.as_ref(), len)?;
        Ok(self.footer.get_or_init(|| footer))
    }

    /// The error for a header that is none.
    pub(super) fn bad(&self, offset: u64, lsns: Range<u64>, bad: BadHeader) -> LogError {
        match bad {
            BadHeader::Invalid(reason) => self.damaged(offset, lsns, reason),
            BadHeader::Newer(what) => LogError::NewerFormat {
                path: self.path.clone(),
                offset,
                what,
            },
        }
    }

    pub(super) fn damaged(&self, offset: u64, lsns: Range<u64>, reason: &str) -> LogError {
        LogError::corrupt(&self.path, offset, lsns, reason)
    }
}

/// The footer of a compacted segment whose file is `len` bytes long; that of an ordinary one is empty.
pub(super) fn read_footer(
    header: &SegmentHeader,
    path: &std::path::Path,
    file: &dyn VfsFile,
    len: u64,
) -> Result<Footer, LogError> {
    let Kind::Compacted {
        end, footer: at, ..
    } = header.kind
    else {
        return Ok(Footer::default());
    };
    let damaged = |reason| LogError::corrupt(path, at, header.base..end, reason);
    let length = len
        .checked_sub(at)
        .ok_or_else(|| damaged("the file ends before the segment's footer"))?;
    if length > Footer::bytes_max(at) {
        return Err(damaged("the segment's footer is too long"));
    }
    let mut bytes = vec![0; usize::try_from(length).map_err(|_| damaged("it is too long"))?];
    file.read_exact_at(&mut bytes, at)
        .map_err(|error| LogError::io("read", path, error))?;
    Footer::decode(&bytes, header.salt, header.base, at).map_err(damaged)
}

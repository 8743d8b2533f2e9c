//! [`Segment`]: one open file of the log.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;

use super::footer::Footer;
use super::frame::{BadHeader, FrameHeader, HEADER_BYTES};
use super::segment_header::{Kind, SegmentHeader};
use super::{FrameAddress, LogError, SegmentId, Window};
use crate::vfs::VfsFile;

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

    /// The payload of the frame that is, or was before a compaction, at `at`, once both of its
    /// checksums were found right.
    pub(super) fn read(&self, at: FrameAddress) -> Result<Bytes, LogError> {
        match self.header.kind {
            Kind::Ordinary => self.read_at(at),
            Kind::Compacted { footer, .. } => {
                if at.segment == self.id
                    && at.position_after().offset <= footer
                    && let Ok(payload) = self.read_at(at)
                {
                    return Ok(payload);
                }
                let lsn = at.lsn;
                let found = self.first_from(lsn.get())?;
                self.read_at(
                    found
                        .filter(|found| found.lsn == lsn)
                        .ok_or(LogError::Dropped { lsn })?,
                )
            }
        }
    }

    /// As [`read`](Self::read), by way of a window that also holds what lies in front of the frame.
    pub(super) fn read_back(
        self: &Arc<Self>,
        at: FrameAddress,
        window: &mut Window,
    ) -> Result<Bytes, LogError> {
        if self.header.kind != Kind::Ordinary {
            return self.read(at);
        }
        let end = at.position_after().offset;
        let bytes = match window.get(self, at.offset, end) {
            Some(bytes) => bytes,
            None => {
                let Some(length) = window.next_length() else {
                    return self.read(at);
                };
                let start = at.offset.min(end.saturating_sub(length));
                let bytes = Bytes::from(self.bytes(at, start, end)?);
                window.fill(self, start, bytes.clone());
                bytes.slice(usize::try_from(at.offset - start).unwrap_or_default()..)
            }
        };
        self.verified(at, bytes)
    }

    fn read_at(&self, at: FrameAddress) -> Result<Bytes, LogError> {
        let end = at.position_after().offset;
        let bytes = self.bytes(at, at.offset, end)?;
        self.verified(at, bytes.into())
    }

    /// The bytes of the file from `start` to `end`, which are needed for the frame at `at`.
    fn bytes(&self, at: FrameAddress, start: u64, end: u64) -> Result<Vec<u8>, LogError> {
        let damaged = |reason: &str| self.damaged(at.offset, at.lsn.get()..at.end().get(), reason);
        let length = end.saturating_sub(start);
        let mut bytes = vec![0; usize::try_from(length).map_err(|_| damaged("too long"))?];
        self.file
            .read_exact_at(&mut bytes, start)
            .map_err(|error| match error.kind() {
                std::io::ErrorKind::UnexpectedEof => damaged("the file ends before the frame does"),
                _ => LogError::io("read", &self.path, error),
            })?;
        Ok(bytes)
    }

    /// The payload of the frame that these bytes are, if they are that.
    fn verified(&self, at: FrameAddress, bytes: Bytes) -> Result<Bytes, LogError> {
        let damaged = |reason: &str| self.damaged(at.offset, at.lsn.get()..at.end().get(), reason);
        let (header, body) = bytes.split_at_checked(HEADER_BYTES).unwrap_or_default();
        let header = self.header_of(header, at.offset, at.lsn.get()..at.end().get())?;
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

    /// The first frame of a compacted segment that ends after the record `lsn`. It may begin before it.
    pub(super) fn first_from(&self, lsn: u64) -> Result<Option<FrameAddress>, LogError> {
        let Kind::Compacted { footer: end, .. } = self.header.kind else {
            return Ok(None);
        };
        let footer = self.footer()?;
        let first = super::segment_header::SEGMENT_HEADER_BYTES;
        let range = footer
            .look_up(lsn, end)
            .unwrap_or(first..end.min(first + 1));
        let length = range.end.saturating_add(HEADER_BYTES as u64).min(end) - range.start;
        let mut bytes = vec![0; usize::try_from(length).unwrap_or_default()];
        self.file
            .read_exact_at(&mut bytes, range.start)
            .map_err(|error| LogError::io("read", &self.path, error))?;
        let mut at = range.start;
        // The frame that begins at the end of the range is looked at as well: it is the next one.
        while at <= range.end && at < end {
            let from = usize::try_from(at - range.start).unwrap_or(usize::MAX);
            let header = bytes.get(from..).unwrap_or_default();
            let header = self.header_of(header, at, lsn..lsn.saturating_add(1))?;
            if header.end() > lsn {
                return Ok(Some(header.address(self.id, at)));
            }
            at = at.saturating_add(header.frame_bytes());
        }
        Ok(None)
    }

    fn footer(&self) -> Result<&Footer, LogError> {
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

    fn header_of(
        &self,
        bytes: &[u8],
        offset: u64,
        lsns: std::ops::Range<u64>,
    ) -> Result<FrameHeader, LogError> {
        FrameHeader::decode(bytes, self.salt()).map_err(|bad| match bad {
            BadHeader::Invalid(reason) => self.damaged(offset, lsns, reason),
            BadHeader::Newer(what) => LogError::NewerFormat {
                path: self.path.clone(),
                offset,
                what,
            },
        })
    }

    fn damaged(&self, offset: u64, lsns: std::ops::Range<u64>, reason: &str) -> LogError {
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

//! [`SegmentWriter`]: a segment that is written as a whole, by a compaction or into a backup.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::LogError;
use super::directory::Directory;
use super::frame;
use super::segment::Segment;
use super::segment_header::{Kind, SEGMENT_HEADER_BYTES, SegmentHeader};
use crate::canary::Canary;
use crate::vfs::{OpenMode, VfsFile};

const BUFFER: usize = 256 * 1024;
/// After this much the file is synced, so that no single sync has much to do and holds up those of commits.
const SYNC_EVERY: u64 = 1024 * 1024;

/// A segment while it is being written, under a temporary name that goes with it unless it is
/// [finished](Self::finish).
pub(super) struct SegmentWriter<'a> {
    directory: &'a Directory,
    header: SegmentHeader,
    path: PathBuf,
    file: Arc<dyn VfsFile>,
    buffer: Vec<u8>,
    /// Where the buffer begins in the file.
    written: u64,
    synced: u64,
    finished: bool,
}

impl<'a> SegmentWriter<'a> {
    /// A segment with the header's base, salt and predecessor.
    pub(super) fn create(
        directory: &'a Directory,
        header: SegmentHeader,
    ) -> Result<Self, LogError> {
        let path = Directory::temporary(&directory.segment(header.id()));
        let file = directory
            .remove_if_there(&path)
            .and_then(|()| directory.vfs.open(&path, OpenMode::CreateNew))
            .map_err(|error| LogError::space("create", &path, error))?;
        Ok(Self {
            directory,
            header,
            path,
            file,
            buffer: Vec::with_capacity(BUFFER),
            written: SEGMENT_HEADER_BYTES,
            synced: 0,
            finished: false,
        })
    }

    /// Adds a frame and gives its length in bytes.
    pub(super) fn push(
        &mut self,
        lsn: u64,
        synced_lsn: u64,
        records: u32,
        payload: &[u8],
    ) -> Result<u64, LogError> {
        let before = self.buffer.len();
        let salt = self.header.salt;
        frame::encode(&mut self.buffer, salt, lsn, synced_lsn, records, payload);
        let length = (self.buffer.len() - before) as u64;
        self.flush_if_full()?;
        Ok(length)
    }

    /// Adds bytes.
    pub(super) fn append(&mut self, bytes: &[u8]) -> Result<(), LogError> {
        self.buffer.extend_from_slice(bytes);
        self.flush_if_full()
    }

    /// Where what is added next begins in the file.
    pub(super) fn offset(&self) -> u64 {
        self.written + self.buffer.len() as u64
    }

    pub(super) fn header(&self) -> &SegmentHeader {
        &self.header
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    fn flush_if_full(&mut self) -> Result<(), LogError> {
        if self.buffer.len() < BUFFER {
            return Ok(());
        }
        self.flush()
            .map_err(|error| LogError::space("write", &self.path, error))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.write_all_at(&self.buffer, self.written)?;
        self.written += self.buffer.len() as u64;
        self.buffer.clear();
        if self.written - self.synced >= SYNC_EVERY {
            self.file.sync_data()?;
            self.synced = self.written;
        }
        Ok(())
    }

    /// Writes what is missing and makes the file durable under its temporary name, with a header of this kind.
    /// Gives its length.
    pub(super) fn seal(&mut self, kind: Kind) -> Result<u64, LogError> {
        self.header.kind = kind;
        let sealed = (|| {
            self.flush()?;
            self.file.write_all_at(&self.header.encode(), 0)?;
            self.file.sync_all()?;
            Ok(self.written)
        })();
        sealed.map_err(|error| LogError::space("write", &self.path, error))
    }

    /// Gives the sealed file its name, durably, replacing what had it, and gives the segment. The error
    /// is of the step that makes the name durable: both files are whole then, and either may be found after a
    /// crash.
    pub(super) fn finish(mut self) -> Result<(Segment, Result<(), LogError>), LogError> {
        let path = self.directory.segment(self.header.id());
        self.directory
            .vfs
            .rename(&self.path, &path)
            .map_err(|error| LogError::io("replace", &path, error))?;
        self.finished = true;
        let durable = match Canary::SkippedPublishing.sings() {
            true => Ok(()),
            false => self.directory.sync_log(),
        };
        let segment = Segment::new(self.header, path, Arc::clone(&self.file));
        Ok((segment, durable))
    }
}

impl Drop for SegmentWriter<'_> {
    fn drop(&mut self) {
        if !self.finished {
            // If it stays, it takes only space until the next open.
            let _ = self.directory.vfs.remove(&self.path);
        }
    }
}

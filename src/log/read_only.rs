//! [`ReadOnlyLog`]: a log that is looked at while another process may be writing to it.

mod replay;

use std::io;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use uuid::Uuid;

use super::backup::{BackupReport, OnBackup, Original, Target};
use super::chain::{SegmentInfo, header_of, read_chain};
use super::directory::Directory;
use super::segment::Segment;
use super::segment_header::{Kind, SEGMENT_HEADER_BYTES};
use super::segment_table::SegmentTable;
use super::superblock::{self, Superblock};
use super::superblock_file::SuperblockFile;
use super::verify::Verify;
use super::{
    CacheStats, FrameAddress, LogError, Lsn, ReplayError, SegmentStats, VerifyProgress,
    VerifyReport,
};
use crate::vfs::{OpenMode, Vfs};

/// How often something is looked at again that another process seems to be changing.
const ATTEMPTS: u32 = 50;
const PAUSE: std::time::Duration = std::time::Duration::from_millis(2);

/// Is given the frames of a log that somebody else may be compacting. With each comes the greatest LSN up to which
/// the log was known to whoever has [compacted](super::Log::compact) what is there, as far as that was seen; it may grow.
pub type LookOn<'a> = dyn FnMut(FrameAddress, &[u8], Lsn) -> Result<(), ReplayError> + 'a;

/// A log as it was at one moment, without its lock. Nothing is written; another process may write to the log and
/// compact it meanwhile.
///
/// What it has seen may not be durable yet, and a crash may still take it.
#[derive(Debug)]
pub struct ReadOnlyLog {
    directory: Directory,
    superblock: Superblock,
    table: SegmentTable,
    /// The LSN after the last record that was read.
    end: Lsn,
    /// Where the last frame ends in the segment that was the newest.
    end_offset: u64,
    /// Whether all was read, and nothing belongs to it that comes behind the end.
    is_read: bool,
}

/// What the superblock of a log says.
pub(crate) struct LogOrigin {
    pub(crate) database: Uuid,
    /// The version of the format.
    pub(crate) format: u32,
    /// Whether it was closed.
    pub(crate) clean: bool,
    /// Every record below this LSN was durable.
    pub(crate) watermark: u64,
    /// The base of the newest segment.
    pub(crate) newest: u64,
}

impl ReadOnlyLog {
    /// Opens the log in the directory `dir` and gives every frame in it to `replay`, in LSN order. It ends
    /// before the first frame that is not whole. If another process compacts it meanwhile, the frames in front are as they
    /// were before, and those behind as they are afterwards; then it does not end in front of what that process knew.
    ///
    /// # Errors
    /// [`LogError::Corrupt`] and its siblings if something that was durable is damaged or missing, or if `replay`
    /// fails; [`LogError::Io`] from the file system, also if there is no log.
    pub fn open(vfs: Arc<dyn Vfs>, dir: &Path, replay: &mut LookOn<'_>) -> Result<Self, LogError> {
        Self::find(vfs, dir)?.replay(replay)
    }

    /// Reads the superblock and the headers of the segments only.
    pub(crate) fn find(vfs: Arc<dyn Vfs>, dir: &Path) -> Result<Self, LogError> {
        let directory = Directory::new(vfs, dir)?;
        let superblock = again(&directory, || SuperblockFile::read(&directory))?.0;
        let chain = again(&directory, || read_chain(&directory, &superblock))?;
        Ok(Self {
            table: SegmentTable::new(directory.clone(), chain.segments),
            directory,
            superblock,
            end: Lsn::FIRST,
            end_offset: SEGMENT_HEADER_BYTES,
            is_read: false,
        })
    }

    /// What the superblock said.
    pub(crate) fn origin(&self) -> LogOrigin {
        LogOrigin {
            database: self.superblock.database,
            format: superblock::VERSION,
            clean: self.superblock.clean,
            watermark: self.superblock.watermark,
            newest: self.superblock.newest_segment,
        }
    }

    /// The LSN after the last record that was there.
    pub fn end(&self) -> Lsn {
        self.end
    }

    /// Whether somebody has compacted the log who knew more of it than was there when this was opened: what has died since may be gone.
    pub(crate) fn is_outdated(&self) -> bool {
        self.compacted_as_of() > self.end
    }

    /// The greatest LSN up to which the log was known to whoever compacted segments of it, as far as that was seen.
    fn compacted_as_of(&self) -> Lsn {
        let infos = self.table.infos();
        let known = infos.iter().map(|info| info.header.kind.as_of());
        Lsn::new(known.max().unwrap_or_default())
    }

    /// The payload of a frame that was replayed, as [`Log::read`](super::Log::read).
    ///
    /// # Errors
    /// [`LogError::Dropped`] if a compaction has dropped it. [`LogError::Corrupt`] if it is damaged.
    /// [`LogError::Io`] from the file system.
    pub fn read(&self, at: FrameAddress) -> Result<Bytes, LogError> {
        loop {
            let info = self.table.info_of(at)?;
            if let Some(segment) = self.open_segment(&info)? {
                return segment.read(at, self.table.blocks());
            }
        }
    }

    /// The segments in order, as [`Log::segments`](super::Log::segments).
    pub fn segments(&self) -> Vec<SegmentStats> {
        SegmentStats::of(&self.table.infos(), self.end, self.end_offset)
    }

    /// What of compacted segments is in memory, as [`Log::block_stats`](super::Log::block_stats).
    pub fn block_stats(&self) -> CacheStats {
        self.table.blocks().stats()
    }

    /// Reads everything again, as [`Log::verify`](super::Log::verify).
    ///
    /// # Errors
    /// [`LogError::Io`] from the file system. Damage is no error here, but in the report.
    pub fn verify(
        &self,
        progress: &mut dyn FnMut(VerifyProgress) -> ControlFlow<()>,
    ) -> Result<VerifyReport, LogError> {
        let bytes = self.segments().iter().map(|segment| segment.bytes).sum();
        let mut verify = Verify::new(&self.directory, self.end, bytes, progress);
        verify.segments(&self.table, &|info| self.open_segment(info))?;
        verify.superblock()?;
        Ok(verify.report)
    }

    /// Makes a backup of what was there when it was opened, as [`Log::backup`](super::Log::backup); or of what is there now, if
    /// it was compacted since, as that may have taken what belonged to it then.
    ///
    /// # Errors
    /// [`LogError::NotABackup`]; [`LogError::Locked`] if the backup is open; [`LogError::Io`] from the file system,
    /// also if the log is compacted again and again meanwhile, or is another one now.
    pub fn backup(&self, to: &Path, progress: &mut OnBackup<'_>) -> Result<BackupReport, LogError> {
        let database = self.superblock.database;
        let target = Target::new(&self.directory, to, database)?;
        let mut now = None;
        for _ in 0..ATTEMPTS {
            if let Some(original) = now.as_ref().unwrap_or(self).original()?
                && let Some(report) = target.back_up(&original, progress)?
            {
                return Ok(report);
            }
            let found = Self::find(Arc::clone(&self.directory.vfs), self.directory.root())?;
            if found.superblock.database != database {
                break;
            }
            now = Some(found.read_newest()?);
        }
        let gone = io::ErrorKind::NotFound.into();
        Err(LogError::io("back up", self.directory.log(), gone))
    }

    /// What a backup of it consists of; none if that is not there any more.
    fn original(&self) -> Result<Option<Original<'_>>, LogError> {
        let mut sealed = self.table.infos();
        let newest = match sealed.pop() {
            Some(newest) => self.open_segment(&newest)?,
            None => None,
        };
        // It may have been filled and compacted since.
        let newest = newest.filter(|newest| newest.header.kind == Kind::Ordinary);
        Ok(
            (newest.filter(|_| !self.is_outdated())).map(|newest| Original {
                directory: &self.directory,
                database: self.superblock.database,
                sealed,
                newest,
                end: self.end.get(),
            }),
        )
    }

    /// Opens a segment; none if another process has replaced it, and then the table knows what is there now.
    fn open_segment(&self, info: &SegmentInfo) -> Result<Option<Arc<Segment>>, LogError> {
        if let Some(segment) = self.table.opened(info) {
            return Ok(Some(segment));
        }
        let path = self.directory.segment(info.id());
        let io = |error| LogError::io("open", &path, error);
        match self.directory.vfs.open(&path, OpenMode::Read) {
            Ok(file) => {
                let bytes = file.len().and_then(|len| header_of(file.as_ref(), len));
                if bytes.map_err(io)? == info.header.encode() {
                    let segment = Arc::new(Segment::new(info.header, path, file));
                    self.table.keep_open(Arc::clone(&segment));
                    return Ok(Some(segment));
                }
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(io(error)),
        }
        let chain = again(&self.directory, || {
            read_chain(&self.directory, &self.superblock)
        })?;
        let mut now = chain.segments;
        if now.iter().any(|now| now.header == info.header) {
            return Err(io(io::ErrorKind::NotFound.into()));
        }
        if self.is_read {
            now.retain(|now| now.id().base() < self.end);
        }
        self.table.refresh(now);
        Ok(None)
    }
}

/// Looks again for a while if what is there does not fit together: another process may be changing it.
fn again<R>(directory: &Directory, look: impl Fn() -> Result<R, LogError>) -> Result<R, LogError> {
    let mut attempt = 0;
    loop {
        match look() {
            Err(
                LogError::Corrupt { .. } | LogError::SuperblockDamaged { .. } | LogError::Io { .. },
            ) if attempt < ATTEMPTS => {
                attempt += 1;
                directory.vfs.host().sleep(PAUSE);
            }
            looked => return looked,
        }
    }
}

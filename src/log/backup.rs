//! A copy of a log that is in use, in another directory.

use std::io;
use std::path::Path;
use std::sync::Arc;

use uuid::Uuid;

use super::chain::{SegmentInfo, header_of};
use super::directory::{Directory, new_salt};
use super::scan::SegmentScan;
use super::sealed::{Sealed, SealedFrame};
use super::segment::Segment;
use super::segment_header::{Kind, SegmentHeader};
use super::segment_writer::SegmentWriter;
use super::shared::Shared;
use super::superblock::Superblock;
use super::superblock_file::SuperblockFile;
use super::{LogError, Lsn, SegmentId};

use crate::vfs::{OpenMode, Vfs, VfsLock};

const CHUNK: u64 = 1024 * 1024;
/// That of a backup until somebody opens it.
pub(super) const EPOCH: u64 = 1;

/// What a backup consists of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BackupReport {
    /// Every record below this LSN is in it.
    pub end: Lsn,
    /// How many segments were there already.
    pub unchanged: u64,
    /// How many segments are hard links.
    pub linked: u64,
    /// How many segments were copied.
    pub copied: u64,
    /// The length of the copies in bytes.
    pub copied_bytes: u64,
}

/// How far a backup has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BackupProgress {
    /// So many bytes of the log are in it.
    pub done: u64,
    /// Of so many.
    pub of: u64,
}

/// What is called now and then during a backup.
pub type OnBackup<'a> = dyn FnMut(BackupProgress) + 'a;

/// What is backed up.
pub(super) struct Original<'a> {
    pub(super) directory: &'a Directory,
    pub(super) database: Uuid,
    pub(super) sealed: Vec<SegmentInfo>,
    /// The segment that is written to.
    pub(super) newest: Arc<Segment>,
    /// The LSN after the last record.
    pub(super) end: u64,
}

/// A backup that is being made, and has its directory to itself.
pub(super) struct Target {
    directory: Directory,
    _lock: Box<dyn VfsLock>,
}

impl Target {
    /// The directory must be new, or hold an earlier backup of this database that nobody has written to.
    pub(super) fn new(from: &Directory, to: &Path, database: Uuid) -> Result<Self, LogError> {
        let directory = Directory::new(Arc::clone(&from.vfs), to)?;
        require_place(from, &directory)?;
        let lock = directory.lock()?;
        require_backup(&directory, database)?;
        directory.create(directory.log())?;
        Ok(Self {
            directory,
            _lock: lock,
        })
    }

    /// Makes the backup. Nothing is told if a segment was replaced meanwhile: what is in the directory then is the
    /// beginning of another attempt.
    pub(super) fn back_up(
        &self,
        original: &Original<'_>,
        progress: &mut OnBackup<'_>,
    ) -> Result<Option<BackupReport>, LogError> {
        let target = &self.directory;
        let mut report = BackupReport {
            end: Lsn::new(original.end),
            unchanged: 0,
            linked: 0,
            copied: 0,
            copied_bytes: 0,
        };
        let newest = &original.newest;
        let scan = SegmentScan::new(Arc::clone(&newest.file), &newest.path)?;
        let sealed = original.sealed.iter();
        let bytes = sealed.clone().map(|info| info.bytes);
        let of = bytes.sum::<u64>().saturating_add(scan.len());
        let mut done = 0;
        // In order, each durable before the next: so whatever a crash leaves is the beginning of a log, or no log.
        for info in sealed.clone() {
            progress(BackupProgress { done, of });
            if !self.back_up_sealed(original.directory, info, &mut report)? {
                return Ok(None);
            }
            done += info.bytes;
        }
        progress(BackupProgress { done, of });
        report.copied += 1;
        report.copied_bytes += copy_active(target, newest.header, scan, original.end)?;
        let superblock = Superblock {
            database: original.database,
            epoch: EPOCH,
            watermark: original.end,
            newest_segment: newest.header.base,
            clean: true,
        };
        SuperblockFile::write_new(target, &superblock)?;
        let known = |id: &SegmentId| *id == newest.id || sealed.clone().any(|i| i.id() == *id);
        let mut replaced = target.segments()?;
        replaced.retain(|id| !known(id));
        target.remove_segments(&replaced)?;
        target.remove_temporaries()?;
        progress(BackupProgress { done: of, of });
        Ok(Some(report))
    }

    /// Tells whether the segment is still there.
    fn back_up_sealed(
        &self,
        original: &Directory,
        info: &SegmentInfo,
        report: &mut BackupReport,
    ) -> Result<bool, LogError> {
        let target = &self.directory;
        let (from, to) = (original.segment(info.id()), target.segment(info.id()));
        if is_same(target, &to, info).map_err(|error| LogError::io("read", &to, error))? {
            report.unchanged += 1;
            return Ok(true);
        }
        if matches!(info.header.kind, Kind::Compacted { .. }) {
            // What was compacted needs what came after it, so until that is there, too, it is no backup.
            SuperblockFile::remove(target)?;
        }
        let temporary = Directory::temporary(&to);
        let vfs = &target.vfs;
        let made = (|| {
            target.remove_if_there(&temporary)?;
            let linked = vfs.hard_link(&from, &temporary).is_ok();
            if !linked {
                match copy(target, &from, &temporary) {
                    Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
                    copied => copied?,
                }
            }
            if !is_same(target, &temporary, info)? {
                target.remove_if_there(&temporary)?;
                return Ok(false);
            }
            if linked {
                report.linked += 1;
            } else {
                report.copied += 1;
                report.copied_bytes += info.bytes;
            }
            vfs.rename(&temporary, &to)?;
            vfs.sync_dir(target.log())?;
            Ok(true)
        })();
        made.map_err(|error| LogError::space("back up to", &to, error))
    }
}

impl<T: Send + 'static> Shared<T> {
    /// See [`Log::backup`](super::Log::backup).
    pub(super) fn backup(
        &self,
        to: &Path,
        progress: &mut OnBackup<'_>,
    ) -> Result<BackupReport, LogError> {
        let database = self.superblock.lock().current().database;
        let target = Target::new(&self.directory, to, database)?;
        self.sync()?;
        // From here on no segment file is replaced or removed.
        let _publishing = self.publishing.lock();
        let (mut sealed, newest, end) = {
            let state = self.state.lock();
            let newest = Arc::clone(&state.active.segment);
            (self.segments.infos(), newest, state.durable)
        };
        sealed.retain(|info| info.id() < newest.id);
        let original = Original {
            directory: &self.directory,
            database,
            sealed,
            newest,
            end,
        };
        let made = target.back_up(&original, progress)?;
        made.ok_or_else(|| {
            let gone = io::ErrorKind::NotFound.into();
            LogError::io("back up", self.directory.log(), gone)
        })
    }
}

/// A backup does not go into the database itself, nor among other files.
fn require_place(from: &Directory, target: &Directory) -> Result<(), LogError> {
    let refused = |reason| LogError::NotABackup {
        path: target.root().to_path_buf(),
        reason,
    };
    if target.is_within(from)? {
        return Err(refused(
            "it is the database itself or within it; use another directory",
        ));
    }
    match target.vfs.read_dir(target.root()) {
        Ok(names) if names.iter().all(|name| Directory::owns(name)) => Ok(()),
        Ok(_) => Err(refused(
            "other files are there; use a directory that is new or holds an earlier backup",
        )),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => {
            Err(refused("it is a file; use a directory"))
        }
        Err(error) => Err(LogError::io("list", target.root(), error)),
    }
}

/// Whether the log in the directory `dir` is a backup that can be brought up to date: nobody has opened it for writing.
///
/// # Errors
/// [`LogError::Io`] from the file system, also if there is no log; [`LogError::SuperblockDamaged`] and its siblings.
pub fn is_backup(vfs: Arc<dyn Vfs>, dir: &Path) -> Result<bool, LogError> {
    let (superblock, _) = SuperblockFile::read(&Directory::new(vfs, dir)?)?;
    Ok(is_untouched(&superblock))
}

fn is_untouched(superblock: &Superblock) -> bool {
    superblock.epoch == EPOCH && superblock.clean
}

/// The target must be new, or an earlier backup that nobody has written to.
fn require_backup(target: &Directory, database: Uuid) -> Result<(), LogError> {
    let refused = |reason| LogError::NotABackup {
        path: target.root().to_path_buf(),
        reason,
    };
    match SuperblockFile::open(target)? {
        // One that was interrupted has segments of this database only.
        None => {
            for id in target.segments()? {
                let path = target.segment(id);
                let read = target.vfs.open(&path, OpenMode::Read);
                read.and_then(|file| header_of(file.as_ref(), file.len()?))
                    .map_err(|error| LogError::io("read", &path, error))
                    .and_then(|header| SegmentHeader::decode(&header, &path, id, database))
                    .map_err(|_| refused("it holds segments of another log"))?;
            }
            Ok(())
        }
        Some(file) if file.current().database != database => Err(refused("it is another database")),
        Some(file) if !is_untouched(file.current()) => Err(refused(
            "it was opened for writing since; use another directory",
        )),
        Some(_) => Ok(()),
    }
}

/// Whether the file at `path` is the segment already: its salt is in no other.
fn is_same(target: &Directory, path: &Path, info: &SegmentInfo) -> io::Result<bool> {
    match target.vfs.open(path, OpenMode::Read) {
        Ok(file) => {
            let len = file.len()?;
            Ok(len == info.bytes && header_of(file.as_ref(), len)? == info.header.encode())
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

fn copy(target: &Directory, from: &Path, to: &Path) -> io::Result<()> {
    let from = target.vfs.open(from, OpenMode::Read)?;
    let to = target.vfs.open(to, OpenMode::CreateNew)?;
    let (mut chunk, mut at, len) = (Vec::new(), 0, from.len()?);
    while at < len {
        let length = (len - at).min(CHUNK);
        chunk.resize(usize::try_from(length).unwrap_or_default(), 0);
        from.read_exact_at(&mut chunk, at)?;
        to.write_all_at(&chunk, at)?;
        at += length;
    }
    to.sync_all()
}

/// Copies the active segment up to the record `end`, and gives the copy's length. Its salt is another, as
/// both may be written to: what one of them gets is never valid in the other.
fn copy_active(
    target: &Directory,
    header: SegmentHeader,
    scan: SegmentScan,
    end: u64,
) -> Result<u64, LogError> {
    let header_of_copy = SegmentHeader {
        salt: new_salt(target.vfs.as_ref()),
        kind: Kind::Ordinary,
        ..header
    };
    let mut writer = SegmentWriter::create(target, header_of_copy)?;
    let mut sealed = Sealed::new(scan, header, end)?;
    while let Some(SealedFrame {
        header, payload, ..
    }) = sealed.next()?
    {
        writer.push(header.lsn, header.synced_lsn, header.records, payload)?;
    }
    let bytes = writer.seal(Kind::Ordinary)?;
    let (_, durable) = writer.finish()?;
    durable.map(|()| bytes)
}

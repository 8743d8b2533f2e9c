//! A copy of a log that is in use, in another directory.

use std::io;
use std::path::Path;
use std::sync::Arc;

use super::chain::{SegmentInfo, header_of};
use super::directory::{Directory, new_salt};
use super::scan::SegmentScan;
use super::sealed::{Sealed, SealedFrame};
use super::segment_header::{Kind, SegmentHeader};
use super::segment_writer::SegmentWriter;
use super::shared::Shared;
use super::superblock::Superblock;
use super::superblock_file::SuperblockFile;
use super::{LogError, Lsn, SegmentId};
use crate::vfs::OpenMode;

const CHUNK: u64 = 1024 * 1024;
/// That of a backup until somebody opens it.
const EPOCH: u64 = 1;

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

impl<T: Send + 'static> Shared<T> {
    /// See [`Log::backup`](super::Log::backup).
    pub(super) fn backup(&self, to: &Path) -> Result<BackupReport, LogError> {
        let target = Directory::new(Arc::clone(&self.directory.vfs), to);
        let _lock = target.lock()?;
        let database = self.superblock.lock().current().database;
        require_backup(&target, database)?;
        target.create(target.log())?;

        self.sync()?;
        // From here on no segment file is replaced or removed.
        let _publishing = self.publishing.lock();
        let (infos, active, end) = {
            let state = self.state.lock();
            let active = Arc::clone(&state.active.segment);
            (self.segments.infos(), active, state.durable)
        };
        let mut report = BackupReport {
            end: Lsn::new(end),
            unchanged: 0,
            linked: 0,
            copied: 0,
            copied_bytes: 0,
        };
        let sealed = infos.iter().filter(|info| info.id() < active.id);
        for info in sealed.clone() {
            // What replaces several segments fits to none of those that are there.
            if info.header.kind != Kind::Ordinary && !is_there(&target, info)? {
                SuperblockFile::remove(&target)?;
                break;
            }
        }
        // In order, each durable before the next: so whatever a crash leaves is the beginning of a log, or has no superblock.
        for info in sealed.clone() {
            self.back_up_sealed(&target, info, &mut report)?;
        }
        let scan = SegmentScan::new(Arc::clone(&active.file), &active.path)?;
        report.copied += 1;
        report.copied_bytes += copy_active(&target, active.header, scan, end)?;
        let superblock = Superblock {
            database,
            epoch: EPOCH,
            watermark: end,
            newest_segment: active.id.base().get(),
            clean: true,
        };
        SuperblockFile::write_new(&target, &superblock)?;
        let known =
            |id: &SegmentId| *id == active.id || sealed.clone().any(|info| info.id() == *id);
        let mut replaced = target.segments()?;
        replaced.retain(|id| !known(id));
        target.remove_segments(&replaced)?;
        target.remove_temporaries()?;
        Ok(report)
    }

    fn back_up_sealed(
        &self,
        target: &Directory,
        info: &SegmentInfo,
        report: &mut BackupReport,
    ) -> Result<(), LogError> {
        let (from, to) = (self.directory.segment(info.id()), target.segment(info.id()));
        if is_there(target, info)? {
            report.unchanged += 1;
            return Ok(());
        }
        let temporary = Directory::temporary(&to);
        let vfs = &target.vfs;
        let made = (|| {
            target.remove_if_there(&temporary)?;
            if vfs.hard_link(&from, &temporary).is_ok() {
                report.linked += 1;
            } else {
                copy(target, &from, &temporary)?;
                report.copied += 1;
                report.copied_bytes += info.bytes;
            }
            vfs.rename(&temporary, &to)?;
            vfs.sync_dir(target.log())
        })();
        made.map_err(|error| LogError::space("back up to", &to, error))
    }
}

/// The target must be new, or an earlier backup that nobody has written to.
fn require_backup(target: &Directory, database: uuid::Uuid) -> Result<(), LogError> {
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
        Some(file) if file.current().epoch != EPOCH || !file.current().clean => Err(refused(
            "it was opened for writing since; use another directory",
        )),
        Some(_) => Ok(()),
    }
}

/// Whether the target has the segment already.
fn is_there(target: &Directory, info: &SegmentInfo) -> Result<bool, LogError> {
    let path = target.segment(info.id());
    is_same(target, &path, info).map_err(|error| LogError::io("read", &path, error))
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
    let bytes = writer.seal(None)?;
    let (_, durable) = writer.finish()?;
    durable.map(|()| bytes)
}

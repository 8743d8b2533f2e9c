//! [`Directory`]: which files a log consists of, and how they come to be.

use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use uuid::Uuid;

use super::segment::Segment;
use super::segment_header::{Kind, SEGMENT_HEADER_BYTES, SegmentHeader};
use super::{LogError, Lsn, SegmentId};
use crate::canary::Canary;
use crate::vfs::{LockError, OpenMode, Vfs, VfsFile, VfsLock, create_dirs};

/// How often, and how soon, a lock that somebody has is tried again: for a fifth of a second.
const LOCK_ATTEMPTS: u32 = 20;
const LOCK_RETRIED: Duration = Duration::from_millis(10);

/// The directory of a database.
#[derive(Debug, Clone)]
pub(super) struct Directory {
    pub(super) vfs: Arc<dyn Vfs>,
    root: PathBuf,
    log: PathBuf,
}

impl Directory {
    /// What is in it is found by its absolute path, as the process may change its directory.
    pub(super) fn new(vfs: Arc<dyn Vfs>, root: &Path) -> Result<Self, LogError> {
        let root = absolute(vfs.as_ref(), root)?;
        Ok(Self {
            vfs,
            log: root.join("log"),
            root,
        })
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    pub(super) fn log(&self) -> &Path {
        &self.log
    }

    /// Whether it is the other one or in it, by whatever links.
    pub(super) fn is_within(&self, other: &Self) -> Result<bool, LogError> {
        let resolved = |path: &Path| {
            let resolved = self.vfs.resolved(path);
            resolved.map_err(|error| LogError::io("find", path, error))
        };
        Ok(resolved(&self.root)?.starts_with(resolved(&other.root)?))
    }

    fn lock_file(&self) -> PathBuf {
        self.root.join("LOCK")
    }

    pub(super) fn superblock(&self) -> PathBuf {
        self.root.join("SUPERBLOCK")
    }

    pub(super) fn segment(&self, id: SegmentId) -> PathBuf {
        self.log.join(id.to_string())
    }

    /// Whether a log, or the index that is kept beside it, has something of this name in its directory.
    pub(super) fn owns(name: &OsStr) -> bool {
        let name = name.as_encoded_bytes();
        let ours: [&[u8]; 4] = [b"LOCK", b"SUPERBLOCK", b"log", b"index.redb"];
        ours.iter().any(|ours| name.starts_with(ours))
    }

    pub(super) fn temporary(path: &Path) -> PathBuf {
        let mut name = path.as_os_str().to_os_string();
        name.push(".tmp");
        name.into()
    }

    /// Locks the directory, and makes it before if it is missing.
    pub(super) fn lock(&self) -> Result<Box<dyn VfsLock>, LogError> {
        match self.lock_there() {
            Err(LogError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                self.create(&self.root)?;
                self.lock_there()
            }
            locked => locked,
        }
    }

    pub(super) fn lock_there(&self) -> Result<Box<dyn VfsLock>, LogError> {
        let path = self.lock_file();
        let mut attempts = LOCK_ATTEMPTS;
        loop {
            match self.vfs.lock(&path) {
                Ok(lock) => return Ok(lock),
                // A process that was just begun by this one holds what was open here until it has become another program;
                // and the tasks of a run that was dropped, or who works in the background, may hold a database that was closed a moment ago.
                Err(LockError::Held { .. }) if attempts > 0 => {
                    attempts -= 1;
                    self.vfs.host().sleep(LOCK_RETRIED);
                }
                Err(LockError::Held { holder }) => return Err(LogError::Locked { path, holder }),
                Err(LockError::Io(error)) => return Err(LogError::io("lock", &path, error)),
            }
        }
    }

    /// Makes a directory and those above it, durably, if they are missing.
    pub(super) fn create(&self, path: &Path) -> Result<(), LogError> {
        create_dirs(self.vfs.as_ref(), path).map_err(|error| LogError::io("create", path, error))
    }

    /// The log's segments in order. None if there is no log directory.
    pub(super) fn segments(&self) -> Result<Vec<SegmentId>, LogError> {
        let mut segments: Vec<_> = self
            .log_names()?
            .iter()
            .filter_map(|name| {
                let number = name.strip_suffix(".seg")?.parse().ok()?;
                let id = SegmentId::new(Lsn::new(number));
                (id.to_string() == *name).then_some(id)
            })
            .collect();
        segments.sort_unstable();
        Ok(segments)
    }

    /// Whether there is a segment.
    pub(super) fn has_log(&self) -> Result<bool, LogError> {
        Ok(!self.segments()?.is_empty())
    }

    /// Removes what an interrupted creation of a segment left.
    pub(super) fn remove_temporaries(&self) -> Result<(), LogError> {
        for name in self.log_names()? {
            if name.ends_with(".seg.tmp") {
                let path = self.log.join(name);
                self.remove_if_there(&path)
                    .map_err(|error| LogError::io("remove", &path, error))?;
            }
        }
        Ok(())
    }

    /// Removes segments that another one has replaced.
    pub(super) fn remove_segments(&self, ids: &[SegmentId]) -> Result<(), LogError> {
        for id in ids {
            let path = self.segment(*id);
            self.remove_if_there(&path)
                .map_err(|error| LogError::io("remove", &path, error))?;
        }
        Ok(())
    }

    pub(super) fn remove_if_there(&self, path: &Path) -> io::Result<()> {
        match self.vfs.remove(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    fn log_names(&self) -> Result<Vec<String>, LogError> {
        match self.vfs.read_dir(&self.log) {
            Ok(names) => Ok(names
                .into_iter()
                .filter_map(|name| name.into_string().ok())
                .collect()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(error) => Err(LogError::io("list", &self.log, error)),
        }
    }

    pub(super) fn sync_log(&self) -> Result<(), LogError> {
        self.vfs
            .sync_dir(&self.log)
            .map_err(|error| LogError::io("sync", &self.log, error))
    }

    /// Makes a segment behind the one with the base `previous` that is zero-filled up to `prepared`, or replaces the one of its name. It
    /// is whole and durable under its name when this returns, and not there if this fails.
    ///
    /// A lack of room is [`LogError::OutOfSpace`]; nothing has changed then.
    pub(super) fn create_segment(
        &self,
        database: Uuid,
        id: SegmentId,
        previous: u64,
        prepared: u64,
    ) -> Result<Segment, LogError> {
        let path = self.segment(id);
        let temporary = Self::temporary(&path);
        let header = SegmentHeader {
            database,
            base: id.base().get(),
            salt: new_salt(self.vfs.as_ref()),
            previous,
            kind: Kind::Ordinary,
        };
        let file = self
            .write_temporary(&temporary, &header, prepared)
            .and_then(|file| {
                self.vfs.rename(&temporary, &path)?;
                Ok(file)
            })
            .map_err(|error| {
                // If it stays, it takes only space until the next open.
                let _ = self.vfs.remove(&temporary);
                LogError::space("create", &path, error)
            })?;
        if !Canary::SkippedDirectorySync.sings() {
            self.sync_log()?;
        }
        Ok(Segment::new(header, path, file))
    }

    fn write_temporary(
        &self,
        path: &Path,
        header: &SegmentHeader,
        prepared: u64,
    ) -> io::Result<Arc<dyn VfsFile>> {
        self.remove_if_there(path)?;
        let file = self.vfs.open(path, OpenMode::CreateNew)?;
        file.write_all_at(&header.encode(), 0)?;
        file.prepare(SEGMENT_HEADER_BYTES, prepared)?;
        file.sync_all()?;
        Ok(file)
    }
}

/// See [`Vfs::absolute`].
pub(crate) fn absolute(vfs: &dyn Vfs, path: &Path) -> Result<PathBuf, LogError> {
    let absolute = vfs.absolute(path);
    absolute.map_err(|error| LogError::io("find", path, error))
}

/// A number that no other segment has.
pub(super) fn new_salt(vfs: &dyn Vfs) -> u64 {
    let (high, low) = vfs.host().unique().as_u64_pair();
    high ^ low
}

//! The real file system, on which somebody is asked before each operation that changes something.

use std::ffi::OsString;
use std::fmt::Debug;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use stepwell::vfs::{LockError, OpenMode, OsFs, Vfs, VfsFile, VfsLock};

/// What is about to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    Open,
    /// Of the old name.
    Rename,
    SyncDir,
    Write,
    SetLen,
    Sync,
    Prepare,
}

/// Who is asked.
pub(crate) trait Watch: Debug + Send + Sync + 'static {
    /// Whether it wants to be asked about what is at `path` now, and will be under whatever name.
    fn watches(&self, _: &Path) -> bool {
        true
    }

    /// An operation is about to be done; an error keeps it from that.
    fn before(&self, operation: Operation, path: &Path) -> io::Result<()>;
}

/// The file system.
#[derive(Debug)]
pub(crate) struct WatchedFs<W>(pub(crate) Arc<W>);

#[derive(Debug)]
struct WatchedFile<W> {
    watch: Option<Arc<W>>,
    path: PathBuf,
    file: Arc<dyn VfsFile>,
}

impl<W: Watch> WatchedFs<W> {
    fn before(&self, operation: Operation, path: &Path) -> io::Result<()> {
        match self.0.watches(path) {
            true => self.0.before(operation, path),
            false => Ok(()),
        }
    }
}

impl<W: Watch> Vfs for WatchedFs<W> {
    fn create_dir(&self, path: &Path) -> io::Result<()> {
        OsFs.create_dir(path)
    }

    fn read_dir(&self, path: &Path) -> io::Result<Vec<OsString>> {
        OsFs.read_dir(path)
    }

    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn VfsFile>> {
        let is_watched = self.0.watches(path);
        self.before(Operation::Open, path)?;
        Ok(Arc::new(WatchedFile {
            watch: is_watched.then(|| Arc::clone(&self.0)),
            path: path.to_path_buf(),
            file: OsFs.open(path, mode)?,
        }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.before(Operation::Rename, from)?;
        OsFs.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        OsFs.remove(path)
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        self.before(Operation::SyncDir, path)?;
        OsFs.sync_dir(path)
    }

    fn lock(&self, path: &Path) -> Result<Box<dyn VfsLock>, LockError> {
        OsFs.lock(path)
    }
}

impl<W: Watch> WatchedFile<W> {
    fn before(&self, operation: Operation) -> io::Result<()> {
        let watch = self.watch.as_ref();
        watch.map_or(Ok(()), |watch| watch.before(operation, &self.path))
    }
}

impl<W: Watch> VfsFile for WatchedFile<W> {
    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.file.read_at(buffer, offset)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        self.before(Operation::Write)?;
        self.file.write_at(bytes, offset)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.before(Operation::SetLen)?;
        self.file.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.before(Operation::Sync)?;
        self.file.sync_data()
    }

    fn sync_all(&self) -> io::Result<()> {
        self.before(Operation::Sync)?;
        self.file.sync_all()
    }

    fn prepare(&self, from: u64, to: u64) -> io::Result<()> {
        self.before(Operation::Prepare)?;
        self.file.prepare(from, to)
    }
}

//! A file system that stops for good after a number of operations, as if the process had been killed there.

use std::ffi::OsString;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

use stepwell::vfs::{LockError, OpenMode, OsFs, Vfs, VfsFile, VfsLock};

/// How many operations that change something are still done.
#[derive(Debug)]
pub(crate) struct Left(AtomicU64);

impl Left {
    pub(crate) fn set(&self, left: u64) {
        self.0.store(left, SeqCst);
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.0.load(SeqCst) == 0
    }

    fn take(&self) -> io::Result<()> {
        let left = self
            .0
            .try_update(SeqCst, SeqCst, |left| left.checked_sub(1));
        left.map(drop)
            .map_err(|_| io::Error::other("the process was killed"))
    }
}

#[derive(Debug)]
pub(crate) struct StoppingFs(Arc<Left>);

impl StoppingFs {
    pub(crate) fn new() -> (Arc<Self>, Arc<Left>) {
        let left = Arc::new(Left(AtomicU64::new(u64::MAX)));
        (Arc::new(Self(left.clone())), left)
    }
}

#[derive(Debug)]
struct StoppingFile(Arc<dyn VfsFile>, Arc<Left>);

impl Vfs for StoppingFs {
    fn create_dir(&self, path: &Path) -> io::Result<()> {
        self.0.take()?;
        OsFs.create_dir(path)
    }

    fn read_dir(&self, path: &Path) -> io::Result<Vec<OsString>> {
        OsFs.read_dir(path)
    }

    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn VfsFile>> {
        if mode == OpenMode::CreateNew {
            self.0.take()?;
        }
        let file = OsFs.open(path, mode)?;
        Ok(Arc::new(StoppingFile(file, self.0.clone())))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.0.take()?;
        OsFs.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.0.take()?;
        OsFs.remove(path)
    }

    fn sync_dir(&self, _: &Path) -> io::Result<()> {
        self.0.take()
    }

    fn lock(&self, path: &Path) -> Result<Box<dyn VfsLock>, LockError> {
        OsFs.lock(path)
    }
}

impl VfsFile for StoppingFile {
    fn len(&self) -> io::Result<u64> {
        self.0.len()
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.0.read_at(buffer, offset)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        self.1.take()?;
        self.0.write_at(bytes, offset)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.1.take()?;
        self.0.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.1.take()
    }

    fn sync_all(&self) -> io::Result<()> {
        self.1.take()
    }

    fn prepare(&self, from: u64, to: u64) -> io::Result<()> {
        self.1.take()?;
        self.0.prepare(from, to)
    }
}

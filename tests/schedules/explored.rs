//! [`Explored`]: the simulated files with threads of the schedule explorer.

use std::ffi::OsString;
use std::io;
use std::path::Path;
use std::sync::{Arc, Weak};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime};

use stepwell::testing::SimFs;
use stepwell::vfs::{Host, Job, LockError, OpenMode, Vfs, VfsFile, VfsLock};
use uuid::Uuid;

/// The simulated files with threads of the schedule explorer, which change between calls of files that are written.
#[derive(Debug)]
pub(crate) struct Explored(SimFs);

impl Explored {
    pub(crate) fn new(fs: &SimFs) -> Self {
        Self(fs.clone())
    }
}

impl Host for Explored {
    fn now(&self) -> Instant {
        self.0.host().now()
    }

    fn system_time(&self) -> SystemTime {
        self.0.host().system_time()
    }

    fn unique(&self) -> Uuid {
        self.0.host().unique()
    }

    fn sleep(&self, time: Duration) {
        self.0.advance(time);
        shuttle::thread::yield_now();
    }

    fn start(&self, _: &str, job: Weak<dyn Job>) -> io::Result<Option<JoinHandle<()>>> {
        shuttle::thread::spawn(move || {
            if let Some(job) = job.upgrade() {
                job.run();
            }
        });
        Ok(None)
    }

    fn aside(&self, work: &mut (dyn FnMut() + Send)) {
        work();
    }

    fn help(&self) -> bool {
        false
    }
}

impl Vfs for Explored {
    fn host(&self) -> &dyn Host {
        self
    }

    fn create_dir(&self, path: &Path) -> io::Result<()> {
        self.0.create_dir(path)
    }

    fn read_dir(&self, path: &Path) -> io::Result<Vec<OsString>> {
        self.0.read_dir(path)
    }

    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn VfsFile>> {
        let file = self.0.open(path, mode)?;
        Ok(match path.to_string_lossy().contains(".seg") {
            true => Arc::new(Slow(file)),
            false => file,
        })
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.0.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.0.remove(path)
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        self.0.sync_dir(path)
    }

    fn lock(&self, path: &Path) -> Result<Box<dyn VfsLock>, LockError> {
        self.0.lock(path)
    }
}

/// A file of which writes and syncs take time.
#[derive(Debug)]
struct Slow(Arc<dyn VfsFile>);

impl VfsFile for Slow {
    fn len(&self) -> io::Result<u64> {
        self.0.len()
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.0.read_at(buffer, offset)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        shuttle::thread::yield_now();
        self.0.write_at(bytes, offset)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        shuttle::thread::yield_now();
        let synced = self.0.sync_data();
        shuttle::thread::yield_now();
        synced
    }

    fn sync_all(&self) -> io::Result<()> {
        self.0.sync_all()
    }

    fn prepare(&self, from: u64, to: u64) -> io::Result<()> {
        self.0.prepare(from, to)
    }
}

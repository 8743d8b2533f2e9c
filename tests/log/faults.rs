//! A file system that fails when it is told to, on top of the real one.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use parking_lot::{Condvar, Mutex};
use stepwell::vfs::{LockError, OpenMode, OsFs, Vfs, VfsFile, VfsLock};

/// What the file system is told to do. Faults concern segments only.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    /// Writes of frames fail.
    pub(crate) fail_writes: AtomicBool,
    /// Syncs of segments fail.
    pub(crate) fail_syncs: AtomicBool,
    /// Space cannot be prepared.
    pub(crate) full: AtomicBool,
    /// Syncs do nothing, to be fast.
    pub(crate) skip_syncs: AtomicBool,
    /// Writes and reads move at most this many bytes, if not 0, and are interrupted every other
    /// time.
    pub(crate) short: AtomicU64,
    calls: AtomicU64,
    /// How many syncs of segments there were, failed ones included.
    pub(crate) syncs: AtomicU64,
    /// How many bytes were written to segments.
    pub(crate) written: AtomicU64,
    /// Where space was prepared, and up to where.
    pub(crate) prepared: Mutex<Vec<(u64, u64)>>,
    closed: Mutex<bool>,
    opened: Condvar,
    lost: Mutex<Lost>,
    released: Condvar,
}

/// What the system knows of writes that came to nothing: it tells each handle once, but not those that are opened after somebody
/// was told.
#[derive(Debug, Default)]
struct Lost {
    times: u64,
    told: u64,
    /// Whoever is told first returns when this is over.
    held: bool,
}

impl Faults {
    /// Writes and syncs of segments block until [`open_gate`](Self::open_gate).
    pub(crate) fn close_gate(&self) {
        *self.closed.lock() = true;
    }

    pub(crate) fn open_gate(&self) {
        *self.closed.lock() = false;
        self.opened.notify_all();
    }

    /// What was written to segments is lost. Who hears of it first is held up until he is [released](Self::release).
    pub(crate) fn lose_writes(&self) {
        let mut lost = self.lost.lock();
        lost.times += 1;
        lost.held = true;
    }

    /// Whether somebody was told, and is held up.
    pub(crate) fn is_told(&self) -> bool {
        self.lost.lock().told > 0
    }

    pub(crate) fn release(&self) {
        self.lost.lock().held = false;
        self.released.notify_all();
    }

    /// What a handle that is opened now has heard of.
    fn heard(&self) -> u64 {
        let lost = self.lost.lock();
        if lost.told > 0 { lost.times } else { 0 }
    }

    fn hear(&self, heard: &AtomicU64) -> io::Result<()> {
        let mut lost = self.lost.lock();
        if heard.swap(lost.times, Ordering::Relaxed) == lost.times {
            return Ok(());
        }
        lost.told += 1;
        while lost.told == 1 && lost.held {
            self.released.wait(&mut lost);
        }
        Err(io::Error::other("what was written is lost"))
    }

    fn pass_gate(&self) {
        let mut closed = self.closed.lock();
        while *closed {
            self.opened.wait(&mut closed);
        }
    }

    fn sync(&self, segment: bool, sync: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
        if segment {
            self.syncs.fetch_add(1, Ordering::Relaxed);
            self.pass_gate();
            if self.fail_syncs.load(Ordering::Relaxed) {
                return Err(io::Error::other("the medium failed"));
            }
        }
        if self.skip_syncs.load(Ordering::Relaxed) {
            return Ok(());
        }
        sync()
    }

    fn shortened(&self, length: usize) -> io::Result<usize> {
        match self.short.load(Ordering::Relaxed) {
            0 => Ok(length),
            _ if self.calls.fetch_add(1, Ordering::Relaxed).is_multiple_of(2) => {
                Err(io::ErrorKind::Interrupted.into())
            }
            short => Ok(length.min(short as usize)),
        }
    }
}

#[derive(Debug)]
pub(crate) struct FaultyFs {
    faults: Arc<Faults>,
}

impl FaultyFs {
    pub(crate) fn new() -> (Arc<Self>, Arc<Faults>) {
        let faults = Arc::new(Faults::default());
        let fs = Self {
            faults: faults.clone(),
        };
        (Arc::new(fs), faults)
    }
}

#[derive(Debug)]
struct FaultyFile {
    file: Arc<dyn VfsFile>,
    path: PathBuf,
    faults: Arc<Faults>,
    heard: AtomicU64,
}

impl FaultyFile {
    fn is_segment(&self) -> bool {
        self.path.to_string_lossy().contains(".seg")
    }

    fn sync(&self, sync: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
        self.faults.sync(self.is_segment(), sync)?;
        match self.is_segment() {
            true => self.faults.hear(&self.heard),
            false => Ok(()),
        }
    }
}

impl Vfs for FaultyFs {
    fn create_dir(&self, path: &Path) -> io::Result<()> {
        OsFs.create_dir(path)
    }

    fn read_dir(&self, path: &Path) -> io::Result<Vec<OsString>> {
        OsFs.read_dir(path)
    }

    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn VfsFile>> {
        Ok(Arc::new(FaultyFile {
            file: OsFs.open(path, mode)?,
            path: path.to_path_buf(),
            faults: self.faults.clone(),
            heard: AtomicU64::new(self.faults.heard()),
        }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        OsFs.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        OsFs.remove(path)
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        self.faults.sync(false, || OsFs.sync_dir(path))
    }

    fn lock(&self, path: &Path) -> Result<Box<dyn VfsLock>, LockError> {
        OsFs.lock(path)
    }
}

impl VfsFile for FaultyFile {
    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let length = self.faults.shortened(buffer.len())?;
        self.file.read_at(&mut buffer[..length], offset)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        if self.is_segment() {
            self.faults.pass_gate();
            if self.faults.fail_writes.load(Ordering::Relaxed) {
                return Err(io::Error::other("the medium failed"));
            }
        }
        let length = self.faults.shortened(bytes.len())?;
        let written = self.file.write_at(&bytes[..length], offset)?;
        if self.is_segment() {
            (self.faults.written).fetch_add(written as u64, Ordering::Relaxed);
        }
        Ok(written)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.file.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.sync(|| self.file.sync_data())
    }

    fn sync_all(&self) -> io::Result<()> {
        self.sync(|| self.file.sync_all())
    }

    fn prepare(&self, from: u64, to: u64) -> io::Result<()> {
        self.faults.prepared.lock().push((from, to));
        if self.faults.full.load(Ordering::Relaxed) {
            // Some of it still fits, as it would.
            self.file.prepare(from, from + (to - from) / 2)?;
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.file.prepare(from, to)
    }
}

//! A file system on which what a compaction writes can be held up, or finds no room.

use std::ffi::OsString;
use std::io;
use std::path::Path;
use std::sync::Arc;

use parking_lot::{Condvar, Mutex};
use stepwell::vfs::{LockError, OpenMode, OsFs, Vfs, VfsFile, VfsLock};

/// What becomes of operations on segments that are to take the place of others.
#[derive(Debug, Default)]
pub(crate) struct Output {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    full: bool,
    /// So many operations are let through.
    hold_after: Option<u64>,
    held: bool,
}

impl Output {
    /// Whether there is no room.
    pub(crate) fn set_full(&self, full: bool) {
        self.state.lock().full = full;
    }

    /// Holds up what comes after so many operations.
    pub(crate) fn hold_after(&self, operations: u64) {
        self.state.lock().hold_after = Some(operations);
    }

    /// Waits until something is held up, unless `done` first. Whether it is.
    pub(crate) fn wait_until_held(&self, done: impl Fn() -> bool) -> bool {
        let mut state = self.state.lock();
        while !state.held && !done() {
            let pause = std::time::Duration::from_millis(1);
            self.changed.wait_for(&mut state, pause);
        }
        state.held
    }

    pub(crate) fn let_go(&self) {
        *self.state.lock() = State::default();
        self.changed.notify_all();
    }

    fn pass(&self) -> io::Result<()> {
        let mut state = self.state.lock();
        if state.full {
            return Err(io::ErrorKind::StorageFull.into());
        }
        match &mut state.hold_after {
            None => return Ok(()),
            Some(0) => {}
            Some(left) => {
                *left -= 1;
                return Ok(());
            }
        }
        state.held = true;
        self.changed.notify_all();
        while state.hold_after.is_some() {
            self.changed.wait(&mut state);
        }
        Ok(())
    }
}

/// The file system.
#[derive(Debug, Default)]
pub(crate) struct OutputFs(pub(crate) Arc<Output>);

#[derive(Debug)]
struct OutputFile(Arc<dyn VfsFile>, Option<Arc<Output>>);

impl OutputFs {
    /// What operations on a file have to pass, if it is to take the place of another.
    fn output(&self, path: &Path) -> Option<Arc<Output>> {
        let name = path.to_str().unwrap().strip_suffix(".seg.tmp")?;
        Path::new(&format!("{name}.seg"))
            .exists()
            .then(|| Arc::clone(&self.0))
    }
}

impl Vfs for OutputFs {
    fn create_dir(&self, path: &Path) -> io::Result<()> {
        OsFs.create_dir(path)
    }

    fn read_dir(&self, path: &Path) -> io::Result<Vec<OsString>> {
        OsFs.read_dir(path)
    }

    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn VfsFile>> {
        let output = self.output(path);
        if let Some(output) = &output {
            output.pass()?;
        }
        Ok(Arc::new(OutputFile(OsFs.open(path, mode)?, output)))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        if let Some(output) = self.output(from) {
            output.pass()?;
        }
        OsFs.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        OsFs.remove(path)
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        OsFs.sync_dir(path)
    }

    fn lock(&self, path: &Path) -> Result<Box<dyn VfsLock>, LockError> {
        OsFs.lock(path)
    }
}

impl OutputFile {
    fn pass(&self) -> io::Result<()> {
        self.1.as_ref().map_or(Ok(()), |output| output.pass())
    }
}

impl VfsFile for OutputFile {
    fn len(&self) -> io::Result<u64> {
        self.0.len()
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.0.read_at(buffer, offset)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        self.pass()?;
        self.0.write_at(bytes, offset)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.pass()?;
        self.0.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.pass()?;
        self.0.sync_data()
    }

    fn sync_all(&self) -> io::Result<()> {
        self.pass()?;
        self.0.sync_all()
    }

    fn prepare(&self, from: u64, to: u64) -> io::Result<()> {
        self.pass()?;
        self.0.prepare(from, to)
    }
}

//! A file system in memory: fast enough to open a database ten thousand times.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;
use stepwell::vfs::{LockError, OpenMode, Vfs, VfsFile, VfsLock};

/// The bytes of every file.
pub(crate) type Files = BTreeMap<PathBuf, Vec<u8>>;

/// A file system in memory. Locks are granted to everybody.
#[derive(Debug, Default)]
pub(crate) struct MemoryFs {
    files: Mutex<BTreeMap<PathBuf, Arc<MemoryFile>>>,
    dirs: Mutex<BTreeSet<PathBuf>>,
}

impl MemoryFs {
    /// A file system with these files and the directories that they need.
    pub(crate) fn of(files: &Files) -> Self {
        let fs = Self::default();
        for (path, bytes) in files {
            let dirs = path.ancestors().skip(1).map(Path::to_path_buf);
            fs.dirs.lock().extend(dirs);
            let file = MemoryFile(Mutex::new(bytes.clone()));
            fs.files.lock().insert(path.clone(), Arc::new(file));
        }
        fs
    }

    /// The files as they are at this moment.
    pub(crate) fn files(&self) -> Files {
        let files = self.files.lock();
        let files = files.iter();
        files
            .map(|(path, file)| (path.clone(), file.0.lock().clone()))
            .collect()
    }
}

impl Vfs for MemoryFs {
    fn create_dir(&self, path: &Path) -> io::Result<()> {
        if self.dirs.lock().insert(path.to_path_buf()) {
            return Ok(());
        }
        Err(io::ErrorKind::AlreadyExists.into())
    }

    fn read_dir(&self, path: &Path) -> io::Result<Vec<OsString>> {
        if !self.dirs.lock().contains(path) {
            return Err(io::ErrorKind::NotFound.into());
        }
        let (files, dirs) = (self.files.lock(), self.dirs.lock());
        let here = files.keys().chain(dirs.iter());
        let here = here.filter(|entry| entry.parent() == Some(path));
        Ok(here
            .filter_map(|entry| Some(entry.file_name()?.to_owned()))
            .collect())
    }

    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn VfsFile>> {
        let mut files = self.files.lock();
        match (files.get(path), mode) {
            (Some(_), OpenMode::CreateNew) => Err(io::ErrorKind::AlreadyExists.into()),
            (Some(file), _) => Ok(file.clone()),
            (None, OpenMode::CreateNew) => {
                let file = Arc::new(MemoryFile::default());
                files.insert(path.to_path_buf(), file.clone());
                Ok(file)
            }
            (None, _) => Err(io::ErrorKind::NotFound.into()),
        }
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut files = self.files.lock();
        let file = files.remove(from).ok_or(io::ErrorKind::NotFound)?;
        files.insert(to.to_path_buf(), file);
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let removed = self.files.lock().remove(path);
        removed.map(drop).ok_or(io::ErrorKind::NotFound.into())
    }

    fn sync_dir(&self, _: &Path) -> io::Result<()> {
        Ok(())
    }

    fn lock(&self, _: &Path) -> Result<Box<dyn VfsLock>, LockError> {
        Ok(Box::new(NoLock))
    }
}

#[derive(Debug)]
struct NoLock;

impl VfsLock for NoLock {}

#[derive(Debug, Default)]
struct MemoryFile(Mutex<Vec<u8>>);

fn position(offset: u64) -> usize {
    usize::try_from(offset).unwrap()
}

impl VfsFile for MemoryFile {
    fn len(&self) -> io::Result<u64> {
        Ok(self.0.lock().len() as u64)
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let bytes = self.0.lock();
        let rest = bytes.get(position(offset)..).unwrap_or_default();
        let length = rest.len().min(buffer.len());
        buffer[..length].copy_from_slice(&rest[..length]);
        Ok(length)
    }

    fn write_at(&self, written: &[u8], offset: u64) -> io::Result<usize> {
        let mut bytes = self.0.lock();
        let (from, to) = (position(offset), position(offset) + written.len());
        if bytes.len() < to {
            bytes.resize(to, 0);
        }
        bytes[from..to].copy_from_slice(written);
        Ok(written.len())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.lock().resize(position(len), 0);
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        Ok(())
    }

    fn sync_all(&self) -> io::Result<()> {
        Ok(())
    }

    fn prepare(&self, from: u64, to: u64) -> io::Result<()> {
        let mut bytes = self.0.lock();
        let (from, to) = (position(from), position(to));
        if bytes.len() < to {
            bytes.resize(to, 0);
        }
        bytes[from..to].fill(0);
        Ok(())
    }
}

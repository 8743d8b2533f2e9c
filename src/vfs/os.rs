//! [`OsFs`]: the operating system's file system.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::{self, Path, PathBuf};
use std::sync::Arc;

use super::{LockError, OpenMode, Vfs, VfsFile, VfsLock};

const ZEROS: &[u8] = &[0; 64 * 1024];

/// The operating system's file system.
///
/// On macOS a sync is `F_FULLFSYNC`. On Windows a directory cannot be synced and
/// [`sync_dir`](Vfs::sync_dir) does nothing: names are as durable as NTFS's journal makes them.
#[derive(Debug, Clone, Copy, Default)]
pub struct OsFs;

#[derive(Debug)]
struct OsFile(File);

/// Dropping the file gives the lock back.
#[derive(Debug)]
struct OsLock(#[expect(dead_code, reason = "held for its drop")] File);

impl VfsLock for OsLock {}

impl Vfs for OsFs {
    fn absolute(&self, path: &Path) -> io::Result<PathBuf> {
        path::absolute(path)
    }

    fn resolved(&self, path: &Path) -> io::Result<PathBuf> {
        let path = path::absolute(path)?;
        for there in path.ancestors() {
            let Ok(mut resolved) = fs::canonicalize(there) else {
                continue;
            };
            // What is not there yet will have no links, but may lead back to where there are some.
            let mut led_back = false;
            for part in path.strip_prefix(there).unwrap_or(Path::new("")) {
                if part == ".." {
                    resolved.pop();
                    led_back = true;
                } else {
                    resolved.push(part);
                }
            }
            return match led_back {
                true => self.resolved(&resolved),
                false => Ok(resolved),
            };
        }
        Ok(path)
    }

    fn create_dir(&self, path: &Path) -> io::Result<()> {
        fs::create_dir(path)
    }

    fn read_dir(&self, path: &Path) -> io::Result<Vec<OsString>> {
        fs::read_dir(path)?
            .map(|entry| entry.map(|entry| entry.file_name()))
            .collect()
    }

    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn VfsFile>> {
        let mut options = OpenOptions::new();
        options.read(true);
        match mode {
            OpenMode::Read => {}
            OpenMode::ReadWrite => {
                options.write(true);
            }
            OpenMode::CreateNew => {
                options.write(true).create_new(true);
            }
        }
        Ok(Arc::new(OsFile(options.open(path)?)))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn hard_link(&self, file: &Path, name: &Path) -> io::Result<()> {
        fs::hard_link(file, name)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    #[cfg(not(windows))]
    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        File::open(path)?.sync_all()
    }

    #[cfg(windows)]
    fn sync_dir(&self, _path: &Path) -> io::Result<()> {
        Ok(())
    }

    fn lock(&self, path: &Path) -> Result<Box<dyn VfsLock>, LockError> {
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut text = String::new();
                let holder = file
                    .read_to_string(&mut text)
                    .ok()
                    .and_then(|_| text.trim().parse().ok());
                return Err(LockError::Held { holder });
            }
            Err(TryLockError::Error(error)) => return Err(error.into()),
        }
        // Only a courtesy to whoever finds the lock taken, so its failure does not matter.
        // Never made empty: ext4 would write the file out when it is closed, which takes milliseconds.
        let _ = file
            .rewind()
            .and_then(|()| writeln!(file, "{:<10}", std::process::id()));
        Ok(Box::new(OsLock(file)))
    }
}

impl VfsFile for OsFile {
    fn len(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }

    #[cfg(unix)]
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        std::os::unix::fs::FileExt::read_at(&self.0, buffer, offset)
    }

    #[cfg(windows)]
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        std::os::windows::fs::FileExt::seek_read(&self.0, buffer, offset)
    }

    #[cfg(unix)]
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        std::os::unix::fs::FileExt::write_at(&self.0, bytes, offset)
    }

    #[cfg(windows)]
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        std::os::windows::fs::FileExt::seek_write(&self.0, bytes, offset)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.0.sync_data()
    }

    fn sync_all(&self) -> io::Result<()> {
        self.0.sync_all()
    }

    // Zeros that are really written: over merely reserved space, the first sync of every write has
    // to convert extents, which costs a third of a synced append.
    fn prepare(&self, from: u64, to: u64) -> io::Result<()> {
        let file: &dyn VfsFile = self;
        let mut at = from;
        while at < to {
            let left = usize::try_from(to - at).unwrap_or(usize::MAX);
            let chunk = ZEROS.get(..left).unwrap_or(ZEROS);
            file.write_all_at(chunk, at)?;
            at += chunk.len() as u64;
        }
        Ok(())
    }

    // Writing zeros keeps the file to itself as long as it lasts, and whoever commits meanwhile waits.
    #[cfg(target_os = "linux")]
    fn reserve(&self, from: u64, to: u64) -> io::Result<()> {
        use rustix::fs::{FallocateFlags, fallocate};
        use rustix::io::{Errno, retry_on_intr};

        // What the file has already is not made zero by the operating system.
        let end = self.len()?.min(to);
        if from < end {
            self.prepare(from, end)?;
        }
        let from = from.max(end);
        if from >= to {
            return Ok(());
        }
        let reserved =
            retry_on_intr(|| fallocate(&self.0, FallocateFlags::empty(), from, to - from));
        match reserved {
            Err(Errno::OPNOTSUPP | Errno::NOSYS | Errno::INVAL) => self.prepare(from, to),
            reserved => Ok(reserved?),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vfs::create_dirs;

    #[test]
    fn a_lock_is_exclusive_and_names_its_holder() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("LOCK");
        let held = OsFs.lock(&path).unwrap();
        let refused = OsFs.lock(&path).unwrap_err();
        let this = std::process::id();
        assert!(matches!(refused, LockError::Held { holder: Some(pid) } if pid == this));
        drop(held);
        assert!(path.exists());
        OsFs.lock(&path).unwrap();
    }

    #[test]
    fn prepared_space_is_zero_and_leaves_the_rest_alone() {
        type Fill = fn(&dyn VfsFile, u64, u64) -> io::Result<()>;
        let fills: [Fill; 2] = [
            |file, from, to| file.prepare(from, to),
            |file, from, to| file.reserve(from, to),
        ];
        for fill in fills {
            let dir = tempfile::tempdir().unwrap();
            let file = OsFs
                .open(&dir.path().join("f"), OpenMode::CreateNew)
                .unwrap();
            file.write_all_at(&[7; 100], 0).unwrap();
            fill(&*file, 90, 200_001).unwrap();
            assert_eq!(file.len().unwrap(), 200_001);
            // What is there already is not made longer, and what lies behind it is none of its business.
            fill(&*file, 80, 85).unwrap();
            assert_eq!(file.len().unwrap(), 200_001);
            let mut bytes = vec![1; 200_001];
            file.read_exact_at(&mut bytes, 0).unwrap();
            assert_eq!(bytes[..80], [7; 80]);
            assert_eq!(bytes[80..85], [0; 5]);
            assert_eq!(bytes[85..90], [7; 5]);
            assert!(bytes[90..].iter().all(|byte| *byte == 0));
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn reserved_space_has_its_place_on_the_medium() {
        use std::os::unix::fs::MetadataExt;

        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f");
        let file = OsFs.open(&path, OpenMode::CreateNew).unwrap();
        file.reserve(0, 1 << 20).unwrap();
        assert!(fs::metadata(&path).unwrap().blocks() * 512 >= 1 << 20);
    }

    #[test]
    fn reading_past_the_end_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        let file = OsFs
            .open(&dir.path().join("f"), OpenMode::CreateNew)
            .unwrap();
        file.write_all_at(b"four", 0).unwrap();
        let error = file.read_exact_at(&mut [0; 5], 0).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
    }

    #[test]
    fn missing_directories_are_made_and_present_ones_kept() {
        let dir = tempfile::tempdir().unwrap();
        let deep = dir.path().join("a/b/c");
        create_dirs(&OsFs, &deep).unwrap();
        create_dirs(&OsFs, &deep).unwrap();
        assert!(deep.is_dir());
    }
}

//! The file system as a trait: files, directories, locks, and when each of them is durable.
//!
//! Its one job is to be the only place where the operating system's files are touched, so that a
//! file system that crashes, fills up or lies can be put in its place. Time, randomness and threads come by the same
//! way ([`Host`]). It must never know what a log, a segment or a frame is.

mod error;
mod file;
mod host;
mod os;
#[cfg(feature = "testing")]
pub(crate) mod sim;

use std::ffi::OsString;
use std::fmt::Debug;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use error::LockError;
pub use file::VfsFile;
pub(crate) use host::wait_for_end;
pub use host::{Host, Job, OsHost};
pub use os::OsFs;

/// How a file is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OpenMode {
    /// An existing file, for reading.
    Read,
    /// An existing file, for reading and writing.
    ReadWrite,
    /// A new file, for reading and writing. It is an error if the name exists.
    CreateNew,
}

/// A lock that is held until this is dropped.
pub trait VfsLock: Debug + Send + Sync {}

/// A file system. Each method is one operation on it; none of them retries.
///
/// What a method changed survives a power cut only after the sync that its documentation names.
pub trait Vfs: Debug + Send + Sync + 'static {
    /// Where time, randomness and threads come from; from the operating system unless said otherwise.
    fn host(&self) -> &dyn Host {
        &OsHost
    }

    /// The path by which this file system finds the same whatever the process does later: a relative one means another place when the
    /// process has changed its directory. Asked once, when something is opened. A file system that has no such directory gives
    /// the path back, as this does; one that has the operating system's files below it should pass the question on.
    ///
    /// # Errors
    /// Whatever the operating system says: the path may be empty, or the directory of the process gone.
    fn absolute(&self, path: &Path) -> io::Result<PathBuf> {
        Ok(path.to_path_buf())
    }

    /// The same for a path that may lead through links: without these, as far as it is there. So it can be told whether one directory is in
    /// another. A file system without links gives the path back, as this does.
    ///
    /// # Errors
    /// As [`absolute`](Self::absolute).
    fn resolved(&self, path: &Path) -> io::Result<PathBuf> {
        Ok(path.to_path_buf())
    }

    /// Makes one directory. Durable after [`sync_dir`](Self::sync_dir) of its parent.
    ///
    /// # Errors
    /// `AlreadyExists` if the name is taken; whatever the file system says otherwise.
    fn create_dir(&self, path: &Path) -> io::Result<()>;

    /// The names in a directory, in no particular order.
    ///
    /// # Errors
    /// `NotFound` if there is no such directory; whatever the file system says otherwise.
    fn read_dir(&self, path: &Path) -> io::Result<Vec<OsString>>;

    /// Opens a file. A created file's name is durable after [`sync_dir`](Self::sync_dir).
    ///
    /// # Errors
    /// `NotFound` or `AlreadyExists` by the mode; whatever the file system says otherwise.
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn VfsFile>>;

    /// Gives a file another name in the same directory, atomically replacing what had it. Durable
    /// after [`sync_dir`](Self::sync_dir).
    ///
    /// # Errors
    /// Whatever the file system says.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Gives a file one more name. Durable after [`sync_dir`](Self::sync_dir). A file system that cannot do
    /// that need not say more than this.
    ///
    /// # Errors
    /// `Unsupported`; `AlreadyExists` if the name is taken; whatever else the file system says.
    fn hard_link(&self, file: &Path, name: &Path) -> io::Result<()> {
        let _ = (file, name);
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Removes a file's name. Durable after [`sync_dir`](Self::sync_dir).
    ///
    /// # Errors
    /// `NotFound` if there is no such file; whatever the file system says otherwise.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Makes the names in a directory durable.
    ///
    /// # Errors
    /// Whatever the file system says.
    fn sync_dir(&self, path: &Path) -> io::Result<()>;

    /// Locks the file `path`, making it if needed, against every other holder, in this process
    /// too. The file is never removed: two holders could otherwise lock two files of one name.
    ///
    /// # Errors
    /// [`LockError::Held`] if somebody else has it.
    fn lock(&self, path: &Path) -> Result<Box<dyn VfsLock>, LockError>;
}

/// Makes a directory and those above it that are missing, and makes all their names durable.
///
/// # Errors
/// Whatever the file system says.
pub fn create_dirs(vfs: &dyn Vfs, path: &Path) -> io::Result<()> {
    let mut made = path;
    make_dirs(vfs, path, &mut made)?;
    // Those that were there may be of somebody who was killed before he synced their names.
    let mut child = path;
    while let Some(parent) = parent_of(child) {
        let is_above =
            made.starts_with(parent) && made != parent && parent_of(made) != Some(parent);
        match vfs.sync_dir(parent) {
            // Nobody can have made something there.
            Err(error) if is_above && is_refused(&error) => {}
            synced => synced?,
        }
        child = parent;
    }
    Ok(())
}

/// Makes what is missing. `highest` is the highest of those that were made.
fn make_dirs<'p>(vfs: &dyn Vfs, path: &'p Path, highest: &mut &'p Path) -> io::Result<()> {
    match vfs.create_dir(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let parent = parent_of(path).ok_or(error)?;
            make_dirs(vfs, parent, highest)?;
            match vfs.create_dir(path) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
                made => made,
            }
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        made => {
            *highest = path;
            made
        }
    }
}

fn parent_of(path: &Path) -> Option<&Path> {
    let here = Path::new(".");
    match path.parent()? {
        parent if !parent.as_os_str().is_empty() => Some(parent),
        _ => (path != here).then_some(here),
    }
}

/// Whether a directory could not be synced because nothing can be changed in it.
fn is_refused(error: &io::Error) -> bool {
    use io::ErrorKind::{InvalidInput, PermissionDenied, ReadOnlyFilesystem, Unsupported};
    matches!(
        error.kind(),
        InvalidInput | PermissionDenied | ReadOnlyFilesystem | Unsupported
    )
}

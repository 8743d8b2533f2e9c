//! [`OnHost`]: this process among those that run threads of one file.
//!
//! Who runs a thread holds the lock of a file that is named after it, in a directory beside the database. The system lets
//! go of it when its process ends, however it ends, so nobody's lease runs out and none is renewed: a process that was
//! stopped for a while still has it, and nobody has written meanwhile.

use std::collections::HashSet;
use std::fs::{File, TryLockError};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::channel::oneshot;
use futures::future::BoxFuture;

use crate::lease::{Beyond, Kept, Unknown};

/// Somebody who only looks has a lock for a moment: so often it is tried again, after so long.
const TRIES: usize = 5;
const PAUSE: Duration = Duration::from_millis(1);
/// Longer names of threads are cut off in their files.
const MOST: u64 = 64 << 10;

/// The leases of the processes of this host on a file.
#[derive(Debug)]
pub(super) struct OnHost {
    directory: PathBuf,
}

/// A thread that this process runs until this is dropped.
struct Holding {
    /// Locked as long as it is open.
    _file: File,
    path: PathBuf,
}

impl Drop for Holding {
    fn drop(&mut self) {
        // Whoever has it open finds out that it is not the file any more. What cannot be removed is taken again.
        let _ = std::fs::remove_file(&self.path);
    }
}

impl OnHost {
    /// Beside the database at `path`.
    pub(super) fn beside(path: &Path) -> Self {
        let mut directory = path.as_os_str().to_owned();
        directory.push("-leases");
        Self {
            directory: directory.into(),
        }
    }

    fn path_of(&self, thread: &str) -> PathBuf {
        let name = twox_hash::XxHash3_128::oneshot(thread.as_bytes());
        self.directory.join(format!("{name:032x}"))
    }
}

/// Takes the lock of a file, or gives `None` if somebody has it. With `patience` it waits.
fn lock(path: &Path, thread: &str, patience: bool) -> io::Result<Option<Holding>> {
    let mut tries = 0;
    loop {
        if let Some(directory) = path.parent() {
            std::fs::create_dir_all(directory)?;
        }
        let opened = File::options()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(path);
        let mut file = match opened {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        if patience {
            file.lock()?;
        } else {
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) if tries < TRIES => {
                    tries += 1;
                    std::thread::sleep(PAUSE);
                    continue;
                }
                Err(TryLockError::WouldBlock) => return Ok(None),
                Err(TryLockError::Error(error)) => return Err(error),
            }
        }
        if is_at(&file, path)? {
            file.set_len(0)?;
            file.write_all(thread.as_bytes())?;
            let path = path.to_owned();
            return Ok(Some(Holding { _file: file, path }));
        }
    }
}

/// Whether a file that was opened is still the one at `path`.
#[cfg(unix)]
fn is_at(file: &File, path: &Path) -> io::Result<bool> {
    use std::os::unix::fs::MetadataExt;
    let opened = file.metadata()?;
    match std::fs::metadata(path) {
        Ok(there) => Ok((there.dev(), there.ino()) == (opened.dev(), opened.ino())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// What is open cannot be removed.
#[cfg(not(unix))]
fn is_at(_: &File, _: &Path) -> io::Result<bool> {
    Ok(true)
}

/// The threads whose files are locked.
fn busy(directory: &Path) -> io::Result<HashSet<String>> {
    let entries = match std::fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(HashSet::new()),
        Err(error) => return Err(error),
    };
    let mut busy = HashSet::new();
    for entry in entries {
        let Ok(mut file) = File::open(entry?.path()) else {
            continue;
        };
        if let Err(TryLockError::WouldBlock) = file.try_lock_shared() {
            let mut name = Vec::new();
            Read::by_ref(&mut file).take(MOST).read_to_end(&mut name)?;
            busy.insert(String::from_utf8_lossy(&name).into_owned());
        }
    }
    Ok(busy)
}

fn unknown(error: io::Error) -> Unknown {
    Arc::new(error)
}

impl Beyond for OnHost {
    fn take(
        &self,
        thread: &str,
        patience: bool,
    ) -> BoxFuture<'static, Result<Option<Kept>, Unknown>> {
        let (path, thread) = (self.path_of(thread), thread.to_owned());
        async move {
            let kept = |holding| Box::new(holding) as Kept;
            let taken = lock(&path, &thread, false).map_err(unknown)?;
            if taken.is_some() || !patience {
                return Ok(taken.map(kept));
            }
            let (answer, answered) = oneshot::channel();
            let waiting = std::thread::Builder::new().name("stepwell-lease".into());
            // If nobody waits any more, it is let go again.
            let waiting = waiting.spawn(move || drop(answer.send(lock(&path, &thread, true))));
            drop(waiting.map_err(unknown)?);
            let taken = answered.await.unwrap_or(Ok(None));
            Ok(taken.map_err(unknown)?.map(kept))
        }
        .boxed()
    }

    fn busy(&self) -> BoxFuture<'static, Result<HashSet<String>, Unknown>> {
        std::future::ready(busy(&self.directory).map_err(unknown)).boxed()
    }
}

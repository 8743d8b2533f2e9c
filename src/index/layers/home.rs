//! [`Home`]: where an index file is, and what happens to it when reading fails.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use redb::StorageError;

use super::handover::Handover;
use super::redb_file::RedbFile;
use crate::index::tables::{TableRow, TablesError, Undecodable};
use crate::vfs::Vfs;

/// The name of an index file.
pub(crate) const NAME: &str = "index.redb";

/// Where an index file is.
#[derive(Debug)]
pub(super) struct Home {
    pub(super) vfs: Arc<dyn Vfs>,
    pub(super) dir: PathBuf,
    pub(super) path: PathBuf,
    pub(super) reads: Arc<FileReads>,
    /// For whoever cannot read it.
    pub(super) handover: Arc<Handover>,
}

/// What was read from an index file since it was opened.
#[derive(Debug, Default)]
pub(crate) struct FileReads {
    /// Rows and ranges that were looked for.
    pub(crate) look_ups: AtomicU64,
    /// Pages that were not in memory.
    pub(crate) pages: AtomicU64,
}

impl Home {
    pub(super) fn row<R: TableRow>(&self, key: &R::Key, value: &[u8]) -> Result<R, TablesError> {
        R::decode(key, value).map_err(|error| self.undecodable(&error))
    }

    /// Calls redb to read `file`. It panics on pages that contradict each other, which a file system that
    /// loses writes can bring about.
    pub(super) fn contain<T>(
        &self,
        file: &RedbFile,
        read: impl FnOnce() -> Result<T, StorageError>,
    ) -> Result<T, TablesError> {
        match catch_unwind(AssertUnwindSafe(read)) {
            Ok(Ok(read)) => Ok(read),
            // Another file may have its name by now.
            _ if file.is_over() => Err(TablesError::Closed {
                path: self.path.clone(),
            }),
            // Nothing is said about the file: what failed before has been told.
            Ok(Err(error @ StorageError::PreviousIo)) => Err(self.unreadable(&error.to_string())),
            Ok(Err(error)) => Err(self.damaged(&error.to_string())),
            Err(_) => Err(self.damaged("its pages contradict each other")),
        }
    }

    pub(super) fn undecodable(&self, error: &Undecodable) -> TablesError {
        self.damaged(&error.0)
    }

    /// Removes the file's name, so that the next open rebuilds it whatever happens until then.
    pub(super) fn damaged(&self, reason: &str) -> TablesError {
        let removed = self.remove(NAME);
        tracing::error!(reason, path = %self.path.display(), ?removed, "the index cannot be read");
        self.unreadable(reason)
    }

    pub(super) fn remove(&self, name: &str) -> Result<(), TablesError> {
        let removed = match self.vfs.remove(&self.dir.join(name)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Ok(()) => self.vfs.sync_dir(&self.dir),
            failed => failed,
        };
        removed.map_err(|error| self.unreadable(&error.to_string()))
    }

    pub(super) fn unreadable(&self, reason: &str) -> TablesError {
        TablesError::Unreadable {
            path: self.path.clone(),
            reason: reason.to_owned(),
        }
    }
}

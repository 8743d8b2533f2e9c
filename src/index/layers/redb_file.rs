//! [`RedbFile`]: a file under redb that is closed, or let go of without a word.

use std::mem;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;
use redb::{Builder, Database, DatabaseError};

use super::home::FileReads;
use super::lent::Lent;
use super::pages::Pages;
use super::unusable::{Unusable, contain};
use crate::vfs::VfsFile;

/// A file under redb. Whoever reads rows of it has a share in it, so that it outlives all of redb's own readers.
///
/// What was not closed is never written to by dropping it. redb would do so. If pages contradict each other it may then panic
/// while it panics, which ends the process; and whoever drops it without closing it has no use for what it would write.
pub(super) struct RedbFile {
    /// `None` once it is closed.
    database: Mutex<Option<Database>>,
    file: Lent,
    /// It was opened again.
    was_replaced: AtomicBool,
}

impl RedbFile {
    pub(super) fn open(
        file: Arc<dyn VfsFile>,
        reads: Arc<FileReads>,
        cache_bytes: usize,
    ) -> Result<Arc<Self>, redb::Error> {
        let file = Lent::new(file);
        let pages = Pages::new(file.clone(), reads);
        let mut builder = Builder::new();
        builder
            .set_cache_size(cache_bytes)
            // Every transaction leaves what a repair would find out. A file that needs one all the same was
            // not written here.
            .set_repair_callback(|repair| repair.abort());
        let database = Mutex::new(Some(builder.create_with_backend(pages)?));
        Ok(Arc::new(Self {
            database,
            file,
            was_replaced: AtomicBool::new(false),
        }))
    }

    /// What `with` makes of it.
    pub(super) fn with<T>(
        &self,
        with: impl FnOnce(&Database) -> Result<T, Unusable>,
    ) -> Result<T, Unusable> {
        let closed = || Unusable::Damaged("it is closed".to_owned());
        with(self.database.lock().as_ref().ok_or_else(closed)?)
    }

    /// Writes what is to be written at the end.
    pub(super) fn close(&self) -> Result<(), Unusable> {
        let Some(database) = self.database.lock().take() else {
            return Ok(());
        };
        let closed = contain(|| Ok(database.close().map_err(redb::Error::from)?));
        self.file.take_back();
        closed
    }

    /// Ends all reading and writing.
    pub(super) fn let_go(&self) {
        self.file.take_back();
    }

    /// Takes note that it was opened again after it was let go of.
    pub(super) fn replaced(&self) {
        self.was_replaced.store(true, Ordering::Release);
    }

    pub(super) fn was_replaced(&self) -> bool {
        self.was_replaced.load(Ordering::Acquire)
    }

    /// Whether it was closed or let go of.
    pub(super) fn is_over(&self) -> bool {
        self.file.is_taken_back()
    }
}

impl Drop for RedbFile {
    fn drop(&mut self) {
        let Some(mut database) = self.database.get_mut().take() else {
            return;
        };
        self.file.take_back();
        // If no call has failed so far, it drops what it has in memory and fails at its first call.
        let silent = self.file.has_failed()
            || matches!(
                contain(|| Ok(database.check_integrity())),
                Ok(Err(DatabaseError::Storage(_)))
            );
        if silent {
            let _ = contain(|| {
                drop(database);
                Ok(())
            });
        } else {
            // It is in a state of its own: rather its memory is lost than the process.
            tracing::warn!("the memory of an index file is not given back");
            mem::forget(database);
        }
    }
}

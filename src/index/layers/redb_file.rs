//! [`RedbFile`]: a file under redb that is closed, or let go of without a word.

use std::mem;
use std::sync::Arc;

use redb::{Builder, Database, DatabaseError};

use super::home::FileReads;
use super::lent::Lent;
use super::pages::Pages;
use super::unusable::{Unusable, contain};
use crate::vfs::VfsFile;

/// A file under redb. Dropping it lets go of it: nothing is written any more.
///
/// redb would write when it is dropped. If pages contradict each other it may then panic while it panics, which ends the
/// process; and whoever drops it without closing it has no use for what it would write.
pub(super) struct RedbFile {
    /// `None` once it is closed.
    database: Option<Database>,
    file: Lent,
}

impl RedbFile {
    pub(super) fn open(
        file: Arc<dyn VfsFile>,
        reads: Arc<FileReads>,
        cache_bytes: usize,
    ) -> Result<Self, redb::Error> {
        let file = Lent::new(file);
        let pages = Pages::new(file.clone(), reads);
        let mut builder = Builder::new();
        builder
            .set_cache_size(cache_bytes)
            // Every transaction leaves what a repair would find out. A file that needs one all the same was
            // not written here.
            .set_repair_callback(|repair| repair.abort());
        let database = Some(builder.create_with_backend(pages)?);
        Ok(Self { database, file })
    }

    pub(super) fn database(&self) -> Result<&Database, Unusable> {
        let closed = || Unusable::Damaged("it is closed".to_owned());
        self.database.as_ref().ok_or_else(closed)
    }

    /// Writes what is to be written at the end.
    pub(super) fn close(mut self) -> Result<(), Unusable> {
        let Some(database) = self.database.take() else {
            return Ok(());
        };
        contain(|| Ok(database.close().map_err(redb::Error::from)?))
    }
}

impl Drop for RedbFile {
    fn drop(&mut self) {
        let Some(mut database) = self.database.take() else {
            return;
        };
        // Else it drops what it has in memory and fails at its first call.
        let silent = self.file.take_back()
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
            // It has readers yet, or is in a state of its own: rather its memory is lost than the process.
            mem::forget(database);
        }
    }
}

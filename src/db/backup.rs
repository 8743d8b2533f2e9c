//! Backups of an open database.

use std::path::Path;
use std::sync::Arc;

use crate::db::indexed::LogState;
use crate::db::{BackupProgress, BackupReport, Db, DbError};
use crate::log;
use crate::vfs::OsFs;

impl Db {
    /// Whether the database in the directory `path` is a [backup](Self::backup) that can be brought up to date: nobody has opened it for
    /// writing, as [`open`](Self::open) does. Nothing is changed by asking, nor by opening it
    /// [read-only](crate::db::DbOptions::read_only).
    ///
    /// # Errors
    /// [`DbError::Log`] if there is no database, or it cannot be told what it is.
    pub fn is_backup(path: impl AsRef<Path>) -> Result<bool, DbError> {
        Ok(log::is_backup(Arc::new(OsFs), path.as_ref())?)
    }

    /// Makes a backup in the directory `to`: a database of its own, with everything that was acknowledged before the
    /// call, which is restored by opening it (or, to keep the backup as it is, a copy of it). Readers and writers go on
    /// meanwhile.
    ///
    /// A directory with an earlier backup of this database is brought up to date: what has not changed is left
    /// alone. Full segments of the log become hard links where the file system has them, so a backup on the same one takes
    /// little space, and copies elsewhere. The index file is not copied; it is made again when the backup is
    /// opened.
    ///
    /// A backup that was opened for writing is a database of its own, and is not brought up to date any more. One that was
    /// cut off is gone on with by the next call.
    ///
    /// A database that is opened read-only is backed up as it was when it was opened; or, if another process has compacted it since,
    /// as it is now, since what was there then may be gone.
    ///
    /// # Errors
    /// [`DbError::Log`]: there is something else in the directory, or it is open, or it is within the database's own;
    /// or the log or the file system failed. [`DbError::Closed`].
    pub fn backup(&self, to: impl AsRef<Path>) -> Result<BackupReport, DbError> {
        self.backup_with(to, &mut |_| ())
    }

    /// As [`backup`](Self::backup), and tells now and then how far it has come.
    ///
    /// # Errors
    /// As [`backup`](Self::backup).
    pub fn backup_with(
        &self,
        to: impl AsRef<Path>,
        progress: &mut dyn FnMut(BackupProgress),
    ) -> Result<BackupReport, DbError> {
        let log = self.indexed().log.read().clone();
        match log {
            LogState::Open(log) => Ok(log.backup_with(to.as_ref(), progress)?),
            LogState::ReadOnly(log) => Ok(log.backup(to.as_ref(), progress)?),
            _ => Err(self.closed()),
        }
    }
}

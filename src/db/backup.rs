//! Backups of an open database.

use std::path::Path;

use crate::db::{Db, DbError};
use crate::log::BackupReport;

impl Db {
    /// Makes a backup in the directory `to`: a database of its own, with everything that was acknowledged before the
    /// call, which is restored by opening it (or, to keep the backup as it is, a copy of it). Readers and writers go on
    /// meanwhile.
    ///
    /// A directory with an earlier backup of this database is brought up to date: what has not changed is left
    /// alone. Full segments of the log become hard links where the file system has them, so a backup on the same one takes
    /// little space, and copies elsewhere. The index file is not copied; it is made again when the backup is
    /// opened.
    ///
    /// A backup that was opened for writing is a database of its own, and is not brought up to date any more.
    ///
    /// # Errors
    /// [`DbError::Log`]: there is something else in the directory, or it is open; or the log or the file system
    /// failed. [`DbError::ReadOnly`]; [`DbError::Closed`].
    pub fn backup(&self, to: impl AsRef<Path>) -> Result<BackupReport, DbError> {
        self.with_log(|log| Ok(log.backup(to.as_ref())?))
    }
}

//! Why the database refused or failed.

use crate::index::TablesError;
use crate::log::{FrameAddress, LogError};

/// Why the database refused or failed.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum DbError {
    /// The log, or the file system below it, refused or failed.
    #[error(transparent)]
    Log(#[from] LogError),
    /// A record that the log holds whole cannot be understood.
    #[error(
        "record {lsn} in segment {segment} at byte {offset} cannot be read: {reason}; open the \
         database with the version of stepwell that wrote it"
    )]
    UnreadableRecord {
        /// The record's LSN.
        lsn: u64,
        /// The name of the segment's file.
        segment: String,
        /// Where its frame begins in the file, in bytes.
        offset: u64,
        /// What is wrong with it.
        reason: String,
    },
    /// What was to be written does not fit into a record.
    #[error("{what} cannot be written: {reason}")]
    Unwritable {
        /// What was to be written: of which thread or namespace.
        what: String,
        /// Why it does not fit, and what to do.
        reason: String,
    },
    /// A stored value is not what its reader expects.
    #[error("{what} cannot be read: {reason}")]
    UnreadableValue {
        /// What was to be read: of which thread or namespace.
        what: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The index cannot be read.
    #[error("{reason}; close the database and open it again")]
    Index {
        /// What is wrong with it.
        reason: String,
    },
    /// What was read is not known any more as it was when the read began. Nothing is wrong with it as it is now.
    #[error("{reason} while it was read; read again")]
    Superseded {
        /// What came between.
        reason: String,
    },
    /// The database was opened to be looked at.
    #[error("the database at `{path}` is open read-only; open it for writing to change it")]
    ReadOnly {
        /// Its directory.
        path: String,
    },
    /// [`Db::close`](crate::db::Db::close) was called.
    #[error("the database at `{path}` was closed; open it again to use it")]
    Closed {
        /// Its directory.
        path: String,
    },
}

impl From<TablesError> for DbError {
    fn from(error: TablesError) -> Self {
        let reason = error.to_string();
        match error {
            TablesError::Superseded { .. } => Self::Superseded { reason },
            _ => Self::Index { reason },
        }
    }
}

impl DbError {
    /// Nothing says when a checkpoint was made.
    pub(crate) fn timeless(thread: &str, checkpoint: &str) -> Self {
        Self::UnreadableValue {
            what: format!("the time of checkpoint `{checkpoint}` of thread `{thread}`"),
            reason: "its `ts` is no time in RFC 3339 since 1970, and its id has none; ask by time"
                .to_owned(),
        }
    }

    pub(crate) fn unreadable_record(
        frame: FrameAddress,
        record: u32,
        reason: impl ToString,
    ) -> Self {
        Self::UnreadableRecord {
            lsn: frame.lsn.plus(u64::from(record)).get(),
            segment: frame.segment.to_string(),
            offset: frame.offset,
            reason: reason.to_string(),
        }
    }
}

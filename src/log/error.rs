//! [`LogError`]: why the log refused or failed.

use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use uuid::Uuid;

use super::{FrameAddress, LogPosition, Lsn};

/// What is done with each frame that a log holds when it is opened, in LSN order.
pub type Replay<'a> = dyn FnMut(FrameAddress, &[u8]) -> Result<(), ReplayError> + 'a;

/// What a [`Replay`] may fail with.
pub type ReplayError = Box<dyn std::error::Error + Send + Sync>;

/// Why the log refused or failed.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum LogError {
    /// Another process, or another handle in this one, has the log open.
    #[error(
        "`{}` is locked{}; close the database there first",
        path.display(),
        holder.map(|pid| format!(" by process {pid}")).unwrap_or_default()
    )]
    Locked {
        /// The lock file.
        path: PathBuf,
        /// The holder's process id, where it could be told.
        holder: Option<u32>,
    },
    /// The file system failed.
    #[error("cannot {action} `{}`: {source}", path.display())]
    Io {
        /// What was being done.
        action: &'static str,
        /// To which file or directory.
        path: PathBuf,
        /// What the file system said.
        source: Arc<io::Error>,
    },
    /// There is no room for this commit. Nothing of it was kept, and the log goes on: commits
    /// succeed again when there is room.
    #[error(
        "no space to extend the log at `{}`: {source}; free some space and commit again",
        path.display()
    )]
    OutOfSpace {
        /// The segment that could not be extended or made.
        path: PathBuf,
        /// What the file system said.
        source: Arc<io::Error>,
    },
    /// Data that was durable is damaged or missing. Nothing was changed on the medium.
    #[error(
        "log segment `{}` is damaged at byte {offset}: {reason}; records {}..{} were not read; \
         nothing was changed, restore the file from a backup, or salvage what is whole",
        segment.display(), lsns.start, lsns.end
    )]
    Corrupt {
        /// The segment's file.
        segment: PathBuf,
        /// The byte in it at which the damage was found.
        offset: u64,
        /// The records that were not read for it: those of the frame, or where frames are read one behind the other, all to the end of
        /// the segment. Some of these may be whole: a verification or [`salvage`](crate::log::salvage()) says which.
        lsns: Range<Lsn>,
        /// What is wrong there.
        reason: String,
    },
    /// Neither slot of the superblock can be used, or it is missing.
    #[error(
        "superblock `{}` is damaged: {reason}; nothing was changed, restore the file from a backup",
        path.display()
    )]
    SuperblockDamaged {
        /// The superblock's file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A segment is from another database.
    #[error(
        "log segment `{}` belongs to database {found}, not to {expected}; put the right file back",
        segment.display()
    )]
    ForeignSegment {
        /// The segment's file.
        segment: PathBuf,
        /// The database it is from.
        found: Uuid,
        /// The database that is being opened.
        expected: Uuid,
    },
    /// The data is whole, but a newer version of this library wrote it.
    #[error(
        "`{}` has {what} at byte {offset}, written by a newer version; open it with that version",
        path.display()
    )]
    NewerFormat {
        /// The file.
        path: PathBuf,
        /// The byte at which the unknown thing is.
        offset: u64,
        /// What is unknown.
        what: String,
    },
    /// The data is of a format that is not read any more.
    #[error(
        "`{}` is of format version {version}, which was never released and cannot be read or \
         converted; open it with the build that wrote it, or move the directory away and begin anew",
        path.display()
    )]
    OldFormat {
        /// The file.
        path: PathBuf,
        /// The version of its format.
        version: u32,
    },
    /// The log cannot be replayed from the position that was asked for: it ends before, or no frame
    /// begins there. Nothing was changed or replayed; open it from the beginning.
    #[error(
        "the log in `{}` has no frame boundary at record {}, segment {}, byte {}; replay it from the \
         beginning",
        log.display(), position.lsn, position.segment, position.offset
    )]
    NoSuchPosition {
        /// The directory of the log.
        log: PathBuf,
        /// What was asked for.
        position: LogPosition,
    },
    /// A frame is not there any more: a compaction was told to drop it.
    #[error("record {lsn} was removed from the log by a compaction")]
    Dropped {
        /// The LSN of the frame's first record.
        lsn: Lsn,
    },
    /// A backup cannot be made there. Nothing has changed.
    #[error("`{}` cannot take this backup: {reason}", path.display())]
    NotABackup {
        /// The directory.
        path: PathBuf,
        /// Why.
        reason: &'static str,
    },
    /// A log was to be made where there is one. Nothing has changed.
    #[error("`{}` holds a database already, or is within one; name a directory that is new", path.display())]
    NotEmpty {
        /// The directory.
        path: PathBuf,
    },
    /// Segments cannot be compacted as asked. Nothing has changed.
    #[error("these segments cannot be compacted: {reason}")]
    NotCompactable {
        /// Why.
        reason: String,
    },
    /// The replay callback refused a frame that is whole. Nothing was changed on the medium.
    #[error(
        "record {lsn} in log segment `{}` at byte {offset} cannot be replayed: {source}",
        segment.display()
    )]
    Replay {
        /// The segment's file.
        segment: PathBuf,
        /// The byte at which the frame begins.
        offset: u64,
        /// The LSN of the frame's first record.
        lsn: Lsn,
        /// What the callback said.
        source: Arc<dyn std::error::Error + Send + Sync>,
    },
    /// A frame must hold at least one record and one byte, and not too many.
    #[error("a frame of {records} records in {bytes} bytes cannot be written: {reason}")]
    InvalidFrame {
        /// How many records were submitted.
        records: u32,
        /// How long their payload is.
        bytes: usize,
        /// Which bound it breaks.
        reason: &'static str,
    },
    /// A write or a sync failed earlier, so what is on the medium is not known. Reopening finds
    /// out.
    #[error("the log stopped after a failure ({cause}); reopen the database to recover")]
    Poisoned {
        /// The first failure.
        cause: Arc<LogError>,
    },
    /// A thread panicked in the middle of a commit.
    #[error("a thread panicked while it led a commit")]
    CommitPanicked,
}

impl LogError {
    pub(super) fn io(action: &'static str, path: &Path, source: io::Error) -> Self {
        Self::Io {
            action,
            path: path.to_path_buf(),
            source: Arc::new(source),
        }
    }

    /// As [`io`](Self::io), but a lack of room becomes [`LogError::OutOfSpace`]. Only for what can
    /// be undone: nothing that was acknowledged may depend on it.
    pub(super) fn space(action: &'static str, path: &Path, source: io::Error) -> Self {
        use io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
        match source.kind() {
            StorageFull | QuotaExceeded | FileTooLarge => Self::OutOfSpace {
                path: path.to_path_buf(),
                source: Arc::new(source),
            },
            _ => Self::io(action, path, source),
        }
    }

    pub(super) fn corrupt(
        segment: &Path,
        offset: u64,
        lsns: Range<u64>,
        reason: impl Into<String>,
    ) -> Self {
        Self::Corrupt {
            segment: segment.to_path_buf(),
            offset,
            lsns: Lsn::new(lsns.start)..Lsn::new(lsns.end),
            reason: reason.into(),
        }
    }
}

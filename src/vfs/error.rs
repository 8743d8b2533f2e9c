//! [`LockError`]: why a lock was not granted.

use std::io;

/// Why [`Vfs::lock`](super::Vfs::lock) did not grant a lock.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Somebody else holds it.
    #[error("the lock is held by another holder")]
    Held {
        /// The holder's process id, where it could be told.
        holder: Option<u32>,
    },
    /// The lock file could not be opened or locked.
    #[error("the lock file cannot be used")]
    Io(#[from] io::Error),
}

//! [`Shared`]: what the log's handle, its tickets and its threads share.

use std::sync::Arc;

use super::directory::Directory;
use super::primitives::{AtomicBool, AtomicU64, Condvar, Mutex};
use super::segment_table::SegmentTable;
use super::state::State;
use super::superblock_file::SuperblockFile;
use super::{CommitSink, LogOptions};
use crate::vfs::Host;

/// What the log's handle, its tickets and its threads share.
pub(super) struct Shared<T> {
    pub(super) directory: Directory,
    pub(super) options: LogOptions,
    pub(super) sink: Arc<dyn CommitSink<T>>,
    pub(super) segments: SegmentTable,
    /// Never locked while the state is.
    pub(super) superblock: Mutex<SuperblockFile>,
    /// Held by whoever syncs beside those who commit.
    pub(super) syncing_beside: Mutex<()>,
    /// Held by whoever compacts.
    pub(super) compacting: Mutex<()>,
    /// Held by whoever replaces or removes files of sealed segments, or needs them to stay.
    pub(super) publishing: Mutex<()>,
    pub(super) state: Mutex<State<T>>,
    /// [`State::acked`], to be looked at without the lock.
    pub(super) acked: AtomicU64,
    /// Whether there is a [`State::poison`], to be looked at without the lock.
    pub(super) failed: AtomicBool,
    /// Wakes those who wait for space, for the log for themselves, or for another's end of that.
    pub(super) changed: Condvar,
    /// Wakes the committer thread.
    pub(super) committer: Condvar,
    /// Wakes the preparer thread.
    pub(super) preparer: Condvar,
}

impl<T> Shared<T> {
    /// Where time and threads come from.
    pub(super) fn host(&self) -> &dyn Host {
        self.directory.vfs.host()
    }
}

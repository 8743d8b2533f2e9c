//! [`LockedLog`]: a log that is about to be opened.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use uuid::Uuid;

use super::background::Background;
use super::batch::Batch;
use super::chain::read_chain;
use super::directory::Directory;
use super::handle::Running;
use super::latency::Histogram;
use super::primitives::{AtomicBool, AtomicU64, Condvar, Mutex};
use super::recovery::{open_superblock, recover};
use super::resume::resume;
use super::segment_table::SegmentTable;
use super::shared::Shared;
use super::state::{Active, State};
use super::superblock_file::SuperblockFile;
use super::{CommitSink, Log, LogError, LogOptions, Lsn, RecoveryReport, Replay, ReplayFrom};
use crate::vfs::{Vfs, VfsLock};

/// A log that nobody else can open, and whose frames were not read yet.
pub struct LockedLog {
    directory: Directory,
    superblock: SuperblockFile,
    lock: Box<dyn VfsLock>,
}

impl LockedLog {
    /// Locks the log in the directory `dir`, or makes one, directory included.
    ///
    /// # Errors
    /// [`LogError::Locked`] if it is open already. [`LogError::SuperblockDamaged`] and its siblings if it cannot
    /// be told what it is. [`LogError::Io`] from the file system.
    pub fn lock(vfs: Arc<dyn Vfs>, dir: &Path) -> Result<Self, LogError> {
        let directory = Directory::new(vfs, dir)?;
        let lock = directory.lock()?;
        let superblock = open_superblock(&directory)?;
        Ok(Self {
            directory,
            superblock,
            lock,
        })
    }

    /// The database's identity.
    pub fn database(&self) -> Uuid {
        self.superblock.current().database
    }

    /// The greatest LSN up to which the log was known when segments that are there now were
    /// [compacted](Log::compact); 0 if none was.
    ///
    /// # Errors
    /// [`LogError::Corrupt`] if a segment is missing or its header is damaged. [`LogError::Io`] from the file system.
    pub fn compacted_as_of(&self) -> Result<Lsn, LogError> {
        if !self.directory.has_log()? {
            return Ok(Lsn::new(0));
        }
        let chain = read_chain(&self.directory, self.superblock.current())?;
        Ok(Lsn::new(chain.compacted_as_of()))
    }

    /// Opens the log. Every frame in it `from` there on is given to `replay` first, in LSN order; then `sink` is told of each new one.
    ///
    /// What is not replayed is not read either, except for the headers of segments, and frames that the
    /// log cannot otherwise know to be whole: those of the newest segment, if the position is not known
    /// to have been durable.
    ///
    /// # Errors
    /// [`LogError::NoSuchPosition`] if the log cannot be replayed from there. Nothing was replayed then.
    /// [`LogError::Corrupt`] and its siblings if
    /// something that was durable is damaged or missing, or if `replay` fails; nothing on the
    /// medium has changed then. [`LogError::Io`] and [`LogError::OutOfSpace`] from the file system.
    pub fn open<T: Send + 'static>(
        self,
        options: LogOptions,
        from: ReplayFrom,
        replay: &mut Replay<'_>,
        sink: Arc<dyn CommitSink<T>>,
    ) -> Result<(Log<T>, RecoveryReport), LogError> {
        let Self {
            directory,
            superblock,
            lock,
        } = self;
        let judged = recover(&directory, superblock, from, replay)?;
        let resumed = resume(&directory, options.segment_bytes, judged)?;

        let segment = Arc::new(resumed.active);
        let active = Active::new(
            &directory,
            Arc::clone(&segment),
            resumed.offset,
            resumed.prepared,
            options.segment_bytes,
        )?;
        let sealed_bytes = resumed.sealed.iter().map(|info| info.bytes).sum();
        let segment_count = resumed.sealed.len() as u64 + 1;
        let last_bytes = resumed.sealed.last().map_or(0, |info| info.bytes);
        let segments = SegmentTable::new(directory.clone(), resumed.sealed);
        segments.begin(segment, last_bytes);
        let next_lsn = resumed.next_lsn;
        let state = State {
            next_lsn,
            acked: next_lsn,
            durable: next_lsn,
            watermark: resumed.superblock.current().watermark,
            sealed_bytes,
            active,
            pending: Batch::default(),
            spare: Batch::default(),
            taken: next_lsn,
            leading: false,
            applying: false,
            next_turn: None,
            preparing: false,
            exclusive: false,
            crowded: false,
            poison: None,
            waiters: BTreeMap::new(),
            threads_waited: 0,
            sync_waiters: Vec::new(),
            sync_target: 0,
            sync_due: None,
            lead_wanted: false,
            committer_asleep: false,
            prepare_wanted: false,
            stop: false,
            segments: segment_count,
            commits: 0,
            syncs: 0,
            sync_times: Histogram::default(),
        };
        let shared = Arc::new(Shared {
            directory,
            options,
            sink,
            segments,
            superblock: Mutex::new(resumed.superblock),
            acked: AtomicU64::new(next_lsn),
            failed: AtomicBool::new(false),
            syncing_beside: Mutex::new(()),
            compacting: Mutex::new(()),
            publishing: Mutex::new(()),
            state: Mutex::new(state),
            changed: Condvar::new(),
            committer: Condvar::new(),
            preparer: Condvar::new(),
        });
        let mut background = Background::default();
        let started = background.start(&shared);
        let running = Running {
            background,
            _lock: lock,
        };
        let log = Log {
            shared,
            running: Mutex::new(Some(running)),
        };
        started.map(|()| (log, resumed.report))
    }
}

impl fmt::Debug for LockedLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LockedLog")
            .field("directory", &self.directory.root())
            .finish_non_exhaustive()
    }
}

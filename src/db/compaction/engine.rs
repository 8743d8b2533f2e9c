//! [`Engine`]: what compaction works with, on demand and in the background.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use crate::db::DbError;
use crate::db::compaction::candidates::{Candidate, Worth, choose, with_use};
use crate::db::compaction::eras::{Entered, Eras};
use crate::db::compaction::pace::Pace;
use crate::db::compaction::{CompactionProgress, CompactionReport, CompactionStats};
use crate::db::hot::Hot;
use crate::db::indexed::{Indexed, LogState};
use crate::db::view::{DbSnapshot, Note};
use crate::log::{Log, Lsn};
use crate::vfs::Host;

/// What compaction works with.
#[derive(Debug)]
pub(crate) struct Engine {
    pub(super) indexed: Arc<Indexed>,
    pub(super) hot: Arc<Hot>,
    pub(super) eras: Eras,
    path: PathBuf,
    pub(super) segment_bytes: u64,
    /// Whether all is to end, to be looked at without a lock.
    stop: AtomicBool,
    /// The same, for those who rest.
    resting: Mutex<bool>,
    stopped: Condvar,
    /// One at a time.
    running: Mutex<()>,
    /// So many wait for the end of what runs.
    awaiting: AtomicUsize,
    pub(super) stats: Mutex<CompactionStats>,
    /// How far the one is that runs.
    progress: Mutex<CompactionProgress>,
}

impl Engine {
    pub(crate) fn new(
        indexed: Arc<Indexed>,
        hot: Arc<Hot>,
        path: PathBuf,
        segment_bytes: u64,
    ) -> Self {
        Self {
            indexed,
            hot,
            eras: Eras::new(),
            path,
            segment_bytes,
            stop: AtomicBool::new(false),
            resting: Mutex::new(false),
            stopped: Condvar::new(),
            running: Mutex::new(()),
            awaiting: AtomicUsize::new(0),
            stats: Mutex::new(CompactionStats::default()),
            progress: Mutex::default(),
        }
    }

    /// For whoever is about to look up what he will read or build on.
    pub(crate) fn enter(&self) -> Entered {
        self.eras.enter()
    }

    /// Has whatever runs end soon, and nothing more begin.
    pub(crate) fn stop(&self) {
        self.stop.store(true, Ordering::Release);
        *self.resting.lock() = true;
        self.stopped.notify_all();
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Acquire)
    }

    /// How far the compaction is that runs, or ran last.
    pub(crate) fn progress(&self) -> CompactionProgress {
        *self.progress.lock()
    }

    /// Takes note of what a compaction will move.
    pub(super) fn begins(&self, chosen: &[Candidate]) {
        let bytes = chosen.iter().map(|of| of.stats.bytes + of.rest());
        let of = bytes.sum();
        *self.progress.lock() = CompactionProgress { done: 0, of };
    }

    pub(super) fn moved(&self, bytes: u64) {
        self.progress.lock().done += bytes;
    }

    /// Waits for so long, or until all is to end or somebody waits for the end of what runs. Whether to go on.
    pub(super) fn rest(&self, time: Duration) -> bool {
        if time.is_zero() {
            return !self.is_stopped();
        }
        #[expect(
            clippy::disallowed_methods,
            reason = "for other threads, which simulated runs do not have"
        )]
        let until = Instant::now() + time;
        let mut stopped = self.resting.lock();
        while !*stopped
            && !self.is_awaited()
            && !self.stopped.wait_until(&mut stopped, until).timed_out()
        {}
        !*stopped
    }

    /// Compacts everything that has something dead, and lets those who commit meanwhile come first.
    pub(crate) fn compact_all(&self, host: &dyn Host) -> Result<CompactionReport, DbError> {
        self.awaiting.fetch_add(1, Ordering::AcqRel);
        // Under the lock, so that whoever is about to rest sees it or is woken.
        drop(self.resting.lock());
        self.stopped.notify_all();
        let one = self.running.lock();
        self.awaiting.fetch_sub(1, Ordering::AcqRel);
        let mut compacted = Ok(CompactionReport::default());
        host.aside(&mut || compacted = self.compact(Worth::Any, u64::MAX));
        drop(one);
        compacted
    }

    /// Compacts what is worth it, at most at this rate.
    pub(super) fn compact_some(
        &self,
        worth: Worth,
        bytes_per_second: u64,
    ) -> Result<CompactionReport, DbError> {
        let _one = self.running.lock();
        self.compact(worth, bytes_per_second)
    }

    /// Removes the rows of what was deleted: only then it counts as dead. Commits remove some as well, but there may be none any
    /// more.
    pub(super) fn reclaim_all(&self) -> Result<(), DbError> {
        // If it is to end, whoever asks sees that himself.
        (self.reclaim(&mut Pace::new(self, u64::MAX))).map(drop)
    }

    /// Whether there is anything that is worth it.
    pub(super) fn is_worth_it(&self, worth: Worth) -> Result<bool, DbError> {
        let segments = self.segments(&self.indexed.view.snapshot())?;
        Ok(!choose(&segments, worth, self.segment_bytes).is_empty())
    }

    /// How many bytes of records have died since the database was opened.
    pub(super) fn died(&self) -> u64 {
        self.indexed.view.died()
    }

    /// Whether somebody waits for the end of what runs.
    pub(super) fn is_awaited(&self) -> bool {
        self.awaiting.load(Ordering::Acquire) > 0
    }

    /// What was compacted since the database was opened.
    pub(crate) fn stats(&self) -> CompactionStats {
        self.stats.lock().clone()
    }

    /// The LSN that the next record gets, while the log is open. May be called by whoever is lent the log: he holds up who
    /// closes it, and must not wait for that one.
    pub(super) fn next_lsn(&self) -> Option<Lsn> {
        match &*self.indexed.log.read_recursive() {
            LogState::Open(log) => Some(log.next_lsn()),
            _ => None,
        }
    }

    pub(super) fn with_log<T>(
        &self,
        with: impl FnOnce(&Log<Note>) -> Result<T, DbError>,
    ) -> Result<T, DbError> {
        match &*self.indexed.log.read() {
            LogState::Open(log) => with(log),
            _ => Err(DbError::Closed {
                path: self.path.display().to_string(),
            }),
        }
    }

    /// The log's segments and what is known of their use.
    pub(super) fn segments(&self, snapshot: &DbSnapshot) -> Result<Vec<Candidate>, DbError> {
        let segments = self.with_log(|log| Ok(log.segments()))?;
        Ok(with_use(&segments, &snapshot.segments()?))
    }
}

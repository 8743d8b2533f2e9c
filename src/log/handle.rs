//! [`Log`]: the handle of an open log.

use std::fmt;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;

use super::background::Background;
use super::primitives::{Mutex, Ordering};
use super::segment::Segment;
use super::shared::Shared;
use super::verify::Verify;
use super::{
    BackupReport, CacheStats, CommitSink, CompactOptions, Compaction, Durability, FrameAddress,
    LockedLog, LogError, LogOptions, LogStats, Lsn, OnBackup, RecoveryReport, Replay, ReplayFrom,
    SegmentId, SegmentStats, Ticket, Verdict, VerifyProgress, VerifyReport, Window,
};
use crate::vfs::{Vfs, VfsLock};

/// An open log. `T` is what is submitted with each frame for the [`CommitSink`].
///
/// Every method may be called from any thread. Dropping it closes it, but hides whether that
/// succeeded; [`close`](Self::close) tells.
pub struct Log<T: Send + 'static> {
    pub(super) shared: Arc<Shared<T>>,
    /// `None` once it was closed.
    pub(super) running: Mutex<Option<Running>>,
}

/// What a log has as long as it is open.
pub(super) struct Running {
    pub(super) background: Background,
    pub(super) _lock: Box<dyn VfsLock>,
}

impl<T: Send + 'static> Log<T> {
    /// Opens the log in the directory `dir`, or makes one, directory included, as
    /// [`LockedLog::open`] does.
    ///
    /// # Errors
    /// As [`LockedLog::lock`] and [`LockedLog::open`].
    pub fn open(
        vfs: Arc<dyn Vfs>,
        dir: &Path,
        options: LogOptions,
        from: ReplayFrom,
        replay: &mut Replay<'_>,
        sink: Arc<dyn CommitSink<T>>,
    ) -> Result<(Self, RecoveryReport), LogError> {
        LockedLog::lock(vfs, dir)?.open(options, from, replay, sink)
    }

    /// Queues a frame of `records` records and gives it the next LSNs. `note` goes to the sink with
    /// it. `durability` is the log's own unless given.
    ///
    /// Returns at once, except when space has to be prepared first, a segment is full, or very much
    /// is queued.
    ///
    /// # Errors
    /// [`LogError::InvalidFrame`] if there is nothing in it, or more than
    /// [`MAX_FRAME_BYTES`](super::MAX_FRAME_BYTES). [`LogError::OutOfSpace`] if there is no room: nothing of
    /// the frame is kept, and the log goes on. [`LogError::Poisoned`] after a failure.
    pub fn submit(
        &self,
        records: u32,
        payload: &[u8],
        note: T,
        durability: Option<Durability>,
    ) -> Result<Ticket<T>, LogError> {
        let durability = durability.unwrap_or(self.shared.options.durability);
        let address = self.shared.submit(records, payload, note, durability)?;
        Ok(Ticket::new(Arc::clone(&self.shared), address))
    }

    /// The payload of a frame that was replayed or that the sink was told of. Its checksums are
    /// verified each time. If the frame's segment was compacted, it is found by its LSN.
    ///
    /// # Errors
    /// [`LogError::Dropped`] if a compaction has dropped it.
    /// [`LogError::Corrupt`] if the frame is damaged, or is not at this place.
    /// [`LogError::Poisoned`] if the log failed before the frame was known to be durable.
    /// [`LogError::Io`] from the file system.
    pub fn read(&self, at: FrameAddress) -> Result<Bytes, LogError> {
        let blocks = self.shared.segments.blocks();
        self.read_with(at, |segment| segment.read(at, blocks))
    }

    /// As [`read`](Self::read), for frames that are read one after the other, each in front of the one before: what
    /// lies in front of a frame is read with it. A payload keeps all that was read with it in memory.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn read_back(&self, at: FrameAddress, window: &mut Window) -> Result<Bytes, LogError> {
        let blocks = self.shared.segments.blocks();
        self.read_with(at, |segment| segment.read_back(at, window, blocks))
    }

    fn read_with(
        &self,
        at: FrameAddress,
        read: impl FnOnce(&Arc<Segment>) -> Result<Bytes, LogError>,
    ) -> Result<Bytes, LogError> {
        let segment = self.shared.segments.segment_of(at)?;
        let read = read(&segment);
        if self.shared.failed.load(Ordering::Acquire) {
            let state = self.shared.state.lock();
            if let Some(error) = state.poisoned()
                && at.end().get() > state.durable
            {
                return Err(error);
            }
        }
        read
    }

    /// Blocks until everything submitted so far is durable.
    ///
    /// # Errors
    /// [`LogError::Poisoned`] if the log failed, now or before.
    pub fn sync(&self) -> Result<(), LogError> {
        self.shared.sync()
    }

    /// Blocks until everything acknowledged so far is durable. Unlike with [`sync`](Self::sync), commits go on meanwhile.
    ///
    /// # Errors
    /// [`LogError::Poisoned`] if the log failed, now or before.
    pub fn sync_written(&self) -> Result<(), LogError> {
        self.shared.sync_written()
    }

    /// Blocks until everything submitted so far is acknowledged, and may lead its commit.
    ///
    /// # Errors
    /// [`LogError::Poisoned`] if the log failed before.
    pub fn wait(&self) -> Result<(), LogError> {
        let end = self.shared.state.lock().next_lsn;
        self.shared.wait(end)
    }

    /// Whether every record below this LSN is acknowledged.
    pub fn is_acknowledged(&self, end: Lsn) -> bool {
        self.shared.acked.load(Ordering::Acquire) >= end.get()
    }

    /// Whether the log has stopped after a failure.
    pub fn has_failed(&self) -> bool {
        self.shared.failed.load(Ordering::Acquire)
    }

    /// Every record below this LSN is durable.
    pub fn durable_lsn(&self) -> Lsn {
        Lsn::new(self.shared.state.lock().durable)
    }

    /// The LSN that the next record gets.
    pub fn next_lsn(&self) -> Lsn {
        Lsn::new(self.shared.state.lock().next_lsn)
    }

    /// Counts and lengths.
    pub fn stats(&self) -> LogStats {
        let state = self.shared.state.lock();
        LogStats {
            bytes: state.bytes(),
            segments: state.segments,
            commits: state.commits,
            syncs: state.syncs,
            sync_latency: state.sync_times.summary(),
        }
    }

    /// The blocks of compacted segments, and their directories, that are in memory.
    pub fn block_stats(&self) -> CacheStats {
        self.shared.segments.blocks().stats()
    }

    /// The segments in order: what each covers, and how long it is.
    pub fn segments(&self) -> Vec<SegmentStats> {
        let state = self.shared.state.lock();
        let infos = self.shared.segments.infos();
        // One that is just being begun is left out.
        let active = state.active.segment.id;
        let mut segments = SegmentStats::of(&infos, Lsn::new(state.next_lsn), state.active.offset);
        segments.retain(|segment| segment.id <= active);
        segments
    }

    /// Gives the frames of the segment `id` to `with`, in LSN order, those below `end`. All that was submitted below
    /// `end` must have been acknowledged. Readers and writers go on meanwhile.
    ///
    /// # Errors
    /// [`LogError::NotCompactable`] if there is no such segment any more. [`LogError::Corrupt`] if it is damaged.
    /// [`LogError::Io`] from the file system.
    pub fn frames(
        &self,
        id: SegmentId,
        end: Lsn,
        with: &mut dyn FnMut(FrameAddress, &[u8]) -> ControlFlow<()>,
    ) -> Result<(), LogError> {
        self.shared.frames(id, end, with)
    }

    /// Begins a new segment, so that the one that was active can be compacted, if there is anything in it.
    ///
    /// # Errors
    /// [`LogError::OutOfSpace`] if there is no room for one; the log goes on. [`LogError::Poisoned`] after a failure.
    pub fn roll(&self) -> Result<(), LogError> {
        self.shared.begin_next()
    }

    /// Puts one segment in the place of adjacent sealed ones, with those of their frames that are to be kept.
    /// `keep` is asked for each frame, in LSN order. The LSNs stay, and so do the addresses: [`read`](Self::read)
    /// finds the frames where they are then.
    ///
    /// Neither readers nor writers wait for it, and it may be run in a thread of its own; a second one
    /// waits for the first. One segment alone may be compacted, and compacted ones again.
    ///
    /// # Errors
    /// [`LogError::NotCompactable`] if the segments are not adjacent, the active one is among them, or what is to be known is not durable.
    /// [`LogError::Corrupt`] if one is damaged, [`LogError::OutOfSpace`] and [`LogError::Io`] from the file system,
    /// [`LogError::InvalidFrame`] if a replaced payload cannot be a frame: the log is as it was before, or, if
    /// only the last steps failed, compacted, and goes on.
    pub fn compact(
        &self,
        segments: &[SegmentId],
        options: CompactOptions<'_>,
        keep: &mut dyn FnMut(FrameAddress, &[u8]) -> Verdict,
    ) -> Result<Compaction, LogError> {
        self.shared.compact(segments, options, keep)
    }

    /// Makes a copy of the log in the directory `to`, which opens as a cleanly closed log with everything that was
    /// acknowledged before the call. Neither readers nor writers wait for it.
    ///
    /// Sealed segments become hard links where the file system has them, and copies elsewhere. A
    /// directory with an earlier backup of this log is brought up to date, unless it was opened for writing since;
    /// what has not changed is left alone, and after a crash it is the old or the new backup or one
    /// in between.
    ///
    /// # Errors
    /// [`LogError::NotABackup`] if there is something else in the directory. [`LogError::Locked`] if it is open.
    /// [`LogError::Poisoned`] if the log failed. [`LogError::Corrupt`] if the active segment is damaged.
    /// [`LogError::Io`] and [`LogError::OutOfSpace`] from the file system.
    pub fn backup(&self, to: &Path) -> Result<BackupReport, LogError> {
        self.backup_with(to, &mut |_| ())
    }

    /// As [`backup`](Self::backup), and tells now and then how far it has come.
    ///
    /// # Errors
    /// As [`backup`](Self::backup).
    pub fn backup_with(
        &self,
        to: &Path,
        progress: &mut OnBackup<'_>,
    ) -> Result<BackupReport, LogError> {
        self.shared.backup(to, progress)
    }

    /// Reads every frame that was acknowledged before the call, and the headers and the superblock, and checks all
    /// checksums and the order of it all. Readers and writers go on meanwhile. `progress` may stop it.
    ///
    /// # Errors
    /// [`LogError::Io`] from the file system. Damage is no error here, but in the report.
    pub fn verify(
        &self,
        progress: &mut dyn FnMut(VerifyProgress) -> ControlFlow<()>,
    ) -> Result<VerifyReport, LogError> {
        let (end, bytes) = {
            let state = self.shared.state.lock();
            (Lsn::new(state.acked), state.bytes())
        };
        let table = &self.shared.segments;
        let mut verify = Verify::new(&self.shared.directory, end, bytes, progress);
        verify.segments(table, &|info| table.open(info))?;
        verify.superblock()?;
        Ok(verify.report)
    }

    /// Writes and syncs everything, gives back the space prepared ahead and marks the log as
    /// closed, so that the next open knows its exact end.
    ///
    /// # Errors
    /// [`LogError::Poisoned`] if the log failed, now or before. It is closed all the same; the next
    /// open recovers.
    pub fn close(self) -> Result<(), LogError> {
        self.shut()
    }

    /// The same while others may have shares in it: what they do then fails where it would write, and goes on where it reads.
    pub(crate) fn shut(&self) -> Result<(), LogError> {
        let Some(mut running) = self.running.lock().take() else {
            return Ok(());
        };
        running.background.stop(&self.shared);
        self.shared.shut()
    }
}

impl<T: Send + 'static> Drop for Log<T> {
    fn drop(&mut self) {
        if let Err(error) = self.shut() {
            tracing::warn!(%error, "the log was not closed cleanly; the next open recovers");
        }
    }
}

impl<T: Send + 'static> fmt::Debug for Log<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Log")
            .field("directory", &self.shared.directory.root())
            .finish_non_exhaustive()
    }
}

impl<T: Send + 'static> Shared<T> {
    fn shut(&self) -> Result<(), LogError> {
        let mut state = self.state.lock();
        self.make_exclusive(&mut state)?;
        let end = state.next_lsn;
        let shut = self.seal(state).and_then(|()| {
            if let Some(error) = self.state.lock().poisoned() {
                return Err(error);
            }
            self.superblock.lock().update(|superblock| {
                superblock.watermark = end;
                superblock.clean = true;
            })
        });
        // `exclusive` stays set: nothing is ever written again.
        shut.inspect_err(|error| self.poison(error.clone()))
    }
}

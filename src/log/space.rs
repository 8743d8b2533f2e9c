//! Space: zero-filled ahead of the writer, and a new segment when the old one is full.
//!
//! A commit is accepted only once its bytes have space, so running out of it fails that commit
//! and nothing else.

use std::sync::Arc;

use super::directory::Directory;
use super::lead::{PanicGuard, write};
use super::primitives::MutexGuard;
use super::segment::Segment;
use super::segment_header::SEGMENT_HEADER_BYTES;
use super::shared::Shared;
use super::state::{Active, State};
use super::{Durability, LogError, Lsn, SegmentId};
use crate::canary::Canary;
use crate::vfs::OpenMode;

const STEP_MIN: u64 = 128 * 1024;
const STEP_MAX: u64 = 8 * 1024 * 1024;
/// At most this much is filled while a commit waits for a new segment.
const FIRST_STEP_MAX: u64 = 1024 * 1024;
/// Space is filled in pieces of this size, so that who waits for it does not wait for more.
const PIECE: u64 = 256 * 1024;
/// Space that is only reserved is filled up to a multiple of this by whoever writes there first: most of what a small write costs is the
/// making of the page cache's pages, and many at a time cost little more than one (docs/benchmarks.md).
const FILLED: u64 = 64 * 1024;
/// Submitters wait when this much is pending.
const PENDING_MAX: usize = 32 * 1024 * 1024;

/// How much space is kept ahead of the writer, for a log of this length.
fn step(log_bytes: u64) -> u64 {
    (log_bytes / 8).clamp(STEP_MIN, STEP_MAX)
}

/// Up to where a new segment has space.
pub(super) fn first_step(log_bytes: u64, segment_bytes: u64) -> u64 {
    step(log_bytes)
        .min(FIRST_STEP_MAX)
        .min(segment_bytes)
        .max(SEGMENT_HEADER_BYTES)
}

impl Active {
    /// A segment for writing from `offset` on.
    pub(super) fn new(
        directory: &Directory,
        segment: Arc<Segment>,
        offset: u64,
        prepared: u64,
        segment_bytes: u64,
    ) -> Result<Self, LogError> {
        let beside = directory.vfs.open(&segment.path, OpenMode::ReadWrite);
        let beside = beside.map_err(|error| LogError::io("open", &segment.path, error))?;
        Ok(Self {
            segment,
            beside,
            offset,
            prepared,
            filled: prepared,
            capacity: segment_bytes.max(offset),
            synced: offset,
        })
    }

    /// How many zeros are to be written behind frames that end there.
    pub(super) fn zeros_behind(&mut self, end: u64) -> usize {
        let zeros = zeros_behind(end, self.filled, self.prepared);
        self.filled = self.filled.max(end + zeros);
        usize::try_from(zeros).unwrap_or_default()
    }
}

/// How many zeros are to be written behind frames that end at `end`, where everything was written up to `filled`, and there is space
/// up to `prepared`.
fn zeros_behind(end: u64, filled: u64, prepared: u64) -> u64 {
    if end <= filled {
        return 0;
    }
    let piece = end.next_multiple_of(FILLED);
    piece.min(prepared).saturating_sub(end)
}

impl<T: Send + 'static> Shared<T> {
    /// Waits until a frame of `length` bytes has space at the end of the log.
    pub(super) fn reserve<'a>(
        &'a self,
        mut state: MutexGuard<'a, State<T>>,
        length: u64,
    ) -> Result<MutexGuard<'a, State<T>>, LogError> {
        loop {
            if let Some(error) = state.poisoned() {
                return Err(error);
            }
            let end = state.active.offset.saturating_add(length);
            if state.exclusive {
                self.changed.wait(&mut state);
            } else if state.pending.bytes.len() > PENDING_MAX {
                if state.can_lead() {
                    self.lead(state);
                    state = self.state.lock();
                } else {
                    state.crowded = true;
                    self.changed.wait(&mut state);
                }
            } else if end <= state.active.prepared {
                return Ok(state);
            } else if end <= state.active.capacity {
                if state.preparing {
                    self.changed.wait(&mut state);
                } else {
                    state = self.prepare_for(state, end)?;
                }
            } else if state.active.offset == SEGMENT_HEADER_BYTES {
                state.active.capacity = end;
            } else {
                state = self.roll(state)?;
            }
        }
    }

    /// Asks the preparer thread for space if there is little.
    pub(super) fn want_space(&self, state: &mut State<T>) {
        let active = &state.active;
        let left = active.prepared.saturating_sub(active.offset);
        if !state.prepare_wanted
            && active.prepared < active.capacity
            && left < step(state.bytes()) / 2
        {
            state.prepare_wanted = true;
            self.preparer.notify_one();
        }
    }

    /// Extends the space ahead of the writer. The caller has seen that nobody prepares.
    pub(super) fn prepare_ahead<'a>(
        &'a self,
        mut state: MutexGuard<'a, State<T>>,
    ) -> Result<MutexGuard<'a, State<T>>, LogError> {
        // Ahead of where the writer is now: who runs behind him extends the file by each of his frames.
        let goal = state.active.offset.saturating_add(step(state.bytes()));
        let segment = state.active.segment.id;
        loop {
            let to = state
                .active
                .prepared
                .saturating_add(PIECE)
                .min(goal)
                .min(state.active.capacity);
            if to <= state.active.prepared
                || state.active.segment.id != segment
                || state.preparing
                || state.exclusive
                || state.poison.is_some()
            {
                return Ok(state);
            }
            state = self.prepare(state, to)?;
        }
    }

    /// Extends the space up to `end`, and somewhat further if there is room.
    fn prepare_for<'a>(
        &'a self,
        state: MutexGuard<'a, State<T>>,
        end: u64,
    ) -> Result<MutexGuard<'a, State<T>>, LogError> {
        let generous = state
            .active
            .prepared
            .saturating_add(STEP_MIN)
            .max(end)
            .min(state.active.capacity);
        match self.prepare(state, generous) {
            Err(LogError::OutOfSpace { .. }) if generous > end => {
                let state = self.state.lock();
                if state.preparing || state.exclusive || state.active.prepared >= end {
                    return Ok(state);
                }
                self.prepare(state, end)
            }
            outcome => outcome,
        }
    }

    fn prepare<'a>(
        &'a self,
        mut state: MutexGuard<'a, State<T>>,
        to: u64,
    ) -> Result<MutexGuard<'a, State<T>>, LogError> {
        state.preparing = true;
        let from = state.active.prepared;
        let segment = Arc::clone(&state.active.segment);
        drop(state);

        let guard = PanicGuard(self);
        // Not synced: the next commit's sync takes it along, at less cost than a sync of its own.
        let is_filled = self.options.durability == Durability::Sync;
        let prepared = match is_filled {
            true => segment.file.prepare(from, to),
            false => segment.file.reserve(from, to),
        };
        let prepared =
            prepared.map_err(|error| LogError::space("prepare space in", &segment.path, error));
        std::mem::forget(guard);

        match prepared {
            Err(error @ LogError::OutOfSpace { .. }) => {
                self.state.lock().preparing = false;
                self.changed.notify_all();
                Err(error)
            }
            Err(error) => {
                self.poison(error);
                Ok(self.state.lock())
            }
            Ok(()) => {
                let mut state = self.state.lock();
                if state.poison.is_none() {
                    state.preparing = false;
                    state.active.prepared = to;
                    if is_filled {
                        state.active.filled = to;
                    }
                    self.changed.notify_all();
                }
                Ok(state)
            }
        }
    }

    /// Waits until nobody else writes, and keeps others from beginning.
    pub(super) fn make_exclusive(
        &self,
        state: &mut MutexGuard<'_, State<T>>,
    ) -> Result<(), LogError> {
        while state.exclusive && state.poison.is_none() {
            self.changed.wait(state);
        }
        state.exclusive = true;
        while (state.leading || state.applying || state.preparing) && state.poison.is_none() {
            self.changed.wait(state);
        }
        match state.poisoned() {
            Some(error) => {
                state.exclusive = false;
                Err(error)
            }
            None => Ok(()),
        }
    }

    /// Seals the active segment and begins the next one.
    fn roll<'a>(
        &'a self,
        mut state: MutexGuard<'a, State<T>>,
    ) -> Result<MutexGuard<'a, State<T>>, LogError> {
        self.make_exclusive(&mut state)?;
        let rolled = self.seal(state).and_then(|()| self.begin_segment());
        let mut state = match rolled {
            Ok(()) => self.state.lock(),
            Err(error @ LogError::OutOfSpace { .. }) => {
                self.state.lock().exclusive = false;
                self.changed.notify_all();
                return Err(error);
            }
            Err(error) => {
                self.poison(error);
                return Ok(self.state.lock());
            }
        };
        state.exclusive = false;
        self.changed.notify_all();
        self.want_space(&mut state);
        Ok(state)
    }

    /// See [`Log::roll`](super::Log::roll).
    pub(super) fn begin_next(&self) -> Result<(), LogError> {
        let mut state = self.state.lock();
        while state.exclusive && state.poison.is_none() {
            self.changed.wait(&mut state);
        }
        if state.active.offset > SEGMENT_HEADER_BYTES {
            state = self.roll(state)?;
        }
        state.poisoned().map_or(Ok(()), Err)
    }

    /// Writes what is pending, syncs and trims the active segment, and acknowledges. The caller has
    /// the log for himself and keeps it.
    pub(super) fn seal(&self, mut state: MutexGuard<'_, State<T>>) -> Result<(), LogError> {
        let batch = state.take_pending();
        let end = state.next_lsn;
        state.taken = end;
        let segment = Arc::clone(&state.active.segment);
        let trimmed = state.active.offset;
        let offset = trimmed - batch.bytes.len() as u64;
        state.active.prepared = trimmed;
        drop(state);

        let guard = PanicGuard(self);
        let begun = self.host().now();
        let sealed = write(&segment, &batch, offset).and_then(|()| {
            segment
                .file
                .set_len(trimmed)
                .and_then(|()| match Canary::SkippedSeal.sings() {
                    true => Ok(()),
                    false => segment.file.sync_all(),
                })
                .map_err(|error| LogError::io("seal", &segment.path, error))
        });
        if sealed.is_ok() {
            let took = self.host().now().duration_since(begun);
            self.acknowledge(batch, end, Some((took, trimmed)));
        }
        std::mem::forget(guard);
        sealed
    }

    fn begin_segment(&self) -> Result<(), LogError> {
        let (base, bytes, sealed) = {
            let state = self.state.lock();
            if let Some(error) = state.poisoned() {
                return Err(error);
            }
            let sealed = (state.active.segment.id.base().get(), state.active.offset);
            (state.next_lsn, state.bytes(), sealed)
        };
        let database = self.superblock.lock().current().database;
        let prepared = first_step(bytes, self.options.segment_bytes);
        let id = SegmentId::new(Lsn::new(base));
        let segment = Arc::new(
            self.directory
                .create_segment(database, id, sealed.0, prepared)?,
        );
        let active = Active::new(
            &self.directory,
            Arc::clone(&segment),
            SEGMENT_HEADER_BYTES,
            prepared,
            self.options.segment_bytes,
        )?;
        self.superblock.lock().update(|superblock| {
            superblock.watermark = superblock.watermark.max(base);
            superblock.newest_segment = base;
        })?;
        self.segments.begin(segment, sealed.1);
        let mut state = self.state.lock();
        state.watermark = state.watermark.max(base);
        // A compaction may have made the sealed ones shorter meanwhile.
        state.sealed_bytes += sealed.1;
        state.segments += 1;
        state.active = active;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zeros_are_written_to_the_end_of_a_piece_where_there_is_space_and_none_yet() {
        let prepared = 4 * FILLED + 100;
        for (end, filled, zeros) in [
            (1, 0, FILLED - 1),
            (FILLED - 1, FILLED, 0),
            (FILLED, FILLED, 0),
            (FILLED + 1, FILLED, FILLED - 1),
            (3 * FILLED, FILLED, 0),
            (4 * FILLED + 1, 4 * FILLED, 99),
            (prepared, prepared, 0),
        ] {
            let behind = zeros_behind(end, filled, prepared);
            assert_eq!(behind, zeros, "behind {end}, of {filled}");
        }
    }
}

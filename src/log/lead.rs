//! Leading a commit: writing what is queued, syncing it, and telling of it in its turn.

use std::sync::Arc;
use std::time::Duration;

use super::LogError;
use super::batch::{Batch, earlier};
use super::frame::HEADER_BYTES;
use super::parker::Parker;
use super::primitives::{MutexGuard, Ordering};
use super::segment::Segment;
use super::shared::Shared;
use super::state::{State, Wake};
use crate::canary::Canary;

impl<T: Send + 'static> Shared<T> {
    /// Writes what is pending, syncs if that is wanted, and acknowledges.
    pub(super) fn lead(&self, mut state: MutexGuard<'_, State<T>>) {
        state.leading = true;
        let sync = state.sync_wanted();
        let mut batch = state.take_pending();
        let end = state.next_lsn;
        state.taken = end;
        let segment = Arc::clone(&state.active.segment);
        let written_to = state.active.offset;
        let offset = written_to - batch.bytes.len() as u64;
        let zeros = state.active.zeros_behind(written_to);
        drop(state);
        batch.bytes.resize(batch.bytes.len() + zeros, 0);

        let guard = PanicGuard(self);
        let written = write(&segment, &batch, offset).and_then(|()| {
            if !sync {
                return Ok(None);
            }
            let begun = self.host().now();
            let synced = match Canary::SkippedSync.sings() {
                true => Ok(()),
                false => segment.file.sync_data(),
            };
            synced.map_err(|error| LogError::io("sync", &segment.path, error))?;
            Ok(Some(self.host().now().duration_since(begun)))
        });
        match written {
            Ok(synced) => {
                if self.take_turn() {
                    self.acknowledge(batch, end, synced.map(|time| (time, written_to)));
                }
            }
            Err(error) => self.poison(error),
        }
        std::mem::forget(guard);
    }

    /// Ends the caller's lead, so that the next one writes while he acknowledges, but not before those in front of him have
    /// acknowledged theirs. Whether the log goes on.
    fn take_turn(&self) -> bool {
        let mut state = self.state.lock();
        while state.applying && state.poison.is_none() {
            let parker = Parker::current();
            state.next_turn = Some(Arc::clone(&parker));
            drop(state);
            parker.park();
            state = self.state.lock();
        }
        if state.poison.is_some() {
            return false;
        }
        state.leading = false;
        state.applying = true;
        let next = state.next_leader();
        if state.lead_wanted {
            self.committer.notify_one();
        }
        drop(state);
        if let Some(next) = next {
            next.wake();
        }
        true
    }

    /// Tells the sink of a batch that was written, and `synced` in that time and up to there if it was, ends the caller's
    /// turn, and wakes who waited for the batch.
    pub(super) fn acknowledge(
        &self,
        mut batch: Batch<T>,
        end: u64,
        synced: Option<(Duration, u64)>,
    ) {
        let commits = batch.frames.len() as u64;
        if commits > 0 {
            self.sink.committed(&mut batch.frames.drain(..));
        }
        let mut state = self.state.lock();
        if state.poison.is_some() {
            return;
        }
        state.acked = end;
        state.commits += commits;
        self.acked.store(end, Ordering::Release);
        state.sync_due = earlier(state.sync_due, batch.sync_due);
        state.spare = batch.recycled();
        if let Some((time, written)) = synced {
            state.sync_times.add(time);
            state.active.synced = state.active.synced.max(written);
            state.durable = end;
            state.sync_due = None;
            state.syncs += 1;
        }
        state.applying = false;
        let next_turn = state.next_turn.take();
        if state.exclusive || state.crowded {
            state.crowded = false;
            self.changed.notify_all();
        }
        let woken = state.take_satisfied();
        // Asleep, it does not know that the superblock is to be told.
        if state.lead_wanted || (synced.is_some() && state.committer_asleep) {
            self.committer.notify_one();
        }
        drop(state);
        if let Some(next) = next_turn {
            next.wake();
        }
        Wake::all(woken);
    }

    /// Stops the log at the first failure. Everyone who waits is woken and gets the error.
    pub(super) fn poison(&self, cause: LogError) {
        Wake::all(self.stop_for(cause));
    }

    /// The same, but whom to wake is left to the caller, who may hold a lock that a waker must not find held.
    pub(super) fn stop_for(&self, cause: LogError) -> Vec<Wake> {
        let mut state = self.state.lock();
        if state.poison.is_none() {
            tracing::error!(%cause, "the log stopped; reopen the database to recover");
            state.poison = Some(Arc::new(cause));
            self.failed.store(true, Ordering::Release);
        }
        state.leading = false;
        state.applying = false;
        state.preparing = false;
        state.exclusive = false;
        let next_turn = state.next_turn.take();
        let mut woken = state.take_all_waiters();
        woken.extend(next_turn.map(Wake::Thread));
        drop(state);
        self.changed.notify_all();
        self.committer.notify_one();
        woken
    }
}

/// Writes a batch's bytes to their place.
pub(super) fn write<T>(segment: &Segment, batch: &Batch<T>, offset: u64) -> Result<(), LogError> {
    debug_assert!(
        offset >= HEADER_BYTES as u64,
        "the segment's header is not overwritten"
    );
    if batch.bytes.is_empty() {
        return Ok(());
    }
    segment
        .file
        .write_all_at(&batch.bytes, offset)
        .map_err(|error| LogError::io("write", &segment.path, error))
}

/// Stops the log if it is dropped: whoever led panicked, and nobody else knows what was written.
pub(super) struct PanicGuard<'a, T: Send + 'static>(pub(super) &'a Shared<T>);

impl<T: Send + 'static> Drop for PanicGuard<'_, T> {
    fn drop(&mut self) {
        self.0.poison(LogError::CommitPanicked);
    }
}

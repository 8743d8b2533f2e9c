//! Group commit: whoever waits first writes and syncs for everyone who is queued by then.

use std::sync::Arc;
use std::task::{Context, Poll};

use super::batch::earlier;
use super::frame;
use super::parker::Parker;
use super::primitives::{Ordering, yield_now};
use super::shared::Shared;
use super::state::Wake;
use super::{Durability, FrameAddress, LogError, Lsn, MAX_FRAME_BYTES};
use crate::canary::Canary;

/// A task writes at most this much itself.
const WRITTEN_BY_TASK_MAX: usize = 64 * 1024;
/// With so many frames pending, a thread lets others run before it sleeps: there are more than cores, and when it is its turn
/// again, it may not have to sleep and to be woken any more, which is about a quarter of what a commit costs then.
const CROWD: usize = 8;

impl<T: Send + 'static> Shared<T> {
    /// Gives a frame its LSN and place and queues it.
    pub(super) fn submit(
        &self,
        records: u32,
        payload: &[u8],
        note: T,
        durability: Durability,
    ) -> Result<FrameAddress, LogError> {
        let refused = |reason| LogError::InvalidFrame {
            records,
            bytes: payload.len(),
            reason,
        };
        if records == 0 || payload.is_empty() {
            return Err(refused("it must hold at least one record and one byte"));
        }
        let payload_len = u32::try_from(payload.len())
            .ok()
            .filter(|len| frame::frame_bytes(u64::from(*len)) <= MAX_FRAME_BYTES)
            .ok_or_else(|| refused("with its header it is longer than 1 GiB; split it"))?;
        let length = frame::frame_bytes(u64::from(payload_len));

        let mut state = self.reserve(self.state.lock(), length)?;
        let lsn = state.next_lsn;
        let end = lsn + u64::from(records);
        let address = FrameAddress {
            lsn: Lsn::new(lsn),
            records,
            segment: state.active.segment.id,
            offset: state.active.offset,
            payload_len,
        };
        let (salt, durable) = (state.active.segment.salt(), state.durable);
        frame::encode(
            &mut state.pending.bytes,
            salt,
            lsn,
            durable,
            records,
            payload,
        );
        state.pending.frames.push((address, note));
        match durability {
            Durability::Sync => state.pending.sync = true,
            Durability::Interval(interval) => {
                let due = self.host().now().checked_add(interval);
                state.pending.sync_due = earlier(state.pending.sync_due, due);
            }
            Durability::Os => {}
        }
        state.next_lsn = end;
        state.active.offset += length;
        self.want_space(&mut state);
        if state.committer_asleep {
            state.committer_asleep = false;
            self.committer.notify_one();
        }
        Ok(address)
    }

    /// Blocks until all below `end` is acknowledged, leading if nobody else does.
    pub(super) fn wait(&self, end: u64) -> Result<(), LogError> {
        let mut number = 0;
        let mut has_yielded = false;
        loop {
            if self.acked.load(Ordering::Acquire) >= end {
                return Ok(());
            }
            let mut state = self.state.lock();
            if state.acked >= end {
                return Ok(());
            }
            if let Some(error) = state.poisoned() {
                return Err(error);
            }
            // What was taken already is on its way.
            if state.taken < end && state.can_lead() {
                self.lead(state);
                continue;
            }
            if !has_yielded && state.pending.frames.len() >= CROWD {
                has_yielded = true;
                drop(state);
                yield_now();
                continue;
            }
            if number == 0 {
                state.threads_waited += 1;
                number = state.threads_waited;
            }
            if Canary::LateRegistration.sings() {
                drop(state);
                state = self.state.lock();
            }
            let parker = Parker::current();
            let wake = Wake::Thread(Arc::clone(&parker));
            let before = state.waiters.insert((end, number), wake);
            drop(state);
            drop(before);
            parker.park();
        }
    }

    /// As [`wait`](Self::wait), for a task. If nobody leads, it leads itself where no sync is wanted,
    /// since a small write to the page cache costs less than waking a thread for it. Else the
    /// committer thread leads, so that no executor's thread waits for the medium.
    pub(super) fn poll(&self, end: u64, context: &Context<'_>) -> Poll<Result<(), LogError>> {
        loop {
            if self.acked.load(Ordering::Acquire) >= end {
                return Poll::Ready(Ok(()));
            }
            let mut state = self.state.lock();
            if state.acked >= end {
                return Poll::Ready(Ok(()));
            }
            if let Some(error) = state.poisoned() {
                return Poll::Ready(Err(error));
            }
            if state.taken < end && state.can_lead() {
                if !state.applying
                    && !state.sync_wanted()
                    && state.pending.bytes.len() <= WRITTEN_BY_TASK_MAX
                {
                    self.lead(state);
                    continue;
                }
                state.lead_wanted = true;
                state.committer_asleep = false;
                self.committer.notify_one();
            }
            let waker = Wake::Task(context.waker().clone());
            let before = state.waiters.insert((end, 0), waker);
            drop(state);
            // Not under the lock: it may be the last owner of a task that holds tickets of this log.
            drop(before);
            if !self.host().help() {
                return Poll::Pending;
            }
        }
    }

    /// Blocks until everything acknowledged so far is durable.
    pub(super) fn sync(&self) -> Result<(), LogError> {
        let mut state = self.state.lock();
        let target = state.next_lsn;
        loop {
            if state.durable >= target {
                return Ok(());
            }
            if let Some(error) = state.poisoned() {
                return Err(error);
            }
            state.sync_target = state.sync_target.max(target);
            if state.can_lead() {
                self.lead(state);
            } else {
                let parker = Parker::current();
                state.sync_waiters.push((target, Arc::clone(&parker)));
                drop(state);
                parker.park();
            }
            state = self.state.lock();
        }
    }

    /// See [`Log::sync_written`](super::Log::sync_written).
    pub(super) fn sync_written(&self) -> Result<(), LogError> {
        let state = self.synced_ahead(self.state.lock());
        state.poisoned().map_or(Ok(()), Err)
    }

    /// Forgets the waker of a task that no longer waits.
    pub(super) fn forget(&self, end: u64) {
        let waker = self.state.lock().waiters.remove(&(end, 0));
        drop(waker);
    }
}

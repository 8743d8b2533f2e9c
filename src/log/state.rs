//! [`State`]: what the log's threads agree on under its lock.

use std::collections::BTreeMap;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::Waker;
use std::time::Instant;

use super::LogError;
use super::batch::Batch;
use super::latency::Histogram;
use super::parker::Parker;
use super::segment::Segment;
use crate::vfs::VfsFile;

/// The segment that is written to.
#[derive(Debug)]
pub(super) struct Active {
    pub(super) segment: Arc<Segment>,
    /// Its file once more, opened before anything was written to it, for those who sync beside commits. A handle that is opened after a
    /// write has failed, and somebody was told, would not be told.
    pub(super) beside: Arc<dyn VfsFile>,
    /// Where the next frame goes.
    pub(super) offset: u64,
    /// Up to where there is space.
    pub(super) prepared: u64,
    /// Up to where something was written, if only zeros.
    pub(super) filled: u64,
    /// Up to where there may be.
    pub(super) capacity: u64,
    /// Up to where it was synced, about.
    pub(super) synced: u64,
}

/// Whom to wake.
#[derive(Debug)]
pub(super) enum Wake {
    Thread(Arc<Parker>),
    Task(Waker),
}

impl Wake {
    /// Wakes all of these. Threads come first: what a waker does is not known, and it may wait for one of them. If it panics, that
    /// is the trouble of its task, and of nobody who waits beside it.
    pub(super) fn all(woken: Vec<Self>) {
        for wake in &woken {
            if let Self::Thread(parker) = wake {
                parker.wake();
            }
        }
        for wake in woken {
            if let Self::Task(waker) = wake
                && catch_unwind(AssertUnwindSafe(|| waker.wake())).is_err()
            {
                tracing::error!("the waker of a task that waits for a commit panicked");
            }
        }
    }
}

/// Who waits for a frame to be acknowledged: the LSN at which the frame ends, and a number, since more than one may wait for the
/// same. That of the task with the frame's ticket is 0.
pub(super) type Waiter = (u64, u64);

/// What the log's threads agree on under its lock.
#[derive(Debug)]
pub(super) struct State<T> {
    pub(super) next_lsn: u64,
    /// Every frame below is acknowledged.
    pub(super) acked: u64,
    /// Every record below is durable.
    pub(super) durable: u64,
    /// The superblock knows that every record below is durable.
    pub(super) watermark: u64,
    pub(super) active: Active,
    pub(super) pending: Batch<T>,
    /// An empty batch, kept for its memory.
    pub(super) spare: Batch<T>,

    /// Every frame below was taken by a leader.
    pub(super) taken: u64,
    /// Somebody writes a batch, or waits for his turn to acknowledge it.
    pub(super) leading: bool,
    /// Somebody acknowledges a batch.
    pub(super) applying: bool,
    /// Who leads and waits for the end of that.
    pub(super) next_turn: Option<Arc<Parker>>,
    /// Somebody extends the active segment.
    pub(super) preparing: bool,
    /// Somebody has, or is about to have, the log for himself: to change segments or to close.
    pub(super) exclusive: bool,
    /// Somebody waits for pending frames to become fewer.
    pub(super) crowded: bool,
    /// The first failure. Nothing is written after it.
    pub(super) poison: Option<Arc<LogError>>,

    /// Who waits for a frame to be acknowledged.
    pub(super) waiters: BTreeMap<Waiter, Wake>,
    /// How many threads have waited.
    pub(super) threads_waited: u64,
    /// Who waits for all below an LSN to be durable.
    pub(super) sync_waiters: Vec<(u64, Arc<Parker>)>,
    /// The highest LSN that one of those waits for.
    pub(super) sync_target: u64,
    /// When something written and not synced is to be synced at the latest.
    pub(super) sync_due: Option<Instant>,

    /// The committer thread is asked to lead.
    pub(super) lead_wanted: bool,
    /// The committer thread sleeps until it is told of a commit.
    pub(super) committer_asleep: bool,
    /// The preparer thread is asked for space.
    pub(super) prepare_wanted: bool,
    /// The threads are to end.
    pub(super) stop: bool,

    /// The length of the sealed segments.
    pub(super) sealed_bytes: u64,
    pub(super) segments: u64,
    pub(super) commits: u64,
    pub(super) syncs: u64,
    pub(super) sync_times: Histogram,
}

impl<T> State<T> {
    pub(super) fn can_lead(&self) -> bool {
        !self.leading && !self.exclusive && self.poison.is_none()
    }

    /// Whether whoever writes what is pending is to sync it.
    pub(super) fn sync_wanted(&self) -> bool {
        self.pending.sync || self.sync_target > self.durable
    }

    /// Up to where the active segment is written.
    pub(super) fn written(&self) -> u64 {
        let pending = u64::try_from(self.pending.bytes.len()).unwrap_or_default();
        self.active.offset.saturating_sub(pending)
    }

    pub(super) fn poisoned(&self) -> Option<LogError> {
        self.poison.as_ref().map(|cause| LogError::Poisoned {
            cause: Arc::clone(cause),
        })
    }

    /// The whole log's length.
    pub(super) fn bytes(&self) -> u64 {
        self.sealed_bytes + self.active.offset
    }

    pub(super) fn take_pending(&mut self) -> Batch<T> {
        mem::replace(&mut self.pending, mem::take(&mut self.spare))
    }

    /// A thread that waits for what is pending and can lead now. If only tasks do, the committer thread is asked to.
    pub(super) fn next_leader(&mut self) -> Option<Arc<Parker>> {
        if self.pending.frames.is_empty() || !self.can_lead() {
            return None;
        }
        let mut next = (self.waiters.range((self.taken + 1, 0)..)).map(|(_, wake)| wake);
        // If nobody waits yet, whoever is about to will lead.
        let first = next.next()?;
        let thread = [first].into_iter().chain(next).find_map(|wake| match wake {
            Wake::Thread(parker) => Some(Arc::clone(parker)),
            Wake::Task(_) => None,
        });
        if thread.is_none() {
            self.lead_wanted = true;
        }
        thread
    }

    /// Those whose wait is over: the next leader in front, so that it gets going while the others
    /// are woken.
    pub(super) fn take_satisfied(&mut self) -> Vec<Wake> {
        let mut satisfied = Vec::new();
        satisfied.extend(self.next_leader().map(Wake::Thread));
        while let Some(entry) = self.waiters.first_entry()
            && entry.key().0 <= self.acked
        {
            satisfied.push(entry.remove());
        }
        let durable = self.durable;
        let leaderless = self.can_lead();
        self.sync_waiters.retain(|(target, parker)| {
            // One that is not satisfied must look again: it may have to lead.
            let waits = *target > durable && !leaderless;
            if !waits {
                satisfied.push(Wake::Thread(Arc::clone(parker)));
            }
            waits
        });
        satisfied
    }

    /// Everybody who waits for anything.
    pub(super) fn take_all_waiters(&mut self) -> Vec<Wake> {
        let sync_waiters = mem::take(&mut self.sync_waiters);
        mem::take(&mut self.waiters)
            .into_values()
            .chain(
                sync_waiters
                    .into_iter()
                    .map(|(_, parker)| Wake::Thread(parker)),
            )
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::sync::mpsc::{self, Receiver};
    use std::thread;
    use std::time::Duration;

    use super::*;

    /// Waits for a thread.
    struct Waits(Mutex<Receiver<()>>);

    impl std::task::Wake for Waits {
        fn wake(self: Arc<Self>) {
            let _ = self.0.lock().unwrap().recv_timeout(Duration::from_secs(60));
        }
    }

    #[test]
    fn a_waker_may_wait_for_a_thread_that_is_woken_with_it() {
        let (tell, told) = mpsc::channel();
        let (give, given) = mpsc::channel();
        let waits = Arc::new(Waits(Mutex::new(told)));
        thread::scope(|scope| {
            scope.spawn(move || {
                let parker = Parker::current();
                give.send(Arc::clone(&parker)).unwrap();
                parker.park();
                tell.send(()).unwrap();
            });
            let parker = given.recv().unwrap();
            let task = Wake::Task(Arc::clone(&waits).into());
            Wake::all(vec![task, Wake::Thread(parker)]);
        });
        let left = waits.0.lock().unwrap().try_recv();
        assert!(left.is_err(), "it did not wait so long");
    }
}

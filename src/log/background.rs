//! The log's two jobs: one commits for those who do not lead, one prepares space.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::LogError;
use super::primitives::{Mutex, MutexGuard, Ordering};
use super::shared::Shared;
use super::state::{State, Wake};
use crate::canary::Canary;
use crate::vfs::{Job, wait_for_end};

/// How long, about, a frame that nobody waits for stays unwritten.
const TICK: Duration = Duration::from_millis(2);
/// So much is written and not synced before it is synced although nobody asked: whoever fills the segment, and has to sync it, then
/// has no more to wait for.
const UNSYNCED_MAX: u64 = 4 << 20;
/// After this time without commits the superblock is told what is durable.
const QUIET: Duration = Duration::from_secs(1);

/// The log's jobs, and their threads.
#[derive(Default)]
pub(super) struct Background {
    jobs: Vec<Arc<dyn Job>>,
    threads: Vec<JoinHandle<()>>,
}

/// Commits for those who do not lead.
struct Committing<T> {
    shared: Arc<Shared<T>>,
    seen: Mutex<Option<Seen>>,
}

/// Keeps space ahead of the writer.
struct Preparing<T> {
    shared: Arc<Shared<T>>,
}

/// What was seen of commits, and when.
#[derive(Clone, Copy)]
struct Seen {
    next_lsn: u64,
    at: Instant,
}

/// What the committer does next.
enum Next {
    /// It looks again.
    Again,
    /// It looks again a moment later.
    Soon,
    /// It sleeps until it is woken, or until then.
    Sleep(Option<Instant>),
    /// There is nothing more to be done.
    Nothing,
}

impl Background {
    /// Starts the jobs. They are to be [stopped](Self::stop) even if this fails.
    pub(super) fn start<T: Send + 'static>(
        &mut self,
        shared: &Arc<Shared<T>>,
    ) -> Result<(), LogError> {
        let committing = Committing {
            shared: Arc::clone(shared),
            seen: Mutex::new(None),
        };
        let preparing = Preparing {
            shared: Arc::clone(shared),
        };
        let jobs: [(&str, Arc<dyn Job>); 2] = [
            ("stepwell-commit", Arc::new(committing)),
            ("stepwell-space", Arc::new(preparing)),
        ];
        for (name, job) in jobs {
            let started = shared.host().start(name, Arc::downgrade(&job));
            self.jobs.push(job);
            let thread = started.map_err(|error| {
                LogError::io("start a thread for", shared.directory.root(), error)
            })?;
            self.threads.extend(thread);
        }
        Ok(())
    }

    /// Ends the jobs and waits for that, but not for the one whose thread calls this: a task that it wakes may have the last share in the
    /// log.
    pub(super) fn stop<T: Send + 'static>(&mut self, shared: &Shared<T>) {
        shared.state.lock().stop = true;
        shared.committer.notify_one();
        shared.preparer.notify_one();
        for thread in self.threads.drain(..) {
            // A panic in it has poisoned the log already.
            wait_for_end(thread);
        }
        self.jobs.clear();
    }
}

impl<T: Send + 'static> Job for Preparing<T> {
    fn run(&self) {
        self.shared.keep_space_ahead();
    }

    fn step(&self) {
        let state = self.shared.state.lock();
        if !state.stop && state.prepare_wanted && state.poison.is_none() {
            drop(self.shared.prepare_wanted(state));
        }
    }
}

impl<T: Send + 'static> Job for Committing<T> {
    fn run(&self) {
        let shared = &*self.shared;
        let mut state = shared.state.lock();
        let mut seen = shared.seen(&state);
        while !state.stop {
            let next;
            (state, next) = shared.commit_for_others(state, &mut seen);
            match next {
                Next::Again => {}
                Next::Soon => drop(shared.committer.wait_for(&mut state, TICK)),
                Next::Nothing => shared.committer.wait(&mut state),
                Next::Sleep(until) => {
                    state.committer_asleep = true;
                    match until {
                        Some(until) => drop(shared.committer.wait_until(&mut state, until)),
                        None => shared.committer.wait(&mut state),
                    }
                    state.committer_asleep = false;
                }
            }
        }
    }

    fn step(&self) {
        let shared = &*self.shared;
        let mut state = shared.state.lock();
        let mut seen = self.seen.lock();
        let seen = seen.get_or_insert_with(|| shared.seen(&state));
        let mut next = Next::Again;
        while !state.stop && matches!(next, Next::Again) {
            (state, next) = shared.commit_for_others(state, seen);
        }
    }
}

impl<T: Send + 'static> Shared<T> {
    fn keep_space_ahead(&self) {
        let mut state = self.state.lock();
        while !state.stop {
            if !state.prepare_wanted || state.poison.is_some() {
                self.preparer.wait(&mut state);
                continue;
            }
            state = self.prepare_wanted(state);
        }
    }

    fn prepare_wanted<'a>(&'a self, state: MutexGuard<'a, State<T>>) -> MutexGuard<'a, State<T>> {
        // A lack of room is for the commit to find that has none.
        let mut state = self
            .prepare_ahead(state)
            .unwrap_or_else(|_| self.state.lock());
        state.prepare_wanted = false;
        state
    }

    fn seen(&self, state: &State<T>) -> Seen {
        Seen {
            next_lsn: state.next_lsn,
            at: self.host().now(),
        }
    }

    /// Does one thing that is to be done, if there is one.
    fn commit_for_others<'a>(
        &'a self,
        mut state: MutexGuard<'a, State<T>>,
        seen: &mut Seen,
    ) -> (MutexGuard<'a, State<T>>, Next) {
        if state.poison.is_some() {
            return (state, Next::Nothing);
        }
        let now = self.host().now();
        let sync_due = state.sync_due.is_some_and(|due| due <= now);
        if sync_due {
            // Whoever leads next syncs.
            state.sync_target = state.next_lsn;
        }
        let forgotten = !state.pending.frames.is_empty() && state.acked < seen.next_lsn;
        let wanted = state.lead_wanted && !state.pending.frames.is_empty();
        if (sync_due || forgotten || wanted) && state.can_lead() {
            state.lead_wanted = false;
            self.lead(state);
            return (self.state.lock(), Next::Again);
        }
        // Who leads now will ask again if there is more to do.
        state.lead_wanted = false;
        let unsynced = state.written().saturating_sub(state.active.synced);
        if unsynced >= UNSYNCED_MAX && !state.exclusive {
            return (self.synced_ahead(state), Next::Again);
        }

        if state.next_lsn != seen.next_lsn || state.acked < state.next_lsn {
            *seen = Seen {
                next_lsn: state.next_lsn,
                at: now,
            };
            return (state, Next::Soon);
        }
        let quiet = seen.at + QUIET;
        let durable = match Canary::EarlyWatermark.sings() {
            true => state.acked,
            false => state.durable,
        };
        let untold = durable > state.watermark;
        if untold && quiet <= now {
            drop(state);
            self.tell_superblock(durable);
            return (self.state.lock(), Next::Again);
        }
        match super::batch::earlier(state.sync_due, untold.then_some(quiet)) {
            // It is due, and somebody else has to be done first.
            Some(until) if until <= now => (state, Next::Soon),
            until => (state, Next::Sleep(until)),
        }
    }

    /// Syncs what is written, while others go on writing, unless the log has failed or does now.
    pub(super) fn synced_ahead<'a>(
        &'a self,
        state: MutexGuard<'a, State<T>>,
    ) -> MutexGuard<'a, State<T>> {
        // What came before the active segment was durable when that began.
        let segment = Arc::clone(&state.active.segment);
        let beside = Arc::clone(&state.active.beside);
        let (acked, written) = (state.acked, state.written());
        drop(state);
        // Each handle is told once that writing failed. The commits' own is for those who lead, of whom there is one at a time; this
        // one is for those who sync beside them, one at a time as well: what one of them is told, all know before the next one asks.
        let one = self.syncing_beside.lock();
        let synced = match self.failed.load(Ordering::Acquire) {
            true => Ok(()),
            false => beside.sync_data(),
        };
        let failed = synced.map_err(|error| LogError::io("sync", &segment.path, error));
        let woken = failed.map_err(|error| self.stop_for(error)).err();
        drop(one);
        Wake::all(woken.unwrap_or_default());
        let mut state = self.state.lock();
        if state.poison.is_some() {
            return state;
        }
        if state.active.segment.id == segment.id {
            state.active.synced = state.active.synced.max(written);
        }
        state.durable = state.durable.max(acked);
        if state.durable >= state.acked {
            // Else the committer would lead for it again and again, and find nothing to sync.
            state.sync_due = None;
        }
        state.syncs += 1;
        state
    }

    /// Lets a later open know of durable records that no later frame tells it of.
    fn tell_superblock(&self, durable: u64) {
        let told = self.superblock.lock().update(|superblock| {
            superblock.watermark = superblock.watermark.max(durable);
        });
        match told {
            Ok(()) => {
                let mut state = self.state.lock();
                state.watermark = state.watermark.max(durable);
            }
            Err(error) => self.poison(error),
        }
    }
}

#[cfg(all(test, not(feature = "schedules")))]
mod tests {
    use super::*;
    use crate::log::{Log, LogOptions, ReplayFrom};
    use crate::vfs::OsFs;

    #[test]
    fn the_committer_waits_while_something_is_due_and_somebody_else_leads() {
        let dir = tempfile::tempdir().unwrap();
        let (log, _) = Log::<()>::open(
            Arc::new(OsFs),
            dir.path(),
            LogOptions::default(),
            ReplayFrom::Beginning,
            &mut |_, _| Ok(()),
            Arc::new(()),
        )
        .unwrap();
        let shared = &log.shared;
        // Its own threads wait for the lock.
        let mut state = shared.state.lock();
        state.leading = true;
        state.sync_due = Some(shared.host().now());
        let mut seen = shared.seen(&state);
        let (mut state, next) = shared.commit_for_others(state, &mut seen);
        state.leading = false;
        drop(state);
        log.close().unwrap();
        assert!(matches!(next, Next::Soon));
    }
}

//! The log's two threads: one commits for those who do not lead, one prepares space.

use std::sync::Arc;
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

use parking_lot::MutexGuard;

use super::LogError;
use super::shared::Shared;
use super::state::State;

/// How long, about, a frame that nobody waits for stays unwritten.
const TICK: Duration = Duration::from_millis(2);
/// So much is written and not synced before it is synced although nobody asked: whoever fills the segment, and has to sync it, then
/// has no more to wait for.
const UNSYNCED_MAX: u64 = 4 << 20;
/// After this time without commits the superblock is told what is durable.
const QUIET: Duration = Duration::from_secs(1);

/// The log's threads.
#[derive(Debug, Default)]
pub(super) struct Background {
    threads: Vec<JoinHandle<()>>,
}

impl Background {
    /// Starts the threads. They are to be [stopped](Self::stop) even if this fails.
    pub(super) fn start<T: Send + 'static>(
        &mut self,
        shared: &Arc<Shared<T>>,
    ) -> Result<(), LogError> {
        type Run<T> = fn(&Shared<T>);
        let threads: [(&str, Run<T>); 2] = [
            ("stepwell-commit", Shared::commit_for_others),
            ("stepwell-space", Shared::keep_space_ahead),
        ];
        for (name, run) in threads {
            let of_thread = Arc::clone(shared);
            let thread = Builder::new()
                .name(name.to_owned())
                .spawn(move || run(&of_thread))
                .map_err(|error| {
                    LogError::io("start a thread for", shared.directory.root(), error)
                })?;
            self.threads.push(thread);
        }
        Ok(())
    }

    /// Ends the threads and waits for that.
    pub(super) fn stop<T: Send + 'static>(&mut self, shared: &Shared<T>) {
        shared.state.lock().stop = true;
        shared.committer.notify_one();
        shared.preparer.notify_one();
        for thread in self.threads.drain(..) {
            // A panic in it has poisoned the log already.
            let _ = thread.join();
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
            // A lack of room is for the commit to find that has none.
            state = self
                .prepare_ahead(state)
                .unwrap_or_else(|_| self.state.lock());
            state.prepare_wanted = false;
        }
    }

    fn commit_for_others(&self) {
        let mut state = self.state.lock();
        let mut last_lsn = state.next_lsn;
        let mut last_commit = Instant::now();
        while !state.stop {
            let now = Instant::now();
            if state.poison.is_some() {
                self.committer.wait(&mut state);
                continue;
            }
            let sync_due = state.sync_due.is_some_and(|due| due <= now);
            if sync_due {
                // Whoever leads next syncs.
                state.sync_target = state.next_lsn;
            }
            let forgotten = !state.pending.frames.is_empty() && state.acked < last_lsn;
            let wanted = state.lead_wanted && !state.pending.frames.is_empty();
            if (sync_due || forgotten || wanted) && state.can_lead() {
                state.lead_wanted = false;
                self.lead(state);
                state = self.state.lock();
                continue;
            }
            // Who leads now will ask again if there is more to do.
            state.lead_wanted = false;
            if state.written().saturating_sub(state.active.synced) >= UNSYNCED_MAX
                && !state.exclusive
            {
                state = self.sync_ahead(state);
                continue;
            }

            if state.next_lsn != last_lsn || state.acked < state.next_lsn {
                last_lsn = state.next_lsn;
                last_commit = now;
                self.committer.wait_for(&mut state, TICK);
                continue;
            }
            let quiet = last_commit + QUIET;
            let durable = state.durable;
            let untold = durable > state.watermark;
            if untold && quiet <= now {
                drop(state);
                self.tell_superblock(durable);
                state = self.state.lock();
                continue;
            }
            state.committer_asleep = true;
            match super::batch::earlier(state.sync_due, untold.then_some(quiet)) {
                Some(until) => {
                    self.committer.wait_until(&mut state, until);
                }
                None => self.committer.wait(&mut state),
            }
            state.committer_asleep = false;
        }
    }

    /// Syncs what is written, while others go on writing.
    fn sync_ahead<'a>(&'a self, state: MutexGuard<'a, State<T>>) -> MutexGuard<'a, State<T>> {
        let segment = Arc::clone(&state.active.segment);
        let (acked, written) = (state.acked, state.written());
        drop(state);
        let synced = segment.file.sync_data();
        if let Err(error) = synced {
            self.poison(LogError::io("sync", &segment.path, error));
            return self.state.lock();
        }
        let mut state = self.state.lock();
        if state.active.segment.id == segment.id {
            state.active.synced = state.active.synced.max(written);
        }
        state.durable = state.durable.max(acked);
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

//! [`Gate`]: holds writers back while too much waits to be moved to the file, and wakes the one who moves it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex, MutexGuard};

use super::options::IndexOptions;
use crate::index::tables::TablesError;
use crate::vfs::Vfs;

/// After a failure to write the file it is tried again so much later.
const PAUSE: Duration = Duration::from_secs(1);

/// Holds writers back while too much waits to be moved to the file.
#[derive(Debug)]
pub(crate) struct Gate {
    options: IndexOptions,
    vfs: Arc<dyn Vfs>,
    /// Whether writers have to look closer.
    crowded: AtomicBool,
    state: Mutex<State>,
    room: Condvar,
    work: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// The weight of the changes that nobody moves yet.
    young: usize,
    /// How many records brought them.
    records: u64,
    /// The weight of all changes in memory.
    total: usize,
    /// Somebody waits for the next flush.
    wanted: bool,
    /// The last flush failed, and when.
    failed: Option<(TablesError, Instant)>,
    /// The log failed: nothing is moved any more and nobody is held back.
    open: bool,
    stop: Option<Stop>,
    waits: Waits,
}

/// How often, and for how long in all, somebody waited for room.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Waits {
    pub(crate) count: u64,
    pub(crate) time: Duration,
}

/// What the indexer is to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Work {
    Flush,
    Stop(Stop),
}

/// How the indexer ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stop {
    /// With everything in the file.
    Flushed,
    /// At once: what is not in the file is replayed.
    Now,
}

impl Gate {
    pub(crate) fn new(options: IndexOptions, vfs: Arc<dyn Vfs>) -> Self {
        Self {
            options,
            vfs,
            crowded: AtomicBool::new(false),
            state: Mutex::new(State::default()),
            room: Condvar::new(),
            work: Condvar::new(),
        }
    }

    /// How much the changes in memory may weigh.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.options.memory_bytes
    }

    /// Blocks while the changes in memory weigh too much. For whoever is about to commit and holds no lock.
    ///
    /// # Errors
    /// [`TablesError::Unwritable`] if they cannot be moved to the file.
    pub(crate) fn wait_for_room(&self) -> Result<(), TablesError> {
        if !self.crowded.load(Ordering::Acquire) {
            return Ok(());
        }
        let mut state = self.state.lock();
        let mut began = None;
        let waited = loop {
            if !self.is_crowded(&state) {
                break Ok(());
            }
            if let Some((error, _)) = &state.failed {
                break Err(error.clone());
            }
            began.get_or_insert_with(|| self.vfs.host().now());
            if MutexGuard::unlocked(&mut state, || self.vfs.host().help()) {
                continue;
            }
            // What was made room meanwhile is not told again.
            if self.is_crowded(&state) && state.failed.is_none() {
                self.room.wait(&mut state);
            }
        };
        if let Some(began) = began {
            state.waits.count += 1;
            state.waits.time += self.vfs.host().now().duration_since(began);
        }
        waited
    }

    /// How often, and for how long in all, somebody waited for room.
    pub(crate) fn waits(&self) -> Waits {
        self.state.lock().waits
    }

    /// Has all that is in memory moved to the file, and blocks until something was. Not if nothing is moved any more.
    ///
    /// # Errors
    /// [`TablesError::Unwritable`] if it cannot be moved.
    pub(crate) fn wait_for_flush(&self) -> Result<bool, TablesError> {
        let mut state = self.state.lock();
        state.wanted = true;
        self.work.notify_one();
        let waits = |state: &State| state.wanted && !state.open && state.stop.is_none();
        while waits(&state) {
            let helped = MutexGuard::unlocked(&mut state, || self.vfs.host().help());
            // What was done meanwhile is not told again.
            if !helped && waits(&state) {
                self.room.wait(&mut state);
            } else if helped && waits(&state) && state.failed.is_some() {
                // It is tried again only then.
                MutexGuard::unlocked(&mut state, || self.vfs.host().sleep(PAUSE));
            }
        }
        match &state.failed {
            Some((error, _)) => Err(error.clone()),
            None => Ok(!state.wanted),
        }
    }

    /// Takes note of what the changes in memory weigh.
    pub(super) fn tell(&self, young: usize, total: usize, records: u64) {
        let mut state = self.state.lock();
        let due = self.is_due(&state);
        (state.young, state.total, state.records) = (young, total, records);
        if !due && self.is_due(&state) {
            self.work.notify_one();
        }
        self.admit(&state);
    }

    pub(super) fn succeeded(&self) {
        let mut state = self.state.lock();
        state.failed = None;
        state.wanted = false;
        self.room.notify_all();
    }

    /// Whoever waits for room gets the error, and nobody waits until a flush succeeds.
    pub(super) fn failed(&self, error: TablesError) {
        let mut state = self.state.lock();
        state.failed = Some((error, self.vfs.host().now()));
        state.wanted = false;
        self.room.notify_all();
    }

    /// Nobody waits any more: the log takes no commits, or the index follows it no further, and each says why itself.
    pub(super) fn open(&self) {
        let mut state = self.state.lock();
        state.open = true;
        self.admit(&state);
        self.room.notify_all();
    }

    pub(super) fn stop(&self, stop: Stop) {
        let mut state = self.state.lock();
        state.stop = Some(stop);
        self.admit(&state);
        self.work.notify_one();
        self.room.notify_all();
    }

    pub(super) fn wait_for_work(&self) -> Work {
        let mut state = self.state.lock();
        loop {
            match self.due(&state) {
                Ok(work) => return work,
                Err(Some(at)) => drop(self.work.wait_until(&mut state, at)),
                Err(None) => self.work.wait(&mut state),
            }
        }
    }

    /// What is to be done now, if there is anything.
    pub(super) fn work_now(&self) -> Option<Work> {
        self.due(&self.state.lock()).ok()
    }

    /// What is to be done now, or when there may be something if nobody tells before.
    fn due(&self, state: &State) -> Result<Work, Option<Instant>> {
        if let Some(stop) = state.stop {
            return Ok(Work::Stop(stop));
        }
        if state.open || !self.is_due(state) {
            return Err(None);
        }
        let again = state.failed.as_ref().map(|(_, at)| *at + PAUSE);
        match again.filter(|at| *at > self.vfs.host().now()) {
            Some(at) => Err(Some(at)),
            None => Ok(Work::Flush),
        }
    }

    fn is_due(&self, state: &State) -> bool {
        state.failed.is_some()
            || state.wanted
            || state.young >= self.options.flush_bytes
            || state.records >= self.options.flush_records
    }

    fn is_crowded(&self, state: &State) -> bool {
        // Behind a stop nobody makes room any more; the log says that it is closed.
        !state.open && state.stop.is_none() && state.total >= self.options.memory_bytes
    }

    fn admit(&self, state: &State) {
        let crowded = self.is_crowded(state);
        if self.crowded.swap(crowded, Ordering::AcqRel) && !crowded {
            self.room.notify_all();
        }
    }
}

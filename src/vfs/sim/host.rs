//! [`SimHost`]: time that passes with operations, numbers from a seed, and no threads.

use std::io;
use std::sync::Weak;
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use parking_lot::Mutex;
use uuid::Uuid;

use super::Random;
use crate::vfs::{Host, Job};

/// When simulated runs begin: 2026-01-01.
const BEGINNING: u64 = 1_767_225_600;

/// Time that passes with operations, numbers from a seed, and no threads: jobs are done when somebody needs them
/// or the test says so.
pub(super) struct SimHost {
    state: Mutex<State>,
}

struct State {
    zero: Instant,
    passed: Duration,
    random: Random,
    jobs: Vec<Weak<dyn Job>>,
}

impl std::fmt::Debug for SimHost {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SimHost").finish_non_exhaustive()
    }
}

impl SimHost {
    #[expect(
        clippy::disallowed_methods,
        reason = "an instant cannot be made otherwise; only the time since then is looked at"
    )]
    pub(super) fn new(seed: u64, passed: Duration) -> Self {
        Self {
            state: Mutex::new(State {
                zero: Instant::now(),
                passed,
                random: Random::new(seed),
                jobs: Vec::new(),
            }),
        }
    }

    pub(super) fn passed(&self) -> Duration {
        self.state.lock().passed
    }

    pub(super) fn advance(&self, time: Duration) {
        self.state.lock().passed += time;
    }

    /// Does what all jobs have to do now.
    pub(super) fn work(&self) {
        let jobs = {
            let mut state = self.state.lock();
            state.jobs.retain(|job| job.strong_count() > 0);
            state.jobs.clone()
        };
        for job in jobs.iter().filter_map(Weak::upgrade) {
            job.step();
        }
    }
}

impl Host for SimHost {
    fn now(&self) -> Instant {
        let state = self.state.lock();
        state.zero.checked_add(state.passed).unwrap_or(state.zero)
    }

    fn system_time(&self) -> SystemTime {
        let time = Duration::from_secs(BEGINNING) + self.passed();
        UNIX_EPOCH.checked_add(time).unwrap_or(UNIX_EPOCH)
    }

    fn unique(&self) -> Uuid {
        let mut state = self.state.lock();
        let (high, low) = (state.random.number(), state.random.number());
        uuid::Builder::from_random_bytes((u128::from(high) << 64 | u128::from(low)).to_be_bytes())
            .into_uuid()
    }

    fn sleep(&self, time: Duration) {
        self.advance(time);
    }

    fn start(&self, _name: &str, job: Weak<dyn Job>) -> io::Result<Option<JoinHandle<()>>> {
        self.state.lock().jobs.push(job);
        Ok(None)
    }

    fn aside(&self, work: &mut (dyn FnMut() + Send)) {
        work();
    }

    fn help(&self) -> bool {
        self.work();
        true
    }
}

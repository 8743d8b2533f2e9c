//! [`Host`]: what the engine takes from its surroundings beside files: time, randomness, threads.

use std::fmt::Debug;
use std::io;
use std::sync::Weak;
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant, SystemTime};

use uuid::Uuid;

/// What the engine takes from its surroundings beside files. A whole run follows from its seed if
/// all of it does.
pub trait Host: Debug + Send + Sync {
    /// The time since some moment.
    fn now(&self) -> Instant;

    /// The time of day.
    fn system_time(&self) -> SystemTime;

    /// A number that nobody else has.
    fn unique(&self) -> Uuid;

    /// Waits for a while.
    fn sleep(&self, time: Duration);

    /// Has a background job done, by a thread of its own, which this starts, or, if this gives none, now
    /// and then by whoever is there.
    ///
    /// # Errors
    /// Whatever the operating system says.
    fn start(&self, name: &str, job: Weak<dyn Job>) -> io::Result<Option<JoinHandle<()>>>;

    /// Has the jobs done that have no threads. Whether there are any such: else whoever needs something of a job waits for
    /// its thread.
    fn help(&self) -> bool;
}

/// Something that is to be done in the background until it is told to end.
pub trait Job: Send + Sync + 'static {
    /// Does it until it is told to end.
    fn run(&self);

    /// Does what is to be done now, and waits for nothing.
    fn step(&self);
}

/// The operating system's time, randomness and threads.
#[derive(Debug, Clone, Copy, Default)]
pub struct OsHost;

#[expect(
    clippy::disallowed_methods,
    reason = "the one place where they are to be called"
)]
impl Host for OsHost {
    fn now(&self) -> Instant {
        Instant::now()
    }

    fn system_time(&self) -> SystemTime {
        SystemTime::now()
    }

    fn unique(&self) -> Uuid {
        Uuid::new_v4()
    }

    fn sleep(&self, time: Duration) {
        std::thread::sleep(time);
    }

    fn start(&self, name: &str, job: Weak<dyn Job>) -> io::Result<Option<JoinHandle<()>>> {
        let thread = Builder::new().name(name.to_owned()).spawn(move || {
            if let Some(job) = job.upgrade() {
                job.run();
            }
        });
        thread.map(Some)
    }

    fn help(&self) -> bool {
        false
    }
}

//! [`Host`]: what the engine takes from its surroundings beside files: time, randomness, threads.

use std::fmt::Debug;
use std::io;
use std::sync::Weak;
use std::thread::{self, Builder, JoinHandle};
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

    /// Does `work`, and returns when it is done. Where the machine has not enough for all, others come before it.
    fn aside(&self, work: &mut (dyn FnMut() + Send));

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

    /// Whether others come first where the machine has not enough for all.
    fn gives_way(&self) -> bool {
        false
    }
}

/// Waits for the end of a thread that was told to end. Whether it has ended: a thread does not wait for itself, which may have let go
/// of the last handle of what it works on, and sees that it is to end when it is done with that. If it panicked, whoever works
/// with it has been told.
pub(crate) fn wait_for_end(thread: JoinHandle<()>) -> bool {
    let is_other = thread.thread().id() != thread::current().id();
    if is_other {
        let _ = thread.join();
    }
    is_other
}

/// Of the "nice" values of Linux: a tenth of the time that others get, so that it goes on, whoever else is busy.
#[cfg(target_os = "linux")]
const NICE: i32 = 10;

/// Lets others come before this thread, where the operating system can do that for a thread.
fn give_way() {
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{getpriority_process, setpriority_process};

        let thread = Some(rustix::thread::gettid());
        // Root may raise a priority as well.
        if getpriority_process(thread).is_ok_and(|now| now < NICE) {
            // It goes on all the same if it may not.
            let _ = setpriority_process(thread, NICE);
        }
    }
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
                if job.gives_way() {
                    give_way();
                }
                job.run();
            }
        });
        thread.map(Some)
    }

    /// By a thread of its own, since one that has given way cannot take it back.
    fn aside(&self, work: &mut (dyn FnMut() + Send)) {
        std::thread::scope(|scope| {
            scope.spawn(|| {
                give_way();
                work();
            });
        });
    }

    fn help(&self) -> bool {
        false
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use rustix::process::getpriority_process;
    use rustix::thread::gettid;

    use super::*;

    fn nice() -> Option<i32> {
        getpriority_process(Some(gettid())).ok()
    }

    #[test]
    fn what_is_done_aside_gives_way_and_its_caller_does_not() {
        let before = nice().unwrap();
        let mut aside = None;
        OsHost.aside(&mut || aside = nice());
        assert_eq!(aside, Some(NICE.max(before)));
        assert_eq!(nice(), Some(before));
    }
}

//! [`Periodic`]: a thread that does something now and then until it is stopped.
//!
//! This module must never know what that is.

use std::io;
use std::sync::Arc;
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use crate::vfs::wait_for_end;

/// A thread that works until it is dropped, which waits for its end.
#[derive(Debug)]
pub(crate) struct Periodic {
    stop: Arc<Stop>,
    thread: Option<JoinHandle<()>>,
}

/// By which the thread knows when it is to end.
#[derive(Debug)]
pub(crate) struct Pace {
    stop: Arc<Stop>,
}

#[derive(Debug, Default)]
struct Stop {
    is_set: Mutex<bool>,
    changed: Condvar,
}

impl Periodic {
    /// Starts the thread, which ends with `work`.
    ///
    /// # Errors
    /// Whatever the operating system says.
    #[expect(
        clippy::disallowed_methods,
        reason = "what is done here is also done on demand, which is what simulated runs do"
    )]
    pub(crate) fn start(name: &str, work: impl FnOnce(&Pace) + Send + 'static) -> io::Result<Self> {
        let stop = Arc::<Stop>::default();
        let pace = Pace {
            stop: Arc::clone(&stop),
        };
        let thread = Builder::new()
            .name(name.to_owned())
            .spawn(move || work(&pace))?;
        Ok(Self {
            stop,
            thread: Some(thread),
        })
    }
}

impl Pace {
    /// Waits for `time`, or until the thread is to end. Whether it may go on.
    #[expect(
        clippy::disallowed_methods,
        reason = "for threads, which simulated runs do not have"
    )]
    pub(crate) fn rest(&self, time: Duration) -> bool {
        let until = Instant::now().checked_add(time);
        let mut is_set = self.stop.is_set.lock();
        while !*is_set {
            match until {
                Some(until) => {
                    if self.stop.changed.wait_until(&mut is_set, until).timed_out() {
                        break;
                    }
                }
                None => self.stop.changed.wait(&mut is_set),
            }
        }
        !*is_set
    }
}

impl Drop for Periodic {
    fn drop(&mut self) {
        *self.stop.is_set.lock() = true;
        self.stop.changed.notify_all();
        if let Some(thread) = self.thread.take() {
            wait_for_end(thread);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn a_rest_ends_when_the_thread_is_to_end() {
        let (tell, told) = mpsc::channel();
        let periodic = Periodic::start("test", move |pace| {
            while pace.rest(Duration::MAX) {}
            tell.send(()).unwrap();
        });
        drop(periodic.unwrap());
        told.try_recv().unwrap();
    }

    #[test]
    fn a_thread_may_drop_itself() {
        let (give, given) = mpsc::channel::<Periodic>();
        let (tell, told) = mpsc::channel();
        let periodic = Periodic::start("test", move |_| {
            drop(given.recv().unwrap());
            tell.send(()).unwrap();
        });
        give.send(periodic.unwrap()).unwrap();
        told.recv().unwrap();
    }
}

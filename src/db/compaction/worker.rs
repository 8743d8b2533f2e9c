//! [`Worker`]: the thread that compacts in the background.

use std::io;
use std::sync::Arc;
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

use crate::db::compaction::candidates::Worth;
use crate::db::compaction::engine::Engine;
use crate::db::compaction::options::CompactionOptions;

/// So often it looks whether there is something to do.
const PAUSE: Duration = Duration::from_secs(1);
/// The longest pause after compactions that came to nothing.
const PAUSE_MAX: Duration = Duration::from_secs(64);

/// The thread that compacts in the background. Dropping it ends it.
#[derive(Debug)]
pub(crate) struct Worker {
    signal: Arc<Signal>,
    engine: Arc<Engine>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Signal {
    stop: Mutex<bool>,
    stopped: Condvar,
}

impl Worker {
    /// Starts the thread.
    ///
    /// # Errors
    /// Whatever the operating system says.
    #[expect(
        clippy::disallowed_methods,
        reason = "what is done here is also done on demand, which is what simulated runs do"
    )]
    pub(crate) fn start(engine: Arc<Engine>, options: CompactionOptions) -> io::Result<Self> {
        let signal = Arc::new(Signal::default());
        let of_thread = (Arc::clone(&signal), Arc::clone(&engine));
        let thread = Builder::new()
            .name("stepwell-compact".to_owned())
            .spawn(move || run(&of_thread.0, &of_thread.1, options))?;
        Ok(Self {
            signal,
            engine,
            thread: Some(thread),
        })
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.engine.stop();
        *self.signal.stop.lock() = true;
        self.signal.stopped.notify_all();
        if let Some(thread) = self.thread.take() {
            // Whether it panicked or not, nothing of it is needed any more.
            let _ = thread.join();
        }
    }
}

fn run(signal: &Signal, engine: &Engine, options: CompactionOptions) {
    let mut pause = PAUSE;
    let mut stop = signal.stop.lock();
    while !*stop {
        signal.stopped.wait_for(&mut stop, pause);
        if *stop {
            return;
        }
        drop(stop);
        pause = match engine.compact(Worth::Much(options), options.bytes_per_second) {
            Ok(report) if !report.incomplete => PAUSE,
            Ok(_) => (pause * 2).min(PAUSE_MAX),
            Err(error) => {
                if !engine.is_stopped() {
                    tracing::warn!(%error, "the log was not compacted");
                }
                PAUSE_MAX
            }
        };
        stop = signal.stop.lock();
    }
}

//! [`Worker`]: the thread that compacts in the background.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use crate::db::compaction::CompactionReport;
use crate::db::compaction::candidates::Worth;
use crate::db::compaction::engine::Engine;
use crate::db::compaction::options::CompactionOptions;
use crate::vfs::{Host, Job, wait_for_end};

/// So often it looks whether anything has died.
const PAUSE: Duration = Duration::from_secs(1);
/// The longest pause after compactions that came to nothing.
const PAUSE_MAX: Duration = Duration::from_secs(64);
/// When less than this part of a segment has died since it looked for something to do, it does not look again before it has paused so
/// many times.
const DIED_PART: u64 = 16;
const PAUSES_MAX: u32 = 64;

/// The thread that compacts in the background. Dropping it ends it.
pub(crate) struct Worker {
    working: Arc<Working>,
    thread: Option<JoinHandle<()>>,
}

struct Working {
    engine: Arc<Engine>,
    options: CompactionOptions,
}

impl Worker {
    /// Starts the thread.
    ///
    /// # Errors
    /// Whatever the operating system says.
    pub(crate) fn start(
        engine: Arc<Engine>,
        options: CompactionOptions,
        host: &dyn Host,
    ) -> io::Result<Self> {
        let working = Arc::new(Working { engine, options });
        let job: Arc<dyn Job> = Arc::<Working>::clone(&working);
        let thread = host.start("stepwell-compact", Arc::downgrade(&job))?;
        Ok(Self { working, thread })
    }
}

impl fmt::Debug for Worker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Worker").finish_non_exhaustive()
    }
}

impl Job for Working {
    fn run(&self) {
        run(&self.engine, self.options);
    }

    /// What is done in the background can be done on demand as well.
    fn step(&self) {}

    fn gives_way(&self) -> bool {
        true
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.working.engine.stop();
        if let Some(thread) = self.thread.take() {
            // Whether it panicked or not, nothing of it is needed any more.
            wait_for_end(thread);
        }
    }
}

fn run(engine: &Engine, options: CompactionOptions) {
    let worth = Worth::Much(options);
    let mut pause = PAUSE;
    let mut pauses = PAUSES_MAX;
    let mut died = 0;
    while engine.rest(pause) {
        pauses += 1;
        let reclaimed = engine.reclaim_all();
        let died_now = engine.died();
        if reclaimed.is_ok()
            && pauses < PAUSES_MAX
            && died_now - died < engine.segment_bytes / DIED_PART
        {
            continue;
        }
        (died, pauses) = (died_now, 0);
        let is_worth_it = reclaimed.and_then(|()| engine.is_worth_it(worth));
        let compacted = is_worth_it.and_then(|is| match is {
            true => engine.compact_some(worth, options.bytes_per_second),
            false => Ok(CompactionReport::default()),
        });
        pause = match compacted {
            Ok(report) if !report.incomplete => PAUSE,
            unfinished => {
                if let Err(error) = unfinished
                    && !engine.is_stopped()
                {
                    tracing::warn!(%error, "the log was not compacted; it is tried again later");
                }
                pauses = PAUSES_MAX;
                (pause * 2).min(PAUSE_MAX)
            }
        };
    }
}

//! Replaying a log in two threads: one reads, checks and decodes its frames, the other applies them to the index.

use std::hint;
use std::mem;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Weak};
use std::thread::JoinHandle;

use parking_lot::Mutex;

use crate::db::view::{Decoded, View};
use crate::index::TablesError;
use crate::log::{FrameAddress, LogError, Replay};
use crate::vfs::{Host, Job};

/// So many frames are handed over together: waking a thread costs as much as applying a few.
const BATCH: usize = 128;
/// So many of those may wait.
const AHEAD: usize = 8;
/// About what the rows of a batch take.
const ROWS_BYTES: usize = 96 << 10;

type Batch = Vec<(FrameAddress, Decoded)>;

/// Why frames are not handed over any more: the thread that applies them has failed, and says itself why.
#[derive(Debug, thiserror::Error)]
#[error("the index does not take what is replayed")]
struct NotApplied;

/// The job of applying frames.
struct Applying {
    view: Arc<View>,
    /// Until it is begun.
    batches: Mutex<Option<Receiver<Batch>>>,
    failed: Mutex<Option<TablesError>>,
}

/// The thread that does it.
struct Applier {
    job: Arc<Applying>,
    batches: SyncSender<Batch>,
    thread: JoinHandle<()>,
}

/// What `open` makes of a log, which replays it. All of it is applied to `view` by then, or it is said why not.
pub(super) fn replaying<T>(
    view: &Arc<View>,
    host: &dyn Host,
    open: impl FnOnce(&mut Replay<'_>) -> Result<T, LogError>,
) -> Result<Result<T, LogError>, TablesError> {
    let mut batch = Batch::new();
    // A short log needs no thread.
    let mut applier = None;
    let opened = open(&mut |frame, payload| {
        batch.push((frame, Decoded::of(frame, payload)?));
        if batch.len() < BATCH {
            return Ok(());
        }
        let batch = mem::take(&mut batch);
        match applier.get_or_insert_with(|| Applier::start(view, host)) {
            Some(applier) => Ok(applier.batches.send(batch).map_err(|_| NotApplied)?),
            None => Ok(view.replay(batch)?),
        }
    });
    match applier.flatten() {
        Some(applier) => applier.finish(batch)?,
        None => view.replay(batch)?,
    }
    Ok(opened)
}

impl Applier {
    /// Starts the thread, if there can be one.
    fn start(view: &Arc<View>, host: &dyn Host) -> Option<Self> {
        let (batches, received) = sync_channel(AHEAD);
        let job = Arc::new(Applying {
            view: Arc::clone(view),
            batches: Mutex::new(Some(received)),
            failed: Mutex::new(None),
        });
        let weak: Weak<Applying> = Arc::downgrade(&job);
        let thread = host.start("stepwell-replay", weak).ok()??;
        Some(Self {
            job,
            batches,
            thread,
        })
    }

    fn finish(self, last: Batch) -> Result<(), TablesError> {
        // If it has failed, it says why.
        let _ = self.batches.send(last);
        drop(self.batches);
        if let Err(panic) = self.thread.join() {
            std::panic::resume_unwind(panic);
        }
        self.job.failed.lock().take().map_or(Ok(()), Err)
    }
}

impl Job for Applying {
    fn run(&self) {
        let Some(batches) = self.batches.lock().take() else {
            return;
        };
        let applied = (batches.iter()).try_for_each(|batch| {
            // The C library makes the memory of a thread larger by single pages, with a system call each, unless it is asked
            // for more at a time. That was a sixth of this thread's time.
            drop(hint::black_box(Vec::<u8>::with_capacity(ROWS_BYTES)));
            self.view.replay(batch)
        });
        *self.failed.lock() = applied.err();
    }

    /// Without a thread, whoever replays applies.
    fn step(&self) {}
}

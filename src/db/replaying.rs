//! Replaying a log in two threads: one reads its frames and checks them, the other decodes them and applies them to the index.
//!
//! Memory that one thread allocates and the other frees costs more than what there would be to gain by decoding in the first one,
//! so bytes are handed over, and come back to be used again.

use std::hint;
use std::mem;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Weak};
use std::thread::JoinHandle;

use parking_lot::Mutex;

use crate::codec::CodecError;
use crate::db::DbError;
use crate::db::decoded::Decoded;
use crate::db::view::View;
use crate::log::{FrameAddress, LogError, Replay};
use crate::vfs::{Host, Job};

/// So many frames are handed over together: waking a thread costs as much as applying a few.
const FRAMES: usize = 128;
/// ... or so many bytes of them.
const BYTES: usize = 256 << 10;
/// So many of those may wait.
const AHEAD: usize = 8;
/// Of a longer payload, which is nearly all values, only what it says is handed over.
const LONG: usize = 64 << 10;
/// About what the rows of so many frames take.
const ROWS_BYTES: usize = 96 << 10;

/// Why frames are not handed over any more: whoever applies them has failed, and says himself why.
#[derive(Debug, thiserror::Error)]
#[error("the index does not take what is replayed")]
struct NotApplied;

/// Frames that follow each other.
#[derive(Default)]
struct Batch {
    frames: Vec<(FrameAddress, Told)>,
    payloads: Vec<u8>,
}

/// What a frame tells.
enum Told {
    /// Its payload, which ends there.
    Payload {
        end: usize,
    },
    Decoded(Result<Decoded, CodecError>),
}

/// The job of applying frames.
struct Applying {
    view: Arc<View>,
    /// Until it is begun.
    batches: Mutex<Option<(Receiver<Batch>, SyncSender<Batch>)>>,
    failed: Mutex<Option<DbError>>,
}

/// The thread that does it.
struct Applier {
    job: Arc<Applying>,
    batches: SyncSender<Batch>,
    /// Batches to be filled again.
    spent: Receiver<Batch>,
    thread: JoinHandle<()>,
}

/// What `open` makes of a log, which replays it. All of it is applied to `view` by then, or it is said why not.
pub(super) fn replaying<T>(
    view: &Arc<View>,
    host: &dyn Host,
    open: impl FnOnce(&mut Replay<'_>) -> Result<T, LogError>,
) -> Result<T, DbError> {
    let mut batch = Batch::default();
    // A short log needs no thread.
    let mut applier = None;
    let mut failed = None;
    let opened = open(&mut |frame, payload| {
        batch.add(frame, payload);
        if !batch.is_full() {
            return Ok(());
        }
        let applied = match applier.get_or_insert_with(|| Applier::start(view, host)) {
            Some(applier) => applier.apply(&mut batch),
            None => batch.apply(view).map_err(|error| {
                failed = Some(error);
                NotApplied
            }),
        };
        Ok(applied?)
    });
    match (failed, applier.flatten()) {
        (Some(error), _) => return Err(error),
        (None, Some(applier)) => applier.finish(batch)?,
        (None, None) => batch.apply(view)?,
    }
    Ok(opened?)
}

impl Batch {
    fn add(&mut self, frame: FrameAddress, payload: &[u8]) {
        let told = if payload.len() > LONG {
            Told::Decoded(Decoded::of(frame, payload))
        } else {
            self.payloads.extend_from_slice(payload);
            let end = self.payloads.len();
            Told::Payload { end }
        };
        self.frames.push((frame, told));
    }

    fn is_full(&self) -> bool {
        self.frames.len() >= FRAMES || self.payloads.len() >= BYTES
    }

    /// Applies the frames, and is empty then.
    fn apply(&mut self, view: &View) -> Result<(), DbError> {
        let payloads = mem::take(&mut self.payloads);
        let mut begin = 0;
        view.replay(self.frames.drain(..).map(|(frame, told)| match told {
            Told::Decoded(decoded) => (frame, decoded),
            Told::Payload { end } => {
                let payload = payloads.get(begin..end).unwrap_or_default();
                begin = end;
                (frame, Decoded::of(frame, payload))
            }
        }))?;
        self.payloads = payloads;
        self.payloads.clear();
        Ok(())
    }
}

impl Applier {
    /// Starts the thread, if there can be one.
    fn start(view: &Arc<View>, host: &dyn Host) -> Option<Self> {
        let (batches, received) = sync_channel(AHEAD);
        let (emptied, spent) = sync_channel(AHEAD);
        let job = Arc::new(Applying {
            view: Arc::clone(view),
            batches: Mutex::new(Some((received, emptied))),
            failed: Mutex::new(None),
        });
        let weak: Weak<Applying> = Arc::downgrade(&job);
        let thread = host.start("stepwell-replay", weak).ok()??;
        Some(Self {
            job,
            batches,
            spent,
            thread,
        })
    }

    /// Hands a batch over, in the place of which there is an empty one then.
    fn apply(&self, batch: &mut Batch) -> Result<(), NotApplied> {
        let next = self.spent.try_recv().unwrap_or_default();
        let full = mem::replace(batch, next);
        self.batches.send(full).map_err(|_| NotApplied)
    }

    fn finish(self, last: Batch) -> Result<(), DbError> {
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
        let Some((batches, emptied)) = self.batches.lock().take() else {
            return;
        };
        let applied = batches.iter().try_for_each(|mut batch| {
            // The C library makes the memory of a thread larger by single pages, with a system call each, unless it is asked
            // for more at a time. That was a sixth of this thread's time.
            drop(hint::black_box(Vec::<u8>::with_capacity(ROWS_BYTES)));
            batch.apply(&self.view)?;
            // If there are enough of them, it goes.
            let _ = emptied.try_send(batch);
            Ok(())
        });
        *self.failed.lock() = applied.err();
    }

    /// Without a thread, whoever replays applies.
    fn step(&self) {}
}

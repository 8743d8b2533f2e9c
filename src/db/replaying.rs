//! Replaying a log in two threads: one reads, checks and decodes its frames, the other applies them to the index.

use std::mem;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, Scope, ScopedJoinHandle};

use crate::codec::{Numbered, Record};
use crate::db::view::{View, decoded};
use crate::index::TablesError;
use crate::log::{FrameAddress, LogError, Replay};

/// So many frames are handed over together: waking a thread costs as much as applying a few.
const BATCH: usize = 128;
/// So many of those may wait.
const AHEAD: usize = 8;

/// Frames that were decoded.
type Batch = Vec<(FrameAddress, Vec<Record<Numbered>>)>;

/// Why frames are not handed over any more: the thread that applies them has failed, and says itself why.
#[derive(Debug, thiserror::Error)]
#[error("the index does not take what is replayed")]
struct NotApplied;

/// The thread that applies frames.
struct Applier<'scope> {
    batches: SyncSender<Batch>,
    thread: ScopedJoinHandle<'scope, Result<(), TablesError>>,
}

/// What `open` makes of a log, which replays it. All of it is applied to `view` by then, or it is said why not.
pub(super) fn replaying<T>(
    view: &View,
    open: impl FnOnce(&mut Replay<'_>) -> Result<T, LogError>,
) -> Result<Result<T, LogError>, TablesError> {
    thread::scope(|scope| {
        let mut batch = Batch::new();
        let mut applier = None;
        let opened = open(&mut |frame, payload| {
            batch.push((frame, decoded(frame, payload)?));
            if batch.len() < BATCH {
                return Ok(());
            }
            let batch = mem::take(&mut batch);
            if applier.is_none() {
                applier = Applier::start(scope, view);
            }
            match &applier {
                Some(applier) => Ok(applier.batches.send(batch).map_err(|_| NotApplied)?),
                None => Ok(apply(view, batch)?),
            }
        });
        let last = mem::take(&mut batch);
        match applier {
            Some(applier) => applier.finish(last)?,
            None => apply(view, last)?,
        }
        Ok(opened)
    })
}

impl<'scope> Applier<'scope> {
    /// Starts the thread, if there can be one.
    fn start<'env: 'scope>(scope: &'scope Scope<'scope, 'env>, view: &'env View) -> Option<Self> {
        let (batches, received) = sync_channel(AHEAD);
        let thread = thread::Builder::new()
            .name("stepwell-replay".to_owned())
            .spawn_scoped(scope, move || apply_all(view, &received));
        let thread = thread.ok()?;
        Some(Self { batches, thread })
    }

    fn finish(self, last: Batch) -> Result<(), TablesError> {
        // If it has failed, it says why.
        let _ = self.batches.send(last);
        drop(self.batches);
        match self.thread.join() {
            Ok(applied) => applied,
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }
}

fn apply_all(view: &View, batches: &Receiver<Batch>) -> Result<(), TablesError> {
    batches.iter().try_for_each(|batch| apply(view, batch))
}

fn apply(view: &View, batch: Batch) -> Result<(), TablesError> {
    for (frame, records) in batch {
        view.replay(frame, records)?;
    }
    Ok(())
}

//! Replaying a log in several threads: one reads its frames and checks them, two others decode them and apply them to the index. While one of these
//! applies, the other decodes what comes next.
//!
//! Memory that one thread allocates and another frees costs more than what there would be to gain by decoding in the first one,
//! so bytes are handed over, and come back to be used again; and who has decoded a batch applies it.

use std::mem;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Weak};
use std::thread::JoinHandle;

use parking_lot::{Condvar, Mutex};

use crate::codec::CodecError;
use crate::db::DbError;
use crate::db::applying::ask_ahead;
use crate::db::decoded::Decoded;
use crate::db::view::View;
use crate::log::{FrameAddress, LogError, Replay};
use crate::vfs::{Host, Job};

/// So many threads apply, in turns: decoding takes less than applying, so there is always a batch that is decoded.
const APPLIERS: usize = 2;
/// So many frames are handed over together: waking a thread costs as much as applying a few.
const FRAMES: usize = 128;
/// ... or so many bytes of them.
const BYTES: usize = 256 << 10;
/// So many of those may wait.
const AHEAD: usize = 8;
/// Of a longer payload, which is nearly all values, only what it says is handed over.
const LONG: usize = 64 << 10;

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

/// The job of applying frames, of each thread that does it.
struct Applying {
    view: Arc<View>,
    /// Until they have come to an end, or cannot be applied.
    batches: Mutex<Option<Numbered>>,
    emptied: SyncSender<Batch>,
    turns: Turns,
    failed: Mutex<Option<DbError>>,
}

/// Batches to be applied, in their order.
struct Numbered {
    received: Receiver<Batch>,
    next: u64,
}

/// Whose turn it is to apply.
struct Turns {
    /// The number of the batch; none if no other will be applied.
    next: Mutex<Option<u64>>,
    moved: Condvar,
}

/// The turn of a batch. If it is not [passed](Self::pass) on, it was the last.
struct Turn<'t> {
    turns: &'t Turns,
    number: u64,
    passed: bool,
}

/// The threads that do it.
struct Applier {
    job: Arc<Applying>,
    batches: SyncSender<Batch>,
    /// Batches to be filled again.
    spent: Receiver<Batch>,
    threads: Vec<JoinHandle<()>>,
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
            None => view.replay(&mut batch.decoded()).map_err(|error| {
                failed = Some(error);
                NotApplied
            }),
        };
        Ok(applied?)
    });
    match (failed, applier.flatten()) {
        (Some(error), _) => return Err(error),
        (None, Some(applier)) => applier.finish(batch)?,
        (None, None) => view.replay(&mut batch.decoded())?,
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

    /// The frames decoded. It is empty then.
    fn decoded(&mut self) -> Vec<(FrameAddress, Result<Decoded, CodecError>)> {
        let mut begin = 0;
        let payloads = &self.payloads;
        let decoded = self.frames.drain(..).map(|(frame, told)| match told {
            Told::Decoded(decoded) => (frame, decoded),
            Told::Payload { end } => {
                let payload = payloads.get(begin..end).unwrap_or_default();
                begin = end;
                (frame, Decoded::of(frame, payload))
            }
        });
        let decoded = decoded.collect();
        self.payloads.clear();
        decoded
    }
}

impl Turn<'_> {
    /// Waits until all before it have passed. Whether they have.
    fn wait(&self) -> bool {
        let mut next = self.turns.next.lock();
        while next.is_some_and(|next| next != self.number) {
            self.turns.moved.wait(&mut next);
        }
        next.is_some()
    }

    fn pass(mut self) {
        self.passed = true;
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut next = self.turns.next.lock();
        *next = next.filter(|_| self.passed).map(|number| number + 1);
        self.turns.moved.notify_all();
    }
}

impl Applier {
    /// Starts the threads, if there can be any.
    fn start(view: &Arc<View>, host: &dyn Host) -> Option<Self> {
        let (batches, received) = sync_channel(AHEAD);
        let (emptied, spent) = sync_channel(AHEAD);
        let job = Arc::new(Applying {
            view: Arc::clone(view),
            batches: Mutex::new(Some(Numbered { received, next: 0 })),
            emptied,
            turns: Turns {
                next: Mutex::new(Some(0)),
                moved: Condvar::new(),
            },
            failed: Mutex::new(None),
        });
        let weak: Weak<Applying> = Arc::downgrade(&job);
        let start = |_| host.start("stepwell-replay", weak.clone()).ok()?;
        let threads: Vec<_> = (0..APPLIERS).map_while(start).collect();
        (!threads.is_empty()).then_some(Self {
            job,
            batches,
            spent,
            threads,
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
        let ended = self.threads.into_iter().map(JoinHandle::join);
        if let Err(panic) = ended.fold(Ok(()), Result::and) {
            std::panic::resume_unwind(panic);
        }
        self.job.failed.lock().take().map_or(Ok(()), Err)
    }
}

impl Applying {
    /// The next batch and its turn, when there is one.
    fn next(&self) -> Option<(Turn<'_>, Batch)> {
        let mut batches = self.batches.lock();
        let numbered = batches.as_mut()?;
        let batch = numbered.received.recv().ok()?;
        let turn = Turn {
            turns: &self.turns,
            number: numbered.next,
            passed: false,
        };
        numbered.next += 1;
        Some((turn, batch))
    }

    /// Decodes a batch and applies it when it is its turn. Whether the next can be applied.
    fn apply(&self, turn: Turn<'_>, batch: &mut Batch) -> bool {
        let mut decoded = batch.decoded();
        ask_ahead();
        if !turn.wait() {
            return false;
        }
        match self.view.replay(&mut decoded) {
            Ok(()) => {
                // What was decoded goes later: that takes a while, and the next has waited.
                turn.pass();
                true
            }
            Err(error) => {
                *self.failed.lock() = Some(error);
                false
            }
        }
    }
}

/// When a thread ends, there is no other batch, or none that can be applied: whoever hands over is not to wait for room.
struct Ended<'a>(&'a Applying);

impl Drop for Ended<'_> {
    fn drop(&mut self) {
        *self.0.batches.lock() = None;
    }
}

impl Job for Applying {
    fn run(&self) {
        let _ended = Ended(self);
        while let Some((turn, mut batch)) = self.next() {
            if !self.apply(turn, &mut batch) {
                return;
            }
            // If there are enough of them, it goes.
            let _ = self.emptied.try_send(batch);
        }
    }

    /// Without a thread, whoever replays applies.
    fn step(&self) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turns() -> Turns {
        Turns {
            next: Mutex::new(Some(0)),
            moved: Condvar::new(),
        }
    }

    fn turn(turns: &Turns, number: u64) -> Turn<'_> {
        Turn {
            turns,
            number,
            passed: false,
        }
    }

    #[test]
    fn turns_are_taken_in_their_order() {
        let turns = turns();
        let taken = Mutex::new(Vec::new());
        std::thread::scope(|scope| {
            for number in (0..20).rev() {
                let (turns, taken) = (&turns, &taken);
                scope.spawn(move || {
                    let turn = turn(turns, number);
                    assert!(turn.wait());
                    taken.lock().push(number);
                    turn.pass();
                });
            }
        });
        assert!(taken.into_inner().into_iter().eq(0..20));
    }

    #[test]
    fn behind_a_turn_that_was_not_passed_on_there_is_none() {
        let turns = turns();
        turn(&turns, 0).pass();
        std::thread::scope(|scope| {
            let last = turn(&turns, 1);
            assert!(last.wait());
            scope.spawn(|| assert!(!turn(&turns, 2).wait()));
            drop(last);
        });
        assert!(!turn(&turns, 1).wait());
    }
}

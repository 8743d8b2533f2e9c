//! [`Backlog`]: commits that the index is not told of yet, and who tells it when nobody reads.
//!
//! Whoever acknowledges a commit adds it here, which costs next to nothing; whoever looks at the index applies what is here first,
//! so nobody can see that it was not there. It must never know what the index makes of a commit.

use std::fmt;
use std::io;
use std::mem;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

use crate::db::view::{Note, View, frame_bytes};
use crate::log::FrameAddress;
use crate::vfs::{Host, Job};

/// With so many frames, whoever adds one applies them all: a reader who comes then waits for no more.
const FRAMES_MAX: usize = 256;
/// ... or with so many, if the index may have hardly any memory.
const FRAMES_MIN: usize = 4;
/// More than the rows of most frames take.
const ROWS_BYTES: usize = 8 << 10;
/// Frames and their rows take no more than such a share of the memory that the index may have.
const SHARE: usize = 8;
/// How long commits are collected.
const MOMENT: Duration = Duration::from_micros(500);
/// After so many moments without commits the thread sleeps until it is woken.
const QUIET: u32 = 20;

/// Frames that are acknowledged, or about to be, in the order of the log.
pub(super) type Frames = Vec<(FrameAddress, Note)>;

/// Commits that the index is not told of yet.
#[derive(Debug)]
pub(super) struct Backlog {
    frames_max: usize,
    bytes_max: u64,
    state: Mutex<State>,
    /// Whether there are any, to be looked at without the lock. Whoever takes them has the index to himself from before he does
    /// until it is told of them.
    waiting: AtomicBool,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    frames: Frames,
    /// What the frames take in the log.
    bytes: u64,
    /// Emptied, kept for its memory.
    spare: Frames,
    /// Somebody applies what is here now and then.
    open: bool,
    /// ... and sleeps until there is something.
    asleep: bool,
}

impl Backlog {
    /// Of an index that may take so many bytes of memory.
    pub(super) fn beside(memory_bytes: usize) -> Self {
        let share = memory_bytes / SHARE;
        Self {
            frames_max: (share / ROWS_BYTES).clamp(FRAMES_MIN, FRAMES_MAX),
            bytes_max: u64::try_from(share).unwrap_or(u64::MAX),
            state: Mutex::default(),
            waiting: AtomicBool::new(false),
            changed: Condvar::new(),
        }
    }

    /// Adds frames. Whether whoever brings them is to apply all that there are.
    pub(super) fn add(&self, frames: &mut dyn Iterator<Item = (FrameAddress, Note)>) -> bool {
        let mut state = self.state.lock();
        let State {
            frames: here,
            bytes,
            ..
        } = &mut *state;
        here.extend(frames.inspect(|(frame, _)| *bytes += frame_bytes(*frame)));
        self.waiting.store(true, Ordering::Release);
        let is_full =
            !state.open || state.frames.len() >= self.frames_max || state.bytes >= self.bytes_max;
        if state.asleep && !is_full {
            state.asleep = false;
            self.changed.notify_one();
        }
        is_full
    }

    /// Whether there is something that was acknowledged before this call and that nobody has taken.
    pub(super) fn is_waiting(&self) -> bool {
        self.waiting.load(Ordering::Acquire)
    }

    /// Takes what there is. The caller has the index to himself.
    pub(super) fn take(&self) -> Frames {
        let mut state = self.state.lock();
        self.waiting.store(false, Ordering::Release);
        state.bytes = 0;
        let spare = mem::take(&mut state.spare);
        mem::replace(&mut state.frames, spare)
    }

    /// Takes back the memory of what was taken.
    pub(super) fn recycle(&self, mut frames: Frames) {
        frames.clear();
        if frames.capacity() <= 2 * FRAMES_MAX {
            self.state.lock().spare = frames;
        }
    }

    /// Waits until there are frames, and a moment longer. Whether somebody may still add some.
    fn wait(&self) -> bool {
        let mut state = self.state.lock();
        let mut quiet = 0;
        while state.open {
            if quiet >= QUIET && state.frames.is_empty() {
                state.asleep = true;
                self.changed.wait(&mut state);
                state.asleep = false;
                quiet = 0;
                continue;
            }
            self.changed.wait_for(&mut state, MOMENT);
            if !state.frames.is_empty() {
                break;
            }
            quiet += 1;
        }
        state.open
    }

    fn open(&self, open: bool) {
        self.state.lock().open = open;
        self.changed.notify_one();
    }
}

/// Tells the index now and then of commits, until it is dropped. From then on whoever brings one does.
pub(super) struct Applier {
    job: Arc<Applying>,
    thread: Option<JoinHandle<()>>,
}

struct Applying {
    view: Arc<View>,
}

impl Applier {
    /// Starts it.
    ///
    /// # Errors
    /// Whatever the operating system says.
    pub(super) fn start(view: &Arc<View>, host: &dyn Host) -> io::Result<Self> {
        let job = Arc::new(Applying {
            view: Arc::clone(view),
        });
        let weak = Arc::downgrade(&job);
        view.backlog().open(true);
        let thread = host.start("stepwell-apply", weak);
        let thread = thread.inspect_err(|_| view.backlog().open(false))?;
        Ok(Self { job, thread })
    }
}

impl Drop for Applier {
    fn drop(&mut self) {
        let view = &self.job.view;
        view.backlog().open(false);
        if let Some(thread) = self.thread.take() {
            // A panic in it has ended the index.
            let _ = thread.join();
        }
        view.catch_up();
    }
}

impl fmt::Debug for Applier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Applier").finish_non_exhaustive()
    }
}

impl Job for Applying {
    fn run(&self) {
        while self.view.backlog().wait() {
            self.view.catch_up();
        }
    }

    /// Without a thread, whoever looks at the index applies.
    fn step(&self) {}
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::{Lsn, SegmentId};

    fn frames(lsns: impl Iterator<Item = u64>) -> impl Iterator<Item = (FrameAddress, Note)> {
        lsns.map(|lsn| {
            let frame = FrameAddress {
                lsn: Lsn::new(lsn),
                records: 1,
                segment: SegmentId::new(Lsn::new(1)),
                offset: lsn,
                payload_len: 1,
            };
            let note = Note {
                records: Vec::new(),
                contents: Vec::new(),
                certain: true,
                unapplied: Arc::default(),
            };
            (frame, note)
        })
    }

    #[test]
    fn whoever_brings_a_frame_applies_it_if_nobody_else_does() {
        let backlog = Backlog::beside(usize::MAX);
        assert!(backlog.add(&mut frames(1..2)));
        backlog.open(true);
        assert!(!backlog.add(&mut frames(2..3)));
        backlog.open(false);
        assert!(backlog.add(&mut frames(3..4)));
    }

    #[test]
    fn no_more_than_a_bound_is_left_to_others() {
        let backlog = Backlog::beside(usize::MAX);
        backlog.open(true);
        let bound = FRAMES_MAX as u64;
        for lsn in 1..bound {
            assert!(!backlog.add(&mut frames(lsn..lsn + 1)));
        }
        assert!(backlog.add(&mut frames(bound..bound + 1)));
        assert!(backlog.is_waiting());
        let taken = backlog.take();
        assert!(!backlog.is_waiting());
        assert!(taken.iter().map(|(frame, _)| frame.lsn.get()).eq(1..=bound));
        backlog.recycle(taken);
        assert!(!backlog.add(&mut frames(1..2)));
        assert_eq!(backlog.take().len(), 1);
    }
}

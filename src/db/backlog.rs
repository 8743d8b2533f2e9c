//! [`Backlog`]: commits that the index is not told of yet, and who tells it when nobody reads.
//!
//! Whoever acknowledges a commit adds it here, which costs next to nothing; whoever looks at the index applies what is here first,
//! so nobody can see that it was not there. It must never know what the index makes of a commit.

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::mem;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

use crate::db::applying::ask_ahead;
use crate::db::spent::Spent;
use crate::db::view::{Note, View, frame_bytes};
use crate::log::FrameAddress;
use crate::vfs::{Host, Job, wait_for_end};

/// With so many frames, whoever adds one applies some, unless somebody is at it: a reader who comes then has no more to wait for.
const FRAMES_MAX: usize = 256;
/// ... or with so many, if the index may have hardly any memory.
const FRAMES_MIN: usize = 4;
/// More than the rows of most frames take.
const ROWS_BYTES: usize = 8 << 10;
/// ... which are to take no more than such a share of the memory that the index may have.
const SHARE: usize = 8;
/// With so many times as many frames, whoever adds one waits for his turn and applies all.
const HARD: usize = 4;
/// So many frames are applied at a time: the index is locked as long as that takes.
pub(super) const PORTION: usize = 32;
/// How long commits are collected.
const MOMENT: Duration = Duration::from_micros(500);
/// After so many moments without commits the thread sleeps until it is woken.
const QUIET: u32 = 20;

/// Frames that are acknowledged, or about to be, in the order of the log.
pub(super) type Frames = VecDeque<(FrameAddress, Note)>;

/// What whoever adds frames is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Then {
    Nothing,
    /// He applies so many frames, unless somebody is at it.
    Help(usize),
    /// He applies all.
    Apply,
}

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
    spent: Spent,
}

#[derive(Debug, Default)]
struct State {
    frames: Frames,
    /// What the frames take in the log.
    bytes: u64,
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
            spent: Spent::default(),
        }
    }

    /// Adds frames, and says what whoever brings them is to do then.
    pub(super) fn add(&self, frames: &mut dyn Iterator<Item = (FrameAddress, Note)>) -> Then {
        let mut state = self.state.lock();
        let State {
            frames: here,
            bytes,
            ..
        } = &mut *state;
        let before = here.len();
        here.extend(frames.inspect(|(frame, _)| *bytes += frame_bytes(*frame)));
        let added = here.len() - before;
        self.waiting.store(true, Ordering::Release);
        if !state.open {
            return Then::Apply;
        }
        let has_frames = |times: usize| state.frames.len() >= times.saturating_mul(self.frames_max);
        let has_bytes = |times: u64| state.bytes >= times.saturating_mul(self.bytes_max);
        if has_frames(HARD) || has_bytes(HARD as u64) {
            return Then::Apply;
        }
        if has_frames(1) || has_bytes(1) {
            // More than were added, so that they become fewer, and no more: the thread that applies them waits for that, too.
            return Then::Help(2 * added);
        }
        if state.asleep {
            state.asleep = false;
            self.changed.notify_one();
        }
        Then::Nothing
    }

    /// What is left of those that were applied.
    pub(super) fn spent(&self) -> &Spent {
        &self.spent
    }

    /// Whether there is something that was acknowledged before this call and that nobody has taken.
    pub(super) fn is_waiting(&self) -> bool {
        self.waiting.load(Ordering::Acquire)
    }

    /// Takes the first `limit` frames. The caller has the index to himself, until it is told of them.
    pub(super) fn take(&self, limit: usize) -> Frames {
        let mut state = self.state.lock();
        let taken = if state.frames.len() <= limit {
            mem::take(&mut state.frames)
        } else {
            state.frames.drain(..limit).collect()
        };
        let bytes: u64 = taken.iter().map(|(frame, _)| frame_bytes(*frame)).sum();
        state.bytes = state.bytes.saturating_sub(bytes);
        self.waiting
            .store(!state.frames.is_empty(), Ordering::Release);
        taken
    }

    /// Waits until there are frames, and a moment longer. Whether somebody may still add some.
    fn wait(&self) -> bool {
        let mut state = self.state.lock();
        let mut quiet = 0;
        while state.open {
            if quiet >= QUIET && state.frames.is_empty() {
                self.spent.clear();
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
        // A panic in it has ended the index. On its own thread this may be dropped while it applies: whoever looks at the index next
        // applies the rest.
        if self.thread.take().is_none_or(wait_for_end) {
            view.catch_up();
        }
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
            while self.view.backlog().is_waiting() {
                ask_ahead();
                self.view.apply_some();
            }
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
        assert_eq!(backlog.add(&mut frames(1..2)), Then::Apply);
        backlog.open(true);
        assert_eq!(backlog.add(&mut frames(2..3)), Then::Nothing);
        backlog.open(false);
        assert_eq!(backlog.add(&mut frames(3..4)), Then::Apply);
    }

    #[test]
    fn no_more_than_a_bound_is_left_to_others() {
        let backlog = Backlog::beside(usize::MAX);
        backlog.open(true);
        let mut then = Vec::new();
        for lsn in 1..=HARD as u64 * FRAMES_MAX as u64 {
            then.push(backlog.add(&mut frames(lsn..lsn + 1)));
        }
        let count = |of| then.iter().filter(|then| **then == of).count();
        assert_eq!(count(Then::Nothing), FRAMES_MAX - 1);
        assert_eq!(count(Then::Help(2)), (HARD - 1) * FRAMES_MAX);
        assert_eq!(then.last(), Some(&Then::Apply));
    }

    #[test]
    fn frames_are_taken_in_their_order() {
        let backlog = Backlog::beside(usize::MAX);
        backlog.open(true);
        assert_eq!(backlog.add(&mut frames(1..6)), Then::Nothing);
        let lsns = |frames: Frames| frames.iter().map(|(frame, _)| frame.lsn.get()).collect();
        let first: Vec<_> = lsns(backlog.take(2));
        assert!(backlog.is_waiting());
        let rest: Vec<_> = lsns(backlog.take(usize::MAX));
        assert!(!backlog.is_waiting());
        assert_eq!((first, rest), (vec![1, 2], vec![3, 4, 5]));
    }
}

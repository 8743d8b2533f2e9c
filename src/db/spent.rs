//! [`Spent`]: what is left of commits that the index was told of, until whoever submits the next ones drops it.
//!
//! A thread that frees what another has allocated makes both wait for the lock of that one's memory: a third of what an unsynced
//! step took was that. It must never know what it keeps.

use std::mem;

use parking_lot::Mutex;

use crate::db::view::Note;

/// So many notes are kept. Others are dropped by whoever applied them.
const NOTES_MAX: usize = 64;
/// ... and none of a longer commit.
const FRAME_BYTES_MAX: u64 = 16 << 10;
/// Whoever submits drops so many: more than he adds.
const DROPPED_AT_ONCE: usize = 2;

/// Notes of commits that are applied, in no order.
#[derive(Debug, Default)]
pub(super) struct Spent(Mutex<Vec<Note>>);

impl Spent {
    /// Keeps some of `notes`, each with how long its commit is in the log, and drops the others.
    pub(super) fn add(&self, notes: impl Iterator<Item = (u64, Note)>) {
        let mut kept = self.0.lock();
        let room = NOTES_MAX.saturating_sub(kept.len());
        let (short, long): (Vec<_>, Vec<_>) =
            notes.partition(|(bytes, _)| *bytes <= FRAME_BYTES_MAX);
        let mut short = short.into_iter().map(|(_, note)| note);
        kept.extend(short.by_ref().take(room));
        // Not under the lock: that may take a while.
        drop(kept);
        drop((short, long));
    }

    /// Drops a few, if nobody else is at it.
    pub(super) fn drop_some(&self) {
        let Some(mut kept) = self.0.try_lock() else {
            return;
        };
        let rest = kept.len().saturating_sub(DROPPED_AT_ONCE);
        let dropped: Vec<Note> = kept.drain(rest..).collect();
        drop(kept);
        drop(dropped);
    }

    /// Drops all: nobody submits.
    pub(super) fn clear(&self) {
        let kept = mem::take(&mut *self.0.lock());
        drop(kept);
    }
}

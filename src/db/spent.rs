//! [`Spent`]: what is left of commits that the index was told of, until whoever submits the next ones drops it.
//!
//! Threads that free what another has allocated wait for the C library's lock of that one's memory, and it for them: with one
//! writer, who gets back his own here, a fifth of the processor time of a step that is not synced. It must never know what it keeps.

use std::mem;

use parking_lot::Mutex;

use crate::db::view::Note;

/// So many notes are kept. Others are dropped by whoever applied them.
const NOTES_MAX: usize = 64;
/// ... and none of a commit that takes more bytes of the log.
const FRAME_BYTES_MAX: u64 = 16 << 10;

/// Notes of commits that are applied, in no order.
#[derive(Debug, Default)]
pub(super) struct Spent(Mutex<Vec<Note>>);

impl Spent {
    /// Keeps some of `notes`, each with how many bytes its commit takes in the log, and drops the others.
    pub(super) fn add(&self, notes: Vec<(u64, Note)>) {
        let mut dropped = Vec::new();
        let mut kept = self.0.lock();
        for (bytes, note) in notes {
            if bytes <= FRAME_BYTES_MAX && kept.len() < NOTES_MAX {
                kept.push(note);
            } else {
                dropped.push(note);
            }
        }
        drop(kept);
        // Not under the lock: that may take a while.
        drop(dropped);
    }

    /// Drops one more than whoever submits a commit brings, unless somebody else is at it.
    pub(super) fn drop_some(&self) {
        if let Some(mut kept) = self.0.try_lock() {
            let dropped = [kept.pop(), kept.pop()];
            drop(kept);
            drop(dropped);
        }
    }

    /// Drops all: nobody submits.
    pub(super) fn clear(&self) {
        let kept = mem::take(&mut *self.0.lock());
        drop(kept);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    /// Notes of commits of so many bytes each, and what tells which are still there.
    fn notes(count: usize, bytes: u64) -> (Vec<(u64, Note)>, impl Fn() -> usize) {
        let notes: Vec<_> = (0..count)
            .map(|_| {
                let note = Note {
                    records: Vec::new(),
                    contents: Vec::new(),
                    certain: true,
                    unapplied: Arc::default(),
                };
                (bytes, note)
            })
            .collect();
        let alive: Vec<_> = (notes.iter())
            .map(|(_, note)| Arc::downgrade(&note.unapplied))
            .collect();
        let count = move || alive.iter().filter(|note| note.strong_count() > 0).count();
        (notes, count)
    }

    #[cfg(feature = "testing")]
    #[test]
    fn what_the_index_was_told_of_is_dropped_by_whoever_submits_next() {
        use crate::codec::{Record, TagRemoved};
        use crate::vfs::sim::SimFs;

        // Without threads, so nobody else drops it.
        let options = crate::db::Db::options().vfs(Arc::new(SimFs::new(1)));
        let db = options.open("/db").unwrap();
        let submit = || {
            let removed = TagRemoved {
                thread: "t".into(),
                namespace: String::new(),
                tag: "none".into(),
            };
            let records = vec![Record::TagRemoved(removed)];
            let submitted = db.submit(records, None, String::new).unwrap();
            let note = Arc::downgrade(&submitted.fate());
            assert_eq!(submitted.wait().unwrap(), None);
            note
        };
        let first = submit();
        assert_eq!(first.strong_count(), 1);
        let second = submit();
        assert_eq!((first.strong_count(), second.strong_count()), (0, 1));
    }

    #[test]
    fn whoever_submits_drops_more_than_he_brings() {
        let spent = Spent::default();
        let (notes, alive) = notes(3, 100);
        spent.add(notes);
        assert_eq!(alive(), 3);
        spent.drop_some();
        assert_eq!(alive(), 1);
        spent.drop_some();
        assert_eq!(alive(), 0);
        spent.drop_some();
    }

    #[test]
    fn no_more_are_kept_than_a_bound_and_none_of_a_long_commit() {
        let spent = Spent::default();
        let (long, alive_long) = notes(2, FRAME_BYTES_MAX + 1);
        spent.add(long);
        assert_eq!(alive_long(), 0);
        let (many, alive) = notes(NOTES_MAX + 10, FRAME_BYTES_MAX);
        spent.add(many);
        assert_eq!(alive(), NOTES_MAX);
        spent.clear();
        assert_eq!(alive(), 0);
    }

    #[test]
    fn nobody_waits_for_another_who_drops() {
        let spent = Spent::default();
        let (notes, alive) = notes(1, 1);
        spent.add(notes);
        let other = spent.0.lock();
        spent.drop_some();
        drop(other);
        assert_eq!(alive(), 1);
    }
}

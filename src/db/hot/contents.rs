//! [`Contents`]: where large values are, by their contents.

use std::ops::Range;

use hashlink::LruCache;
use parking_lot::Mutex;
use twox_hash::XxHash3_128;

use crate::db::place::{At, Place};
use crate::index::ContentHash;

/// A smaller value is not looked for: an alias saves little, and the search costs as much.
pub(in crate::db) const MIN_BYTES: usize = 4 << 10;
/// From this length on the index knows of it as well.
pub(in crate::db) const LASTING_BYTES: usize = 16 << 10;
/// So many are remembered.
const COUNT_MAX: usize = 4096;

/// What a large value is found by.
///
/// The hash only finds it: it can be made to collide on purpose, so values are compared before one stands for the
/// other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::db) struct Content {
    pub(in crate::db) hash: ContentHash,
    /// Whether the index has a row for it.
    pub(in crate::db) lasts: bool,
}

impl Content {
    /// That of a value, if it is large enough.
    pub(in crate::db) fn of(bytes: &[u8]) -> Option<Self> {
        (bytes.len() >= MIN_BYTES).then(|| Self {
            hash: XxHash3_128::oneshot(bytes).to_be_bytes(),
            lasts: bytes.len() >= LASTING_BYTES,
        })
    }
}

/// A large value that a frame stores whole.
#[derive(Clone, Copy, Debug)]
pub(in crate::db) struct NewContent {
    pub(in crate::db) content: Content,
    /// The record's number in the frame.
    pub(in crate::db) record: u32,
    /// The value's number in the record.
    pub(in crate::db) value: u32,
}

/// Where the large values of all threads are that were stored whole last. Small ones never get here.
#[derive(Debug)]
pub(in crate::db) struct Contents {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    by_hash: LruCache<ContentHash, At>,
    closed: Range<u64>,
}

/// Nobody learns of values in these records until it goes.
#[must_use]
pub(in crate::db) struct Closed<'c>(&'c Contents);

impl Contents {
    pub(super) fn new() -> Self {
        Self {
            state: Mutex::new(State {
                by_hash: LruCache::new(COUNT_MAX),
                closed: 0..0,
            }),
        }
    }

    /// Where a value with this hash is, which may be another one.
    pub(in crate::db) fn find(&self, content: Content) -> Option<At> {
        let mut state = self.state.lock();
        let at = state.by_hash.get(&content.hash).copied();
        at.filter(|at| !state.closed.contains(&at.lsn().get()))
    }

    /// Where the index says that it is, unless it is not to be known.
    pub(in crate::db) fn open(&self, place: Option<Place>) -> Option<At> {
        let at = At::from(&place?);
        (!self.state.lock().closed.contains(&at.lsn().get())).then_some(at)
    }

    /// Notes where a value is that was stored whole.
    pub(in crate::db) fn note(&self, content: Content, at: At) {
        self.state.lock().by_hash.insert(content.hash, at);
    }

    /// Has nobody find values of records with these LSNs, since it is about to be decided whether they go. The index may still have
    /// rows of values that nobody needs, and one that is named from now on would be needed.
    pub(in crate::db) fn close(&self, lsns: Range<u64>) -> Closed<'_> {
        self.state.lock().closed = lsns;
        Closed(self)
    }

    /// Forgets the places that are told.
    pub(in crate::db) fn forget(&self, is_gone: impl Fn(&At) -> bool) {
        let mut state = self.state.lock();
        state.by_hash.retain(|_, at| !is_gone(at));
    }

    pub(super) fn clear(&self) {
        self.state.lock().by_hash.clear();
    }
}

impl Drop for Closed<'_> {
    fn drop(&mut self) {
        self.0.state.lock().closed = 0..0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::hot::tests::at;

    #[test]
    fn what_is_being_decided_about_is_not_found() {
        let contents = Contents::new();
        let of = |byte: u8| Content::of(&vec![byte; MIN_BYTES]).unwrap();
        for lsn in [9, 10, 20] {
            contents.note(of(lsn), at(lsn.into()));
        }
        let closed = contents.close(10..20);
        let found = |contents: &Contents| [9, 10, 20].map(|lsn| contents.find(of(lsn)).is_some());
        assert_eq!(found(&contents), [true, false, true]);
        assert_eq!(contents.open(Some(at(19).into())), None);
        assert_eq!(contents.open(Some(at(20).into())), Some(at(20)));
        drop(closed);
        assert_eq!(found(&contents), [true; 3]);
    }

    #[test]
    fn only_large_values_have_a_hash_and_larger_ones_last() {
        assert_eq!(Content::of(&[0; MIN_BYTES - 1]), None);
        assert!(Content::of(&[0; MIN_BYTES]).is_some_and(|content| !content.lasts));
        assert!(Content::of(&[0; LASTING_BYTES]).is_some_and(|content| content.lasts));
    }
}

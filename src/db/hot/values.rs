//! [`Values`]: values that were read or written not long ago, by their places.

use hashlink::LruCache;
use parking_lot::Mutex;

use crate::Encoded;
use crate::db::CacheStats;
use crate::db::place::ValueId;

/// What an entry takes besides its bytes, about.
const ENTRY_BYTES: usize = 128;

/// Values that were read or written not long ago. A value never changes, so nothing here is ever wrong.
#[derive(Debug)]
pub(crate) struct Values {
    limit: usize,
    kept: Mutex<Kept>,
}

#[derive(Debug)]
struct Kept {
    values: LruCache<ValueId, Encoded>,
    bytes: usize,
    /// How often a value was there that was looked for, and how often it was not.
    hits: u64,
    misses: u64,
}

impl Values {
    /// Keeps at most about `limit` bytes.
    pub(super) fn new(limit: usize) -> Self {
        Self {
            limit,
            kept: Mutex::new(Kept {
                values: LruCache::new_unbounded(),
                bytes: 0,
                hits: 0,
                misses: 0,
            }),
        }
    }

    pub(crate) fn get(&self, id: ValueId) -> Option<Encoded> {
        let mut kept = self.kept.lock();
        let value = kept.values.get(&id).cloned();
        match value {
            Some(_) => kept.hits += 1,
            None => kept.misses += 1,
        }
        value
    }

    /// Whether such a value is kept: not one that would push out most others.
    pub(crate) fn takes(&self, value: &Encoded) -> bool {
        weight(value) <= self.limit / 2
    }

    /// Keeps a value, if such are [kept](Self::takes).
    pub(crate) fn insert(&self, id: ValueId, value: Encoded) {
        self.replace(None, id, value);
    }

    /// Keeps a value in the place of an older one.
    pub(crate) fn replace(&self, old: Option<ValueId>, id: ValueId, value: Encoded) {
        let bytes = weight(&value);
        let mut kept = self.kept.lock();
        if let Some(old) = old {
            kept.remove(old);
        }
        if !self.takes(&value) {
            return;
        }
        kept.remove(id);
        kept.bytes += bytes;
        kept.values.insert(id, value);
        while kept.bytes > self.limit {
            let Some((_, oldest)) = kept.values.remove_lru() else {
                return;
            };
            kept.bytes = kept.bytes.saturating_sub(weight(&oldest));
        }
    }

    /// What is there, and what it was good for.
    pub(crate) fn stats(&self) -> CacheStats {
        let kept = self.kept.lock();
        CacheStats {
            hits: kept.hits,
            misses: kept.misses,
            bytes: u64::try_from(kept.bytes).unwrap_or(u64::MAX),
        }
    }

    pub(super) fn clear(&self) {
        let mut kept = self.kept.lock();
        kept.values.clear();
        kept.bytes = 0;
    }
}

impl Kept {
    fn remove(&mut self, id: ValueId) {
        if let Some(value) = self.values.remove(&id) {
            self.bytes = self.bytes.saturating_sub(weight(&value));
        }
    }
}

fn weight(value: &Encoded) -> usize {
    value.bytes().len() + ENTRY_BYTES
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(bytes: usize) -> Encoded {
        Encoded::new("bytes", vec![0; bytes])
    }

    #[test]
    fn what_was_not_used_for_longest_goes_first() {
        let values = Values::new(4 * (1_000 + ENTRY_BYTES));
        for id in 0..4 {
            values.insert((id, 0), value(1_000));
        }
        assert!(values.get((0, 0)).is_some());
        values.insert((4, 0), value(1_000));
        let kept = (0..5).map(|id| values.get((id, 0)).is_some());
        assert_eq!(kept.collect::<Vec<_>>(), [true, false, true, true, true]);
    }

    #[test]
    fn a_value_that_would_push_out_the_others_is_not_kept() {
        let values = Values::new(4_000);
        values.insert((1, 0), value(1_000));
        values.insert((2, 0), value(3_000));
        assert!(values.get((1, 0)).is_some());
        assert_eq!(values.get((2, 0)), None);
        values.replace(Some((1, 0)), (3, 0), value(3_000));
        assert_eq!(values.get((1, 0)), None);
    }

    #[test]
    fn the_same_value_is_counted_once() {
        let values = Values::new(4_000);
        for _ in 0..100 {
            values.insert((1, 0), value(1_000));
        }
        values.insert((2, 0), value(1_000));
        assert!(values.get((1, 0)).is_some());
    }
}

//! [`Ranked`]: a key with its rank, so that a look-up follows hardly any pointers to texts.

use std::cmp::Ordering;

use equivalent::{Comparable, Equivalent};

use crate::index::tables::{Rank, TableKey};

/// A key in a map. Keys of different rank are compared by that alone.
#[derive(Debug, Clone)]
pub(in crate::index) struct Ranked<K> {
    rank: Rank,
    pub(super) key: K,
}

/// A key that is looked for.
pub(super) struct Asked<'k, K> {
    rank: Rank,
    key: &'k K,
}

impl<K: TableKey> Ranked<K> {
    pub(super) fn new(key: K) -> Self {
        let rank = key.rank();
        Self { rank, key }
    }
}

impl<'k, K: TableKey> Asked<'k, K> {
    pub(super) fn new(key: &'k K) -> Self {
        let rank = key.rank();
        Self { rank, key }
    }
}

impl<K: TableKey> Ord for Ranked<K> {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.rank.cmp(&other.rank)).then_with(|| self.key.cmp(&other.key))
    }
}

impl<K: TableKey> PartialOrd for Ranked<K> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<K: TableKey> PartialEq for Ranked<K> {
    fn eq(&self, other: &Self) -> bool {
        self.rank == other.rank && self.key == other.key
    }
}

impl<K: TableKey> Eq for Ranked<K> {}

impl<K: TableKey> Equivalent<Ranked<K>> for Asked<'_, K> {
    fn equivalent(&self, key: &Ranked<K>) -> bool {
        self.rank == key.rank && *self.key == key.key
    }
}

impl<K: TableKey> Comparable<Ranked<K>> for Asked<'_, K> {
    fn compare(&self, key: &Ranked<K>) -> Ordering {
        (self.rank.cmp(&key.rank)).then_with(|| self.key.cmp(&key.key))
    }
}

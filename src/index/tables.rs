//! [`Tables`]: where the index keeps its rows.
//!
//! This module must never know what a row says.

use std::fmt::{self, Display};
use std::ops::Bound;
use std::sync::Arc;

use imbl::OrdMap;

/// Why rows could not be read.
#[derive(Clone, Debug, thiserror::Error)]
#[error("the index cannot be read: {reason}")]
pub(crate) struct TablesError {
    reason: Arc<str>,
}

impl TablesError {
    pub(crate) fn new(reason: impl Display) -> Self {
        Self {
            reason: reason.to_string().into(),
        }
    }
}

/// An ordered map that can be read.
pub(crate) trait Rows<K, R> {
    fn get(&self, key: &K) -> Result<Option<R>, TablesError>;

    /// The first row between two bounds.
    fn next(&self, after: Bound<&K>, end: Bound<&K>) -> Result<Option<(K, R)>, TablesError>;

    /// The last row between two bounds.
    fn previous(&self, start: Bound<&K>, before: Bound<&K>) -> Result<Option<(K, R)>, TablesError>;
}

/// An ordered map that can be changed. Changes never fail: what a change needs was read before.
pub(crate) trait Tables<K, R>: Rows<K, R> {
    fn put(&mut self, key: K, row: R);

    fn delete(&mut self, key: K);
}

impl<K, R, T: Rows<K, R>> Rows<K, R> for &T {
    fn get(&self, key: &K) -> Result<Option<R>, TablesError> {
        (**self).get(key)
    }

    fn next(&self, after: Bound<&K>, end: Bound<&K>) -> Result<Option<(K, R)>, TablesError> {
        (**self).next(after, end)
    }

    fn previous(&self, start: Bound<&K>, before: Bound<&K>) -> Result<Option<(K, R)>, TablesError> {
        (**self).previous(start, before)
    }
}

/// Rows in memory. A clone is a snapshot and costs nothing.
#[derive(Clone)]
pub(crate) struct MemTables<K, R> {
    rows: OrdMap<K, R>,
}

impl<K, R> Default for MemTables<K, R> {
    fn default() -> Self {
        Self {
            rows: OrdMap::new(),
        }
    }
}

impl<K, R> fmt::Debug for MemTables<K, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rows = self.rows.len();
        f.debug_struct("MemTables").field("rows", &rows).finish()
    }
}

impl<K: Ord + Clone, R: Clone> Rows<K, R> for MemTables<K, R> {
    fn get(&self, key: &K) -> Result<Option<R>, TablesError> {
        Ok(self.rows.get(key).cloned())
    }

    fn next(&self, after: Bound<&K>, end: Bound<&K>) -> Result<Option<(K, R)>, TablesError> {
        let next = self.rows.range::<_, K>((after, Bound::Unbounded)).next();
        Ok(next
            .filter(|(key, _)| match end {
                Bound::Included(end) => *key <= end,
                Bound::Excluded(end) => *key < end,
                Bound::Unbounded => true,
            })
            .map(|(key, row)| (key.clone(), row.clone())))
    }

    fn previous(&self, start: Bound<&K>, before: Bound<&K>) -> Result<Option<(K, R)>, TablesError> {
        let previous = self
            .rows
            .range::<_, K>((Bound::Unbounded, before))
            .next_back();
        Ok(previous
            .filter(|(key, _)| match start {
                Bound::Included(start) => *key >= start,
                Bound::Excluded(start) => *key > start,
                Bound::Unbounded => true,
            })
            .map(|(key, row)| (key.clone(), row.clone())))
    }
}

impl<K: Ord + Clone, R: Clone> Tables<K, R> for MemTables<K, R> {
    fn put(&mut self, key: K, row: R) {
        self.rows.insert(key, row);
    }

    fn delete(&mut self, key: K) {
        self.rows.remove(&key);
    }
}

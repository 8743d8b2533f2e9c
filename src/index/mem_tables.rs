//! [`MemTables`]: rows in memory.

use std::fmt;
use std::ops::Bound;

use imbl::OrdMap;

use crate::index::{Rows, Tables, TablesError};

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

#[cfg(test)]
impl<K, R> MemTables<K, R> {
    pub(crate) fn len(&self) -> usize {
        self.rows.len()
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

    fn scan(
        &self,
        start: Bound<&K>,
        end: Bound<&K>,
        mut visit: impl FnMut(&K, &R) -> bool,
    ) -> Result<(), TablesError> {
        // Given both bounds, the map would refuse some that are merely empty.
        for (key, row) in self.rows.range::<_, K>((start, Bound::Unbounded)) {
            let is_inside = match end {
                Bound::Included(end) => key <= end,
                Bound::Excluded(end) => key < end,
                Bound::Unbounded => true,
            };
            if !is_inside || !visit(key, row) {
                break;
            }
        }
        Ok(())
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

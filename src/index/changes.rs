//! [`Changes`]: what a record changes, worked out before anything is changed.

use std::collections::BTreeMap;

use crate::index::row::SegmentUse;
use crate::index::{Key, Origin, Row, Rows, Tables, TablesError};

/// What a record changes.
#[derive(Debug)]
pub(super) struct Changes<H> {
    /// `None`: the row goes.
    rows: Vec<(Key, Option<Row<H>>)>,
    /// Records that nobody can look up any more.
    dead: Vec<Origin>,
    /// Records that were kept only for values that others are made of.
    bound: Option<Origin>,
}

impl<H> Default for Changes<H> {
    fn default() -> Self {
        Self {
            rows: Vec::new(),
            dead: Vec::new(),
            bound: None,
        }
    }
}

impl<H> Changes<H> {
    pub(super) fn put(&mut self, key: Key, row: Row<H>) {
        self.rows.push((key, Some(row)));
    }

    pub(super) fn set(&mut self, key: Key, row: Option<Row<H>>) {
        self.rows.push((key, row));
    }

    pub(super) fn died(&mut self, records: impl IntoIterator<Item = Origin>) {
        self.dead.extend(records);
    }

    /// The records that nobody can look up any more.
    pub(super) fn dead(&self) -> impl Iterator<Item = Origin> {
        self.dead.iter().copied()
    }

    /// Whether there is something to be removed in the background.
    pub(super) fn drops(&self) -> bool {
        let mut rows = self.rows.iter();
        rows.any(|row| match row {
            (Key::Dropped(_) | Key::Folding(_), Some(_)) => true,
            (_, Some(Row::History(row))) => row.reclaim.is_some(),
            _ => false,
        })
    }

    /// The record holds only values that others are made of.
    pub(super) fn is_bound(&mut self, record: Origin) {
        self.bound = Some(record);
    }

    /// The rows that change; `None`: it goes.
    pub(super) fn rows(&self) -> impl Iterator<Item = (&Key, Option<&Row<H>>)> {
        self.rows.iter().map(|(key, row)| (key, row.as_ref()))
    }

    /// How many rows change.
    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    /// The length of the records that died.
    pub(super) fn dead_bytes(&self) -> u64 {
        self.dead.iter().map(|record| record.bytes).sum()
    }

    /// Adds the dead bytes to their segments. The last thing that reads.
    pub(super) fn account(mut self, tables: &impl Rows<Key, Row<H>>) -> Result<Self, TablesError> {
        let mut by_segment: BTreeMap<u64, SegmentUse> = BTreeMap::new();
        let counts = |record: &&Origin| record.segment > 0 && record.bytes > 0;
        for record in self.dead.iter().filter(counts) {
            by_segment.entry(record.segment).or_default().dead += record.bytes;
        }
        for record in self.bound.iter().filter(counts) {
            by_segment.entry(record.segment).or_default().bound += record.bytes;
        }
        for (base, more) in by_segment {
            let key = Key::Segment(base);
            let mut used = match tables.get(&key)? {
                Some(Row::Segment(used)) => used,
                _ => SegmentUse::default(),
            };
            used.dead = used.dead.saturating_add(more.dead);
            used.bound = used.bound.saturating_add(more.bound);
            self.put(key, Row::Segment(used));
        }
        Ok(self)
    }

    pub(super) fn make(self, tables: &mut impl Tables<Key, Row<H>>) {
        for (key, row) in self.rows {
            match row {
                Some(row) => tables.put(key, row),
                None => tables.delete(key),
            }
        }
    }
}

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
}

impl<H> Default for Changes<H> {
    fn default() -> Self {
        Self {
            rows: Vec::new(),
            dead: Vec::new(),
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
    pub(super) fn into_dead(self) -> Vec<Origin> {
        self.dead
    }

    /// How many rows change.
    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    /// Adds the dead bytes to their segments. The last thing that reads.
    pub(super) fn account(mut self, tables: &impl Rows<Key, Row<H>>) -> Result<Self, TablesError> {
        let mut by_segment = BTreeMap::new();
        for record in &self.dead {
            if record.segment > 0 && record.bytes > 0 {
                *by_segment.entry(record.segment).or_insert(0_u64) += record.bytes;
            }
        }
        for (base, died) in by_segment {
            let key = Key::Segment(base);
            let mut used = match tables.get(&key)? {
                Some(Row::Segment(used)) => used,
                _ => SegmentUse::default(),
            };
            used.dead = used.dead.saturating_add(died);
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

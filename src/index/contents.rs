//! Where large values are, by the hashes of their contents.
//!
//! These rows are hints: nothing else depends on them, a row may be about a value that is gone or another one with the same hash,
//! and a value need not have one. So whoever deletes a value does not look for its row; compaction removes it with the value.

use std::ops::Bound;

use crate::index::row::wrong;
use crate::index::{Key, Row, Rows, Snapshot, TablesError};

/// The hash of a value's bytes.
pub(crate) type ContentHash = [u8; 16];

impl<H: Clone, T: Rows<Key, Row<H>>> Snapshot<H, T> {
    /// Where a value with this hash may be.
    pub(crate) fn content(&self, hash: ContentHash) -> Result<Option<H>, TablesError> {
        match self.tables().get(&Key::Content(hash))? {
            Some(Row::Content(handle)) => Ok(Some(handle)),
            Some(_) => Err(wrong()),
            None => Ok(None),
        }
    }

    /// The hashes of the values of which `is_one` says so.
    pub(crate) fn contents(
        &self,
        is_one: impl Fn(&H) -> bool,
    ) -> Result<Vec<ContentHash>, TablesError> {
        let mut hashes = Vec::new();
        let mut from = Bound::Included(Key::Content([0; 16]));
        let end = Bound::Included(&Key::Content([u8::MAX; 16]));
        while let Some((key, row)) = self.tables().next(from.as_ref(), end)? {
            let (Key::Content(hash), Row::Content(handle)) = (&key, &row) else {
                return Err(wrong());
            };
            if is_one(handle) {
                hashes.push(*hash);
            }
            from = Bound::Excluded(key);
        }
        Ok(hashes)
    }
}

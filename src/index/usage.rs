//! What an index says about sizes.

use std::ops::Bound;

use crate::index::{Key, Row, Rows, Snapshot, TablesError};

/// How much there is.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    pub(crate) threads: u64,
    pub(crate) checkpoints: u64,
    pub(crate) items: u64,
}

impl<H: Clone, T: Rows<Key, Row<H>>> Snapshot<H, T> {
    /// How much there is. Goes through all threads and items.
    pub(crate) fn counts(&self) -> Result<Counts, TablesError> {
        let mut counts = Counts::default();
        let mut next = self.next_thread(None)?;
        while let Some(thread) = next {
            if thread.life.checkpoints > 0 {
                counts.threads += 1;
                counts.checkpoints += thread.life.checkpoints;
            }
            next = self.next_thread(Some(&thread.name))?;
        }
        let mut from = Bound::Included(Key::Item([].into(), "".into()));
        while let Some((key, _)) =
            (self.tables()).next(from.as_ref(), Bound::Excluded(&Key::behind_items()))?
        {
            counts.items += 1;
            from = Bound::Excluded(key);
        }
        Ok(counts)
    }
}

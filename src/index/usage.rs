//! What an index says about sizes.

use std::ops::Bound;
use std::sync::Arc;

use crate::index::{Key, Row, Rows, Snapshot, TablesError, item_marks};

/// How much there is.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    pub(crate) threads: u64,
    pub(crate) checkpoints: u64,
    pub(crate) items: u64,
    pub(crate) store: StoreCounts,
}

/// What the store has.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct StoreCounts {
    pub(crate) namespaces: u64,
    /// Of the records of items.
    pub(crate) bytes: u64,
    /// Rows by which items are found by a field.
    pub(crate) fields: u64,
    /// Items that expire some day.
    pub(crate) expiring: u64,
    /// What items were.
    pub(crate) past: u64,
    /// Of the records of those.
    pub(crate) past_bytes: u64,
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
        let mut last: Option<Arc<[String]>> = None;
        let store = &mut counts.store;
        let items = &mut counts.items;
        self.tables().scan(
            Bound::Included(&Key::Item([].into(), "".into())),
            Bound::Excluded(&Key::behind_items()),
            |_, row| {
                let Row::Item(item) = row else {
                    return false;
                };
                if last.as_ref() != Some(&item.namespace) {
                    store.namespaces += 1;
                    last = Some(Arc::clone(&item.namespace));
                }
                *items += 1;
                store.bytes += item.origin.bytes;
                store.fields += item_marks::count(&item.fields);
                store.expiring += u64::from(item.life.is_some());
                true
            },
        )?;
        for past in self.past_items()? {
            store.past += 1;
            store.past_bytes += past.item.origin.bytes;
        }
        Ok(counts)
    }
}

//! [`Written`]: the checks of the pages that were written since a file was opened.

use std::collections::HashMap;

use parking_lot::RwLock;

/// The checks of the pages that were written since a file was opened, 16 bytes or so for each.
///
/// A page that a write never came to is as it was written, but not as it was written last, and its own check cannot tell.
#[derive(Debug, Default)]
pub(super) struct Written {
    checks: RwLock<HashMap<u64, [u8; 4]>>,
}

impl Written {
    /// Nothing is known of pages that are about to be written, until they are.
    pub(super) fn forget(&self, pages: impl Iterator<Item = u64>) {
        let mut checks = self.checks.write();
        pages.for_each(|page| {
            checks.remove(&page);
        });
    }

    /// The file has no pages from `end` on.
    pub(super) fn truncate(&self, end: u64) {
        self.checks.write().retain(|page, _| *page < end);
    }

    pub(super) fn note(&self, pages: impl Iterator<Item = (u64, [u8; 4])>) {
        self.checks.write().extend(pages);
    }

    /// Whether a page with this check may be the one that was written last.
    pub(super) fn allows(&self, page: u64, check: [u8; 4]) -> bool {
        let checks = self.checks.read();
        checks.get(&page).is_none_or(|last| *last == check)
    }
}

//! [`Node`]: a file: what is on the medium, what the page cache shows, and what is on its way.

use std::ops::Range;
use std::sync::Arc;

use super::content::Content;

/// A change of a file that may not have reached the medium yet.
#[derive(Clone, Debug)]
pub(super) enum Change {
    Write { offset: u64, bytes: Arc<[u8]> },
    Resize(u64),
}

/// A file, whatever its names are.
#[derive(Clone, Debug, Default)]
pub(super) struct Node {
    /// What a power cut leaves for certain.
    pub(super) medium: Content,
    /// What is read.
    pub(super) cache: Content,
    /// What was changed since the last sync, in order.
    pub(super) pending: Vec<Change>,
}

impl Change {
    pub(super) fn apply(&self, content: &mut Content) {
        match self {
            Self::Write { offset, bytes } => content.write(*offset, bytes),
            Self::Resize(len) => content.resize(*len),
        }
    }

    /// The bytes that it writes.
    pub(super) fn range(&self) -> Range<u64> {
        match self {
            Self::Write { offset, bytes } => *offset..offset.saturating_add(bytes.len() as u64),
            Self::Resize(len) => *len..*len,
        }
    }
}

impl Node {
    /// Changes what is read, and the medium when it is synced.
    pub(super) fn change(&mut self, change: Change) {
        change.apply(&mut self.cache);
        self.pending.push(change);
    }

    /// Everything reaches the medium.
    pub(super) fn sync(&mut self) {
        for change in self.pending.drain(..) {
            change.apply(&mut self.medium);
        }
    }
}

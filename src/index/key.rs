//! [`Key`]: what a row of the index is about.

mod bytes;
mod rank;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use crate::index::ContentHash;
use crate::item_fields::ScalarKey;

/// A set of checkpoints, writes and tags that belong together: those that a thread has put between two copies.
/// It is made of the LSN of the record that began it.
pub(crate) type Branch = u64;

/// What a row is about. Keys are ordered by kind, then by their parts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Key {
    /// A thread, by name.
    Thread(Arc<str>),
    /// A branch that others have inherited.
    Frozen(Branch),
    /// A branch that nobody needs; its rows are to be removed.
    Dropped(Branch),
    /// A frozen branch that fewer need than before; those of its rows that nobody sees are to be removed.
    Folding(Branch),
    /// A frozen branch, and one that has inherited it.
    Heir(Branch, Branch),
    /// Namespace and id.
    Checkpoint(Branch, Arc<str>, Arc<str>),
    /// Namespace, checkpoint id and task.
    Writes(Branch, Arc<str>, Arc<str>, Arc<str>),
    /// Namespace and tag.
    Tag(Branch, Arc<str>, Arc<str>),
    /// Namespace and key.
    Item(Arc<[String]>, Arc<str>),
    /// A field of an item: its namespace, the field's path and value, and its key.
    Field(Arc<[String]>, Arc<str>, ScalarKey, Arc<str>),
    /// An item of which not all fields are here: its namespace, which are, and its key.
    Partial(Arc<[String]>, Arc<[u8]>, Arc<str>),
    /// When an item expires, in microseconds since the Unix epoch, its namespace and its key.
    Expiry(u64, Arc<[String]>, Arc<str>),
    /// A segment of the log, by its base.
    Segment(u64),
    /// Records that were not taken, by the LSN of the first.
    Refused(u64),
    /// A large value, by the hash of its bytes.
    Content(ContentHash),
    /// What an item was: its namespace, its key, and the LSN of the record that it was put with.
    Past(Arc<[String]>, Arc<str>, u64),
    /// A namespace of whose items it is said how long it is kept what they were.
    History(Arc<[String]>),
    /// An item by its namespace, how long before the end of time it was put, in microseconds, and its key.
    Recent(Arc<[String]>, u64, Arc<str>),
    /// A word, and the namespace of items that have it, the numbers of which are not less than this one.
    Posting(Arc<str>, Arc<[String]>, u64),
    /// The words of an item, by its number.
    ItemWords(u64),
    /// How many words a namespace has.
    WordCount(Arc<[String]>),
    /// How many items a namespace has.
    ItemsHere(Arc<[String]>),
}

impl Key {
    /// The least of the keys that are greater than those of items.
    pub(crate) fn behind_items() -> Self {
        Self::Field(
            Arc::default(),
            Arc::default(),
            ScalarKey([].into()),
            Arc::default(),
        )
    }

    /// The same key in another branch, if it is in one.
    pub(crate) fn in_branch(&self, branch: Branch) -> Self {
        let mut key = self.clone();
        match &mut key {
            Self::Checkpoint(of, ..) | Self::Writes(of, ..) | Self::Tag(of, ..) => *of = branch,
            Self::Thread(_)
            | Self::Frozen(_)
            | Self::Dropped(_)
            | Self::Folding(_)
            | Self::Heir(..)
            | Self::Item(..)
            | Self::Field(..)
            | Self::Partial(..)
            | Self::Expiry(..)
            | Self::Segment(_)
            | Self::Refused(_)
            | Self::Content(_)
            | Self::Past(..)
            | Self::History(_)
            | Self::Recent(..)
            | Self::Posting(..)
            | Self::ItemWords(_)
            | Self::WordCount(_)
            | Self::ItemsHere(_) => {}
        }
        key
    }

    /// The branch that it is in, if it is in one.
    pub(crate) fn branch(&self) -> Option<Branch> {
        match self {
            Self::Checkpoint(of, ..) | Self::Writes(of, ..) | Self::Tag(of, ..) => Some(*of),
            _ => None,
        }
    }

    /// The length of its texts.
    pub(crate) fn text_len(&self) -> usize {
        match self {
            Self::Thread(name) => name.len(),
            Self::Frozen(_)
            | Self::Dropped(_)
            | Self::Folding(_)
            | Self::Heir(..)
            | Self::Segment(_)
            | Self::Refused(_)
            | Self::Content(_)
            | Self::ItemWords(_)
            | Self::WordCount(_)
            | Self::ItemsHere(_) => 0,
            Self::Checkpoint(_, namespace, name) | Self::Tag(_, namespace, name) => {
                namespace.len() + name.len()
            }
            Self::Writes(_, namespace, id, task) => namespace.len() + id.len() + task.len(),
            Self::Item(namespace, key)
            | Self::Expiry(_, namespace, key)
            | Self::Past(namespace, key, _) => {
                let labels = namespace
                    .iter()
                    .map(|label| size_of::<String>() + label.len());
                labels.sum::<usize>() + key.len()
            }
            // Namespace and path are shared with others.
            Self::Posting(word, ..) => word.len(),
            Self::Field(_, _, scalar, key) => scalar.0.len() + key.len(),
            Self::Partial(_, coverage, key) => coverage.len() + key.len(),
            Self::Recent(_, _, key) => key.len(),
            Self::History(namespace) => namespace.iter().map(String::len).sum(),
        }
    }
}

//! [`TransferReport`]: what a transfer came to; and why it stopped.

use crate::checkpoint::CheckpointError;
use crate::store::StoreError;

/// So many differences, and items that are newer, are named.
pub(super) const MOST: usize = 100;

/// What was moved, or would be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct TransferReport {
    /// How many threads were looked at.
    pub threads: u64,
    /// How many checkpoints were put.
    pub checkpoints: u64,
    /// How many checkpoints were there already.
    pub present: u64,
    /// How many pending writes were put.
    pub writes: u64,
    /// How many items were put.
    pub items: u64,
    /// How many items were there already, as they are.
    pub present_items: u64,
    /// How many of the items that were put had vectors. Vectors are not moved: where the target has an embedder it has made new ones.
    pub vectors: u64,
    /// Threads of which the target has checkpoints that the source has not. They were left alone.
    pub conflicts: Vec<String>,
    /// How many items the target has otherwise, put later than in the source. They were left alone.
    pub newer_items: u64,
    /// Which, in words; the first 100.
    pub conflict_items: Vec<String>,
    /// What could not be read and was not moved for it, if it was to be passed over.
    pub passed_over: Vec<PassedOver>,
    /// How many checkpoints and items were compared.
    pub compared: u64,
    /// What was found to differ, in words; at most 100.
    pub differences: Vec<String>,
}

/// Something that was not moved, as it cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PassedOver {
    /// A checkpoint, with what tasks have written on it.
    Checkpoint {
        /// The thread.
        thread: String,
        /// The namespace.
        namespace: String,
        /// Its id.
        id: String,
        /// What is wrong with it.
        reason: String,
    },
    /// An item.
    Item {
        /// Where it is kept, label by label.
        namespace: Vec<String>,
        /// Its name within the namespace.
        key: String,
        /// What is wrong with it.
        reason: String,
    },
}

/// Why a transfer stopped. What was moved before stays.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TransferError {
    /// A checkpoint could not be read or saved.
    #[error("thread `{thread}`: {source}")]
    Checkpoint {
        /// The thread.
        thread: String,
        /// Why not.
        source: CheckpointError,
    },
    /// A checkpoint cannot be read. [`Transfer::skip_unreadable`](crate::transfer::Transfer::skip_unreadable) passes over it.
    #[error("checkpoint `{id}` of thread `{thread}`, namespace `{namespace}`: {source}")]
    Unreadable {
        /// The thread.
        thread: String,
        /// The namespace.
        namespace: String,
        /// Its id.
        id: String,
        /// What is wrong with it.
        source: Box<CheckpointError>,
    },
    /// An item cannot be read or held. [`Transfer::skip_unreadable`](crate::transfer::Transfer::skip_unreadable) passes over it.
    #[error("{name}: {reason}")]
    Item {
        /// Which, in words.
        name: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The threads could not be listed.
    #[error(transparent)]
    Listing(CheckpointError),
    /// An item could not be read or saved.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A thread was named that the source does not have.
    #[error("there is no thread `{0}` to move")]
    NoSuchThread(String),
}

impl TransferError {
    pub(super) fn of(thread: &str) -> impl Fn(CheckpointError) -> Self {
        move |source| Self::Checkpoint {
            thread: thread.to_owned(),
            source,
        }
    }
}

impl TransferReport {
    /// Whether all was moved and nothing differs.
    pub fn is_complete(&self) -> bool {
        self.conflicts.is_empty()
            && self.newer_items == 0
            && self.passed_over.is_empty()
            && self.differences.is_empty()
    }

    pub(super) fn differs(&mut self, what: String) {
        if self.differences.len() < MOST {
            self.differences.push(what);
        }
    }

    /// Whether a checkpoint was passed over.
    pub(super) fn has_passed_over(&self, of: &str, (key, within): &(String, String)) -> bool {
        self.passed_over.iter().any(|passed| match passed {
            PassedOver::Checkpoint {
                thread,
                namespace,
                id,
                ..
            } => thread == of && id == key && namespace == within,
            PassedOver::Item { .. } => false,
        })
    }
}

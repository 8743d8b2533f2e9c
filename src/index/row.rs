//! [`Row`]: what the index knows of one thing.

use std::sync::Arc;

use crate::index::item_history::{HistoryRow, PastItem};
use crate::index::key::Branch;
use crate::index::{Entry, ItemEntry, ItemsHere, Key, TablesError, WordCount};
use crate::retention_policy::RetentionPolicy;

/// What the index knows of one thing. Rows of branches may be `None`: what an older branch has is gone in this one. What is rare and long is boxed:
/// the rows in memory lie beside their keys.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Row<H> {
    Thread(Arc<ThreadRow>),
    Frozen(Box<FrozenRow>),
    Dropped(Box<DroppedRow>),
    /// The key to go on from.
    Folding(Option<Box<Key>>),
    /// Whether it may have rows in the place of ones that it has inherited.
    Heir(bool),
    Checkpoint(Option<Arc<Entry<H>>>),
    Writes(Option<Arc<TaskWrites<H>>>),
    /// The id of the checkpoint.
    Tag(Option<Arc<str>>),
    Item(Arc<ItemEntry<H>>),
    Past(Arc<PastItem<H>>),
    History(Box<HistoryRow>),
    /// The key says it all.
    Mark,
    Segment(SegmentUse),
    /// The LSN behind the last of them.
    Refused(u64),
    Content(H),
    /// As [bytes](crate::index::postings).
    Postings(Arc<[u8]>),
    /// As [bytes](crate::index::item_words).
    ItemWords(Arc<[u8]>),
    WordCount(WordCount),
    ItemsHere(ItemsHere),
}

/// What a segment's records are good for, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct SegmentUse {
    /// Of records that nobody can look up any more.
    pub(crate) dead: u64,
    /// Of such records that were there all the same after the last compaction: others are made of their values.
    pub(crate) bound: u64,
}

/// A thread that has, or had, something.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct ThreadRow {
    /// The cutoff of the last deletion.
    pub(crate) cutoff: Option<Arc<str>>,
    /// `None`: nothing was put since.
    pub(crate) life: Option<Life>,
}

/// What a thread is since its first record or its last deletion.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Life {
    pub(crate) branch: Branch,
    /// The branch that this one has inherited.
    pub(crate) ancestor: Option<Branch>,
    /// Whether anything was put into the branch.
    pub(crate) own: bool,
    /// Microseconds since the Unix epoch; of the first checkpoint that was put.
    pub(crate) created_at: u64,
    /// Microseconds since the Unix epoch; of the newest checkpoint that was put.
    pub(crate) updated_at: u64,
    pub(crate) checkpoints: u64,
    /// Of the records from `begun` on that it has and that are not removed.
    pub(crate) bytes: u64,
    /// The LSN of its first record; what is older it has from another thread.
    pub(crate) begun: u64,
    /// The LSN of the last record that changed the thread.
    pub(crate) lsn: u64,
    /// The greatest version 6 id of all checkpoints that were put.
    pub(crate) greatest: Option<Arc<str>>,
    /// The greatest id of all checkpoints that were pruned.
    pub(crate) pruned: Option<Arc<str>>,
    /// When the newest of the checkpoints was made that writes were put to, in microseconds since the Unix epoch; the greatest
    /// number if that is not known of one of them.
    pub(crate) written_to: u64,
    /// How much of it is kept, if it was said.
    pub(crate) policy: Option<RetentionPolicy>,
}

impl Life {
    pub(super) fn new(branch: Branch) -> Self {
        Self {
            branch,
            ancestor: None,
            own: false,
            created_at: 0,
            updated_at: 0,
            checkpoints: 0,
            bytes: 0,
            begun: 0,
            lsn: 0,
            greatest: None,
            pruned: None,
            written_to: 0,
            policy: None,
        }
    }
}

/// A branch that others have inherited. Nothing is put into it any more.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct FrozenRow {
    pub(crate) ancestor: Option<Branch>,
    /// How many branches have inherited it, or were merged from it.
    pub(crate) heirs: u64,
    /// How often what it has was merged.
    pub(crate) rank: u8,
    /// The newest of the branches whose rows it has, if it was merged. They stay as long as it does: whose bytes are whose
    /// is told by them.
    pub(crate) merged_from: Option<Branch>,
}

/// A branch that nobody needs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct DroppedRow {
    /// The branch that goes with it, if nobody else needs it.
    pub(crate) needs: Option<Branch>,
    /// Whether its rows are those of others, too.
    pub(crate) is_merged: bool,
}

impl<H> From<FrozenRow> for Row<H> {
    fn from(row: FrozenRow) -> Self {
        Self::Frozen(Box::new(row))
    }
}

impl<H> From<DroppedRow> for Row<H> {
    fn from(row: DroppedRow) -> Self {
        Self::Dropped(Box::new(row))
    }
}

impl<H> From<HistoryRow> for Row<H> {
    fn from(row: HistoryRow) -> Self {
        Self::History(Box::new(row))
    }
}

impl FrozenRow {
    /// What becomes of it when nobody needs it any more.
    pub(super) fn dropped(self) -> DroppedRow {
        DroppedRow {
            needs: self.merged_from.or(self.ancestor),
            is_merged: self.merged_from.is_some(),
        }
    }
}

/// The record that something came with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Origin {
    pub(crate) lsn: u64,
    /// The base of the segment that the record is in; 0 if there are no segments.
    pub(crate) segment: u64,
    /// How much of the segment goes when the record does.
    pub(crate) bytes: u64,
}

/// What a task has written to a checkpoint, sorted by index.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct TaskWrites<H> {
    pub(crate) writes: Box<[Write<H>]>,
}

/// A pending write.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Write<H> {
    pub(crate) index: i32,
    pub(crate) task_path: Arc<str>,
    pub(crate) channel: Arc<str>,
    pub(crate) value: H,
    pub(crate) origin: Origin,
}

impl<H> Row<H> {
    /// Whether it only hides what an older branch has.
    pub(super) fn hides(&self) -> bool {
        matches!(
            self,
            Self::Checkpoint(None) | Self::Writes(None) | Self::Tag(None)
        )
    }

    /// What hides it, if it is a row of a branch.
    pub(super) fn hiding(&self) -> Option<Self> {
        match self {
            Self::Checkpoint(_) => Some(Self::Checkpoint(None)),
            Self::Writes(_) => Some(Self::Writes(None)),
            Self::Tag(_) => Some(Self::Tag(None)),
            _ => None,
        }
    }

    /// About how many bytes it takes beside itself, handles not followed.
    pub(crate) fn heap_len(&self) -> usize {
        match self {
            Self::Thread(_) => size_of::<ThreadRow>() + 64,
            Self::Checkpoint(Some(entry)) => entry.heap_len(),
            Self::Writes(Some(writes)) => writes.heap_len(),
            Self::Item(item) => size_of::<ItemEntry<H>>() + item.fields.len(),
            Self::ItemWords(bytes) | Self::Postings(bytes) => bytes.len(),
            Self::Past(_) => size_of::<PastItem<H>>() + size_of::<ItemEntry<H>>(),
            Self::Frozen(_) => size_of::<FrozenRow>(),
            Self::Dropped(_) => size_of::<DroppedRow>(),
            Self::History(_) => size_of::<HistoryRow>(),
            Self::Folding(Some(key)) => size_of::<Key>() + key.text_len(),
            _ => 0,
        }
    }

    /// The records that it came with.
    pub(super) fn origins(&self) -> Vec<Origin> {
        match self {
            Self::Checkpoint(Some(entry)) => vec![entry.origin],
            Self::Writes(Some(writes)) => writes.origins(),
            Self::Item(item) => item.origins().collect(),
            Self::Past(past) => past.item.origins().collect(),
            _ => Vec::new(),
        }
    }

    pub(super) fn thread(self) -> Result<Arc<ThreadRow>, TablesError> {
        match self {
            Self::Thread(row) => Ok(row),
            _ => Err(wrong()),
        }
    }

    pub(super) fn frozen(self) -> Result<FrozenRow, TablesError> {
        match self {
            Self::Frozen(row) => Ok(*row),
            _ => Err(wrong()),
        }
    }

    pub(super) fn checkpoint(self) -> Result<Option<Arc<Entry<H>>>, TablesError> {
        match self {
            Self::Checkpoint(row) => Ok(row),
            _ => Err(wrong()),
        }
    }

    pub(super) fn writes(self) -> Result<Option<Arc<TaskWrites<H>>>, TablesError> {
        match self {
            Self::Writes(row) => Ok(row),
            _ => Err(wrong()),
        }
    }

    pub(super) fn tag(self) -> Result<Option<Arc<str>>, TablesError> {
        match self {
            Self::Tag(row) => Ok(row),
            _ => Err(wrong()),
        }
    }

    pub(super) fn past(self) -> Result<Arc<PastItem<H>>, TablesError> {
        match self {
            Self::Past(row) => Ok(row),
            _ => Err(wrong()),
        }
    }

    pub(super) fn history(self) -> Result<HistoryRow, TablesError> {
        match self {
            Self::History(row) => Ok(*row),
            _ => Err(wrong()),
        }
    }

    pub(super) fn item(self) -> Result<Arc<ItemEntry<H>>, TablesError> {
        match self {
            Self::Item(row) => Ok(row),
            _ => Err(wrong()),
        }
    }
}

impl<H> TaskWrites<H> {
    /// About how many bytes they take, handles not followed.
    pub(super) fn heap_len(&self) -> usize {
        let paths = self.writes.iter().map(|write| write.task_path.len());
        size_of_val(&*self.writes) + paths.sum::<usize>()
    }

    /// The records that the writes came with, each once.
    pub(super) fn origins(&self) -> Vec<Origin> {
        let mut origins: Vec<_> = self.writes.iter().map(|write| write.origin).collect();
        origins.sort_unstable_by_key(|origin| origin.lsn);
        origins.dedup();
        origins
    }
}

/// A row is not what its key says: its map is damaged.
pub(super) fn wrong() -> TablesError {
    TablesError::Contradictory("a row is of another kind than its key")
}

//! [`Record`]: one thing that happened, as the log keeps it and the index learns it.

use std::collections::BTreeMap;

use crate::codec::checkpoint_put::CheckpointPut;
use crate::codec::item_put::{ItemPut, fields_of, words_of};
use crate::codec::value::{AsBlob, Numbered, Value};
use crate::retention_policy::RetentionPolicy;

/// One thing that happened. `V` stands for the user's values: the values themselves, or handles by
/// which they are found again.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Record<V> {
    CheckpointPut(CheckpointPut<V>),
    WritesPut(WritesPut<V>),
    ItemPut(ItemPut<V>),
    ItemDeleted(ItemDeleted),
    ItemTouched(ItemTouched),
    ItemExpired(ItemExpired),
    ItemHistorySet(ItemHistorySet),
    ThreadDeleted(ThreadDeleted),
    ThreadCopied(ThreadCopied),
    CheckpointsPruned(CheckpointsPruned),
    TagSet(TagSet),
    TagRemoved(TagRemoved),
    Remnant(Remnant<V>),
    ThreadPolicySet(ThreadPolicySet),
}

/// Writes of a task were put.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct WritesPut<V> {
    pub(crate) thread: String,
    pub(crate) namespace: String,
    pub(crate) checkpoint_id: String,
    pub(crate) task_id: String,
    pub(crate) task_path: String,
    pub(crate) writes: Vec<TaskWrite<V>>,
}

/// One write of a task. A negative index replaces an earlier write, another one yields to it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct TaskWrite<V> {
    pub(crate) index: i32,
    pub(crate) channel: String,
    pub(crate) value: V,
}

/// An item was read, and lives as long again from then on.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ItemTouched {
    pub(crate) namespace: Vec<String>,
    pub(crate) key: String,
    /// The LSN of the record that it was put with. It may have been put again.
    pub(crate) put: u64,
    /// Microseconds since the Unix epoch.
    pub(crate) at: u64,
}

/// An item that had expired was removed.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ItemExpired {
    pub(crate) namespace: Vec<String>,
    pub(crate) key: String,
    /// The LSN of the record that it was put with. It may have been put again.
    pub(crate) put: u64,
}

/// An item was deleted.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ItemDeleted {
    pub(crate) namespace: Vec<String>,
    pub(crate) key: String,
    /// Microseconds since the Unix epoch, if it was noted.
    pub(crate) at: Option<u64>,
}

/// From when on it is kept what items at or below a namespace were.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ItemHistorySet {
    pub(crate) namespace: Vec<String>,
    /// Microseconds since the Unix epoch.
    pub(crate) at: u64,
    /// What was replaced or removed up to this LSN is not kept; `None`: nothing is.
    pub(crate) since: Option<u64>,
}

/// A thread was deleted.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ThreadDeleted {
    pub(crate) thread: String,
    /// A version 6 UUID made at the deletion: checkpoints with smaller ones are older.
    pub(crate) cutoff: String,
}

/// A thread was copied: its history is the target's as well from now on.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ThreadCopied {
    pub(crate) source: String,
    pub(crate) target: String,
}

/// Checkpoints of a thread were removed.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct CheckpointsPruned {
    pub(crate) thread: String,
    /// The LSN of the thread's last change when this was planned.
    pub(crate) as_of: u64,
    pub(crate) namespaces: BTreeMap<String, Removed>,
}

/// What goes of a namespace: the first and the last id of each range, or `None` for all of it.
pub(crate) type Removed = Option<Vec<(String, String)>>;

/// A name was given to a checkpoint.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct TagSet {
    pub(crate) thread: String,
    pub(crate) namespace: String,
    pub(crate) tag: String,
    pub(crate) checkpoint_id: String,
}

/// A name of a checkpoint was taken back.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct TagRemoved {
    pub(crate) thread: String,
    pub(crate) namespace: String,
    pub(crate) tag: String,
}

/// What is left of a record that a compaction dropped.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Remnant<V> {
    pub(crate) touched: Option<Touched>,
    /// The record's values, if others are made of them.
    pub(crate) values: Vec<V>,
}

impl<V> Default for Remnant<V> {
    fn default() -> Self {
        Self {
            touched: None,
            values: Vec::new(),
        }
    }
}

/// What is left of a thread's records: of this one and of later ones up to the next copy or deletion.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Touched {
    pub(crate) thread: String,
    /// Microseconds since the Unix epoch; of the first checkpoint among them, 0 if there is none.
    pub(crate) first: u64,
    /// The same of the newest.
    pub(crate) last: u64,
    /// The greatest version 6 id of the checkpoints.
    pub(crate) greatest: Option<String>,
    /// The greatest id of those that were pruned.
    pub(crate) pruned: Option<String>,
}

/// How much of a thread is kept was set.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ThreadPolicySet {
    pub(crate) thread: String,
    /// `None`: whatever holds for threads without one.
    pub(crate) policy: Option<RetentionPolicy>,
}

impl<V> Record<V> {
    /// The same record with each value replaced, in the order of the values in the encoded record.
    pub(crate) fn map<W>(self, mut with: impl FnMut(V) -> W) -> Record<W> {
        match self {
            Self::CheckpointPut(put) => Record::CheckpointPut(put.map(with)),
            Self::WritesPut(put) => Record::WritesPut(WritesPut {
                thread: put.thread,
                namespace: put.namespace,
                checkpoint_id: put.checkpoint_id,
                task_id: put.task_id,
                task_path: put.task_path,
                writes: (put.writes.into_iter())
                    .map(|write| TaskWrite {
                        index: write.index,
                        channel: write.channel,
                        value: with(write.value),
                    })
                    .collect(),
            }),
            Self::ItemPut(put) => Record::ItemPut(put.map(with)),
            Self::ItemDeleted(deleted) => Record::ItemDeleted(deleted),
            Self::ItemTouched(touched) => Record::ItemTouched(touched),
            Self::ItemExpired(expired) => Record::ItemExpired(expired),
            Self::ItemHistorySet(set) => Record::ItemHistorySet(set),
            Self::ThreadDeleted(deleted) => Record::ThreadDeleted(deleted),
            Self::ThreadCopied(copied) => Record::ThreadCopied(copied),
            Self::CheckpointsPruned(pruned) => Record::CheckpointsPruned(pruned),
            Self::TagSet(set) => Record::TagSet(set),
            Self::TagRemoved(removed) => Record::TagRemoved(removed),
            Self::Remnant(remnant) => Record::Remnant(Remnant {
                touched: remnant.touched,
                values: remnant.values.into_iter().map(with).collect(),
            }),
            Self::ThreadPolicySet(set) => Record::ThreadPolicySet(set),
        }
    }

    /// About how many bytes its values take.
    pub(crate) fn bytes(&self) -> u64
    where
        V: AsBlob,
    {
        let bytes = self.sum(|value| value.as_blob().bytes.len());
        u64::try_from(bytes).unwrap_or(u64::MAX)
    }

    /// The sum of what `size` says of each value.
    pub(super) fn sum(&self, size: impl Fn(&V) -> usize) -> usize {
        match self {
            Self::CheckpointPut(put) => {
                let changed = put
                    .changed
                    .iter()
                    .filter_map(|changed| changed.value.as_ref());
                changed.chain(put.unchanged.values()).map(size).sum()
            }
            Self::WritesPut(put) => put.writes.iter().map(|write| size(&write.value)).sum(),
            Self::ItemPut(put) => size(&put.value) + put.ranked.vectors.as_ref().map_or(0, size),
            Self::Remnant(remnant) => remnant.values.iter().map(size).sum(),
            _ => 0,
        }
    }

    /// The values, by their number within the record.
    pub(crate) fn into_values(self) -> Vec<V> {
        let mut values = Vec::new();
        let _ = self.map(|value| values.push(value));
        values
    }
}

impl<W: AsBlob, L> Record<Value<W, L>> {
    /// The record with each value replaced by its number within the record, and what else the index is told of it.
    pub(crate) fn numbered(mut self) -> Record<Numbered> {
        if let Self::ItemPut(put) = &mut self {
            put.fields = put.fields.take().or(match &put.value {
                Value::Whole(whole) => Some(fields_of(whole, &put.index)),
                // It would have to be read.
                Value::Delta(_) | Value::Alias(_) => None,
            });
            if put.ranked.words.is_none()
                && let Value::Whole(whole) = &put.value
            {
                put.ranked.words = Some(words_of(whole, &put.ranked.texts));
            }
        }
        let mut next = 0_u32;
        self.map(|value| {
            let number = next;
            next = next.saturating_add(1);
            value.numbered(number)
        })
    }
}

//! [`Record`]: one thing that happened, as the log keeps it and the index learns it.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::codec::value::{AsBlob, Numbered, Value};
use crate::compact::{KeptMetadata, KeptTime};
use crate::item_fields::ItemFields;
use crate::item_vectors::ItemVectors;
use crate::item_words::ItemWords;
use crate::retention_policy::RetentionPolicy;
use crate::store_options::IndexedFields;
use crate::text_fields::TextFields;
use crate::version::ChannelVersion;

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

/// A checkpoint was put.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct CheckpointPut<V> {
    pub(crate) thread: String,
    pub(crate) namespace: String,
    pub(crate) id: String,
    pub(crate) parent_id: Option<String>,
    pub(crate) ts: KeptTime,
    /// What else its writer knows of it: a JSON object.
    pub(crate) metadata: KeptMetadata,
    /// The checkpoints of the enclosing graphs, by namespace.
    pub(crate) ancestors: BTreeMap<String, String>,
    pub(crate) versions: Versions,
    /// The channels that changed since the parent.
    pub(crate) changed: Vec<Changed<V>>,
    pub(crate) updated: Option<Vec<String>>,
    /// Values of channels that did not change, for those that nothing else resolves.
    pub(crate) unchanged: BTreeMap<String, V>,
    /// Whether it needs nothing of its parent: all its channels are in `changed`.
    pub(crate) standalone: bool,
    /// The LSN behind the frame that it was first put with; `None`: this is that.
    pub(crate) moment: Option<u64>,
}

/// The versions of all channels, and by node those that it has seen.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Versions {
    Whole {
        channels: ChannelVersions,
        seen: BTreeMap<String, ChannelVersions>,
    },
    /// What differs from the parent.
    Changed(VersionChanges),
}

/// Versions by channel.
pub(crate) type ChannelVersions = BTreeMap<String, ChannelVersion>;

/// What makes the versions of a checkpoint out of its parent's.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct VersionChanges {
    /// The [check](crate::version::check) of what comes out.
    pub(crate) check: u32,
    /// Channels that have no version any more. All others of `changed` have the one that they changed to.
    pub(crate) removed: Vec<String>,
    /// What neither the parent nor `changed` says.
    pub(crate) channels: ChannelVersions,
    /// Nodes that have seen nothing any more.
    pub(crate) unseen: Vec<String>,
    /// All that these nodes have seen; `None`: the version that the parent has of the channel.
    pub(crate) seen: BTreeMap<String, BTreeMap<String, Option<ChannelVersion>>>,
}

/// A channel that changed.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Changed<V> {
    pub(crate) channel: String,
    pub(crate) version: ChannelVersion,
    /// `None`: the channel was cleared.
    pub(crate) value: Option<V>,
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

/// An item was put.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ItemPut<V> {
    pub(crate) namespace: Vec<String>,
    pub(crate) key: String,
    pub(crate) value: V,
    /// Microseconds since the Unix epoch.
    pub(crate) at: u64,
    /// Microseconds from then on until it expires.
    pub(crate) lifetime: Option<u64>,
    pub(crate) index: IndexedFields,
    /// Whether what is under the key has expired.
    pub(crate) is_new: bool,
    /// If it was moved here with its times.
    pub(crate) moved: Option<Moved>,
    /// What an index has of the value, if that was found out already. It is not written.
    pub(crate) fields: Option<ItemFields>,
    pub(crate) ranked: Ranked<V>,
}

/// Times of an item that was moved from elsewhere, in microseconds since the Unix epoch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Moved {
    pub(crate) created: u64,
    /// If it expires.
    pub(crate) expires: Option<u64>,
}

/// By what searches with a query rank an item.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Ranked<V> {
    /// Which of its texts count.
    pub(crate) texts: TextFields,
    /// Their vectors.
    pub(crate) vectors: Option<V>,
    /// Their words, if those were found out already. They are not written.
    pub(crate) words: Option<ItemWords>,
    /// The vectors themselves, if they are at hand. They are not written.
    pub(crate) at_hand: Option<Arc<ItemVectors>>,
}

impl<V> Default for Ranked<V> {
    fn default() -> Self {
        Self {
            texts: TextFields::NONE,
            vectors: None,
            words: None,
            at_hand: None,
        }
    }
}

impl<V> Ranked<V> {
    /// Whether no query ranks it.
    pub(crate) fn is_empty(&self) -> bool {
        self.texts.is_empty() && self.vectors.is_none()
    }
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
            Self::CheckpointPut(put) => Record::CheckpointPut(CheckpointPut {
                thread: put.thread,
                namespace: put.namespace,
                id: put.id,
                parent_id: put.parent_id,
                ts: put.ts,
                metadata: put.metadata,
                ancestors: put.ancestors,
                versions: put.versions,
                updated: put.updated,
                changed: (put.changed.into_iter())
                    .map(|changed| Changed {
                        channel: changed.channel,
                        version: changed.version,
                        value: changed.value.map(&mut with),
                    })
                    .collect(),
                unchanged: (put.unchanged.into_iter())
                    .map(|(channel, value)| (channel, with(value)))
                    .collect(),
                standalone: put.standalone,
                moment: put.moment,
            }),
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

/// The words by which an item's value is ranked.
pub(crate) fn words_of(value: &impl AsBlob, texts: &TextFields) -> ItemWords {
    let value = value.as_blob();
    match value.tag {
        "json" => ItemWords::of_json(texts, value.bytes),
        _ => ItemWords::default(),
    }
}

impl<V> ItemPut<V> {
    /// The same with its values replaced.
    pub(crate) fn map<W>(self, mut with: impl FnMut(V) -> W) -> ItemPut<W> {
        ItemPut {
            namespace: self.namespace,
            key: self.key,
            value: with(self.value),
            at: self.at,
            lifetime: self.lifetime,
            index: self.index,
            is_new: self.is_new,
            moved: self.moved,
            fields: self.fields,
            ranked: Ranked {
                texts: self.ranked.texts,
                vectors: self.ranked.vectors.map(with),
                words: self.ranked.words,
                at_hand: self.ranked.at_hand,
            },
        }
    }
}

/// What an index has of an item's value.
pub(crate) fn fields_of(value: &impl AsBlob, wanted: &IndexedFields) -> ItemFields {
    let value = value.as_blob();
    match value.tag {
        "json" => ItemFields::of_json(value.bytes, wanted),
        _ => ItemFields::unknown(),
    }
}

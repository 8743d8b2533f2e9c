//! [`diff`]: what differs between two checkpoints, in bounded detail.
//!
//! What it says is for people and tools to read, not for storing: it does not suffice to make one checkpoint from
//! the other. This module must never know what a graph is.

mod display;
mod json;
#[cfg(test)]
mod properties;
mod sample;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::Encoded;
use crate::checkpoint::{ChannelVersion, CheckpointTuple, PendingWrite};

#[cfg(feature = "testing")]
pub(crate) use json::compare;
pub use json::{JsonChange, JsonChangeKind, JsonDiff};
pub use sample::{Sample, Stored};

/// How many pending writes a [`WritesDiff`] lists.
const MAX_WRITES: usize = 64;

/// What differs between two checkpoints, as [`diff`] finds it.
///
/// Its [`Display`](std::fmt::Display) is for people. As JSON its fields keep their names.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct CheckpointDiff {
    /// The checkpoint that is compared.
    pub from: CheckpointAddress,
    /// The checkpoint that it is compared with.
    pub to: CheckpointAddress,
    /// The channels whose value or version differs.
    pub channels: BTreeMap<String, ChannelDiff>,
    /// The nodes that have seen other versions of their triggers: as a rule those that ran in between.
    pub ran: BTreeSet<String>,
    /// How the metadata differ, as objects.
    pub metadata: JsonDiff,
    /// The pending writes that only one has, or that differ.
    pub writes: WritesDiff,
}

/// Which checkpoint of which thread.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CheckpointAddress {
    /// The thread.
    pub thread: String,
    /// The graph within the thread: `""` for the root graph.
    pub namespace: String,
    /// The checkpoint's id.
    pub id: String,
}

/// How a channel differs.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "change", rename_all = "snake_case")]
#[non_exhaustive]
pub enum ChannelDiff {
    /// It had no value.
    Added {
        /// Its version now.
        version: Option<ChannelVersion>,
        /// What it holds.
        value: Stored,
    },
    /// It has no value any more.
    Removed {
        /// Its version before.
        version: Option<ChannelVersion>,
        /// What it held.
        value: Stored,
    },
    /// It has another value.
    Changed {
        /// Its version before.
        from: Option<ChannelVersion>,
        /// Its version now.
        to: Option<ChannelVersion>,
        /// How the value differs.
        how: ValueDiff,
    },
    /// It has the same value, or still none, under another version.
    Version {
        /// Its version before.
        from: Option<ChannelVersion>,
        /// Its version now.
        to: Option<ChannelVersion>,
    },
}

/// How two values differ.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum ValueDiff {
    /// Both are JSON. If there are no changes, only the spelling differs, such as spaces.
    Json(JsonDiff),
    /// At least one is not.
    Bytes {
        /// The value before.
        from: Stored,
        /// The value now.
        to: Stored,
        /// The first byte that differs, from 0; the length of the shorter value if the longer begins with it.
        first_difference: usize,
    },
}

/// How the pending writes of two checkpoints differ.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct WritesDiff {
    /// The first of those that differ, by task and index.
    pub changes: Vec<WriteDiff>,
    /// How many more there are.
    pub more: usize,
}

/// A pending write that only one checkpoint has, or that differs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct WriteDiff {
    /// The task that wrote.
    pub task_id: String,
    /// Where the task stands in its super-step.
    pub task_path: String,
    /// The write's place among its task's.
    pub index: i32,
    /// The channel written; of a write that differs, the channel now.
    pub channel: String,
    /// What the first checkpoint has.
    pub from: Option<Stored>,
    /// What the second checkpoint has.
    pub to: Option<Stored>,
}

/// What differs between the checkpoints `a` and `b`: how `b` came of `a`, if it follows it.
///
/// JSON values are compared down to a bounded depth, other values byte by byte; what is shown of them, and how
/// many changes are listed, is bounded too.
///
/// ```
/// # use stepwell::checkpoint::{Checkpointer, CheckpointError, MemorySaver, diff};
/// # async fn look(saver: MemorySaver, a: &str, b: &str) -> Result<(), CheckpointError> {
/// let a = saver.get("thread-1", "", Some(a)).await?;
/// let b = saver.get("thread-1", "", Some(b)).await?;
/// if let (Some(a), Some(b)) = (a, b) {
///     println!("{}", diff(&a, &b));
/// }
/// # Ok(()) }
/// ```
pub fn diff(a: &CheckpointTuple, b: &CheckpointTuple) -> CheckpointDiff {
    let object = |tuple: &CheckpointTuple| serde_json::to_value(&tuple.metadata);
    let metadata = match (object(a), object(b)) {
        (Ok(a), Ok(b)) => json::compare(&a, &b),
        // Metadata are made of strings, numbers and JSON.
        _ => JsonDiff::default(),
    };
    CheckpointDiff {
        from: address(a),
        to: address(b),
        channels: channels(a, b),
        ran: ran(a, b),
        metadata,
        writes: writes(&a.pending_writes, &b.pending_writes),
    }
}

impl CheckpointDiff {
    /// Whether nothing differs but where and when the checkpoints were made.
    pub fn is_empty(&self) -> bool {
        self.channels.is_empty()
            && self.ran.is_empty()
            && self.metadata.changes.is_empty()
            && self.writes.changes.is_empty()
    }
}

fn address(tuple: &CheckpointTuple) -> CheckpointAddress {
    CheckpointAddress {
        thread: tuple.thread.clone(),
        namespace: tuple.namespace.clone(),
        id: tuple.checkpoint.id.clone(),
    }
}

fn channels(a: &CheckpointTuple, b: &CheckpointTuple) -> BTreeMap<String, ChannelDiff> {
    let (a, b) = (&a.checkpoint, &b.checkpoint);
    let mut names: BTreeSet<&String> = a.channel_values.keys().collect();
    names.extend(b.channel_values.keys());
    names.extend(a.channel_versions.keys());
    names.extend(b.channel_versions.keys());
    let mut channels = BTreeMap::new();
    for name in names {
        let from = a.channel_versions.get(name).cloned();
        let to = b.channel_versions.get(name).cloned();
        let found = match (a.channel_values.get(name), b.channel_values.get(name)) {
            (None, Some(value)) => ChannelDiff::Added {
                version: to,
                value: Stored::of(value),
            },
            (Some(value), None) => ChannelDiff::Removed {
                version: from,
                value: Stored::of(value),
            },
            (Some(before), Some(now)) if before != now => ChannelDiff::Changed {
                from,
                to,
                how: value(before, now),
            },
            _ if from != to => ChannelDiff::Version { from, to },
            _ => continue,
        };
        channels.insert(name.clone(), found);
    }
    channels
}

fn value(a: &Encoded, b: &Encoded) -> ValueDiff {
    if let (Ok(a), Ok(b)) = (a.to_json(), b.to_json()) {
        return ValueDiff::Json(json::compare(&a, &b));
    }
    let same = |(a, b): &(&u8, &u8)| a == b;
    ValueDiff::Bytes {
        from: Stored::of(a),
        to: Stored::of(b),
        first_difference: a.bytes().iter().zip(b.bytes()).take_while(same).count(),
    }
}

fn ran(a: &CheckpointTuple, b: &CheckpointTuple) -> BTreeSet<String> {
    let (a, b) = (&a.checkpoint.versions_seen, &b.checkpoint.versions_seen);
    a.keys()
        .chain(b.keys())
        // What LangGraph keeps of breakpoints and inputs is of no node.
        .filter(|node| !node.starts_with("__") && a.get(*node) != b.get(*node))
        .cloned()
        .collect()
}

fn writes(a: &[PendingWrite], b: &[PendingWrite]) -> WritesDiff {
    type Key<'w> = (&'w str, &'w str, i32);
    type Pair<'w> = (Option<&'w PendingWrite>, Option<&'w PendingWrite>);
    fn key(write: &PendingWrite) -> Key<'_> {
        (&write.task_path, &write.task_id, write.index)
    }
    let mut pairs: BTreeMap<Key<'_>, Pair<'_>> = BTreeMap::new();
    for write in a {
        pairs.entry(key(write)).or_default().0 = Some(write);
    }
    for write in b {
        pairs.entry(key(write)).or_default().1 = Some(write);
    }
    let mut found = WritesDiff::default();
    for (from, to) in pairs.into_values().filter(|(from, to)| from != to) {
        let Some(write) = to.or(from) else { continue };
        if found.changes.len() == MAX_WRITES {
            found.more += 1;
            continue;
        }
        let stored = |write: &PendingWrite| Stored::of(&write.value);
        found.changes.push(WriteDiff {
            task_id: write.task_id.clone(),
            task_path: write.task_path.clone(),
            index: write.index,
            channel: write.channel.clone(),
            from: from.map(stored),
            to: to.map(stored),
        });
    }
    found
}

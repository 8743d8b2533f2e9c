//! What a checkpoint is made of.

use std::collections::BTreeMap;

use crate::Encoded;
use crate::checkpoint::Metadata;
use crate::index::made_at;
use crate::time;
use crate::version::ChannelVersion;
use crate::vfs::{Host, OsHost};

impl ChannelVersion {
    /// The version after `latest`, of the same form; 1 if there is none.
    pub fn next(latest: Option<&Self>) -> Self {
        match latest {
            None => Self::Int(1),
            Some(Self::Int(n)) => Self::Int(n.saturating_add(1)),
            Some(Self::Text(text)) => {
                let counter = text.split('.').next().unwrap_or(text);
                let next = counter.parse::<u64>().unwrap_or(0).saturating_add(1);
                let random = OsHost.unique().as_u128() % 10_u128.pow(16);
                Self::Text(format!("{next:032}.{random:016}"))
            }
        }
    }
}

/// The state of one graph at the end of a super-step.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checkpoint {
    /// Identity within its thread and namespace. Later checkpoints have greater ids, compared as
    /// text; the greatest is the thread's latest.
    pub id: String,
    /// When it was made: RFC 3339, UTC.
    pub ts: String,
    /// The channels that have a value.
    pub channel_values: BTreeMap<String, Encoded>,
    /// The version of every channel that was ever written. One that has a version and no value was
    /// cleared.
    pub channel_versions: BTreeMap<String, ChannelVersion>,
    /// By node: the versions of its trigger channels when it last ran.
    pub versions_seen: BTreeMap<String, BTreeMap<String, ChannelVersion>>,
    /// The channels that the last super-step changed, sorted; `None` if that is not known.
    pub updated_channels: Option<Vec<String>>,
}

impl Checkpoint {
    /// When it was made, in microseconds since the Unix epoch, as far as it or its id says so.
    pub(crate) fn made_at(&self) -> Option<u64> {
        time::parse_micros(&self.ts).or_else(|| made_at(&self.id))
    }
}

/// One write of a task that its super-step has not applied yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PendingWrite {
    /// The task that wrote.
    pub task_id: String,
    /// Where the task stands in its super-step; writes are applied in this order.
    pub task_path: String,
    /// The write's place among its task's writes; negative for special channels
    /// (see [`special_write_index`]).
    pub index: i32,
    /// The channel written.
    pub channel: String,
    /// The value written.
    pub value: Encoded,
}

/// A checkpoint with everything that is known about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckpointTuple {
    /// The thread that it belongs to.
    pub thread: String,
    /// The graph within the thread: `""` for the root graph.
    pub namespace: String,
    /// The checkpoint itself.
    pub checkpoint: Checkpoint,
    /// How it came about.
    pub metadata: Metadata,
    /// The id of the checkpoint that it followed, in the same thread and namespace.
    pub parent_id: Option<String>,
    /// What tasks of the next super-step have written, by task path, task id and index.
    pub pending_writes: Vec<PendingWrite>,
}

/// The reserved index of writes to a special channel, or `None` for an ordinary channel.
///
/// Special writes (an error, an interrupt, a resume value, what a run notes about itself) replace an
/// earlier one of the same task; of ordinary writes with the same index the first one stays. The numbers
/// are LangGraph's, but for the last, which LangGraph does not have.
pub fn special_write_index(channel: &str) -> Option<i32> {
    match channel {
        "__error__" => Some(-1),
        "__scheduled__" => Some(-2),
        "__interrupt__" => Some(-3),
        "__resume__" => Some(-4),
        "__run__" => Some(-5),
        _ => None,
    }
}

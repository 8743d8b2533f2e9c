//! What happens to an index: one [`Event`] per record of the log.

use std::collections::BTreeMap;

use crate::version::ChannelVersion;

/// One thing that happened, with its values replaced by handles.
#[derive(Debug)]
pub(crate) enum Event<H> {
    Checkpoint(NewCheckpoint<H>),
    Writes(NewWrites<H>),
    ThreadDeleted(OldThread),
    ItemPut(NewItem<H>),
    ItemDeleted(OldItem),
}

/// A checkpoint was put.
#[derive(Debug)]
pub(crate) struct NewCheckpoint<H> {
    pub(crate) thread: String,
    pub(crate) namespace: String,
    pub(crate) id: String,
    pub(crate) parent_id: Option<String>,
    pub(crate) ts: String,
    /// Everything else that is known about the checkpoint, as its writer encoded it.
    pub(crate) metadata: Box<[u8]>,
    /// The checkpoints of the enclosing graphs, by namespace.
    pub(crate) ancestors: BTreeMap<String, String>,
    pub(crate) versions: BTreeMap<String, ChannelVersion>,
    pub(crate) seen: BTreeMap<String, BTreeMap<String, ChannelVersion>>,
    pub(crate) updated: Option<Vec<String>>,
    /// The channels that changed since the parent.
    pub(crate) changed: Vec<Changed<H>>,
    /// Values of channels that did not change, for those that nothing else resolves.
    pub(crate) unchanged: BTreeMap<String, H>,
}

/// A channel that changed.
#[derive(Debug)]
pub(crate) struct Changed<H> {
    pub(crate) channel: String,
    pub(crate) version: ChannelVersion,
    /// `None`: the channel was cleared.
    pub(crate) value: Option<H>,
}

/// Writes of a task were put.
#[derive(Debug)]
pub(crate) struct NewWrites<H> {
    pub(crate) thread: String,
    pub(crate) namespace: String,
    pub(crate) checkpoint_id: String,
    pub(crate) task_id: String,
    pub(crate) task_path: String,
    pub(crate) writes: Vec<NewWrite<H>>,
}

/// One write of a task. A negative index replaces an earlier write, another one yields to it.
#[derive(Debug)]
pub(crate) struct NewWrite<H> {
    pub(crate) index: i32,
    pub(crate) channel: String,
    pub(crate) value: H,
}

/// A thread was deleted.
#[derive(Debug)]
pub(crate) struct OldThread {
    pub(crate) thread: String,
    /// A version 6 UUID made at the deletion: checkpoints with smaller ones are older.
    pub(crate) cutoff: String,
}

/// An item was put.
#[derive(Debug)]
pub(crate) struct NewItem<H> {
    pub(crate) namespace: Vec<String>,
    pub(crate) key: String,
    pub(crate) value: H,
    /// Microseconds since the Unix epoch.
    pub(crate) at: u64,
}

/// An item was deleted.
#[derive(Debug)]
pub(crate) struct OldItem {
    pub(crate) namespace: Vec<String>,
    pub(crate) key: String,
}

/// Why an event changed nothing: it belongs to a run that began before its thread was deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refused {
    pub(crate) thread: String,
    /// The checkpoint of the deleted thread that the event belongs to or follows.
    pub(crate) checkpoint: String,
}

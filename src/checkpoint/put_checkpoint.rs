//! [`PutCheckpoint`]: a checkpoint to be saved.

use std::collections::BTreeMap;

use crate::Encoded;
use crate::checkpoint::{ChannelVersion, Checkpoint, Metadata};

/// A checkpoint to be saved.
#[derive(Clone, Debug)]
pub struct PutCheckpoint {
    /// The thread.
    pub thread: String,
    /// The graph within the thread.
    pub namespace: String,
    /// The checkpoint that this one follows.
    pub parent_id: Option<String>,
    /// The checkpoint. Its `channel_values` need only hold the channels named in `new_versions`.
    pub checkpoint: Checkpoint,
    /// Lists that only grew since the parent, by channel: the elements that were added, in order. The channel's value is
    /// that which the parent has (a list under the tag `json` or `msgpack`) followed by these, which have its tag. Each is named in `new_versions`
    /// and has no value in `checkpoint`. A parent without such a list refuses the checkpoint. Empty unless the
    /// checkpointer [takes them](crate::checkpoint::Checkpointer::takes_appended).
    pub appended: BTreeMap<String, Vec<Encoded>>,
    /// How it came about.
    pub metadata: Metadata,
    /// The channels that changed since the parent, with their new versions. One that has no value in
    /// `checkpoint` and is not in `appended` was cleared. All others are inherited from the parent; where that does not
    /// resolve them, the newest value of the same thread, namespace, channel and version serves, then
    /// the value in `checkpoint`, if any.
    pub new_versions: BTreeMap<String, ChannelVersion>,
}

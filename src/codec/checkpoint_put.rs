//! [`CheckpointPut`]: a checkpoint as the log keeps it and the index learns it.

use std::collections::BTreeMap;

use crate::compact::{KeptMetadata, KeptTime};
use crate::version::ChannelVersion;

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

impl<V> CheckpointPut<V> {
    /// The same with its values replaced, in their order.
    pub(crate) fn map<W>(self, mut with: impl FnMut(V) -> W) -> CheckpointPut<W> {
        CheckpointPut {
            thread: self.thread,
            namespace: self.namespace,
            id: self.id,
            parent_id: self.parent_id,
            ts: self.ts,
            metadata: self.metadata,
            ancestors: self.ancestors,
            versions: self.versions,
            updated: self.updated,
            changed: (self.changed.into_iter())
                .map(|changed| Changed {
                    channel: changed.channel,
                    version: changed.version,
                    value: changed.value.map(&mut with),
                })
                .collect(),
            unchanged: (self.unchanged.into_iter())
                .map(|(channel, value)| (channel, with(value)))
                .collect(),
            standalone: self.standalone,
            moment: self.moment,
        }
    }
}

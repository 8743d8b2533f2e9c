//! [`Parent`]: what a checkpoint says of the values of those that follow it.

use crate::Encoded;
use crate::checkpoint::{ChannelVersion, Checkpoint, CheckpointError};
use crate::langgraph::unknown_channels;
use crate::sqlite::reading::Kept;

/// The checkpoint that another one follows.
pub(super) struct Parent {
    pub(super) checkpoint: Checkpoint,
    pub(super) unknown: Vec<String>,
}

impl Parent {
    pub(super) fn of(kept: &Kept, thread: &str) -> Result<Self, CheckpointError> {
        Ok(Self {
            checkpoint: kept.as_kept(thread)?,
            unknown: unknown_channels(&kept.tag, &kept.checkpoint),
        })
    }

    pub(super) fn says(&self, channel: &str, version: &ChannelVersion) -> Said {
        if self.checkpoint.channel_versions.get(channel) != Some(version) {
            Said::Nothing
        } else if self.unknown.iter().any(|name| name == channel) {
            Said::Unknown
        } else {
            Said::Value(self.checkpoint.channel_values.get(channel).cloned())
        }
    }
}

/// What a checkpoint says of a channel at a version.
pub(super) enum Said {
    /// It has that version, with this value or none.
    Value(Option<Encoded>),
    /// It has that version, and does not know the value.
    Unknown,
    /// It has another version.
    Nothing,
}

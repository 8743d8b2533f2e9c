//! [`Projection`]: how much of a checkpoint is read.

/// How much of a checkpoint is read: of which channels the values, and whether pending writes. The default is
/// everything.
///
/// Ids, versions, metadata and which channels changed are always there. What is left out is not read: a
/// [`metadata_only`](Self::metadata_only) history costs the index, and never the values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Projection {
    /// The channels whose values are read.
    pub channels: Channels,
    /// Whether pending writes are read.
    pub writes: bool,
}

/// Channels whose values are read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Channels {
    /// Every one.
    #[default]
    All,
    /// No one.
    None,
    /// These, as far as the checkpoint has them.
    Named(Vec<String>),
}

impl Default for Projection {
    fn default() -> Self {
        Self {
            channels: Channels::All,
            writes: true,
        }
    }
}

impl Projection {
    /// No values and no pending writes.
    pub fn metadata_only() -> Self {
        Self {
            channels: Channels::None,
            writes: false,
        }
    }

    /// The values of these channels, and pending writes.
    pub fn named<N: Into<String>>(channels: impl IntoIterator<Item = N>) -> Self {
        Self {
            channels: Channels::Named(channels.into_iter().map(Into::into).collect()),
            writes: true,
        }
    }

    /// Leaves out of `tuple` what is not in this projection.
    pub(crate) fn apply(&self, tuple: &mut super::CheckpointTuple) {
        (tuple.checkpoint.channel_values).retain(|channel, _| self.channels.has(channel));
        if !self.writes {
            tuple.pending_writes.clear();
        }
    }
}

impl Channels {
    /// Whether the value of `channel` is read.
    pub(crate) fn has(&self, channel: &str) -> bool {
        match self {
            Self::All => true,
            Self::None => false,
            Self::Named(names) => names.iter().any(|name| name == channel),
        }
    }
}

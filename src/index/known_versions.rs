//! [`KnownVersions`]: the versions of a checkpoint as far as they are known, for logs of which a part is lost.

use std::collections::BTreeMap;

use crate::codec::{ChannelVersions, CheckpointPut, Versions};
use crate::index::Entry;
use crate::index::inherited::Check;

/// The versions of a checkpoint as far as they are known: of its channels, and by node those that it has seen.
#[derive(Clone, Debug, Default)]
pub(crate) struct KnownVersions {
    pub(crate) channels: ChannelVersions,
    pub(crate) seen: BTreeMap<String, ChannelVersions>,
}

impl<H> From<&Entry<H>> for KnownVersions {
    fn from(entry: &Entry<H>) -> Self {
        Self {
            channels: entry.versions(),
            seen: entry.seen(),
        }
    }
}

impl From<KnownVersions> for Versions {
    fn from(known: KnownVersions) -> Self {
        Self::Whole {
            channels: known.channels,
            seen: known.seen,
        }
    }
}

impl KnownVersions {
    /// Those of `put`, if these are what is known of its parent's, and whether they are all that it had.
    pub(crate) fn followed_by<V>(&self, put: &CheckpointPut<V>) -> (Self, bool) {
        let changes = match &put.versions {
            Versions::Whole { channels, seen } => {
                let whole = Self {
                    channels: channels.clone(),
                    seen: seen.clone(),
                };
                return (whole, true);
            }
            Versions::Changed(changes) => changes,
        };
        let Self {
            mut channels,
            mut seen,
        } = self.clone();
        for changed in &put.changed {
            channels.insert(changed.channel.clone(), changed.version.clone());
        }
        for channel in &changes.removed {
            channels.remove(channel);
        }
        channels.extend(changes.channels.clone());
        for node in &changes.unseen {
            seen.remove(node);
        }
        for (node, versions) in &changes.seen {
            let versions = versions.iter().filter_map(|(channel, version)| {
                let version = version.as_ref().or_else(|| self.channels.get(channel))?;
                Some((channel.clone(), version.clone()))
            });
            seen.insert(node.clone(), versions.collect());
        }
        let mut check = Check::default();
        check.channels(&channels);
        for (node, versions) in &seen {
            check.node(node);
            check.channels(versions);
        }
        let is_all = check.value() == changes.check;
        (Self { channels, seen }, is_all)
    }
}

//! [`HotVersions`]: the versions of the checkpoint that was put last.

use std::collections::BTreeMap;

use crate::codec::ChannelVersions;
use crate::db::place::Place;
use crate::index::{Entry, Parent};
use crate::version::ChannelVersion;

/// The versions of a checkpoint: of its channels, and by node those that it has seen.
#[derive(Debug, Default)]
pub(in crate::db) struct HotVersions {
    pub(in crate::db) channels: ChannelVersions,
    pub(in crate::db) seen: BTreeMap<String, ChannelVersions>,
}

impl HotVersions {
    /// Those of a checkpoint that was looked up.
    pub(super) fn of(entry: &Entry<Place>) -> Self {
        Self {
            channels: entry.versions(),
            seen: entry.seen(),
        }
    }

    /// About how much memory they take.
    pub(super) fn bytes(&self) -> usize {
        let of = |versions: &ChannelVersions| {
            let names: usize = versions.keys().map(String::len).sum();
            names + versions.len() * size_of::<(String, ChannelVersion)>()
        };
        let seen = self.seen.iter().map(|(node, seen)| node.len() + of(seen));
        of(&self.channels) + seen.sum::<usize>()
    }
}

impl Parent for HotVersions {
    fn version(&self, channel: &str) -> Option<&ChannelVersion> {
        self.channels.get(channel)
    }

    fn channels(&self) -> impl Iterator<Item = &str> {
        self.channels.keys().map(String::as_str)
    }

    fn nodes(&self) -> impl Iterator<Item = &str> {
        self.seen.keys().map(String::as_str)
    }

    fn has_seen(&self, node: &str, versions: &ChannelVersions) -> bool {
        self.seen.get(node) == Some(versions)
    }
}

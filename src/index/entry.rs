//! [`Entry`]: what the index knows of one checkpoint.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::index::names::{Name, Names};
use crate::version::ChannelVersion;

/// Versions by name, sorted by name.
pub(crate) type Versions = Box<[(Name, ChannelVersion)]>;

/// One checkpoint. Sorted slices instead of maps: there is one of these for every checkpoint.
#[derive(Debug)]
pub(crate) struct Entry<H> {
    pub(crate) parent_id: Option<Box<str>>,
    pub(crate) ts: Box<str>,
    pub(crate) metadata: Box<[u8]>,
    pub(crate) ancestors: Box<[(Box<str>, Box<str>)]>,
    /// Sorted by name.
    channels: Box<[Channel<H>]>,
    /// By node, sorted; nodes that did not run since the parent share its slices.
    seen: Box<[(Name, Arc<Versions>)]>,
    pub(crate) updated: Option<Box<[Name]>>,
}

/// A channel of a checkpoint.
#[derive(Debug)]
pub(crate) struct Channel<H> {
    pub(crate) name: Name,
    pub(crate) version: ChannelVersion,
    pub(crate) held: Held<H>,
}

/// What a channel holds at a version.
#[derive(Clone, Debug)]
pub(crate) enum Held<H> {
    Value(H),
    /// Nothing: it was cleared.
    Nothing,
    /// Its value was never handed over.
    Unknown,
}

impl<H> Entry<H> {
    /// The entry's channels, sorted by name.
    pub(crate) fn channels(&self) -> &[Channel<H>] {
        &self.channels
    }

    /// What `channel` holds, if it is at `version` here.
    pub(crate) fn held(&self, channel: &str, version: &ChannelVersion) -> Option<&Held<H>> {
        let at = self
            .channels
            .binary_search_by(|c| c.name.as_ref().cmp(channel))
            .ok()?;
        let found = self.channels.get(at)?;
        (found.version == *version).then_some(&found.held)
    }

    /// The version of every channel.
    pub(crate) fn versions(&self) -> BTreeMap<String, ChannelVersion> {
        self.channels
            .iter()
            .map(|c| (c.name.to_string(), c.version.clone()))
            .collect()
    }

    /// By node, the versions that it has seen.
    pub(crate) fn seen(&self) -> BTreeMap<String, BTreeMap<String, ChannelVersion>> {
        self.seen
            .iter()
            .map(|(node, versions)| {
                let versions = versions
                    .iter()
                    .map(|(name, version)| (name.to_string(), version.clone()))
                    .collect();
                (node.to_string(), versions)
            })
            .collect()
    }

    /// Which channels the last step changed.
    pub(crate) fn updated(&self) -> Option<Vec<String>> {
        let updated = self.updated.as_ref()?;
        Some(updated.iter().map(ToString::to_string).collect())
    }

    fn seen_by(&self, node: &str) -> Option<&Arc<Versions>> {
        let at = self
            .seen
            .binary_search_by(|(name, _)| name.as_ref().cmp(node))
            .ok()?;
        self.seen.get(at).map(|(_, versions)| versions)
    }
}

/// The parts of an entry that are known before its channels are resolved.
pub(crate) struct Header {
    pub(crate) parent_id: Option<String>,
    pub(crate) ts: String,
    pub(crate) metadata: Box<[u8]>,
    pub(crate) ancestors: BTreeMap<String, String>,
    pub(crate) seen: BTreeMap<String, BTreeMap<String, ChannelVersion>>,
    pub(crate) updated: Option<Vec<String>>,
}

impl<H> Entry<H> {
    /// An entry with `channels`, which must be sorted by name.
    pub(crate) fn new(
        header: Header,
        channels: Vec<Channel<H>>,
        parent: Option<&Entry<H>>,
        names: &mut Names,
    ) -> Self {
        let seen = header
            .seen
            .into_iter()
            .map(|(node, versions)| {
                let versions: Versions = versions
                    .into_iter()
                    .map(|(channel, version)| (names.share(&channel), version))
                    .collect();
                let shared = parent
                    .and_then(|parent| parent.seen_by(&node))
                    .filter(|before| ***before == versions)
                    .map_or_else(|| Arc::new(versions), Arc::clone);
                (names.share(&node), shared)
            })
            .collect();
        Self {
            parent_id: header.parent_id.map(String::into_boxed_str),
            ts: header.ts.into_boxed_str(),
            metadata: header.metadata,
            ancestors: header
                .ancestors
                .into_iter()
                .map(|(ns, id)| (ns.into_boxed_str(), id.into_boxed_str()))
                .collect(),
            channels: channels.into_boxed_slice(),
            seen,
            updated: header
                .updated
                .map(|updated| updated.iter().map(|name| names.share(name)).collect()),
        }
    }
}

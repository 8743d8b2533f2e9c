//! [`Entry`]: what the index knows of one checkpoint.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::compact::{KeptMetadata, KeptTime};
use crate::index::Origin;
use crate::index::names::{Name, Names};
use crate::version::ChannelVersion;

/// Versions by name, sorted by name.
pub(crate) type Versions = Box<[(Name, ChannelVersion)]>;

/// By node, sorted: the versions that it has seen.
pub(super) type Seen = Box<[(Name, Arc<Versions>)]>;

/// One checkpoint. Sorted slices instead of maps: there is one of these for every checkpoint.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Entry<H> {
    pub(crate) origin: Origin,
    /// The LSN behind the frame that it was first put with: what the store was then was put before.
    pub(crate) moment: u64,
    /// Whether a channel's value was looked for in other checkpoints than its parent.
    pub(crate) scanned: bool,
    /// Whether its record says all that it holds.
    pub(crate) standalone: bool,
    pub(crate) parent_id: Option<Arc<str>>,
    pub(crate) ts: KeptTime,
    pub(crate) metadata: KeptMetadata,
    pub(crate) ancestors: Box<[(Box<str>, Box<str>)]>,
    /// Sorted by name.
    pub(super) channels: Box<[Channel<H>]>,
    /// By node, sorted; nodes that did not run since the parent share its slices.
    pub(super) seen: Seen,
    pub(crate) updated: Option<Box<[Name]>>,
}

/// A channel of a checkpoint.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Channel<H> {
    pub(crate) name: Name,
    pub(crate) version: ChannelVersion,
    pub(crate) held: Held<H>,
}

/// What a channel holds at a version.
#[derive(Clone, Debug, PartialEq)]
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

    /// Whether it has a value of `channel`.
    pub(crate) fn has_value(&self, channel: &str) -> bool {
        let found = self.channels.iter().find(|of| &*of.name == channel);
        found.is_some_and(|of| matches!(of.held, Held::Value(_)))
    }

    /// The handles of its values.
    pub(crate) fn values(&self) -> impl Iterator<Item = &H> {
        self.channels
            .iter()
            .filter_map(|channel| match &channel.held {
                Held::Value(value) => Some(value),
                Held::Nothing | Held::Unknown => None,
            })
    }

    /// About how many bytes it takes.
    pub(crate) fn heap_len(&self) -> usize {
        let seen = self
            .seen
            .iter()
            .map(|(_, versions)| size_of_val(&***versions));
        let parent = self.parent_id.as_ref().map_or(0, |id| id.len());
        size_of::<Self>()
            + size_of_val(&*self.channels)
            + size_of_val(&*self.seen)
            + seen.sum::<usize>()
            + parent
            + self.ts.heap_len()
            + self.metadata.heap_len()
    }

    /// What `channel` holds, if it is at `version` here.
    pub(crate) fn held(&self, channel: &str, version: &ChannelVersion) -> Option<&Held<H>> {
        let found = self.channel(channel)?;
        (found.version == *version).then_some(&found.held)
    }

    /// What `channel` holds, if that is known and it is at `version` here.
    pub(crate) fn known(&self, channel: &str, version: &ChannelVersion) -> Option<&Held<H>> {
        self.held(channel, version)
            .filter(|held| !matches!(held, Held::Unknown))
    }

    pub(super) fn channel(&self, name: &str) -> Option<&Channel<H>> {
        let at = self
            .channels
            .binary_search_by(|c| c.name.as_ref().cmp(name))
            .ok()?;
        self.channels.get(at)
    }

    /// The version of every channel.
    pub(crate) fn versions(&self) -> BTreeMap<String, ChannelVersion> {
        let channels = self.channels.iter();
        map_of(channels.map(|c| (owned(&c.name), c.version.clone())))
    }

    /// By node, the versions that it has seen.
    pub(crate) fn seen(&self) -> BTreeMap<String, BTreeMap<String, ChannelVersion>> {
        map_of(self.seen.iter().map(|(node, versions)| {
            let versions = versions.iter();
            let versions = versions.map(|(name, version)| (owned(name), version.clone()));
            (owned(node), map_of(versions))
        }))
    }

    /// Which channels the last step changed.
    pub(crate) fn updated(&self) -> Option<Vec<String>> {
        let updated = self.updated.as_ref()?;
        Some(updated.iter().map(|name| owned(name)).collect())
    }

    pub(super) fn seen_by(&self, node: &str) -> Option<&(Name, Arc<Versions>)> {
        let at = self
            .seen
            .binary_search_by(|(name, _)| name.as_ref().cmp(node))
            .ok()?;
        self.seen.get(at)
    }
}

/// A map of a few, which come in their order. `collect` would gather and sort them first, which takes longer than putting in one
/// after the other.
pub(crate) fn map_of<V>(few: impl IntoIterator<Item = (String, V)>) -> BTreeMap<String, V> {
    let mut map = BTreeMap::new();
    map.extend(few);
    map
}

/// A shared text as one of its own: `to_string` would format it, which takes twice as long.
pub(crate) fn owned(text: &str) -> String {
    text.to_owned()
}

/// `seen` in the form that entries have.
pub(super) fn share_seen<H>(
    seen: &BTreeMap<String, BTreeMap<String, ChannelVersion>>,
    parent: Option<&Entry<H>>,
    names: &mut Names,
) -> Seen {
    let shared = seen.iter().map(|(node, versions)| {
        let before = parent.and_then(|parent| parent.seen_by(node));
        if let Some((node, versions)) = before.filter(|(_, before)| is_same(before, versions)) {
            return (Name::clone(node), Arc::clone(versions));
        }
        let versions: Versions = versions
            .iter()
            .map(|(channel, version)| (names.share(channel), version.clone()))
            .collect();
        (names.share(node), Arc::new(versions))
    });
    shared.collect()
}

/// Whether both are the same versions.
pub(super) fn is_same(these: &Versions, those: &BTreeMap<String, ChannelVersion>) -> bool {
    let mut pairs = these.iter().zip(those);
    these.len() == those.len()
        && pairs.all(|((name, version), (n, v))| name.as_ref() == n && version == v)
}

//! Versions as what differs from the parent's: made by a writer, undone when the record is applied.

use std::collections::BTreeSet;
use std::mem;
use std::sync::Arc;

use crc32fast::Hasher;

use crate::codec::{ChannelVersions, CheckpointPut, VersionChanges, Versions};
use crate::index::Entry;
use crate::index::entry;
use crate::index::names::{Name, Names};
use crate::version::ChannelVersion;

/// What is known of the checkpoint that another one follows.
pub(crate) trait Parent {
    fn version(&self, channel: &str) -> Option<&ChannelVersion>;

    fn channels(&self) -> impl Iterator<Item = &str>;

    fn nodes(&self) -> impl Iterator<Item = &str>;

    /// Whether `versions` is what the node has seen.
    fn has_seen(&self, node: &str, versions: &ChannelVersions) -> bool;
}

impl<H> Parent for Entry<H> {
    fn version(&self, channel: &str) -> Option<&ChannelVersion> {
        self.channel(channel).map(|channel| &channel.version)
    }

    fn channels(&self) -> impl Iterator<Item = &str> {
        self.channels.iter().map(|channel| &*channel.name)
    }

    fn nodes(&self) -> impl Iterator<Item = &str> {
        self.seen.iter().map(|(node, _)| &**node)
    }

    fn has_seen(&self, node: &str, versions: &ChannelVersions) -> bool {
        let seen = self.seen_by(node);
        seen.is_some_and(|(_, seen)| entry::is_same(seen, versions))
    }
}

/// Leaves out of a checkpoint's versions what its `parent` has as well. They must be whole, and the parent must be the
/// one that is there when the record is applied: otherwise it will be refused. Returns the whole versions, if they were.
pub(crate) fn shrink<V>(put: &mut CheckpointPut<V>, parent: &impl Parent) -> Option<Versions> {
    let (Versions::Whole { channels, seen }, false) = (&put.versions, put.standalone) else {
        return None;
    };
    // Those of one name stay in their order, so that the last of them is found.
    let mut changed: Vec<_> = put.changed.iter().collect();
    changed.sort_by(|a, b| a.channel.cmp(&b.channel));
    let said = |channel: &str| {
        let end = changed.partition_point(|changed| *changed.channel <= *channel);
        let last = changed.get(end.checked_sub(1)?)?;
        (last.channel == channel).then_some(&last.version)
    };
    let removed: BTreeSet<&str> = (parent.channels())
        .chain(changed.iter().map(|changed| changed.channel.as_str()))
        .filter(|channel| !channels.contains_key(*channel))
        .collect();
    let unsaid = channels.iter().filter(|(channel, version)| {
        said(channel).or_else(|| parent.version(channel)) != Some(version)
    });
    let unseen = parent.nodes().filter(|node| !seen.contains_key(*node));
    let newly_seen = seen
        .iter()
        .filter(|(node, versions)| !parent.has_seen(node, versions));
    let newly_seen = newly_seen.map(|(node, versions)| {
        let versions = versions.iter().map(|(channel, version)| {
            let is_said = parent.version(channel) == Some(version);
            (channel.clone(), (!is_said).then(|| version.clone()))
        });
        (node.clone(), versions.collect())
    });
    let mut check = Check::default();
    check.channels(channels);
    for (node, versions) in seen {
        check.node(node);
        check.channels(versions);
    }
    let changes = VersionChanges {
        check: check.value(),
        removed: removed.into_iter().map(str::to_owned).collect(),
        channels: unsaid
            .map(|(channel, version)| (channel.clone(), version.clone()))
            .collect(),
        unseen: unseen.map(str::to_owned).collect(),
        seen: newly_seen.collect(),
    };
    Some(mem::replace(&mut put.versions, Versions::Changed(changes)))
}

/// The versions of a checkpoint, sorted by channel, and by node those that it has seen.
pub(super) type Expanded = (Vec<(Name, ChannelVersion)>, entry::Seen);

/// The versions of a checkpoint whose channels `changed` to these; `None` if they are another parent's.
pub(super) fn expand<H>(
    versions: &Versions,
    changed: impl Iterator<Item = (Name, ChannelVersion)>,
    parent: Option<&Entry<H>>,
    names: &mut Names,
) -> Option<Expanded> {
    match versions {
        Versions::Whole { channels, seen } => {
            let shared = channels
                .iter()
                .map(|(name, version)| (names.share(name), version.clone()));
            let shared = shared.collect();
            Some((shared, entry::share_seen(seen, parent, names)))
        }
        Versions::Changed(changes) => undo(changes, changed, parent?, names),
    }
}

fn undo<H>(
    changes: &VersionChanges,
    changed: impl Iterator<Item = (Name, ChannelVersion)>,
    parent: &Entry<H>,
    names: &mut Names,
) -> Option<Expanded> {
    let before = parent.channels.iter();
    let before = before.map(|channel| (Name::clone(&channel.name), channel.version.clone()));
    let mut channels = Vec::with_capacity(parent.channels.len() + 1);
    channels.extend(before);
    put_all(&mut channels, changed);
    remove_all(&mut channels, &changes.removed);
    let unsaid = changes.channels.iter();
    put_all(
        &mut channels,
        unsaid.map(|(channel, version)| (names.share(channel), version.clone())),
    );

    let mut seen = parent.seen.to_vec();
    remove_all(&mut seen, &changes.unseen);
    let mut newly_seen = Vec::with_capacity(changes.seen.len());
    for (node, versions) in &changes.seen {
        let versions = versions.iter().map(|(channel, version)| {
            let version = version.as_ref().or_else(|| parent.version(channel));
            Some((names.share(channel), version?.clone()))
        });
        let versions: entry::Versions = versions.collect::<Option<_>>()?;
        newly_seen.push((names.share(node), Arc::new(versions)));
    }
    put_all(&mut seen, newly_seen);

    let mut check = Check::default();
    check.channels(channels.iter().map(|(channel, version)| (channel, version)));
    for (node, versions) in &seen {
        check.node(node);
        check.channels(versions.iter().map(|(channel, version)| (channel, version)));
    }
    (check.value() == changes.check).then(|| (channels, seen.into_boxed_slice()))
}

/// Puts `more` into a list sorted by name, in the place of what has the same name.
fn put_all<T>(list: &mut Vec<(Name, T)>, more: impl IntoIterator<Item = (Name, T)>) {
    let before = list.len();
    list.extend(more);
    if list.len() == before {
        return;
    }
    list.sort_by(|(a, _), (b, _)| a.cmp(b));
    list.dedup_by(|later, earlier| {
        let is_same = later.0 == earlier.0;
        if is_same {
            mem::swap(later, earlier);
        }
        is_same
    });
}

fn remove_all<T>(list: &mut Vec<(Name, T)>, names: &[String]) {
    if !names.is_empty() {
        let names: BTreeSet<&str> = names.iter().map(String::as_str).collect();
        list.retain(|(name, _)| !names.contains(&**name));
    }
}

/// What the versions of most checkpoints take at most.
const BUFFER: usize = 256;

/// A checksum of versions, by which those that were made from another parent are told.
pub(super) struct Check {
    /// Of what was in the buffer before.
    hasher: Hasher,
    /// Pieces are short, and a checksum takes long ones faster.
    buffer: [u8; BUFFER],
    length: usize,
}

impl Default for Check {
    fn default() -> Self {
        Self {
            hasher: Hasher::new(),
            buffer: [0; BUFFER],
            length: 0,
        }
    }
}

impl Check {
    // Bytes that no text has, so that different versions make different bytes.
    const NODE: u8 = 0xFF;
    const NUMBER: u8 = 0xFE;
    const TEXT: u8 = 0xFD;

    pub(super) fn node(&mut self, name: &str) {
        self.put(&[Self::NODE]);
        self.put(name.as_bytes());
    }

    pub(super) fn channels<'v, N: AsRef<str> + 'v>(
        &mut self,
        versions: impl IntoIterator<Item = (&'v N, &'v ChannelVersion)>,
    ) {
        for (name, version) in versions {
            match version {
                ChannelVersion::Int(number) => {
                    self.put(&[Self::NUMBER]);
                    self.put(&number.to_le_bytes());
                }
                ChannelVersion::Text(text) => {
                    self.put(&[Self::TEXT]);
                    self.put(text.as_bytes());
                    self.put(&[Self::TEXT]);
                }
            }
            self.put(name.as_ref().as_bytes());
        }
    }

    pub(super) fn value(&self) -> u32 {
        let mut hasher = self.hasher.clone();
        hasher.update(self.buffered());
        hasher.finalize()
    }

    fn buffered(&self) -> &[u8] {
        self.buffer.get(..self.length).unwrap_or_default()
    }

    fn put(&mut self, bytes: &[u8]) {
        if bytes.len() > BUFFER - self.length {
            let before = self.value();
            self.hasher = Hasher::new_with_initial(before);
            self.length = 0;
        }
        match self.buffer.get_mut(self.length..self.length + bytes.len()) {
            Some(room) => {
                room.copy_from_slice(bytes);
                self.length += bytes.len();
            }
            None => self.hasher.update(bytes),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::collection::{btree_map, vec};
    use proptest::prelude::*;

    use super::*;
    use crate::codec::{Changed, Record};
    use crate::compact::{KeptMetadata, KeptTime};
    use crate::index::{Index, MemTables, Origin, Reason, Row, Unapplied};

    type Mem = Index<u64, MemTables<crate::index::Key, Row<u64>>>;

    fn versions() -> impl Strategy<Value = ChannelVersions> {
        let version = prop_oneof![
            (0_u64..3).prop_map(ChannelVersion::Int),
            "[ab]".prop_map(ChannelVersion::Text),
        ];
        btree_map("[a-e]", version, 0..5)
    }

    fn whole() -> impl Strategy<Value = (ChannelVersions, BTreeMap<String, ChannelVersions>)> {
        (versions(), btree_map("[m-o]", versions(), 0..3))
    }

    type Whole = (ChannelVersions, BTreeMap<String, ChannelVersions>);

    fn put(id: &str, parent: Option<&str>, (channels, seen): Whole) -> CheckpointPut<u64> {
        CheckpointPut {
            thread: "t".into(),
            namespace: String::new(),
            id: id.into(),
            parent_id: parent.map(str::to_owned),
            ts: KeptTime::of(""),
            metadata: KeptMetadata::of(*b"{}"),
            ancestors: BTreeMap::new(),
            versions: Versions::Whole { channels, seen },
            changed: Vec::new(),
            updated: None,
            unchanged: BTreeMap::new(),
            standalone: false,
            moment: None,
        }
    }

    fn apply(index: &mut Mem, lsn: u64, put: CheckpointPut<u64>) -> Result<(), Reason> {
        let origin = Origin {
            lsn,
            segment: 1,
            bytes: 0,
        };
        match index.apply(Record::CheckpointPut(put), origin) {
            Ok(()) => Ok(()),
            Err(Unapplied::Refused(refused)) => Err(refused.reason),
            Err(Unapplied::Tables(error)) => panic!("{error}"),
        }
    }

    fn entry(index: &Mem, id: &str) -> Arc<Entry<u64>> {
        let found = index.snapshot().get("t", "", Some(id), true).unwrap();
        found.unwrap().entry
    }

    fn changed(versions: ChannelVersions) -> Vec<Changed<u64>> {
        (versions.into_iter().zip(0..))
            .map(|((channel, version), value)| Changed {
                channel,
                version,
                value: Some(value),
            })
            .collect()
    }

    proptest! {
        #[test]
        fn what_is_shrunk_says_the_same(
            parent in whole(), child in whole(), written in vec(versions(), 0..2), as_written: bool, base in whole(),
        ) {
            let new = || {
                let mut child = child.clone();
                let changed: Vec<_> = written.iter().cloned().flat_map(changed).collect();
                if as_written {
                    // As executors do it: what was written has a new version, all else the parent's.
                    child.0 = parent.0.clone();
                    child.0.extend(changed.iter().map(|c| (c.channel.clone(), c.version.clone())));
                }
                CheckpointPut { changed, ..put("2", Some("1"), child) }
            };
            let mut index = Mem::default();
            apply(&mut index, 1, put("1", None, parent.clone())).unwrap();
            let mut shrunk = new();
            let _ = shrink(&mut shrunk, &*entry(&index, "1"));
            let Versions::Changed(changes) = &shrunk.versions else {
                panic!("it was not shrunk");
            };
            if as_written {
                prop_assert!(changes.channels.is_empty() && changes.removed.is_empty());
            }
            apply(&mut index, 2, shrunk).unwrap();

            let mut other = Mem::default();
            apply(&mut other, 1, put("1", None, parent.clone())).unwrap();
            apply(&mut other, 2, new()).unwrap();
            prop_assert_eq!(entry(&index, "2"), entry(&other, "2"));

            // Of another parent it is refused, unless that makes the same.
            let mut shrunk = new();
            let _ = shrink(&mut shrunk, &*entry(&other, "1"));
            apply(&mut other, 3, put("1", None, base.clone())).unwrap();
            match apply(&mut other, 4, shrunk) {
                Err(reason) => prop_assert_eq!(reason, Reason::Replaced { checkpoint: "1".into() }),
                Ok(()) => {
                    let (now, before) = (entry(&other, "2"), entry(&index, "2"));
                    prop_assert_eq!((now.versions(), now.seen()), (before.versions(), before.seen()));
                }
            }
        }
    }

    #[test]
    fn what_was_shrunk_is_refused_if_its_parent_is_not_there() {
        let mut index = Mem::default();
        let whole = || (ChannelVersions::new(), BTreeMap::new());
        apply(&mut index, 1, put("1", None, whole())).unwrap();
        let mut shrunk = put("2", Some("1"), whole());
        let _ = shrink(&mut shrunk, &*entry(&index, "1"));
        let refused = apply(&mut Mem::default(), 1, shrunk);
        let checkpoint = "1".to_owned();
        assert_eq!(refused, Err(Reason::Pruned { checkpoint }));
    }

    proptest! {
        #[test]
        fn a_check_is_the_common_crc_32_of_the_pieces(pieces in vec(vec(any::<u8>(), 0..300), 0..8)) {
            let mut check = Check::default();
            pieces.iter().for_each(|piece| check.put(piece));
            prop_assert_eq!(check.value(), crc32fast::hash(&pieces.concat()));
        }
    }

    #[test]
    fn versions_of_different_text_have_different_checks() {
        let check = |name: &str, version: ChannelVersion| {
            let mut check = Check::default();
            check.channels([(&name, &version)]);
            check.value()
        };
        let text = |text: &str| ChannelVersion::Text(text.into());
        assert_ne!(check("ab", text("c")), check("b", text("ca")));
        assert_ne!(check("a", text("1")), check("a", ChannelVersion::Int(1)));
    }
}

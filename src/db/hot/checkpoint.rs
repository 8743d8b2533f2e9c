//! [`HotCheckpoint`]: the checkpoint that was put last, as far as the next one needs to know it.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use super::HotVersions;
use crate::db::place::{At, Place};
use crate::delta::Tip;
use crate::encoded::Tag;
use crate::encoded_list::ListForm;
use crate::index::{self, Entry, Unapplied};
use crate::log::Lsn;
use crate::version::ChannelVersion;

/// The checkpoint that was put last, or is looked at in its place.
#[derive(Debug)]
pub(in crate::db) struct HotCheckpoint {
    pub(in crate::db) id: Box<str>,
    /// If it was put here: the LSN after its frame, and why the index did not take it, if it did not.
    pub(in crate::db) put: Option<(Lsn, Arc<OnceLock<Unapplied>>)>,
    /// Whether it is known that the index has it, or will take it.
    pub(in crate::db) certain: bool,
    pub(in crate::db) versions: HotVersions,
    /// Its channels, but for those whose values are not known here.
    pub(in crate::db) channels: BTreeMap<Box<str>, (ChannelVersion, Held)>,
}

/// What a channel holds.
#[derive(Debug)]
pub(in crate::db) enum Held {
    /// Nothing: it was cleared.
    Nothing,
    /// A value of which only the place is known.
    Cold(At),
    /// A value.
    Hot(Box<HotValue>),
}

/// A value, as far as the storing of its next version depends on it.
#[derive(Debug)]
pub(in crate::db) struct HotValue {
    /// Where it is: never at an alias.
    pub(in crate::db) at: At,
    pub(in crate::db) tag: Tag,
    pub(in crate::db) tip: Tip,
    /// Where the version is at which its run began.
    pub(in crate::db) run_base: At,
    /// Whether it is a list that can be made longer without looking at it.
    pub(in crate::db) list: Option<ListForm>,
}

/// A value that has no place yet.
#[derive(Debug)]
pub(in crate::db) struct Draft {
    /// Where it is, if it is an older value.
    pub(in crate::db) at: Option<At>,
    pub(in crate::db) tag: Tag,
    pub(in crate::db) tip: Tip,
    /// Where the version is at which its run began, if that is not the value itself.
    pub(in crate::db) run_base: Option<At>,
    pub(in crate::db) list: Option<ListForm>,
}

impl Draft {
    /// The value when it is at `own`.
    pub(in crate::db) fn placed(self, own: At) -> HotValue {
        let at = self.at.unwrap_or(own);
        HotValue {
            at,
            tag: self.tag,
            tip: self.tip,
            run_base: self.run_base.unwrap_or(at),
            list: self.list,
        }
    }
}

impl HotCheckpoint {
    /// A checkpoint that was looked up. It is `certain` if nothing was on its way then that may remove it.
    pub(in crate::db) fn cold(id: &str, entry: &Entry<Place>, certain: bool) -> Self {
        let channels = entry.channels().iter().filter_map(|channel| {
            let held = match &channel.held {
                index::Held::Value(place) => Held::Cold(place.into()),
                index::Held::Nothing => Held::Nothing,
                index::Held::Unknown => return None,
            };
            Some(((*channel.name).into(), (channel.version.clone(), held)))
        });
        Self {
            id: id.into(),
            put: None,
            certain,
            versions: HotVersions::of(entry),
            channels: channels.collect(),
        }
    }

    /// Whether the index has refused it.
    pub(in crate::db) fn is_refused(&self) -> bool {
        (self.put.as_ref()).is_some_and(|(_, unapplied)| unapplied.get().is_some())
    }

    /// Takes out a channel: its name and what it holds.
    pub(in crate::db) fn take(&mut self, channel: &str) -> Option<(Box<str>, Held)> {
        let (name, (_, held)) = self.channels.remove_entry(channel)?;
        Some((name, held))
    }

    /// Whether it is known what a channel holds, and it does so at this version.
    pub(in crate::db) fn has(&self, channel: &str, version: &ChannelVersion) -> bool {
        (self.channels.get(channel)).is_some_and(|(known, _)| known == version)
    }

    /// Leaves the channels that are at these versions: a successor with these inherits them.
    pub(in crate::db) fn retain(&mut self, versions: &BTreeMap<String, ChannelVersion>) {
        self.channels
            .retain(|channel, (version, _)| versions.get(&**channel) == Some(version));
    }

    pub(super) fn named(&self, with: &mut dyn FnMut(At)) {
        for (_, held) in self.channels.values() {
            match held {
                Held::Nothing => {}
                Held::Cold(at) => with(*at),
                Held::Hot(value) => {
                    with(value.at);
                    with(value.run_base);
                }
            }
        }
    }

    /// About how much memory it takes.
    pub(super) fn bytes(&self) -> usize {
        let channels = self.channels.iter().map(|(name, (_, held))| {
            let held = match held {
                Held::Nothing | Held::Cold(_) => 0,
                Held::Hot(value) => size_of::<HotValue>() + value.tip.heap_len(),
            };
            2 * size_of::<(Box<str>, (ChannelVersion, Held))>() + name.len() + held
        });
        self.id.len() + self.versions.bytes() + channels.sum::<usize>()
    }
}

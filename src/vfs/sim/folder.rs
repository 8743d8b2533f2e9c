//! [`Folder`]: a directory: which names are on the medium, which are seen, and what is on its way.

use std::collections::BTreeMap;
use std::ffi::OsString;

/// What a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Entry {
    /// A file, by its number.
    File(u64),
    Folder,
}

impl Entry {
    /// The number of the file.
    pub(super) fn number(&self) -> Option<u64> {
        match self {
            Self::File(number) => Some(*number),
            Self::Folder => None,
        }
    }
}

/// A change of a directory that may not have reached the medium yet.
#[derive(Clone, Debug)]
pub(super) enum Renaming {
    Set(OsString, Entry),
    Unset(OsString),
    /// From, to, and what has the name then.
    Move(OsString, OsString, Entry),
}

pub(super) type Names = BTreeMap<OsString, Entry>;

/// A directory.
#[derive(Clone, Debug, Default)]
pub(super) struct Folder {
    /// What a power cut leaves for certain.
    pub(super) medium: Names,
    /// What is seen.
    pub(super) cache: Names,
    /// What was changed since the last sync, in order.
    pub(super) pending: Vec<Renaming>,
}

impl Renaming {
    pub(super) fn apply(&self, names: &mut Names) {
        match self {
            Self::Set(name, entry) => drop(names.insert(name.clone(), *entry)),
            Self::Unset(name) => drop(names.remove(name)),
            Self::Move(from, to, entry) => {
                names.remove(from);
                names.insert(to.clone(), *entry);
            }
        }
    }

    /// Applies it but for its taking the old name away.
    pub(super) fn apply_half(&self, names: &mut Names) {
        match self {
            Self::Move(_, to, entry) => drop(names.insert(to.clone(), *entry)),
            whole => whole.apply(names),
        }
    }
}

impl Folder {
    /// Changes what is seen, and the medium when it is synced.
    pub(super) fn change(&mut self, change: Renaming) {
        change.apply(&mut self.cache);
        self.pending.push(change);
    }

    /// Everything reaches the medium.
    pub(super) fn sync(&mut self) {
        for change in self.pending.drain(..) {
            change.apply(&mut self.medium);
        }
    }
}

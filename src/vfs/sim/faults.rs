//! [`Faults`]: what goes wrong, and how often.

use std::io;

use super::Random;

/// What goes wrong, and how often: one time in so many, never if that is 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    /// Reads fail with an error of the medium.
    pub reads: u32,
    /// Writes fail with an error of the medium; a part may have been written.
    pub writes: u32,
    /// Syncs of files fail. What was to be synced is partly on the medium, and never gets there in full: it counts
    /// as written from then on.
    pub syncs: u32,
    /// Whatever concerns names fails.
    pub names: u32,
    /// Reads and writes do less than they were asked to.
    pub short: u32,
    /// Reads and writes are interrupted before they do anything.
    pub interrupted: u32,
    /// There is no room for what is written or made.
    pub full: u32,
    /// Writes that are reported done never reach the medium.
    pub lost: u32,
    /// Writes reach the medium some blocks away from where they belong.
    pub misdirected: u32,
    /// Reads give what the medium had before.
    pub stale: u32,
    /// A bit of what is read has flipped, on the medium.
    pub rotten: u32,
}

/// Which call is to fail, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failing {
    /// The number of the first call that fails, as [`SimFs::calls`](super::SimFs::calls) counts.
    pub from: u64,
    /// How many fail from there on.
    pub times: u64,
    /// With what error.
    pub kind: io::ErrorKind,
}

/// What kind of call it is that may fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Read,
    Write,
    /// A change of a length.
    Length,
    Sync,
    Names,
    /// Nothing of it can fail by chance.
    Safe,
}

/// What becomes of one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Well,
    Fails(io::ErrorKind),
    Short,
    Lost,
    Misdirected,
    Stale,
    Rotten,
}

/// An error of the medium.
const EIO: io::ErrorKind = io::ErrorKind::Other;

impl Faults {
    pub(super) fn fate(&self, kind: Kind, random: &mut Random) -> Fate {
        let of_data = [
            (self.interrupted, Fate::Fails(io::ErrorKind::Interrupted)),
            (self.short, Fate::Short),
        ];
        let of_kind: &[(u32, Fate)] = match kind {
            Kind::Read => &[
                (self.reads, Fate::Fails(EIO)),
                (self.stale, Fate::Stale),
                (self.rotten, Fate::Rotten),
            ],
            Kind::Write => &[
                (self.writes, Fate::Fails(EIO)),
                (self.full, Fate::Fails(io::ErrorKind::StorageFull)),
                (self.lost, Fate::Lost),
                (self.misdirected, Fate::Misdirected),
            ],
            Kind::Length => &[
                (self.writes, Fate::Fails(EIO)),
                (self.full, Fate::Fails(io::ErrorKind::StorageFull)),
            ],
            Kind::Sync => &[(self.syncs, Fate::Fails(EIO))],
            Kind::Names => &[(self.names, Fate::Fails(EIO))],
            Kind::Safe => &[],
        };
        let of_data = match kind {
            Kind::Read | Kind::Write => &of_data[..],
            _ => &[],
        };
        let mut all = of_data.iter().chain(of_kind);
        let fate = all.find(|(times, _)| random.one_in(*times));
        fate.map_or(Fate::Well, |(_, fate)| *fate)
    }
}

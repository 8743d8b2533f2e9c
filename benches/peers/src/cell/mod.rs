//! The cells: what is done with an engine, each in a process of its own.

mod commit;
mod open;
mod read;

use std::path::Path;
use std::time::Duration;

use crate::engine::Kind;
use crate::plan::Scale;

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Cell {
    Durable1,
    Durable8,
    Durable64,
    Unsynced1,
    Read,
    OpenClean,
    OpenKilled,
}

/// One stage of a cell: what its process needs to know.
pub(crate) struct Run<'a> {
    pub(crate) engine: Kind,
    pub(crate) dir: &'a Path,
    pub(crate) scale: Scale,
    /// Which of the cell's processes this is, from 0 on.
    pub(crate) stage: usize,
}

impl Run<'_> {
    fn size<T>(&self, full: T, quick: T, smoke: T) -> T {
        match self.scale {
            Scale::Full => full,
            Scale::Quick => quick,
            Scale::Smoke => smoke,
        }
    }

    /// How long a writer writes.
    fn slice(&self) -> Duration {
        Duration::from_millis(self.size(2_000, 500, 200))
    }
}

impl Cell {
    pub(crate) const ALL: [Self; 7] = [
        Self::Durable1,
        Self::Durable8,
        Self::Durable64,
        Self::Unsynced1,
        Self::Read,
        Self::OpenClean,
        Self::OpenKilled,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Durable1 => "durable-1",
            Self::Durable8 => "durable-8",
            Self::Durable64 => "durable-64",
            Self::Unsynced1 => "unsynced-1",
            Self::Read => "read",
            Self::OpenClean => "open-clean",
            Self::OpenKilled => "open-killed",
        }
    }

    pub(crate) fn about(self) -> &'static str {
        match self {
            Self::Durable1 => "one writer, every step on the device before the next",
            Self::Durable8 => "8 writers, every step on the device before the writer's next",
            Self::Durable64 => "64 writers, every step on the device before the writer's next",
            Self::Unsynced1 => {
                "one writer, 100,000 steps (quick: 20,000) that nobody syncs; bytes on disk after closing"
            }
            Self::Read => {
                "100,000 steps (quick: 20,480) written, then 20,000 random reads of each kind, from memory"
            }
            Self::OpenClean => "opening 1,000,000 rows (quick: 100,000) that were closed cleanly",
            Self::OpenKilled => {
                "opening 1,000,000 rows (quick: 100,000) whose writer was killed after its last commit"
            }
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|cell| cell.name() == name)
    }

    /// How many processes it takes, one after the other on the same directory.
    pub(crate) fn stages(self) -> usize {
        match self {
            Self::OpenClean | Self::OpenKilled => 2,
            _ => 1,
        }
    }

    pub(crate) fn run(self, run: &Run<'_>) {
        match self {
            Self::Durable1 => commit::durable_alone(run),
            Self::Durable8 => commit::durable_together(run, 8),
            Self::Durable64 => commit::durable_together(run, 64),
            Self::Unsynced1 => commit::unsynced(run),
            Self::Read => read::hot(run),
            Self::OpenClean if run.stage == 0 => open::load(run),
            Self::OpenKilled if run.stage == 0 => open::load_and_die(run),
            Self::OpenClean | Self::OpenKilled => open::open(run),
        }
    }
}

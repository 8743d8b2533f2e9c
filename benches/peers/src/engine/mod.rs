//! The engines, each behind one small trait. Apart from what is said with each they run with their defaults.

mod contract;
mod fjall;
mod lmdb;
mod raw_log;
mod redb;
#[cfg(feature = "rocksdb")]
mod rocksdb;
mod sqlite;
mod stepwell;

use std::path::Path;

pub(crate) use contract::Engine;

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    RawLog,
    Stepwell,
    Fjall,
    #[cfg(feature = "rocksdb")]
    RocksDb,
    Sqlite,
    Redb,
    Lmdb,
}

impl Kind {
    pub(crate) const ALL: &[Self] = &[
        Self::RawLog,
        Self::Stepwell,
        Self::Fjall,
        #[cfg(feature = "rocksdb")]
        Self::RocksDb,
        Self::Sqlite,
        Self::Redb,
        Self::Lmdb,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::RawLog => "raw-log",
            Self::Stepwell => "stepwell",
            Self::Fjall => "fjall",
            #[cfg(feature = "rocksdb")]
            Self::RocksDb => "rocksdb",
            Self::Sqlite => "sqlite",
            Self::Redb => "redb",
            Self::Lmdb => "lmdb",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.name() == name)
    }

    /// Opens the engine in `dir`; `synced`: commits are on the device when they are acknowledged.
    pub(crate) fn open(self, dir: &Path, synced: bool) -> Box<dyn Engine> {
        match self {
            Self::RawLog => Box::new(raw_log::RawLog::open(dir, synced)),
            Self::Stepwell => Box::new(stepwell::Stepwell::open(dir, synced)),
            Self::Fjall => Box::new(fjall::Fjall::open(dir, synced)),
            #[cfg(feature = "rocksdb")]
            Self::RocksDb => Box::new(rocksdb::RocksDb::open(dir, synced)),
            Self::Sqlite => Box::new(sqlite::Sqlite::open(dir, synced)),
            Self::Redb => Box::new(redb::Redb::open(dir, synced)),
            Self::Lmdb => Box::new(lmdb::Lmdb::open(dir, synced)),
        }
    }
}

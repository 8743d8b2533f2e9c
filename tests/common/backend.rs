//! What a suite runs on: memory, and a database in its three ways of life.

use stepwell::db::DbOptions;

use crate::database::{Database, Reopening};

/// What keeps what is put.
#[derive(Clone, Copy)]
pub(crate) enum Backend {
    /// Memory.
    Memory,
    /// A database that stays open.
    Database,
    /// A database that is closed and opened again.
    Reopened,
    /// A database that is opened again without having been closed.
    Recovered,
    /// A SQLite file that is opened again.
    #[cfg(feature = "sqlite")]
    Sqlite,
}

impl Backend {
    /// The database, if it is one, and how it is to be opened again between writing and reading.
    pub(crate) fn open_with(self, options: DbOptions) -> Option<(Database, Option<Reopening>)> {
        let reopening = match self {
            Self::Memory => return None,
            #[cfg(feature = "sqlite")]
            Self::Sqlite => return None,
            Self::Database => None,
            Self::Reopened => Some(Reopening::Clean),
            Self::Recovered => Some(Reopening::Unclean),
        };
        let options = match self {
            // So that the index has a file.
            Self::Reopened => options.index_memory_bytes(4_000),
            _ => options,
        };
        Some((Database::with(options), reopening))
    }
}

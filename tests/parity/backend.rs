//! Where the scenarios are run: savers and stores, and what it means to restart them.

use std::sync::Arc;

use stepwell::checkpoint::{Checkpointer, DbSaver, MemorySaver};
use stepwell::db::{Db, Durability};
use stepwell::graph::StateGraph;
#[cfg(feature = "sqlite")]
use stepwell::sqlite::SqliteSaver;
use stepwell::store::{DbStore, MemoryStore, Store};
use tempfile::TempDir;

use crate::appending::Appending;

/// A kind of backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Backend {
    /// In memory.
    Memory,
    /// In memory, handed lists that grew as what was appended.
    Appending,
    /// A database with default options, reopened where the scenario says so.
    Database,
    /// A database with small segments, reopened between all operations.
    Reopened,
    /// A SQLite file, reopened where the scenario says so; items in memory.
    #[cfg(feature = "sqlite")]
    Sqlite,
}

impl Backend {
    pub(crate) const ALL: &[Self] = &[
        Self::Memory,
        Self::Appending,
        Self::Database,
        Self::Reopened,
        #[cfg(feature = "sqlite")]
        Self::Sqlite,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Appending => "memory that takes appended elements",
            Self::Database => "database",
            Self::Reopened => "database reopened between operations",
            #[cfg(feature = "sqlite")]
            Self::Sqlite => "SQLite",
        }
    }
}

/// The saver and the store of one scenario.
pub(crate) enum Kept {
    Memory {
        saver: Arc<dyn Checkpointer>,
        store: MemoryStore,
    },
    Database {
        db: Option<(Db, DbSaver, DbStore)>,
        directory: TempDir,
        small: bool,
    },
    #[cfg(feature = "sqlite")]
    Sqlite {
        saver: Option<SqliteSaver>,
        store: MemoryStore,
        directory: TempDir,
    },
}

impl Kept {
    pub(crate) fn open(backend: Backend) -> Result<Self, String> {
        let in_memory: Option<Arc<dyn Checkpointer>> = match backend {
            Backend::Memory => Some(Arc::new(MemorySaver::new())),
            Backend::Appending => Some(Arc::new(Appending::new(|_| ()))),
            Backend::Database | Backend::Reopened => None,
            #[cfg(feature = "sqlite")]
            Backend::Sqlite => return Self::in_sqlite(),
        };
        if let Some(saver) = in_memory {
            let store = MemoryStore::new();
            return Ok(Self::Memory { saver, store });
        }
        let directory = TempDir::new().map_err(|e| e.to_string())?;
        let mut kept = Self::Database {
            db: None,
            directory,
            small: backend == Backend::Reopened,
        };
        kept.reopen()?;
        Ok(kept)
    }

    #[cfg(feature = "sqlite")]
    fn in_sqlite() -> Result<Self, String> {
        let directory = TempDir::new().map_err(|e| e.to_string())?;
        let mut kept = Self::Sqlite {
            saver: None,
            store: MemoryStore::new(),
            directory,
        };
        kept.reopen()?;
        Ok(kept)
    }

    /// Drops everything that is not durable.
    pub(crate) fn reopen(&mut self) -> Result<(), String> {
        #[cfg(feature = "sqlite")]
        if let Self::Sqlite {
            saver, directory, ..
        } = self
        {
            *saver = None;
            let path = directory.path().join("parity.sqlite");
            *saver = Some(SqliteSaver::open(path).map_err(|e| e.to_string())?);
            return Ok(());
        }
        let Self::Database {
            db,
            directory,
            small,
        } = self
        else {
            return Ok(());
        };
        if let Some((open, ..)) = db.take() {
            open.close()
                .map_err(|e| format!("closing the database: {e}"))?;
        }
        let mut options = Db::options();
        if *small {
            options = options.segment_bytes(64 * 1024).durability(Durability::Os);
            // So that the index has a file, and commits wait for it.
            options = options.index_memory_bytes(16 * 1024);
        }
        let open = options
            .open(directory.path().join("parity.stepwell"))
            .map_err(|e| format!("opening the database: {e}"))?;
        let (saver, store) = (open.checkpointer(), open.store());
        *db = Some((open, saver, store));
        Ok(())
    }

    pub(crate) fn saver(&self) -> Result<Arc<dyn Checkpointer>, String> {
        match self {
            Self::Memory { saver, .. } => Ok(Arc::clone(saver)),
            #[cfg(feature = "sqlite")]
            Self::Sqlite { saver, .. } => match saver {
                Some(saver) => Ok(Arc::new(saver.clone())),
                None => Err("the file is closed".into()),
            },
            Self::Database { db, .. } => match db {
                Some((_, saver, _)) => Ok(Arc::new(saver.clone())),
                None => Err("the database is closed".into()),
            },
        }
    }

    pub(crate) fn store(&self) -> Result<Arc<dyn Store>, String> {
        match self {
            Self::Memory { store, .. } => Ok(Arc::new(store.clone())),
            #[cfg(feature = "sqlite")]
            Self::Sqlite { store, .. } => Ok(Arc::new(store.clone())),
            Self::Database { db, .. } => match db {
                Some((_, _, store)) => Ok(Arc::new(store.clone())),
                None => Err("the database is closed".into()),
            },
        }
    }

    /// `graph` with this saver, if it is to have one, and this store.
    pub(crate) fn equip(&self, graph: StateGraph, save: bool) -> Result<StateGraph, String> {
        Ok(match self {
            Self::Memory { saver, store } => {
                let graph = graph.with_store(store.clone());
                if save {
                    graph.with_checkpointer(saver.clone())
                } else {
                    graph.with_checkpointer(false)
                }
            }
            #[cfg(feature = "sqlite")]
            Self::Sqlite { saver, store, .. } => {
                let graph = graph.with_store(store.clone());
                match saver.as_ref().filter(|_| save) {
                    Some(saver) => graph.with_checkpointer(saver.clone()),
                    None => graph.with_checkpointer(false),
                }
            }
            Self::Database { db, .. } => {
                let (_, saver, store) = db.as_ref().ok_or("the database is closed")?;
                let graph = graph.with_store(store.clone());
                if save {
                    graph.with_checkpointer(saver.clone())
                } else {
                    graph.with_checkpointer(false)
                }
            }
        })
    }
}

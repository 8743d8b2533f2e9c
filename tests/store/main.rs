//! The public suite, on each store there is.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../common/backend.rs"]
mod backend;
#[path = "../common/database.rs"]
mod database;
#[cfg(feature = "sqlite")]
#[path = "../common/found.rs"]
mod finding;
#[cfg(feature = "sqlite")]
mod found;
mod in_order;
mod indexing;
#[cfg(feature = "ann")]
mod near;
mod nesting;
mod past_vectors;
mod ranking;
mod scopes;
mod sweeping;

use std::sync::Arc;

use backend::Backend;
use database::{Database, Reopening, options};
use stepwell::store::{MemoryStore, Store, StoreOptions};
use stepwell::testing::store_conformance::{Subject, check_all};

/// A store that may be closed and opened again between writing and reading.
struct Kept {
    memory: MemoryStore,
    database: Option<(Database, Option<Reopening>)>,
    #[cfg(feature = "sqlite")]
    sqlite: Option<InSqlite>,
    /// Whether only a part of it is used.
    is_scoped: bool,
}

#[cfg(feature = "sqlite")]
struct InSqlite {
    directory: tempfile::TempDir,
    options: StoreOptions,
}

impl Kept {
    fn new(backend: Backend, store: StoreOptions, is_scoped: bool) -> Self {
        let database = backend.open_with(options().store(store.clone()));
        #[cfg(feature = "sqlite")]
        let sqlite = matches!(backend, Backend::Sqlite).then(|| InSqlite {
            directory: tempfile::TempDir::new().unwrap(),
            options: store.clone(),
        });
        let memory = MemoryStore::with_options(store);
        Self {
            #[cfg(feature = "sqlite")]
            sqlite,
            memory,
            database,
            is_scoped,
        }
    }
}

impl Subject for Kept {
    fn store(&self) -> Arc<dyn Store> {
        #[cfg(feature = "sqlite")]
        if let Some(InSqlite { directory, options }) = &self.sqlite {
            let path = directory.path().join("items.sqlite");
            let store = stepwell::sqlite::SqliteStore::open_with(path, options.clone());
            return Arc::new(store.unwrap());
        }
        let store: Arc<dyn Store> = match &self.database {
            Some((database, _)) => Arc::new(database.db().store()),
            None => Arc::new(self.memory.clone()),
        };
        match self.is_scoped {
            true => Arc::new(store.scope(&["*", "tenant"])),
            false => store,
        }
    }

    fn reopen(&mut self) {
        if let Some((database, Some(reopening))) = &mut self.database {
            database.reopen(*reopening);
        }
    }
}

fn check(backend: Backend, is_scoped: bool, leaves_out: impl Fn(&str) -> bool) {
    let mut failures = check_all(|options| Box::new(Kept::new(backend, options, is_scoped)));
    failures.retain(|failure| !leaves_out(failure.case));
    assert!(failures.is_empty(), "{failures:#?}");
}

#[test]
fn the_store_in_memory_does_what_stores_do() {
    check(Backend::Memory, false, |_| false);
}

#[test]
fn the_store_of_a_database_does_what_stores_do() {
    check(Backend::Database, false, |_| false);
}

#[test]
fn the_store_of_a_database_that_is_closed_and_opened_does_what_stores_do() {
    check(Backend::Reopened, false, |_| false);
}

#[test]
fn the_store_of_a_database_that_is_recovered_does_what_stores_do() {
    check(Backend::Recovered, false, |_| false);
}

#[cfg(feature = "sqlite")]
#[test]
fn the_store_in_sqlite_does_what_stores_do() {
    check(Backend::Sqlite, false, |_| false);
}

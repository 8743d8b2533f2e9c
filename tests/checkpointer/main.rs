//! What every checkpointer does: one suite, run on each of them.

#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

#[path = "../common/backend.rs"]
mod backend;
#[macro_use]
mod behaviours;
mod copying;
#[path = "../common/database.rs"]
mod database;
mod deletion;
mod listing;
mod nesting;
mod projecting;
mod pruning;
mod putting;
mod retaining;
#[path = "../common/samples.rs"]
mod samples;
mod saver;
mod writes;

use std::sync::Arc;

use backend::Backend;
use database::{Database, Reopening};
use saver::{Kept, Saver};
use stepwell::checkpoint::{Checkpointer, MemorySaver};

/// A checkpointer of that kind.
fn opened(backend: Backend) -> Saver {
    #[cfg(feature = "sqlite")]
    if let Backend::Sqlite = backend {
        return Saver::kept(Box::new(InSqlite(tempfile::TempDir::new().unwrap())));
    }
    match backend.open_with(database::options()) {
        None => Saver::of(Arc::new(MemorySaver::new())),
        Some((database, None)) => Saver::kept(Box::new(Open(database))),
        Some((database, Some(reopening))) => Saver::kept(Box::new(Reopened(database, reopening))),
    }
}

#[cfg(feature = "sqlite")]
struct InSqlite(tempfile::TempDir);

#[cfg(feature = "sqlite")]
impl Kept for InSqlite {
    fn reopen(&mut self) -> Arc<dyn Checkpointer> {
        let path = self.0.path().join("checkpoints.sqlite");
        Arc::new(stepwell::sqlite::SqliteSaver::open(path).unwrap())
    }
}

/// A database that stays open.
struct Open(Database);

impl Kept for Open {
    fn reopen(&mut self) -> Arc<dyn Checkpointer> {
        Arc::new(self.0.db().checkpointer())
    }
}

struct Reopened(Database, Reopening);

impl Kept for Reopened {
    fn reopen(&mut self) -> Arc<dyn Checkpointer> {
        self.0.reopen(self.1);
        Arc::new(self.0.db().checkpointer())
    }
}

/// Runs the named behaviours on every backend.
macro_rules! on_every_backend {
    ($($module:ident { $($behaviour:ident)* })*) => {
        on_every_backend!(@backend in_memory Memory $($module { $($behaviour)* })*);
        on_every_backend!(@backend in_database Database $($module { $($behaviour)* })*);
        on_every_backend!(@backend in_reopened_database Reopened $($module { $($behaviour)* })*);
        on_every_backend!(@backend in_recovered_database Recovered $($module { $($behaviour)* })*);
        #[cfg(feature = "sqlite")]
        on_every_backend!(@backend in_sqlite Sqlite $($module { $($behaviour)* })*);
    };
    (@backend $backend:ident $kind:ident $($module:ident { $($behaviour:ident)* })*) => {
        mod $backend {
            $($(
                #[test]
                fn $behaviour() {
                    let mut saver = crate::opened(crate::backend::Backend::$kind);
                    crate::$module::$behaviour(&mut saver);
                }
            )*)*
        }
    };
}

behaviours!(on_every_backend);

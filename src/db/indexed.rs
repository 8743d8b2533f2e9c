//! [`Indexed`]: the index of a database and the log that it follows.

use std::sync::Arc;

use parking_lot::RwLock;

use crate::db::place::Place;
use crate::db::view::{DbTables, Note, View};
use crate::index::{Owner, Row};
use crate::log::{Log, LogError, ReadOnlyLog};

/// The log, from before it is open until after it was closed.
///
/// Whoever takes long, or calls others meanwhile, takes a share in it and lets go of its lock, for which whoever closes it
/// waits, and whoever else calls the database waits for him.
#[derive(Clone, Debug)]
pub(super) enum LogState {
    /// It is replayed: what was replayed is durable.
    Opening,
    Open(Arc<Log<Note>>),
    /// It is only looked at; another process may be writing to it.
    ReadOnly(Arc<ReadOnlyLog>),
    Closing,
    /// Everything in it is durable, if that did not fail.
    Closed(Result<(), LogError>),
}

/// The index of a database and the log that it follows.
#[derive(Debug)]
pub(super) struct Indexed {
    pub(super) view: Arc<View>,
    pub(super) log: RwLock<LogState>,
}

impl Owner for Indexed {
    type Row = Row<Place>;

    fn with_rows<T>(&self, with: impl FnOnce(&mut DbTables) -> T) -> T {
        self.view.with_rows(with)
    }

    fn sync_log(&self) -> bool {
        match &*self.log.read() {
            LogState::Opening => true,
            // Nobody who commits waits for that.
            LogState::Open(log) => log.wait().and_then(|()| log.sync_written()).is_ok(),
            LogState::ReadOnly(_) | LogState::Closing => false,
            LogState::Closed(closed) => closed.is_ok(),
        }
    }
}

//! [`Engine`]: what compaction works with, on demand and in the background.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;

use crate::db::DbError;
use crate::db::compaction::candidates::{Candidate, with_use};
use crate::db::compaction::eras::{Entered, Eras};
use crate::db::compaction::{CompactionReport, CompactionTotals};
use crate::db::hot::Hot;
use crate::db::indexed::{Indexed, LogState};
use crate::db::view::{DbSnapshot, Note};
use crate::log::Log;

/// What compaction works with.
#[derive(Debug)]
pub(crate) struct Engine {
    pub(super) indexed: Arc<Indexed>,
    pub(super) hot: Arc<Hot>,
    pub(super) eras: Eras,
    path: PathBuf,
    pub(super) segment_bytes: u64,
    stop: AtomicBool,
    /// One at a time.
    pub(super) running: Mutex<()>,
    pub(super) totals: Mutex<CompactionTotals>,
}

impl Engine {
    pub(crate) fn new(
        indexed: Arc<Indexed>,
        hot: Arc<Hot>,
        path: PathBuf,
        segment_bytes: u64,
    ) -> Self {
        Self {
            indexed,
            hot,
            eras: Eras::new(),
            path,
            segment_bytes,
            stop: AtomicBool::new(false),
            running: Mutex::new(()),
            totals: Mutex::default(),
        }
    }

    /// For whoever is about to look up what he will read or build on.
    pub(crate) fn enter(&self) -> Entered {
        self.eras.enter()
    }

    /// Has whatever runs end soon, and nothing more begin.
    pub(crate) fn stop(&self) {
        self.stop.store(true, Ordering::Release);
    }

    /// What was done since the database was opened.
    pub(crate) fn totals(&self) -> CompactionTotals {
        *self.totals.lock()
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Acquire)
    }

    /// Compacts everything that has something dead.
    pub(crate) fn compact_all(&self) -> Result<CompactionReport, DbError> {
        self.compact(super::candidates::Worth::Any, u64::MAX)
    }

    pub(super) fn with_log<T>(
        &self,
        with: impl FnOnce(&Log<Note>) -> Result<T, DbError>,
    ) -> Result<T, DbError> {
        match &*self.indexed.log.read() {
            LogState::Open(log) => with(log),
            _ => Err(DbError::Closed {
                path: self.path.display().to_string(),
            }),
        }
    }

    /// The log's segments and what is known of their use.
    pub(super) fn segments(&self, snapshot: &DbSnapshot) -> Result<Vec<Candidate>, DbError> {
        let segments = self.with_log(|log| Ok(log.segments()))?;
        Ok(with_use(&segments, &snapshot.segments()?))
    }
}

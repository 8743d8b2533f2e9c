//! [`Layered`]: the rows of a database: changes in memory over an index file.

use std::mem;
use std::ops::Bound;
use std::sync::Arc;

use super::base::Base;
use super::file::Found;
use super::gate::Gate;
use super::ranked::Ranked;
use super::snapshot::{Changes, LayeredSnapshot};
use super::watermark::Watermark;
use crate::index::tables::{Rank, Rows, TableKey, TableRow, Tables, TablesError};

/// What the map and the bookkeeping take for a row beside the row itself.
const ROW_OVERHEAD: usize = 32 + size_of::<Rank>();

/// The rows of a database: changes in memory over an index file.
///
/// Changes are moved to the file in three steps, so that nobody waits for the file: they are
/// [cut](Self::cut) off, which makes room for new ones above them; written, by someone else; and when
/// they are durable [dropped](Self::settle), all at once.
#[derive(Debug)]
pub(crate) struct Layered<R: TableRow> {
    rows: LayeredSnapshot<R>,
    young: Load,
    old: Load,
    /// Up to where in the log everything is applied.
    applied: Option<Watermark>,
    /// The same for what was cut off.
    cut: Option<Watermark>,
    /// The same for what is in the file.
    flushed: Option<Watermark>,
    /// Whether the log was replayed to its end. Before, whoever opens the database is not to share the processor with a flush
    /// that can wait.
    is_open: bool,
    gate: Arc<Gate>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Load {
    /// About how much memory the changes take.
    weight: usize,
    /// The length of the frames that brought them.
    log_bytes: u64,
}

/// What of the rows is only in memory.
#[derive(Debug, Clone, Copy)]
pub(crate) struct InMemory {
    /// How many rows were changed that are not in the file.
    pub(crate) rows: usize,
    /// About how many bytes they take.
    pub(crate) bytes: usize,
    /// Up to where in the log everything is applied.
    pub(crate) applied: Option<Watermark>,
    /// Up to where the file follows the log.
    pub(crate) flushed: Option<Watermark>,
}

/// Changes to be moved to the file.
#[derive(Debug)]
pub(super) struct Cut<R: TableRow> {
    pub(super) changes: Changes<R>,
    pub(super) watermark: Watermark,
}

impl<R: TableRow> Layered<R> {
    /// What was found in the file, and no changes yet.
    pub(crate) fn new(found: Option<Found>, gate: Arc<Gate>) -> Self {
        let applied = found.as_ref().map(|found| found.watermark);
        Self {
            rows: LayeredSnapshot {
                young: Changes::new(),
                old: Changes::new(),
                base: found.map(|found| found.base),
                abandoned: None,
            },
            young: Load::default(),
            old: Load::default(),
            applied,
            cut: None,
            flushed: applied,
            is_open: false,
            gate,
        }
    }

    /// All rows as they are now.
    pub(crate) fn snapshot(&self) -> LayeredSnapshot<R> {
        self.rows.clone()
    }

    /// Takes note that everything below `applied` is applied. The last frame was `log_bytes` long.
    pub(crate) fn advance(&mut self, applied: Watermark, log_bytes: u64) {
        self.applied = Some(applied);
        self.young.log_bytes += log_bytes;
        self.tell();
    }

    /// Takes note that all of the log was replayed.
    pub(crate) fn opened(&mut self) {
        self.is_open = true;
        self.tell();
    }

    /// Up to where in the log everything is applied.
    pub(crate) fn applied(&self) -> Option<Watermark> {
        self.applied
    }

    /// Answers nothing any more, because a change could not be made. Nothing more gets into the file, so that the
    /// next open makes it.
    pub(crate) fn abandon(&mut self, error: TablesError) {
        self.rows.abandoned.get_or_insert(error);
    }

    /// Why nothing is answered any more, if it is so.
    pub(crate) fn abandoned(&self) -> Option<&TablesError> {
        self.rows.abandoned.as_ref()
    }

    /// How many bytes of the log are not in the file: what the next open would replay.
    pub(crate) fn tail_bytes(&self) -> u64 {
        self.old.log_bytes + self.young.log_bytes
    }

    /// What is not in the file.
    pub(crate) fn in_memory(&self) -> InMemory {
        InMemory {
            rows: self.rows.young.len() + self.rows.old.len(),
            bytes: self.young.weight + self.old.weight,
            applied: self.applied,
            flushed: self.flushed,
        }
    }

    /// Whether there is a file, or will be one, that does not follow the log up to `lsn` and could.
    pub(crate) fn lags(&self, lsn: u64) -> bool {
        if self.rows.abandoned.is_some() {
            return false;
        }
        let has_file = self.flushed.is_some() || self.cut.is_some();
        let is_behind = self.flushed.is_none_or(|flushed| flushed.lsn < lsn);
        has_file && is_behind && (self.cut.is_some() || !self.rows.young.is_empty())
    }

    /// About how much memory the changes take.
    #[cfg(test)]
    pub(super) fn weight(&self) -> usize {
        self.young.weight + self.old.weight
    }

    /// What is to be moved to the file next; the same again until it is [settled](Self::settle).
    pub(super) fn cut(&mut self) -> Option<Cut<R>> {
        if self.rows.abandoned.is_some() {
            return None;
        }
        if self.cut.is_none() && !self.rows.young.is_empty() {
            self.cut = self.applied;
        }
        let watermark = self.cut?;
        if self.rows.old.is_empty() {
            self.rows.old = mem::take(&mut self.rows.young);
            self.old = mem::take(&mut self.young);
            self.tell();
        }
        Some(Cut {
            changes: self.rows.old.clone(),
            watermark,
        })
    }

    /// Goes over to the file as it is now that what was cut off is in it. Gives back what need not be in
    /// memory any more.
    pub(super) fn settle(&mut self, base: Arc<Base>) -> Changes<R> {
        self.rows.base = Some(base);
        self.old = Load::default();
        self.flushed = self.cut.take();
        self.tell();
        mem::take(&mut self.rows.old)
    }

    /// Goes over to the same file, opened again.
    pub(super) fn rebase(&mut self, base: Option<Arc<Base>>) {
        self.rows.base = base;
    }

    fn change(&mut self, key: R::Key, row: Option<R>) {
        let of_key = key.weight() + ROW_OVERHEAD;
        let weight_of = |row: &Option<R>| row.as_ref().map_or(0, R::weight);
        self.young.weight += of_key + weight_of(&row);
        if let Some(before) = self.rows.young.insert(Ranked::new(key), row) {
            self.young.weight -= of_key + weight_of(&before);
        }
    }

    fn tell(&self) {
        let young = self.young.weight;
        let since = self.cut.or(self.flushed).map_or(1, |before| before.lsn);
        let applied = self.applied.map_or(0, |applied| applied.lsn);
        let records = match self.is_open && !self.rows.young.is_empty() {
            true => applied.saturating_sub(since),
            false => 0,
        };
        self.gate.tell(young, young + self.old.weight, records);
    }
}

impl<R: TableRow> Rows<R::Key, R> for Layered<R> {
    fn get(&self, key: &R::Key) -> Result<Option<R>, TablesError> {
        self.rows.get(key)
    }

    fn next(
        &self,
        after: Bound<&R::Key>,
        end: Bound<&R::Key>,
    ) -> Result<Option<(R::Key, R)>, TablesError> {
        self.rows.next(after, end)
    }

    fn scan(
        &self,
        start: Bound<&R::Key>,
        end: Bound<&R::Key>,
        visit: impl FnMut(&R::Key, &R) -> bool,
    ) -> Result<(), TablesError> {
        self.rows.scan(start, end, visit)
    }

    fn previous(
        &self,
        start: Bound<&R::Key>,
        before: Bound<&R::Key>,
    ) -> Result<Option<(R::Key, R)>, TablesError> {
        self.rows.previous(start, before)
    }
}

impl<R: TableRow> Tables<R::Key, R> for Layered<R> {
    fn put(&mut self, key: R::Key, row: R) {
        self.change(key, Some(row));
    }

    fn delete(&mut self, key: R::Key) {
        self.change(key, None);
    }
}

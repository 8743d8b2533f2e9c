//! [`DbStats`]: what a database consists of, and what it has done.

use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::db::compaction::with_use;
use crate::db::indexed::LogState;
use crate::db::{CompactionStats, Db, DbError, LogStats};
use crate::index::{Counts, INDEX_FILE};
use crate::log::{CacheStats, Latency, SegmentStats};
use crate::vfs::OpenMode;

/// What a database consists of, and what it has done since it was opened.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct DbStats {
    /// The log.
    pub log: LogStats,
    /// Its segments, in order.
    pub segments: Vec<SegmentUse>,
    /// How many threads have checkpoints.
    pub threads: u64,
    /// How many checkpoints they have. Those that a copy shares with its source count twice.
    pub checkpoints: u64,
    /// How many items there are.
    pub items: u64,
    /// What the store has.
    pub store: StoreStats,
    /// The index.
    pub index: IndexStats,
    /// Values in memory.
    pub cache: CacheStats,
    /// Blocks of compacted segments in memory, decompressed, and their directories. A value of those is looked for here
    /// after it was not among the values.
    pub blocks: CacheStats,
    /// How many commits were read from the log since it was opened, for values that were not in memory. A value that is
    /// stored as what changed takes several.
    pub commits_read: u64,
    /// How long commits were held back.
    pub back_pressure: BackPressure,
    /// What compaction has done.
    pub compaction: CompactionStats,
}

/// The long-term memory of a database.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoreStats {
    /// How many namespaces hold items.
    pub namespaces: u64,
    /// How many items there are, those that have expired and are not removed yet included.
    pub items: u64,
    /// About how many bytes their records take in the log, before compression. Of what is dead nobody knows any more whether it was an item.
    pub live_bytes: u64,
    /// By how many fields of items the index finds them.
    pub indexed_fields: u64,
    /// How many items expire some day, or have.
    pub expiring: u64,
    /// How many values are kept that items had before.
    pub past_values: u64,
    /// About how many bytes their records take in the log, before compression.
    pub past_bytes: u64,
}

impl StoreStats {
    fn new(counts: &Counts) -> Self {
        let store = counts.store;
        Self {
            namespaces: store.namespaces,
            items: counts.items,
            live_bytes: store.bytes,
            indexed_fields: store.fields,
            expiring: store.expiring,
            past_values: store.past,
            past_bytes: store.past_bytes,
        }
    }
}

/// How commits were held back since a database was opened, as too much of the index was only in memory
/// ([`DbOptions::index_memory_bytes`](crate::db::DbOptions::index_memory_bytes)).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct BackPressure {
    /// How often somebody waited.
    pub waits: u64,
    /// For how long in all.
    pub waited: Duration,
}

/// A segment of the log, and how much of it is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SegmentUse {
    /// What it is.
    pub segment: SegmentStats,
    /// How many bytes of its records nobody can look up any more. Values among them may be needed by others.
    pub dead_bytes: u64,
    /// How many bytes a compaction has left of such records, as others are made of their values.
    pub bound_bytes: u64,
}

/// The index of a database.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct IndexStats {
    /// How many changed rows are only in memory.
    pub rows_in_memory: u64,
    /// About how many bytes they take.
    pub bytes_in_memory: u64,
    /// How many records were committed that are not in the file.
    pub lag: u64,
    /// The length of the file in bytes; 0 if there is none.
    pub file_bytes: u64,
    /// How many rows, or ranges of them, were looked for in the file since it was opened.
    pub look_ups: u64,
    /// How many pages of 4 KiB had to be read for that, as they were not in memory.
    pub pages_read: u64,
}

impl DbStats {
    /// How many bytes of the log's records nobody can look up any more.
    pub fn dead_bytes(&self) -> u64 {
        self.segments.iter().map(|segment| segment.dead_bytes).sum()
    }

    /// How many bytes of the log are needed, with what frames them. [`Db::thread_stats`] tells whose they are; of what is dead
    /// nobody knows any more whose it was.
    pub fn live_bytes(&self) -> u64 {
        self.log.bytes.saturating_sub(self.dead_bytes())
    }

    /// How many bytes of such records compactions have left, as others are made of their values.
    pub fn bound_bytes(&self) -> u64 {
        let segments = self.segments.iter();
        segments.map(|segment| segment.bound_bytes).sum()
    }
}

impl Db {
    /// What the database consists of, and what it has done since it was opened. Goes through the rows of all threads and
    /// items, but not through histories; [`log_stats`](Self::log_stats) does not.
    ///
    /// # Errors
    /// [`DbError::Index`]; [`DbError::Closed`].
    pub fn stats(&self) -> Result<DbStats, DbError> {
        self.reclaim()?;
        let (log, segments, blocks) = match &*self.indexed().log.read() {
            LogState::Open(log) => (log.stats(), log.segments(), log.block_stats()),
            LogState::ReadOnly(log) => {
                let segments = log.segments();
                let stats = LogStats {
                    bytes: segments.iter().map(|segment| segment.bytes).sum(),
                    segments: u64::try_from(segments.len()).unwrap_or(u64::MAX),
                    commits: 0,
                    syncs: 0,
                    sync_latency: Latency::default(),
                };
                (stats, segments, log.block_stats())
            }
            _ => return Err(self.closed()),
        };
        let snapshot = self.snapshot();
        let segments = with_use(&segments, &snapshot.segments()?);
        let counts = snapshot.counts()?;
        Ok(DbStats {
            log,
            segments: segments
                .into_iter()
                .map(|segment| SegmentUse {
                    segment: segment.stats,
                    dead_bytes: segment.used.dead.min(segment.stats.bytes),
                    bound_bytes: segment.used.bound.min(segment.stats.bytes),
                })
                .collect(),
            threads: counts.threads,
            checkpoints: counts.checkpoints,
            items: counts.items,
            store: StoreStats::new(&counts),
            index: self.index_stats(),
            cache: self.hot().values().stats(),
            blocks,
            commits_read: self.frames_read().load(Ordering::Relaxed),
            back_pressure: {
                let waits = self.indexed().view.waits();
                BackPressure {
                    waits: waits.count,
                    waited: waits.time,
                }
            },
            compaction: self.compaction_stats(),
        })
    }

    /// What the log consists of, and what it has done since the database was opened. Costs next to nothing.
    ///
    /// # Errors
    /// [`DbError::ReadOnly`]; [`DbError::Closed`].
    pub fn log_stats(&self) -> Result<LogStats, DbError> {
        self.with_log(|log| Ok(log.stats()))
    }

    /// The segments of the log.
    pub(crate) fn segments(&self) -> Result<Vec<SegmentStats>, DbError> {
        match &*self.indexed().log.read() {
            LogState::Open(log) => Ok(log.segments()),
            LogState::ReadOnly(log) => Ok(log.segments()),
            _ => Err(self.closed()),
        }
    }

    fn index_stats(&self) -> IndexStats {
        let memory = self.indexed().view.with_rows(|rows| rows.in_memory());
        let applied = memory.applied.map_or(1, |watermark| watermark.lsn);
        let flushed = memory.flushed.map_or(1, |watermark| watermark.lsn);
        let file = self.root().join(INDEX_FILE);
        let file = self.vfs().open(&file, OpenMode::Read);
        let count = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
        IndexStats {
            rows_in_memory: count(memory.rows),
            bytes_in_memory: count(memory.bytes),
            lag: applied.saturating_sub(flushed),
            file_bytes: file.and_then(|file| file.len()).unwrap_or(0),
            look_ups: self.index_reads().look_ups.load(Ordering::Relaxed),
            pages_read: self.index_reads().pages.load(Ordering::Relaxed),
        }
    }
}

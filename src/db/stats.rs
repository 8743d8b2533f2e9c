//! [`DbStats`] and [`ThreadStats`]: what a database consists of, and what it has done.

use std::collections::BTreeMap;

use crate::db::compaction::with_use;
use crate::db::indexed::LogState;
use crate::db::{CompactionStats, Db, DbError, LogStats, Place};
use crate::index::{Found, Held, INDEX_FILE, Selection};
use crate::log::{Latency, SegmentStats};
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
    /// The index.
    pub index: IndexStats,
    /// What compaction has done.
    pub compaction: CompactionStats,
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
}

/// What a thread consists of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ThreadStats {
    /// How many checkpoints it has, in all namespaces.
    pub checkpoints: u64,
    /// How many bytes its values take in the log, those of pending writes included. What is inherited counts once.
    pub bytes: u64,
    /// What the checkpoints hold, by channel.
    pub channels: BTreeMap<String, ValueStats>,
    /// What tasks have written.
    pub writes: ValueStats,
}

/// Stored values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ValueStats {
    /// How many.
    pub values: u64,
    /// How many bytes they take in the log, before compression. A value that is stored as what changed counts with that.
    pub bytes: u64,
}

impl DbStats {
    /// How many bytes of the log's records nobody can look up any more.
    pub fn dead_bytes(&self) -> u64 {
        self.segments.iter().map(|segment| segment.dead_bytes).sum()
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
        let (log, segments) = match &*self.indexed().log.read() {
            LogState::Open(log) => (log.stats(), log.segments()),
            LogState::ReadOnly(log) => {
                let segments = log.segments();
                let stats = LogStats {
                    bytes: segments.iter().map(|segment| segment.bytes).sum(),
                    segments: u64::try_from(segments.len()).unwrap_or(u64::MAX),
                    commits: 0,
                    syncs: 0,
                    sync_latency: Latency::default(),
                };
                (stats, segments)
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
            index: self.index_stats(),
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

    fn index_stats(&self) -> IndexStats {
        let memory = self.indexed().view.with_rows(|rows| rows.in_memory());
        let applied = memory.applied.map_or(1, |watermark| watermark.lsn);
        let flushed = memory.flushed.map_or(1, |watermark| watermark.lsn);
        let file = self.path().join(INDEX_FILE);
        let file = self.vfs().open(&file, OpenMode::Read);
        let count = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
        IndexStats {
            rows_in_memory: count(memory.rows),
            bytes_in_memory: count(memory.bytes),
            lag: applied.saturating_sub(flushed),
            file_bytes: file.and_then(|file| file.len()).unwrap_or(0),
        }
    }

    /// What a thread consists of; `None` if there is no such thread. Reads its whole history.
    ///
    /// # Errors
    /// [`DbError::Log`] and its siblings if something cannot be read; [`DbError::Closed`].
    pub fn thread_stats(&self, thread: &str) -> Result<Option<ThreadStats>, DbError> {
        let snapshot = self.snapshot();
        let Some(found) = snapshot.thread(thread)? else {
            return Ok(None);
        };
        let mut stats = ThreadStats {
            checkpoints: found.life.checkpoints,
            ..ThreadStats::default()
        };
        let mut reader = self.reader();
        let mut list = snapshot.list(&Selection {
            thread: Some(thread),
            namespace: None,
            before: None,
        })?;
        while let Some(found) = list.next(true, |_| true)? {
            for (channel, place) in own_values(&found) {
                let bytes = reader.stored_bytes(place)?;
                stats
                    .channels
                    .entry(channel.to_owned())
                    .or_default()
                    .add(bytes);
            }
            for write in found.writes.iter().flat_map(|(_, writes)| &writes.writes) {
                // One that is stored elsewhere is counted there.
                if write.value.lsn().get() == write.origin.lsn {
                    stats.writes.add(reader.stored_bytes(&write.value)?);
                }
            }
        }
        let channels: u64 = stats.channels.values().map(|channel| channel.bytes).sum();
        stats.bytes = channels + stats.writes.bytes;
        Ok(Some(stats))
    }
}

impl ValueStats {
    fn add(&mut self, bytes: u64) {
        self.values += 1;
        self.bytes += bytes;
    }
}

/// The values that came with the checkpoint's own record.
fn own_values(found: &Found<Place>) -> impl Iterator<Item = (&str, &Place)> {
    let channels = found.entry.channels().iter();
    channels.filter_map(|channel| match &channel.held {
        Held::Value(place) if place.lsn().get() == found.entry.origin.lsn => {
            Some((&*channel.name, place))
        }
        _ => None,
    })
}

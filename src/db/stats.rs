//! [`DbStats`] and [`ThreadStats`]: what a database consists of, and what it has done.

use std::collections::{BTreeMap, HashSet};
use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::codec::{Stored, Value};
use crate::db::compaction::with_use;
use crate::db::indexed::LogState;
use crate::db::place::{At, ValueId};
use crate::db::reader::{Walking, follow};
use crate::db::{CompactionStats, Db, DbError, LogStats, Place, Reader};
use crate::delta::Op;
use crate::index::{Counts, Held, INDEX_FILE, Selection};
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
    /// What the store has.
    pub store: StoreStats,
    /// The index.
    pub index: IndexStats,
    /// Values in memory.
    pub cache: CacheStats,
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

/// The values that a database has in memory, and what they were good for since it was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CacheStats {
    /// How often a value was there that was asked for.
    pub hits: u64,
    /// How often one had to be read from the log.
    pub misses: u64,
    /// How many bytes they take.
    pub bytes: u64,
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

/// What a thread consists of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ThreadStats {
    /// How many checkpoints it has, in all namespaces.
    pub checkpoints: u64,
    /// How many bytes the values take in the log that only this thread needs, pending writes included. Each value counts
    /// once, and so do those that it is made of, whether or not their checkpoints are still there.
    pub bytes: u64,
    /// The same of values that other threads need as well, as one was copied from the other.
    pub shared_bytes: u64,
    /// What the checkpoints hold, by channel. A value that several channels are made of counts with one of them.
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
    /// How many bytes those take in the log, before compression, that only this thread needs. A value that is stored as what
    /// changed counts with that.
    pub bytes: u64,
    /// The same of those that other threads need as well.
    pub shared_bytes: u64,
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
            store: StoreStats::new(&counts),
            index: self.index_stats(),
            cache: self.hot().values().stats(),
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
            look_ups: self.index_reads().look_ups.load(Ordering::Relaxed),
            pages_read: self.index_reads().pages.load(Ordering::Relaxed),
        }
    }

    /// What a thread consists of; `None` if there is no such thread. Reads its whole history.
    ///
    /// # Errors
    /// [`DbError::Log`] and its siblings if something cannot be read; [`DbError::Closed`].
    pub fn thread_stats(&self, thread: &str) -> Result<Option<ThreadStats>, DbError> {
        let reader = self.reader();
        self.reclaim()?;
        let snapshot = self.snapshot();
        let Some(found) = snapshot.thread(thread)? else {
            return Ok(None);
        };
        let mut stats = ThreadStats {
            checkpoints: found.life.checkpoints,
            ..ThreadStats::default()
        };
        let mut counting = Counting {
            reader: &reader,
            own_from: snapshot.own_from(&found)?,
            seen: HashSet::new(),
        };
        let list = || {
            snapshot.clone().list(&Selection {
                thread: Some(thread),
                namespace: None,
                before: None,
            })
        };
        let mut with_writes = list()?;
        while let Some(found) = with_writes.next(true, |_| true)? {
            for write in found.writes.iter().flat_map(|(_, writes)| &writes.writes) {
                // One that is stored elsewhere is counted there.
                if write.value.lsn().get() == write.origin.lsn {
                    counting.count(&write.value, &mut stats.writes)?;
                }
            }
        }
        let mut checkpoints = list()?;
        while let Some(found) = checkpoints.next(false, |_| true)? {
            for channel in found.entry.channels() {
                if let Held::Value(place) = &channel.held {
                    let of = stats.channels.entry(channel.name.to_string()).or_default();
                    counting.count(place, of)?;
                }
            }
        }
        for part in stats.channels.values().chain([&stats.writes]) {
            stats.bytes += part.bytes;
            stats.shared_bytes += part.shared_bytes;
        }
        Ok(Some(stats))
    }
}

/// Counts stored values, each once.
struct Counting<'c> {
    reader: &'c Reader,
    /// What is older is seen by others, too.
    own_from: u64,
    seen: HashSet<ValueId>,
}

impl Counting<'_> {
    /// Counts a value and those that it is made of.
    fn count(&mut self, place: &Place, to: &mut ValueStats) -> Result<(), DbError> {
        let mut walking = Walking::default();
        let mut left = vec![At::from(place)];
        while let Some(at) = left.pop() {
            if !self.seen.insert(at.id()) {
                continue;
            }
            let value = self.reader.walk(&mut walking, at)?;
            for of in value.places() {
                left.push(follow(at, of)?);
            }
            let Some(bytes) = stored_bytes(&value) else {
                continue;
            };
            to.values += 1;
            match at.lsn().get() >= self.own_from {
                true => to.bytes += bytes,
                false => to.shared_bytes += bytes,
            }
        }
        Ok(())
    }
}

/// How many bytes a value takes where it is stored: those of its literals if it is a delta; `None` if it is stored elsewhere.
fn stored_bytes(value: &Stored) -> Option<u64> {
    let bytes = match value {
        Value::Whole(whole) => whole.bytes().len(),
        Value::Alias(_) => return None,
        Value::Delta(delta) => (delta.ops.iter())
            .map(|op| match op {
                Op::Literal(bytes) => bytes.len(),
                Op::CopyBase { .. } | Op::CopySource { .. } => 0,
            })
            .sum(),
    };
    Some(u64::try_from(bytes).unwrap_or(u64::MAX))
}

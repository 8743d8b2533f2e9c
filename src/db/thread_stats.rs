//! [`ThreadStats`]: what a thread consists of.

use std::collections::{BTreeMap, HashSet};

use crate::codec::{Stored, Value};
use crate::db::place::{At, ValueId};
use crate::db::reader::{Walking, follow};
use crate::db::{Db, DbError, Place, Reader};
use crate::delta::Op;
use crate::index::{Held, Selection};

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

impl Db {
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

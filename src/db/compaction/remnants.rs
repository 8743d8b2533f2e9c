//! What the records that go leave in the rows of their threads.

use std::collections::HashMap;

use crate::codec::{Record, Touched};
use crate::db::DbError;
use crate::db::compaction::marks::Marks;
use crate::db::view::DbSnapshot;
use crate::index::made_at;

/// What is left of threads' records, by the LSN of the record in whose place it is kept.
pub(super) type Remnants = HashMap<u64, Touched>;

/// Collects what records leave that go, in the order of the log.
///
/// What several records of a thread leave is kept in the place of the first of them, as far as neither a copy nor a deletion of the
/// thread lies between. What it raises there can be raised early: of what comes before the snapshot it is known that it
/// was taken.
pub(super) struct Collecting<'c> {
    snapshot: &'c DbSnapshot,
    marks: &'c Marks,
    open: HashMap<String, Open>,
    done: Remnants,
}

/// What a thread's records leave since its last copy or deletion.
struct Open {
    /// The LSN of the first record.
    place: u64,
    /// Of the thread's last change, and what it has pruned, as it is now.
    last_change: u64,
    pruned: Option<String>,
    touched: Touched,
}

impl<'c> Collecting<'c> {
    pub(super) fn new(snapshot: &'c DbSnapshot, marks: &'c Marks) -> Self {
        Self {
            snapshot,
            marks,
            open: HashMap::new(),
            done: HashMap::new(),
        }
    }

    /// Takes note of the next record.
    pub(super) fn record<V>(&mut self, lsn: u64, record: &Record<V>) -> Result<(), DbError> {
        let mut touched = Touched::default();
        match record {
            Record::ThreadCopied(copied) => {
                self.close(&copied.source);
                self.close(&copied.target);
                return Ok(());
            }
            Record::ThreadDeleted(deleted) => {
                self.close(&deleted.thread);
                return Ok(());
            }
            _ if self.marks.is_live(lsn) => return Ok(()),
            Record::CheckpointPut(put) => {
                touched.thread.clone_from(&put.thread);
                let made_at = made_at(&put.id);
                touched.greatest = made_at.is_some().then(|| put.id.clone());
                let at = made_at.or_else(|| put.ts.micros());
                touched.first = at.unwrap_or_default();
                touched.last = touched.first;
                touched.pruned = Some(put.id.clone());
            }
            Record::WritesPut(put) if !put.writes.is_empty() => {
                touched.thread.clone_from(&put.thread);
            }
            Record::Remnant(remnant) => match &remnant.touched {
                Some(before) => touched.clone_from(before),
                None => return Ok(()),
            },
            _ => return Ok(()),
        }
        self.touch(lsn, touched)
    }

    fn touch(&mut self, lsn: u64, touched: Touched) -> Result<(), DbError> {
        // When the thread was created may be told by a record that stays and lies between.
        let is_dated = (self.open.get(&touched.thread)).is_some_and(|open| open.touched.first > 0);
        if touched.first > 0 && !is_dated {
            self.close(&touched.thread);
        }
        if !self.open.contains_key(&touched.thread) {
            let life = self.snapshot.thread(&touched.thread)?.map(|of| of.life);
            let open = Open {
                place: lsn,
                last_change: life.as_ref().map_or(0, |life| life.lsn),
                pruned: life.and_then(|life| life.pruned).map(|id| id.to_string()),
                touched: Touched {
                    thread: touched.thread.clone(),
                    ..Touched::default()
                },
            };
            self.open.insert(touched.thread.clone(), open);
        }
        let Some(open) = self.open.get_mut(&touched.thread) else {
            return Ok(());
        };
        if open.last_change == lsn && open.place != lsn {
            let thread = touched.thread.clone();
            let touched = Touched {
                thread,
                ..Touched::default()
            };
            self.done.insert(lsn, touched);
        }
        let of = &mut open.touched;
        if of.first == 0 {
            of.first = touched.first;
        }
        of.last = of.last.max(touched.last);
        of.greatest = of.greatest.take().max(touched.greatest);
        // What was put again has not been pruned, but then something greater has.
        let pruned = touched.pruned.filter(|id| Some(id) <= open.pruned.as_ref());
        of.pruned = of.pruned.take().max(pruned);
        Ok(())
    }

    fn close(&mut self, thread: &str) {
        if let Some(open) = self.open.remove(thread) {
            self.done.insert(open.place, open.touched);
        }
    }

    /// All that is to be kept.
    pub(super) fn finish(self) -> Remnants {
        let mut done = self.done;
        done.extend(
            self.open
                .into_values()
                .map(|open| (open.place, open.touched)),
        );
        done
    }
}

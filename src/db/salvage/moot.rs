//! [`Moot`]: which losses nobody can miss, since what is lost was deleted or put again later.
//!
//! It must never leave out what somebody may still look up: where that is not plain, a loss is told.

use std::collections::{BTreeMap, BTreeSet};

use crate::codec::{Record, Stored};
use crate::db::Place;
use crate::db::salvage::{LostItem, SalvageReport};
use crate::index::{Key, MemTables, Row, Snapshot, TablesError};

/// How many losses of each kind were told of.
#[derive(Clone, Copy, Default)]
struct Told {
    values: usize,
    assumed: usize,
    writes: usize,
}

/// What is known of later records about what is lost.
#[derive(Default)]
pub(super) struct Moot {
    /// Threads that were copied: what they lost, a copy may lack as well.
    copied: BTreeSet<String>,
    /// Threads that were deleted, and what was told of until then.
    deleted: BTreeMap<String, Told>,
    /// The items that are lost, by namespace and key: whether they were put again or removed since.
    items: BTreeMap<(Vec<String>, String), bool>,
}

impl Moot {
    /// An item is lost.
    pub(super) fn lost_item(&mut self, namespace: &[String], key: &str) {
        self.items
            .insert((namespace.to_vec(), key.to_owned()), false);
    }

    /// A record is in the new database as it was, and the losses so far are in the report.
    pub(super) fn kept(&mut self, record: &Record<Stored>, report: &SalvageReport) {
        match record {
            Record::ThreadDeleted(deleted) => {
                let told = Told {
                    values: report.lost_values.len(),
                    assumed: report.assumed_values.len(),
                    writes: report.lost_writes.len(),
                };
                self.deleted.insert(deleted.thread.clone(), told);
            }
            Record::ThreadCopied(copied) => drop(self.copied.insert(copied.source.clone())),
            Record::ItemPut(put) => self.ended(&put.namespace, &put.key),
            Record::ItemDeleted(deleted) => self.ended(&deleted.namespace, &deleted.key),
            Record::ItemExpired(expired) => self.ended(&expired.namespace, &expired.key),
            _ => {}
        }
    }

    fn ended(&mut self, namespace: &[String], key: &str) {
        if self.items.is_empty() {
            return;
        }
        let name = (namespace.to_vec(), key.to_owned());
        if let Some(has_ended) = self.items.get_mut(&name) {
            *has_ended = true;
        }
    }

    /// Leaves in the report, in which the losses are in the order in which they were told, what may be missed in the new database,
    /// whose rows these are.
    pub(super) fn sort_out(
        mut self,
        report: &mut SalvageReport,
        rows: &Snapshot<Place, MemTables<Key, Row<Place>>>,
    ) -> Result<(), TablesError> {
        self.deleted
            .retain(|thread, _| !self.copied.contains(thread));
        let until = |thread: &str| self.deleted.get(thread).copied().unwrap_or_default();
        retain(&mut report.lost_values, |number, lost| {
            number >= until(&lost.thread).values
        });
        retain(&mut report.assumed_values, |number, assumed| {
            number >= until(&assumed.thread).assumed
        });
        retain(&mut report.lost_writes, |number, lost| {
            number >= until(&lost.thread).writes
        });

        let past = rows.history_rules()?;
        let missed = (self.items.into_iter())
            .filter(|((namespace, _), has_ended)| !has_ended || past.since(namespace).is_some())
            .map(|((namespace, key), _)| LostItem { namespace, key });
        report.lost_items = missed.collect();
        Ok(())
    }
}

/// Keeps what `keeps` says of each with its number.
fn retain<T>(list: &mut Vec<T>, keeps: impl Fn(usize, &T) -> bool) {
    let mut numbers = 0..;
    list.retain(|of| numbers.next().is_none_or(|number| keeps(number, of)));
}

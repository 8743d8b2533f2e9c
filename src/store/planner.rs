//! [`Planner`]: which of a filter's conditions finds the fewest items by the index, and whether that is worth it.
//!
//! What it finds may satisfy the filter; whether it does is for others to see.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::index::{ItemEntry, Key, Row, Rows, Snapshot, TablesError};
use crate::item_fields::Coverage;
use crate::store::Search;
use crate::store::explain::{Considered, Explain};
use crate::store::filter::{Need, Probe};

/// Candidates are counted so far first, and then so many times farther until a condition has no more.
const FIRST_LIMIT: usize = 256;
const FARTHER: usize = 4;

/// What it costs to look up a candidate, and to read a value, in rows that are gone through.
const LOOK_UP: u64 = 3;
const READ: u64 = 10;

/// An item by the number of its namespace, and its key.
type Found = BTreeSet<(usize, Arc<str>)>;

pub(super) struct Planner<'p, H, T> {
    rows: &'p Snapshot<H, T>,
    namespaces: Vec<Arc<[String]>>,
    explain: &'p mut Explain,
}

impl<'p, H: Clone, T: Rows<Key, Row<H>>> Planner<'p, H, T> {
    pub(super) fn new(
        rows: &'p Snapshot<H, T>,
        prefix: &[String],
        now: u64,
        explain: &'p mut Explain,
    ) -> Result<Self, TablesError> {
        let namespaces = rows.item_namespaces(prefix, now)?;
        explain.rows_read += wide(namespaces.len());
        Ok(Self {
            rows,
            namespaces,
            explain,
        })
    }

    /// The items that may satisfy the filter, expired ones as well, if the index is the way to find them.
    pub(super) fn find(
        &mut self,
        search: &Search,
        needs: &[Need],
    ) -> Result<Option<Vec<Arc<ItemEntry<H>>>>, TablesError> {
        // Each namespace is looked into for each condition.
        let many = wide(self.namespaces.len()).saturating_mul(8);
        if many > 512 && self.rows.count_items(&search.prefix, many)? < many {
            self.explain.rows_read += many;
            return Ok(None);
        }
        let Some((need, found)) = self.fewest(needs)? else {
            return Ok(None);
        };
        if !self.is_worth_it(search, wide(found.len()))? {
            return Ok(None);
        }
        self.explain.index = Some(need.paths());
        self.entries(&found).map(Some)
    }

    /// The condition that leaves the fewest items, and those.
    fn fewest<'n>(&mut self, needs: &'n [Need]) -> Result<Option<(&'n Need, Found)>, TablesError> {
        let mut limit = FIRST_LIMIT;
        loop {
            let mut best: Option<(&Need, Found)> = None;
            self.explain.considered.clear();
            for need in needs {
                let less = best.as_ref().map_or(limit, |(_, found)| found.len());
                let found = self.candidates(need, less)?;
                self.explain.considered.push(Considered {
                    paths: need.paths(),
                    items: found.as_ref().map(|found| wide(found.len())),
                });
                if let Some(found) = found {
                    best = Some((need, found));
                }
            }
            if best.is_some() || limit == usize::MAX || needs.is_empty() {
                return Ok(best);
            }
            limit = limit.saturating_mul(FARTHER);
        }
    }

    /// The items that a condition leaves, unless they are more than `limit`.
    fn candidates(&mut self, need: &Need, limit: usize) -> Result<Option<Found>, TablesError> {
        let any = match need {
            Need::Field(probe) => return self.probed(probe, limit),
            Need::Any(any) => any,
        };
        let mut all = Found::new();
        for needs in any {
            let mut fewest: Option<Found> = None;
            for need in needs {
                let less = fewest.as_ref().map_or(limit, BTreeSet::len);
                fewest = self.candidates(need, less)?.or(fewest);
            }
            let Some(fewest) = fewest else {
                return Ok(None);
            };
            all.extend(fewest);
        }
        Ok((all.len() <= limit).then_some(all))
    }

    /// The items with a field in one of some ranges, and those of which the index does not know that.
    fn probed(&mut self, probe: &Probe, limit: usize) -> Result<Option<Found>, TablesError> {
        let mut found = Found::new();
        let mut read = 0;
        let path = probe.path.as_str().into();
        for (number, namespace) in self.namespaces.iter().enumerate() {
            let mut add = |name: &Arc<str>| {
                read += 1;
                found.insert((number, Arc::clone(name)));
                found.len() <= limit
            };
            for range in &probe.ranges {
                (self.rows).items_by_field(namespace, &path, range, &mut add)?;
            }
            let is_unknown = |of: &Coverage| !of.covers(&probe.path);
            self.rows.items_in_part(namespace, is_unknown, &mut add)?;
            if found.len() > limit {
                break;
            }
        }
        self.explain.rows_read += read;
        Ok((found.len() <= limit).then_some(found))
    }

    /// Whether to look so many candidates up is less work than to go through all items.
    fn is_worth_it(&mut self, search: &Search, candidates: u64) -> Result<bool, TablesError> {
        let enough = candidates.saturating_mul(16).saturating_add(64);
        let all = self.rows.count_items(&search.prefix, enough)?;
        self.explain.rows_read += all;
        if all >= enough {
            return Ok(true);
        }
        let wanted = wide(search.limit.saturating_add(search.offset));
        let by_index = candidates * LOOK_UP + candidates.min(wanted) * READ;
        let expected = wanted.saturating_mul(all) / candidates.max(1);
        Ok(by_index < all.saturating_add(expected.min(all) * READ))
    }

    pub(super) fn entries(&mut self, found: &Found) -> Result<Vec<Arc<ItemEntry<H>>>, TablesError> {
        let mut entries = Vec::with_capacity(found.len());
        for (number, name) in found {
            if let Some(namespace) = self.namespaces.get(*number) {
                entries.extend(self.rows.item(namespace, name)?);
            }
        }
        self.explain.rows_read += wide(found.len());
        Ok(entries)
    }
}

/// Whether an item may satisfy these conditions, for all that its row says. Not for what it was.
pub(super) fn may_satisfy<H>(entry: &ItemEntry<H>, needs: &[Need]) -> bool {
    needs.iter().all(|need| match need {
        Need::Field(probe) => entry.may_have(&probe.path, &probe.ranges),
        Need::Any(any) => any.iter().any(|needs| may_satisfy(entry, needs)),
    })
}

pub(super) fn wide(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;

//! [`Reading`]: answering what reads, from the rows of an index.
//!
//! This module must never know where values are kept.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::Value;

use crate::codec::ItemTouched;
use crate::db::DbError;
use crate::index::{ItemEntry, Key, Row, Rows, Snapshot, TablesError, VectorTable};
use crate::store::cursor::Place;
use crate::store::filter::Need;
use crate::store::in_order::InOrder;
use crate::store::planner::{Planner, may_satisfy, wide};
use crate::store::ranking::Mode;
use crate::store::{
    Answer, Cursor, Explain, Get, Item, Moment, Op, Order, Page, Search, StoreError, StoreOptions,
    namespace,
};
use crate::time;

/// Refreshes that would move an expiry by less than this part of the item's life are left out: they would cost a write each.
const REFRESHED_PART: u64 = 128;

/// Answers what reads.
pub(super) struct Reading<'r, H, T, V> {
    pub(super) rows: &'r Snapshot<H, T>,
    /// Reads the value of an item.
    pub(super) value: V,
    /// Those of all items, if a query needs them.
    pub(super) vectors: &'r VectorTable,
    /// Those of the queries, by query.
    pub(super) queries: &'r HashMap<String, Vec<f32>>,
    /// Whether places in a log say nothing here.
    pub(super) moments_by_time: bool,
    pub(super) options: &'r StoreOptions,
    /// Microseconds since the Unix epoch.
    pub(super) now: u64,
    /// What was read and lives as long again from now on.
    pub(super) touched: Vec<ItemTouched>,
    /// How the last search was done.
    pub(super) explain: Explain,
}

impl<H, T, V> Reading<'_, H, T, V>
where
    H: Clone,
    T: Rows<Key, Row<H>>,
    V: FnMut(&ItemEntry<H>) -> Result<Value, StoreError>,
{
    /// The answer to `op`; to what writes only that it is done.
    pub(super) fn answer(&mut self, op: &Op) -> Result<Answer, StoreError> {
        Ok(match op {
            Op::Put(_) | Op::Delete { .. } => Answer::Done,
            Op::Get(get) => Answer::Item(self.get(get)?),
            Op::Search(search) => Answer::Page(self.search(search)?),
            Op::Count(search) => Answer::Count(self.count(search)?),
            Op::Explain(search) => {
                self.explain = Explain::default();
                let search = Search {
                    refresh_ttl: Some(false),
                    ..search.clone()
                };
                let found = self.search(&search)?.items.len();
                self.explain.found = wide(found);
                Answer::Explained(std::mem::take(&mut self.explain))
            }
            Op::History(of) => Answer::History(self.history(of)?),
            Op::ListNamespaces(query) => {
                let all = self.rows.item_namespaces(&query.below(), self.now);
                let all = all.map_err(DbError::from)?;
                let all = all.iter().map(AsRef::as_ref);
                Answer::Namespaces(namespace::select(all, query))
            }
        })
    }

    fn get(&mut self, get: &Get) -> Result<Option<Item>, StoreError> {
        if let Some(moment) = get.as_of {
            return self.get_at(get, self.moment(moment));
        }
        let found = self.rows.item(&get.namespace, &get.key);
        let Some(entry) = found.map_err(DbError::from)? else {
            return Ok(None);
        };
        if entry.is_expired(self.now) {
            return Ok(None);
        }
        let value = (self.value)(&entry)?;
        Ok(Some(self.read(&entry, value, get.refresh_ttl)))
    }

    fn moment(&self, moment: Moment) -> Moment {
        match self.moments_by_time {
            true => moment.by_time(),
            false => moment,
        }
    }

    fn search(&mut self, search: &Search) -> Result<Page, StoreError> {
        if let Some((query, mode)) = Mode::of(search, self.options)? {
            return self.ranked(search, query, mode);
        }
        let order = search.order;
        let after = match &search.after {
            Some(cursor) => Some(cursor.place_in(order)?),
            None => None,
        };
        let mut found = self.in_order(search, after)?;
        let needs = needs_of(search);
        let mut to_skip = search.offset;
        let mut page = Page::default();
        while page.items.len() < search.limit {
            let next = found.next(self.rows, &mut self.explain);
            let Some(entry) = next.map_err(DbError::from)? else {
                break;
            };
            if search.as_of.is_none() && entry.is_expired(self.now) {
                continue;
            }
            let entry = &*entry;
            if to_skip > 0 && search.filter.is_empty() {
                to_skip -= 1;
                continue;
            }
            if !may_satisfy(entry, &needs) {
                continue;
            }
            self.explain.values_read += 1;
            let value = (self.value)(entry)?;
            if !search.filter.matches(&value) {
                continue;
            }
            if to_skip > 0 {
                to_skip -= 1;
            } else {
                let item = match search.as_of {
                    None => self.read(entry, value, search.refresh_ttl),
                    Some(_) => item_of(entry, value),
                };
                page.items.push(item);
            }
        }
        if page.items.len() >= search.limit {
            let last = page.items.last();
            page.next = last.map(|item| Cursor::behind(item, order));
        }
        Ok(page)
    }

    /// The items that may satisfy the filter from a place on, in order.
    fn in_order(
        &mut self,
        search: &Search,
        after: Option<&Place>,
    ) -> Result<InOrder<H>, StoreError> {
        let mut found = match search.as_of {
            Some(moment) => self.found_at(search, self.moment(moment))?,
            None => match self.by_field(search).map_err(DbError::from)? {
                Some(found) => found,
                None => {
                    let (rows, explain) = (self.rows, &mut self.explain);
                    let rest = InOrder::begin(rows, search, after, explain);
                    match rest.map_err(DbError::from)? {
                        Some(rest) => return Ok(rest),
                        None => self.all(search).map_err(DbError::from)?,
                    }
                }
            },
        };
        let order = search.order;
        let place = |entry: &ItemEntry<H>| order.time(entry.created_at, entry.updated_at);
        if let Some(after) = after {
            found.retain(|entry| {
                let place = (place(entry), &*entry.namespace, &*entry.key);
                order.compare(place, after.parts()).is_gt()
            });
        }
        self.sort(order, &mut found);
        Ok(InOrder::All(found.into_iter()))
    }

    pub(super) fn sort(&self, order: Order, found: &mut [Arc<ItemEntry<H>>]) {
        found.sort_unstable_by(|a, b| {
            let time = |entry: &ItemEntry<H>| order.time(entry.created_at, entry.updated_at);
            let a = (time(a), &*a.namespace, &*a.key);
            order.compare(a, (time(b), &*b.namespace, &*b.key))
        });
    }

    fn count(&mut self, search: &Search) -> Result<u64, StoreError> {
        if let Some((query, Mode::Words)) = Mode::of(search, self.options)? {
            return self.count_ranked(search, query);
        }
        let mut count = 0;
        // All of them are wanted.
        let all = Search {
            limit: usize::MAX,
            ..search.clone()
        };
        let needs = needs_of(search);
        for entry in self.found(&all)? {
            if !may_satisfy(&entry, &needs) {
                continue;
            }
            if search.filter.is_empty() || search.filter.matches(&(self.value)(&entry)?) {
                count += 1;
            }
        }
        Ok(count)
    }

    /// The items that may satisfy the filter, in no order.
    pub(super) fn found(&mut self, search: &Search) -> Result<Vec<Arc<ItemEntry<H>>>, StoreError> {
        if let Some(moment) = search.as_of {
            return self.found_at(search, self.moment(moment));
        }
        let found = self.by_field(search).map_err(DbError::from)?;
        let mut found = match found {
            Some(found) => found,
            None => self.all(search).map_err(DbError::from)?,
        };
        found.retain(|entry| !entry.is_expired(self.now));
        Ok(found)
    }

    /// The same, with those that have expired, if it is less work to find them by a field.
    fn by_field(&mut self, search: &Search) -> Result<Option<Vec<Arc<ItemEntry<H>>>>, TablesError> {
        let needs = search.filter.needs();
        if needs.is_empty() {
            return Ok(None);
        }
        let mut planner = Planner::new(self.rows, &search.prefix, self.now, &mut self.explain)?;
        planner.find(search, &needs)
    }

    fn all(&mut self, search: &Search) -> Result<Vec<Arc<ItemEntry<H>>>, TablesError> {
        let all = self.rows.items_below(&search.prefix)?;
        self.explain.rows_read += wide(all.len());
        Ok(all)
    }

    /// An item that was asked for.
    pub(super) fn read(
        &mut self,
        entry: &ItemEntry<H>,
        value: Value,
        refresh: Option<bool>,
    ) -> Item {
        let mut expires_at = entry.expires_at();
        if let Some(life) = entry.life
            && refresh.unwrap_or_else(|| self.options.refreshes(&entry.namespace))
            && let Some(until) = outlives(self.now, life.expires_at, life.lifetime)
        {
            expires_at = Some(until);
            self.touched.push(ItemTouched {
                namespace: entry.namespace.to_vec(),
                key: entry.key.to_string(),
                put: entry.origin.lsn,
                at: self.now,
            });
        }
        Item {
            expires_at: expires_at.map(time::from_micros),
            ..item_of(entry, value)
        }
    }
}

/// Until when an item lives that is read at `now`, if that is worth noting. All in microseconds.
pub(super) fn outlives(now: u64, expires_at: u64, lifetime: u64) -> Option<u64> {
    let until = now.saturating_add(lifetime);
    let least = expires_at.saturating_add(lifetime / REFRESHED_PART);
    Some(until).filter(|until| *until > least)
}

/// What the rows of items tell of a search's filter; nothing of what items were.
pub(super) fn needs_of(search: &Search) -> Vec<Need> {
    match search.as_of {
        None => search.filter.needs(),
        Some(_) => Vec::new(),
    }
}

/// An item with its value.
pub(super) fn item_of<H>(entry: &ItemEntry<H>, value: Value) -> Item {
    Item {
        namespace: entry.namespace.to_vec(),
        key: entry.key.to_string(),
        value,
        created_at: time::from_micros(entry.created_at),
        updated_at: time::from_micros(entry.updated_at),
        expires_at: entry.expires_at().map(time::from_micros),
        score: None,
    }
}

//! [`Gathering`]: a page of items out of the rows that a table hands over in order.

use super::{Asked, Table, Unanswered, Wanted};
use crate::store::filter::Sieve;
use crate::store::planner::wide;
use crate::store::reading::outlives;
use crate::store::scratch::Loaded;
use crate::store::{Cursor, Item, Order, Page, Search, StoreError, StoreOptions};
use crate::time;

/// A place in an order: time (0 if it is not by time), namespace and key of an item.
pub(crate) type Place = (u64, Vec<String>, String);

/// Where a filter decides here, so many rows for each item that is wanted are asked for at once, at first.
const SPARE: usize = 4;
/// And so many at least.
const LEAST: usize = 64;

/// A page, as far as it is there.
pub(super) struct Gathering<'o> {
    options: &'o StoreOptions,
    now: u64,
    refresh: Option<bool>,
    pub(super) page: Page,
    pub(super) refreshed: Vec<(Vec<String>, String, u64)>,
    /// How many rows were looked at.
    pub(super) rows: u64,
}

impl Loaded {
    /// Whether it has not expired at a time.
    pub(super) fn is_alive(&self, at: u64) -> bool {
        self.expires_at.is_none_or(|expires| expires > at)
    }

    fn place(&self, order: Order) -> Place {
        let time = order.time(self.created_at, self.updated_at);
        (time, self.namespace.clone(), self.key.clone())
    }

    pub(super) fn into_item(self) -> Item {
        Item {
            namespace: self.namespace,
            key: self.key,
            value: self.value,
            created_at: time::from_micros(self.created_at),
            updated_at: time::from_micros(self.updated_at),
            expires_at: self.expires_at.map(time::from_micros),
            score: None,
        }
    }
}

impl<'o> Gathering<'o> {
    pub(super) fn new(options: &'o StoreOptions, now: u64, refresh: Option<bool>) -> Self {
        Self {
            options,
            now,
            refresh,
            page: Page::default(),
            refreshed: Vec::new(),
            rows: 0,
        }
    }

    /// An item that was asked for. It may live on.
    pub(super) fn read(&mut self, mut row: Loaded) -> Item {
        if let Some(expires_at) = row.expires_at
            && (self.refresh).unwrap_or_else(|| self.options.refreshes(&row.namespace))
        {
            let lifetime = row.lifetime;
            let lifetime = lifetime.unwrap_or_else(|| expires_at.saturating_sub(row.updated_at));
            if let Some(until) = outlives(self.now, expires_at, lifetime) {
                row.expires_at = Some(until);
                let name = (row.namespace.clone(), row.key.clone());
                self.refreshed.push((name.0, name.1, until));
            }
        }
        row.into_item()
    }
}

impl<'o, T: Table> Asked<'o, T> {
    /// The page that is asked for. Rows are asked for in portions, each behind the one before, so that the table need
    /// not put all in order to give some.
    pub(super) async fn gather(
        &mut self,
        search: &Search,
    ) -> Result<Gathering<'o>, Unanswered<T::Error>> {
        let order = search.order;
        let mut after: Option<Place> = match &search.after {
            Some(cursor) => {
                let (time, namespace, key) = cursor.place_in(order)?.parts();
                Some((time, namespace.to_vec(), key.to_owned()))
            }
            None => None,
        };
        self.check_kept(search).await?;
        let sieve = search.filter.sieve();
        // What was is not refreshed.
        let refresh = match search.as_of {
            Some(_) => Some(false),
            None => search.refresh_ttl,
        };
        let mut gathering = Gathering::new(self.options, self.now, refresh);
        let mut to_skip = search.offset;
        let wanted = search.limit.saturating_add(search.offset);
        let mut portion = match search.filter.is_empty() {
            true => wanted,
            false => wanted.saturating_mul(SPARE).max(LEAST),
        };
        while gathering.page.items.len() < search.limit {
            let wanted = Wanted {
                limit: Some(portion),
                ..self.wanted(search, sieve.as_ref(), after.as_ref())?
            };
            let (mut seen, mut last) = (0, None);
            let mut visit = |row: Loaded| {
                seen += 1;
                if seen == portion {
                    last = Some(row.place(order));
                }
                if !row.is_alive(wanted.alive_at) || !search.filter.matches(&row.value) {
                    return true;
                }
                if to_skip > 0 {
                    to_skip -= 1;
                    return true;
                }
                let item = gathering.read(row);
                gathering.page.items.push(item);
                gathering.page.items.len() < search.limit
            };
            let read = self.table.rows(&wanted, &mut visit).await;
            read.map_err(Unanswered::Table)?;
            gathering.rows += wide(seen);
            match last {
                Some(last) => after = Some(last),
                None => break,
            }
            portion = portion.saturating_mul(SPARE);
        }
        self.refreshed.append(&mut gathering.refreshed);
        if gathering.page.items.len() >= search.limit {
            let last = gathering.page.items.last();
            gathering.page.next = last.map(|item| Cursor::behind(item, order));
        }
        Ok(gathering)
    }

    pub(super) async fn count(&mut self, search: &Search) -> Result<u64, Unanswered<T::Error>> {
        self.check_kept(search).await?;
        let sieve = search.filter.sieve();
        let wanted = Wanted {
            order: None,
            ..self.wanted(search, sieve.as_ref(), None)?
        };
        let mut count = 0;
        let mut visit = |row: Loaded| {
            let counts = row.is_alive(wanted.alive_at) && search.filter.matches(&row.value);
            count += u64::from(counts);
            true
        };
        let read = self.table.rows(&wanted, &mut visit).await;
        read.map_err(Unanswered::Table)?;
        Ok(count)
    }

    /// All rows that `search` may find, in its order, behind a place.
    pub(super) fn wanted<'s>(
        &self,
        search: &'s Search,
        sieve: Option<&'s Sieve>,
        after: Option<&'s Place>,
    ) -> Result<Wanted<'s>, StoreError> {
        Ok(Wanted {
            prefix: &search.prefix,
            sieve,
            order: Some(search.order),
            after,
            limit: None,
            alive_at: search.as_of.map_or(self.now, |moment| moment.at),
            is_past: search.as_of.is_some(),
            is_ranked: false,
        })
    }
}

//! Answering what was.

use std::sync::Arc;

use serde_json::Value;

use crate::db::DbError;
use crate::index::{ItemEntry, Key, PastItem, Row, Rows, Then};
use crate::store::planner::wide;
use crate::store::reading::{Reading, item_of};
use crate::store::{
    Ended, Ending, Get, Item, ItemHistory, ItemVersion, Moment, Search, StoreError, Versions,
};
use crate::time;

impl<H, T, V> Reading<'_, H, T, V>
where
    H: Clone,
    T: Rows<Key, Row<H>>,
    V: FnMut(&ItemEntry<H>) -> Result<Value, StoreError>,
{
    pub(super) fn get_at(&mut self, get: &Get, moment: Moment) -> Result<Option<Item>, StoreError> {
        let found = self.rows.item_at(&get.namespace, &get.key, moment);
        let entry = known(&get.namespace, found.map_err(DbError::from)?)?;
        let item = entry.map(|entry| Ok(item_of(&entry, (self.value)(&entry)?)));
        item.transpose()
    }

    pub(super) fn found_at(
        &mut self,
        search: &Search,
        moment: Moment,
    ) -> Result<Vec<Arc<ItemEntry<H>>>, StoreError> {
        let found = self.rows.items_at(&search.prefix, moment);
        let found = known(&search.prefix, found.map_err(DbError::from)?)?;
        self.explain.rows_read += wide(found.len());
        Ok(found)
    }

    pub(super) fn history(&mut self, of: &ItemHistory) -> Result<Versions, StoreError> {
        let mut versions = Vec::new();
        let before = of.before.unwrap_or(u64::MAX);
        let now = self.rows.item(&of.namespace, &of.key);
        let now = (now.map_err(DbError::from)?).filter(|item| item.origin.lsn < before);
        if let Some(entry) = now.filter(|_| of.limit > 0) {
            let item = item_of(&entry, (self.value)(&entry)?);
            let expired = entry.expires_at().filter(|at| *at <= self.now);
            versions.push(ItemVersion {
                number: entry.origin.lsn,
                item,
                ended: expired.map(|at| Ended {
                    at: time::from_micros(at),
                    how: Ending::Expired,
                }),
            });
        }
        let limit = of.limit.saturating_sub(versions.len());
        let past = (self.rows).past_of_item(&of.namespace, &of.key, before, limit);
        for past in past.map_err(DbError::from)? {
            let item = item_of(&past.item, (self.value)(&past.item)?);
            versions.push(ItemVersion {
                number: past.item.origin.lsn,
                item,
                ended: Some(ended(&past)),
            });
        }
        let rules = self.rows.history_rules().map_err(DbError::from)?;
        let since = rules.since(&of.namespace);
        Ok(Versions {
            versions,
            kept_since: since.map(|(_, at)| time::from_micros(at)),
        })
    }
}

fn ended<H>(past: &PastItem<H>) -> Ended {
    let expired = past.item.expires_at().filter(|at| *at <= past.ended_at);
    let how = match (expired, past.was_removed) {
        (Some(_), _) => Ending::Expired,
        (None, true) => Ending::Deleted,
        (None, false) => Ending::Replaced,
    };
    Ended {
        at: time::from_micros(expired.unwrap_or(past.ended_at)),
        how,
    }
}

fn known<T>(namespace: &[String], then: Then<T>) -> Result<T, StoreError> {
    match then {
        Then::Known(found) => Ok(found),
        Then::NotKept(since) => Err(StoreError::NotKept {
            namespace: namespace.to_vec(),
            since: since.map(time::from_micros),
        }),
    }
}

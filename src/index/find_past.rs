//! Looking up what items were.

use std::ops::Bound;
use std::sync::Arc;

use crate::index::item_history::{HistoryRules, PastItem, behind_past, first_past};
use crate::index::{ItemEntry, Key, Row, Rows, Snapshot, TablesError};
use crate::moment::Moment;

/// What there was at a moment.
#[derive(Debug)]
pub(crate) enum Then<T> {
    Known(T),
    /// It may not be kept. It is from this time on, in microseconds since the Unix epoch, if at all.
    NotKept(Option<u64>),
}

impl<H: Clone, T: Rows<Key, Row<H>>> Snapshot<H, T> {
    pub(crate) fn history_rules(&self) -> Result<HistoryRules, TablesError> {
        HistoryRules::read(self.tables())
    }

    /// What an item was before the record `before`, newest first, at most `limit`.
    pub(crate) fn past_of_item(
        &self,
        namespace: &[String],
        key: &str,
        before: u64,
        limit: usize,
    ) -> Result<Vec<Arc<PastItem<H>>>, TablesError> {
        let mut found = Vec::new();
        self.each_past(namespace, key, before, |past| {
            if found.len() < limit {
                found.push(past);
            }
            found.len() < limit
        })?;
        Ok(found)
    }

    /// What items were, as far as it is kept, by namespace and key.
    pub(crate) fn past_items(&self) -> Result<Vec<Arc<PastItem<H>>>, TablesError> {
        let rules = self.history_rules()?;
        let mut found = Vec::new();
        let behind = behind_past();
        self.tables().scan(
            Bound::Included(&first_past(&[])),
            Bound::Excluded(&behind),
            |_, row| {
                if let Row::Past(past) = row
                    && rules.shows(past)
                {
                    found.push(Arc::clone(past));
                }
                true
            },
        )?;
        Ok(found)
    }

    /// Hands what an item was before the record `before` to `visit`, newest first, until it says false.
    fn each_past(
        &self,
        namespace: &[String],
        key: &str,
        before: u64,
        mut visit: impl FnMut(Arc<PastItem<H>>) -> bool,
    ) -> Result<(), TablesError> {
        let rules = self.history_rules()?;
        let (namespace, key): (Arc<[String]>, Arc<str>) = (namespace.into(), key.into());
        let of = |lsn| Key::Past(Arc::clone(&namespace), Arc::clone(&key), lsn);
        let first = of(0);
        let mut end = of(before);
        while let Some((at, row)) =
            (self.tables()).previous(Bound::Included(&first), Bound::Excluded(&end))?
        {
            let past = row.past()?;
            // Older ones ended before.
            if !rules.shows(&past) || !visit(past) {
                break;
            }
            end = at;
        }
        Ok(())
    }

    /// What an item was at a moment.
    pub(crate) fn item_at(
        &self,
        namespace: &[String],
        key: &str,
        moment: Moment,
    ) -> Result<Then<Option<Arc<ItemEntry<H>>>>, TablesError> {
        let item = self.item(namespace, key)?;
        if let Some(item) = &item
            && moment.has_begun(item)
        {
            return Ok(Then::Known(moment.alive(Arc::clone(item))));
        }
        let mut found = None;
        let before = moment.lsn.unwrap_or(u64::MAX);
        self.each_past(namespace, key, before, |past| {
            let has_begun = moment.has_begun(&past.item);
            if has_begun && moment.is_before_end(&past) {
                found = Some(Arc::clone(&past.item));
            }
            !has_begun
        })?;
        if let Some(item) = found {
            return Ok(Then::Known(moment.alive(item)));
        }
        if let Some(item) = item.filter(|item| moment.was_elsewhere(item)) {
            return Ok(Then::NotKept(Some(item.updated_at)));
        }
        let since = self.history_rules()?.since(namespace);
        Ok(moment.if_kept(since, None))
    }

    /// The items at or below a namespace as they were at a moment, in no order.
    pub(crate) fn items_at(
        &self,
        prefix: &[String],
        moment: Moment,
    ) -> Result<Then<Vec<Arc<ItemEntry<H>>>>, TablesError> {
        let rules = self.history_rules()?;
        let mut found = self.items_below(prefix)?;
        let elsewhere = found.iter().filter(|item| moment.was_elsewhere(item));
        if let Some(since) = elsewhere.map(|item| item.updated_at).max() {
            return Ok(Then::NotKept(Some(since)));
        }
        found.retain(|item| moment.has_begun(item));
        let mut from = Bound::Included(first_past(prefix));
        let behind = behind_past();
        while let Some((key, row)) =
            (self.tables()).next(from.as_ref(), Bound::Excluded(&behind))?
        {
            let past = row.past()?;
            if !past.item.namespace.starts_with(prefix) {
                break;
            }
            if rules.shows(&past) && moment.has_begun(&past.item) && moment.is_before_end(&past) {
                found.push(Arc::clone(&past.item));
            }
            from = Bound::Excluded(key);
        }
        found.retain(|item| !item.is_expired(moment.at));
        Ok(moment.if_kept(rules.since_below(prefix), found))
    }

    /// Whether the key of something that an item was later first came with the record `lsn`.
    pub(crate) fn is_first_of_past(
        &self,
        namespace: &[String],
        key: &str,
        lsn: u64,
    ) -> Result<bool, TablesError> {
        let of = |lsn| Key::Past(namespace.into(), key.into(), lsn);
        let next =
            (self.tables()).next(Bound::Excluded(&of(lsn)), Bound::Included(&of(u64::MAX)))?;
        let Some((_, row)) = next else {
            return Ok(false);
        };
        Ok(row.past()?.item.place == lsn)
    }

    /// By how much the history of a namespace can be cut: the greatest LSN up to which all that ended did so at `until` or before, in microseconds since the
    /// Unix epoch. `None` if nothing goes.
    pub(crate) fn past_until(
        &self,
        prefix: &[String],
        until: u64,
    ) -> Result<Option<u64>, TablesError> {
        let rules = self.history_rules()?;
        let (mut last_that_goes, mut first_that_stays) = (None, u64::MAX);
        self.tables().scan(
            Bound::Included(&first_past(prefix)),
            Bound::Excluded(&behind_past()),
            |key, row| {
                let (Key::Past(namespace, ..), Row::Past(past)) = (key, row) else {
                    return false;
                };
                if !namespace.starts_with(prefix) {
                    return false;
                }
                if rules.shows(past) && rules.governs(prefix, namespace) {
                    if past.ended_at > until {
                        first_that_stays = first_that_stays.min(past.ended);
                    } else {
                        last_that_goes = last_that_goes.max(Some(past.ended));
                    }
                }
                true
            },
        )?;
        let goes = |last: u64| last.min(first_that_stays.saturating_sub(1));
        let since = rules.since(prefix).map_or(0, |(lsn, _)| lsn);
        Ok(last_that_goes.map(goes).filter(|lsn| *lsn > since))
    }
}

impl Moment {
    fn has_begun<H>(self, item: &ItemEntry<H>) -> bool {
        match self.lsn {
            Some(lsn) => item.origin.lsn < lsn,
            None => item.updated_at <= self.at,
        }
    }

    /// Whether it was an item of another store then, of which it is not known what it was.
    fn was_elsewhere<H>(self, item: &ItemEntry<H>) -> bool {
        let was_moved = item.place == item.origin.lsn && item.created_at < item.updated_at;
        was_moved && self.lsn.is_none() && (item.created_at..item.updated_at).contains(&self.at)
    }

    fn is_before_end<H>(self, past: &PastItem<H>) -> bool {
        match self.lsn {
            Some(lsn) => past.ended >= lsn,
            None => past.ended_at > self.at,
        }
    }

    /// An item that was there, if it had not expired.
    fn alive<H>(self, item: Arc<ItemEntry<H>>) -> Option<Arc<ItemEntry<H>>> {
        Some(item).filter(|item| !item.is_expired(self.at))
    }

    fn if_kept<T>(self, since: Option<(u64, u64)>, found: T) -> Then<T> {
        let is_kept = since.is_some_and(|(lsn, at)| match self.lsn {
            Some(own) => own > lsn,
            None => self.at >= at,
        });
        match is_kept {
            true => Then::Known(found),
            false => Then::NotKept(since.map(|(_, at)| at)),
        }
    }
}

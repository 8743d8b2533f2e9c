//! What items were: kept beside them when they are replaced or removed, where that is said.
//!
//! For a namespace it is said since when, by LSN. What ended before is not shown any more, and its rows go in the background.
//! So what is forgotten, and when, follows from records alone.

use std::ops::Bound;
use std::sync::Arc;

use crate::codec::ItemHistorySet;
use crate::index::changes::Changes;
use crate::index::row::Origin;
use crate::index::{ItemEntry, Key, Row, Rows, TablesError};

/// What an item was from one record to another.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct PastItem<H> {
    /// Without fields and words: they have no rows.
    pub(crate) item: Arc<ItemEntry<H>>,
    /// The LSN of the record that replaced or removed it.
    pub(crate) ended: u64,
    /// Microseconds since the Unix epoch.
    pub(crate) ended_at: u64,
    /// Whether there was nothing under its key then.
    pub(crate) was_removed: bool,
}

/// Since when it is kept what items of a namespace were.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct HistoryRow {
    /// The LSN up to which what ended is not kept, and a time up to which all of that ended, in microseconds since the Unix epoch.
    /// `None`: nothing is kept.
    pub(crate) since: Option<(u64, u64)>,
    /// From where on there may be rows of what is not kept.
    pub(crate) reclaim: Option<Box<Key>>,
}

/// An LSN and a time, as in [`HistoryRow::since`].
type Since = (u64, u64);

/// A namespace, and since when it is kept what its items were.
type Rule = (Arc<[String]>, Option<Since>);

/// By namespace, since when it is kept what its items were, and those below it that have no rule of their own.
#[derive(Clone, Debug, Default)]
pub(crate) struct HistoryRules(Vec<Rule>);

/// Since when it is kept if there was no item before.
const FROM_THE_BEGINNING: Since = (0, 0);

/// How an item ended.
#[derive(Clone, Copy)]
pub(super) struct Ending {
    /// Of the record that replaced or removed it.
    pub(super) lsn: u64,
    /// Microseconds since the Unix epoch.
    pub(super) at: u64,
    pub(super) was_removed: bool,
}

impl HistoryRules {
    pub(crate) fn read<H>(tables: &impl Rows<Key, Row<H>>) -> Result<Self, TablesError> {
        let mut rules = Vec::new();
        let mut from = Bound::Included(Key::History(Arc::default()));
        let behind = behind_rules();
        while let Some((key, row)) = tables.next(from.as_ref(), Bound::Excluded(&behind))? {
            if let Key::History(namespace) = &key {
                rules.push((Arc::clone(namespace), row.history()?.since));
            }
            from = Bound::Excluded(key);
        }
        Ok(Self(rules))
    }

    /// Rules by namespace, each with a time since when it is kept, in microseconds since the Unix epoch, if it is.
    #[cfg(feature = "langgraph")]
    pub(crate) fn by_time(rules: impl Iterator<Item = (Vec<String>, Option<u64>)>) -> Self {
        let rules = rules.map(|(namespace, since)| (namespace.into(), since.map(|at| (0, at))));
        Self(rules.collect())
    }

    /// Those that were looked up before, or are now.
    pub(super) fn known<'k, H>(
        known: &'k mut Option<Self>,
        tables: &impl Rows<Key, Row<H>>,
    ) -> Result<&'k Self, TablesError> {
        if known.is_none() {
            *known = Some(Self::read(tables)?);
        }
        Ok(known.get_or_insert_default())
    }

    /// The rules, by namespace.
    pub(crate) fn all(&self) -> impl Iterator<Item = (&Arc<[String]>, Option<(u64, u64)>)> {
        self.0.iter().map(|(namespace, since)| (namespace, *since))
    }

    /// The rule that holds for a namespace, and the namespace that it was given for.
    fn rule(&self, namespace: &[String]) -> Option<&Rule> {
        let fitting = self.0.iter().filter(|(of, _)| namespace.starts_with(of));
        fitting.max_by_key(|(of, _)| of.len())
    }

    /// Whether the rule of `prefix` holds for a namespace.
    pub(crate) fn governs(&self, prefix: &[String], namespace: &[String]) -> bool {
        self.rule(namespace).is_some_and(|(of, _)| **of == *prefix)
    }

    /// Whether nothing was said, and there has never been an item.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Since when it is kept what items of a namespace were: an LSN and a time; `None` if it is not.
    pub(crate) fn since(&self, namespace: &[String]) -> Option<(u64, u64)> {
        if self.is_empty() {
            return Some(FROM_THE_BEGINNING);
        }
        self.rule(namespace).and_then(|(_, since)| *since)
    }

    /// The latest of those that hold for a namespace or one below it; `None` if there is one of which nothing is kept.
    pub(crate) fn since_below(&self, prefix: &[String]) -> Option<(u64, u64)> {
        let below = self.0.iter().filter(|(of, _)| of.starts_with(prefix));
        let mut all = below.map(|(_, since)| *since);
        let own = self.since(prefix)?;
        all.try_fold(own, |latest, since| {
            let since = since?;
            Some((latest.0.max(since.0), latest.1.max(since.1)))
        })
    }

    /// Whether what an item was is still kept.
    pub(crate) fn shows<H>(&self, past: &PastItem<H>) -> bool {
        let since = self.since(&past.item.namespace);
        since.is_some_and(|(lsn, _)| past.ended > lsn)
    }

    /// Keeps what an item was that ends, if that is said; else its records are dead.
    pub(super) fn end<H: Clone>(
        &self,
        changes: &mut Changes<H>,
        item: &ItemEntry<H>,
        ending: Ending,
    ) {
        if self.since(&item.namespace).is_none() {
            changes.died(item.origins());
            return;
        }
        let (namespace, name) = (Arc::clone(&item.namespace), Arc::clone(&item.key));
        let past = PastItem {
            item: Arc::new(ItemEntry {
                fields: Arc::default(),
                words: 0,
                ..item.clone()
            }),
            ended: ending.lsn,
            ended_at: ending.at,
            was_removed: ending.was_removed,
        };
        let key = Key::Past(namespace, name, item.origin.lsn);
        changes.put(key, Row::Past(Arc::new(past)));
    }
}

/// Takes note that there has been an item before it was said what is kept.
pub(super) fn begin<H>(changes: &mut Changes<H>) {
    let row = HistoryRow {
        since: None,
        reclaim: None,
    };
    changes.put(Key::History(Arc::default()), row.into());
}

pub(super) fn set<H>(
    tables: &impl Rows<Key, Row<H>>,
    new: &ItemHistorySet,
    origin: Origin,
) -> Result<Changes<H>, TablesError> {
    let key = Key::History(new.namespace.as_slice().into());
    let before = tables.get(&key)?.map(Row::history).transpose()?;
    let before_since = match &before {
        Some(row) => row.since,
        // What holds for a namespace above has held here.
        None => HistoryRules::read(tables)?.since(&new.namespace),
    };
    let since = match (new.since, before_since) {
        (None, _) => None,
        // What ended while nothing was kept is not there.
        (Some(_), None) => Some((origin.lsn, new.at)),
        (Some(lsn), Some((old, at))) if lsn.min(origin.lsn) > old => {
            Some((lsn.min(origin.lsn), at.max(new.at)))
        }
        (Some(_), old) => old,
    };
    let mut changes = Changes::default();
    let is_same = before.is_some() && since == before_since;
    if !is_same {
        let reclaim = Some(Box::new(first_past(&new.namespace)));
        changes.put(key, Row::from(HistoryRow { since, reclaim }));
    }
    Ok(changes)
}

/// Removes the rows of what is not kept any more, up to about `limit`, of the first namespace that has such.
pub(super) fn reclaim<H>(
    tables: &impl Rows<Key, Row<H>>,
    limit: usize,
    changes: &mut Changes<H>,
) -> Result<(), TablesError> {
    let mut rule = None;
    let mut next = Bound::Included(Key::History(Arc::default()));
    let behind = behind_rules();
    while let Some((key, row)) = tables.next(next.as_ref(), Bound::Excluded(&behind))? {
        let row = row.history()?;
        if let Key::History(namespace) = &key
            && let Some(from) = &row.reclaim
        {
            rule = Some((Arc::clone(namespace), (**from).clone(), row.since));
            break;
        }
        next = Bound::Excluded(key);
    }
    let Some((prefix, from, since)) = rule else {
        return Ok(());
    };
    let rules = HistoryRules::read(tables)?;
    let behind = behind_past();
    let mut from = Bound::Included(from);
    let mut reclaim = None;
    for seen in 0.. {
        let Some((key, row)) = tables.next(from.as_ref(), Bound::Excluded(&behind))? else {
            break;
        };
        let past = row.past()?;
        if !past.item.namespace.starts_with(&prefix) {
            break;
        }
        if seen >= limit {
            reclaim = Some(Box::new(key));
            break;
        }
        if rules.governs(&prefix, &past.item.namespace) && !rules.shows(&past) {
            changes.died(past.item.origins());
            changes.set(key.clone(), None);
        }
        from = Bound::Excluded(key);
    }
    changes.put(
        Key::History(prefix),
        Row::from(HistoryRow { since, reclaim }),
    );
    Ok(())
}

pub(super) fn first_past(namespace: &[String]) -> Key {
    Key::Past(namespace.into(), Arc::default(), 0)
}

pub(super) fn behind_past() -> Key {
    Key::History(Arc::default())
}

fn behind_rules() -> Key {
    Key::Recent(Arc::default(), 0, Arc::default())
}

//! The rows by which namespaces are listed: for each that has items how many there are, and when the last one was put.

use std::ops::Bound;
use std::sync::Arc;

use crate::index::changes::Changes;
use crate::index::row::wrong;
use crate::index::{ItemEntry, Key, Row, Rows, Snapshot, TablesError};

/// The items of a namespace.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ItemsHere {
    pub(crate) items: u64,
    /// How many of them expire some day.
    pub(crate) expiring: u64,
    /// None of them was put after this, in microseconds since the Unix epoch. Perhaps none was put then either, as that one may have gone.
    pub(crate) newest: u64,
}

/// A namespace, and a time after which none of its items was put, in microseconds since the Unix epoch.
pub(crate) type Aged = (Arc<[String]>, u64);

/// Changes the row of the namespace of an item that was one way, and is to be another.
pub(super) fn change<H: Clone>(
    changes: &mut Changes<H>,
    tables: &impl Rows<Key, Row<H>>,
    before: Option<&ItemEntry<H>>,
    after: Option<&ItemEntry<H>>,
) -> Result<(), TablesError> {
    let Some(of) = before.or(after) else {
        return Ok(());
    };
    let key = Key::ItemsHere(Arc::clone(&of.namespace));
    let mut here = match tables.get(&key)? {
        Some(Row::ItemsHere(here)) => here,
        None => ItemsHere::default(),
        Some(_) => return Err(wrong()),
    };
    let one = |of: Option<&ItemEntry<H>>| u64::from(of.is_some());
    let expires = |of: Option<&ItemEntry<H>>| u64::from(of.is_some_and(|of| of.life.is_some()));
    here.items = (here.items + one(after)).saturating_sub(one(before));
    here.expiring = (here.expiring + expires(after)).saturating_sub(expires(before));
    here.newest = here.newest.max(after.map_or(0, |after| after.updated_at));
    changes.set(key, (here.items > 0).then_some(Row::ItemsHere(here)));
    Ok(())
}

impl<H: Clone, T: Rows<Key, Row<H>>> Snapshot<H, T> {
    /// Hands the namespaces at or below another one that hold items, expired ones as well, to `visit`, sorted, until it says false.
    fn namespaces_with_items(
        &self,
        below: &[String],
        mut visit: impl FnMut(&Arc<[String]>, ItemsHere) -> bool,
    ) -> Result<(), TablesError> {
        self.tables().scan(
            Bound::Included(&Key::ItemsHere(below.into())),
            Bound::Unbounded,
            |key, row| match (key, row) {
                (Key::ItemsHere(namespace), Row::ItemsHere(here))
                    if namespace.starts_with(below) =>
                {
                    visit(namespace, *here)
                }
                _ => false,
            },
        )
    }

    /// The namespaces at or below another one that hold items which have not expired at `now`, sorted.
    pub(crate) fn item_namespaces(
        &self,
        below: &[String],
        now: u64,
    ) -> Result<Vec<Arc<[String]>>, TablesError> {
        let (mut namespaces, mut failed) = (Vec::new(), None);
        self.namespaces_with_items(below, |namespace, here| {
            // One that does not expire is there.
            let is_there = match here.expiring < here.items {
                true => Ok(true),
                false => self.has_items(namespace, now),
            };
            match is_there {
                Ok(true) => namespaces.push(Arc::clone(namespace)),
                Ok(false) => {}
                Err(error) => failed = Some(error),
            }
            failed.is_none()
        })?;
        failed.map_or(Ok(namespaces), Err)
    }

    /// Whether a namespace holds an item that has not expired at `now`.
    fn has_items(&self, namespace: &Arc<[String]>, now: u64) -> Result<bool, TablesError> {
        let mut found = false;
        self.tables().scan(
            Bound::Included(&Key::Item(Arc::clone(namespace), Arc::default())),
            Bound::Excluded(&Key::behind_items()),
            |_, row| match row {
                Row::Item(item) if item.namespace == *namespace => {
                    found = !item.is_expired(now);
                    !found
                }
                _ => false,
            },
        )?;
        Ok(found)
    }

    /// The namespaces at or below another one that hold items, expired ones as well, each with a time after which none of them was put.
    pub(crate) fn namespaces_by_age(&self, below: &[String]) -> Result<Vec<Aged>, TablesError> {
        let mut namespaces = Vec::new();
        self.namespaces_with_items(below, |namespace, here| {
            namespaces.push((Arc::clone(namespace), here.newest));
            true
        })?;
        Ok(namespaces)
    }

    /// How many items there are at or below a namespace, expired ones as well, or `limit` if there are more.
    pub(crate) fn count_items(&self, prefix: &[String], limit: u64) -> Result<u64, TablesError> {
        let mut count: u64 = 0;
        self.namespaces_with_items(prefix, |_, here| {
            count = count.saturating_add(here.items);
            count < limit
        })?;
        Ok(count.min(limit))
    }
}

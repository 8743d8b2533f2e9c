//! Looking items up.

use std::ops::Bound;
use std::sync::Arc;

use crate::index::item_history::{behind_past, first_past};
use crate::index::items::{behind_expiries, first_expiry};
use crate::index::row::wrong;
use crate::index::{ItemEntry, Key, Row, Rows, Snapshot, TablesError};
use crate::item_fields::{Coverage, FieldRange, ScalarKey};

impl<H: Clone, T: Rows<Key, Row<H>>> Snapshot<H, T> {
    pub(crate) fn item(
        &self,
        namespace: &[String],
        key: &str,
    ) -> Result<Option<Arc<ItemEntry<H>>>, TablesError> {
        let row = self
            .tables()
            .get(&Key::Item(namespace.into(), key.into()))?;
        row.map(Row::item).transpose()
    }

    /// The items at or below a namespace, by namespace and key, expired ones as well.
    pub(crate) fn items_below(
        &self,
        prefix: &[String],
    ) -> Result<Vec<Arc<ItemEntry<H>>>, TablesError> {
        let mut items = Vec::new();
        let mut failed = None;
        self.tables().scan(
            Bound::Included(&Key::Item(prefix.into(), Arc::default())),
            Bound::Excluded(&Key::behind_items()),
            |_, row| match row {
                Row::Item(item) if item.namespace.starts_with(prefix) => {
                    items.push(Arc::clone(item));
                    true
                }
                Row::Item(_) => false,
                _ => {
                    failed = Some(wrong());
                    false
                }
            },
        )?;
        failed.map_or(Ok(items), Err)
    }

    /// Items that have expired at `now`, the first that did, at most `limit`.
    pub(crate) fn expired_items(
        &self,
        now: u64,
        limit: usize,
    ) -> Result<Vec<Arc<ItemEntry<H>>>, TablesError> {
        let mut keys = Vec::new();
        self.tables().scan(
            Bound::Included(&first_expiry()),
            Bound::Excluded(&behind_expiries()),
            |key, _| match key {
                Key::Expiry(at, namespace, name) if *at <= now && keys.len() < limit => {
                    keys.push(Key::Item(Arc::clone(namespace), Arc::clone(name)));
                    true
                }
                _ => false,
            },
        )?;
        keys.iter()
            .map(|key| self.tables().get(key)?.ok_or_else(wrong)?.item())
            .collect()
    }

    /// Items at or below a namespace in the order of namespace and key, from `from` on, at most about `limit`, expired ones as well.
    pub(crate) fn items_from(
        &self,
        prefix: &[String],
        from: Bound<&Key>,
        limit: usize,
    ) -> Result<Vec<Arc<ItemEntry<H>>>, TablesError> {
        let mut items = Vec::new();
        let behind = Key::behind_items();
        (self.tables()).scan(from, Bound::Excluded(&behind), |_, row| match row {
            Row::Item(item) if item.namespace.starts_with(prefix) => {
                items.push(Arc::clone(item));
                items.len() < limit
            }
            _ => false,
        })?;
        Ok(items)
    }

    /// The first item of a namespace behind `from` in the order of their last puts, newest first: the key of that, and the item's name.
    pub(crate) fn next_recent(
        &self,
        namespace: &[String],
        from: Bound<&Key>,
    ) -> Result<Option<(Key, Arc<str>)>, TablesError> {
        let next = self.tables().next(from, Bound::Unbounded)?;
        Ok(match next {
            Some((Key::Recent(of, before, name), _)) if *of == *namespace => {
                let key = Key::Recent(of, before, Arc::clone(&name));
                Some((key, name))
            }
            _ => None,
        })
    }

    /// Hands the keys of the items of a namespace that have a field with this path in `range` to `visit`, until it says false.
    pub(crate) fn items_by_field(
        &self,
        namespace: &Arc<[String]>,
        path: &Arc<str>,
        range: &FieldRange,
        mut visit: impl FnMut(&Arc<str>) -> bool,
    ) -> Result<(), TablesError> {
        let key = |scalar: &ScalarKey| {
            let (namespace, path) = (Arc::clone(namespace), Arc::clone(path));
            Key::Field(namespace, path, scalar.clone(), Arc::default())
        };
        if range.from >= range.to {
            return Ok(());
        }
        self.tables().scan(
            Bound::Included(&key(&range.from)),
            Bound::Excluded(&key(&range.to)),
            |key, _| match key {
                Key::Field(.., name) => visit(name),
                _ => false,
            },
        )
    }

    /// Hands the keys of the items of a namespace to `visit` of which not all fields are here whose coverage is `wanted`, until it says
    /// false.
    pub(crate) fn items_in_part(
        &self,
        namespace: &Arc<[String]>,
        mut wanted: impl FnMut(&Coverage) -> bool,
        mut visit: impl FnMut(&Arc<str>) -> bool,
    ) -> Result<(), TablesError> {
        let first = |coverage: Arc<[u8]>| {
            Bound::Included(Key::Partial(
                Arc::clone(namespace),
                coverage,
                Arc::default(),
            ))
        };
        let end = first_expiry();
        let mut from = first([].into());
        let mut known: Option<(Arc<[u8]>, bool)> = None;
        while let Some((key, _)) = self.tables().next(from.as_ref(), Bound::Excluded(&end))? {
            let Key::Partial(of, coverage, name) = &key else {
                return Err(wrong());
            };
            if of != namespace {
                break;
            }
            let is_wanted = match &known {
                Some((known, is_wanted)) if known == coverage => *is_wanted,
                _ => wanted(&Coverage::decode(coverage).ok_or_else(wrong)?),
            };
            known = Some((Arc::clone(coverage), is_wanted));
            if !is_wanted {
                // All with this coverage are passed over.
                from = first(coverage.iter().copied().chain([0]).collect());
                continue;
            }
            if !visit(name) {
                break;
            }
            from = Bound::Excluded(key);
        }
        Ok(())
    }

    /// Whether it is kept of any item what it was.
    pub(crate) fn has_past_items(&self) -> Result<bool, TablesError> {
        let (first, behind) = (first_past(&[]), behind_past());
        let next = (self.tables()).next(Bound::Included(&first), Bound::Excluded(&behind))?;
        Ok(next.is_some())
    }

    /// Whether any item expires some day.
    pub(crate) fn has_expiring_items(&self) -> Result<bool, TablesError> {
        let (first, behind) = (first_expiry(), behind_expiries());
        let next = (self.tables()).next(Bound::Included(&first), Bound::Excluded(&behind))?;
        Ok(next.is_some())
    }
}

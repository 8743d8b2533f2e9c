//! The rows by which items are found otherwise than by their keys: by their fields, and by when they expire.
//!
//! An item's row has the bytes of its fields, so that their rows can be removed without reading the value: the
//! [coverage](crate::item_fields::Coverage), empty if it is whole, then the scalars, each with its path unless it is the one before.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::index::bytes::{bytes, list, put_bytes, put_length, text};
use crate::index::changes::Changes;
use crate::index::row::wrong;
use crate::index::{ItemEntry, Key, Row, TablesError};
use crate::item_fields::{Coverage, FieldRange, ItemFields, ScalarKey};

/// Fields as an item's row has them.
pub(super) fn encode(fields: &ItemFields) -> Arc<[u8]> {
    let mut to = Vec::new();
    let coverage = match fields.coverage.is_whole() {
        true => Vec::new(),
        false => fields.coverage.encode(),
    };
    if coverage.is_empty() && fields.scalars.is_empty() {
        return to.into();
    }
    put_bytes(&mut to, &coverage);
    put_length(&mut to, fields.scalars.len());
    let mut last = "";
    for (path, scalar) in &fields.scalars {
        put_length(&mut to, usize::from(**path != *last));
        if **path != *last {
            put_bytes(&mut to, path.as_bytes());
        }
        put_bytes(&mut to, &scalar.0);
        last = path;
    }
    to.into()
}

/// How many fields these are.
pub(super) fn count(mut fields: &[u8]) -> u64 {
    let from = &mut fields;
    let count = bytes(from).and_then(|_| crate::index::number(from));
    count.unwrap_or_default()
}

impl<H> ItemEntry<H> {
    /// Whether it may have a field with this path in one of some ranges, for all that its row says. Not of what it was: that has no fields here.
    pub(crate) fn may_have(&self, path: &str, ranges: &[FieldRange]) -> bool {
        has(&self.fields, path, ranges).unwrap_or(true)
    }
}

/// Whether these fields have one with this path in one of some ranges, or may be without one that is there. `None` if they are none.
fn has(mut fields: &[u8], path: &str, ranges: &[FieldRange]) -> Option<bool> {
    let from = &mut fields;
    if from.is_empty() {
        return Some(false);
    }
    let coverage = bytes(from)?;
    if !coverage.is_empty() && !Coverage::decode(coverage)?.covers(path) {
        return Some(true);
    }
    let mut last = "";
    for _ in 0..crate::index::number(from)? {
        if crate::index::number(from)? == 1 {
            last = text(from)?;
        }
        let scalar = bytes(from)?;
        let is_within = |range: &FieldRange| *range.from.0 <= *scalar && *scalar < *range.to.0;
        if last == path && ranges.iter().any(is_within) {
            return Some(true);
        }
    }
    Some(false)
}

/// The rows of an item beside its own.
fn marks<H>(entry: &ItemEntry<H>) -> Option<BTreeSet<Key>> {
    let mut marks = BTreeSet::from_iter(entry.expiry_key());
    marks.insert(entry.recent_key());
    let from = &mut &*entry.fields;
    if from.is_empty() {
        return Some(marks);
    }
    let (namespace, name) = (&entry.namespace, &entry.key);
    let coverage = bytes(from)?;
    if !coverage.is_empty() {
        let (namespace, name) = (Arc::clone(namespace), Arc::clone(name));
        marks.insert(Key::Partial(namespace, coverage.into(), name));
    }
    let mut last: Arc<str> = Arc::default();
    let scalars = list(from, |from| {
        if crate::index::number(from)? == 1 {
            last = text(from)?.into();
        }
        Some((Arc::clone(&last), ScalarKey(bytes(from)?.into())))
    })?;
    marks.extend(
        scalars.into_iter().map(|(path, scalar)| {
            Key::Field(Arc::clone(namespace), path, scalar, Arc::clone(name))
        }),
    );
    from.is_empty().then_some(marks)
}

/// Changes the rows of an item that was one way, and is to be another.
pub(super) fn change<H>(
    changes: &mut Changes<H>,
    before: Option<&ItemEntry<H>>,
    after: Option<&ItemEntry<H>>,
) -> Result<(), TablesError> {
    let of = |entry: Option<&ItemEntry<H>>| match entry {
        Some(entry) => marks(entry).ok_or_else(wrong),
        None => Ok(BTreeSet::new()),
    };
    let (before, mut after) = (of(before)?, of(after)?);
    for key in before {
        if !after.remove(&key) {
            changes.set(key, None);
        }
    }
    after
        .into_iter()
        .for_each(|key| changes.put(key, Row::Mark));
    Ok(())
}

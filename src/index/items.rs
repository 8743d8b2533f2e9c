//! The items of the long-term memory: what records change.

use std::sync::Arc;

use crate::codec::{ItemDeleted, ItemExpired, ItemPut, ItemTouched};
use crate::index::changes::Changes;
use crate::index::item_history::{Ending, HistoryRules};
use crate::index::row::Origin;
use crate::index::{
    Key, Reason, Row, Rows, TablesError, Unapplied, item_marks, item_namespaces, item_words,
};
use crate::item_fields::ItemFields;
use crate::item_words::ItemWords;

/// What the index knows of one item.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ItemEntry<H> {
    pub(crate) namespace: Arc<[String]>,
    pub(crate) key: Arc<str>,
    pub(crate) value: H,
    /// The vectors of its texts.
    pub(crate) vectors: Option<H>,
    /// How many words its texts have.
    pub(crate) words: u32,
    /// Microseconds since the Unix epoch.
    pub(crate) created_at: u64,
    /// Microseconds since the Unix epoch.
    pub(crate) updated_at: u64,
    /// The LSN of the record that its key first came with, and with it its time of creation.
    pub(crate) place: u64,
    pub(crate) origin: Origin,
    /// `None`: it does not expire.
    pub(crate) life: Option<ItemLife>,
    /// What rows there are of its fields, as [bytes](crate::index::item_marks).
    pub(crate) fields: Arc<[u8]>,
}

/// How long an item lives.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct ItemLife {
    /// Microseconds from each time that it is put or touched.
    pub(crate) lifetime: u64,
    /// Microseconds since the Unix epoch. From this moment on it is gone.
    pub(crate) expires_at: u64,
    /// The record that touched it last.
    pub(crate) touched: Option<Origin>,
}

impl<H> ItemEntry<H> {
    /// Microseconds since the Unix epoch.
    pub(crate) fn expires_at(&self) -> Option<u64> {
        self.life.map(|life| life.expires_at)
    }

    /// Whether it is gone at `now`, in microseconds since the Unix epoch.
    pub(crate) fn is_expired(&self, now: u64) -> bool {
        self.life.is_some_and(|life| life.expires_at <= now)
    }

    /// The records that it needs.
    pub(super) fn origins(&self) -> impl Iterator<Item = Origin> {
        let touched = self.life.and_then(|life| life.touched);
        [self.origin].into_iter().chain(touched)
    }

    pub(super) fn item_key(&self) -> Key {
        Key::Item(Arc::clone(&self.namespace), Arc::clone(&self.key))
    }

    pub(super) fn recent_key(&self) -> Key {
        let (namespace, key) = (Arc::clone(&self.namespace), Arc::clone(&self.key));
        Key::Recent(namespace, u64::MAX - self.updated_at, key)
    }

    pub(super) fn expiry_key(&self) -> Option<Key> {
        let of = |life: ItemLife| {
            let (namespace, key) = (Arc::clone(&self.namespace), Arc::clone(&self.key));
            Key::Expiry(life.expires_at, namespace, key)
        };
        self.life.map(of)
    }
}

pub(super) fn put<H, V>(
    tables: &impl Rows<Key, Row<H>>,
    history: &HistoryRules,
    (new, origin): (&ItemPut<V>, Origin),
    mut handle: impl FnMut(&V) -> H,
) -> Result<Changes<H>, TablesError>
where
    H: Clone,
{
    let no_words = ItemWords::default();
    let words = new.ranked.words.as_ref().unwrap_or(&no_words);
    let mut entry = ItemEntry {
        namespace: new.namespace.as_slice().into(),
        key: new.key.as_str().into(),
        value: handle(&new.value),
        vectors: new.ranked.vectors.as_ref().map(handle),
        words: words.length,
        created_at: new.moved.map_or(new.at, |moved| moved.created),
        updated_at: new.at,
        place: origin.lsn,
        origin,
        life: new.lifetime.map(|lifetime| ItemLife {
            lifetime,
            expires_at: (new.moved.and_then(|moved| moved.expires))
                .unwrap_or_else(|| new.at.saturating_add(lifetime)),
            touched: None,
        }),
        fields: new.fields.as_ref().map_or_else(
            || item_marks::encode(&ItemFields::unknown()),
            item_marks::encode,
        ),
    };
    let mut changes = Changes::default();
    if let Some(before) = tables.get(&entry.item_key())? {
        let before = before.item()?;
        if !new.is_new && new.moved.is_none() {
            (entry.created_at, entry.place) = (before.created_at, before.place);
        }
        let ending = Ending {
            lsn: origin.lsn,
            at: new.at,
            was_removed: new.is_new,
        };
        history.end(&mut changes, &before, ending);
        item_marks::change(&mut changes, Some(&before), Some(&entry))?;
        item_namespaces::change(&mut changes, tables, Some(&before), Some(&entry))?;
        item_words::change(&mut changes, tables, Some(&before), Some((&entry, words)))?;
    } else {
        item_marks::change(&mut changes, None, Some(&entry))?;
        item_namespaces::change(&mut changes, tables, None, Some(&entry))?;
        item_words::change(&mut changes, tables, None, Some((&entry, words)))?;
    }
    changes.put(entry.item_key(), Row::Item(Arc::new(entry)));
    Ok(changes)
}

pub(super) fn delete<H: Clone>(
    tables: &impl Rows<Key, Row<H>>,
    history: &HistoryRules,
    old: &ItemDeleted,
    origin: Origin,
) -> Result<Changes<H>, TablesError> {
    let key = Key::Item(old.namespace.as_slice().into(), old.key.as_str().into());
    let mut changes = Changes::default();
    if let Some(before) = tables.get(&key)? {
        let before = before.item()?;
        let at = old.at.unwrap_or(before.updated_at);
        remove(&mut changes, tables, history, &before, (origin, at))?;
    }
    Ok(changes)
}

fn remove<H: Clone>(
    changes: &mut Changes<H>,
    tables: &impl Rows<Key, Row<H>>,
    history: &HistoryRules,
    entry: &ItemEntry<H>,
    (origin, at): (Origin, u64),
) -> Result<(), TablesError> {
    let ending = Ending {
        lsn: origin.lsn,
        at,
        was_removed: true,
    };
    history.end(changes, entry, ending);
    changes.set(entry.item_key(), None);
    item_words::change(changes, tables, Some(entry), None)?;
    item_namespaces::change(changes, tables, Some(entry), None)?;
    item_marks::change(changes, Some(entry), None)
}

pub(super) fn touch<H: Clone>(
    tables: &impl Rows<Key, Row<H>>,
    touched: &ItemTouched,
    origin: Origin,
) -> Result<Changes<H>, TablesError> {
    let mut changes = Changes::default();
    let key = Key::Item(
        touched.namespace.as_slice().into(),
        touched.key.as_str().into(),
    );
    let before = tables.get(&key)?.map(Row::item).transpose()?;
    let Some(before) = before.filter(|item| item.origin.lsn == touched.put) else {
        changes.died([origin]);
        return Ok(changes);
    };
    let Some(life) = before.life else {
        changes.died([origin]);
        return Ok(changes);
    };
    changes.died(life.touched);
    let life = Some(ItemLife {
        lifetime: life.lifetime,
        expires_at: touched.at.saturating_add(life.lifetime),
        touched: Some(origin),
    });
    let entry = ItemEntry {
        life,
        ..(*before).clone()
    };
    item_marks::change(&mut changes, Some(&before), Some(&entry))?;
    changes.put(entry.item_key(), Row::Item(Arc::new(entry)));
    Ok(changes)
}

/// Removes an item that has expired, if it was not put again; whatever is there if that is `sure`: its put may have gone, but
/// not those before it.
pub(super) fn expire<H: Clone>(
    tables: &impl Rows<Key, Row<H>>,
    history: &HistoryRules,
    expired: &ItemExpired,
    origin: Origin,
    sure: bool,
) -> Result<Changes<H>, Unapplied> {
    let key = Key::Item(
        expired.namespace.as_slice().into(),
        expired.key.as_str().into(),
    );
    let mut changes = Changes::default();
    match tables.get(&key)?.map(Row::item).transpose()? {
        Some(item) if sure || item.origin.lsn == expired.put => {
            let at = item.expires_at().unwrap_or(item.updated_at);
            remove(&mut changes, tables, history, &item, (origin, at))?;
        }
        None if sure => {}
        _ => return Err(Unapplied::refused("", Reason::Changed)),
    }
    Ok(changes)
}

pub(super) fn first_expiry() -> Key {
    Key::Expiry(0, Arc::default(), Arc::default())
}

pub(super) fn behind_expiries() -> Key {
    Key::Segment(0)
}

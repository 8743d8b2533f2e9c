//! Whether two indexes say the same of a checkpoint or an item, wherever its records are by now.

use crate::db::Place;
use crate::index::{Entry, Found, Held, ItemEntry};

pub(super) fn is_same(a: Option<&Found<Place>>, b: Option<&Found<Place>>) -> bool {
    let (Some(a), Some(b)) = (a, b) else {
        return a.is_none() && b.is_none();
    };
    (&a.namespace, &a.id) == (&b.namespace, &b.id)
        && is_same_entry(&a.entry, &b.entry)
        && writes(a).eq(writes(b))
}

/// What is said of each write of a checkpoint's tasks.
fn writes(found: &Found<Place>) -> impl Iterator<Item = (&str, i32, &str, &str, (u64, u32))> {
    found.writes.iter().flat_map(|(task, writes)| {
        let of_task = writes.writes.iter();
        of_task.map(|write| {
            let value = name(&write.value);
            (
                &**task,
                write.index,
                &*write.task_path,
                &*write.channel,
                value,
            )
        })
    })
}

fn is_same_entry(a: &Entry<Place>, b: &Entry<Place>) -> bool {
    let held = |held: &Held<Place>| match held {
        Held::Value(place) => Some(Some(name(place))),
        Held::Nothing => Some(None),
        Held::Unknown => None,
    };
    let same_channels = a.channels().len() == b.channels().len()
        && (a.channels().iter()).zip(b.channels()).all(|(a, b)| {
            (&a.name, &a.version, held(&a.held)) == (&b.name, &b.version, held(&b.held))
        });
    same_channels
        && (&a.parent_id, &a.ts, &a.metadata, &a.ancestors)
            == (&b.parent_id, &b.ts, &b.metadata, &b.ancestors)
        && (a.seen(), a.updated()) == (b.seen(), b.updated())
}

pub(super) fn is_same_item(a: &ItemEntry<Place>, b: &ItemEntry<Place>) -> bool {
    let vectors = |of: &ItemEntry<Place>| of.vectors.as_ref().map(name);
    (&a.namespace, &a.key, name(&a.value)) == (&b.namespace, &b.key, name(&b.value))
        && (vectors(a), a.words) == (vectors(b), b.words)
        && (a.created_at, a.updated_at, a.expires_at())
            == (b.created_at, b.updated_at, b.expires_at())
}

/// What a value is known by wherever its record is.
fn name(place: &Place) -> (u64, u32) {
    (place.lsn().get(), place.value)
}

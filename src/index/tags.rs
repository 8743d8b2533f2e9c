//! Tags: names that checkpoints are given.

use std::collections::BTreeSet;
use std::ops::Bound;
use std::sync::Arc;

use crate::codec::{TagRemoved, TagSet};
use crate::index::chain::{Chain, after};
use crate::index::changes::Changes;
use crate::index::row::{Origin, wrong};
use crate::index::{Key, Reason, Row, Rows, Snapshot, TablesError, Unapplied, threads};

/// Sets a tag; without asking whether its checkpoint is there if that is `sure`.
pub(super) fn set<H>(
    tables: &impl Rows<Key, Row<H>>,
    new: &TagSet,
    origin: Origin,
    sure: bool,
) -> Result<Changes<H>, Unapplied> {
    let thread_key = Key::Thread(new.thread.as_str().into());
    let thread = threads::row(tables, &thread_key)?;
    let (namespace, id): (Arc<str>, Arc<str>) = (
        new.namespace.as_str().into(),
        new.checkpoint_id.as_str().into(),
    );
    if let Some(mut life) = thread.life.clone() {
        let chain = Chain::of(tables, &life)?;
        if sure || chain.checkpoint(tables, &namespace, &id)?.is_some() {
            life.changed(origin);
            let mut changes = Changes::default();
            let key = Key::Tag(chain.own(), namespace, new.tag.as_str().into());
            changes.put(key, Row::Tag(Some(id)));
            changes.put(thread_key, thread.with(life));
            return Ok(changes);
        }
    }
    let checkpoint = new.checkpoint_id.clone();
    Err(Unapplied::refused(
        &new.thread,
        Reason::Missing { checkpoint },
    ))
}

pub(super) fn remove<H>(
    tables: &impl Rows<Key, Row<H>>,
    old: &TagRemoved,
    origin: Origin,
) -> Result<Changes<H>, TablesError> {
    let thread_key = Key::Thread(old.thread.as_str().into());
    let thread = threads::row(tables, &thread_key)?;
    let mut changes = Changes::default();
    if let Some(mut life) = thread.life.clone() {
        let chain = Chain::of(tables, &life)?;
        let (namespace, tag) = (old.namespace.as_str(), old.tag.as_str());
        let key = Key::Tag(chain.own(), namespace.into(), tag.into());
        if let Some(shown) = chain.get(tables, &key)? {
            changes.set(key, chain.removal(tables, &shown)?);
            life.changed(origin);
            changes.put(thread_key, thread.with(life));
        }
    }
    Ok(changes)
}

/// A tag: its namespace, its name, and the id of its checkpoint.
pub(crate) type Tag = (Arc<str>, Arc<str>, Arc<str>);

/// The ids of a namespace that have a tag.
pub(super) fn tagged<H>(
    tables: &impl Rows<Key, Row<H>>,
    chain: &Chain,
    namespace: &str,
) -> Result<BTreeSet<Arc<str>>, TablesError> {
    let from = Key::Tag(chain.own(), namespace.into(), Arc::default());
    let end = Key::Tag(chain.own(), after(namespace), Arc::default());
    let tags = between(tables, chain, from, &end)?;
    Ok(tags.into_iter().map(|(.., id)| id).collect())
}

fn between<H>(
    tables: &impl Rows<Key, Row<H>>,
    chain: &Chain,
    from: Key,
    end: &Key,
) -> Result<Vec<Tag>, TablesError> {
    let mut from = Bound::Included(from);
    let mut tags = Vec::new();
    while let Some(shown) = chain.next(tables, from.as_ref(), Bound::Excluded(end))? {
        let (Key::Tag(_, namespace, tag), Some(id)) = (&shown.key, shown.row.tag()?) else {
            return Err(wrong());
        };
        tags.push((Arc::clone(namespace), Arc::clone(tag), id));
        from = Bound::Excluded(shown.key);
    }
    Ok(tags)
}

impl<H: Clone, T: Rows<Key, Row<H>>> Snapshot<H, T> {
    /// The tags of a thread, by namespace and name.
    pub(crate) fn tags(&self, thread: &str) -> Result<Vec<Tag>, TablesError> {
        let Some(life) = threads::life(self.tables(), thread)? else {
            return Ok(Vec::new());
        };
        let chain = Chain::of(self.tables(), &life)?;
        let from = Key::Tag(chain.own(), Arc::default(), Arc::default());
        let end = Key::Tag(
            chain.own().saturating_add(1),
            Arc::default(),
            Arc::default(),
        );
        between(self.tables(), &chain, from, &end)
    }
}

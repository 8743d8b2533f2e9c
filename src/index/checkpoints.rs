//! A checkpoint is put.

use std::cmp::Ordering;
use std::sync::Arc;

use crate::codec::{Changed, CheckpointPut};
use crate::index::burying::Burying;
use crate::index::chain::{Chain, Shown};
use crate::index::changes::Changes;
use crate::index::entry::Channel;
use crate::index::id::{made_at, precedes};
use crate::index::inherited::expand;
use crate::index::names::{Name, Names, maybe_empty};
use crate::index::row::{Life, Origin, ThreadRow};
use crate::index::state::Put;
use crate::index::{
    Entry, Held, Key, Reason, Refused, Row, Rows, Snapshot, TablesError, Unapplied, threads,
};

/// Puts a checkpoint of `thread`; without asking whether it may be if that is `sure`.
pub(super) fn put<H: Clone, V>(
    tables: &impl Rows<Key, Row<H>>,
    names: &mut Names,
    thread: &ThreadRow,
    (new, origin): (&CheckpointPut<V>, Origin),
    sure: bool,
    handle: impl FnMut(&V) -> H,
) -> Put<H> {
    let mut life = thread.life.clone().unwrap_or_else(|| Life::begun(origin));
    let chain = Chain::of(tables, &life)?;
    let place = Place {
        namespace: maybe_empty(&new.namespace),
        parent_id: new.parent_id.as_deref().map(|id| life.shared(id)),
        pruned: life.pruned.clone().filter(|_| !sure),
        chain,
    };
    let parent = match &place.parent_id {
        Some(id) => place.chain.checkpoint(tables, &place.namespace, id)?,
        None => None,
    };
    if let (Some(cutoff), false) = (&thread.cutoff, new.standalone || sure) {
        let lost = lost_base(tables, &place, parent.is_none(), new, cutoff)?;
        if let Some(checkpoint) = lost {
            return Err(Unapplied::refused(
                &new.thread,
                Reason::Deleted { checkpoint },
            ));
        }
    }

    let id: Arc<str> = new.id.as_str().into();
    let key = Key::Checkpoint(
        place.chain.own(),
        Arc::clone(&place.namespace),
        Arc::clone(&id),
    );
    let made_at = made_at(&id);
    let is_greatest = made_at.is_some() && life.greatest.as_ref() < Some(&id);
    let replaced = if is_greatest {
        None
    } else {
        place.chain.get(tables, &key)?
    };

    let ts_micros = made_at.or_else(|| new.ts.micros());
    let parent = parent.as_deref();
    let entry = resolve(tables, names, (new, origin), &place, parent, handle)?;
    let mut changes = Changes::default();
    changes.put(key, Row::Checkpoint(Some(Arc::new(entry))));

    life.changed(origin);
    match &replaced {
        Some(Shown { row, own: true, .. }) => life.died(row.origins(), &mut changes),
        Some(Shown { key, row, .. }) => {
            life.lost(row.origins());
            let mut burying = Burying::of(&place.chain);
            if burying.bury(tables, key, &mut changes)? {
                burying.note(&mut changes);
            }
        }
        None => life.checkpoints = life.checkpoints.saturating_add(1),
    }
    if is_greatest {
        life.greatest = Some(id);
    }
    if let Some(at) = ts_micros {
        life.updated_at = life.updated_at.max(at);
    }
    if life.created_at == 0 {
        life.created_at = life.updated_at;
    }
    Ok((changes, Some(life)))
}

/// Where a checkpoint is put.
struct Place {
    chain: Chain,
    namespace: Arc<str>,
    parent_id: Option<Arc<str>>,
    /// The greatest id that was pruned, if that is to be asked for.
    pruned: Option<Arc<str>>,
}

/// The entry of a checkpoint: what each of its channels holds.
fn resolve<H: Clone, V>(
    tables: &impl Rows<Key, Row<H>>,
    names: &mut Names,
    (new, origin): (&CheckpointPut<V>, Origin),
    place: &Place,
    parent: Option<&Entry<H>>,
    mut handle: impl FnMut(&V) -> H,
) -> Result<Entry<H>, Unapplied> {
    let changed = changed_channels(&new.changed, names, &mut handle);
    let versions_changed =
        (changed.iter()).map(|channel| (Name::clone(&channel.name), channel.version.clone()));
    let Some((versions, seen)) = expand(&new.versions, versions_changed, parent, names) else {
        let checkpoint = new.parent_id.clone().unwrap_or_default();
        let reason = if parent.is_none() {
            Reason::Pruned { checkpoint }
        } else {
            Reason::Replaced { checkpoint }
        };
        return Err(Unapplied::refused(&new.thread, reason));
    };
    let mut unresolved = Vec::new();
    let mut channels = Vec::with_capacity(versions.len());
    let mut changed = changed.into_iter().peekable();
    let mut inherited = parent.map_or([].as_slice(), |parent| &parent.channels);
    for (name, version) in versions {
        let before = in_order(&mut inherited, &name);
        let same = before.filter(|before| before.version == version);
        while changed.next_if(|channel| channel.name < name).is_some() {}
        let now = changed.next_if(|channel| channel.name == name);
        let held = match (now, same.map(|same| &same.held)) {
            (Some(now), _) if now.version == version => now.held,
            (_, Some(held @ (Held::Value(_) | Held::Nothing))) => held.clone(),
            (_, unknown) => match new.unchanged.get(&*name) {
                Some(value) => Held::Value(handle(value)),
                None => {
                    if unknown.is_none() {
                        unresolved.push(channels.len());
                    }
                    Held::Unknown
                }
            },
        };
        channels.push(Channel {
            name,
            version,
            held,
        });
    }
    let mut scanned = false;
    if !unresolved.is_empty() && !new.standalone {
        if let (Some(id), None) = (&place.parent_id, parent)
            && Some(id) <= place.pruned.as_ref()
        {
            let checkpoint = id.to_string();
            return Err(Unapplied::refused(
                &new.thread,
                Reason::Pruned { checkpoint },
            ));
        }
        scanned = scan(tables, place, &mut channels, &unresolved)?;
    }
    Ok(Entry {
        origin,
        moment: (new.moment).unwrap_or_else(|| origin.lsn.saturating_add(1)),
        scanned,
        standalone: new.standalone,
        parent_id: place.parent_id.clone(),
        ts: new.ts.clone(),
        metadata: new.metadata.clone(),
        ancestors: (new.ancestors.iter())
            .map(|(namespace, id)| (namespace.as_str().into(), id.as_str().into()))
            .collect(),
        channels: channels.into_boxed_slice(),
        seen,
        updated: (new.updated.as_ref())
            .map(|updated| updated.iter().map(|name| names.share(name)).collect()),
    })
}

/// The channels that changed, sorted by name; of those with the same name the last.
fn changed_channels<H, V>(
    changed: &[Changed<V>],
    names: &mut Names,
    mut handle: impl FnMut(&V) -> H,
) -> Vec<Channel<H>> {
    let channels = changed.iter().map(|changed| Channel {
        name: names.share(&changed.channel),
        version: changed.version.clone(),
        held: (changed.value.as_ref()).map_or(Held::Nothing, |value| Held::Value(handle(value))),
    });
    let mut channels: Vec<_> = channels.collect();
    channels.sort_by(|a, b| a.name.cmp(&b.name));
    channels.dedup_by(|later, earlier| {
        let is_same = later.name == earlier.name;
        if is_same {
            std::mem::swap(later, earlier);
        }
        is_same
    });
    channels
}

/// The channel with this name among `channels`, which are sorted, as the names are that are asked for.
fn in_order<'c, H>(channels: &mut &'c [Channel<H>], name: &Name) -> Option<&'c Channel<H>> {
    while let Some((first, rest)) = channels.split_first() {
        match first.name.cmp(name) {
            Ordering::Less => *channels = rest,
            Ordering::Equal => {
                *channels = rest;
                return Some(first);
            }
            Ordering::Greater => return None,
        }
    }
    None
}

/// Takes what is not resolved from the checkpoint that was put last among those of the namespace that know it.
fn scan<H: Clone>(
    tables: &impl Rows<Key, Row<H>>,
    place: &Place,
    channels: &mut [Channel<H>],
    unresolved: &[usize],
) -> Result<bool, TablesError> {
    let mut newest = vec![0; unresolved.len()];
    let mut before = None;
    while let Some((id, entry)) = (place.chain).newest(tables, &place.namespace, before.as_ref())? {
        for (at, newest) in unresolved.iter().zip(&mut newest) {
            if let Some(channel) = channels.get_mut(*at)
                && entry.origin.lsn > *newest
                && let Some(held) = entry.known(&channel.name, &channel.version)
            {
                channel.held = held.clone();
                *newest = entry.origin.lsn;
            }
        }
        before = Some(id);
    }
    Ok(newest.iter().any(|lsn| *lsn > 0))
}

/// The checkpoint that `new` builds on, if that went with the thread's deletion.
fn lost_base<H, V>(
    tables: &impl Rows<Key, Row<H>>,
    place: &Place,
    no_parent: bool,
    new: &CheckpointPut<V>,
    cutoff: &str,
) -> Result<Option<String>, TablesError> {
    // Ids of another form cannot be compared with the cutoff, so every missing parent is taken for
    // a deleted one: to build on it would give a checkpoint without its inherited values.
    if let Some(id) = &new.parent_id
        && no_parent
        && precedes(id, cutoff).unwrap_or(true)
    {
        return Ok(Some(id.clone()));
    }
    // The first checkpoint of a subgraph has no parent, but belongs to the run of its ancestors.
    for (namespace, id) in &new.ancestors {
        if precedes(id, cutoff).unwrap_or(false) {
            let (namespace, id) = (namespace.as_str().into(), id.as_str().into());
            if place.chain.checkpoint(tables, &namespace, &id)?.is_none() {
                return Ok(Some(id.to_string()));
            }
        }
    }
    Ok(None)
}

impl<H: Clone, T: Rows<Key, Row<H>>> Snapshot<H, T> {
    /// Whether the thread was ever deleted.
    ///
    /// # Errors
    /// If a row cannot be read.
    pub(crate) fn was_deleted(&self, thread: &str) -> Result<bool, TablesError> {
        let row = threads::row(self.tables(), &Key::Thread(thread.into()))?;
        Ok(row.cutoff.is_some())
    }

    /// Why a checkpoint that needs values of the checkpoint `parent` would be refused, if that has gone.
    pub(crate) fn why_gone(
        &self,
        thread: &str,
        namespace: &str,
        parent: &str,
    ) -> Result<Option<Refused>, TablesError> {
        if self.entry(thread, namespace, parent)?.is_some() {
            return Ok(None);
        }
        let row = threads::row(self.tables(), &Key::Thread(thread.into()))?;
        let checkpoint = parent.to_owned();
        let is_deleted =
            (row.cutoff.as_deref()).is_some_and(|cutoff| precedes(parent, cutoff).unwrap_or(true));
        let pruned = row.life.as_ref().and_then(|life| life.pruned.as_deref());
        let reason = if is_deleted {
            Reason::Deleted { checkpoint }
        } else if Some(parent) <= pruned {
            Reason::Pruned { checkpoint }
        } else {
            return Ok(None);
        };
        Ok(Some(Refused {
            thread: thread.to_owned(),
            reason,
        }))
    }
}

impl Life {
    /// A thread whose first record this is.
    pub(super) fn begun(origin: Origin) -> Self {
        let [branch, ..] = branches_of(origin);
        Self {
            begun: origin.lsn,
            ..Self::new(branch)
        }
    }

    /// This id of a checkpoint, which is often the greatest, and then shares its text.
    pub(super) fn shared(&self, id: &str) -> Arc<str> {
        let greatest = self.greatest.as_ref().filter(|greatest| ***greatest == *id);
        greatest.map_or_else(|| id.into(), Arc::clone)
    }

    /// A record was put into its branch.
    pub(super) fn changed(&mut self, origin: Origin) {
        self.own = true;
        self.lsn = origin.lsn;
        self.bytes = self.bytes.saturating_add(origin.bytes);
    }

    /// Records of its branch can be looked up no more.
    pub(super) fn died<H>(
        &mut self,
        records: impl IntoIterator<Item = Origin>,
        changes: &mut Changes<H>,
    ) {
        for record in records {
            self.lost([record]);
            changes.died([record]);
        }
    }

    /// Records can be looked up no more in this thread.
    pub(super) fn lost(&mut self, records: impl IntoIterator<Item = Origin>) {
        for record in records.into_iter().filter(|of| of.lsn >= self.begun) {
            self.bytes = self.bytes.saturating_sub(record.bytes);
        }
    }
}

/// The branches that a record may begin. Those that may inherit another come behind it.
pub(super) fn branches_of(origin: Origin) -> [u64; 3] {
    let first = origin.lsn.saturating_mul(4);
    [first, first.saturating_add(1), first.saturating_add(2)]
}

/// The LSN of the record that began a branch.
pub(super) fn began_at(branch: u64) -> u64 {
    branch / 4
}

impl ThreadRow {
    /// The row of the same thread with another life.
    pub(super) fn living(&self, life: Life) -> Self {
        Self {
            cutoff: self.cutoff.clone(),
            life: Some(life),
        }
    }

    /// The same, to be put.
    pub(super) fn with<H>(&self, life: Life) -> Row<H> {
        Row::Thread(Arc::new(self.living(life)))
    }
}

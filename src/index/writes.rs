//! Writes of a task are put.

use std::ops::Bound;
use std::sync::Arc;

use crate::codec::WritesPut;
use crate::index::chain::{Chain, Shown, after};
use crate::index::changes::Changes;
use crate::index::id::{made_at, precedes};
use crate::index::names::{Names, maybe_empty};
use crate::index::row::{Life, Origin, TaskWrites, ThreadRow, Write, wrong};
use crate::index::state::Put;
use crate::index::{Key, Reason, Row, Rows, TablesError, Unapplied};

/// Puts writes to `thread`; without asking whether they may be if that is `sure`.
pub(super) fn put<H: Clone, V>(
    tables: &impl Rows<Key, Row<H>>,
    names: &mut Names,
    thread: &ThreadRow,
    (new, origin): (&WritesPut<V>, Origin),
    sure: bool,
    mut handle: impl FnMut(&V) -> H,
) -> Put<H> {
    let mut life = thread.life.clone().unwrap_or_else(|| Life::begun(origin));
    let chain = Chain::of(tables, &life)?;
    let namespace = maybe_empty(&new.namespace);
    let checkpoint = life.shared(&new.checkpoint_id);
    let before_deletion = (thread.cutoff.as_deref())
        .is_some_and(|cutoff| precedes(&checkpoint, cutoff).unwrap_or(false));
    if before_deletion && !sure && chain.checkpoint(tables, &namespace, &checkpoint)?.is_none() {
        let checkpoint = checkpoint.to_string();
        let reason = Reason::Deleted { checkpoint };
        return Err(Unapplied::refused(&new.thread, reason));
    }

    let mut changes = Changes::default();
    if new.writes.is_empty() {
        changes.died([origin]);
        return Ok((changes, None));
    }
    let made_at = made_at(&checkpoint).unwrap_or(u64::MAX);
    let is_first = made_at > life.written_to;
    life.written_to = life.written_to.max(made_at);
    let key = Key::Writes(
        chain.own(),
        namespace,
        checkpoint,
        new.task_id.as_str().into(),
    );
    let shown = if is_first {
        // To no checkpoint that was made as late: it need not be looked for in the file.
        None
    } else {
        chain.get(tables, &key)?
    };
    let (before, own) = match shown {
        Some(Shown { row, own, .. }) => (row.writes()?, own),
        None => (None, false),
    };
    let mut writes: Vec<Write<H>> = before.as_ref().map_or_else(
        || Vec::with_capacity(new.writes.len()),
        |before| before.writes.to_vec(),
    );
    if !own {
        // Their record is accounted with the row that they were inherited from.
        for write in &mut writes {
            write.origin.bytes = 0;
        }
    }
    let task_path = maybe_empty(&new.task_path);
    for write in &new.writes {
        let place = writes.binary_search_by_key(&write.index, |write| write.index);
        if place.is_ok() && write.index >= 0 {
            continue;
        }
        let write = Write {
            index: write.index,
            task_path: Arc::clone(&task_path),
            channel: names.share(&write.channel),
            value: handle(&write.value),
            origin,
        };
        match place {
            Ok(at) => writes.splice(at..=at, [write]).for_each(drop),
            Err(at) => writes.insert(at, write),
        }
    }
    let writes = TaskWrites {
        writes: writes.into_boxed_slice(),
    };
    life.changed(origin);
    // The first of a task all count.
    if let Some(before) = &before {
        let alive = writes.origins();
        let mut maybe_dead = if own { before.origins() } else { Vec::new() };
        maybe_dead.push(origin);
        maybe_dead.retain(|record| !alive.contains(record));
        life.died(maybe_dead, &mut changes);
    }
    changes.put(key, Row::Writes(Some(Arc::new(writes))));
    Ok((changes, Some(life)))
}

/// A checkpoint's pending writes by task.
pub(crate) type ByTask<H> = Vec<(Arc<str>, Arc<TaskWrites<H>>)>;

/// The pending writes of a checkpoint, by task id.
pub(super) fn of<H>(
    tables: &impl Rows<Key, Row<H>>,
    chain: &Chain,
    namespace: &Arc<str>,
    checkpoint: &Arc<str>,
) -> Result<ByTask<H>, TablesError> {
    let mut found = Vec::new();
    if !chain.may_have_writes(checkpoint) {
        return Ok(found);
    }
    let own = chain.own();
    let of =
        |checkpoint: Arc<str>| Key::Writes(own, Arc::clone(namespace), checkpoint, Arc::default());
    let mut from = Bound::Included(of(Arc::clone(checkpoint)));
    let end = of(after(checkpoint));
    if chain.ancestors().is_empty() {
        let mut whole = true;
        tables.scan(from.as_ref(), Bound::Excluded(&end), |key, row| {
            match (key, row) {
                (Key::Writes(.., task), Row::Writes(Some(writes))) => {
                    found.push((Arc::clone(task), Arc::clone(writes)));
                }
                (Key::Writes(..), Row::Writes(None)) => {}
                _ => whole = false,
            }
            whole
        })?;
        return if whole { Ok(found) } else { Err(wrong()) };
    }
    while let Some(shown) = chain.next(tables, from.as_ref(), Bound::Excluded(&end))? {
        let (Key::Writes(.., task), Row::Writes(Some(writes))) = (&shown.key, shown.row) else {
            return Err(wrong());
        };
        found.push((Arc::clone(task), writes));
        from = Bound::Excluded(shown.key);
    }
    Ok(found)
}

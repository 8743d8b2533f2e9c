//! What is left of records that a compaction dropped.

use std::sync::Arc;

use crate::codec::Remnant;
use crate::index::changes::Changes;
use crate::index::row::{Life, Origin};
use crate::index::{Key, Row, Rows, TablesError, threads};

/// Notes of a thread what the dropped records would have left in its row.
pub(super) fn apply<H, V>(
    tables: &impl Rows<Key, Row<H>>,
    remnant: &Remnant<V>,
    origin: Origin,
) -> Result<Changes<H>, TablesError> {
    let mut changes = Changes::default();
    if !remnant.values.is_empty() {
        changes.is_bound(origin);
    }
    if let Some(touched) = &remnant.touched {
        let key = Key::Thread(touched.thread.as_str().into());
        let thread = threads::row(tables, &key)?;
        let mut life = thread.life.clone().unwrap_or_else(|| Life::begun(origin));
        life.lsn = origin.lsn;
        if life.created_at == 0 {
            life.created_at = touched.first;
        }
        life.updated_at = life.updated_at.max(touched.last);
        life.greatest = life
            .greatest
            .max(touched.greatest.as_deref().map(Arc::from));
        life.pruned = life.pruned.max(touched.pruned.as_deref().map(Arc::from));
        changes.put(key, thread.with(life));
    }
    Ok(changes)
}

//! Policies: how much of a thread is kept.

use crate::codec::ThreadPolicySet;
use crate::index::changes::Changes;
use crate::index::row::{Life, Origin};
use crate::index::{Key, Row, Rows, TablesError, threads};

/// Not a change of the thread: a prune that was planned before is as good as it was.
pub(super) fn set<H>(
    tables: &impl Rows<Key, Row<H>>,
    new: &ThreadPolicySet,
    origin: Origin,
) -> Result<Changes<H>, TablesError> {
    let key = Key::Thread(new.thread.as_str().into());
    let thread = threads::row(tables, &key)?;
    let mut changes = Changes::default();
    if thread.life.is_some() || new.policy.is_some() {
        let mut life = thread.life.clone().unwrap_or_else(|| Life::begun(origin));
        life.policy = new.policy;
        changes.put(key, thread.with(life));
    }
    Ok(changes)
}

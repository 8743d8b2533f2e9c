//! [`ThreadInfo`]: threads as a whole.

use std::cmp::Reverse;
use std::time::SystemTime;

use serde_json::{Map, Value};

use crate::checkpoint::convert::metadata_of;
use crate::index::{Key, Row, Rows, Snapshot, TablesError, Thread};
use crate::time;

/// Which threads [`Checkpointer::list_threads`](crate::checkpoint::Checkpointer::list_threads) lists. The default is all
/// of them, the last updated one first.
#[derive(Clone, Debug, Default)]
pub struct ThreadQuery {
    /// Only those whose name begins so.
    pub prefix: String,
    /// Only those whose latest checkpoint of the root graph has these entries in its metadata.
    pub filter: Map<String, Value>,
    /// In which order.
    pub order: ThreadOrder,
    /// Only what comes after this thread in that order.
    pub after: Option<String>,
    /// At most so many.
    pub limit: Option<usize>,
}

/// The order of listed threads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum ThreadOrder {
    /// The one that was written to last comes first. Looks at all threads.
    #[default]
    LastUpdate,
    /// By name. Looks at no more than is listed, or filtered out.
    Name,
}

/// A thread as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ThreadInfo {
    /// Its name.
    pub thread: String,
    /// When its first checkpoint was made. A copy has its source's.
    pub created: SystemTime,
    /// When its newest checkpoint was made.
    pub updated: SystemTime,
    /// How many checkpoints it has, in all namespaces.
    pub checkpoints: u64,
    /// How many bytes the records take that were written to it and are not removed. What a copy shares with its
    /// source is not among them.
    pub bytes: u64,
}

/// The threads that `query` selects.
pub(crate) fn list_threads<H: Clone, T: Rows<Key, Row<H>>>(
    snapshot: &Snapshot<H, T>,
    query: &ThreadQuery,
) -> Result<Vec<ThreadInfo>, TablesError> {
    let limit = query.limit.unwrap_or(usize::MAX);
    let by_name = query.order == ThreadOrder::Name;
    let last = match &query.after {
        Some(name) if !by_name => snapshot.thread(name)?.map(|thread| thread.life.lsn),
        _ => None,
    };
    let mut found = Vec::new();
    let mut next = match &query.after {
        Some(after) if by_name && *after >= query.prefix => snapshot.next_thread(Some(after))?,
        _ => snapshot.thread_from(&query.prefix)?,
    };
    while let Some(thread) = next {
        if !thread.name.starts_with(&query.prefix) || by_name && found.len() >= limit {
            break;
        }
        next = snapshot.next_thread(Some(&thread.name))?;
        let is_after = last.is_none_or(|last| thread.life.lsn < last);
        if is_after && thread.life.checkpoints > 0 && matches(snapshot, &thread, &query.filter)? {
            found.push(thread);
        }
    }
    if !by_name {
        // No two threads were last changed by one record, but a copy's source stays as it was.
        found.sort_by_key(|thread| Reverse(thread.life.lsn));
    }
    Ok(found.iter().take(limit).map(info).collect())
}

fn matches<H: Clone, T: Rows<Key, Row<H>>>(
    snapshot: &Snapshot<H, T>,
    thread: &Thread,
    filter: &Map<String, Value>,
) -> Result<bool, TablesError> {
    if filter.is_empty() {
        return Ok(true);
    }
    let latest = snapshot.get(&thread.name, "", None)?;
    Ok(latest.is_some_and(|latest| {
        metadata_of(&latest.entry).is_ok_and(|metadata| metadata.matches(filter))
    }))
}

fn info(thread: &Thread) -> ThreadInfo {
    ThreadInfo {
        thread: thread.name.to_string(),
        created: time::from_micros(thread.life.created_at),
        updated: time::from_micros(thread.life.updated_at),
        checkpoints: thread.life.checkpoints,
        bytes: thread.life.bytes,
    }
}

//! [`ThreadInfo`]: threads as a whole.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::SystemTime;

use serde_json::{Map, Value};

use crate::checkpoint::convert::metadata_of;
use crate::checkpoint::status::is_told_by;
use crate::checkpoint::{CheckpointError, CheckpointTuple, StatusKind, ThreadStatus};
use crate::index::{Found, Key, Row, Rows, Snapshot, TablesError, Thread};
use crate::time;

/// Which threads [`Checkpointer::list_threads`](crate::checkpoint::Checkpointer::list_threads) lists. The default is all
/// of them, the last updated one first.
#[derive(Clone, Debug, Default)]
pub struct ThreadQuery {
    /// Only those whose name begins so.
    pub prefix: String,
    /// Only those whose latest checkpoint of the root graph has these entries in its metadata.
    pub filter: Map<String, Value>,
    /// Only those with this status.
    pub status: Option<StatusKind>,
    /// In which order.
    pub order: ThreadOrder,
    /// Only what comes after this place in that order: the [`cursor`](ThreadInfo::cursor) of the last thread of the page
    /// before. Threads that are updated while somebody turns pages move to the front; no thread is listed twice, and none
    /// is left out that was not updated.
    pub after: Option<ThreadCursor>,
    /// At most so many.
    pub limit: Option<usize>,
}

/// The order of listed threads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum ThreadOrder {
    /// The one with the newest checkpoint comes first. Looks at the rows of all threads.
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
    /// Whether it has something left to do; `None` if it has no checkpoint of the root graph.
    pub status: Option<ThreadStatus>,
    /// When its first checkpoint was made. A copy has its source's.
    pub created: SystemTime,
    /// When its newest checkpoint was made.
    pub updated: SystemTime,
    /// How many checkpoints it has, in all namespaces.
    pub checkpoints: u64,
    /// How many namespaces have checkpoints.
    pub namespaces: usize,
    /// How many bytes the records take that were written to it and are not removed. What a copy shares with its
    /// source is not among them.
    pub bytes: u64,
    /// Its place in a list, for [`ThreadQuery::after`].
    pub cursor: ThreadCursor,
}

/// A place in a list of threads. As text it can be handed to others and come back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ThreadCursor {
    /// Microseconds since the Unix epoch.
    updated: u64,
    thread: Arc<str>,
}

impl fmt::Display for ThreadCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.updated, self.thread)
    }
}

/// A text is no [`ThreadCursor`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no place in a list of threads; begin with the first page")]
pub struct InvalidCursor(String);

impl FromStr for ThreadCursor {
    type Err = InvalidCursor;

    fn from_str(text: &str) -> Result<Self, InvalidCursor> {
        let invalid = || InvalidCursor(text.to_owned());
        let (updated, thread) = text.split_once(':').ok_or_else(invalid)?;
        Ok(Self {
            updated: updated.parse().map_err(|_| invalid())?,
            thread: thread.into(),
        })
    }
}

/// The threads that `query` selects. `read` reads a checkpoint with the values of the channels that it is told.
pub(crate) fn list_threads<H: Clone, T: Rows<Key, Row<H>>>(
    snapshot: &Snapshot<H, T>,
    query: &ThreadQuery,
    mut read: impl FnMut(&Found<H>, &dyn Fn(&str) -> bool) -> Result<CheckpointTuple, CheckpointError>,
) -> Result<Vec<ThreadInfo>, CheckpointError> {
    let limit = query.limit.unwrap_or(usize::MAX);
    let mut names = match query.order {
        ThreadOrder::LastUpdate => Names::by_update(snapshot, query)?,
        ThreadOrder::Name => Names::Sorted(query.after.as_ref().map(|c| Arc::clone(&c.thread))),
    };
    let mut listed = Vec::new();
    while listed.len() < limit
        && let Some(thread) = names.next(snapshot, &query.prefix)?
    {
        let latest = snapshot.get(&thread.name, "", None, true)?;
        if !query.filter.is_empty() && !latest.as_ref().is_some_and(|l| matches(l, &query.filter)) {
            continue;
        }
        let status = latest
            .map(|latest| read(&latest, &is_told_by))
            .transpose()?;
        let status = status.map(|latest| ThreadStatus::of(&latest));
        if query.status.is_none() || status.as_ref().map(ThreadStatus::kind) == query.status {
            let namespaces = snapshot.count_namespaces(&thread)?;
            listed.push(info(&thread, namespaces, status));
        }
    }
    Ok(listed)
}

/// The names of threads in the order in which they are listed.
enum Names {
    /// The last one given out.
    Sorted(Option<Arc<str>>),
    ByUpdate(BinaryHeap<(u64, Reverse<Arc<str>>)>),
}

impl Names {
    fn by_update<H: Clone, T: Rows<Key, Row<H>>>(
        snapshot: &Snapshot<H, T>,
        query: &ThreadQuery,
    ) -> Result<Self, TablesError> {
        let after = query.after.as_ref();
        let after = after.map(|cursor| (cursor.updated, Reverse(Arc::clone(&cursor.thread))));
        let mut found = Vec::new();
        snapshot.each_thread(&query.prefix, |name, life| {
            let place = (life.updated_at, Reverse(name));
            if life.checkpoints > 0 && after.as_ref().is_none_or(|after| place < *after) {
                found.push(place);
            }
        })?;
        Ok(Self::ByUpdate(found.into()))
    }

    fn next<H: Clone, T: Rows<Key, Row<H>>>(
        &mut self,
        snapshot: &Snapshot<H, T>,
        prefix: &str,
    ) -> Result<Option<Thread>, TablesError> {
        match self {
            Self::ByUpdate(names) => match names.pop() {
                Some((_, Reverse(name))) => snapshot.thread(&name),
                None => Ok(None),
            },
            Self::Sorted(last) => loop {
                let next = match last.as_deref() {
                    Some(last) if last >= prefix => snapshot.next_thread(Some(last))?,
                    _ => snapshot.thread_from(prefix)?,
                };
                let Some(thread) = next.filter(|thread| thread.name.starts_with(prefix)) else {
                    return Ok(None);
                };
                *last = Some(Arc::clone(&thread.name));
                if thread.life.checkpoints > 0 {
                    return Ok(Some(thread));
                }
            },
        }
    }
}

fn matches<H>(latest: &Found<H>, filter: &Map<String, Value>) -> bool {
    metadata_of(&latest.entry).is_ok_and(|metadata| metadata.matches(filter))
}

fn info(thread: &Thread, namespaces: usize, status: Option<ThreadStatus>) -> ThreadInfo {
    ThreadInfo {
        thread: thread.name.to_string(),
        status,
        created: time::from_micros(thread.life.created_at),
        updated: time::from_micros(thread.life.updated_at),
        checkpoints: thread.life.checkpoints,
        namespaces,
        bytes: thread.life.bytes,
        cursor: ThreadCursor {
            updated: thread.life.updated_at,
            thread: Arc::clone(&thread.name),
        },
    }
}

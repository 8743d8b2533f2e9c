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
    /// How many bytes the records take that were written to it and are not removed. What a copy has from its source is not
    /// among them, nor what values are made of whose checkpoints were removed:
    /// [`Db::thread_stats`](crate::db::Db::thread_stats) tells that, and reads the thread.
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
    let mut names = Names::new(query);
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

/// How many threads are looked for at first, beyond those that are asked for.
const SPARE: usize = 32;

/// The threads in the order in which they are listed.
enum Names {
    /// By name; the last one given out.
    Sorted(Option<Arc<str>>),
    ByUpdate(ByUpdate),
}

/// The next threads by update. There may be many, and few are wanted: so many are looked for at a time.
struct ByUpdate {
    /// The last one comes first.
    next: Vec<Reverse<Place>>,
    last: Option<Place>,
    at_a_time: usize,
    is_end: bool,
}

/// The greatest comes first.
type Place = (u64, Reverse<Arc<str>>);

impl Names {
    fn new(query: &ThreadQuery) -> Self {
        let after = query.after.as_ref();
        match query.order {
            ThreadOrder::Name => Self::Sorted(after.map(|cursor| Arc::clone(&cursor.thread))),
            ThreadOrder::LastUpdate => Self::ByUpdate(ByUpdate {
                next: Vec::new(),
                last: after.map(|cursor| (cursor.updated, Reverse(Arc::clone(&cursor.thread)))),
                at_a_time: query.limit.unwrap_or(usize::MAX).saturating_add(SPARE),
                is_end: false,
            }),
        }
    }

    fn next<H: Clone, T: Rows<Key, Row<H>>>(
        &mut self,
        snapshot: &Snapshot<H, T>,
        prefix: &str,
    ) -> Result<Option<Thread>, TablesError> {
        match self {
            Self::ByUpdate(threads) => {
                if threads.next.is_empty() && !threads.is_end {
                    threads.look(snapshot, prefix)?;
                }
                match threads.next.pop() {
                    Some(Reverse((_, Reverse(name)))) => snapshot.thread(&name),
                    None => Ok(None),
                }
            }
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

impl ByUpdate {
    /// Goes through all threads for the next ones.
    fn look<H: Clone, T: Rows<Key, Row<H>>>(
        &mut self,
        snapshot: &Snapshot<H, T>,
        prefix: &str,
    ) -> Result<(), TablesError> {
        let mut best: BinaryHeap<Reverse<Place>> = BinaryHeap::new();
        let last = self.last.take();
        snapshot.each_thread(prefix, |name, life| {
            let order = |than: &Place| {
                let by_name = || than.1.0.cmp(name);
                life.updated_at.cmp(&than.0).then_with(by_name)
            };
            let is_listed = last.as_ref().is_some_and(|last| order(last).is_ge());
            if life.checkpoints == 0 || is_listed {
                return;
            }
            if best.len() >= self.at_a_time {
                let worst = best.peek();
                if worst.is_none_or(|Reverse(worst)| order(worst).is_lt()) {
                    return;
                }
                best.pop();
            }
            best.push(Reverse((life.updated_at, Reverse(Arc::clone(name)))));
        })?;
        self.is_end = best.len() < self.at_a_time;
        // Few passed the filter: more are looked for the next time.
        self.at_a_time = self.at_a_time.saturating_mul(8);
        self.next = best.into_sorted_vec();
        self.next.reverse();
        self.last = self.next.first().map(|Reverse(last)| last.clone());
        Ok(())
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

/// A thread as a table of checkpoints tells of it.
#[cfg(feature = "langgraph")]
pub(crate) struct ThreadSummary {
    pub(crate) thread: String,
    /// The smallest and the greatest id.
    pub(crate) ids: (String, String),
    pub(crate) checkpoints: u64,
    pub(crate) namespaces: usize,
    pub(crate) bytes: u64,
}

/// Those of `threads` that `query` selects, in its order. `latest` reads the latest checkpoint of a thread's root graph.
#[cfg(feature = "langgraph")]
pub(crate) fn select_threads(
    threads: Vec<ThreadSummary>,
    query: &ThreadQuery,
    mut latest: impl FnMut(&str) -> Result<Option<CheckpointTuple>, CheckpointError>,
) -> Result<Vec<ThreadInfo>, CheckpointError> {
    let at = |id: &str| crate::index::made_at(id).unwrap_or_default();
    let mut threads: Vec<_> = (threads.into_iter())
        .filter(|of| of.thread.starts_with(&query.prefix))
        .map(|of| {
            let cursor = ThreadCursor {
                updated: at(&of.ids.1),
                thread: of.thread.as_str().into(),
            };
            (cursor, of)
        })
        .collect();
    let key = |cursor: &ThreadCursor| (Reverse(cursor.updated), Arc::clone(&cursor.thread));
    match query.order {
        ThreadOrder::Name => threads.sort_by(|a, b| a.0.thread.cmp(&b.0.thread)),
        ThreadOrder::LastUpdate => threads.sort_by_cached_key(|(cursor, _)| key(cursor)),
    }
    if let Some(after) = &query.after {
        threads.retain(|(cursor, _)| match query.order {
            ThreadOrder::Name => cursor.thread > after.thread,
            ThreadOrder::LastUpdate => key(cursor) > key(after),
        });
    }
    let mut listed = Vec::new();
    for (cursor, of) in threads {
        if listed.len() >= query.limit.unwrap_or(usize::MAX) {
            break;
        }
        let latest = latest(&of.thread)?;
        let fits = (latest.as_ref()).is_some_and(|found| found.metadata.matches(&query.filter));
        let status = latest.map(|found| ThreadStatus::of(&found));
        let has_status =
            query.status.is_none() || status.as_ref().map(ThreadStatus::kind) == query.status;
        if (fits || query.filter.is_empty()) && has_status {
            listed.push(ThreadInfo {
                status,
                created: time::from_micros(at(&of.ids.0)),
                updated: time::from_micros(cursor.updated),
                checkpoints: of.checkpoints,
                namespaces: of.namespaces,
                bytes: of.bytes,
                thread: of.thread,
                cursor,
            });
        }
    }
    Ok(listed)
}

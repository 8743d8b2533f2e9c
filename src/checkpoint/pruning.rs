//! [`Prune`]: which checkpoints are to be removed.

use std::str::FromStr;
use std::time::SystemTime;

use serde_json::Value;

use crate::checkpoint::convert::metadata_of;
use crate::db::Returned;
use crate::index::{Candidate, Entry, Key, Plan, Row, Rows, Snapshot, TablesError, Thread};
use crate::time;

/// Which checkpoints [`Checkpointer::prune`](crate::checkpoint::Checkpointer::prune) removes, and from which threads.
///
/// Tagged checkpoints stay, unless their whole thread goes. So does every value of those that stay, and, of channels that keep what tasks
/// wrote instead of values (LangGraph's `DeltaChannel`), the checkpoints between them and the last one with a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prune {
    /// Only from this thread; from every one if there is none.
    pub thread: Option<String>,
    /// What goes.
    pub rule: PruneRule,
}

/// What goes.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PruneRule {
    /// All but the latest so many of each namespace; with 0 all go.
    KeepLast(usize),
    /// What was made before, but for the latest of each namespace.
    OlderThan(SystemTime),
    /// What has one of these as `run_id` in its metadata.
    Runs(Vec<String>),
    /// The whole thread, as by [`delete_thread`](crate::checkpoint::Checkpointer::delete_thread).
    Delete,
    /// What subgraphs that keep no memory between calls have left behind, once the graph that called them has gone
    /// on.
    FinishedSubgraphs,
}

/// What goes, in LangGraph's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PruneStrategy {
    /// `keep_latest`: all but the latest checkpoint of each namespace. It is [`PruneRule::KeepLast`] with 1.
    KeepLatest,
    /// `delete`: the whole thread, as by [`delete_thread`](crate::checkpoint::Checkpointer::delete_thread).
    Delete,
}

/// A text is no [`PruneStrategy`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no strategy of pruning; there are `keep_latest` and `delete`")]
pub struct UnknownStrategy(String);

impl FromStr for PruneStrategy {
    type Err = UnknownStrategy;

    fn from_str(name: &str) -> Result<Self, UnknownStrategy> {
        match name {
            "keep_latest" => Ok(Self::KeepLatest),
            "delete" => Ok(Self::Delete),
            _ => Err(UnknownStrategy(name.to_owned())),
        }
    }
}

/// What a prune is busy with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PruneStage {
    /// Finding out what goes. Counted in threads.
    Planning,
    /// Removing it. Counted in checkpoints.
    Removing,
}

/// How far a prune is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PruneProgress {
    /// What it is busy with.
    pub stage: PruneStage,
    /// How much of that is done.
    pub done: u64,
    /// How much there is, about.
    pub of: u64,
}

/// What was removed, or would be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PruneReport {
    /// How many threads lose something.
    pub threads: u64,
    /// How many of them are deleted.
    pub deleted_threads: u64,
    /// How many checkpoints go.
    pub checkpoints: u64,
    /// About how many bytes come back, once the log is compacted ([`Db::compact`](crate::db::Db::compact)), before compression. What others have is
    /// not among them, nor are values that what stays is made of. In memory, the bytes of the values that go.
    pub bytes: u64,
    /// About how many bytes of the log's files that is: of what lies in compressed segments, their share of those. In memory,
    /// the same as [`bytes`](Self::bytes).
    pub disk_bytes: u64,
    /// Those that lose something, by name.
    pub by_thread: Vec<PrunedThread>,
}

/// What a thread loses.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PrunedThread {
    /// Its name.
    pub thread: String,
    /// Whether it is deleted.
    pub is_deleted: bool,
    /// How many of its checkpoints go.
    pub checkpoints: u64,
    /// About how many bytes come back, as in [`PruneReport::bytes`].
    pub bytes: u64,
    /// About how many bytes of the log's files that is, as in [`PruneReport::disk_bytes`].
    pub disk_bytes: u64,
}

impl PruneReport {
    /// Counts what goes of one more thread.
    pub(crate) fn add(&mut self, thread: PrunedThread) {
        if thread.checkpoints == 0 && !thread.is_deleted {
            return;
        }
        self.threads += 1;
        self.deleted_threads += u64::from(thread.is_deleted);
        self.checkpoints += thread.checkpoints;
        self.bytes = self.bytes.saturating_add(thread.bytes);
        self.disk_bytes = self.disk_bytes.saturating_add(thread.disk_bytes);
        self.by_thread.push(thread);
    }
}

/// What is due to be done about a thread.
pub(crate) enum Due<H> {
    Nothing,
    Delete,
    Prune(Plan<H>),
}

impl<H> Due<H> {
    pub(crate) fn of(plan: Plan<H>) -> Self {
        match plan.record {
            Some(_) => Self::Prune(plan),
            None => Self::Nothing,
        }
    }

    /// How many checkpoints go.
    pub(crate) fn checkpoints(&self, thread: &Thread) -> u64 {
        match self {
            Self::Nothing => 0,
            Self::Delete => thread.life.checkpoints,
            Self::Prune(plan) => plan.checkpoints,
        }
    }

    /// The report on it.
    pub(crate) fn report(&self, thread: &Thread, returned: Returned) -> PrunedThread {
        PrunedThread {
            thread: thread.name.to_string(),
            is_deleted: matches!(self, Self::Delete),
            checkpoints: self.checkpoints(thread),
            bytes: returned.bytes,
            disk_bytes: returned.on_disk,
        }
    }
}

/// What would go of a thread; of that, up to `most` checkpoints.
pub(crate) fn due<H: Clone, T: Rows<Key, Row<H>>>(
    snapshot: &Snapshot<H, T>,
    thread: &Thread,
    rule: &PruneRule,
    most: u64,
) -> Result<Due<H>, TablesError> {
    let plan = match rule {
        PruneRule::KeepLast(n) => {
            snapshot.plan(thread, most, |candidate| candidate.newer >= *n, made_of)?
        }
        PruneRule::OlderThan(time) => {
            let before = time::to_micros(*time);
            snapshot.plan(
                thread,
                most,
                |candidate| {
                    candidate.newer > 0 && candidate.made_at().is_some_and(|at| at < before)
                },
                made_of,
            )?
        }
        PruneRule::Runs(runs) => snapshot.plan(
            thread,
            most,
            |candidate| {
                metadata_of(candidate.entry).is_ok_and(|metadata| {
                    let run = metadata.extra.get("run_id").and_then(|run| run.as_str());
                    run.is_some_and(|run| runs.iter().any(|wanted| wanted == run))
                })
            },
            made_of,
        )?,
        PruneRule::FinishedSubgraphs => {
            let Some(latest) = snapshot.get(&thread.name, "", None, false)? else {
                return Ok(Due::Nothing);
            };
            snapshot.plan(
                thread,
                most,
                |candidate| {
                    is_of_one_call(candidate.namespace) && is_finished(candidate, &latest.id)
                },
                made_of,
            )?
        }
        PruneRule::Delete => return Ok(Due::Delete),
    };
    Ok(Due::of(plan))
}

/// The channels of which a checkpoint keeps no values, as LangGraph's `DeltaChannel` does between two snapshots: its metadata counts the
/// steps since the last one.
pub(crate) fn made_of<H>(entry: &Entry<H>) -> Vec<String> {
    const COUNTERS: &str = "counters_since_delta_snapshot";
    let name = COUNTERS.as_bytes();
    if entry.metadata.alone().is_some() {
        return Vec::new();
    }
    let bytes = entry.metadata.bytes();
    if !bytes.windows(name.len()).any(|part| part == name) {
        return Vec::new();
    }
    let metadata = metadata_of(entry).ok();
    let counters = metadata.and_then(|mut metadata| metadata.extra.remove(COUNTERS));
    match counters {
        Some(Value::Object(counters)) => counters.into_iter().map(|(channel, _)| channel).collect(),
        _ => Vec::new(),
    }
}

/// Whether a namespace belongs to a single call of a subgraph: one of its levels names a task.
pub(crate) fn is_of_one_call(namespace: &str) -> bool {
    namespace.split('|').any(|level| {
        let task = level.split_once(':');
        task.is_some_and(|(node, _)| !node.is_empty())
    })
}

/// Whether the root graph has gone on since it called the subgraph that made a checkpoint.
pub(crate) fn is_finished<H>(candidate: &Candidate<'_, H>, latest: &str) -> bool {
    let mut ancestors = candidate.entry.ancestors.iter();
    let root = ancestors.find(|(namespace, _)| namespace.is_empty());
    root.is_some_and(|(_, id)| id.as_ref() < latest)
}

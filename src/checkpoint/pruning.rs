//! [`Prune`]: which checkpoints are to be removed.

use std::str::FromStr;
use std::time::SystemTime;

use crate::checkpoint::convert::metadata_of;
use crate::index::{Candidate, Key, Plan, Row, Rows, Snapshot, TablesError, Thread};
use crate::time;

/// Which checkpoints [`Checkpointer::prune`](crate::checkpoint::Checkpointer::prune) removes, and from which threads.
///
/// Tagged checkpoints always stay. So does every value of those that stay.
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

/// What was removed, or would be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PruneReport {
    /// How many threads lose something.
    pub threads: u64,
    /// How many of them are deleted, as nothing was done with them for too long.
    pub deleted_threads: u64,
    /// How many checkpoints go.
    pub checkpoints: u64,
    /// The bytes of their records. Values that others still have stay on disk.
    pub bytes: u64,
}

impl PruneReport {
    /// Counts what goes of one more thread.
    pub(crate) fn add<H>(&mut self, plan: &Plan<H>) {
        self.threads += u64::from(plan.checkpoints > 0);
        self.add_portion(plan);
    }

    /// Counts what goes of a thread that is counted already.
    pub(crate) fn add_portion<H>(&mut self, plan: &Plan<H>) {
        self.checkpoints += plan.checkpoints;
        self.bytes = self.bytes.saturating_add(plan.bytes);
    }
}

/// The threads that are to be pruned.
pub(crate) fn threads<H: Clone, T: Rows<Key, Row<H>>>(
    snapshot: &Snapshot<H, T>,
    prune: &Prune,
) -> Result<Vec<Thread>, TablesError> {
    if let Some(name) = &prune.thread {
        return Ok(snapshot.thread(name)?.into_iter().collect());
    }
    let mut all: Vec<Thread> = Vec::new();
    while let Some(next) = snapshot.next_thread(all.last().map(|last| last.name.as_ref()))? {
        all.push(next);
    }
    Ok(all)
}

/// What would go of a thread; of that, up to `most` checkpoints.
pub(crate) fn plan<H: Clone, T: Rows<Key, Row<H>>>(
    snapshot: &Snapshot<H, T>,
    thread: &Thread,
    rule: &PruneRule,
    most: u64,
) -> Result<Plan<H>, TablesError> {
    match rule {
        PruneRule::KeepLast(n) => snapshot.plan(thread, most, |candidate| candidate.newer >= *n),
        PruneRule::OlderThan(time) => {
            let before = time::to_micros(*time);
            snapshot.plan(thread, most, |candidate| {
                candidate.newer > 0 && candidate.made_at().is_some_and(|at| at < before)
            })
        }
        PruneRule::Runs(runs) => snapshot.plan(thread, most, |candidate| {
            metadata_of(candidate.entry).is_ok_and(|metadata| {
                let run = metadata.extra.get("run_id").and_then(|run| run.as_str());
                run.is_some_and(|run| runs.iter().any(|wanted| wanted == run))
            })
        }),
        PruneRule::FinishedSubgraphs => {
            let Some(latest) = snapshot.get(&thread.name, "", None, false)? else {
                return snapshot.plan(thread, most, |_| false);
            };
            snapshot.plan(thread, most, |candidate| {
                is_of_one_call(candidate.namespace) && is_finished(candidate, &latest.id)
            })
        }
    }
}

/// What would go of all threads.
pub(crate) fn dry_run<H: Clone, T: Rows<Key, Row<H>>>(
    snapshot: &Snapshot<H, T>,
    prune: &Prune,
) -> Result<PruneReport, TablesError> {
    let mut report = PruneReport::default();
    for thread in threads(snapshot, prune)? {
        report.add(&plan(snapshot, &thread, &prune.rule, u64::MAX)?);
    }
    Ok(report)
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

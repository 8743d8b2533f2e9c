//! Retention: what goes of each thread by its policy, and the thread that sees to it.
//!
//! What goes is planned on a snapshot and committed as a prune, in portions that hold nobody up for long.

use std::time::Duration;

use futures::executor::block_on;

use crate::checkpoint::pruning::{Due, is_finished, is_of_one_call, made_of};
use crate::checkpoint::{CheckpointError, Checkpointer, DbSaver, PruneReport, RetentionPolicy};
use crate::codec::CheckpointsPruned;
use crate::db::{Db, Periodic};
use crate::index::{Key, Row, Rows, Snapshot, TablesError, Thread};

/// How many checkpoints go at a time: a commit that keeps others waiting for about a millisecond.
pub(crate) const PORTION: u64 = 512;

/// After so many threads the sweep rests, though nothing was to be done.
const THREADS_AT_ONCE: u32 = 128;

/// What happens to the threads of a database as time goes by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// For threads that have [none of their own](Checkpointer::set_retention).
    pub policy: RetentionPolicy,
    /// How long to wait between two sweeps through all threads; a minute by default.
    pub interval: Duration,
}

impl Default for Retention {
    fn default() -> Self {
        Self {
            policy: RetentionPolicy::default(),
            interval: Duration::from_secs(60),
        }
    }
}

impl Db {
    /// Has a thread see to it, until the database is closed, that of each thread no more is kept than its own
    /// [policy](Checkpointer::set_retention) says or, if it has none, that of `retention`. `None` ends that. It is not stored:
    /// say it after each open.
    ///
    /// It works in small portions, rests as long as it works, and passes over threads that are being run.
    ///
    /// # Errors
    /// [`CheckpointError::Backend`] if no thread can be started.
    pub fn set_retention(&self, retention: Option<Retention>) -> Result<(), CheckpointError> {
        let Some(retention) = retention else {
            self.set_background(None);
            return Ok(());
        };
        let weak = self.downgrade();
        let started = Periodic::start("stepwell-retention", move |pace| {
            while pace.rest(retention.interval) {
                let Some(db) = weak.upgrade() else { return };
                let rest = |time| pace.rest(time) && weak.is_held();
                if let Err(error) = sweep(&db.checkpointer(), &retention.policy, rest) {
                    tracing::warn!(%error, "what is not to be kept any more is left for another time");
                }
            }
        });
        let periodic = started.map_err(|error| CheckpointError::Backend {
            what: "starting the thread that sees to what is kept".to_owned(),
            source: std::sync::Arc::new(error),
        })?;
        self.set_background(Some(periodic));
        Ok(())
    }

    /// Removes now what is not to be kept by `policy`, or the thread's own, and waits for it.
    ///
    /// # Errors
    /// The database failed.
    pub fn apply_retention(&self, policy: RetentionPolicy) -> Result<PruneReport, CheckpointError> {
        block_on(self.checkpointer().apply_retention(policy))
    }

    /// What [`apply_retention`](Self::apply_retention) would remove now.
    ///
    /// # Errors
    /// The database failed.
    pub fn retention_dry_run(
        &self,
        policy: RetentionPolicy,
    ) -> Result<PruneReport, CheckpointError> {
        block_on(self.checkpointer().retention_dry_run(policy))
    }

    /// What [`apply_retention`](Self::apply_retention) would remove now of one thread if `policy` were its own.
    ///
    /// # Errors
    /// The database failed.
    pub fn retention_dry_run_of(
        &self,
        thread: &str,
        policy: RetentionPolicy,
    ) -> Result<PruneReport, CheckpointError> {
        block_on(self.checkpointer().retention_dry_run_of(thread, policy))
    }
}

/// Goes through all threads once, as long as `rest` says after a while that it may go on.
fn sweep(
    saver: &DbSaver,
    policy: &RetentionPolicy,
    rest: impl Fn(Duration) -> bool,
) -> Result<(), CheckpointError> {
    let mut removed = Retained::default();
    let mut last = None;
    let mut looked_at = 0_u32;
    while let Some(name) = saver.next_thread(last.as_deref())? {
        let mut began = saver.host().now();
        let mut goes_on = true;
        block_on(saver.retain(&name, policy, &mut removed, || {
            let now = saver.host().now();
            goes_on = rest(now.duration_since(began));
            began = saver.host().now();
            goes_on
        }))?;
        looked_at += 1;
        goes_on &= rest(match looked_at.is_multiple_of(THREADS_AT_ONCE) {
            true => Duration::from_millis(1),
            false => Duration::ZERO,
        });
        if !goes_on {
            return Ok(());
        }
        last = Some(name);
    }
    if removed.checkpoints > 0 {
        tracing::info!(
            checkpoints = removed.checkpoints,
            deleted_threads = removed.deleted_threads,
            "removed what is not to be kept any more"
        );
    }
    Ok(())
}

/// What was removed, as policies say.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Retained {
    pub(crate) checkpoints: u64,
    pub(crate) deleted_threads: u64,
}

/// What is due at `now` by the thread's policy, or `policy` if it has none.
pub(crate) fn due_now<H: Clone, T: Rows<Key, Row<H>>>(
    snapshot: &Snapshot<H, T>,
    thread: &Thread,
    policy: &RetentionPolicy,
    most: u64,
    now: u64,
) -> Result<Due<H>, TablesError> {
    let policy = thread.life.policy.as_ref().unwrap_or(policy);
    due(snapshot, thread, policy, most, now)
}

/// What is due at `now` by a policy; of what goes, up to `most` checkpoints. The thread is to be deleted only if it does not change
/// before.
pub(crate) fn due<H: Clone, T: Rows<Key, Row<H>>>(
    snapshot: &Snapshot<H, T>,
    thread: &Thread,
    policy: &RetentionPolicy,
    most: u64,
    now: u64,
) -> Result<Due<H>, TablesError> {
    if policy.keeps_everything() || thread.life.checkpoints == 0 {
        return Ok(Due::Nothing);
    }
    let before =
        |age: Duration| now.saturating_sub(u64::try_from(age.as_micros()).unwrap_or(u64::MAX));
    let updated = thread.life.updated_at;
    if let Some(idle) = policy.idle
        && updated > 0
        && updated < before(idle)
        && snapshot.tags(&thread.name)?.is_empty()
    {
        return Ok(Due::Delete);
    }
    let older = policy.older_than.map(before);
    let latest = if policy.finished_subgraphs {
        snapshot.get(&thread.name, "", None, false)?
    } else {
        None
    };
    let ages = policy.keep_last.is_some() || older.is_some();
    let kept = usize::try_from(policy.keep_last.unwrap_or(1).max(1)).unwrap_or(usize::MAX);
    if latest.is_none() && !ages {
        return Ok(Due::Nothing);
    }
    let plan = snapshot.plan(
        thread,
        most,
        |candidate| {
            let is_old =
                || older.is_none_or(|time| candidate.made_at().is_some_and(|at| at < time));
            let of_finished = || {
                latest.as_ref().is_some_and(|latest| {
                    is_of_one_call(candidate.namespace) && is_finished(candidate, &latest.id)
                })
            };
            ages && candidate.newer >= kept && is_old() || of_finished()
        },
        made_of,
    )?;
    Ok(Due::of(plan))
}

/// Removes nothing, and is refused if the thread has changed: what follows it in its frame is, too.
pub(crate) fn unchanged(thread: &Thread) -> CheckpointsPruned {
    CheckpointsPruned {
        thread: thread.name.to_string(),
        as_of: thread.life.lsn,
        namespaces: [].into(),
    }
}

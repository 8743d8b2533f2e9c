//! Pruning and retention: what goes is planned on a snapshot and committed in portions.

use std::sync::Arc;

use super::{DbSaver, saving};
use crate::Commit;
use crate::checkpoint::convert::{held_values, standalone_record};
use crate::checkpoint::dry_run::dry_run;
use crate::checkpoint::pruning::{Due, due};
use crate::checkpoint::retention::{self, PORTION, Retained, unchanged};
use crate::checkpoint::{
    CheckpointError, Checkpointer, Prune, PruneProgress, PruneReport, PruneRule, PruneStage,
    RetentionPolicy, cutoff_after,
};
use crate::codec::{Record, Stored, ThreadDeleted};
use crate::db::{DbSnapshot, Freed, Place, Reader, frame_bytes};
use crate::index::{Plan, TablesError, Thread};
use crate::vfs::Host;

/// How often a thread is pruned again that was written to meanwhile.
const PRUNED_AGAIN: usize = 8;

impl DbSaver {
    /// As [`prune`](Checkpointer::prune), and tells `progress` how far it is.
    ///
    /// # Errors
    /// As [`prune`](Checkpointer::prune).
    pub async fn prune_with(
        &self,
        prune: Prune,
        progress: &mut (dyn FnMut(PruneProgress) + Send),
    ) -> Result<PruneReport, CheckpointError> {
        let planned = self.prune_dry_run_with(&prune, progress)?;
        let of = planned.checkpoints;
        let mut report = PruneReport::default();
        for mut thread in planned.by_thread {
            let before = report.checkpoints;
            let mut told = |removed| {
                let done = before + removed;
                let stage = PruneStage::Removing;
                progress(PruneProgress { stage, done, of });
            };
            told(0);
            if thread.is_deleted {
                self.delete_thread(&thread.thread).await?;
            } else {
                let pruned = self.prune_thread(&thread.thread, &prune.rule, &mut told);
                thread.checkpoints = pruned.await?;
            }
            report.add(thread);
        }
        Ok(report)
    }

    /// As [`prune_dry_run`](Checkpointer::prune_dry_run), and tells `progress` how far it is.
    ///
    /// # Errors
    /// As [`prune_dry_run`](Checkpointer::prune_dry_run).
    pub fn prune_dry_run_with(
        &self,
        prune: &Prune,
        progress: &mut dyn FnMut(PruneProgress),
    ) -> Result<PruneReport, CheckpointError> {
        let due =
            |snapshot: &DbSnapshot, thread: &Thread| due(snapshot, thread, &prune.rule, u64::MAX);
        self.dry_run(prune.thread.as_deref(), due, progress)
    }

    pub(super) fn would_retain(
        &self,
        policy: &RetentionPolicy,
    ) -> Result<PruneReport, CheckpointError> {
        let leases = self.db.leases();
        let due = |snapshot: &DbSnapshot, thread: &Thread| {
            if leases.is_busy(&thread.name) {
                return Ok(Due::Nothing);
            }
            retention::due_now(snapshot, thread, policy, u64::MAX, self.db.now())
        };
        self.dry_run(None, due, &mut |_| {})
    }

    /// What would go, of one thread or of all.
    pub(super) fn dry_run(
        &self,
        only: Option<&str>,
        due: impl Fn(&DbSnapshot, &Thread) -> Result<Due<Place>, TablesError>,
        progress: &mut dyn FnMut(PruneProgress),
    ) -> Result<PruneReport, CheckpointError> {
        let mut reader = self.db.reader();
        self.db.reclaim()?;
        let snapshot = self.db.snapshot();
        let segments = self.db.segments()?;
        let mut of = 1;
        if only.is_none() {
            of = 0;
            snapshot.each_thread("", |_, _| of += 1)?;
        }
        let mut done = 0;
        dry_run(
            snapshot,
            only,
            |snapshot, thread| {
                let stage = PruneStage::Planning;
                progress(PruneProgress { stage, done, of });
                done += 1;
                due(snapshot, thread)
            },
            |going| {
                let (snapshot, thread, lost) = (going.snapshot, going.thread, going.lost);
                let mut freed = Freed::new(&reader, lost, &segments, snapshot.own_from(thread)?);
                let mut outcome = Ok(());
                going.staying(|lsn, place| {
                    if outcome.is_ok() {
                        outcome = freed.stays(lsn, place);
                    }
                })?;
                snapshot.each_value(thread, &mut |lsn, place| {
                    if outcome.is_ok() && lost.has(lsn) {
                        outcome = freed.goes(place);
                    }
                })?;
                outcome?;
                let returned = freed.sum();
                let records = match going.due {
                    Due::Prune(plan) => records_of(&thread.name, plan, &mut reader)?,
                    _ => Vec::new(),
                };
                Ok(returned.less(frame_bytes(&records)?))
            },
        )
    }

    /// Prunes a thread in portions, so that nobody waits for long behind one of them. Tells how many checkpoints went.
    async fn prune_thread(
        &self,
        name: &str,
        rule: &PruneRule,
        told: &mut (dyn FnMut(u64) + Send),
    ) -> Result<u64, CheckpointError> {
        let mut removed = 0;
        let mut attempts = 0;
        loop {
            let entered = self.db.enter();
            let snapshot = self.db.snapshot();
            let Some(thread) = snapshot.thread(name)? else {
                return Ok(removed);
            };
            let Due::Prune(plan) = due(&snapshot, &thread, rule, PORTION)? else {
                return Ok(removed);
            };
            let submitted = self.submit_plan(name, &plan)?;
            // Compaction waits for those who have entered.
            drop(entered);
            match submitted.await {
                Err(CheckpointError::Changed { .. }) if attempts < PRUNED_AGAIN => attempts += 1,
                outcome => {
                    outcome?;
                    attempts = 0;
                    removed += plan.checkpoints;
                    told(removed);
                    if plan.checkpoints < PORTION {
                        return Ok(removed);
                    }
                }
            }
        }
    }

    /// Submits a prune and what it puts again.
    fn submit_plan(
        &self,
        name: &str,
        plan: &Plan<Place>,
    ) -> Result<Commit<CheckpointError>, CheckpointError> {
        let records = records_of(name, plan, &mut self.db.reader())?;
        let what = || format!("the pruning of thread `{name}`");
        let submitted = (self.db).change_thread(name, records, self.durability, what);
        Ok(saving(submitted))
    }

    /// Where time and randomness come from.
    pub(crate) fn host(&self) -> &dyn Host {
        self.db.host()
    }

    /// The thread after `last` by name.
    pub(crate) fn next_thread(
        &self,
        last: Option<&str>,
    ) -> Result<Option<Arc<str>>, CheckpointError> {
        let next = self.db.snapshot().next_thread(last)?;
        Ok(next.map(|thread| thread.name))
    }

    /// Removes what is not to be kept of a thread any more, and between portions asks whether to go on.
    pub(crate) async fn retain(
        &self,
        name: &str,
        policy: &RetentionPolicy,
        removed: &mut Retained,
        mut goes_on: impl FnMut() -> bool,
    ) -> Result<(), CheckpointError> {
        while self.retain_portion(name, policy, removed).await? && goes_on() {}
        Ok(())
    }

    /// Removes some of what is not to be kept of a thread any more, unless it is being run. Whether there may be more.
    async fn retain_portion(
        &self,
        name: &str,
        policy: &RetentionPolicy,
        removed: &mut Retained,
    ) -> Result<bool, CheckpointError> {
        let entered = self.db.enter();
        let snapshot = self.db.snapshot();
        let thread = snapshot.thread(name)?;
        let Some(thread) = thread.filter(|_| !self.db.leases().is_busy(name)) else {
            return Ok(false);
        };
        let (commit, portion) =
            match retention::due_now(&snapshot, &thread, policy, PORTION, self.db.now())? {
                Due::Nothing => return Ok(false),
                Due::Delete => {
                    let deleted = ThreadDeleted {
                        thread: name.to_owned(),
                        cutoff: cutoff_after(self.db.host(), thread.life.greatest.as_deref()),
                    };
                    let records = vec![
                        Record::CheckpointsPruned(unchanged(&thread)),
                        Record::ThreadDeleted(deleted),
                    ];
                    let what = || format!("the deletion of idle thread `{name}`");
                    let commit = (self.db.leases()).deleting(name, || {
                        saving((self.db).change_thread(name, records, self.durability, what))
                    });
                    (commit, None)
                }
                Due::Prune(plan) => (self.submit_plan(name, &plan)?, Some(plan.checkpoints)),
            };
        drop(entered);
        match commit.await {
            // Somebody works with it.
            Err(CheckpointError::Changed { .. }) => Ok(false),
            outcome => {
                outcome?;
                removed.checkpoints += portion.unwrap_or(thread.life.checkpoints);
                removed.deleted_threads += u64::from(portion.is_none());
                Ok(portion.is_some_and(|portion| portion >= PORTION))
            }
        }
    }
}

/// The records of a prune: what goes, and what is put again.
fn records_of(
    name: &str,
    plan: &Plan<Place>,
    reader: &mut Reader,
) -> Result<Vec<Record<Stored>>, CheckpointError> {
    let record = plan.record.clone().map(Record::CheckpointsPruned);
    let mut records: Vec<_> = record.into_iter().collect();
    for survivor in &plan.survivors {
        let values = reader.aliases(held_values(&survivor.entry))?;
        let put = standalone_record(name, survivor, values);
        records.push(Record::CheckpointPut(put));
    }
    Ok(records)
}

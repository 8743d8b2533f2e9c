//! Pruning, retention and deletion of a [`SqliteSaver`]'s threads: what goes is planned on a snapshot and removed in portions.

use crate::Commit;
use crate::checkpoint::{CheckpointError, PruneReport, RetentionPolicy};
use crate::sqlite::reading::sql;
use crate::sqlite::upkeep::{Going, Rule, going, newest};
use crate::sqlite::{SqliteSaver, keeping};

/// So many checkpoints are removed at a time.
const PORTION: usize = 512;

impl SqliteSaver {
    /// What would go of one thread or of all.
    pub(super) fn would_go(
        &self,
        only: Option<&str>,
        rule: impl Fn(&str) -> Result<Option<Rule>, CheckpointError>,
    ) -> Result<Vec<Going>, CheckpointError> {
        let threads = match only {
            Some(thread) => vec![thread.to_owned()],
            None => self.read("listing threads", keeping::threads)?,
        };
        let mut all = Vec::new();
        for thread in threads {
            let Some(rule) = rule(&thread)? else { continue };
            let snapshot = self.snapshot()?;
            let connection = snapshot.connection().map_err(sql("pruning a thread"))?;
            all.extend(going(connection, &thread, &rule)?);
        }
        Ok(all)
    }

    /// The policy by which a thread is to be retained now, unless it is being run.
    pub(super) fn due(
        &self,
        thread: &str,
        policy: &RetentionPolicy,
    ) -> Result<Option<Rule>, CheckpointError> {
        if self.leases.is_busy(thread) {
            return Ok(None);
        }
        let own = self.read("reading a policy", |connection| {
            keeping::policy(connection, thread)
        })?;
        Ok(Some(Rule::Retain(own.unwrap_or(*policy))))
    }

    pub(super) async fn remove(&self, going: Vec<Going>) -> Result<PruneReport, CheckpointError> {
        let mut report = PruneReport::default();
        for mut of in going {
            let thread = of.report.thread.clone();
            if of.report.is_deleted {
                let unchanged = of.newest;
                let outcome = self.delete_if(&thread, move |connection, thread| {
                    newest(connection, thread).map(|newest| newest == unchanged)
                });
                match outcome.await {
                    Err(CheckpointError::Changed { .. }) => {
                        (of.report.is_deleted, of.report.checkpoints) = (false, 0);
                    }
                    outcome => outcome?,
                }
            }
            for portion in of
                .checkpoints
                .chunks(PORTION)
                .filter(|_| !of.report.is_deleted && of.report.checkpoints > 0)
            {
                let (thread, portion) = (thread.clone(), portion.to_vec());
                let removed = self.file.writer().submit(move |connection| {
                    keeping::remove(connection, &thread, &portion).map_err(sql("pruning a thread"))
                });
                removed.await?;
            }
            report.add(of.report);
        }
        Ok(report)
    }

    pub(super) fn delete_if(
        &self,
        thread: &str,
        goes: impl FnOnce(&rusqlite::Connection, &str) -> rusqlite::Result<bool> + Send + 'static,
    ) -> Commit<CheckpointError> {
        self.leases.deleting(thread, || {
            let thread = thread.to_owned();
            self.file.writer().submit(move |connection| {
                let failed = sql("deleting a thread");
                if !goes(connection, &thread).map_err(&failed)? {
                    return Err(CheckpointError::Changed { thread });
                }
                keeping::delete(connection, &thread).map_err(&failed)
            })
        })
    }
}

pub(super) fn report_of(going: Vec<Going>) -> PruneReport {
    let mut report = PruneReport::default();
    going.into_iter().for_each(|of| report.add(of.report));
    report
}

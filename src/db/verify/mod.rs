//! Verification: everything is read and checked, while readers and writers go on.

mod answers;
mod finding;
mod replayed;
mod same;

use std::ops::ControlFlow;

use self::answers::Answers;
use self::finding::Findings;
pub use self::finding::{Finding, FindingKind};
use self::replayed::{Replayed, replay};
use crate::db::indexed::LogState;
use crate::db::{Db, DbError, SegmentStats};
use crate::log;

/// How much is verified.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct VerifyOptions {
    /// Only the checks of all frames, and that every record can be understood, in constant memory. Otherwise also every
    /// value is put together, and the index compared with one that is made anew from the log, in memory: some
    /// hundreds of bytes per checkpoint.
    pub quick: bool,
}

/// What a verification is busy with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum VerifyStage {
    /// Reading the log, checking checksums. Counted in bytes.
    Log,
    /// Understanding the records. Counted in records.
    Records,
    /// Putting values together and comparing the index. Counted in checkpoints and items.
    Values,
}

/// How far a verification is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct VerifyProgress {
    /// What it is busy with.
    pub stage: VerifyStage,
    /// How much of that is done.
    pub done: u64,
    /// How much there is, about.
    pub of: u64,
}

/// What a verification found.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct VerifyReport {
    /// How many segments were read.
    pub segments: u64,
    /// How many frames were read and found whole.
    pub frames: u64,
    /// How many records were understood. If the log is damaged, those in front of the first defect.
    pub records: u64,
    /// How many checkpoints were checked.
    pub checkpoints: u64,
    /// How many items were checked.
    pub items: u64,
    /// How many values were put together. Some were more than once.
    pub values: u64,
    /// Whether the index was compared with the log. It is not in a quick verification, in a database that is open
    /// read-only (whose index was just made from the log), if the log is damaged, or if it was compacted meanwhile.
    pub index_compared: bool,
    /// What is wrong: the first thousand things.
    pub findings: Vec<Finding>,
    /// How many things are wrong.
    pub found: u64,
    /// It was stopped before it had checked everything.
    pub stopped: bool,
    /// The database is open read-only, and whoever writes to it has compacted it since it was opened: values that have gone with
    /// that were not checked. Open it again to verify what there is now.
    pub outdated: bool,
}

impl VerifyReport {
    /// Whether everything was checked and nothing is wrong.
    pub fn is_clean(&self) -> bool {
        self.found == 0 && !self.stopped && !self.outdated
    }
}

/// Is told how far it is, and may stop it.
pub(super) type Tell<'a> = dyn FnMut(VerifyProgress) -> ControlFlow<()> + 'a;

impl Db {
    /// Reads everything that was acknowledged before the call and checks it: the log's checksums and order, that every
    /// record can be understood, that every value of every checkpoint, pending write and item can be put together, and that the
    /// index answers what the log says. Readers and writers go on meanwhile. `progress` may stop it.
    ///
    /// A database that is open elsewhere can be verified if it is opened [read-only](crate::db::DbOptions::read_only). One
    /// that does not open for its damage is read by [`salvage`](crate::db::salvage()).
    ///
    /// # Errors
    /// [`DbError::Log`] if the file system failed; [`DbError::Closed`], also if it was closed meanwhile. Damage is no error here, but in the report.
    pub fn verify(
        &self,
        options: VerifyOptions,
        progress: &mut dyn FnMut(VerifyProgress) -> ControlFlow<()>,
    ) -> Result<VerifyReport, DbError> {
        let mut report = VerifyReport::default();
        let mut findings = Findings::default();
        self.verify_log(&mut report, &mut findings, progress)?;
        if !report.stopped {
            self.verify_contents(options, &mut report, &mut findings, progress)?;
        }
        // What could not be read for that is not damaged.
        self.has_failed()?;
        (report.findings, report.found) = (findings.listed, findings.count);
        Ok(report)
    }

    fn verify_log(
        &self,
        report: &mut VerifyReport,
        findings: &mut Findings,
        tell: &mut Tell<'_>,
    ) -> Result<(), DbError> {
        let mut tell = |at: log::VerifyProgress| {
            tell(VerifyProgress {
                stage: VerifyStage::Log,
                done: at.bytes,
                of: at.of_bytes,
            })
        };
        let log = self.indexed().log.read().clone();
        let of_log = match log {
            LogState::Open(log) => log.verify(&mut tell)?,
            LogState::ReadOnly(log) => log.verify(&mut tell)?,
            _ => return Err(self.closed()),
        };
        (report.segments, report.frames) = (of_log.segments, of_log.frames);
        report.stopped = of_log.stopped;
        for damage in of_log.damage {
            findings.add(Finding::of(FindingKind::Log, &DbError::Log(damage)));
        }
        Ok(())
    }

    fn verify_contents(
        &self,
        options: VerifyOptions,
        report: &mut VerifyReport,
        findings: &mut Findings,
        tell: &mut Tell<'_>,
    ) -> Result<(), DbError> {
        let segments = self.segments()?;
        let view = &self.indexed().view;
        let (rows, applied) = view.with_rows(|rows| (rows.snapshot(), rows.in_memory().applied));
        let end = applied.map_or(1, |watermark| watermark.lsn);
        let is_damaged = findings.count > 0;
        let is_kept = !options.quick && !self.is_read_only();
        let replayed = replay(self, end, is_kept, report, findings, tell)?;
        if options.quick || report.stopped {
            return Ok(());
        }
        let Replayed { index, is_whole } = replayed;
        let snapshot = index.snapshot();
        let mut of_index = Findings::default();
        let compared = is_kept && is_whole && !is_damaged;
        let answers = Answers {
            db: self,
            live: crate::index::Snapshot::new(rows),
            replayed: compared.then_some(&snapshot),
            report,
            values: findings,
            index: &mut of_index,
            tell,
        };
        answers.check()?;
        // A compaction drops what died meanwhile: what was made from the log then lacks it.
        if compared && is_same(&segments, &self.segments()?) {
            report.index_compared = !report.stopped;
            findings.extend(of_index);
        }
        Ok(())
    }
}

/// Whether the segments that were full are as they were.
fn is_same(before: &[SegmentStats], after: &[SegmentStats]) -> bool {
    let full = before.len().saturating_sub(1);
    let kept = before.iter().zip(after).take(full);
    kept.filter(|(before, after)| before == after).count() == full
}

//! The index that the log alone makes, and whether every record of the log is understood.

use std::ops::ControlFlow;
use std::sync::Arc;

use super::finding::{Finding, FindingKind, Findings};
use super::{Tell, VerifyProgress, VerifyReport, VerifyStage};
use crate::db::applying::try_apply_all;
use crate::db::decoded::decoded;
use crate::db::{Db, DbError, Place};
use crate::index::{Index, Key, MemTables, Row, Unapplied};
use crate::log::{LogError, ReadOnlyLog};

/// The progress is told after this many frames.
const STEP: u64 = 1024;

/// What the log alone says.
pub(super) struct Replayed {
    pub(super) index: Index<Place, MemTables<Key, Row<Place>>>,
    /// Whether that is all it says.
    pub(super) is_whole: bool,
}

#[derive(Debug, thiserror::Error)]
#[error("it was stopped")]
struct Stopped;

/// Reads the log of `db` as another process would, and applies what is in front of the record `end`, if `is_kept`.
pub(super) fn replay(
    db: &Db,
    end: u64,
    is_kept: bool,
    report: &mut VerifyReport,
    findings: &mut Findings,
    tell: &mut Tell<'_>,
) -> Result<Replayed, DbError> {
    let mut replayed = Replayed {
        index: Index::default(),
        is_whole: true,
    };
    let mut frames = 0;
    let opened = ReadOnlyLog::open(
        Arc::clone(db.vfs()),
        db.root(),
        &mut |frame, payload, as_of| {
            replayed.index.be_sure_below(as_of.get());
            if frame.lsn.get() >= end {
                return Ok(());
            }
            frames += 1;
            if frames % STEP == 0 {
                let progress = VerifyProgress {
                    stage: VerifyStage::Records,
                    done: frame.lsn.get(),
                    of: end,
                };
                if tell(progress) == ControlFlow::Break(()) {
                    return Err(Stopped.into());
                }
            }
            match decoded(frame, payload) {
                Ok(records) => {
                    report.records += u64::from(frame.records);
                    let applied = match is_kept {
                        true => try_apply_all(&mut replayed.index, frame, records),
                        false => Ok(()),
                    };
                    match applied {
                        Err(Unapplied::Tables(error)) => Err(error.into()),
                        Ok(()) | Err(Unapplied::Refused(_)) => Ok(()),
                    }
                }
                Err(error) => {
                    replayed.is_whole = false;
                    let error = DbError::unreadable_record(frame, 0, error);
                    findings.add(Finding::of(FindingKind::Record, &error));
                    Ok(())
                }
            }
        },
    );
    match opened {
        Ok(_) => {}
        Err(LogError::Replay { source, .. }) if source.is::<Stopped>() => {
            report.stopped = true;
            replayed.is_whole = false;
        }
        Err(error @ LogError::Io { .. }) => return Err(error.into()),
        Err(error) => {
            replayed.is_whole = false;
            // The log's own verification has found it already, unless it came to be since.
            if findings.count == 0 {
                findings.add(Finding::of(FindingKind::Log, &error.into()));
            }
        }
    }
    Ok(replayed)
}

//! `stepwell verify`: everything is read and checked.

use std::ops::ControlFlow;
use std::sync::Arc;

use serde_json::{Value, json};
use stepwell::db::{Db, DbError, Finding, FindingKind, VerifyOptions, VerifyReport, VerifyStage};
use stepwell::log::{self, LogError};
use stepwell::vfs::OsFs;

use super::json::lost_records;
use crate::database;
use crate::failure::{Answer, Failure};
use crate::format::{count, plain};
use crate::progress::Progress;
use crate::screen::{self, Screen};

/// Which database.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    db: database::Arg,
    /// Only checksums and records; no values, and not the index
    #[arg(long)]
    quick: bool,
    /// Print one JSON document on a line
    #[arg(long)]
    json: bool,
}

/// How often it is begun anew while another process compacts what was opened.
const ATTEMPTS: u32 = 50;

const SALVAGE: &str = "`stepwell salvage` makes a new database of all that is whole.";

/// Verifies the database and prints what is wrong.
pub(crate) fn run(args: &Args) -> Result<Answer, Failure> {
    let screen = Screen::new();
    database::require(args.db.path())?;
    let mut attempts = 0;
    let (report, mended) = loop {
        let db = match database::look(args.db.path()) {
            Ok(db) => db,
            Err(
                error @ DbError::Log(
                    LogError::Locked { .. } | LogError::Io { .. } | LogError::OutOfSpace { .. },
                ),
            ) => return Err(error.into()),
            Err(error) => return does_not_open(args, &screen, error),
        };
        let report = verified(args, &db)?;
        let mended = db.recovery().damaged_superblock_slot;
        db.close()?;
        attempts += 1;
        // What is wrong for certain is said.
        if !report.outdated || report.found > 0 {
            break (report, mended);
        }
        if attempts == ATTEMPTS {
            return Err(Failure::new(
                "another process compacts the database faster than it can be read; try again when it does less",
            ));
        }
    };
    if args.json {
        screen.json(&document(&report, mended))?;
    } else {
        if let Some(slot) = mended {
            screen.line(format_args!(
                "slot {slot} of the superblock was damaged; the other one served, and opening the database has written it anew"
            ))?;
        }
        print(&screen, args, &report)?;
    }
    match report.is_clean() {
        true => Ok(Answer::Yes),
        false => Ok(Answer::Damaged),
    }
}

fn verified(args: &Args, db: &Db) -> Result<VerifyReport, DbError> {
    let mut progress = Progress::new();
    let options = VerifyOptions { quick: args.quick };
    let report = db.verify(options, &mut |at| {
        let stage = match at.stage {
            VerifyStage::Log => "Reading the log",
            VerifyStage::Records => "Reading records",
            _ => "Checking values",
        };
        progress.tell(stage, at.done, at.of);
        ControlFlow::Continue(())
    });
    progress.finish();
    report
}

/// Says what of the log cannot be read.
fn does_not_open(args: &Args, screen: &Screen, error: DbError) -> Result<Answer, Failure> {
    // It only reads. Of another process that has the database open, the error has to do.
    let salvaged = log::salvage(Arc::new(OsFs), args.db.path(), &mut |_, _| Ok(()));
    let lost = salvaged.map_or_else(|_| Vec::new(), |report| report.lost);
    if args.json {
        let findings: Vec<_> = lost.iter().map(lost_records).collect();
        screen.json(&json!({
            "clean": false,
            "mended_superblock_slot": null,
            "error": error.to_string(),
            "found": findings.len().max(1),
            "findings": findings,
        }))?;
        return Ok(Answer::Damaged);
    }
    for lost in lost {
        screen.line(format_args!(
            "records {}..{} in {} at byte {}: {}",
            lost.lsns.start, lost.lsns.end, lost.segment, lost.offset, lost.reason
        ))?;
    }
    let is_of_another_version = matches!(
        &error,
        DbError::Log(LogError::NewerFormat { .. } | LogError::OldFormat { .. })
    );
    screen::error(&error.into());
    if !is_of_another_version {
        screen.line(SALVAGE)?;
    }
    Ok(Answer::Damaged)
}

fn print(screen: &Screen, args: &Args, report: &VerifyReport) -> Result<(), Failure> {
    for finding in &report.findings {
        screen.line(line(finding))?;
    }
    let listed = u64::try_from(report.findings.len())?;
    if report.found > listed {
        screen.line(format_args!("and {} more", report.found - listed))?;
    }
    let n = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
    let is_of = |kind: FindingKind| report.findings.iter().any(|finding| finding.kind == kind);
    let records = count(n(report.records), "record");
    let mut read = vec![
        count(n(report.segments), "segment"),
        match is_of(FindingKind::Log) {
            true => format!("{records} in front of the first defect of the log"),
            false => records,
        },
    ];
    if !args.quick {
        read.push(count(n(report.checkpoints), "checkpoint"));
        read.push(count(n(report.items), "item"));
    }
    screen.line(format_args!(
        "{} {}: {}{}",
        plain(&args.db.path().display().to_string()),
        match report.found {
            0 => "is whole".to_owned(),
            found => format!("has {}", count(n(found), "defect")),
        },
        read.join(", "),
        match report.index_compared {
            true => "; the index says what the log says",
            false => "",
        }
    ))?;
    let is_of_index = |finding: &Finding| finding.kind == FindingKind::Index;
    if !report.findings.iter().all(is_of_index) {
        screen.line(SALVAGE)?;
    } else if report.found > 0 {
        screen.line("Remove `index.redb` while nobody has the database open: it is made again.")?;
    }
    Ok(())
}

fn line(finding: &Finding) -> String {
    let thread = finding
        .thread
        .as_deref()
        .map(|thread| match &finding.checkpoint {
            Some(checkpoint) => format!(
                "thread {}, checkpoint {}: ",
                plain(thread),
                plain(checkpoint)
            ),
            None => format!("thread {}: ", plain(thread)),
        });
    format!("{}{}", thread.unwrap_or_default(), plain(&finding.what))
}

fn document(report: &VerifyReport, mended: Option<u8>) -> Value {
    json!({
        "clean": report.is_clean(),
        "mended_superblock_slot": mended,
        "segments": report.segments,
        "frames": report.frames,
        "records": report.records,
        "checkpoints": report.checkpoints,
        "items": report.items,
        "values": report.values,
        "index_compared": report.index_compared,
        "found": report.found,
        "findings": report.findings,
    })
}

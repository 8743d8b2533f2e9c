//! `stepwell compact`: the space of what is gone comes back.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;
use stepwell::db::{CompactionReport, Db, DbError};

use crate::database;
use crate::failure::{Answer, Failure};
use crate::format::{bytes, count, plain};
use crate::progress::Progress;
use crate::screen::Screen;

/// So often the bar is moved.
const PAUSE: Duration = Duration::from_millis(20);

/// Which database.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    db: database::Arg,
    /// Print one JSON document on a line
    #[arg(long)]
    json: bool,
}

/// Compacts the database. A program that has its database open does it itself, with `Db::compact`.
pub(crate) fn run(args: &Args) -> Result<Answer, Failure> {
    let screen = Screen::new();
    let db = args.db.open()?;
    let begun = Instant::now();
    let before = db.log_stats()?.bytes;
    let report = watched(&db)?;
    let after = db.stats()?;
    db.close()?;
    let took = begun.elapsed();
    if args.json {
        screen.json(&json!({
            "complete": !report.incomplete,
            "log_bytes_before": before,
            "log_bytes": after.log.bytes,
            "segments_before": report.segments_before,
            "segments_after": report.segments_after,
            "bytes_before": report.bytes_before,
            "bytes_after": report.bytes_after,
            "kept": report.kept,
            "dropped": report.dropped,
            "seconds": took.as_secs_f64(),
        }))?;
    } else {
        let n = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
        let of = count(n(report.segments_before), "segment");
        screen.line(format_args!(
            "{}: {} of log, {} before ({of} became {}, {}), in {took:.1?}",
            plain(&args.db.path().display().to_string()),
            bytes(after.log.bytes),
            bytes(before),
            report.segments_after,
            count(n(report.dropped), "commit") + " dropped",
        ))?;
        if report.incomplete {
            screen.line("Not all could be done; run it again.")?;
        }
    }
    Ok(match report.incomplete {
        true => Answer::No,
        false => Answer::Yes,
    })
}

/// Shows how far it is meanwhile.
fn watched(db: &Db) -> Result<CompactionReport, DbError> {
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut progress = Progress::new();
            while !done.load(Ordering::Acquire) {
                let at = db.compaction_progress();
                match at.of {
                    0 => progress.tell("Finding what goes", 0, 1),
                    of => progress.tell("Rewriting", at.done, of),
                }
                thread::sleep(PAUSE);
            }
            progress.finish();
        });
        let report = db.compact();
        done.store(true, Ordering::Release);
        report
    })
}

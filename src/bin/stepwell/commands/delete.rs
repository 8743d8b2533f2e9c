//! `stepwell delete`: a thread with all its checkpoints.

use futures::executor::block_on;
use serde_json::json;
use stepwell::checkpoint::{Checkpointer, Prune, PruneRule};

use super::find::require;
use crate::database;
use crate::failure::{Answer, Failure};
use crate::format::{bytes, count, plain};
use crate::screen::Screen;

/// Which thread of which database.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    db: database::Arg,
    /// The thread
    #[arg(long, value_name = "ID")]
    thread: String,
    /// Only say what would go
    #[arg(long)]
    dry_run: bool,
    /// Print one JSON document on a line
    #[arg(long)]
    json: bool,
}

/// Deletes the thread, or says what would go.
pub(crate) fn run(args: &Args) -> Result<Answer, Failure> {
    let screen = Screen::new();
    let db = match args.dry_run {
        true => args.db.look()?,
        false => args.db.open()?,
    };
    block_on(require(&db, &args.thread))?;
    let delete = Prune {
        thread: Some(args.thread.clone()),
        rule: PruneRule::Delete,
    };
    let saver = db.checkpointer();
    let report = match args.dry_run {
        true => block_on(saver.prune_dry_run(delete))?,
        false => block_on(saver.prune(delete))?,
    };
    drop(saver);
    db.close()?;
    if args.json {
        screen.json(&json!({
            "dry_run": args.dry_run,
            "thread": args.thread,
            "checkpoints": report.checkpoints,
            "bytes": report.bytes,
            "disk_bytes": report.disk_bytes,
        }))?;
    } else {
        screen.line(format_args!(
            "{} thread {}: {}, {} come back with a compaction",
            if args.dry_run {
                "Would delete"
            } else {
                "Deleted"
            },
            plain(&args.thread),
            count(usize::try_from(report.checkpoints)?, "checkpoint"),
            bytes(report.disk_bytes),
        ))?;
    }
    Ok(Answer::Yes)
}

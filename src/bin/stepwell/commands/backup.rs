//! `stepwell backup`: a copy of a database, or an earlier one brought up to date.

use std::path::PathBuf;

use serde_json::json;

use crate::database;
use crate::failure::{Answer, Failure};
use crate::format::{bytes, count};
use crate::progress::Progress;
use crate::screen::Screen;

/// Which database, and where the backup goes.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    db: database::Arg,
    /// The backup's directory: a new one, or that of an earlier backup, which is brought up to date
    #[arg(long, value_name = "DIR")]
    to: PathBuf,
    /// Print one JSON document on a line
    #[arg(long)]
    json: bool,
}

/// Makes the backup, also while another process has the database open.
pub(crate) fn run(args: &Args) -> Result<Answer, Failure> {
    let screen = Screen::new();
    let db = args.db.look()?;
    let mut progress = Progress::new();
    let report = db.backup_with(&args.to, &mut |at| {
        progress.tell("Backing up", at.done, at.of);
    });
    progress.finish();
    let report = report?;
    db.close()?;
    if args.json {
        screen.json(&json!({
            "records": report.end.get() - 1,
            "unchanged": report.unchanged,
            "linked": report.linked,
            "copied": report.copied,
            "copied_bytes": report.copied_bytes,
        }))?;
        return Ok(Answer::Yes);
    }
    let segments = report.unchanged + report.linked + report.copied;
    screen.line(format_args!(
        "Backed up to {}: {}, of which {} unchanged, {} linked, {} copied ({})",
        args.to.display(),
        count(usize::try_from(segments)?, "segment"),
        report.unchanged,
        report.linked,
        report.copied,
        bytes(report.copied_bytes),
    ))?;
    Ok(Answer::Yes)
}

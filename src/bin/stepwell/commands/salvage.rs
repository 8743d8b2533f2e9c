//! `stepwell salvage`: a new database of what is whole in a damaged one.

use std::path::PathBuf;

use serde_json::json;
use stepwell::db::{SalvageReport, SalvageStage, salvage_with};

use super::json::lost_records;
use crate::database;
use crate::failure::{Answer, Failure};
use crate::format::{count, plain};
use crate::progress::Progress;
use crate::screen::Screen;

/// Which database, and where the new one goes.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    db: database::Arg,
    /// The directory of the new database
    #[arg(long, value_name = "DIR")]
    to: PathBuf,
    /// Print one JSON document on a line
    #[arg(long)]
    json: bool,
}

/// Makes the new database, and says what is lost.
pub(crate) fn run(args: &Args) -> Result<Answer, Failure> {
    let screen = Screen::new();
    database::require(args.db.path())?;
    database::check_free(&args.to)?;
    let mut progress = Progress::new();
    let salvaged = salvage_with(args.db.path(), &args.to, &mut |at| {
        let stage = match at.stage {
            SalvageStage::Reading => "Reading the log",
            _ => "Writing a new one",
        };
        progress.tell(stage, at.done, at.of);
    });
    progress.finish();
    let report = salvaged?;
    if args.json {
        let records: Vec<_> = report.lost_records.iter().map(lost_records).collect();
        screen.json(&json!({
            "threads": report.threads,
            "checkpoints": report.checkpoints,
            "items": report.items,
            "lost_records": records,
            "lost_values": report.lost_values,
            "assumed_values": report.assumed_values,
            "lost_writes": report.lost_writes,
            "lost_items": report.lost_items,
        }))?;
    } else {
        print(&screen, args, &report)?;
    }
    match report.is_whole() {
        true => Ok(Answer::Yes),
        false => Ok(Answer::No),
    }
}

fn print(screen: &Screen, args: &Args, report: &SalvageReport) -> Result<(), Failure> {
    screen.line(format_args!(
        "Salvaged to {}: {}, {}, {}",
        args.to.display(),
        count(usize::try_from(report.threads)?, "thread"),
        count(usize::try_from(report.checkpoints)?, "checkpoint"),
        count(usize::try_from(report.items)?, "item"),
    ))?;
    if report.is_whole() {
        screen.line("Nothing is lost.")?;
    }
    for lost in &report.lost_records {
        screen.line(format_args!(
            "lost: records {}..{} in {} at byte {}: {}",
            lost.lsns.start, lost.lsns.end, lost.segment, lost.offset, lost.reason
        ))?;
    }
    let of = |thread: &str, namespace: &str, checkpoint: &str| {
        let namespace = match namespace {
            "" => String::new(),
            subgraph => format!(", subgraph {}", plain(subgraph)),
        };
        format!(
            "checkpoint {} of thread {}{namespace}",
            plain(checkpoint),
            plain(thread)
        )
    };
    for lost in &report.lost_values {
        screen.line(format_args!(
            "lost: channel {} of {}",
            plain(&lost.channel),
            of(&lost.thread, &lost.namespace, &lost.checkpoint)
        ))?;
    }
    for assumed in &report.assumed_values {
        screen.line(format_args!(
            "assumed: channel {} of {}",
            plain(&assumed.channel),
            of(&assumed.thread, &assumed.namespace, &assumed.checkpoint)
        ))?;
    }
    for lost in &report.lost_writes {
        screen.line(format_args!(
            "lost: writes of task {} to {}",
            plain(&lost.task),
            of(&lost.thread, &lost.namespace, &lost.checkpoint)
        ))?;
    }
    for lost in &report.lost_items {
        screen.line(format_args!(
            "lost: item {} in {}",
            plain(&lost.key),
            plain(&lost.namespace.join("/"))
        ))?;
    }
    Ok(())
}

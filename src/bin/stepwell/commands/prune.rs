//! `stepwell prune`: old checkpoints go.

use std::time::{Duration, SystemTime};

use futures::executor::block_on;
use serde_json::json;
use stepwell::checkpoint::{Prune, PruneProgress, PruneRule, PruneStage};

use super::find::require;
use crate::database;
use crate::failure::{Answer, Failure};
use crate::format::{bytes, count};
use crate::progress::Progress;
use crate::screen::Screen;

/// What goes, of which database.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    db: database::Arg,
    /// Only of this thread
    #[arg(long, value_name = "ID")]
    thread: Option<String>,
    #[command(flatten)]
    rule: Rule,
    /// Only say what would go
    #[arg(long)]
    dry_run: bool,
    /// Print one JSON document on a line
    #[arg(long)]
    json: bool,
}

/// Tagged checkpoints always stay.
#[derive(clap::Args)]
#[group(required = true, multiple = false)]
struct Rule {
    /// All but the latest N of each namespace
    #[arg(long, value_name = "N")]
    keep_last: Option<usize>,
    /// What is older, but for the latest of each namespace: 30d, 12h, 15m, 10s
    #[arg(long, value_name = "AGE", value_parser = time)]
    older_than: Option<Duration>,
    /// What subgraphs without memory left behind that have finished
    #[arg(long)]
    finished_subgraphs: bool,
    /// What has this as `run_id` in its metadata; may be given several times
    #[arg(long, value_name = "ID")]
    run: Vec<String>,
}

/// Removes the checkpoints, or says which would go.
pub(crate) fn run(args: &Args) -> Result<Answer, Failure> {
    let screen = Screen::new();
    let db = match args.dry_run {
        true => args.db.look()?,
        false => args.db.open()?,
    };
    if let Some(thread) = &args.thread {
        block_on(require(&db, thread))?;
    }
    let prune = Prune {
        thread: args.thread.clone(),
        rule: args.rule.rule()?,
    };
    let saver = db.checkpointer();
    let mut progress = Progress::new();
    let mut tell = |at: PruneProgress| {
        let stage = match at.stage {
            PruneStage::Planning => "Finding what goes",
            _ => "Removing",
        };
        progress.tell(stage, at.done, at.of);
    };
    let report = match args.dry_run {
        true => saver.prune_dry_run_with(&prune, &mut tell),
        false => block_on(saver.prune_with(prune, &mut tell)),
    };
    progress.finish();
    let report = report?;
    drop(saver);
    db.close()?;
    if args.json {
        screen.json(&json!({
            "dry_run": args.dry_run,
            "threads": report.threads,
            "checkpoints": report.checkpoints,
            "bytes": report.bytes,
            "disk_bytes": report.disk_bytes,
        }))?;
        return Ok(Answer::Yes);
    }
    screen.line(format_args!(
        "{} {} of {}: {} before compression, {} on disk",
        if args.dry_run {
            "Would remove"
        } else {
            "Removed"
        },
        count(usize::try_from(report.checkpoints)?, "checkpoint"),
        count(usize::try_from(report.threads)?, "thread"),
        bytes(report.bytes),
        bytes(report.disk_bytes)
    ))?;
    Ok(Answer::Yes)
}

impl Rule {
    fn rule(&self) -> Result<PruneRule, Failure> {
        if let Some(n) = self.keep_last {
            return Ok(PruneRule::KeepLast(n));
        }
        if let Some(age) = self.older_than {
            let since = SystemTime::now().checked_sub(age);
            let since = since.ok_or_else(|| Failure::usage("nothing can be that old"))?;
            return Ok(PruneRule::OlderThan(since));
        }
        Ok(match self.finished_subgraphs {
            true => PruneRule::FinishedSubgraphs,
            false => PruneRule::Runs(self.run.clone()),
        })
    }
}

/// A number and a unit.
pub(crate) fn time(text: &str) -> Result<Duration, String> {
    const UNITS: [(char, u64); 4] = [('s', 1), ('m', 60), ('h', 3600), ('d', 86_400)];
    let parsed = UNITS.iter().find_map(|(unit, seconds)| {
        let number: u64 = text.strip_suffix(*unit)?.parse().ok()?;
        number.checked_mul(*seconds)
    });
    parsed
        .map(Duration::from_secs)
        .ok_or_else(|| "give a number and a unit, as in 30d, 12h, 15m or 10s".to_owned())
}

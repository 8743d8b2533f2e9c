//! `stepwell demo`: a workflow on real files is killed in the middle and carries on where it stood.
//!
//! This file is the running order; each act has a file of its own.

mod analysis;
mod approval;
mod crash;
mod desk;
mod ending;
mod evidence;
mod files;
mod fork;
mod journal;
mod links;
mod markdown;
mod opened;
mod places;
mod progress;
mod proof;
mod report;
mod witness;
mod worker;
mod workflow;

use std::path::PathBuf;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use stepwell::db::Db;

use crate::database;
use crate::failure::{Doing, Failure};
use crate::format::count;
use crate::screen::Screen;
use opened::Opened;
use places::Places;
pub(crate) use worker::{WorkerArgs, work};

/// How the demo is run.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Read the Markdown files below this directory [default: the current one]
    #[arg(long, value_name = "DIR")]
    input: Option<PathBuf>,
    /// Keep the database here, and the report and the journal beside it
    #[arg(long, value_name = "DIR", default_value = "demo.stepwell")]
    db: PathBuf,
    /// Ask for the approval on the terminal instead of giving it
    #[arg(long)]
    ask: bool,
}

/// Runs the demo.
pub(crate) fn run(args: Args) -> Result<(), Failure> {
    let began = Instant::now();
    let screen = Screen::new();
    let places = prepare(&screen, args.input, &args.db)?;

    let crash = crash::run_and_kill(&screen, &places)?;
    let halt = crash::look(&screen, &places, &crash)?;
    crash::carry_on(&screen, &places)?;

    let opened = Opened::new(&places)?;
    approval::ask_and_resume(&screen, &opened, args.ask)?;
    proof::show(&screen, &places, &crash, &halt)?;
    fork::branch_off(&screen, &opened, &places, args.ask)?;
    ending::show_history(&screen, &opened, &places)?;
    opened.close()?;
    ending::show_places(&screen, &places, began)
}

/// Finds the files to work on and a place for the database, and says so.
fn prepare(
    screen: &Screen,
    input: Option<PathBuf>,
    db: &std::path::Path,
) -> Result<Places, Failure> {
    let db = places::trimmed(db);
    database::check_free(&db)?;
    let given = input.is_some();
    let mut places = Places {
        input: input.unwrap_or_else(|| PathBuf::from(".")),
        db,
        thread: fresh_thread(),
    };
    let mut files = places.files().doing("list", &places.input)?.len();
    let mut whose = "";
    if files == 0 {
        if given {
            return Err(Failure::new(format!(
                "there is no Markdown file below `{}`; name another directory with --input",
                places.input.display()
            )));
        }
        places.input = places.sample();
        files::write_sample(&places.input)?;
        files = places.files().doing("list", &places.input)?.len();
        whose = "\n(its own, for want of any here)";
    }
    // Made here, so that what is wrong with it shows before anything runs.
    Db::open(&places.db)?.close()?;
    let journal = places.journal();
    std::fs::write(&journal, "").doing("write", &journal)?;

    let most = match files {
        files::MOST => " (no more are read)",
        _ => "",
    };
    screen.line(screen.bold("Stepwell demo: a workflow that survives kill -9"))?;
    screen.line("")?;
    screen.indented(format_args!(
        "A graph reviews {} of Markdown{most}{whose}: it fans out one task per\n\
         file, looks again at what looks odd, asks for approval and writes a report.\n\
         Each step is saved in the database {}.",
        count(files, "file"),
        places.db.display(),
    ))?;
    Ok(places)
}

/// A thread that no earlier demo on the same database has used.
fn fresh_thread() -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    format!("demo-{}", now.map_or(0, |now| now.as_millis()))
}

/// An async runtime for the graph.
fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    Ok(tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_time()
        .build()?)
}

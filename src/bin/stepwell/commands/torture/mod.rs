//! `stepwell torture`: a process that commits is killed again and again, and what it was told is compared with what is there.
//!
//! This file is the running order: the killing, and the two halves of a test by pulling the plug.

mod acknowledged;
mod check;
mod content;
mod flushes;
mod report;
mod worker;

use std::fs::File;
use std::hash::{BuildHasher, RandomState};
use std::io::{self, BufReader};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use stepwell::db::Db;

use crate::database;
use crate::failure::{Answer, Doing, Failure};
use crate::progress::Progress;
use crate::screen::Screen;
use acknowledged::Acknowledged;
use check::{Found, check};
use report::Report;
use worker::Worker;
pub(crate) use worker::{WorkerArgs, work};

/// A process lives at most so long before it is killed.
const LIFE_MAX: Duration = Duration::from_millis(400);
/// One that does not begin to commit within this time is stuck.
const PATIENCE: Duration = Duration::from_secs(60);

/// What is tortured, and how.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// A directory that is not there yet, or that this command has made before
    #[arg(long, value_name = "DIR")]
    db: PathBuf,
    /// For how long
    #[arg(long, value_name = "N", default_value_t = 10, conflicts_with_all = ["before_power_cut", "after_power_cut"])]
    seconds: u64,
    /// So many threads commit at the same time
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u8).range(1..=64))]
    writers: u8,
    /// Commit until the power goes, and print each acknowledgement: have them kept on another machine
    #[arg(long, conflicts_with = "after_power_cut")]
    before_power_cut: bool,
    /// Compare with what was printed before the power went (`-`: standard input)
    #[arg(long, value_name = "FILE")]
    after_power_cut: Option<PathBuf>,
    /// Print one JSON document on a line
    #[arg(long)]
    json: bool,
}

/// Runs the loop, or one half of the other test.
pub(crate) fn run(args: &Args) -> Result<Answer, Failure> {
    if args.before_power_cut {
        require_own(&args.db)?;
        let worker = WorkerArgs {
            db: args.db.clone(),
            cycle: next_cycle(&args.db)?,
            writers: args.writers,
        };
        return work(&worker).map(Answer::from);
    }
    let mut report = match &args.after_power_cut {
        Some(file) => after_power_cut(&args.db, file)?,
        None => {
            require_own(&args.db)?;
            kill_again_and_again(args)?
        }
    };
    report.flushes = Some(flushes::measure(&args.db)?);
    report.print(&Screen::new(), args.json)
}

fn kill_again_and_again(args: &Args) -> Result<Report, Failure> {
    let began = Instant::now();
    let end = Duration::from_secs(args.seconds);
    let random = RandomState::new();
    let mut progress = Progress::new();
    let mut report = Report::default();
    let first = next_cycle(&args.db)?;
    for cycle in first.. {
        let at = began.elapsed();
        if at >= end && report.cycles > 0 {
            break;
        }
        let (done, of) = (at.as_millis(), end.as_millis());
        let small = |n: u128| u64::try_from(n).unwrap_or(u64::MAX);
        progress.tell("Killing", small(done), small(of).max(1));
        let part = u32::try_from(random.hash_one(cycle) % 1000).unwrap_or_default();
        let life = LIFE_MAX / 1000 * part;
        let acknowledged = live_and_die(args, cycle, life)?;
        report.add(&acknowledged, check(&args.db, &acknowledged)?);
    }
    progress.finish();
    report.seconds = began.elapsed().as_secs_f64();
    report.verified = Some(is_clean(&args.db)?);
    Ok(report)
}

/// Starts a process, and kills it so long after it has begun to commit. What it was told.
fn live_and_die(args: &Args, cycle: u64, life: Duration) -> Result<Acknowledged, Failure> {
    let mut worker = Worker::start(&args.db, cycle, args.writers)?;
    let began = Instant::now();
    while !worker.has_begun() {
        if let Some(status) = worker.ended()? {
            return Err(Failure::new(format!(
                "the process that was to be killed ended by itself ({status})"
            )));
        }
        if began.elapsed() > PATIENCE {
            return Err(Failure::new(
                "the process that was to be killed does not begin to commit",
            ));
        }
        thread::sleep(Duration::from_millis(1));
    }
    thread::sleep(life);
    worker.kill()
}

fn after_power_cut(db: &Path, file: &Path) -> Result<Report, Failure> {
    database::require(db)?;
    let acknowledged = match file == Path::new("-") {
        true => Acknowledged::read(io::stdin().lock())?,
        false => Acknowledged::read(BufReader::new(File::open(file).doing("open", file)?))?,
    };
    let mut report = Report::default();
    report.power_cut = true;
    let found: Found = check(db, &acknowledged)?;
    report.add(&acknowledged, found);
    report.verified = Some(is_clean(db)?);
    Ok(report)
}

fn is_clean(path: &Path) -> Result<bool, Failure> {
    let db = Db::open(path)?;
    let report = db.verify(stepwell::db::VerifyOptions::default(), &mut |_| {
        std::ops::ControlFlow::Continue(())
    })?;
    db.close()?;
    Ok(report.is_clean())
}

/// Fails if there is something else in the directory.
fn require_own(path: &Path) -> Result<(), Failure> {
    database::check_free(path)?;
    if !path.exists() || check::is_own(path)? {
        return Ok(());
    }
    Err(Failure::usage(format!(
        "`{}` is a database with something of yours in it; name a directory that is not there with --db",
        path.display()
    )))
}

/// The number of a process that comes after all that have been.
fn next_cycle(path: &Path) -> Result<u64, Failure> {
    match path.exists() {
        true => check::next_cycle(path),
        false => Ok(0),
    }
}

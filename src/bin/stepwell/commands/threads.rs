//! `stepwell threads`: the threads of a database.

use std::collections::{BTreeMap, BTreeSet};

use clap::ValueEnum;
use futures::StreamExt;
use serde::Serialize;
use stepwell::checkpoint::{Awaited, Checkpointer, ListQuery, ThreadStatus};
use stepwell::db::Db;

use crate::database;
use crate::failure::{Answer, Failure};
use crate::format::{fitting, plain};
use crate::screen::Screen;

/// How wide the names of the nodes are that come next.
const NEXT_WIDTH: usize = 30;

/// Which threads of which database.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    db: database::Arg,
    /// Only threads with this status
    #[arg(long)]
    status: Option<Status>,
    /// What comes first
    #[arg(long, default_value = "updated")]
    sort: Sort,
    /// At most so many
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// Print one JSON document per thread and line
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum Status {
    /// Has come to its end
    Idle,
    /// Waits for somebody: at a question, at a breakpoint, after an update
    Interrupted,
    /// Failed or was cut off
    Unfinished,
}

#[derive(Clone, Copy, ValueEnum)]
enum Sort {
    /// The one that changed last
    Updated,
    /// By name
    Name,
}

/// What is printed of a thread. As JSON its names are kept.
#[derive(Serialize)]
struct Thread {
    thread: String,
    /// `None` if it has no checkpoint of the root graph.
    #[serde(flatten)]
    status: Option<ThreadStatus>,
    checkpoints: usize,
    subgraphs: usize,
    /// When its first and its latest checkpoint were made: RFC 3339, UTC.
    created: String,
    updated: String,
}

/// Prints the threads.
pub(crate) fn run(args: &Args) -> Result<Answer, Failure> {
    let db = args.db.look()?;
    let mut threads = futures::executor::block_on(read(&db))?;
    db.close()?;
    let is_empty = threads.is_empty();
    if let Some(status) = args.status {
        threads.retain(|thread| thread.has(status));
    }
    if let Sort::Updated = args.sort {
        threads.sort_by(|a, b| b.updated.cmp(&a.updated));
    }
    threads.truncate(args.limit.unwrap_or(usize::MAX));
    let screen = Screen::new();
    if args.json {
        threads.iter().try_for_each(|thread| screen.json(thread))?;
    } else if is_empty {
        screen.line("The database has no threads yet.")?;
    } else if threads.is_empty() {
        screen.line("The database has no such thread.")?;
    } else {
        print(&screen, &threads)?;
    }
    Ok(Answer::Yes)
}

fn print(screen: &Screen, threads: &[Thread]) -> Result<(), Failure> {
    let width = threads.iter().map(|t| plain(&t.thread).chars().count());
    let width = width.max();
    let width = width.unwrap_or(0).max("THREAD".len());
    screen.line(screen.bold(format_args!(
        "{:<width$}  {:<11}  CHECKPOINTS  SUBGRAPHS  {:<20}  NEXT",
        "THREAD", "STATUS", "UPDATED"
    )))?;
    for thread in threads {
        let name = thread.status.as_ref().map_or("?", ThreadStatus::name);
        let line = format!(
            "{:<width$}  {name:<11}  {:>11}  {:>9}  {:<20}  {}",
            plain(&thread.thread),
            thread.checkpoints,
            thread.subgraphs,
            to_the_second(&thread.updated),
            thread.next()
        );
        screen.line(line.trim_end())?;
    }
    Ok(())
}

impl Thread {
    fn has(&self, wanted: Status) -> bool {
        match &self.status {
            Some(ThreadStatus::Idle) => matches!(wanted, Status::Idle),
            Some(ThreadStatus::Interrupted { .. }) => matches!(wanted, Status::Interrupted),
            Some(ThreadStatus::Unfinished { .. }) => matches!(wanted, Status::Unfinished),
            None => false,
        }
    }

    /// What comes next, and why it has not yet.
    fn next(&self) -> String {
        let Some(status) = &self.status else {
            return String::new();
        };
        let why = match status {
            ThreadStatus::Interrupted { waits_for, .. } => match waits_for {
                Awaited::Answer => " (asks)",
                Awaited::Breakpoint => " (breakpoint)",
                _ => " (updated)",
            },
            ThreadStatus::Unfinished { failure, .. } => match failure {
                Some(_) => " (failed)",
                None => " (cut off)",
            },
            ThreadStatus::Idle => "",
        };
        let next: Vec<String> = status.next().iter().map(|node| plain(node)).collect();
        format!("{}{why}", fitting(&next, NEXT_WIDTH))
    }
}

/// Seconds are exact enough for people.
fn to_the_second(time: &str) -> String {
    match time.split_once('.') {
        Some((seconds, _)) => format!("{seconds}Z").replace('T', " "),
        None => time.to_owned(),
    }
}

/// All threads, by name.
async fn read(db: &Db) -> Result<Vec<Thread>, Failure> {
    let mut threads: BTreeMap<String, Thread> = BTreeMap::new();
    let mut namespaces = BTreeSet::new();
    let mut all = db.checkpointer().list(ListQuery::default());
    while let Some(found) = all.next().await {
        let found = found?;
        let time = &found.checkpoint.ts;
        let new = || Thread {
            thread: found.thread.clone(),
            status: None,
            checkpoints: 0,
            subgraphs: 0,
            created: time.clone(),
            updated: time.clone(),
        };
        let thread = threads.entry(found.thread.clone()).or_insert_with(new);
        thread.checkpoints += 1;
        thread.created = thread.created.clone().min(time.clone());
        thread.updated = thread.updated.clone().max(time.clone());
        if found.namespace.is_empty() {
            // The newest comes first.
            thread
                .status
                .get_or_insert_with(|| ThreadStatus::of(&found));
        } else if namespaces.insert((found.thread, found.namespace)) {
            thread.subgraphs += 1;
        }
    }
    Ok(threads.into_values().collect())
}

//! `stepwell threads`: the threads of a database.

use std::time::SystemTime;

use clap::ValueEnum;
use serde::Serialize;
use stepwell::checkpoint::{
    Awaited, Checkpointer, StatusKind, ThreadInfo, ThreadOrder, ThreadQuery, ThreadStatus,
};

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

impl From<Status> for StatusKind {
    fn from(status: Status) -> Self {
        match status {
            Status::Idle => Self::Idle,
            Status::Interrupted => Self::Interrupted,
            Status::Unfinished => Self::Unfinished,
        }
    }
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
    checkpoints: u64,
    subgraphs: usize,
    /// When its first and its latest checkpoint were made: RFC 3339, UTC.
    created: String,
    updated: String,
}

/// Prints the threads.
pub(crate) fn run(args: &Args) -> Result<Answer, Failure> {
    let db = args.db.open()?;
    let listed = |query| futures::executor::block_on(db.checkpointer().list_threads(query));
    let any = listed(ThreadQuery {
        limit: Some(1),
        ..ThreadQuery::default()
    })?;
    let is_empty = any.is_empty();
    let threads = listed(ThreadQuery {
        status: args.status.map(StatusKind::from),
        order: match args.sort {
            Sort::Updated => ThreadOrder::LastUpdate,
            Sort::Name => ThreadOrder::Name,
        },
        limit: args.limit,
        ..ThreadQuery::default()
    })?;
    let threads: Vec<Thread> = threads.into_iter().map(Thread::from).collect();
    db.close()?;
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

impl From<ThreadInfo> for Thread {
    fn from(info: ThreadInfo) -> Self {
        let root = usize::from(info.status.is_some());
        Self {
            subgraphs: info.namespaces.saturating_sub(root),
            thread: info.thread,
            status: info.status,
            checkpoints: info.checkpoints,
            created: rfc3339(info.created),
            updated: rfc3339(info.updated),
        }
    }
}

fn rfc3339(time: SystemTime) -> String {
    jiff::Timestamp::try_from(time).map_or_else(|_| String::new(), |time| time.to_string())
}

//! `stepwell threads`: the threads of a database.

use std::time::SystemTime;

use clap::ValueEnum;
use serde::Serialize;
use serde_json::Value;
use stepwell::checkpoint::{
    Awaited, Checkpointer, StatusKind, ThreadCursor, ThreadInfo, ThreadOrder, ThreadQuery,
    ThreadStatus,
};

use crate::database;
use crate::failure::{Answer, Failure};
use crate::format::{bytes, fitting, plain};
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
    /// Only threads whose name begins so
    #[arg(
        long,
        value_name = "TEXT",
        default_value = "",
        hide_default_value = true
    )]
    prefix: String,
    /// Only threads whose latest checkpoint has this in its metadata; may be given several times
    #[arg(long = "metadata", value_name = "KEY=JSON", value_parser = entry)]
    metadata: Vec<(String, Value)>,
    /// At most so many
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// Only what comes after the thread with this `cursor` (see --json)
    #[arg(long, value_name = "CURSOR")]
    after: Option<ThreadCursor>,
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
    /// What was written to it and is not removed.
    bytes: u64,
    /// What `--after` takes to go on behind it.
    cursor: String,
    /// When its first and its latest checkpoint were made: RFC 3339, UTC.
    created: String,
    updated: String,
}

/// Prints the threads.
pub(crate) fn run(args: &Args) -> Result<Answer, Failure> {
    let db = args.db.look()?;
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
        prefix: args.prefix.clone(),
        filter: args.metadata.iter().cloned().collect(),
        limit: args.limit,
        after: args.after.clone(),
    })?;
    let threads: Vec<Thread> = threads.into_iter().map(Thread::from).collect();
    db.close()?;
    let screen = Screen::new();
    if args.json {
        threads.iter().try_for_each(|thread| screen.json(thread))?;
    } else if is_empty {
        screen.line("The database has no threads yet.")?;
    } else if threads.is_empty() {
        screen.line("No thread matches.")?;
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
        "{:<width$}  {:<11}  CHECKPOINTS  {:>10}  {:<20}  NEXT",
        "THREAD", "STATUS", "BYTES", "UPDATED"
    )))?;
    for thread in threads {
        let name = thread.status.as_ref().map_or("?", ThreadStatus::name);
        let line = format!(
            "{:<width$}  {name:<11}  {:>11}  {:>10}  {:<20}  {}",
            plain(&thread.thread),
            thread.checkpoints,
            bytes(thread.bytes),
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
            bytes: info.bytes,
            cursor: info.cursor.to_string(),
            created: rfc3339(info.created),
            updated: rfc3339(info.updated),
        }
    }
}

fn rfc3339(time: SystemTime) -> String {
    jiff::Timestamp::try_from(time).map_or_else(|_| String::new(), |time| time.to_string())
}

/// A key and a value, which is JSON or else a text.
fn entry(text: &str) -> Result<(String, Value), String> {
    let (key, value) = text
        .split_once('=')
        .ok_or_else(|| "give a key and a value, as in source=loop or step=3".to_owned())?;
    let value = serde_json::from_str(value).unwrap_or_else(|_| value.into());
    Ok((key.to_owned(), value))
}

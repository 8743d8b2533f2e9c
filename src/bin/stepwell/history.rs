//! `stepwell history`: a thread's checkpoints as a tree, read without knowing its graph.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use futures::StreamExt;
use stepwell::checkpoint::{CheckpointTuple, Checkpointer, ListQuery};
use stepwell::db::Db;

use crate::database;
use crate::failure::Failure;
use crate::format::{bytes, count, fitting, short};
use crate::screen::Screen;
use crate::tree::{self, Entry};

/// How wide the lines below a checkpoint are.
const WIDTH: usize = 66;

/// The task id of writes that come from a command and not from a task, as LangGraph has it.
const COMMAND: &str = "00000000-0000-0000-0000-000000000000";

/// Which thread of which database.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The database's directory
    #[arg(long, value_name = "DIR")]
    db: PathBuf,
    /// The thread [default: the one that changed last]
    #[arg(long, value_name = "ID")]
    thread: Option<String>,
}

/// Prints the tree of each namespace of the thread.
pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    let screen = Screen::new();
    let db = database::open(&args.db)?;
    let thread = match &args.thread {
        Some(thread) => thread.clone(),
        None => futures::executor::block_on(newest(&db))?,
    };
    let trees = futures::executor::block_on(read(&db, &thread))?;
    db.close()?;
    if trees.is_empty() {
        return Err(unknown(&thread, &args.db));
    }
    for (namespace, entries) in trees {
        let of = match namespace.as_str() {
            "" => String::new(),
            subgraph => format!(", subgraph {subgraph}"),
        };
        let checkpoints = count(entries.len(), "checkpoint");
        screen.line(screen.bold(format_args!("Thread {thread}{of}: {checkpoints}")))?;
        for line in tree::draw(entries) {
            screen.line(line)?;
        }
    }
    Ok(())
}

/// The error for a thread that is not there.
pub(crate) fn unknown(thread: &str, db: &std::path::Path) -> Failure {
    Failure::new(format!(
        "there is no thread `{thread}` in `{db}`; `stepwell threads --db {db}` lists those that are",
        db = db.display()
    ))
}

/// The thread with the newest checkpoint.
async fn newest(db: &Db) -> Result<String, Failure> {
    let mut all = db.checkpointer().list(ListQuery::default());
    let mut newest: Option<(String, String)> = None;
    while let Some(found) = all.next().await {
        let found = found?;
        let candidate = (found.checkpoint.ts, found.thread);
        newest = newest.max(Some(candidate));
    }
    match newest {
        Some((_, thread)) => Ok(thread),
        None => Err(Failure::new("the database has no threads yet")),
    }
}

/// The entries of each namespace's tree.
async fn read(db: &Db, thread: &str) -> Result<BTreeMap<String, Vec<Entry>>, Failure> {
    let mut trees: BTreeMap<String, Vec<Entry>> = BTreeMap::new();
    let mut all = db.checkpointer().list(ListQuery {
        thread: Some(thread.to_owned()),
        ..ListQuery::default()
    });
    while let Some(found) = all.next().await {
        let found = found?;
        let tree = trees.entry(found.namespace.clone()).or_default();
        tree.push(entry(&found));
    }
    Ok(trees)
}

fn entry(found: &CheckpointTuple) -> Entry {
    let checkpoint = &found.checkpoint;
    let metadata = &found.metadata;
    let step = metadata.step.map_or_else(String::new, |s| s.to_string());
    let source = metadata.source.map_or("", |source| source.as_str());
    let values = &checkpoint.channel_values;
    let total = values.values().map(|value| value.bytes().len() as u64);
    let tail = format!(
        "{step:>3} {source:<6}  {}, {}",
        count(values.len(), "channel"),
        bytes(total.sum())
    );

    let size = |name: &String| values.get(name).map(|v| bytes(v.bytes().len() as u64));
    let sized = |name: &String| size(name).map(|size| format!("{name} {size}"));
    let changed: Vec<String> = match &checkpoint.updated_channels {
        Some(updated) => updated.iter().filter_map(sized).collect(),
        None => values.keys().filter_map(sized).collect(),
    };
    let mut lines = Vec::new();
    if !changed.is_empty() {
        lines.push(format!("  {}", fitting(&changed, WIDTH)));
    }
    lines.extend(pending(found));
    Entry {
        id: checkpoint.id.clone(),
        parent: found.parent_id.clone(),
        head: short(&checkpoint.id).to_owned(),
        tail,
        below: lines,
    }
}

/// What tasks of the next super-step have written.
fn pending(found: &CheckpointTuple) -> Option<String> {
    let writes = &found.pending_writes;
    if writes.is_empty() {
        return None;
    }
    let mut tasks: BTreeSet<&str> = writes.iter().map(|w| w.task_id.as_str()).collect();
    tasks.remove(COMMAND);
    let channels: BTreeSet<String> = writes.iter().map(|w| w.channel.clone()).collect();
    let channels: Vec<String> = channels.into_iter().collect();
    let head = format!(
        "{} of {}: ",
        count(writes.len(), "pending write"),
        count(tasks.len(), "task")
    );
    let left = WIDTH.saturating_sub(head.len());
    Some(format!("  {head}{}", fitting(&channels, left)))
}

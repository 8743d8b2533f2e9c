//! `stepwell history`: a thread's checkpoints as a tree, read without knowing its graph.

use std::collections::{BTreeMap, BTreeSet};

use futures::StreamExt;
use stepwell::checkpoint::{CheckpointTuple, Checkpointer, ListQuery, ThreadQuery};
use stepwell::db::Db;

use super::find::unknown;
use super::json;
use crate::database;
use crate::failure::{Answer, Failure};
use crate::format::{bytes, count, fitting, plain, short};
use crate::screen::Screen;
use crate::tree::{self, Entry};

/// How wide the lines below a checkpoint are.
const WIDTH: usize = 66;

/// The task id of writes that come from a command and not from a task, as LangGraph has it.
const COMMAND: &str = "00000000-0000-0000-0000-000000000000";

/// Which thread of which database.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    db: database::Arg,
    /// The thread [default: the one that changed last]
    #[arg(long, value_name = "ID")]
    thread: Option<String>,
    /// Print one JSON document per checkpoint and line, newest first
    #[arg(long)]
    json: bool,
}

/// Prints the tree of each namespace of the thread.
pub(crate) fn run(args: &Args) -> Result<Answer, Failure> {
    let screen = Screen::new();
    let db = args.db.open()?;
    let answer = futures::executor::block_on(print(&db, args, &screen))?;
    db.close()?;
    Ok(answer)
}

async fn print(db: &Db, args: &Args, screen: &Screen) -> Result<Answer, Failure> {
    let thread = match &args.thread {
        Some(thread) => thread.clone(),
        None => newest(db).await?,
    };
    let mut trees: BTreeMap<String, Vec<Entry>> = BTreeMap::new();
    let mut any = false;
    let mut all = db.checkpointer().list(ListQuery {
        thread: Some(thread.clone()),
        ..ListQuery::default()
    });
    while let Some(found) = all.next().await {
        let found = found?;
        any = true;
        if args.json {
            screen.json(&json::Checkpoint::new(&found, false))?;
        } else {
            let tree = trees.entry(found.namespace.clone()).or_default();
            tree.push(entry(&found));
        }
    }
    if !any {
        return Err(unknown(&thread, db));
    }
    for (namespace, entries) in trees {
        let of = match namespace.as_str() {
            "" => String::new(),
            subgraph => format!(", subgraph {}", plain(subgraph)),
        };
        let checkpoints = count(entries.len(), "checkpoint");
        screen.line(screen.bold(format_args!("Thread {}{of}: {checkpoints}", plain(&thread))))?;
        for line in tree::draw(entries) {
            screen.line(line)?;
        }
    }
    Ok(Answer::Yes)
}

/// The thread with the newest checkpoint.
async fn newest(db: &Db) -> Result<String, Failure> {
    let newest = ThreadQuery {
        limit: Some(1),
        ..ThreadQuery::default()
    };
    let newest = db.checkpointer().list_threads(newest).await?.pop();
    match newest {
        Some(newest) => Ok(newest.thread),
        None => Err(Failure::new("the database has no threads yet")),
    }
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
    let sized = |name: &String| size(name).map(|size| format!("{} {size}", plain(name)));
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
    let channels: BTreeSet<String> = writes.iter().map(|w| plain(&w.channel)).collect();
    let channels: Vec<String> = channels.into_iter().collect();
    let head = format!(
        "{} of {}: ",
        count(writes.len(), "pending write"),
        count(tasks.len(), "task")
    );
    let left = WIDTH.saturating_sub(head.len());
    Some(format!("  {head}{}", fitting(&channels, left)))
}

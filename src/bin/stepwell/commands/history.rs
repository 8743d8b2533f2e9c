//! `stepwell history`: a thread's checkpoints as a tree, read without knowing its graph.

use std::collections::{BTreeMap, BTreeSet};

use futures::StreamExt;
use stepwell::checkpoint::{
    Channels, CheckpointTuple, Checkpointer, ListQuery, Projection, ThreadQuery,
};
use stepwell::db::Db;

use super::find::require;
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
    /// Only of this subgraph's namespace; the root graph's is empty [default: all]
    #[arg(long, value_name = "NS")]
    namespace: Option<String>,
    /// Only checkpoints older than this one, by its id
    #[arg(long, value_name = "ID")]
    before: Option<String>,
    /// At most so many, the newest ones
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// Also say how large each value is; every one of them is read for that
    #[arg(long)]
    sizes: bool,
    /// Print one JSON document per checkpoint and line, newest first
    #[arg(long)]
    json: bool,
}

/// Prints the tree of each namespace of the thread.
pub(crate) fn run(args: &Args) -> Result<Answer, Failure> {
    let screen = Screen::new();
    let db = args.db.look()?;
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
        namespace: args.namespace.clone(),
        before: args.before.clone(),
        limit: args.limit,
        projection: Projection {
            channels: match args.sizes {
                true => Channels::All,
                false => Channels::None,
            },
            writes: true,
        },
        ..ListQuery::default()
    });
    while let Some(found) = all.next().await {
        let found = found?;
        any = true;
        if args.json {
            screen.json(&json::Checkpoint::new(&found, false))?;
        } else {
            let tree = trees.entry(found.namespace.clone()).or_default();
            tree.push(entry(&found, args.sizes));
        }
    }
    if !any {
        require(db, &thread).await?;
        if !args.json {
            screen.line("The thread has no such checkpoint.")?;
        }
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
        None => Err(Failure::usage("the database has no threads yet")),
    }
}

fn entry(found: &CheckpointTuple, sizes: bool) -> Entry {
    let checkpoint = &found.checkpoint;
    let metadata = &found.metadata;
    let step = metadata.step.map_or_else(String::new, |s| s.to_string());
    let source = metadata.source.map_or("", |source| source.as_str());
    let values = &checkpoint.channel_values;
    let mut tail = format!("{step:>3} {source:<6}");
    if sizes {
        let total = values.values().map(|value| value.bytes().len() as u64);
        let (channels, total) = (count(values.len(), "channel"), bytes(total.sum()));
        tail = format!("{tail}  {channels}, {total}");
    }

    let shown = |name: &String| match values.get(name) {
        Some(value) => format!("{} {}", plain(name), bytes(value.bytes().len() as u64)),
        None => plain(name),
    };
    let changed: Vec<String> = match &checkpoint.updated_channels {
        Some(updated) => updated.iter().map(shown).collect(),
        None => checkpoint.channel_versions.keys().map(shown).collect(),
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

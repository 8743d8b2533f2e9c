//! `stepwell show`: the channel values of a checkpoint, as JSON.

use std::path::{Path, PathBuf};

use futures::StreamExt;
use serde_json::{Map, Value, json};
use stepwell::Encoded;
use stepwell::checkpoint::{CheckpointTuple, Checkpointer, ListQuery};
use stepwell::db::Db;

use crate::failure::Failure;
use crate::screen::Screen;
use crate::{database, history};

/// Which checkpoint of which thread of which database.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The database's directory
    #[arg(long, value_name = "DIR")]
    db: PathBuf,
    /// The thread
    #[arg(long, value_name = "ID")]
    thread: String,
    /// The checkpoint, by its id or the beginning of it [default: the latest]
    #[arg(long, value_name = "ID")]
    checkpoint: Option<String>,
    /// The subgraph's namespace
    #[arg(long, value_name = "NS", default_value = "", hide_default_value = true)]
    namespace: String,
}

/// Prints the values and nothing else, for other programs to read.
pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    let db = database::open(&args.db)?;
    let found = futures::executor::block_on(find(&db, args))?;
    db.close()?;
    let values = found.checkpoint.channel_values.iter();
    let values: Map<String, Value> = values
        .map(|(channel, value)| (channel.clone(), readable(value)))
        .collect();
    let text = serde_json::to_string_pretty(&values)?;
    Screen::new().line(text)?;
    Ok(())
}

async fn find(db: &Db, args: &Args) -> Result<CheckpointTuple, Failure> {
    let mut all = db.checkpointer().list(ListQuery {
        limit: args.checkpoint.is_none().then_some(1),
        ..ListQuery::of(&args.thread, &args.namespace)
    });
    let wanted = args.checkpoint.as_deref().unwrap_or_default();
    let mut matching = Vec::new();
    let mut any = false;
    while let Some(found) = all.next().await {
        let found = found?;
        any = true;
        if found.checkpoint.id.starts_with(wanted) {
            matching.push(found);
        }
    }
    match (matching.pop(), matching.len()) {
        (Some(found), 0) => Ok(found),
        (Some(_), others) => Err(Failure::new(format!(
            "{} checkpoints begin with `{wanted}`; give more of the id",
            others + 1
        ))),
        (None, _) => Err(missing(args, wanted, any, &args.db)),
    }
}

fn missing(args: &Args, wanted: &str, thread_exists: bool, db: &Path) -> Failure {
    let thread = &args.thread;
    if thread_exists {
        return Failure::new(format!(
            "thread `{thread}` has no checkpoint `{wanted}`; `stepwell history --db {} --thread \
             {thread}` lists those that it has",
            db.display()
        ));
    }
    if args.namespace.is_empty() {
        return history::unknown(thread, db);
    }
    Failure::new(format!(
        "thread `{thread}` has no subgraph `{}`; `stepwell history` lists those that it has",
        args.namespace
    ))
}

/// The value itself if it is JSON, else what kind it is and how long.
fn readable(value: &Encoded) -> Value {
    value
        .to_json()
        .unwrap_or_else(|_| json!({"$type": value.tag(), "$bytes": value.bytes().len()}))
}

//! `stepwell diff`: what differs between two checkpoints.

use futures::executor::block_on;
use stepwell::checkpoint::{CheckpointTuple, Checkpointer, diff};
use stepwell::db::Db;

use super::find::Thread;
use crate::database;
use crate::failure::{Answer, Failure};
use crate::screen::Screen;

/// Which checkpoints of which thread of which database.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    db: database::Arg,
    #[command(flatten)]
    thread: Thread,
    /// `A B`: from checkpoint A to B. `B`: from its parent to B. Nothing: from the latest one's parent to the
    /// latest. A tag or the beginning of an id will do
    #[arg(value_name = "ID", num_args = 0..=2)]
    checkpoints: Vec<String>,
    /// The thread that B is of, such as a copy; its latest checkpoint unless B is given [default: that of A]
    #[arg(long, value_name = "ID")]
    to_thread: Option<String>,
    /// Print one JSON document on a line
    #[arg(long)]
    json: bool,
    /// Exit with 1 if anything differs
    #[arg(long)]
    exit_code: bool,
}

/// Prints what differs.
pub(crate) fn run(args: &Args) -> Result<Answer, Failure> {
    let screen = Screen::new();
    let db = args.db.look()?;
    let (a, b) = block_on(find(&db, args))?;
    db.close()?;
    let found = diff(&a, &b);
    if args.json {
        screen.json(&found)?;
    } else {
        screen.line(&found)?;
    }
    match args.exit_code && !found.is_empty() {
        true => Ok(Answer::No),
        false => Ok(Answer::Yes),
    }
}

async fn find(db: &Db, args: &Args) -> Result<(CheckpointTuple, CheckpointTuple), Failure> {
    let mut named = args.checkpoints.iter().map(String::as_str);
    let (first, second) = (named.next(), named.next());
    if args.to_thread.is_some() || second.is_some() {
        let other = Thread {
            id: args.to_thread.as_ref().unwrap_or(&args.thread.id).clone(),
            namespace: args.thread.namespace.clone(),
        };
        let a = args.thread.checkpoint(db, first).await?;
        let b = other.checkpoint(db, second).await?;
        return Ok((a, b));
    }
    let wanted = first;
    let b = args.thread.checkpoint(db, wanted).await?;
    let saver = db.checkpointer();
    let parent = match b.parent_id.as_deref() {
        Some(id) => saver.get(&b.thread, &b.namespace, Some(id)).await?,
        None => None,
    };
    match parent {
        Some(a) => Ok((a, b)),
        None => Err(Failure::usage(format!(
            "checkpoint `{}` has no parent in the database; name the one to compare it with",
            b.checkpoint.id
        ))),
    }
}

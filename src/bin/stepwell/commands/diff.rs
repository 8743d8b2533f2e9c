//! `stepwell diff`: what differs between two checkpoints of a thread.

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
    /// latest. The beginning of an id will do
    #[arg(value_name = "ID", num_args = 0..=2)]
    checkpoints: Vec<String>,
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
    let wanted = match args.checkpoints.as_slice() {
        [a, b, ..] => {
            let a = args.thread.checkpoint(db, Some(a)).await?;
            let b = args.thread.checkpoint(db, Some(b)).await?;
            return Ok((a, b));
        }
        [b] => Some(b.as_str()),
        [] => None,
    };
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

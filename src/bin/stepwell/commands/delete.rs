//! `stepwell delete`: a thread with all its checkpoints.

use futures::executor::block_on;
use serde_json::json;
use stepwell::checkpoint::Checkpointer;

use super::find::require;
use crate::database;
use crate::failure::{Answer, Failure};
use crate::format::{count, plain};
use crate::screen::Screen;

/// Which thread of which database.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    db: database::Arg,
    /// The thread
    #[arg(long, value_name = "ID")]
    thread: String,
    /// Print one JSON document on a line
    #[arg(long)]
    json: bool,
}

/// Deletes the thread.
pub(crate) fn run(args: &Args) -> Result<Answer, Failure> {
    let screen = Screen::new();
    let db = args.db.open()?;
    let thread = block_on(require(&db, &args.thread))?;
    db.checkpointer().delete_thread(&args.thread).wait()?;
    db.close()?;
    let checkpoints = thread.checkpoints;
    if args.json {
        screen.json(&json!({"thread": args.thread, "checkpoints": checkpoints}))?;
    } else {
        screen.line(format_args!(
            "Deleted thread {}: {}",
            plain(&args.thread),
            count(usize::try_from(checkpoints)?, "checkpoint")
        ))?;
    }
    Ok(Answer::Yes)
}

//! `stepwell copy`: a thread's history under another name.

use clap::builder::NonEmptyStringValueParser;
use futures::executor::block_on;
use serde_json::json;
use stepwell::checkpoint::Checkpointer;

use super::find::require;
use crate::database;
use crate::failure::{Answer, Failure};
use crate::format::{count, plain};
use crate::screen::Screen;

/// Which thread of which database, and the name of the copy.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    db: database::Arg,
    /// The thread
    #[arg(long, value_name = "ID")]
    thread: String,
    /// The copy's name, which no thread may have
    #[arg(long, value_name = "ID", value_parser = NonEmptyStringValueParser::new())]
    to: String,
    /// Print one JSON document on a line
    #[arg(long)]
    json: bool,
}

/// Copies the thread.
pub(crate) fn run(args: &Args) -> Result<Answer, Failure> {
    let screen = Screen::new();
    let db = args.db.open()?;
    let thread = block_on(require(&db, &args.thread))?;
    db.checkpointer()
        .copy_thread(&args.thread, &args.to)
        .wait()?;
    db.close()?;
    let checkpoints = thread.checkpoints;
    if args.json {
        screen.json(&json!({"thread": args.thread, "to": args.to, "checkpoints": checkpoints}))?;
    } else {
        screen.line(format_args!(
            "Copied thread {} to {}: {}",
            plain(&args.thread),
            plain(&args.to),
            count(usize::try_from(checkpoints)?, "checkpoint")
        ))?;
    }
    Ok(Answer::Yes)
}

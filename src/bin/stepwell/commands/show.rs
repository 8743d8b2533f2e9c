//! `stepwell show`: a checkpoint's channel values, as JSON.

use futures::executor::block_on;
use serde_json::{Map, Value, json};
use stepwell::Encoded;

use super::find::Thread;
use super::json;
use crate::database;
use crate::failure::{Answer, Failure};
use crate::screen::Screen;

/// Which checkpoint of which thread of which database.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    db: database::Arg,
    #[command(flatten)]
    thread: Thread,
    /// The checkpoint, by its tag, its id or the beginning of it [default: the latest]
    #[arg(long, value_name = "ID")]
    checkpoint: Option<String>,
    /// Print all that is known of the checkpoint, as one JSON document on a line
    #[arg(long)]
    json: bool,
}

/// Prints the values and nothing else, unless asked for everything.
pub(crate) fn run(args: &Args) -> Result<Answer, Failure> {
    let screen = Screen::new();
    let db = args.db.look()?;
    let found = block_on(args.thread.checkpoint(&db, args.checkpoint.as_deref()))?;
    db.close()?;
    if args.json {
        screen.json(&json::Checkpoint::new(&found, true))?;
        return Ok(Answer::Yes);
    }
    let values = found.checkpoint.channel_values.iter();
    let values: Map<String, Value> = values
        .map(|(channel, value)| (channel.clone(), readable(value)))
        .collect();
    screen.line(serde_json::to_string_pretty(&values)?)?;
    Ok(Answer::Yes)
}

/// The value itself if it is JSON, else what kind it is and how long.
fn readable(value: &Encoded) -> Value {
    value
        .to_json()
        .unwrap_or_else(|_| json!({"$type": value.tag(), "$bytes": value.bytes().len()}))
}

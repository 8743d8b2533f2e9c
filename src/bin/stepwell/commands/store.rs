//! `stepwell store`: the items of the long-term memory.

mod change;
mod list;
mod read;

use std::time::SystemTime;

use clap::Subcommand;
use clap::builder::NonEmptyStringValueParser;
use futures::executor::block_on;
use jiff::Timestamp;
use serde_json::{Value, json};
use stepwell::db::Db;
use stepwell::store::{Item, Moment};

use super::find::Thread;
use crate::failure::{Answer, EXIT_CODES, Failure};

/// What to do with which items.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// List namespaces and how many items they hold, or the items themselves
    #[command(after_help = EXIT_CODES)]
    Ls(list::Ls),
    /// Print the value of an item, now or as it was
    #[command(after_help = EXIT_CODES)]
    Get(read::Get),
    /// Remember a value
    #[command(after_help = EXIT_CODES)]
    Put(change::Put),
    /// Find items by namespace and filter
    #[command(after_help = EXIT_CODES)]
    Search(list::Search),
    /// Print what an item is and was
    #[command(after_help = EXIT_CODES)]
    History(read::History),
    /// Forget an item, or all below a namespace
    #[command(after_help = EXIT_CODES)]
    Rm(change::Rm),
}

/// Does it.
pub(crate) fn run(args: &Args) -> Result<Answer, Failure> {
    match &args.command {
        Command::Ls(args) => args.run(),
        Command::Get(args) => args.run(),
        Command::Put(args) => args.run(),
        Command::Search(args) => args.run(),
        Command::History(args) => args.run(),
        Command::Rm(args) => args.run(),
    }
}

/// An item, by the labels of its namespace and its key.
#[derive(clap::Args)]
struct Place {
    /// The labels of the namespace, one argument each, and then the key
    #[arg(value_name = "LABEL... KEY")]
    labels: Vec<String>,
    /// The same as a JSON list, for labels that cannot be arguments
    #[arg(long = "path", value_name = "JSON", conflicts_with = "labels")]
    json_path: Option<String>,
}

impl Place {
    fn get(&self) -> Result<(Vec<String>, String), Failure> {
        let mut labels = labels(&self.labels, self.json_path.as_deref())?;
        match labels.pop() {
            Some(key) if !labels.is_empty() => Ok((labels, key)),
            _ => Err(Failure::usage(
                "an item is named by at least one label and a key",
            )),
        }
    }
}

/// A namespace and those below it.
#[derive(clap::Args)]
struct Prefix {
    /// Only in the namespace with these labels, one argument each, and below it
    #[arg(value_name = "LABEL")]
    labels: Vec<String>,
    /// The same as a JSON list, for labels that cannot be arguments
    #[arg(long = "path", value_name = "JSON", conflicts_with = "labels")]
    json_path: Option<String>,
}

impl Prefix {
    fn get(&self) -> Result<Vec<String>, Failure> {
        labels(&self.labels, self.json_path.as_deref())
    }
}

fn labels(labels: &[String], path: Option<&str>) -> Result<Vec<String>, Failure> {
    let Some(path) = path else {
        return Ok(labels.to_vec());
    };
    serde_json::from_str(path)
        .map_err(|error| Failure::usage(format!("--path is no JSON list of strings: {error}")))
}

/// When.
#[derive(clap::Args)]
struct AsOf {
    /// As it was when the latest checkpoint of this thread was put
    #[arg(long, value_name = "ID", conflicts_with = "time", value_parser = NonEmptyStringValueParser::new())]
    thread: Option<String>,
    /// The same of this checkpoint, by its tag, its id or the beginning of it
    #[arg(long, value_name = "ID", requires = "thread")]
    checkpoint: Option<String>,
    /// The same of a checkpoint of this subgraph
    #[arg(long, value_name = "NS", requires = "thread")]
    subgraph: Option<String>,
    /// As it was then, as `2026-01-31T12:00:00Z`
    #[arg(long, value_name = "TIME")]
    time: Option<Timestamp>,
}

impl AsOf {
    fn moment(&self, db: &Db) -> Result<Option<Moment>, Failure> {
        if let Some(time) = self.time {
            return Ok(Some(Moment::at(SystemTime::from(time))));
        }
        let Some(thread) = &self.thread else {
            return Ok(None);
        };
        let thread = Thread {
            id: thread.clone(),
            namespace: self.subgraph.clone().unwrap_or_default(),
        };
        let found = block_on(thread.checkpoint(db, self.checkpoint.as_deref()))?;
        let id = Some(found.checkpoint.id.as_str());
        Ok(db.moment(&found.thread, &found.namespace, id)?)
    }
}

/// An item for programs.
fn document(item: &Item) -> Value {
    json!({
        "namespace": item.namespace,
        "key": item.key,
        "value": item.value,
        "created": time(item.created_at),
        "updated": time(item.updated_at),
        "expires": item.expires_at.map(time),
    })
}

/// In RFC 3339, UTC.
fn time(time: SystemTime) -> String {
    Timestamp::try_from(time).map_or_else(|_| "?".to_owned(), |time| time.to_string())
}

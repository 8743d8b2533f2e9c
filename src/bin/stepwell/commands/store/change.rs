//! `stepwell store put` and `rm`: changing items.

use std::io::Read;

use clap::builder::NonEmptyStringValueParser;
use serde_json::{Value, json};
use stepwell::db::Db;
use stepwell::store::{Op, Order, Put as StorePut, Search, Store, StoreError, TextFields, Ttl};

use super::Place;
use crate::database;
use crate::failure::{Answer, Failure};
use crate::format::{count, plain};
use crate::screen::Screen;

/// So many items are removed at a time.
const AT_ONCE: usize = 1000;

/// What to remember under which key.
#[derive(clap::Args)]
pub(super) struct Put {
    #[command(flatten)]
    db: database::Arg,
    #[command(flatten)]
    place: Place,
    /// The value, as JSON [default: what standard input has]
    #[arg(long, value_name = "JSON", value_parser = NonEmptyStringValueParser::new())]
    value: Option<String>,
    /// It expires after so long, as `90s`, `30m`, `12h` or `7d` [default: never]
    #[arg(long, value_name = "TIME", value_parser = crate::commands::prune::time)]
    ttl: Option<std::time::Duration>,
    /// `search --query` looks at the texts of this field, as `text`, `notes[*]` or `$` for all; can be repeated
    #[arg(long, value_name = "FIELD")]
    text: Vec<String>,
    /// Print one JSON document on a line
    #[arg(long)]
    json: bool,
}

impl Put {
    /// Puts it and says so.
    pub(super) fn run(&self) -> Result<Answer, Failure> {
        let screen = Screen::new();
        let (namespace, key) = self.place.get()?;
        let text = match &self.value {
            Some(text) => text.clone(),
            None => {
                let mut text = String::new();
                std::io::stdin().read_to_string(&mut text)?;
                if text.trim().is_empty() {
                    return Err(Failure::usage(
                        "there is no value: give it with --value, or on standard input",
                    ));
                }
                text
            }
        };
        let value: Value = serde_json::from_str(&text)
            .map_err(|error| Failure::usage(format!("the value is no JSON: {error}")))?;
        let db = self.db.open()?;
        let put = db.store().blocking().put_with(StorePut {
            namespace: namespace.clone(),
            key: key.clone(),
            value,
            ttl: self.ttl.map_or(Ttl::Never, Ttl::After),
            index: None,
            texts: (!self.text.is_empty()).then(|| TextFields::new(self.text.clone())),
        });
        db.close()?;
        put.map_err(usage)?;
        match self.json {
            true => screen.json(&json!({"namespace": namespace, "key": key}))?,
            false => screen.line(format_args!("Put {}", plain(&key)))?,
        }
        Ok(Answer::Yes)
    }
}

/// What to forget.
#[derive(clap::Args)]
pub(super) struct Rm {
    #[command(flatten)]
    db: database::Arg,
    #[command(flatten)]
    place: Place,
    /// All items in the namespace with these labels, and below it
    #[arg(long, num_args = 1.., value_name = "LABEL", conflicts_with_all = ["labels", "json_path"])]
    below: Vec<String>,
    /// Print one JSON document on a line
    #[arg(long)]
    json: bool,
}

impl Rm {
    /// Says how many there were. The answer is no if there were none.
    pub(super) fn run(&self) -> Result<Answer, Failure> {
        let screen = Screen::new();
        let place = match self.below.is_empty() {
            true => Some(self.place.get()?),
            false => None,
        };
        let db = self.db.open()?;
        let removed = match place {
            Some((namespace, key)) => remove(&db, namespace, key),
            None => remove_below(&db, &self.below),
        };
        db.close()?;
        let removed = removed?;
        match self.json {
            true => screen.json(&json!({"removed": removed}))?,
            false => screen.line(format_args!("Removed {}", count(removed, "item")))?,
        }
        Ok(match removed {
            0 => Answer::No,
            _ => Answer::Yes,
        })
    }
}

fn remove(db: &Db, namespace: Vec<String>, key: String) -> Result<usize, StoreError> {
    let store = db.store().blocking();
    let labels: Vec<&str> = namespace.iter().map(String::as_str).collect();
    let get = stepwell::store::Get::new(&labels, key.as_str()).refresh_ttl(false);
    let was_there = store.get_with(get)?.is_some();
    store.batch(vec![Op::Delete { namespace, key }])?;
    Ok(usize::from(was_there))
}

fn remove_below(db: &Db, labels: &[String]) -> Result<usize, StoreError> {
    let store = db.store().blocking();
    let mut removed = 0;
    loop {
        let search = Search {
            prefix: labels.to_vec(),
            order: Order::Key,
            limit: AT_ONCE,
            refresh_ttl: Some(false),
            ..Search::new(&[])
        };
        let found = store.search(search)?;
        if found.is_empty() {
            return Ok(removed);
        }
        removed += found.len();
        let deletions = found.into_iter().map(|item| Op::Delete {
            namespace: item.namespace,
            key: item.key,
        });
        store.batch(deletions.collect())?;
    }
}

/// What the user said wrongly, by its exit code.
fn usage(error: StoreError) -> Failure {
    match error {
        StoreError::InvalidNamespace { .. } => Failure::usage(error.to_string()),
        error => error.into(),
    }
}

//! `stepwell store get` and `history`: one item.

use serde_json::{Value, json};
use stepwell::store::{Ending, Get as StoreGet, ItemHistory, ItemVersion, Store};

use super::{AsOf, Place, document, time};
use crate::database;
use crate::failure::{Answer, Failure};
use crate::screen::Screen;

/// Which item of which database, and when.
#[derive(clap::Args)]
pub(super) struct Get {
    #[command(flatten)]
    db: database::Arg,
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    as_of: AsOf,
    /// Print all that is known of the item, as one JSON document on a line
    #[arg(long)]
    json: bool,
}

impl Get {
    /// Prints the value and nothing else, unless asked for everything. The answer is no if there is no such item.
    pub(super) fn run(&self) -> Result<Answer, Failure> {
        let screen = Screen::new();
        let (namespace, key) = self.place.get()?;
        let db = self.db.look()?;
        let item = db.store().blocking().get_with(StoreGet {
            namespace,
            key,
            refresh_ttl: Some(false),
            as_of: self.as_of.moment(&db)?,
        })?;
        db.close()?;
        let Some(item) = item else {
            return Ok(Answer::No);
        };
        match self.json {
            true => screen.json(&document(&item))?,
            false => screen.line(serde_json::to_string_pretty(&item.value)?)?,
        }
        Ok(Answer::Yes)
    }
}

/// Which item of which database.
#[derive(clap::Args)]
pub(super) struct History {
    #[command(flatten)]
    db: database::Arg,
    #[command(flatten)]
    place: Place,
    /// At most so many versions
    #[arg(long, value_name = "N", default_value_t = 100)]
    limit: usize,
    /// Only those before the one with this number
    #[arg(long, value_name = "NUMBER")]
    before: Option<u64>,
    /// Print one JSON document per version and line
    #[arg(long)]
    json: bool,
}

impl History {
    /// Prints versions, newest first. The answer is no if there are none.
    pub(super) fn run(&self) -> Result<Answer, Failure> {
        let screen = Screen::new();
        let (namespace, key) = self.place.get()?;
        let db = self.db.look()?;
        let history = db.store().blocking().history_with(ItemHistory {
            namespace,
            key,
            before: self.before,
            limit: self.limit,
        });
        let history = history?;
        db.close()?;
        for version in &history.versions {
            match self.json {
                true => screen.json(&of_version(version))?,
                false => line(&screen, version)?,
            }
        }
        if !self.json {
            match history.kept_since {
                None => screen.line("What it was before is not kept.")?,
                Some(since) if since > std::time::UNIX_EPOCH => {
                    screen.line(format_args!("Kept since {}", time(since)))?;
                }
                Some(_) => {}
            }
        }
        Ok(match history.versions.is_empty() {
            true => Answer::No,
            false => Answer::Yes,
        })
    }
}

fn line(screen: &Screen, version: &ItemVersion) -> Result<(), Failure> {
    if let Some(ended) = version.ended
        && let Some(how) = how(ended.how).filter(|_| ended.how != Ending::Replaced)
    {
        screen.line(format_args!("{}  {how}", time(ended.at)))?;
    }
    let value = serde_json::to_string(&version.item.value)?;
    screen.line(format_args!("{}  {value}", time(version.item.updated_at)))?;
    Ok(())
}

fn of_version(version: &ItemVersion) -> Value {
    let mut document = document(&version.item);
    if let Value::Object(document) = &mut document {
        let ended = version.ended.map(|ended| {
            json!({
                "at": time(ended.at),
                "how": how(ended.how),
            })
        });
        document.insert("number".to_owned(), json!(version.number));
        document.insert("ended".to_owned(), json!(ended));
    }
    document
}

fn how(ending: Ending) -> Option<&'static str> {
    match ending {
        Ending::Replaced => Some("replaced"),
        Ending::Deleted => Some("deleted"),
        Ending::Expired => Some("expired"),
        _ => None,
    }
}

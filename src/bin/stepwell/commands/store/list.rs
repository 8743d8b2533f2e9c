//! `stepwell store ls` and `search`: several items.

use clap::ValueEnum;
use clap::builder::NonEmptyStringValueParser;
use serde_json::json;
use stepwell::store::{
    Cursor, Explain, Filter, Item, ListNamespaces, Order, Ranking, Search as StoreSearch, Store,
    StoreError,
};

use super::{AsOf, Prefix, document, time};
use crate::database;
use crate::failure::{Answer, Failure};
use crate::format::{count, plain};
use crate::screen::Screen;

/// So many columns of a value are shown.
const WIDTH: usize = 60;

/// Which namespaces of which database.
#[derive(clap::Args)]
pub(super) struct Ls {
    #[command(flatten)]
    db: database::Arg,
    #[command(flatten)]
    prefix: Prefix,
    /// Cut longer namespaces to so many labels
    #[arg(long, value_name = "N", conflicts_with = "keys")]
    depth: Option<usize>,
    /// List the items instead, by namespace and key
    #[arg(long)]
    keys: bool,
    /// At most so many
    #[arg(long, value_name = "N", default_value_t = 1000)]
    limit: usize,
    /// Print one JSON document per namespace or item and line
    #[arg(long)]
    json: bool,
}

impl Ls {
    pub(super) fn run(&self) -> Result<Answer, Failure> {
        let screen = Screen::new();
        let prefix = self.prefix.get()?;
        let db = self.db.look()?;
        let store = db.store().blocking();
        let below = |prefix: &[String]| StoreSearch {
            prefix: prefix.to_vec(),
            order: Order::Key,
            refresh_ttl: Some(false),
            limit: self.limit,
            ..StoreSearch::new(&[])
        };
        if self.keys {
            let found = store.search(below(&prefix))?;
            drop(store);
            db.close()?;
            return print(&screen, &found, Some(Order::Key), self.json);
        }
        let found = store.list_namespaces(ListNamespaces {
            max_depth: self.depth.map(|depth| depth.saturating_sub(prefix.len())),
            within: prefix,
            limit: self.limit,
            ..ListNamespaces::default()
        })?;
        for namespace in &found {
            let items = store.count(below(namespace))?;
            match self.json {
                true => screen.json(&json!({"namespace": namespace, "items": items}))?,
                false => {
                    let items = count(usize::try_from(items)?, "item");
                    screen.line(format_args!("{}  {items} at or below it", name(namespace)))?;
                }
            }
        }
        drop(store);
        db.close()?;
        if found.is_empty() && !self.json {
            screen.line("There are no items.")?;
        }
        Ok(Answer::Yes)
    }
}

#[derive(Clone, Copy, ValueEnum)]
enum Sort {
    Updated,
    Created,
    Key,
}

/// Which items of which database.
#[derive(clap::Args)]
pub(super) struct Search {
    #[command(flatten)]
    db: database::Arg,
    #[command(flatten)]
    prefix: Prefix,
    /// Only items whose values satisfy this, as `{"age": {"$gte": 18}}`
    #[arg(long, value_name = "JSON")]
    filter: Option<String>,
    /// Only items whose texts have a word of this, those that fit best first
    #[arg(long, value_name = "WORDS", conflicts_with_all = ["sort", "after"], value_parser = NonEmptyStringValueParser::new())]
    query: Option<String>,
    /// The newest update first, the oldest first, or by namespace and key
    #[arg(long, value_enum, default_value = "updated")]
    sort: Sort,
    /// At most so many
    #[arg(long, value_name = "N", default_value_t = 10)]
    limit: usize,
    /// Only what comes after the item with this `cursor`
    #[arg(long, value_name = "CURSOR")]
    after: Option<Cursor>,
    #[command(flatten)]
    as_of: AsOf,
    /// Say how many there are instead
    #[arg(long, conflicts_with = "explain")]
    count: bool,
    /// Say how they are found instead
    #[arg(long)]
    explain: bool,
    /// Print one JSON document per item and line
    #[arg(long)]
    json: bool,
}

impl Search {
    pub(super) fn run(&self) -> Result<Answer, Failure> {
        let screen = Screen::new();
        let search = self.search()?;
        let order = search.order;
        let db = self.db.look()?;
        let as_of = self.as_of.moment(&db)?;
        let search = StoreSearch { as_of, ..search };
        let store = db.store().blocking();
        let answer = if self.count {
            let found = store.count(search).map_err(usage)?;
            match self.json {
                true => screen.json(&json!({"items": found}))?,
                false => screen.line(count(usize::try_from(found)?, "item"))?,
            }
            Answer::Yes
        } else if self.explain {
            explain(&screen, &store.explain(search).map_err(usage)?, self.json)?;
            Answer::Yes
        } else {
            let order = self.query.is_none().then_some(order);
            print(
                &screen,
                &store.search(search).map_err(usage)?,
                order,
                self.json,
            )?
        };
        drop(store);
        db.close()?;
        Ok(answer)
    }

    fn search(&self) -> Result<StoreSearch, Failure> {
        let filter = match &self.filter {
            None => Filter::default(),
            Some(text) => {
                let filter = serde_json::from_str(text);
                let filter = filter
                    .map_err(|error| Failure::usage(format!("the filter is no JSON: {error}")))?;
                Filter::from_json(&filter).map_err(usage)?
            }
        };
        Ok(StoreSearch {
            prefix: self.prefix.get()?,
            filter,
            order: match self.sort {
                Sort::Updated => Order::Updated,
                Sort::Created => Order::Created,
                Sort::Key => Order::Key,
            },
            query: self.query.clone(),
            ranking: Ranking::Words,
            after: self.after.clone(),
            limit: self.limit,
            refresh_ttl: Some(false),
            ..StoreSearch::new(&[])
        })
    }
}

/// Those that have no order have scores. The answer is no if there are none.
fn print(
    screen: &Screen,
    found: &[Item],
    order: Option<Order>,
    json: bool,
) -> Result<Answer, Failure> {
    for item in found {
        if json {
            let mut document = document(item);
            if let Some(document) = document.as_object_mut() {
                let cursor = order.map(|order| Cursor::behind(item, order).to_string());
                document.extend(cursor.map(|cursor| ("cursor".to_owned(), cursor.into())));
                let score = item.score.as_ref().map(|score| score.value.into());
                document.extend(score.map(|score| ("score".to_owned(), score)));
            }
            screen.json(&document)?;
        } else {
            let value = serde_json::to_string(&item.value)?;
            screen.line(format_args!(
                "{}  {}  {}  {}",
                time(item.updated_at),
                name(&item.namespace),
                plain(&item.key),
                cut(&plain(&value)),
            ))?;
        }
    }
    Ok(match found.is_empty() {
        true => Answer::No,
        false => Answer::Yes,
    })
}

fn explain(screen: &Screen, how: &Explain, json: bool) -> Result<(), Failure> {
    if json {
        return Ok(screen.json(&json!({
            "index": how.index,
            "considered": how.considered.iter().map(|condition| {
                json!({"fields": condition.paths, "items": condition.items})
            }).collect::<Vec<_>>(),
            "rows_read": how.rows_read,
            "values_read": how.values_read,
            "found": how.found,
        }))?);
    }
    let by = match &how.index {
        Some(paths) => format!("by the index of {}", plain(&paths.join(", "))),
        None => "without an index of fields".to_owned(),
    };
    screen.line(format_args!(
        "Found {} {by}: {} of the index and {} read",
        how.found,
        count(usize::try_from(how.rows_read)?, "row"),
        count(usize::try_from(how.values_read)?, "value"),
    ))?;
    Ok(())
}

/// A namespace for people.
fn name(namespace: &[String]) -> String {
    plain(&namespace.join("/"))
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(WIDTH) {
        Some((at, _)) => format!("{}…", text.get(..at).unwrap_or_default()),
        None => text.to_owned(),
    }
}

/// What the user said wrongly, by its exit code.
fn usage(error: StoreError) -> Failure {
    match error {
        StoreError::InvalidFilter { .. }
        | StoreError::InvalidCursor { .. }
        | StoreError::CannotRank { .. }
        | StoreError::NotKept { .. } => Failure::usage(error.to_string()),
        error => error.into(),
    }
}

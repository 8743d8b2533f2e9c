//! Finding items: what is wanted as SQL, and rows as items.

use rusqlite::types::{Value as Sql, ValueRef};
use rusqlite::{Connection, OptionalExtension, Row, params};
use serde_json::Value;

use crate::index::HistoryRules;
use crate::sqlite::item_history::{self, signed};
use crate::sqlite::items::{labels_of, micros, prefix_of};
use crate::store::scratch::Loaded;
use crate::store::table::{Bound, Past, Place, Sieve, Table, Wanted};
use crate::store::{Order, TextFields};
use crate::{Encoded, item_vectors};

/// Labels as they are put in order: what stands between them comes before anything that a label can have.
const LABELS: &str = "replace(s.prefix, '.', char(0))";

/// The items of a file, as a connection sees them.
pub(super) struct Items<'c> {
    pub(super) connection: &'c Connection,
    /// Microseconds since the Unix epoch.
    pub(super) now: u64,
}

/// A query that is being written.
#[derive(Default)]
struct Query {
    conditions: Vec<String>,
    /// What stands for `?1` and so on.
    values: Vec<Sql>,
}

impl Query {
    /// Where a value goes. It is never a part of the text.
    fn value(&mut self, value: impl Into<Sql>) -> String {
        self.values.push(value.into());
        format!("?{}", self.values.len())
    }

    fn below(&mut self, prefix: &[String]) {
        if !prefix.is_empty() {
            let first = self.value(prefix.join("\0"));
            let behind = self.value(prefix.join("\0") + "\u{1}");
            self.conditions
                .push(format!("{LABELS} >= {first} AND {LABELS} < {behind}"));
        }
    }

    fn behind(&mut self, order: Order, time: &str, (at, namespace, key): &Place) {
        let namespace = self.value(namespace.join("\0"));
        let key = self.value(key.clone());
        let name = format!("({LABELS}, s.key) > ({namespace}, {key})");
        let at = self.value(signed(*at));
        self.conditions.push(match order {
            Order::Updated => format!("{time} <= {at} AND ({time} < {at} OR {name})"),
            Order::Created => format!("{time} >= {at} AND ({time} > {at} OR {name})"),
            Order::Key => name,
        });
    }

    /// `None`: SQLite is not asked about it.
    fn sieve(&mut self, sieve: &Sieve) -> Option<String> {
        Some(match sieve {
            Sieve::All(all) => {
                let all: Vec<_> = all.iter().filter_map(|one| self.sieve(one)).collect();
                format!(
                    "({})",
                    Some(all).filter(|all| !all.is_empty())?.join(" AND ")
                )
            }
            Sieve::Any(any) if any.is_empty() => "0".to_owned(),
            Sieve::Any(any) => {
                let any: Option<Vec<_>> = any.iter().map(|one| self.sieve(one)).collect();
                format!("({})", any?.join(" OR "))
            }
            Sieve::Field(names, bound) => {
                let path = path_of(names)?;
                let has_nul =
                    |text: &Option<String>| text.as_ref().is_some_and(|t| t.contains('\0'));
                if let Bound::Text(from, to) = bound
                    && (has_nul(from) || has_nul(to))
                {
                    return None;
                }
                let path = self.value(path);
                let field = format!("json_extract(CAST(s.value AS TEXT), {path})");
                match bound {
                    Bound::Null => format!("{field} IS NULL"),
                    Bound::Present => {
                        format!("json_type(CAST(s.value AS TEXT), {path}) IS NOT NULL")
                    }
                    Bound::Is(wanted) => format!("{field} = {}", u8::from(*wanted)),
                    Bound::Number(from, to) => self.between(&field, *from, *to),
                    Bound::Text(from, to) => self.between(&field, from.clone(), to.clone()),
                }
            }
        })
    }

    fn between<V: Into<Sql>>(&mut self, field: &str, from: Option<V>, to: Option<V>) -> String {
        match (
            from.map(|from| self.value(from)),
            to.map(|to| self.value(to)),
        ) {
            (Some(from), Some(to)) => format!("{field} BETWEEN {from} AND {to}"),
            (Some(from), None) => format!("{field} >= {from}"),
            (None, Some(to)) => format!("{field} <= {to}"),
            (None, None) => "1".to_owned(),
        }
    }
}

/// Where SQLite looks for a field. `None` if it has no way to say so.
fn path_of(names: &[String]) -> Option<String> {
    let is_plain = |name: &String| !name.contains(['"', '\\']) && !name.contains(char::is_control);
    let mut path = "$".to_owned();
    for name in names {
        path.push_str(&format!(
            ".\"{}\"",
            Some(name).filter(|name| is_plain(name))?
        ));
    }
    Some(path)
}

/// What there is at one moment, times in microseconds.
fn source(is_past: bool, at: &str) -> String {
    let (created, updated, expires) = times(false);
    if !is_past {
        return "store s".to_owned();
    }
    format!(
        "(SELECT s.prefix, s.key, s.value, {created} AS created_at, {updated} AS updated_at, {expires} AS expires_at,
                s.ttl_minutes FROM store s WHERE {updated} <= {at}
          UNION ALL SELECT prefix, key, value, created_at, updated_at, expires_at, NULL
            FROM stepwell_item_history WHERE updated_at <= {at} AND ended_at > {at}) s"
    )
}

/// When an item of that source was created and updated, and when it expires.
fn times(is_past: bool) -> (String, String, String) {
    let column = |name: &str| match is_past {
        true => format!("s.{name}"),
        false => micros(&format!("s.{name}")),
    };
    let updated = column("updated_at");
    let created = format!(
        "MIN(COALESCE({}, {updated}), {updated})",
        column("created_at")
    );
    (created, updated, column("expires_at"))
}

/// The text of a query, and what goes into it.
fn select(wanted: &Wanted<'_>) -> (String, Vec<Sql>) {
    let mut query = Query::default();
    let at = query.value(signed(wanted.alive_at));
    let source = source(wanted.is_past, &at);
    let (created, updated, expires) = times(wanted.is_past);
    query
        .conditions
        .push(format!("(s.expires_at IS NULL OR {expires} > {at})"));
    query.below(wanted.prefix);
    let time = match wanted.order {
        Some(Order::Created) => &created,
        _ => &updated,
    };
    if let (Some(order), Some(after)) = (wanted.order, wanted.after) {
        query.behind(order, time, after);
    }
    if let Some(sieve) = wanted.sieve.and_then(|sieve| query.sieve(sieve)) {
        query.conditions.push(sieve);
    }
    let (ranked, join) = match wanted.is_ranked {
        true => (
            "i.texts, i.vectors",
            "LEFT JOIN stepwell_items i ON i.prefix = s.prefix AND i.key = s.key AND i.updated_at = s.updated_at",
        ),
        false => ("NULL, NULL", ""),
    };
    // Below a prefix the index by name finds the items: a sign has it that no other one is taken for the order.
    let plus = if wanted.prefix.is_empty() { "" } else { "+" };
    let order = match wanted.order {
        Some(Order::Updated) => format!("ORDER BY {plus}{time} DESC, {LABELS}, s.key"),
        Some(Order::Created) => format!("ORDER BY {time}, {LABELS}, s.key"),
        Some(Order::Key) => format!("ORDER BY {LABELS}, s.key"),
        // As they were put, where they are ranked.
        None if wanted.is_ranked => format!("ORDER BY {time}, s.rowid"),
        None => String::new(),
    };
    let limit = wanted
        .limit
        .map(|limit| i64::try_from(limit).unwrap_or(i64::MAX));
    let limit = query.value(limit.unwrap_or(-1));
    let conditions = query.conditions.join(" AND ");
    let text = format!(
        "SELECT s.prefix, s.key, s.value, {created}, {updated}, {expires}, s.ttl_minutes, {ranked}
         FROM {source} {join} WHERE {conditions} {order} LIMIT {limit}"
    );
    (text, query.values)
}

impl Table for Items<'_> {
    type Error = rusqlite::Error;

    async fn one(&mut self, namespace: &[String], key: &str) -> rusqlite::Result<Option<Loaded>> {
        let (created, updated, expires) = times(false);
        let query = format!(
            "SELECT s.prefix, s.key, s.value, {created}, {updated}, {expires}, s.ttl_minutes, NULL, NULL
             FROM store s WHERE s.prefix = ?1 AND s.key = ?2"
        );
        let mut statement = self.connection.prepare_cached(&query)?;
        statement
            .query_row(params![prefix_of(namespace), key], loaded)
            .optional()
    }

    async fn rows(
        &mut self,
        wanted: &Wanted<'_>,
        visit: &mut (dyn FnMut(Loaded) -> bool + Send),
    ) -> rusqlite::Result<()> {
        let (text, values) = select(wanted);
        let mut statement = self.connection.prepare_cached(&text)?;
        let mut rows = statement.query(rusqlite::params_from_iter(values))?;
        while let Some(row) = rows.next()? {
            if !visit(loaded(row)?) {
                break;
            }
        }
        Ok(())
    }

    async fn namespaces(
        &mut self,
        prefix: &[String],
        visit: &mut (dyn FnMut(Vec<String>) -> bool + Send),
    ) -> rusqlite::Result<()> {
        let (_, _, expires) = times(false);
        let mut query = Query::default();
        let now = query.value(signed(self.now));
        query
            .conditions
            .push(format!("(s.expires_at IS NULL OR {expires} > {now})"));
        query.below(prefix);
        let last = query.value(Sql::Null);
        let conditions = query.conditions.join(" AND ");
        let select = |behind: &str| {
            format!(
                "SELECT {LABELS} FROM store s WHERE {conditions} AND {behind} ORDER BY {LABELS}, s.key LIMIT 1"
            )
        };
        // From one to the next, whatever is in them.
        let (first, next) = (
            select(&format!("{last} IS NULL")),
            select(&format!("{LABELS} > {last}")),
        );
        let mut text = &first;
        loop {
            let mut statement = self.connection.prepare_cached(text)?;
            let values = rusqlite::params_from_iter(&query.values);
            let found = statement
                .query_row(values, |row| row.get::<_, String>(0))
                .optional()?;
            let Some(found) = found else {
                return Ok(());
            };
            if !visit(found.split('\0').map(str::to_owned).collect()) {
                return Ok(());
            }
            if let Some(last) = query.values.last_mut() {
                *last = Sql::Text(found);
            }
            text = &next;
        }
    }

    async fn past(
        &mut self,
        namespace: &[String],
        key: &str,
        before: u64,
        limit: usize,
    ) -> rusqlite::Result<Vec<Past>> {
        let mut statement = self.connection.prepare_cached(
            "SELECT prefix, key, value, created_at, updated_at, expires_at, NULL, NULL, NULL, ended_at, was_removed
             FROM stepwell_item_history WHERE prefix = ?1 AND key = ?2 AND updated_at < ?3
             ORDER BY updated_at DESC LIMIT ?4",
        )?;
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let values = params![prefix_of(namespace), key, signed(before), limit];
        let past = statement.query_map(values, |row| {
            Ok(Past {
                item: loaded(row)?,
                ended_at: unsigned(row.get(9)?),
                was_removed: row.get(10)?,
            })
        })?;
        past.collect()
    }

    async fn rules(&mut self) -> rusqlite::Result<HistoryRules> {
        item_history::rules(self.connection, self.now)
    }
}

fn loaded(row: &Row<'_>) -> rusqlite::Result<Loaded> {
    let bytes = |at: usize| -> rusqlite::Result<Vec<u8>> {
        Ok(match row.get_ref(at)? {
            ValueRef::Blob(bytes) | ValueRef::Text(bytes) => bytes.to_vec(),
            _ => Vec::new(),
        })
    };
    let moment = |at: usize| -> rusqlite::Result<Option<u64>> {
        Ok(row.get::<_, Option<i64>>(at)?.map(unsigned))
    };
    let prefix: String = row.get(0)?;
    let value: Value = serde_json::from_slice(&bytes(2)?).map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(2, rusqlite::types::Type::Text, Box::new(error))
    })?;
    let minutes: Option<f64> = row.get(6)?;
    let lifetime = minutes.filter(|minutes| minutes.is_finite() && *minutes >= 0.0);
    let texts: Option<String> = row.get(7)?;
    let texts = texts.and_then(|texts| serde_json::from_str::<Vec<String>>(&texts).ok());
    let vectors = bytes(8)?;
    Ok(Loaded {
        namespace: labels_of(&prefix),
        key: row.get(1)?,
        value,
        created_at: moment(3)?.unwrap_or_default(),
        updated_at: moment(4)?.unwrap_or_default(),
        expires_at: moment(5)?,
        lifetime: lifetime.map(micros_of_minutes),
        texts: texts.map(TextFields::new),
        vectors: (!vectors.is_empty()).then(|| Encoded::new(item_vectors::TAG, vectors)),
    })
}

fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or_default()
}

const MINUTE: f64 = 60_000_000.0;

fn micros_of_minutes(minutes: f64) -> u64 {
    let duration = std::time::Duration::try_from_secs_f64((minutes * MINUTE).round() / 1e6);
    duration.map_or(u64::MAX, |of| {
        u64::try_from(of.as_micros()).unwrap_or(u64::MAX)
    })
}

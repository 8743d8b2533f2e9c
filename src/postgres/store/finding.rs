//! Finding items: what is wanted as SQL, and rows as items.

use deadpool_postgres::Transaction;
use futures::{TryStreamExt, pin_mut};
use serde_json::Value;
use tokio_postgres::Row;
use tokio_postgres::types::{ToSql, Type};

use crate::index::HistoryRules;
use crate::postgres::PostgresError;
use crate::postgres::store::history;
use crate::postgres::store::items::{MICROS, labels_of, prefix_of};
use crate::postgres::text::{escape, is_escaped, owned, unescape_json};
use crate::store::scratch::Loaded;
use crate::store::table::{Bound, Past, Place, Sieve, Table, Wanted};
use crate::store::{Order, TextFields};
use crate::{Encoded, item_vectors};

/// Labels as they are put in order, one by one.
pub(in crate::postgres) const LABELS: &str = "(string_to_array(s.prefix, '.') COLLATE \"C\")";

/// So many namespaces are asked for at once.
const NAMESPACES: i64 = 256;

/// A text in the order of what it stands for: that of a NUL comes first.
pub(in crate::postgres) fn in_order(text: &str) -> String {
    let mark = '\u{10FFFF}';
    format!(
        "(replace(replace(replace({text}, chr(1), chr(1) || chr(2)), '{mark}0', chr(1) || chr(1)), '{mark}1', '{mark}')
            COLLATE \"C\")"
    )
}

/// The items of a server, as a transaction sees them.
pub(super) struct Items<'t> {
    pub(super) transaction: &'t Transaction<'t>,
    /// Microseconds since the Unix epoch.
    pub(super) now: u64,
}

/// A query that is being written.
#[derive(Default)]
struct Query {
    conditions: Vec<String>,
    /// What stands for `$1` and so on.
    values: Vec<(Box<dyn ToSql + Send + Sync>, Type)>,
}

impl Query {
    /// Where a value goes. It is never a part of the text.
    fn value(&mut self, value: impl ToSql + Send + Sync + 'static, of: Type) -> String {
        self.values.push((Box::new(value), of));
        format!("${}", self.values.len())
    }

    fn time(&mut self, micros: u64) -> String {
        let micros = self.value(signed(micros), Type::INT8);
        format!("('epoch'::timestamptz + ({micros} || ' microseconds')::interval)")
    }

    fn labels(&mut self, labels: &[String]) -> String {
        let labels: Vec<_> = labels
            .iter()
            .map(|label| escape(label).into_owned())
            .collect();
        self.value(labels, Type::TEXT_ARRAY)
    }

    fn below(&mut self, prefix: &[String]) {
        if let Some((last, rest)) = prefix.split_last() {
            let first = self.labels(prefix);
            // What comes right behind the last label.
            let behind: Vec<_> = rest
                .iter()
                .cloned()
                .chain([format!("{last}\u{1}")])
                .collect();
            let behind = self.labels(&behind);
            self.conditions
                .push(format!("{LABELS} >= {first} AND {LABELS} < {behind}"));
        }
    }

    fn behind(&mut self, order: Order, (at, namespace, key): &Place) {
        let namespace = self.labels(namespace);
        let key = self.value(escape(key).into_owned(), Type::TEXT);
        let name = format!(
            "({LABELS}, {}) > ({namespace}, {})",
            in_order("s.key"),
            in_order(&key)
        );
        if order == Order::Key {
            self.conditions.push(name);
            return;
        }
        let (time, at) = (time_of(order), self.time(*at));
        let then = if order == Order::Updated { "<" } else { ">" };
        self.conditions.push(format!(
            "{time} {then}= {at} AND ({time} {then} {at} OR {name})"
        ));
    }

    /// `None`: the server is not asked about it.
    fn sieve(&mut self, sieve: &Sieve) -> Option<String> {
        Some(match sieve {
            Sieve::All(all) => {
                let all: Vec<_> = all.iter().filter_map(|one| self.sieve(one)).collect();
                format!(
                    "({})",
                    Some(all).filter(|all| !all.is_empty())?.join(" AND ")
                )
            }
            Sieve::Any(any) if any.is_empty() => "false".to_owned(),
            Sieve::Any(any) => {
                let any: Option<Vec<_>> = any.iter().map(|one| self.sieve(one)).collect();
                format!("({})", any?.join(" OR "))
            }
            Sieve::Field(names, bound) => {
                if names.iter().any(|name| is_escaped(name)) {
                    return None;
                }
                if let Bound::Text(from, to) = bound
                    && from.iter().chain(to).any(|text| is_escaped(text))
                {
                    return None;
                }
                let path = self.value(names.clone(), Type::TEXT_ARRAY);
                self.bound(&path, bound)
            }
        })
    }

    fn bound(&mut self, path: &str, bound: &Bound) -> String {
        let field = format!("(s.value #> {path})");
        let text = format!("(s.value #>> {path})");
        match bound {
            Bound::Null => format!("({text} IS NULL)"),
            Bound::Present => format!("({field} IS NOT NULL)"),
            Bound::Is(wanted) => format!("({field} = '{wanted}'::jsonb)"),
            Bound::Number(from, to) => {
                let mut number = |limit: &Option<f64>, than: &str| {
                    let limit = limit.map(|limit| self.value(limit, Type::FLOAT8));
                    limit.map(|limit| format!("{field} {than} to_jsonb({limit})"))
                };
                both(number(from, ">="), number(to, "<="))
            }
            Bound::Text(Some(from), Some(to)) if from == to => {
                let wanted = self.value(from.clone(), Type::TEXT);
                format!("({text} = {wanted})")
            }
            Bound::Text(from, to) => {
                let field = in_order(&text);
                let mut limit = |limit: &Option<String>, than: &str| {
                    let limit = limit.clone().map(|limit| self.value(limit, Type::TEXT));
                    limit.map(|limit| format!("{field} {than} {}", in_order(&limit)))
                };
                both(limit(from, ">="), limit(to, "<="))
            }
        }
    }
}

fn both(from: Option<String>, to: Option<String>) -> String {
    let all: Vec<_> = from.into_iter().chain(to).collect();
    format!(
        "({})",
        if all.is_empty() {
            "true".to_owned()
        } else {
            all.join(" AND ")
        }
    )
}

fn time_of(order: Order) -> &'static str {
    match order {
        Order::Created => "LEAST(s.created_at, s.updated_at)",
        Order::Updated | Order::Key => "s.updated_at",
    }
}

/// What there is at one moment.
fn source(is_past: bool, at: &str) -> String {
    let columns = "prefix, key, value, created_at, updated_at, expires_at";
    match is_past {
        false => format!("SELECT {columns}, ttl_minutes, NULL::text AS exact FROM store"),
        true => format!(
            "SELECT {columns}, NULL::int AS ttl_minutes, NULL::text AS exact FROM store WHERE updated_at <= {at}
             UNION ALL SELECT {columns}, NULL, exact FROM stepwell_item_history WHERE updated_at <= {at} AND ended_at > {at}"
        ),
    }
}

/// The text of a query, and what goes into it.
fn select(wanted: &Wanted<'_>) -> (String, Query) {
    let mut query = Query::default();
    let at = query.time(wanted.alive_at);
    let source = source(wanted.is_past, &at);
    query
        .conditions
        .push(format!("(s.expires_at IS NULL OR s.expires_at > {at})"));
    query.below(wanted.prefix);
    if let (Some(order), Some(after)) = (wanted.order, wanted.after) {
        query.behind(order, after);
    }
    if let Some(sieve) = wanted.sieve.and_then(|sieve| query.sieve(sieve)) {
        query.conditions.push(sieve);
    }
    let key = in_order("s.key");
    let order = match wanted.order {
        Some(Order::Updated) => format!("ORDER BY s.updated_at DESC, {LABELS}, {key}"),
        Some(Order::Created) => format!("ORDER BY {}, {LABELS}, {key}", time_of(Order::Created)),
        Some(Order::Key) => format!("ORDER BY {LABELS}, {key}"),
        // As they were put, where they are ranked.
        None if wanted.is_ranked => "ORDER BY s.updated_at, s.prefix, s.key".to_owned(),
        None => String::new(),
    };
    let limit = wanted
        .limit
        .map(|limit| i64::try_from(limit).unwrap_or(i64::MAX));
    let limit = query.value(limit, Type::INT8);
    let conditions = query.conditions.join(" AND ");
    let ranked = if wanted.is_ranked {
        "i.texts, i.vectors"
    } else {
        "NULL::jsonb, NULL::bytea"
    };
    let columns = columns(ranked);
    let text = format!(
        "SELECT {columns} FROM (SELECT s.* FROM ({source}) s WHERE {conditions} {order} LIMIT {limit}) s
         LEFT JOIN stepwell_items i ON i.prefix = s.prefix AND i.key = s.key AND i.updated_at = s.updated_at {order}"
    );
    (text, query)
}

fn columns(ranked: &str) -> String {
    let micros = |column: &str| MICROS.replace("{}", column);
    format!(
        "s.prefix, s.key, s.value, {}, {}, {}, s.ttl_minutes, i.lifetime_us, COALESCE(s.exact, i.exact), {ranked}",
        micros("s.created_at"),
        micros("s.updated_at"),
        micros("s.expires_at"),
    )
}

impl Table for Items<'_> {
    type Error = PostgresError;

    async fn one(
        &mut self,
        namespace: &[String],
        key: &str,
    ) -> Result<Option<Loaded>, PostgresError> {
        let sql = format!(
            "SELECT {} FROM ({}) s LEFT JOIN stepwell_items i
             ON i.prefix = s.prefix AND i.key = s.key AND i.updated_at = s.updated_at
             WHERE s.prefix = $1 AND s.key = $2",
            columns("NULL::jsonb, NULL::bytea"),
            source(false, "")
        );
        let statement = self.transaction.prepare_cached(&sql).await?;
        let (prefix, key) = (prefix_of(namespace), escape(key).into_owned());
        let row = self
            .transaction
            .query_opt(&statement, &[&prefix, &key])
            .await?;
        row.as_ref().map(loaded).transpose()
    }

    async fn rows(
        &mut self,
        wanted: &Wanted<'_>,
        visit: &mut (dyn FnMut(Loaded) -> bool + Send),
    ) -> Result<(), PostgresError> {
        let (text, query) = select(wanted);
        let values = query
            .values
            .iter()
            .map(|(value, of)| (&**value as &(dyn ToSql + Sync), of.clone()));
        let values: Vec<_> = values.collect();
        // Filters have any form, so their queries are not prepared for the next time.
        let rows = self.transaction.query_typed_raw(&text, values).await?;
        pin_mut!(rows);
        while let Some(row) = rows.try_next().await? {
            if !visit(loaded(&row)?) {
                break;
            }
        }
        Ok(())
    }

    async fn namespaces(
        &mut self,
        prefix: &[String],
        visit: &mut (dyn FnMut(Vec<String>) -> bool + Send),
    ) -> Result<(), PostgresError> {
        let mut last: Option<Vec<String>> = None;
        loop {
            let mut query = Query::default();
            let now = query.time(self.now);
            query
                .conditions
                .push(format!("(s.expires_at IS NULL OR s.expires_at > {now})"));
            query.below(prefix);
            let conditions = query.conditions.join(" AND ");
            let first = match last.take() {
                Some(last) => query.labels(&last),
                None => "'{}'::text[]".to_owned(),
            };
            let key = in_order("s.key");
            let next = |behind: &str| {
                format!(
                    "SELECT s.prefix FROM store s WHERE {conditions} AND {LABELS} > {behind}
                     ORDER BY {LABELS}, {key} LIMIT 1"
                )
            };
            // From one to the next, whatever is in them.
            let text = format!(
                "WITH RECURSIVE n (prefix) AS (({}) UNION ALL SELECT ({}) FROM n WHERE n.prefix IS NOT NULL)
                 SELECT prefix FROM n WHERE prefix IS NOT NULL LIMIT {NAMESPACES}",
                next(&first),
                next("string_to_array(n.prefix, '.')")
            );
            let values = query
                .values
                .iter()
                .map(|(value, of)| (&**value as &(dyn ToSql + Sync), of.clone()));
            let rows = self
                .transaction
                .query_typed(&text, &values.collect::<Vec<_>>())
                .await?;
            let found = i64::try_from(rows.len()).unwrap_or(i64::MAX);
            for row in rows {
                let namespace = labels_of(row.try_get(0)?);
                if !visit(namespace.clone()) {
                    return Ok(());
                }
                last = Some(namespace);
            }
            if found < NAMESPACES {
                return Ok(());
            }
        }
    }

    async fn past(
        &mut self,
        namespace: &[String],
        key: &str,
        before: u64,
        limit: usize,
    ) -> Result<Vec<Past>, PostgresError> {
        let micros = |column: &str| MICROS.replace("{}", column);
        let sql = format!(
            "SELECT prefix, key, value, {}, {}, {}, NULL::int, NULL::bigint, exact, NULL::jsonb, NULL::bytea, {}, was_removed
             FROM stepwell_item_history WHERE prefix = $1 AND key = $2
                 AND updated_at < 'epoch'::timestamptz + ($3::bigint || ' microseconds')::interval
             ORDER BY updated_at DESC LIMIT $4",
            micros("created_at"),
            micros("updated_at"),
            micros("expires_at"),
            micros("ended_at"),
        );
        let statement = self.transaction.prepare_cached(&sql).await?;
        let (prefix, key) = (prefix_of(namespace), escape(key).into_owned());
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let rows = self
            .transaction
            .query(&statement, &[&prefix, &key, &signed(before), &limit])
            .await?;
        let past = rows.iter().map(|row| {
            Ok(Past {
                item: loaded(row)?,
                ended_at: u64::try_from(row.try_get::<_, i64>(11)?).unwrap_or_default(),
                was_removed: row.try_get(12)?,
            })
        });
        past.collect()
    }

    async fn rules(&mut self) -> Result<HistoryRules, PostgresError> {
        history::rules(self.transaction, self.now).await
    }
}

/// Times that PostgreSQL has.
fn signed(micros: u64) -> i64 {
    i64::try_from(micros)
        .unwrap_or(i64::MAX)
        .min(super::items::LATEST)
}

fn loaded(row: &Row) -> Result<Loaded, PostgresError> {
    let micros = |column: usize| -> Result<Option<u64>, PostgresError> {
        let micros: Option<i64> = row.try_get(column)?;
        Ok(micros.map(|micros| u64::try_from(micros).unwrap_or_default()))
    };
    let value: Value = row.try_get(2)?;
    let exact: Option<&str> = row.try_get(8)?;
    let value = match exact.map(|text| serde_json::from_str(&owned(text))) {
        Some(Ok(exact)) => exact,
        _ => unescape_json(value),
    };
    let updated_at = micros(4)?.unwrap_or_default();
    let minutes: Option<i32> = row.try_get(6)?;
    let minutes = minutes.and_then(|minutes| u64::try_from(minutes).ok());
    let texts: Option<Value> = row.try_get(9)?;
    let texts = texts.and_then(|texts| serde_json::from_value::<Vec<String>>(texts).ok());
    let vectors: Option<Vec<u8>> = row.try_get(10)?;
    Ok(Loaded {
        namespace: labels_of(row.try_get(0)?),
        key: owned(row.try_get(1)?),
        value,
        created_at: micros(3)?.unwrap_or(updated_at).min(updated_at),
        updated_at,
        expires_at: micros(5)?,
        lifetime: micros(7)?.or(minutes.map(|minutes| minutes.saturating_mul(MINUTE))),
        texts: texts.map(TextFields::new),
        vectors: vectors.map(|bytes| Encoded::new(item_vectors::TAG, bytes)),
    })
}

/// In microseconds.
const MINUTE: u64 = 60_000_000;

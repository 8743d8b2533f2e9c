//! Finding items: asking for rows, and rows as items.

use rusqlite::types::{Value as Sql, ValueRef};
use rusqlite::{Connection, OptionalExtension, Row, params};
use serde_json::Value;

use crate::index::HistoryRules;
use crate::sqlite::asking::{LABELS, Query, select, times};
use crate::sqlite::item_history::{self, signed};
use crate::sqlite::items::{labels_of, micros_of_minutes, prefix_of};
use crate::store::TextFields;
use crate::store::scratch::Loaded;
use crate::store::table::{Past, Table, Wanted};
use crate::{Encoded, item_vectors};

/// The items of a file, as a connection sees them.
pub(super) struct Items<'c> {
    pub(super) connection: &'c Connection,
    /// Microseconds since the Unix epoch.
    pub(super) now: u64,
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

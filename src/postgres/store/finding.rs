//! Finding items: asking for rows, and rows as items.

use deadpool_postgres::Transaction;
use futures::{TryStreamExt, pin_mut};
use serde_json::Value;
use tokio_postgres::Row;

use crate::index::HistoryRules;
use crate::postgres::PostgresError;
use crate::postgres::store::asking::{LABELS, Query, columns, in_order, select, signed, source};
use crate::postgres::store::history;
use crate::postgres::store::items::{MICROS, labels_of, prefix_of};
use crate::postgres::text::{escape, owned, unescape_json};
use crate::store::TextFields;
use crate::store::scratch::Loaded;
use crate::store::table::{Past, Table, Wanted};
use crate::{Encoded, item_vectors};

/// So many namespaces are asked for at once.
const NAMESPACES: i64 = 256;

/// The items of a server, as a transaction sees them.
pub(super) struct Items<'t> {
    pub(super) transaction: &'t Transaction<'t>,
    /// Microseconds since the Unix epoch.
    pub(super) now: u64,
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
        // Filters have any form, so their queries are not prepared for the next time.
        let rows = self
            .transaction
            .query_typed_raw(&text, query.parameters())
            .await?;
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
            let rows = self
                .transaction
                .query_typed(&text, &query.parameters())
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

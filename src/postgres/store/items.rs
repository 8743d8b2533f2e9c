//! The rows of items: reading and writing them.

use deadpool_postgres::Transaction;
use serde_json::{Value, json};
use tokio_postgres::Row;

use crate::postgres::PostgresError;
use crate::postgres::text::{escape, escape_json, owned, unescape_json};
use crate::store::TextFields;
use crate::store::scratch::Loaded;
use crate::{Encoded, ItemChange, item_vectors};

/// Which rows are read.
pub(super) struct Which {
    /// Labels with dots between them, escaped.
    pub(super) prefix: String,
    /// Only this one, escaped; all below the prefix if there is none.
    pub(super) key: Option<String>,
}

impl Which {
    pub(super) fn one(namespace: &[String], key: &str) -> Self {
        Self {
            prefix: prefix_of(namespace),
            key: Some(escape(key).into_owned()),
        }
    }

    pub(super) fn below(namespace: &[String]) -> Self {
        Self {
            prefix: prefix_of(namespace),
            key: None,
        }
    }
}

pub(in crate::postgres) fn prefix_of(namespace: &[String]) -> String {
    escape(&namespace.join(".")).into_owned()
}

/// Rows that have not expired, oldest first. A label has no dot, and what follows a dot is a slash.
const LOAD: &str = "SELECT s.prefix, s.key, s.value,
    (extract(epoch FROM s.created_at) * 1000000)::bigint,
    (extract(epoch FROM s.updated_at) * 1000000)::bigint,
    (extract(epoch FROM s.expires_at) * 1000000)::bigint,
    s.ttl_minutes, i.lifetime_us, i.exact, i.texts, i.vectors
FROM store s LEFT JOIN stepwell_items i
    ON i.prefix = s.prefix AND i.key = s.key AND i.updated_at = s.updated_at
WHERE (s.expires_at IS NULL OR s.expires_at > clock_timestamp()) AND ";
const ONE: &str = "s.prefix = $1 AND s.key = $2";
const BELOW: &str = "$2::text IS NULL AND ($1 = '' OR s.prefix = $1
    OR (s.prefix ~>=~ ($1 || '.') AND s.prefix ~<~ ($1 || '/')))
    ORDER BY s.updated_at, s.prefix, s.key";

pub(super) async fn load(
    transaction: &Transaction<'_>,
    which: &Which,
) -> Result<Vec<Loaded>, PostgresError> {
    let condition = if which.key.is_some() { ONE } else { BELOW };
    let sql = format!("{LOAD}{condition}");
    let statement = transaction.prepare_cached(&sql).await?;
    let rows = transaction
        .query(&statement, &[&which.prefix, &which.key])
        .await?;
    rows.iter().map(loaded).collect()
}

fn loaded(row: &Row) -> Result<Loaded, PostgresError> {
    let micros = |column: usize| -> Result<Option<u64>, PostgresError> {
        let micros: Option<i64> = row.try_get(column)?;
        Ok(micros.map(|micros| u64::try_from(micros).unwrap_or_default()))
    };
    let prefix = owned(row.try_get(0)?);
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
        namespace: prefix.split('.').map(str::to_owned).collect(),
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
pub(in crate::postgres) const MINUTE: u64 = 60_000_000;

/// The end of the year 9999. What lives on for longer expires then.
pub(in crate::postgres) const LATEST: i64 = 253_402_300_799_000_000;

/// A change of an item, as its rows will be.
pub(super) struct New {
    pub(super) prefix: String,
    pub(super) key: String,
    /// `None`: it is deleted.
    value: Option<Value>,
    /// The text of a value that JSONB would change.
    exact: Option<String>,
    at: i64,
    expires_at: Option<i64>,
    lifetime: Option<i64>,
    minutes: Option<i32>,
    texts: Value,
    vectors: Option<Encoded>,
}

impl New {
    /// A change at `at`. `lifetime` and `texts` are what holds for it.
    pub(super) fn of(
        change: &ItemChange,
        at: u64,
        lifetime: Option<u64>,
        texts: &TextFields,
    ) -> Result<Self, PostgresError> {
        let value = change.value.as_ref().map(Encoded::to_json).transpose();
        let value = value.map_err(|error| PostgresError::Unreadable {
            what: format!("the value of item `{}`", change.key),
            reason: error.to_string(),
        })?;
        let expires_at = lifetime.map(|lifetime| at.saturating_add(lifetime));
        Ok(Self {
            prefix: prefix_of(&change.namespace),
            key: escape(&change.key).into_owned(),
            exact: (value.as_ref().filter(|value| is_changed_by_jsonb(value)))
                .map(|value| escape(&value.to_string()).into_owned()),
            value: value.map(escape_json),
            at: i64::try_from(at).unwrap_or(LATEST),
            expires_at: expires_at.map(|at| i64::try_from(at).unwrap_or(LATEST).min(LATEST)),
            lifetime: lifetime.map(|of| i64::try_from(of).unwrap_or(i64::MAX)),
            minutes: lifetime.map(|of| i32::try_from(of.div_ceil(MINUTE)).unwrap_or(i32::MAX)),
            texts: json!(texts.paths()),
            vectors: change.vectors.clone(),
        })
    }
}

/// Whether a number in it would come back as another one, or a float as an integer: JSONB has decimals.
pub(in crate::postgres) fn is_changed_by_jsonb(value: &Value) -> bool {
    match value {
        Value::Number(number) => (number.as_f64().filter(|_| number.is_f64()))
            .is_some_and(|float| float.abs() >= 1e15 || (float == 0.0 && float.is_sign_negative())),
        Value::Array(list) => list.iter().any(is_changed_by_jsonb),
        Value::Object(map) => map.values().any(is_changed_by_jsonb),
        _ => false,
    }
}

const PUT: &str = "INSERT INTO store AS s
    (prefix, key, value, created_at, updated_at, expires_at, ttl_minutes)
SELECT $1, $2, $3, t.at, t.at, 'epoch'::timestamptz + ($5::bigint || ' microseconds')::interval, $6
FROM (SELECT 'epoch'::timestamptz + ($4::bigint || ' microseconds')::interval AS at) t
ON CONFLICT (prefix, key) DO UPDATE SET
    created_at = CASE WHEN s.expires_at <= EXCLUDED.updated_at THEN EXCLUDED.created_at
        ELSE s.created_at END,
    value = EXCLUDED.value, updated_at = EXCLUDED.updated_at,
    expires_at = EXCLUDED.expires_at, ttl_minutes = EXCLUDED.ttl_minutes";

const NOTE: &str = "INSERT INTO stepwell_items
    (prefix, key, updated_at, lifetime_us, exact, texts, vectors)
VALUES ($1, $2, 'epoch'::timestamptz + ($3::bigint || ' microseconds')::interval, $4, $5, $6, $7)
ON CONFLICT (prefix, key) DO UPDATE SET updated_at = EXCLUDED.updated_at,
    lifetime_us = EXCLUDED.lifetime_us, exact = EXCLUDED.exact, texts = EXCLUDED.texts,
    vectors = EXCLUDED.vectors";

pub(super) async fn change(transaction: &Transaction<'_>, new: &New) -> Result<(), PostgresError> {
    let Some(value) = &new.value else {
        for table in ["store", "stepwell_items"] {
            let sql = format!("DELETE FROM {table} WHERE prefix = $1 AND key = $2");
            transaction.execute(&sql, &[&new.prefix, &new.key]).await?;
        }
        return Ok(());
    };
    let put = transaction.prepare_cached(PUT).await?;
    transaction
        .execute(
            &put,
            &[
                &new.prefix,
                &new.key,
                value,
                &new.at,
                &new.expires_at,
                &new.minutes,
            ],
        )
        .await?;
    let note = transaction.prepare_cached(NOTE).await?;
    let vectors = new.vectors.as_ref().map(|vectors| &vectors.bytes()[..]);
    transaction
        .execute(
            &note,
            &[
                &new.prefix,
                &new.key,
                &new.at,
                &new.lifetime,
                &new.exact,
                &new.texts,
                &vectors,
            ],
        )
        .await?;
    Ok(())
}

/// Lets an item live on.
pub(super) async fn refresh(
    transaction: &Transaction<'_>,
    prefix: &str,
    key: &str,
    until: u64,
) -> Result<(), PostgresError> {
    let until = i64::try_from(until).unwrap_or(LATEST).min(LATEST);
    let sql = "UPDATE store SET
            expires_at = 'epoch'::timestamptz + ($3::bigint || ' microseconds')::interval
        WHERE prefix = $1 AND key = $2
            AND expires_at < 'epoch'::timestamptz + ($3::bigint || ' microseconds')::interval";
    transaction.execute(sql, &[&prefix, &key, &until]).await?;
    Ok(())
}

/// Removes some of what has expired, unless somebody else is at it.
pub(super) async fn sweep(transaction: &Transaction<'_>, now: u64) -> Result<(), PostgresError> {
    let now = i64::try_from(now).unwrap_or_default();
    let sql = "WITH gone AS (
            DELETE FROM store WHERE (prefix, key) IN (
                SELECT prefix, key FROM store
                WHERE expires_at <= 'epoch'::timestamptz + ($1::bigint || ' microseconds')::interval
                LIMIT 16 FOR UPDATE SKIP LOCKED)
            RETURNING prefix, key)
        DELETE FROM stepwell_items i USING gone WHERE i.prefix = gone.prefix AND i.key = gone.key";
    transaction.execute(sql, &[&now]).await?;
    Ok(())
}

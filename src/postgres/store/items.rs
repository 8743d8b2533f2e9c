//! The rows of items: writing them.

use deadpool_postgres::Transaction;
use serde_json::{Value, json};
use tokio_postgres::types::ToSql;

use crate::postgres::PostgresError;
use crate::postgres::store::history;
use crate::postgres::text::{escape, escape_json, owned};
use crate::store::TextFields;
use crate::{Encoded, ItemChange};

/// Labels as they stand in the column.
pub(in crate::postgres) fn prefix_of(namespace: &[String]) -> String {
    escape(&namespace.join(".")).into_owned()
}

/// The labels that stand in a column.
pub(super) fn labels_of(prefix: &str) -> Vec<String> {
    let prefix = owned(prefix);
    let labels = prefix.split('.').filter(|_| !prefix.is_empty());
    labels.map(str::to_owned).collect()
}

/// The time in a column, `{}`, in microseconds since the Unix epoch.
pub(super) const MICROS: &str = "(extract(epoch FROM {}) * 1000000)::bigint";

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

/// Puts an item, right after its last change if that was later, and notes with the same time what its row does not say.
const PUT: &str = "WITH put AS (INSERT INTO store AS s
    (prefix, key, value, created_at, updated_at, expires_at, ttl_minutes)
SELECT $1, $2, $3, t.at, t.at, 'epoch'::timestamptz + ($5::bigint || ' microseconds')::interval, $6
FROM (SELECT GREATEST('epoch'::timestamptz + ($4::bigint || ' microseconds')::interval,
        (SELECT max(h.ended_at) + interval '1 microsecond' FROM stepwell_item_history h
            WHERE h.prefix = $1 AND h.key = $2)) AS at) t
ON CONFLICT (prefix, key) DO UPDATE SET
    created_at = CASE WHEN s.expires_at <= EXCLUDED.updated_at THEN EXCLUDED.created_at
        ELSE s.created_at END,
    value = EXCLUDED.value,
    updated_at = GREATEST(EXCLUDED.updated_at, s.updated_at + interval '1 microsecond'),
    expires_at = EXCLUDED.expires_at, ttl_minutes = EXCLUDED.ttl_minutes
RETURNING updated_at)
INSERT INTO stepwell_items (prefix, key, updated_at, lifetime_us, exact, texts, vectors)
SELECT $1, $2, put.updated_at, $7, $8, $9, $10 FROM put
ON CONFLICT (prefix, key) DO UPDATE SET updated_at = EXCLUDED.updated_at,
    lifetime_us = EXCLUDED.lifetime_us, exact = EXCLUDED.exact, texts = EXCLUDED.texts,
    vectors = EXCLUDED.vectors";

/// Makes a change. `has_vectors`: LangGraph has a table of vectors.
pub(super) async fn change(
    transaction: &Transaction<'_>,
    new: &New,
    has_vectors: bool,
) -> Result<(), PostgresError> {
    let name: [&(dyn ToSql + Sync); 2] = [&new.prefix, &new.key];
    // They are not of what the item will be.
    let vectors = has_vectors.then_some("store_vectors");
    let removed = match &new.value {
        Some(_) => [vectors, None, None],
        None => [vectors, Some("store"), Some("stepwell_items")],
    };
    for table in removed.into_iter().flatten() {
        let sql = format!("DELETE FROM {table} WHERE prefix = $1 AND key = $2");
        let delete = transaction.prepare_cached(&sql).await?;
        transaction.execute(&delete, &name).await?;
    }
    let Some(value) = &new.value else {
        return Ok(());
    };
    let put = transaction.prepare_cached(PUT).await?;
    let vectors = new.vectors.as_ref().map(|vectors| &vectors.bytes()[..]);
    let row: [&(dyn ToSql + Sync); 10] = [
        &new.prefix,
        &new.key,
        value,
        &new.at,
        &new.expires_at,
        &new.minutes,
        &new.lifetime,
        &new.exact,
        &new.texts,
        &vectors,
    ];
    transaction.execute(&put, &row).await?;
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
    let statement = transaction.prepare_cached(sql).await?;
    transaction.execute(&statement, &[&now]).await?;
    history::forget(transaction, now).await
}

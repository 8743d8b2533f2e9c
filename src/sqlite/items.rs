//! The tables of items: setting them up, and writing rows.

use rusqlite::{Connection, TransactionBehavior, params};
use serde_json::json;

use crate::sqlite::item_history;
use crate::store::{StoreOptions, TextFields};
use crate::{ItemChange, time};

/// LangGraph's migrations of its table, by number: what makes the table of today out of nothing or anything before.
const LAST_MIGRATION: i64 = 4;

pub(super) fn set_up(
    connection: &mut Connection,
    options: &StoreOptions,
    now: u64,
) -> rusqlite::Result<()> {
    let all = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    all.execute_batch(
        "CREATE TABLE IF NOT EXISTS store_migrations (v INTEGER PRIMARY KEY);
         CREATE TABLE IF NOT EXISTS store (
             prefix text NOT NULL,
             key text NOT NULL,
             value text NOT NULL,
             created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
             updated_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
             expires_at TIMESTAMP,
             ttl_minutes REAL,
             PRIMARY KEY (prefix, key)
         );
         CREATE INDEX IF NOT EXISTS store_prefix_idx ON store (prefix);
         CREATE TABLE IF NOT EXISTS stepwell_items (
             prefix TEXT NOT NULL,
             key TEXT NOT NULL,
             updated_at TEXT NOT NULL,
             texts TEXT,
             vectors BLOB,
             PRIMARY KEY (prefix, key)
         );",
    )?;
    for column in ["expires_at TIMESTAMP", "ttl_minutes REAL"] {
        let name = column.split(' ').next();
        let query = "SELECT 1 FROM pragma_table_info('store') WHERE name = ?1";
        if !all.prepare(query)?.exists([name])? {
            all.execute_batch(&format!("ALTER TABLE store ADD COLUMN {column}"))?;
        }
    }
    all.execute_batch(
        "CREATE INDEX IF NOT EXISTS idx_store_expires_at ON store (expires_at) WHERE expires_at IS NOT NULL;",
    )?;
    for number in 0..=LAST_MIGRATION {
        all.execute(
            "INSERT OR IGNORE INTO store_migrations (v) VALUES (?1)",
            [number],
        )?;
    }
    // Ours, by which items are found in their orders.
    let (labels, updated) = ("replace(prefix, '.', char(0))", micros("updated_at"));
    all.execute_batch(&format!(
        "CREATE INDEX IF NOT EXISTS stepwell_store_by_name ON store ({labels}, key);
         CREATE INDEX IF NOT EXISTS stepwell_store_by_update ON store ({updated} DESC, {labels}, key);"
    ))?;
    item_history::set_up(&all, options, now)?;
    all.commit()
}

/// Labels as they stand in the column.
pub(super) fn prefix_of(namespace: &[String]) -> String {
    namespace.join(".")
}

/// The labels that stand in a column.
pub(super) fn labels_of(prefix: &str) -> Vec<String> {
    let labels = prefix.split('.').filter(|_| !prefix.is_empty());
    labels.map(str::to_owned).collect()
}

/// A time as LangGraph writes it, in UTC: `2026-11-21 10:00:00.000001`.
pub(super) fn time_text(micros: u64) -> Option<String> {
    let text = time::text(micros)?.replace('T', " ");
    let text = text.strip_suffix('Z').unwrap_or(&text);
    let (seconds, fraction) = text.split_once('.').unwrap_or((text, ""));
    Some(format!("{seconds}.{fraction:0<6}"))
}

/// The time in a column, as LangGraph or we have written it, in microseconds since the Unix epoch.
pub(super) fn micros(column: &str) -> String {
    format!(
        "(CAST(strftime('%s', substr({column}, 1, 19)) AS INTEGER) * 1000000 + CASE WHEN substr({column}, 20, 1) = '.'
            THEN CAST(substr({column}, 21, 6) AS INTEGER) ELSE 0 END)"
    )
}

pub(super) fn micros_of(text: &str) -> Option<u64> {
    let text = text.replacen(' ', "T", 1);
    let has_zone =
        text.ends_with('Z') || text.get(19..).is_some_and(|rest| rest.contains(['+', '-']));
    time::parse_micros(&if has_zone { text } else { format!("{text}Z") })
}

const MINUTE: f64 = 60_000_000.0;

pub(super) fn micros_of_minutes(minutes: f64) -> u64 {
    let duration = std::time::Duration::try_from_secs_f64((minutes * MINUTE).round() / 1e6);
    duration.map_or(u64::MAX, |of| {
        u64::try_from(of.as_micros()).unwrap_or(u64::MAX)
    })
}

fn minutes_of(micros: u64) -> f64 {
    std::time::Duration::from_micros(micros).as_secs_f64() / 60.0
}

/// Makes a change at `at`, or right after the last one of the item, if that was later. `lifetime` and `texts` are what
/// holds for it.
pub(super) fn change(
    connection: &Connection,
    change: &ItemChange,
    at: u64,
    lifetime: Option<u64>,
    texts: &TextFields,
) -> rusqlite::Result<()> {
    let prefix = prefix_of(&change.namespace);
    let last = item_history::last_change(connection, &prefix, &change.key)?;
    let at = last.map_or(at, |last| at.max(last.saturating_add(1)));
    forget_vectors(connection, &prefix, &change.key)?;
    connection
        .prepare_cached("DELETE FROM stepwell_items WHERE prefix = ?1 AND key = ?2")?
        .execute(params![prefix, change.key])?;
    let Some(value) = &change.value else {
        connection
            .prepare_cached("DELETE FROM store WHERE prefix = ?1 AND key = ?2")?
            .execute(params![prefix, change.key])?;
        return Ok(());
    };
    let value = String::from_utf8_lossy(value.bytes());
    let now = time_text(at);
    let expires = lifetime.map(|lifetime| at.saturating_add(lifetime));
    let expires =
        expires.map(|at| time_text(at).unwrap_or_else(|| "9999-12-31 23:59:59.000000".into()));
    connection
        .prepare_cached(
            "INSERT INTO store (prefix, key, value, created_at, updated_at, expires_at, ttl_minutes)
             VALUES (?1, ?2, ?3, ?4, ?4, ?5, ?6)
             ON CONFLICT (prefix, key) DO UPDATE SET
                 created_at = CASE WHEN expires_at <= ?4 THEN excluded.created_at ELSE created_at END,
                 value = excluded.value, updated_at = excluded.updated_at,
                 expires_at = excluded.expires_at, ttl_minutes = excluded.ttl_minutes",
        )?
        .execute(params![prefix, change.key, value, now, expires, lifetime.map(minutes_of)])?;
    if !texts.paths().is_empty() || change.texts.is_some() {
        let vectors = change.vectors.as_ref().map(|of| &of.bytes()[..]);
        connection
            .prepare_cached(
                "INSERT INTO stepwell_items (prefix, key, updated_at, texts, vectors) VALUES (?1, ?2, ?3, ?4, ?5)",
            )?
            .execute(params![prefix, change.key, now, json!(texts.paths()).to_string(), vectors])?;
    }
    Ok(())
}

/// Removes the vectors that LangGraph keeps of an item's texts: they are not of what the item will be.
fn forget_vectors(connection: &Connection, prefix: &str, key: &str) -> rusqlite::Result<()> {
    let query = "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'store_vectors'";
    if connection.prepare_cached(query)?.exists([])? {
        let query = "DELETE FROM store_vectors WHERE prefix = ?1 AND key = ?2";
        connection.prepare_cached(query)?.execute([prefix, key])?;
    }
    Ok(())
}

/// Lets an item live on.
pub(super) fn refresh(
    connection: &Connection,
    namespace: &[String],
    key: &str,
    until: u64,
) -> rusqlite::Result<()> {
    let query =
        "UPDATE store SET expires_at = ?3 WHERE prefix = ?1 AND key = ?2 AND expires_at < ?3";
    let row = params![prefix_of(namespace), key, time_text(until)];
    connection.prepare_cached(query)?.execute(row).map(drop)
}

/// Removes some of what has expired.
pub(super) fn sweep(connection: &Connection, now: u64) -> rusqlite::Result<()> {
    let query = "DELETE FROM store WHERE rowid IN
        (SELECT rowid FROM store WHERE expires_at IS NOT NULL AND expires_at <= ?1 LIMIT 16)";
    connection
        .prepare_cached(query)?
        .execute([time_text(now)])?;
    item_history::forget(connection, now)
}

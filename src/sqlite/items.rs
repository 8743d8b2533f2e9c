//! The tables of items: setting them up, reading and writing rows.

use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row, TransactionBehavior, params};
use serde_json::{Value, json};

use crate::store::TextFields;
use crate::store::scratch::Loaded;
use crate::{Encoded, ItemChange, item_vectors, time};

/// LangGraph's migrations of its table, by number: what makes the table of today out of nothing or anything before.
const LAST_MIGRATION: i64 = 4;

pub(super) fn set_up(connection: &mut Connection) -> rusqlite::Result<()> {
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
    all.commit()
}

/// Labels as they stand in the column.
pub(super) fn prefix_of(namespace: &[String]) -> String {
    namespace.join(".")
}

/// A time as LangGraph writes it, in UTC: `2026-11-21 10:00:00.000001`.
pub(super) fn time_text(micros: u64) -> Option<String> {
    let text = time::text(micros)?.replace('T', " ");
    let text = text.strip_suffix('Z').unwrap_or(&text);
    let (seconds, fraction) = text.split_once('.').unwrap_or((text, ""));
    Some(format!("{seconds}.{fraction:0<6}"))
}

pub(super) fn micros_of(text: &str) -> Option<u64> {
    let text = text.replacen(' ', "T", 1);
    let has_zone =
        text.ends_with('Z') || text.get(19..).is_some_and(|rest| rest.contains(['+', '-']));
    time::parse_micros(&if has_zone { text } else { format!("{text}Z") })
}

/// Which rows are read.
pub(super) enum Which<'w> {
    One(&'w [String], &'w str),
    Below(&'w [String]),
}

/// The rows that have not expired at `now`.
pub(super) fn load(
    connection: &Connection,
    which: &Which<'_>,
    now: u64,
    mut with: impl FnMut(Loaded) -> rusqlite::Result<()>,
) -> rusqlite::Result<()> {
    const COLUMNS: &str = "s.prefix, s.key, s.value, s.created_at, s.updated_at, s.expires_at, s.ttl_minutes, i.texts,
        i.vectors FROM store s LEFT JOIN stepwell_items i
        ON i.prefix = s.prefix AND i.key = s.key AND i.updated_at = s.updated_at";
    let (query, prefix, last) = match which {
        Which::One(namespace, key) => (
            "s.prefix = ?1 AND s.key = ?2",
            prefix_of(namespace),
            (*key).to_owned(),
        ),
        Which::Below([]) => ("?1 = '' AND ?2 = ''", String::new(), String::new()),
        // A label has no dot, and what follows a dot is a slash.
        Which::Below(namespace) => {
            let prefix = prefix_of(namespace);
            let last = format!("{prefix}/");
            (
                "(s.prefix = ?1 OR s.prefix > ?1 || '.' AND s.prefix < ?2)",
                prefix,
                last,
            )
        }
    };
    let query = format!("SELECT {COLUMNS} WHERE {query} ORDER BY s.updated_at, s.rowid");
    let mut statement = connection.prepare_cached(&query)?;
    let mut rows = statement.query(params![prefix, last])?;
    while let Some(row) = rows.next()? {
        let item = loaded(row)?;
        if item.expires_at.is_none_or(|at| at > now) {
            with(item)?;
        }
    }
    Ok(())
}

fn loaded(row: &Row<'_>) -> rusqlite::Result<Loaded> {
    let bytes = |at: usize| -> rusqlite::Result<Vec<u8>> {
        Ok(match row.get_ref(at)? {
            ValueRef::Blob(bytes) | ValueRef::Text(bytes) => bytes.to_vec(),
            _ => Vec::new(),
        })
    };
    let moment = |at: usize| -> rusqlite::Result<Option<u64>> {
        Ok(row
            .get::<_, Option<String>>(at)?
            .as_deref()
            .and_then(micros_of))
    };
    let prefix: String = row.get(0)?;
    let value: Value = serde_json::from_slice(&bytes(2)?).map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(2, rusqlite::types::Type::Text, Box::new(error))
    })?;
    let updated_at = moment(4)?.unwrap_or_default();
    let minutes: Option<f64> = row.get(6)?;
    let lifetime = minutes.filter(|minutes| minutes.is_finite() && *minutes >= 0.0);
    let texts: Option<String> = row.get(7)?;
    let texts = texts.and_then(|texts| serde_json::from_str::<Vec<String>>(&texts).ok());
    let vectors = bytes(8)?;
    Ok(Loaded {
        namespace: prefix.split('.').map(str::to_owned).collect(),
        key: row.get(1)?,
        value,
        created_at: moment(3)?.unwrap_or(updated_at).min(updated_at),
        updated_at,
        expires_at: moment(5)?,
        lifetime: lifetime.map(micros_of_minutes),
        texts: texts.map(TextFields::new),
        vectors: (!vectors.is_empty()).then(|| Encoded::new(item_vectors::TAG, vectors)),
    })
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

/// Makes a change at `at`. `lifetime` and `texts` are what holds for it.
pub(super) fn change(
    connection: &Connection,
    change: &ItemChange,
    at: u64,
    lifetime: Option<u64>,
    texts: &TextFields,
) -> rusqlite::Result<()> {
    let prefix = prefix_of(&change.namespace);
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
        .execute([time_text(now)])
        .map(drop)
}

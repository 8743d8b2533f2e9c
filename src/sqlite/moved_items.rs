//! Items with their times, as rows of LangGraph's table: read page by page by its key, and written as they are.

use std::time::Duration;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension, Row, params};
use serde_json::Value;

use crate::store::Item;
use crate::store::moving::{ItemName, ItemPage, MovedItem, UnreadItem};
use crate::time;
use crate::vfs::{Host, OsHost};

/// So many items, or so many bytes of values, are read at a time.
const PAGE: usize = 256;
const PAGE_BYTES: usize = 4 << 20;

/// The beginning of a query. LangGraph makes the table of vectors where they are wanted.
fn select(connection: &Connection) -> rusqlite::Result<String> {
    let has_table = connection
        .prepare_cached("SELECT 1 FROM pragma_table_info('store_vectors')")?
        .exists([])?;
    let has_vectors = match has_table {
        true => {
            "EXISTS (SELECT 1 FROM store_vectors v WHERE v.prefix = s.prefix AND v.key = s.key)"
        }
        false => "0",
    };
    Ok(format!(
        "SELECT prefix, key, value, created_at, updated_at, expires_at, ttl_minutes, {has_vectors} FROM store s"
    ))
}

/// The items behind one, by prefix and key.
pub(super) fn behind(
    connection: &Connection,
    last: Option<&ItemName>,
) -> rusqlite::Result<ItemPage> {
    let (condition, (prefix, key)) = match last {
        Some((namespace, key)) => (
            "(prefix, key) > (?1, ?2)",
            (namespace.join("."), key.as_str()),
        ),
        None => ("?1 = ?2", (String::new(), "")),
    };
    let select = select(connection)?;
    let query = format!("{select} WHERE {condition} ORDER BY prefix, key");
    let mut statement = connection.prepare_cached(&query)?;
    let mut rows = statement.query(params![prefix, key])?;
    let now = time::to_micros(OsHost.system_time());
    let mut page = ItemPage::default();
    let (mut count, mut bytes) = (0, 0);
    while let Some(row) = rows.next()? {
        let name = (labels(&text(row.get_ref(0)?)), text(row.get_ref(1)?));
        count += 1;
        bytes += bytes_of(row.get_ref(2)?).len();
        if count >= PAGE || bytes >= PAGE_BYTES {
            page.next = Some(name.clone());
        }
        match item(row, name.clone()) {
            Ok(item) if is_expired(&item, now) => {}
            Ok(item) => page.items.push(Ok(item)),
            Err(reason) => page.items.push(Err(UnreadItem { name, reason })),
        }
        if page.next.is_some() {
            break;
        }
    }
    Ok(page)
}

/// The items of these names that can be read.
pub(super) fn of(connection: &Connection, names: &[ItemName]) -> rusqlite::Result<Vec<MovedItem>> {
    let select = select(connection)?;
    let query = format!("{select} WHERE prefix = ?1 AND key = ?2");
    let mut statement = connection.prepare_cached(&query)?;
    let now = time::to_micros(OsHost.system_time());
    let mut items = Vec::new();
    for name in names {
        let found = statement
            .query_row(params![name.0.join("."), name.1], |row| {
                Ok(item(row, name.clone()).ok())
            })
            .optional()?;
        items.extend(found.flatten().filter(|item| !is_expired(item, now)));
    }
    Ok(items)
}

/// Puts items with their times.
pub(super) fn put(connection: &Connection, items: &[MovedItem]) -> rusqlite::Result<()> {
    let mut forget =
        connection.prepare_cached("DELETE FROM stepwell_items WHERE prefix = ?1 AND key = ?2")?;
    let mut put = connection.prepare_cached(
        "INSERT OR REPLACE INTO store (prefix, key, value, created_at, updated_at, expires_at, ttl_minutes)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?;
    for MovedItem { item, lifetime, .. } in items {
        let prefix = item.namespace.join(".");
        forget.execute(params![prefix, item.key])?;
        let text = |at| super::items::time_text(time::to_micros(at));
        let latest = || "9999-12-31 23:59:59.000000".to_owned();
        put.execute(params![
            prefix,
            item.key,
            item.value.to_string(),
            text(item.created_at),
            text(item.updated_at),
            item.expires_at.map(|at| text(at).unwrap_or_else(latest)),
            lifetime.map(|of| of.as_secs_f64() / 60.0),
        ])?;
    }
    Ok(())
}

fn is_expired(of: &MovedItem, now: u64) -> bool {
    of.item
        .expires_at
        .is_some_and(|at| time::to_micros(at) <= now)
}

fn labels(prefix: &str) -> Vec<String> {
    prefix.split('.').map(str::to_owned).collect()
}

fn bytes_of(value: ValueRef<'_>) -> &[u8] {
    match value {
        ValueRef::Blob(bytes) | ValueRef::Text(bytes) => bytes,
        _ => &[],
    }
}

fn text(value: ValueRef<'_>) -> String {
    String::from_utf8_lossy(bytes_of(value)).into_owned()
}

/// An item, or what is wrong with it.
fn item(row: &Row<'_>, (namespace, key): ItemName) -> Result<MovedItem, String> {
    let failed = |error: rusqlite::Error| error.to_string();
    for column in [0, 1] {
        let bytes = bytes_of(row.get_ref(column).map_err(failed)?);
        std::str::from_utf8(bytes).map_err(|error| format!("its name: {error}"))?;
    }
    let value = bytes_of(row.get_ref(2).map_err(failed)?);
    let value: Value =
        serde_json::from_slice(value).map_err(|error| format!("its value: {error}"))?;
    let moment = |column: usize, name: &str| -> Result<Option<u64>, String> {
        let text = match row.get_ref(column).map_err(failed)? {
            ValueRef::Null => return Ok(None),
            value => text(value),
        };
        let micros = super::items::micros_of(&text);
        micros
            .map(Some)
            .ok_or_else(|| format!("its {name}, `{text}`, is no time"))
    };
    let updated = moment(4, "`updated_at`")?.unwrap_or_default();
    let created = moment(3, "`created_at`")?.unwrap_or(updated).min(updated);
    let expires = moment(5, "`expires_at`")?;
    let minutes: Option<f64> = row.get(6).map_err(failed)?;
    let minutes = minutes.filter(|minutes| minutes.is_finite() && *minutes >= 0.0);
    let lifetime = minutes.map(super::items::micros_of_minutes);
    let lifetime = expires.map(|at| lifetime.unwrap_or_else(|| at.saturating_sub(updated)));
    Ok(MovedItem {
        item: Item {
            namespace,
            key,
            value,
            created_at: time::from_micros(created),
            updated_at: time::from_micros(updated),
            expires_at: expires.map(time::from_micros),
            score: None,
        },
        lifetime: lifetime.map(Duration::from_micros),
        has_vectors: row.get(7).map_err(failed)?,
    })
}

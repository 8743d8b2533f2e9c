//! Items with their times, as rows of LangGraph's table: read page by page by its key, and written as they are.

use std::time::{Duration, SystemTime};

use serde_json::Value;
use tokio_postgres::Row;

use crate::postgres::PostgresError;
use crate::postgres::moving::Tables;
use crate::postgres::server::Pools;
use crate::postgres::store::items::{LATEST, MINUTE, is_changed_by_jsonb, prefix_of};
use crate::postgres::text::{escape, escape_json, owned, unescape_json};
use crate::store::Item;
use crate::store::moving::{ItemName, ItemPage, MovedItem, UnreadItem};
use crate::time;

/// So many items are read at a time.
const PAGE: usize = 128;

/// The beginning of a query. Values come as texts, so that one that cannot be read keeps nobody from reading the others.
fn select(tables: Tables) -> String {
    let has_vectors = match tables.vectors {
        true => "EXISTS (SELECT FROM store_vectors v WHERE v.prefix = s.prefix AND v.key = s.key)",
        false => "false",
    };
    let (notes, join) = match tables.notes {
        true => (
            "i.lifetime_us, i.exact",
            "LEFT JOIN stepwell_items i
                ON i.prefix = s.prefix AND i.key = s.key AND i.updated_at = s.updated_at",
        ),
        false => ("NULL::bigint, NULL::text", ""),
    };
    let (expires, minutes) = match tables.expiry {
        true => ("s.expires_at", "s.ttl_minutes::bigint"),
        false => ("NULL::timestamptz", "NULL::bigint"),
    };
    format!(
        "SELECT s.prefix, s.key, s.value::text, (extract(epoch FROM s.created_at) * 1000000)::bigint,
            (extract(epoch FROM s.updated_at) * 1000000)::bigint,
            (extract(epoch FROM {expires}) * 1000000)::bigint, {minutes}, {notes}, {has_vectors},
            {expires} <= clock_timestamp()
        FROM store s {join}"
    )
}

/// The items behind one, by prefix and key.
pub(super) async fn behind(
    pools: &Pools,
    tables: Tables,
    last: Option<&ItemName>,
) -> Result<ItemPage, PostgresError> {
    let client = pools.client().await?;
    let (prefix, key) = match last {
        Some((namespace, key)) => (prefix_of(namespace), escape(key)),
        None => (String::new(), "".into()),
    };
    // The first page has all that is not below the least.
    let behind = if last.is_some() { ">" } else { ">=" };
    let sql = format!(
        "{} WHERE (s.prefix, s.key) {behind} ($1, $2) ORDER BY s.prefix, s.key LIMIT {PAGE}",
        select(tables)
    );
    let statement = client.prepare_cached(&sql).await?;
    let rows = client.query(&statement, &[&prefix, &&*key]).await?;
    let mut page = ItemPage::default();
    for row in &rows {
        let name = name(row)?;
        if rows.len() >= PAGE {
            page.next = Some(name.clone());
        }
        if row.try_get::<_, Option<bool>>(10)? != Some(true) {
            let item = item(row, name.clone());
            page.items
                .push(item.map_err(|reason| UnreadItem { name, reason }));
        }
    }
    Ok(page)
}

/// The items of these names that can be read.
pub(super) async fn of(
    pools: &Pools,
    tables: Tables,
    names: &[ItemName],
) -> Result<Vec<MovedItem>, PostgresError> {
    let client = pools.client().await?;
    let sql = format!(
        "{} JOIN unnest($1::text[], $2::text[]) AS wanted (prefix, key)
            ON wanted.prefix = s.prefix AND wanted.key = s.key",
        select(tables)
    );
    let prefixes: Vec<_> = names.iter().map(|(of, _)| prefix_of(of)).collect();
    let keys: Vec<_> = names.iter().map(|(_, key)| escape(key)).collect();
    let keys: Vec<&str> = keys.iter().map(AsRef::as_ref).collect();
    let statement = client.prepare_cached(&sql).await?;
    let mut items = Vec::new();
    for row in client.query(&statement, &[&prefixes, &keys]).await? {
        if row.try_get::<_, Option<bool>>(10)? != Some(true) {
            items.extend(item(&row, name(&row)?).ok());
        }
    }
    Ok(items)
}

fn name(row: &Row) -> Result<ItemName, PostgresError> {
    let prefix = owned(row.try_get(0)?);
    let namespace = prefix.split('.').map(str::to_owned).collect();
    Ok((namespace, owned(row.try_get(1)?)))
}

/// An item, or what is wrong with it.
fn item(row: &Row, (namespace, key): ItemName) -> Result<MovedItem, String> {
    let failed = |error: tokio_postgres::Error| error.to_string();
    let micros = |column: usize| -> Result<Option<u64>, String> {
        let micros: Option<i64> = row.try_get(column).map_err(failed)?;
        Ok(micros.map(|micros| u64::try_from(micros).unwrap_or_default()))
    };
    let exact: Option<&str> = row.try_get(8).map_err(failed)?;
    let parsed = |text: &str| serde_json::from_str::<Value>(text);
    let value = match exact.map(|text| parsed(&owned(text))) {
        Some(Ok(exact)) => exact,
        _ => {
            let text: &str = row.try_get(2).map_err(failed)?;
            unescape_json(parsed(text).map_err(|error| format!("its value: {error}"))?)
        }
    };
    let updated = micros(4)?.unwrap_or_default();
    let created = micros(3)?.unwrap_or(updated).min(updated);
    let expires = micros(5)?;
    let minutes = micros(6)?.map(|minutes| minutes.saturating_mul(MINUTE));
    let lifetime = micros(7)?.or(minutes);
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
        has_vectors: row.try_get(9).map_err(failed)?,
    })
}

const PUT: &str = "INSERT INTO store
    (prefix, key, value, created_at, updated_at, expires_at, ttl_minutes)
VALUES ($1, $2, $3, 'epoch'::timestamptz + ($4::bigint || ' microseconds')::interval,
    'epoch'::timestamptz + ($5::bigint || ' microseconds')::interval,
    'epoch'::timestamptz + ($6::bigint || ' microseconds')::interval, $7)
ON CONFLICT (prefix, key) DO UPDATE SET value = EXCLUDED.value, created_at = EXCLUDED.created_at,
    updated_at = EXCLUDED.updated_at, expires_at = EXCLUDED.expires_at,
    ttl_minutes = EXCLUDED.ttl_minutes";

const FORGET: &str = "DELETE FROM stepwell_items WHERE prefix = $1 AND key = $2";

const NOTE: &str = "INSERT INTO stepwell_items (prefix, key, updated_at, lifetime_us, exact)
VALUES ($1, $2, 'epoch'::timestamptz + ($3::bigint || ' microseconds')::interval, $4, $5)";

/// Puts items with their times, all or none.
pub(super) async fn put(pools: &Pools, items: &[MovedItem]) -> Result<(), PostgresError> {
    let mut client = pools.client().await?;
    let transaction = client.transaction().await?;
    let put = transaction.prepare_cached(PUT).await?;
    let forget = transaction.prepare_cached(FORGET).await?;
    let note = transaction.prepare_cached(NOTE).await?;
    let micros = |at: SystemTime| {
        i64::try_from(time::to_micros(at))
            .unwrap_or(LATEST)
            .min(LATEST)
    };
    for MovedItem { item, lifetime, .. } in items {
        let (prefix, key) = (prefix_of(&item.namespace), escape(&item.key));
        let exact =
            is_changed_by_jsonb(&item.value).then(|| escape(&item.value.to_string()).into_owned());
        let value = escape_json(item.value.clone());
        let (created, updated) = (micros(item.created_at), micros(item.updated_at));
        let expires = item.expires_at.map(micros);
        let lifetime = lifetime.map(|of| u64::try_from(of.as_micros()).unwrap_or(u64::MAX));
        let minutes = lifetime.map(|of| i32::try_from(of.div_ceil(MINUTE)).unwrap_or(i32::MAX));
        transaction
            .execute(
                &put,
                &[
                    &prefix, &&*key, &value, &created, &updated, &expires, &minutes,
                ],
            )
            .await?;
        transaction.execute(&forget, &[&prefix, &&*key]).await?;
        let lifetime = lifetime.map(|of| i64::try_from(of).unwrap_or(i64::MAX));
        if lifetime.is_some() || exact.is_some() {
            transaction
                .execute(&note, &[&prefix, &&*key, &updated, &lifetime, &exact])
                .await?;
        }
    }
    Ok(transaction.commit().await?)
}

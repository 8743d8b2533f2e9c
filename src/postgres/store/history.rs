//! What items were: what is kept of that in the table that triggers fill, and for how long.

use deadpool_postgres::Transaction;

use crate::index::HistoryRules;
use crate::postgres::PostgresError;
use crate::postgres::store::items::{MICROS, labels_of, prefix_of};
use crate::store::StoreOptions;

/// The longest that anything is kept, in microseconds: some 570 years, to which times can be added.
const LONGEST: u64 = 1 << 54;

/// Since when what is kept, at `now`.
pub(super) async fn rules(
    transaction: &Transaction<'_>,
    now: u64,
) -> Result<HistoryRules, PostgresError> {
    let sql = format!(
        "SELECT prefix, {}, kept_us FROM stepwell_item_rules",
        MICROS.replace("{}", "since")
    );
    let statement = transaction.prepare_cached(&sql).await?;
    let rows = transaction.query(&statement, &[]).await?;
    let unsigned = |number: i64| u64::try_from(number).unwrap_or_default();
    let rules = rows.iter().map(|row| {
        let since = row.try_get::<_, Option<i64>>(1)?.map(unsigned);
        let kept = row.try_get::<_, Option<i64>>(2)?.map(unsigned);
        let oldest = now.saturating_sub(kept.unwrap_or(LONGEST));
        Ok((
            labels_of(row.try_get(0)?),
            since.map(|since| since.max(oldest)),
        ))
    });
    let rules: Vec<_> = rules.collect::<Result<_, PostgresError>>()?;
    Ok(HistoryRules::by_time(rules.into_iter()))
}

/// Notes what is to be kept from now on, where it says otherwise so far.
pub(super) async fn set_rules(
    transaction: &Transaction<'_>,
    options: &StoreOptions,
    now: u64,
) -> Result<(), PostgresError> {
    let mut known = rules(transaction, 0).await?;
    for new in options.new_rules(&known, now) {
        // What was before there were rules nobody knows.
        let before = known.all().next().and_then(|_| known.since(&new.namespace));
        let since = new.since.map(|_| before.map_or(now, |(_, since)| since));
        let since = since.map(|at| i64::try_from(at).unwrap_or(i64::MAX));
        let prefix = prefix_of(&new.namespace);
        transaction
            .execute(
                "INSERT INTO stepwell_item_rules (prefix, since)
                 VALUES ($1, 'epoch'::timestamptz + ($2::bigint || ' microseconds')::interval)
                 ON CONFLICT (prefix) DO UPDATE SET since = EXCLUDED.since",
                &[&prefix, &since],
            )
            .await?;
        if since.is_none() {
            let forget = "UPDATE stepwell_item_history h SET forget_at = 'epoch' WHERE $1 = (
                SELECT r.prefix FROM stepwell_item_rules r
                WHERE r.prefix = '' OR r.prefix = h.prefix OR starts_with(h.prefix, r.prefix || '.')
                ORDER BY length(r.prefix) DESC LIMIT 1)";
            transaction.execute(forget, &[&prefix]).await?;
        }
        known = rules(transaction, 0).await?;
    }
    let said: Vec<Vec<String>> = options.with_history().map(<[String]>::to_vec).collect();
    for prefix in said.iter().map(Vec::as_slice).chain([&[][..]]) {
        let is_usual = prefix.is_empty() && !said.iter().any(Vec::is_empty);
        let kept = options
            .kept_past(prefix)
            .map(|kept| i64::try_from(kept.min(LONGEST)).unwrap_or(i64::MAX));
        // What is usual changes nothing that somebody else has said.
        transaction
            .execute(
                "UPDATE stepwell_item_rules SET kept_us = $2 WHERE prefix = $1 AND since IS NOT NULL
                     AND kept_us IS DISTINCT FROM $2 AND (NOT $3 OR kept_us IS NULL)",
                &[&prefix_of(prefix), &kept, &is_usual],
            )
            .await?;
    }
    Ok(())
}

/// Removes some of what is not kept any more, unless somebody else is at it.
pub(super) async fn forget(transaction: &Transaction<'_>, now: i64) -> Result<(), PostgresError> {
    let sql = "DELETE FROM stepwell_item_history WHERE (prefix, key, updated_at) IN (
            SELECT prefix, key, updated_at FROM stepwell_item_history
            WHERE forget_at <= 'epoch'::timestamptz + ($1::bigint || ' microseconds')::interval
            LIMIT 64 FOR UPDATE SKIP LOCKED)";
    let statement = transaction.prepare_cached(sql).await?;
    transaction.execute(&statement, &[&now]).await?;
    Ok(())
}

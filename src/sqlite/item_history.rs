//! What items were: a table of our own, which triggers on LangGraph's fill, so that it also has what others replace or
//! delete.
//!
//! The triggers run wherever the file is written, so they use nothing that any SQLite since 3.20 does not have.

use rusqlite::{Connection, OptionalExtension, params};

use crate::index::HistoryRules;
use crate::sqlite::items::{labels_of, micros, prefix_of};
use crate::store::StoreOptions;

/// The longest that anything is kept, in microseconds: some 570 years, to which times can be added.
const LONGEST: u64 = 1 << 54;

/// With each change of items, so many rows that are not kept any more are removed at most.
const FORGOTTEN: usize = 64;

/// Makes the tables, the triggers, and what `options` say of what is kept.
pub(super) fn set_up(all: &Connection, options: &StoreOptions, now: u64) -> rusqlite::Result<()> {
    all.execute_batch(
        "CREATE TABLE IF NOT EXISTS stepwell_item_history (
             prefix TEXT NOT NULL,
             key TEXT NOT NULL,
             updated_at INTEGER NOT NULL,
             created_at INTEGER NOT NULL,
             expires_at INTEGER,
             ended_at INTEGER NOT NULL,
             was_removed INTEGER NOT NULL,
             forget_at INTEGER NOT NULL,
             value TEXT NOT NULL,
             PRIMARY KEY (prefix, key, updated_at)
         );
         CREATE INDEX IF NOT EXISTS stepwell_item_history_forget ON stepwell_item_history (forget_at);
         CREATE TABLE IF NOT EXISTS stepwell_item_rules (
             prefix TEXT NOT NULL PRIMARY KEY,
             since INTEGER,
             kept INTEGER
         );",
    )?;
    all.execute_batch(&triggers())?;
    set_rules(all, options, now)
}

/// LangGraph replaces rows (`INSERT OR REPLACE`), for which SQLite runs no trigger of deletions; ours are updated by
/// inserting them. So what is in the way of an insertion is what was replaced.
fn triggers() -> String {
    let (created, updated) = (micros("s.created_at"), micros("s.updated_at"));
    let expires = micros("s.expires_at");
    let now = "(CAST(strftime('%s', 'now') AS INTEGER) * 1000000
        + CAST(substr(strftime('%f', 'now'), 4, 3) AS INTEGER) * 1000)";
    let trigger = |name: &str, event: &str, row: &str, end: &str, was_removed: u8| {
        format!(
            "CREATE TRIGGER IF NOT EXISTS {name} BEFORE {event} ON store BEGIN
                INSERT INTO stepwell_item_history (prefix, key, updated_at, created_at, expires_at, ended_at,
                    was_removed, forget_at, value)
                SELECT s.prefix, s.key, {updated}, COALESCE({created}, {updated}), {expires},
                    MAX({end}, {updated}), {was_removed}, MAX({end}, {updated}) + r.kept, s.value
                FROM store s, (SELECT since, kept FROM stepwell_item_rules
                    WHERE prefix = '' OR prefix = {row}.prefix
                        OR substr({row}.prefix, 1, length(prefix) + 1) = prefix || '.'
                    ORDER BY length(prefix) DESC LIMIT 1) r
                WHERE s.prefix = {row}.prefix AND s.key = {row}.key AND r.since IS NOT NULL
                    AND {updated} IS NOT NULL AND NOT EXISTS (
                        SELECT 1 FROM stepwell_item_history h WHERE h.prefix = s.prefix AND h.key = s.key
                            AND h.updated_at = {updated});
            END;"
        )
    };
    let replaced = micros("NEW.updated_at");
    [
        trigger(
            "stepwell_item_replaced",
            "INSERT",
            "NEW",
            &format!("COALESCE({replaced}, {now})"),
            0,
        ),
        trigger("stepwell_item_removed", "DELETE", "OLD", now, 1),
    ]
    .join("\n")
}

/// Notes what is to be kept from now on, where it says otherwise so far.
fn set_rules(all: &Connection, options: &StoreOptions, now: u64) -> rusqlite::Result<()> {
    let mut rules = rules(all, 0)?;
    for new in options.new_rules(&rules, now) {
        // What was before there were rules nobody knows.
        let before = rules.all().next().and_then(|_| rules.since(&new.namespace));
        let before = before.map(|(_, since)| since);
        let since = new.since.map(|_| before.unwrap_or(whole_second(now)));
        let prefix = prefix_of(&new.namespace);
        all.execute(
            "INSERT INTO stepwell_item_rules (prefix, since) VALUES (?1, ?2)
             ON CONFLICT (prefix) DO UPDATE SET since = excluded.since",
            params![prefix, since.map(signed)],
        )?;
        if since.is_none() {
            all.execute(
                "UPDATE stepwell_item_history SET forget_at = 0 WHERE ?1 = (SELECT r.prefix FROM stepwell_item_rules r
                    WHERE r.prefix = '' OR r.prefix = stepwell_item_history.prefix
                        OR substr(stepwell_item_history.prefix, 1, length(r.prefix) + 1) = r.prefix || '.'
                    ORDER BY length(r.prefix) DESC LIMIT 1)",
                [&prefix],
            )?;
        }
        rules = self::rules(all, 0)?;
    }
    let said: Vec<Vec<String>> = options.with_history().map(<[String]>::to_vec).collect();
    for prefix in said.iter().map(Vec::as_slice).chain([&[][..]]) {
        let is_said = prefix.is_empty() && !said.iter().any(Vec::is_empty);
        let kept = options
            .kept_past(prefix)
            .map(|kept| signed(kept.min(LONGEST)));
        // What is usual changes nothing that somebody else has said.
        let which = if is_said { "AND kept IS NULL" } else { "" };
        all.execute(
            &format!(
                "UPDATE stepwell_item_rules SET kept = ?2
                 WHERE prefix = ?1 AND since IS NOT NULL AND kept IS NOT ?2 {which}"
            ),
            params![prefix_of(prefix), kept],
        )?;
    }
    Ok(())
}

/// What Python replaces now ends at the begin of this second.
fn whole_second(now: u64) -> u64 {
    (now - now % 1_000_000).saturating_sub(1)
}

/// Since when what is kept, at `now`.
pub(super) fn rules(connection: &Connection, now: u64) -> rusqlite::Result<HistoryRules> {
    let mut statement =
        connection.prepare_cached("SELECT prefix, since, kept FROM stepwell_item_rules")?;
    let rules = statement.query_map([], |row| {
        let prefix: String = row.get(0)?;
        let unsigned = |number: i64| u64::try_from(number).unwrap_or_default();
        let since = row.get::<_, Option<i64>>(1)?.map(unsigned);
        let kept = row.get::<_, Option<i64>>(2)?.map(unsigned);
        let oldest = now.saturating_sub(kept.unwrap_or(LONGEST));
        Ok((labels_of(&prefix), since.map(|since| since.max(oldest))))
    })?;
    let rules: Vec<_> = rules.collect::<rusqlite::Result<_>>()?;
    Ok(HistoryRules::by_time(rules.into_iter()))
}

/// Removes some of what is not kept any more.
pub(super) fn forget(connection: &Connection, now: u64) -> rusqlite::Result<()> {
    let query = format!(
        "DELETE FROM stepwell_item_history WHERE rowid IN
         (SELECT rowid FROM stepwell_item_history WHERE forget_at <= ?1 LIMIT {FORGOTTEN})"
    );
    connection
        .prepare_cached(&query)?
        .execute([signed(now)])
        .map(drop)
}

/// When an item of that name was last known to have changed, if that is kept: no later change may have an earlier time.
pub(super) fn last_change(
    connection: &Connection,
    prefix: &str,
    key: &str,
) -> rusqlite::Result<Option<u64>> {
    let query = format!(
        "SELECT MAX(at) FROM (SELECT {} AS at FROM store WHERE prefix = ?1 AND key = ?2 UNION ALL
             SELECT MAX(ended_at) FROM stepwell_item_history WHERE prefix = ?1 AND key = ?2)",
        micros("updated_at")
    );
    let at = connection
        .prepare_cached(&query)?
        .query_row([prefix, key], |row| row.get::<_, Option<i64>>(0))
        .optional()?;
    Ok(at.flatten().and_then(|at| u64::try_from(at).ok()))
}

pub(super) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

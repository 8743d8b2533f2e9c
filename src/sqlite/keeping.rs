//! What is kept of threads as a whole: deleting and copying them, their tags and policies.

use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, params};
use serde_json::{Value, json};

use crate::checkpoint::{CheckpointError, RetentionPolicy, Tag, ThreadSummary, cutoff_after};
use crate::sqlite::putting::exists;
use crate::sqlite::reading::sql;
use crate::vfs::OsHost;

/// Forgets everything of a thread but that it was deleted.
pub(super) fn delete(connection: &Connection, thread: &str) -> rusqlite::Result<()> {
    let greatest: Option<String> = connection
        .prepare_cached("SELECT MAX(checkpoint_id) FROM checkpoints WHERE thread_id = ?1")?
        .query_row([thread], |row| row.get(0))?;
    // A clock that was ahead may have made ids beyond the one of now.
    let cutoff = Some(cutoff_after(&OsHost, greatest.as_deref())).max(greatest);
    for table in ["checkpoints", "writes", "stepwell_tags"] {
        let query = format!("DELETE FROM {table} WHERE thread_id = ?1");
        connection.prepare_cached(&query)?.execute([thread])?;
    }
    connection
        .prepare_cached(
            "INSERT INTO stepwell_threads (thread_id, cutoff) VALUES (?1, ?2) ON CONFLICT (thread_id)
             DO UPDATE SET cutoff = MAX(COALESCE(cutoff, ''), excluded.cutoff), pruned = NULL, policy = NULL",
        )?
        .execute(params![thread, cutoff])?;
    Ok(())
}

pub(super) fn copy(
    connection: &Connection,
    source: &str,
    target: &str,
) -> Result<(), CheckpointError> {
    let failed = sql("copying a thread");
    let has_some = |thread: &str| {
        let query = "SELECT 1 FROM checkpoints WHERE thread_id = ?1 LIMIT 1";
        connection.prepare_cached(query)?.exists([thread])
    };
    if !has_some(source).map_err(&failed)? {
        return Err(CheckpointError::NothingToCopy {
            thread: source.to_owned(),
        });
    }
    if has_some(target).map_err(&failed)? {
        return Err(CheckpointError::ThreadExists {
            thread: target.to_owned(),
        });
    }
    let copied = [
        (
            "checkpoints",
            "checkpoint_ns, checkpoint_id, parent_checkpoint_id, type, checkpoint, metadata",
            "rowid",
        ),
        (
            "writes",
            "checkpoint_ns, checkpoint_id, task_id, task_path, idx, channel, type, value",
            "rowid",
        ),
        (
            "stepwell_tags",
            "checkpoint_ns, name, checkpoint_id",
            "name",
        ),
    ];
    for (table, columns, order) in copied {
        let query = format!(
            "INSERT OR REPLACE INTO {table} (thread_id, {columns})
             SELECT ?2, {columns} FROM {table} WHERE thread_id = ?1 ORDER BY {order}"
        );
        connection
            .execute(&query, [source, target])
            .map_err(&failed)?;
    }
    Ok(())
}

/// Removes checkpoints, with their writes, by namespace and id.
pub(super) fn remove(
    connection: &Connection,
    thread: &str,
    checkpoints: &[(String, String)],
) -> rusqlite::Result<()> {
    for table in ["checkpoints", "writes"] {
        let query = format!(
            "DELETE FROM {table} WHERE thread_id = ?1 AND checkpoint_ns = ?2 AND checkpoint_id = ?3"
        );
        let mut statement = connection.prepare_cached(&query)?;
        for (namespace, id) in checkpoints {
            statement.execute(params![thread, namespace, id])?;
        }
    }
    let greatest = checkpoints.iter().map(|(_, id)| id).max();
    connection.execute(
        "INSERT INTO stepwell_threads (thread_id, pruned) VALUES (?1, ?2) ON CONFLICT (thread_id)
         DO UPDATE SET pruned = MAX(COALESCE(pruned, ''), excluded.pruned)",
        params![thread, greatest],
    )?;
    Ok(())
}

pub(super) fn tag(connection: &Connection, tag: &Tag) -> Result<(), CheckpointError> {
    let failed = sql("tagging a checkpoint");
    if !exists(connection, &tag.thread, &tag.namespace, &tag.checkpoint_id).map_err(&failed)? {
        return Err(CheckpointError::NoSuchCheckpoint {
            thread: tag.thread.clone(),
            checkpoint: tag.checkpoint_id.clone(),
        });
    }
    let query =
        "INSERT OR REPLACE INTO stepwell_tags (thread_id, checkpoint_ns, name, checkpoint_id)
                 VALUES (?1, ?2, ?3, ?4)";
    let row = params![tag.thread, tag.namespace, tag.name, tag.checkpoint_id];
    connection.execute(query, row).map(drop).map_err(&failed)
}

pub(super) fn untag(
    connection: &Connection,
    thread: &str,
    namespace: &str,
    name: &str,
) -> rusqlite::Result<()> {
    let query =
        "DELETE FROM stepwell_tags WHERE thread_id = ?1 AND checkpoint_ns = ?2 AND name = ?3";
    connection
        .execute(query, params![thread, namespace, name])
        .map(drop)
}

pub(super) fn tags(connection: &Connection, thread: &str) -> rusqlite::Result<Vec<Tag>> {
    // Tags of checkpoints that others have removed are none.
    let mut statement = connection.prepare_cached(
        "SELECT t.checkpoint_ns, t.name, t.checkpoint_id FROM stepwell_tags t
         JOIN checkpoints c USING (thread_id, checkpoint_ns, checkpoint_id)
         WHERE t.thread_id = ?1 ORDER BY t.checkpoint_ns, t.name",
    )?;
    let tags = statement.query_map([thread], |row| {
        Ok(Tag {
            thread: thread.to_owned(),
            namespace: row.get(0)?,
            name: row.get(1)?,
            checkpoint_id: row.get(2)?,
        })
    })?;
    tags.collect()
}

pub(super) fn set_policy(
    connection: &Connection,
    thread: &str,
    policy: Option<&RetentionPolicy>,
) -> rusqlite::Result<()> {
    let micros =
        |of: Option<Duration>| of.map(|of| u64::try_from(of.as_micros()).unwrap_or(u64::MAX));
    let text = policy.map(|policy| {
        json!({
            "keep_last": policy.keep_last,
            "older_than_us": micros(policy.older_than),
            "finished_subgraphs": policy.finished_subgraphs,
            "idle_us": micros(policy.idle),
        })
        .to_string()
    });
    connection.execute(
        "INSERT INTO stepwell_threads (thread_id, policy) VALUES (?1, ?2)
         ON CONFLICT (thread_id) DO UPDATE SET policy = excluded.policy",
        params![thread, text],
    )?;
    Ok(())
}

pub(super) fn policy(
    connection: &Connection,
    thread: &str,
) -> rusqlite::Result<Option<RetentionPolicy>> {
    let text: Option<Option<String>> = connection
        .prepare_cached("SELECT policy FROM stepwell_threads WHERE thread_id = ?1")?
        .query_row([thread], |row| row.get(0))
        .optional()?;
    let policy: Option<Value> = text
        .flatten()
        .and_then(|text| serde_json::from_str(&text).ok());
    Ok(policy.map(|of| {
        let number = |name: &str| of.get(name).and_then(Value::as_u64);
        RetentionPolicy {
            keep_last: number("keep_last"),
            older_than: number("older_than_us").map(Duration::from_micros),
            finished_subgraphs: of.get("finished_subgraphs") == Some(&Value::Bool(true)),
            idle: number("idle_us").map(Duration::from_micros),
        }
    }))
}

/// The names of all threads.
pub(super) fn threads(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    let mut statement = connection
        .prepare_cached("SELECT DISTINCT thread_id FROM checkpoints ORDER BY thread_id")?;
    statement.query_map([], |row| row.get(0))?.collect()
}

pub(super) fn summaries(connection: &Connection) -> rusqlite::Result<Vec<ThreadSummary>> {
    let mut statement = connection.prepare_cached(
        "SELECT thread_id, MIN(checkpoint_id), MAX(checkpoint_id), COUNT(*), COUNT(DISTINCT checkpoint_ns),
                COALESCE(SUM(LENGTH(checkpoint)), 0) FROM checkpoints GROUP BY thread_id",
    )?;
    let unsigned = |number: i64| u64::try_from(number).unwrap_or_default();
    let summaries = statement.query_map([], |row| {
        Ok(ThreadSummary {
            thread: row.get(0)?,
            ids: (row.get(1)?, row.get(2)?),
            checkpoints: unsigned(row.get(3)?),
            namespaces: usize::try_from(unsigned(row.get(4)?)).unwrap_or(usize::MAX),
            bytes: unsigned(row.get(5)?),
        })
    })?;
    summaries.collect()
}

//! What is done to a thread as a whole, and what is said of it.

use serde_json::{Value, json};

use crate::checkpoint::{CheckpointError, RetentionPolicy, Tag, cutoff_after};
use crate::postgres::PostgresError;
use crate::postgres::saver::PostgresSaver;
use crate::postgres::saver::write::{Fault, Turn};
use crate::postgres::text::{escape, owned};
use crate::time;
use crate::vfs::OsHost;

/// The ids that tell when they were made, as a regular expression.
pub(super) const V6: &str = "^[0-9a-f]{8}-[0-9a-f]{4}-6[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}$";

/// LangGraph's tables, with all their columns but the thread.
const TABLES: [(&str, &str); 4] = [
    (
        "checkpoints",
        "checkpoint_ns, checkpoint_id, parent_checkpoint_id, type, checkpoint, metadata",
    ),
    (
        "checkpoint_blobs",
        "checkpoint_ns, channel, version, type, blob",
    ),
    (
        "checkpoint_writes",
        "checkpoint_ns, checkpoint_id, task_id, idx, channel, type, blob, task_path",
    ),
    ("stepwell_tags", "checkpoint_ns, name, checkpoint_id"),
];

impl Turn<'_> {
    /// Forgets everything of a thread but that it was deleted.
    pub(super) async fn delete(&mut self, thread: &str) -> Result<(), Fault> {
        let name = escape(thread);
        let found = self
            .query(
                "SELECT max(checkpoint_id COLLATE \"C\") FROM checkpoints
             WHERE thread_id = $1 AND checkpoint_id ~ $2",
                &[&&*name, &V6],
            )
            .await?;
        let greatest: Option<String> = match found.first() {
            Some(row) => row.try_get(0)?,
            None => None,
        };
        for (table, _) in TABLES {
            let sql = format!("DELETE FROM {table} WHERE thread_id = $1");
            self.execute(&sql, &[&&*name]).await?;
        }
        let row = self.row(thread);
        // A clock that was ahead may have made ids beyond the cutoff.
        let cutoff = Some(cutoff_after(&OsHost, greatest.as_deref()));
        row.cutoff = row.cutoff.take().max(cutoff).max(greatest);
        row.pruned = None;
        let cutoff = row.cutoff.clone();
        self.execute(
            "UPDATE stepwell_threads SET cutoff = $2, pruned = NULL, policy = NULL
             WHERE thread_id = $1",
            &[&&*name, &cutoff.as_deref().map(escape).as_deref()],
        )
        .await?;
        Ok(())
    }

    /// Copies all rows of a thread.
    pub(super) async fn copy(&mut self, source: &str, target: &str) -> Result<(), Fault> {
        let (from, to) = (escape(source), escape(target));
        let found = self
            .query(
                "SELECT EXISTS (SELECT FROM checkpoints WHERE thread_id = $1),
                EXISTS (SELECT FROM checkpoints WHERE thread_id = $2)",
                &[&&*from, &&*to],
            )
            .await?;
        let (source_is, target_is) = match found.first() {
            Some(row) => (row.try_get(0)?, row.try_get(1)?),
            None => (false, false),
        };
        if !source_is {
            let thread = source.to_owned();
            return Err(CheckpointError::NothingToCopy { thread }.into());
        }
        if target_is {
            let thread = target.to_owned();
            return Err(CheckpointError::ThreadExists { thread }.into());
        }
        for (table, columns) in TABLES {
            let sql = format!(
                "INSERT INTO {table} (thread_id, {columns}) SELECT $2, {columns} FROM {table}
                 WHERE thread_id = $1 ON CONFLICT DO NOTHING"
            );
            self.execute(&sql, &[&&*from, &&*to]).await?;
        }
        let (turn, pruned) = {
            let row = self.row(source);
            (row.turn, row.pruned.clone())
        };
        let row = self.row(target);
        // No value of either may get a label that another one has.
        row.turn = row.turn.max(turn);
        row.pruned = pruned;
        let (turn, pruned) = (row.turn, row.pruned.clone());
        self.execute(
            "UPDATE stepwell_threads SET turn = $2, pruned = $3 WHERE thread_id = $1",
            &[&&*to, &turn, &pruned.as_deref().map(escape).as_deref()],
        )
        .await?;
        Ok(())
    }

    pub(super) async fn tag(&mut self, tag: &Tag) -> Result<(), Fault> {
        let found = self
            .checkpoint(&tag.thread, &tag.namespace, &tag.checkpoint_id)
            .await?;
        if found.is_none() {
            return Err(CheckpointError::NoSuchCheckpoint {
                thread: tag.thread.clone(),
                checkpoint: tag.checkpoint_id.clone(),
            }
            .into());
        }
        let (thread, namespace) = (escape(&tag.thread), escape(&tag.namespace));
        let (name, id) = (escape(&tag.name), escape(&tag.checkpoint_id));
        self.execute(
            "INSERT INTO stepwell_tags (thread_id, checkpoint_ns, name, checkpoint_id)
             VALUES ($1, $2, $3, $4) ON CONFLICT (thread_id, checkpoint_ns, name)
             DO UPDATE SET checkpoint_id = EXCLUDED.checkpoint_id",
            &[&&*thread, &&*namespace, &&*name, &&*id],
        )
        .await?;
        Ok(())
    }

    pub(super) async fn untag(
        &mut self,
        thread: &str,
        namespace: &str,
        name: &str,
    ) -> Result<(), Fault> {
        let [thread, namespace, name] = [thread, namespace, name].map(escape);
        self.execute(
            "DELETE FROM stepwell_tags WHERE thread_id = $1 AND checkpoint_ns = $2 AND name = $3",
            &[&&*thread, &&*namespace, &&*name],
        )
        .await?;
        Ok(())
    }

    pub(super) async fn set_policy(
        &mut self,
        thread: &str,
        policy: Option<&RetentionPolicy>,
    ) -> Result<(), Fault> {
        let thread = escape(thread);
        self.execute(
            "UPDATE stepwell_threads SET policy = $2 WHERE thread_id = $1",
            &[&&*thread, &policy.map(policy_json)],
        )
        .await?;
        Ok(())
    }
}

fn policy_json(policy: &RetentionPolicy) -> Value {
    let micros = |duration: Option<std::time::Duration>| {
        duration.map(|of| u64::try_from(of.as_micros()).unwrap_or(u64::MAX))
    };
    json!({
        "keep_last": policy.keep_last,
        "older_than_us": micros(policy.older_than),
        "finished_subgraphs": policy.finished_subgraphs,
        "idle_us": micros(policy.idle),
    })
}

pub(super) fn policy(json: &Value) -> RetentionPolicy {
    let number = |name: &str| json.get(name).and_then(Value::as_u64);
    let duration = |name: &str| number(name).map(std::time::Duration::from_micros);
    RetentionPolicy {
        keep_last: number("keep_last"),
        older_than: duration("older_than_us"),
        finished_subgraphs: (json.get("finished_subgraphs")).and_then(Value::as_bool) == Some(true),
        idle: duration("idle_us"),
    }
}

impl PostgresSaver {
    pub(super) async fn policy_of(
        &self,
        thread: &str,
    ) -> Result<Option<RetentionPolicy>, CheckpointError> {
        let name = escape(thread).into_owned();
        let found = self.shared.retried(move |pools| {
            let name = name.clone();
            async move {
                let client = pools.client().await?;
                let sql = "SELECT policy FROM stepwell_threads WHERE thread_id = $1";
                let row = client.query_opt(sql, &[&name]).await?;
                let found: Option<Option<Value>> = row.map(|row| row.try_get(0)).transpose()?;
                Ok::<_, PostgresError>(found.flatten())
            }
        });
        let found = found.await;
        let found =
            found.map_err(|e| e.checkpoint(format!("reading the retention of `{thread}`")))?;
        Ok(found.as_ref().map(policy))
    }

    pub(super) async fn tags_of(&self, thread: String) -> Result<Vec<Tag>, CheckpointError> {
        let what = format!("reading the tags of thread `{thread}`");
        let found = self.shared.retried(move |pools| {
            let thread = thread.clone();
            async move {
                let client = pools.client().await?;
                let sql = "SELECT checkpoint_ns, name, checkpoint_id FROM stepwell_tags
                    WHERE thread_id = $1
                    ORDER BY checkpoint_ns COLLATE \"C\", name COLLATE \"C\"";
                let rows = client.query(sql, &[&&*escape(&thread)]).await?;
                let tags = rows.iter().map(|row| {
                    Ok(Tag {
                        thread: thread.clone(),
                        namespace: owned(row.try_get(0)?),
                        name: owned(row.try_get(1)?),
                        checkpoint_id: owned(row.try_get(2)?),
                    })
                });
                tags.collect::<Result<_, PostgresError>>()
            }
        });
        found.await.map_err(|e| e.checkpoint(what))
    }
}

/// Now, in microseconds since the Unix epoch.
pub(super) fn now() -> u64 {
    use crate::vfs::{Host, OsHost};
    time::to_micros(OsHost.system_time())
}

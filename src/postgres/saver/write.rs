//! [`Write`]: what is submitted, and [`Turn`]: one of them in a transaction that holds the rows of its threads.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use deadpool_postgres::Transaction;
use parking_lot::Mutex;
use serde_json::Value;
use tokio_postgres::types::ToSql;

use crate::Encoded;
use crate::checkpoint::{
    CheckpointError, PrunedThread, PutCheckpoint, PutWrites, RetentionPolicy, Tag,
    special_write_index,
};
use crate::index::precedes;
use crate::postgres::PostgresError;
use crate::postgres::saver::prune::Rule;
use crate::postgres::saver::put::column;
use crate::postgres::text::escape;

/// What is submitted.
pub(in crate::postgres) enum Write {
    Checkpoint(Box<PutCheckpoint>),
    Writes(PutWrites),
    Delete {
        thread: String,
    },
    Copy {
        source: String,
        target: String,
    },
    Tag(Tag),
    Untag {
        thread: String,
        namespace: String,
        name: String,
    },
    Policy {
        thread: String,
        policy: Option<RetentionPolicy>,
    },
    Prune {
        thread: String,
        rule: Rule,
        /// What went.
        report: Arc<Mutex<Option<PrunedThread>>>,
    },
}

impl Write {
    /// The threads that it is about.
    pub(in crate::postgres) fn threads(&self) -> impl Iterator<Item = &str> {
        let (first, second) = match self {
            Self::Checkpoint(put) => (&put.thread, None),
            Self::Writes(put) => (&put.thread, None),
            Self::Tag(tag) => (&tag.thread, None),
            Self::Copy { source, target } => (target, Some(source)),
            Self::Delete { thread }
            | Self::Untag { thread, .. }
            | Self::Policy { thread, .. }
            | Self::Prune { thread, .. } => (thread, None),
        };
        std::iter::once(first.as_str()).chain(second.map(String::as_str))
    }

    /// What it does, for errors.
    pub(in crate::postgres) fn what(&self) -> String {
        match self {
            Self::Checkpoint(put) => {
                let id = &put.checkpoint.id;
                format!("putting checkpoint `{id}` of thread `{}`", put.thread)
            }
            Self::Writes(put) => format!("putting writes of thread `{}`", put.thread),
            Self::Delete { thread } => format!("deleting thread `{thread}`"),
            Self::Copy { source, target } => format!("copying thread `{source}` to `{target}`"),
            Self::Tag(tag) => format!("tagging a checkpoint of thread `{}`", tag.thread),
            Self::Untag { thread, .. } => format!("removing a tag of thread `{thread}`"),
            Self::Policy { thread, .. } => format!("setting the retention of thread `{thread}`"),
            Self::Prune { thread, .. } => format!("pruning thread `{thread}`"),
        }
    }
}

/// The row of a thread, which the transaction holds.
#[derive(Default)]
pub(in crate::postgres) struct ThreadRow {
    /// Which transaction on the thread this is.
    pub(in crate::postgres) turn: i64,
    /// What was made no later than this went with the thread's last deletion.
    pub(in crate::postgres) cutoff: Option<String>,
    /// The greatest id that was pruned.
    pub(in crate::postgres) pruned: Option<String>,
    pub(in crate::postgres) holder: Option<String>,
    pub(in crate::postgres) token: i64,
}

/// Why a write was not made.
pub(in crate::postgres) enum Fault {
    /// It may not be. The transaction goes on without it.
    Refused(CheckpointError),
    /// The transaction failed.
    Postgres(PostgresError),
}

impl From<tokio_postgres::Error> for Fault {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Postgres(error.into())
    }
}

impl From<PostgresError> for Fault {
    fn from(error: PostgresError) -> Self {
        Self::Postgres(error)
    }
}

impl From<CheckpointError> for Fault {
    fn from(error: CheckpointError) -> Self {
        Self::Refused(error)
    }
}

/// A write in a transaction.
pub(in crate::postgres) struct Turn<'t> {
    pub(in crate::postgres) transaction: &'t Transaction<'t>,
    pub(in crate::postgres) threads: &'t mut HashMap<String, ThreadRow>,
    /// Which write of the transaction it is.
    pub(in crate::postgres) place: usize,
}

impl Turn<'_> {
    /// Makes `write`.
    pub(in crate::postgres) async fn write(&mut self, write: &Write) -> Result<(), Fault> {
        match write {
            Write::Checkpoint(put) => self.put((**put).clone()).await,
            Write::Writes(put) => self.put_writes(put).await,
            Write::Delete { thread } => self.delete(thread).await,
            Write::Copy { source, target } => self.copy(source, target).await,
            Write::Tag(tag) => self.tag(tag).await,
            Write::Untag {
                thread,
                namespace,
                name,
            } => self.untag(thread, namespace, name).await,
            Write::Policy { thread, policy } => self.set_policy(thread, policy.as_ref()).await,
            Write::Prune {
                thread,
                rule,
                report,
            } => {
                let pruned = self.prune(thread, rule).await?;
                *report.lock() = pruned;
                Ok(())
            }
        }
    }

    pub(super) fn row(&mut self, thread: &str) -> &mut ThreadRow {
        self.threads.entry(thread.to_owned()).or_default()
    }

    pub(super) async fn execute(
        &self,
        sql: &str,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<u64, PostgresError> {
        let statement = self.transaction.prepare_cached(sql).await?;
        Ok(self.transaction.execute(&statement, parameters).await?)
    }

    pub(super) async fn query(
        &self,
        sql: &str,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<tokio_postgres::Row>, PostgresError> {
        let statement = self.transaction.prepare_cached(sql).await?;
        Ok(self.transaction.query(&statement, parameters).await?)
    }

    /// The row of a checkpoint.
    pub(super) async fn checkpoint(
        &self,
        thread: &str,
        namespace: &str,
        id: &str,
    ) -> Result<Option<Value>, PostgresError> {
        let (thread, namespace, id) = (escape(thread), escape(namespace), escape(id));
        let rows = self
            .query(
                "SELECT checkpoint FROM checkpoints
                 WHERE thread_id = $1 AND checkpoint_ns = $2 AND checkpoint_id = $3",
                &[&&*thread, &&*namespace, &&*id],
            )
            .await?;
        let row = rows.first().map(|row| row.try_get(0)).transpose();
        Ok(row?)
    }

    async fn put_writes(&mut self, put: &PutWrites) -> Result<(), Fault> {
        let cutoff = self.row(&put.thread).cutoff.clone();
        let was_there =
            cutoff.is_some_and(|cutoff| precedes(&put.checkpoint_id, &cutoff).unwrap_or(false));
        if was_there {
            let checkpoint = self
                .checkpoint(&put.thread, &put.namespace, &put.checkpoint_id)
                .await?;
            if checkpoint.is_none() {
                return Err(CheckpointError::ThreadDeleted {
                    thread: put.thread.clone(),
                    checkpoint: put.checkpoint_id.clone(),
                }
                .into());
            }
        }
        let (mut ordinary, mut special) = (Columns::default(), Columns::default());
        for (position, (channel, value)) in put.writes.iter().enumerate() {
            match special_write_index(channel) {
                // Of several for one place the last counts, and one statement can replace a row once.
                Some(index) => special.replace(index, channel, value)?,
                None => {
                    let index = i32::try_from(position).unwrap_or(i32::MAX);
                    ordinary.push(index, channel, value)?;
                }
            }
        }
        self.insert_writes(put, &ordinary, "DO NOTHING").await?;
        let replace = "DO UPDATE SET channel = EXCLUDED.channel, type = EXCLUDED.type,
            blob = EXCLUDED.blob, task_path = EXCLUDED.task_path";
        Ok(self.insert_writes(put, &special, replace).await?)
    }

    async fn insert_writes(
        &self,
        put: &PutWrites,
        columns: &Columns,
        conflict: &str,
    ) -> Result<(), PostgresError> {
        if columns.indexes.is_empty() {
            return Ok(());
        }
        let sql = format!(
            "INSERT INTO checkpoint_writes
                (thread_id, checkpoint_ns, checkpoint_id, task_id, task_path, idx, channel, type, blob)
             SELECT $1, $2, $3, $4, $5, i, c, t, b
             FROM unnest($6::int[], $7::text[], $8::text[], $9::bytea[]) AS u (i, c, t, b)
             ON CONFLICT (thread_id, checkpoint_ns, checkpoint_id, task_id, idx) {conflict}"
        );
        let [thread, namespace, id, task, path] = [
            &put.thread,
            &put.namespace,
            &put.checkpoint_id,
            &put.task_id,
            &put.task_path,
        ]
        .map(|text| escape(text));
        self.execute(
            &sql,
            &[
                &&*thread,
                &&*namespace,
                &&*id,
                &&*task,
                &&*path,
                &columns.indexes,
                &columns.channels,
                &columns.types,
                &columns.blobs.iter().map(|blob| &**blob).collect::<Vec<_>>(),
            ],
        )
        .await?;
        Ok(())
    }
}

/// Writes, column by column.
#[derive(Default)]
struct Columns {
    indexes: Vec<i32>,
    channels: Vec<String>,
    types: Vec<String>,
    blobs: Vec<Bytes>,
}

impl Columns {
    fn push(&mut self, index: i32, channel: &str, value: &Encoded) -> Result<(), PostgresError> {
        let (tag, bytes) = column(channel, value)?;
        self.indexes.push(index);
        self.channels.push(escape(channel).into_owned());
        self.types.push(escape(tag).into_owned());
        self.blobs.push(bytes);
        Ok(())
    }

    fn replace(&mut self, index: i32, channel: &str, value: &Encoded) -> Result<(), PostgresError> {
        if let Some(at) = self.indexes.iter().position(|of| *of == index) {
            self.indexes.remove(at);
            self.channels.remove(at);
            self.types.remove(at);
            self.blobs.remove(at);
        }
        self.push(index, channel, value)
    }
}

//! Reading checkpoints.

use std::sync::Arc;

use bytes::Bytes;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::Encoded;
use crate::checkpoint::{
    Checkpoint, CheckpointError, CheckpointTuple, ListQuery, Metadata, PendingWrite, Projection,
};
use crate::langgraph::{
    FORM, Reading, TASKS, give_sent, inline_form, note_form, read_inline_checkpoint, read_metadata,
    read_value, sent,
};
use crate::sqlite::writer::Failure;

impl Failure for CheckpointError {
    fn of(what: &str, error: Arc<rusqlite::Error>) -> Self {
        Self::Backend {
            what: what.to_owned(),
            source: error,
        }
    }
}

/// What SQLite failed at.
pub(super) fn sql(what: &'static str) -> impl Fn(rusqlite::Error) -> CheckpointError {
    move |error| CheckpointError::of(what, Arc::new(error))
}

/// A row of the table of checkpoints.
pub(super) struct Kept {
    pub(super) namespace: String,
    pub(super) id: String,
    pub(super) parent_id: Option<String>,
    pub(super) tag: String,
    pub(super) checkpoint: Bytes,
    pub(super) metadata: Vec<u8>,
}

const COLUMNS: &str =
    "checkpoint_ns, checkpoint_id, parent_checkpoint_id, type, checkpoint, metadata";

impl Kept {
    fn of(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            namespace: row.get(0)?,
            id: row.get(1)?,
            parent_id: row.get(2)?,
            tag: row.get::<_, Option<String>>(3)?.unwrap_or_default(),
            checkpoint: bytes_of(row.get_ref(4)?).into(),
            metadata: bytes_of(row.get_ref(5)?),
        })
    }

    /// The checkpoint `id`, or the latest.
    pub(super) fn find(
        connection: &Connection,
        thread: &str,
        namespace: &str,
        id: Option<&str>,
    ) -> rusqlite::Result<Option<Self>> {
        let which = match id {
            Some(_) => "AND checkpoint_id = ?3",
            None => "AND ?3 IS NULL ORDER BY checkpoint_id DESC LIMIT 1",
        };
        let query = format!(
            "SELECT {COLUMNS} FROM checkpoints WHERE thread_id = ?1 AND checkpoint_ns = ?2 {which}"
        );
        let mut statement = connection.prepare_cached(&query)?;
        statement
            .query_row(params![thread, namespace, id], Self::of)
            .optional()
    }

    pub(super) fn failed(
        &self,
        thread: &str,
        error: crate::langgraph::ColumnError,
    ) -> CheckpointError {
        CheckpointError::Backend {
            what: format!("reading checkpoint `{}` of thread `{thread}`", self.id),
            source: Arc::new(error),
        }
    }

    /// The checkpoint, with its values as they are kept.
    pub(super) fn as_kept(&self, thread: &str) -> Result<Checkpoint, CheckpointError> {
        read_inline_checkpoint(&self.tag, &self.checkpoint, Reading::AsKept)
            .map_err(|error| self.failed(thread, error))
    }

    pub(super) fn metadata(&self, thread: &str) -> Result<Metadata, CheckpointError> {
        read_metadata(&self.metadata).map_err(|error| self.failed(thread, error))
    }

    /// The checkpoint as it is handed out.
    pub(super) fn tuple(
        self,
        connection: &Connection,
        thread: &str,
        projection: &Projection,
        reading: Reading,
    ) -> Result<CheckpointTuple, CheckpointError> {
        let mut checkpoint = self.as_kept(thread)?;
        let form = inline_form(&self.tag, &self.checkpoint);
        if form < FORM
            && let Some(parent) = &self.parent_id
        {
            let sends = sends_of(connection, thread, &self.namespace, parent)
                .map_err(sql("reading what was sent"))?;
            let sends = sent(&sends).map_err(|error| self.failed(thread, error))?;
            sends
                .into_iter()
                .for_each(|sends| give_sent(&mut checkpoint, sends));
        }
        let mut metadata = self.metadata(thread)?;
        note_form(&mut metadata, form);
        checkpoint
            .channel_values
            .retain(|channel, _| projection.channels.has(channel));
        if reading == Reading::AsJson {
            for value in checkpoint.channel_values.values_mut() {
                *value = read_value(value.tag(), value.bytes().clone(), reading);
            }
        }
        let pending_writes = match projection.writes {
            true => writes_of(connection, thread, &self.namespace, &self.id, reading)
                .map_err(sql("reading pending writes"))?,
            false => Vec::new(),
        };
        Ok(CheckpointTuple {
            thread: thread.to_owned(),
            metadata,
            namespace: self.namespace,
            checkpoint,
            parent_id: self.parent_id,
            pending_writes,
        })
    }
}

fn writes_of(
    connection: &Connection,
    thread: &str,
    namespace: &str,
    id: &str,
    reading: Reading,
) -> rusqlite::Result<Vec<PendingWrite>> {
    let mut statement = connection.prepare_cached(
        "SELECT task_id, task_path, idx, channel, type, value FROM writes
         WHERE thread_id = ?1 AND checkpoint_ns = ?2 AND checkpoint_id = ?3
         ORDER BY task_path, task_id, idx",
    )?;
    let writes = statement.query_map(params![thread, namespace, id], |row| {
        let tag = row.get::<_, Option<String>>(4)?.unwrap_or_default();
        Ok(PendingWrite {
            task_id: row.get(0)?,
            task_path: row.get(1)?,
            index: row.get(2)?,
            channel: row.get(3)?,
            value: read_value(&tag, bytes_of(row.get_ref(5)?).into(), reading),
        })
    })?;
    writes.collect()
}

/// What tasks have sent on a checkpoint.
fn sends_of(
    connection: &Connection,
    thread: &str,
    namespace: &str,
    id: &str,
) -> rusqlite::Result<Vec<Encoded>> {
    let mut statement = connection.prepare_cached(
        "SELECT type, value FROM writes
         WHERE thread_id = ?1 AND checkpoint_ns = ?2 AND checkpoint_id = ?3 AND channel = ?4
         ORDER BY task_path, task_id, idx",
    )?;
    let sends = statement.query_map(params![thread, namespace, id, TASKS], |row| {
        let tag = row.get::<_, Option<String>>(0)?.unwrap_or_default();
        let bytes = bytes_of(row.get_ref(1)?);
        Ok(read_value(&tag, bytes.into(), Reading::AsKept))
    })?;
    sends.collect()
}

fn bytes_of(value: ValueRef<'_>) -> Vec<u8> {
    match value {
        ValueRef::Blob(bytes) | ValueRef::Text(bytes) => bytes.to_vec(),
        _ => Vec::new(),
    }
}

/// Thread, namespace and id of the checkpoints that a query selects by those, newest first.
pub(super) fn keys_of(
    connection: &Connection,
    query: &ListQuery,
) -> rusqlite::Result<Vec<(String, String, String)>> {
    let mut statement = connection.prepare_cached(
        "SELECT thread_id, checkpoint_ns, checkpoint_id FROM checkpoints
         WHERE (?1 IS NULL OR thread_id = ?1) AND (?2 IS NULL OR checkpoint_ns = ?2)
           AND (?3 IS NULL OR checkpoint_id < ?3)
         ORDER BY checkpoint_id DESC, thread_id, checkpoint_ns",
    )?;
    let mut of_one = connection.prepare_cached(
        "SELECT thread_id, checkpoint_ns, checkpoint_id FROM checkpoints
         WHERE thread_id = ?1 AND (?2 IS NULL OR checkpoint_ns = ?2)
           AND (?3 IS NULL OR checkpoint_id < ?3)
         ORDER BY checkpoint_id DESC, checkpoint_ns",
    )?;
    let key = |row: &Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?));
    let wanted = params![query.thread, query.namespace, query.before];
    match query.thread {
        Some(_) => of_one.query_map(wanted, key)?.collect(),
        None => statement.query_map(wanted, key)?.collect(),
    }
}

/// Thread, namespace and id of the latest checkpoints of all threads that have some in `namespace`.
pub(super) fn latest_keys(
    connection: &Connection,
    namespace: &str,
) -> rusqlite::Result<Vec<(String, String, String)>> {
    let mut statement = connection.prepare_cached(
        "SELECT thread_id, checkpoint_ns, MAX(checkpoint_id) FROM checkpoints
         WHERE checkpoint_ns = ?1 GROUP BY thread_id",
    )?;
    let key = |row: &Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?));
    statement.query_map([namespace], key)?.collect()
}

//! Putting checkpoints and writes. What runs here runs in the writer's transaction.

use std::collections::BTreeMap;
use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, params};

use crate::checkpoint::{
    CheckpointError, PutCheckpoint, PutWrites, make_whole, special_write_index,
};
use crate::index::precedes;
use crate::langgraph::{
    ColumnError, Reading, form_of, inline_checkpoint, metadata_json, read_inline_checkpoint,
    read_value, unknown_channels, value_column,
};
use crate::sqlite::parent::{Parent, Said};
use crate::sqlite::reading::{Kept, sql};

/// What is known of a thread beside its checkpoints.
#[derive(Default)]
pub(super) struct Past {
    /// What was made no later was deleted.
    pub(super) cutoff: Option<String>,
    /// The greatest id that was pruned.
    pruned: Option<String>,
}

impl Past {
    pub(super) fn of(connection: &Connection, thread: &str) -> rusqlite::Result<Self> {
        let mut statement = connection
            .prepare_cached("SELECT cutoff, pruned FROM stepwell_threads WHERE thread_id = ?1")?;
        let past = statement.query_row([thread], |row| {
            Ok(Self {
                cutoff: row.get(0)?,
                pruned: row.get(1)?,
            })
        });
        Ok(past.optional()?.unwrap_or_default())
    }
}

pub(super) fn put(connection: &Connection, mut put: PutCheckpoint) -> Result<(), CheckpointError> {
    let failed = sql("saving a checkpoint");
    let past = Past::of(connection, &put.thread).map_err(&failed)?;
    let parent = match &put.parent_id {
        Some(id) => {
            Kept::find(connection, &put.thread, &put.namespace, Some(id)).map_err(&failed)?
        }
        None => None,
    };
    if let Some(cutoff) = &past.cutoff
        && let Some(checkpoint) = lost_base(connection, &put, parent.is_none(), cutoff)?
    {
        return Err(CheckpointError::ThreadDeleted {
            thread: put.thread,
            checkpoint,
        });
    }
    let is_pruned = parent.is_none() && put.parent_id.is_some() && put.parent_id <= past.pruned;
    let gone = |put: &PutCheckpoint| CheckpointError::Pruned {
        thread: put.thread.clone(),
        checkpoint: put.parent_id.clone().unwrap_or_default(),
    };
    if is_pruned && !put.appended.is_empty() {
        return Err(gone(&put));
    }
    let parent = parent
        .map(|kept| Parent::of(&kept, &put.thread))
        .transpose()?;
    make_whole(&mut put, |channel| {
        let value = parent
            .as_ref()
            .and_then(|of| of.checkpoint.channel_values.get(channel));
        Ok(value.map(|value| read_value(value.tag(), value.bytes().clone(), Reading::AsJson)))
    })?;
    let (mut unknown, unresolved) = resolve(&mut put, parent.as_ref());
    if is_pruned && !unresolved.is_empty() {
        return Err(gone(&put));
    }
    if !unresolved.is_empty() {
        unknown.extend(look_for(connection, &mut put, unresolved)?);
    }
    insert(connection, &put, &unknown)
}

/// Gives the checkpoint all values that its parent has and that did not change. Tells the channels of which nobody knows
/// the value, and those that are to be looked for.
fn resolve(put: &mut PutCheckpoint, parent: Option<&Parent>) -> (Vec<String>, Vec<String>) {
    let mut given = std::mem::take(&mut put.checkpoint.channel_values);
    let mut values = BTreeMap::new();
    let (mut unknown, mut unresolved) = (Vec::new(), Vec::new());
    for (channel, version) in &put.checkpoint.channel_versions {
        let is_new = put.new_versions.get(channel) == Some(version);
        let said = parent.map_or(Said::Nothing, |parent| parent.says(channel, version));
        let value = match said {
            Said::Value(value) if !is_new => value,
            _ => given.remove(channel).or_else(|| {
                match said {
                    _ if is_new => {}
                    Said::Unknown => unknown.push(channel.clone()),
                    _ => unresolved.push(channel.clone()),
                }
                None
            }),
        };
        if let Some(value) = value {
            values.insert(channel.clone(), value);
        }
    }
    put.checkpoint.channel_values = values;
    (unknown, unresolved)
}

/// Takes what is not resolved from the checkpoint that was put last among those of the namespace that know it. Tells what
/// none of them knows.
fn look_for(
    connection: &Connection,
    put: &mut PutCheckpoint,
    mut unresolved: Vec<String>,
) -> Result<Vec<String>, CheckpointError> {
    let failed = sql("looking for values");
    let mut statement = connection
        .prepare_cached(
            "SELECT type, checkpoint FROM checkpoints WHERE thread_id = ?1 AND checkpoint_ns = ?2
             ORDER BY rowid DESC",
        )
        .map_err(&failed)?;
    let mut rows = statement
        .query(params![put.thread, put.namespace])
        .map_err(&failed)?;
    while let Some(row) = rows.next().map_err(&failed)? {
        let tag: String = row.get(0).map_err(&failed)?;
        let bytes: Vec<u8> = row.get(1).map_err(&failed)?;
        let bytes = bytes.into();
        let Ok(checkpoint) = read_inline_checkpoint(&tag, &bytes, Reading::AsKept) else {
            continue;
        };
        let older = Parent {
            checkpoint,
            unknown: unknown_channels(&tag, &bytes),
        };
        unresolved.retain(|channel| {
            let version = put.checkpoint.channel_versions.get(channel);
            let Some(Said::Value(value)) = version.map(|version| older.says(channel, version))
            else {
                return true;
            };
            if let Some(value) = value {
                put.checkpoint.channel_values.insert(channel.clone(), value);
            }
            false
        });
        if unresolved.is_empty() {
            break;
        }
    }
    Ok(unresolved)
}

fn insert(
    connection: &Connection,
    put: &PutCheckpoint,
    unknown: &[String],
) -> Result<(), CheckpointError> {
    let failed = sql("saving a checkpoint");
    let form = form_of(&put.metadata);
    let checkpoint = inline_checkpoint(&put.checkpoint, form, unknown)
        .map_err(|e| unwritable(&put.thread, e))?;
    let metadata = metadata_json(&put.metadata).to_string().into_bytes();
    let mut statement = connection
        .prepare_cached(
            "INSERT OR REPLACE INTO checkpoints (thread_id, checkpoint_ns, checkpoint_id, parent_checkpoint_id,
             type, checkpoint, metadata) VALUES (?1, ?2, ?3, ?4, 'msgpack', ?5, ?6)",
        )
        .map_err(&failed)?;
    let row = params![
        put.thread,
        put.namespace,
        put.checkpoint.id,
        put.parent_id,
        checkpoint,
        metadata
    ];
    statement.execute(row).map(drop).map_err(&failed)
}

fn unwritable(thread: &str, error: ColumnError) -> CheckpointError {
    CheckpointError::Backend {
        what: format!("encoding what is saved of thread `{thread}`"),
        source: Arc::new(error),
    }
}

/// The checkpoint that this one builds on, if that went with the thread's deletion.
fn lost_base(
    connection: &Connection,
    put: &PutCheckpoint,
    no_parent: bool,
    cutoff: &str,
) -> Result<Option<String>, CheckpointError> {
    if let Some(id) = &put.parent_id
        && no_parent
        && precedes(id, cutoff).unwrap_or(true)
    {
        return Ok(Some(id.clone()));
    }
    for (namespace, id) in &put.metadata.parents {
        if precedes(id, cutoff).unwrap_or(false)
            && !exists(connection, &put.thread, namespace, id)
                .map_err(sql("saving a checkpoint"))?
        {
            return Ok(Some(id.clone()));
        }
    }
    Ok(None)
}

pub(super) fn exists(
    connection: &Connection,
    thread: &str,
    namespace: &str,
    id: &str,
) -> rusqlite::Result<bool> {
    let mut statement = connection.prepare_cached(
        "SELECT 1 FROM checkpoints WHERE thread_id = ?1 AND checkpoint_ns = ?2 AND checkpoint_id = ?3",
    )?;
    statement.exists(params![thread, namespace, id])
}

pub(super) fn put_writes(connection: &Connection, put: &PutWrites) -> Result<(), CheckpointError> {
    let failed = sql("saving writes");
    let past = Past::of(connection, &put.thread).map_err(&failed)?;
    let is_late = (past.cutoff.as_deref())
        .is_some_and(|cutoff| precedes(&put.checkpoint_id, cutoff).unwrap_or(false));
    if is_late
        && !exists(connection, &put.thread, &put.namespace, &put.checkpoint_id).map_err(&failed)?
    {
        return Err(CheckpointError::ThreadDeleted {
            thread: put.thread.clone(),
            checkpoint: put.checkpoint_id.clone(),
        });
    }
    for (place, (channel, value)) in put.writes.iter().enumerate() {
        let special = special_write_index(channel);
        let index = special.unwrap_or_else(|| i32::try_from(place).unwrap_or(i32::MAX));
        let how = if special.is_some() {
            "REPLACE"
        } else {
            "IGNORE"
        };
        let query = format!(
            "INSERT OR {how} INTO writes (thread_id, checkpoint_ns, checkpoint_id, task_id, task_path, idx, channel,
             type, value) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)"
        );
        let (tag, bytes) = value_column(channel, value).map_err(|e| unwritable(&put.thread, e))?;
        let mut statement = connection.prepare_cached(&query).map_err(&failed)?;
        let row = params![
            put.thread,
            put.namespace,
            put.checkpoint_id,
            put.task_id,
            put.task_path,
            index,
            channel,
            tag,
            &bytes[..]
        ];
        statement.execute(row).map_err(&failed)?;
    }
    Ok(())
}

//! Putting checkpoints and writes.

use std::sync::Arc;
use std::time::Duration;

use pyo3::prelude::*;
use pyo3::pybacked::{PyBackedBytes, PyBackedStr};
use pyo3::types::PyDict;
use stepwell::checkpoint::{Checkpoint, CheckpointError, Checkpointer, PutCheckpoint, PutWrites};
use stepwell::db::Durability;

use crate::database::Database;
use crate::failure::{Outcome, guarded};
use crate::pending::{Pending, PutTo};
use crate::values::{encoded, metadata, versions, versions_seen};

/// What tasks have written is synced after this time if no checkpoint has followed. One that follows is there sooner, unless the
/// nodes take their time, and then there is time.
const SYNCED_AFTER: Duration = Duration::from_millis(5);

/// A channel's or write's value: channel, type tag, bytes.
pub(crate) type Named = (String, PyBackedStr, PyBackedBytes);

#[pymethods]
impl Database {
    /// Submits a checkpoint. `appended`: by channel, elements that its list has grown by since the namespace's turn was `appended_since`; if it is
    /// another one, somebody may have put the parent again, and what was appended is refused.
    #[expect(
        clippy::too_many_arguments,
        reason = "one call into the engine for each of Python's"
    )]
    fn put(
        &self,
        py: Python<'_>,
        thread: String,
        namespace: String,
        parent_id: Option<String>,
        id: String,
        ts: String,
        metadata_json: PyBackedBytes,
        channel_versions: &Bound<'_, PyDict>,
        seen: &Bound<'_, PyDict>,
        updated: Option<Vec<String>>,
        new_versions: &Bound<'_, PyDict>,
        values: Vec<Named>,
        appended: Vec<(String, Vec<(PyBackedStr, PyBackedBytes)>)>,
        appended_since: u64,
        durability: Option<&str>,
    ) -> PyResult<Pending> {
        guarded(py, || {
            let values = values
                .into_iter()
                .map(|(channel, tag, bytes)| (channel, encoded(&tag, bytes)));
            let appended = appended.into_iter().map(|(channel, elements)| {
                let elements = elements
                    .into_iter()
                    .map(|(tag, bytes)| encoded(&tag, bytes));
                (channel, elements.collect())
            });
            let put = PutCheckpoint {
                checkpoint: Checkpoint {
                    id,
                    ts,
                    channel_values: values.collect(),
                    channel_versions: versions(channel_versions)?,
                    versions_seen: versions_seen(seen)?,
                    updated_channels: updated,
                },
                thread,
                namespace,
                parent_id,
                appended: appended.collect(),
                metadata: metadata(&metadata_json)?,
                new_versions: versions(new_versions)?,
            };
            py.detach(|| {
                let warm = Arc::clone(&self.engine()?.warm);
                let (thread, namespace) = (put.thread.clone(), put.namespace.clone());
                self.with_saver(durability, |saver| {
                    // Between the look at the turn and this put no other one may come.
                    let in_turn = warm.in_turn(&thread, &namespace);
                    if in_turn.number() != appended_since {
                        refuse_appended(&put)?;
                    }
                    let turn = in_turn.put();
                    let commit = saver.put(put);
                    drop(in_turn);
                    let put_to = PutTo {
                        warm,
                        thread,
                        namespace,
                        turn,
                    };
                    Ok(Pending::put(commit, put_to))
                })
            })
        })
    }

    /// Submits what a task has written. Unless it is to be `synced`, it is acknowledged when it is written, and synced
    /// with what follows it or a moment later.
    #[expect(
        clippy::too_many_arguments,
        reason = "one call into the engine for each of Python's"
    )]
    fn put_writes(
        &self,
        py: Python<'_>,
        thread: String,
        namespace: String,
        checkpoint_id: String,
        task_id: String,
        task_path: String,
        writes: Vec<Named>,
        durability: Option<&str>,
        synced: bool,
    ) -> PyResult<Pending> {
        guarded(py, || {
            let writes = writes
                .into_iter()
                .map(|(channel, tag, bytes)| (channel, encoded(&tag, bytes)));
            let put = PutWrites {
                thread,
                namespace,
                checkpoint_id,
                task_id,
                task_path,
                writes: writes.collect(),
            };
            py.detach(|| {
                let durability = self.durability_of(durability)?;
                let durability = match durability {
                    Durability::Sync if !synced => Durability::Interval(SYNCED_AFTER),
                    durability => durability,
                };
                self.with(|db| {
                    let saver = db.checkpointer().with_durability(durability);
                    Ok(Pending::new(saver.put_writes(put)))
                })
            })
        })
    }

    /// Submits the deletion of a thread.
    fn delete_thread(&self, py: Python<'_>, thread: String) -> PyResult<Pending> {
        guarded(py, || {
            py.detach(|| {
                self.engine()?.warm.forget(&thread);
                self.with_saver(None, |saver| Ok(Pending::new(saver.delete_thread(&thread))))
            })
        })
    }

    /// Submits the copy of a thread.
    fn copy_thread(&self, py: Python<'_>, source: String, target: String) -> PyResult<Pending> {
        guarded(py, || {
            py.detach(|| {
                self.engine()?.warm.forget(&target);
                self.with_saver(None, |saver| {
                    Ok(Pending::new(saver.copy_thread(&source, &target)))
                })
            })
        })
    }
}

/// Lists that were appended to must be those that their parent has now.
fn refuse_appended(put: &PutCheckpoint) -> Outcome<()> {
    let Some(channel) = put.appended.keys().next() else {
        return Ok(());
    };
    let refused = CheckpointError::NothingToAppendTo {
        thread: put.thread.clone(),
        checkpoint: put.checkpoint.id.clone(),
        channel: channel.clone(),
    };
    Err(refused.into())
}

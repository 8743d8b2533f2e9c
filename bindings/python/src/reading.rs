//! Checkpoints as Python gets them: tuples of texts and bytes.

use std::collections::BTreeMap;

use futures::executor::block_on;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList, PyString, PyTuple};
use stepwell::Encoded;
use stepwell::checkpoint::{
    Channels, CheckpointTuple, Checkpointer, ListQuery, PendingWrite, Projection,
};

use crate::database::Database;
use crate::failure::{Failure, Outcome, blocking, guarded};
use crate::listing::Listing;
use crate::values::{from_versions, to_bytes};

#[pymethods]
impl Database {
    /// A checkpoint, the latest one without an id. With `only_warm`, `False` if that may take long. If it is the `known` one,
    /// without the values of the channels that are known of it.
    fn get<'py>(
        &self,
        py: Python<'py>,
        thread: &str,
        namespace: &str,
        id: Option<&str>,
        only_warm: bool,
        known: Option<(String, Vec<String>)>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let found = blocking(py, || {
            let engine = self.engine()?;
            if only_warm && !engine.warm.has(thread, namespace) {
                return Ok(None);
            }
            let turn = engine.warm.read(thread, namespace);
            let saver = engine.db()?.checkpointer();
            if let Some((known, channels)) = known
                && let Some(found) = unknown_of(&saver, thread, namespace, id, &known, &channels)?
            {
                return Ok(Some(Some((found, turn))));
            }
            let found = block_on(saver.get(thread, namespace, id))?;
            Ok(Some(found.map(|found| (found, turn))))
        })?;
        guarded(py, || match found {
            None => Ok(false
                .into_pyobject(py)
                .map_err(PyErr::from)?
                .to_owned()
                .into_any()),
            Some(None) => Ok(py.None().into_bound(py)),
            Some(Some((found, turn))) => Ok(to_python(py, &found, turn)?),
        })
    }

    /// The checkpoints that are selected, newest first, as they are now.
    fn list(
        &self,
        py: Python<'_>,
        thread: Option<String>,
        namespace: Option<String>,
        before: Option<String>,
        filter_json: &[u8],
        limit: Option<usize>,
    ) -> PyResult<Listing> {
        blocking(py, || {
            let query = ListQuery {
                thread,
                namespace,
                before,
                filter: serde_json::from_slice(filter_json)?,
                limit,
                projection: Projection::default(),
            };
            self.with(|db| Ok(Listing::new(db.checkpointer().list(query))))
        })
    }

    /// For each of `channels`, what the ancestors of a checkpoint say of it: a list of `(task, channel, tag, bytes)`, oldest
    /// first, and `(tag, bytes)` of the value of the nearest one that has it, or `None`.
    fn delta_history<'py>(
        &self,
        py: Python<'py>,
        thread: &str,
        namespace: &str,
        id: Option<&str>,
        channels: Vec<String>,
    ) -> PyResult<Bound<'py, PyDict>> {
        let histories = blocking(py, || {
            self.with(|db| histories(&db.checkpointer(), thread, namespace, id, channels))
        })?;
        guarded(py, || {
            let dict = PyDict::new(py);
            for (channel, history) in histories {
                let writes = history
                    .writes
                    .iter()
                    .rev()
                    .map(|write| task_write(py, write));
                let writes = writes.collect::<PyResult<Vec<_>>>()?;
                let seed = history.seed.map(|seed| value(py, &seed)).transpose()?;
                dict.set_item(channel, (writes, seed))?;
            }
            Ok(dict)
        })
    }
}

/// The checkpoint `known`, if it is the one that is asked for, without the values of `channels`.
fn unknown_of(
    saver: &dyn Checkpointer,
    thread: &str,
    namespace: &str,
    id: Option<&str>,
    known: &str,
    channels: &[String],
) -> Outcome<Option<CheckpointTuple>> {
    let look = Projection::metadata_only();
    let found = block_on(saver.get_projected(thread, namespace, id, &look))?;
    let Some(found) = found.filter(|found| found.checkpoint.id == known) else {
        return Ok(None);
    };
    let all = found.checkpoint.channel_versions.into_keys();
    let projection = Projection::named(all.filter(|channel| !channels.contains(channel)));
    Ok(block_on(saver.get_projected(
        thread,
        namespace,
        Some(known),
        &projection,
    ))?)
}

#[derive(Default)]
struct History {
    /// Newest first.
    writes: Vec<PendingWrite>,
    seed: Option<Encoded>,
}

fn histories(
    saver: &dyn Checkpointer,
    thread: &str,
    namespace: &str,
    id: Option<&str>,
    channels: Vec<String>,
) -> Outcome<BTreeMap<String, History>> {
    let target =
        block_on(saver.get_projected(thread, namespace, id, &Projection::metadata_only()))?;
    let mut next = target.and_then(|target| target.parent_id);
    let mut histories: BTreeMap<_, _> = channels
        .iter()
        .map(|channel| (channel.clone(), History::default()))
        .collect();
    let mut open = channels;
    while let Some(id) = next
        && !open.is_empty()
    {
        let projection = Projection {
            channels: Channels::Named(open.clone()),
            writes: true,
        };
        let ancestor = block_on(saver.get_projected(thread, namespace, Some(&id), &projection))?;
        let Some(mut ancestor) = ancestor else { break };
        for write in ancestor.pending_writes.into_iter().rev() {
            if open.contains(&write.channel)
                && let Some(history) = histories.get_mut(&write.channel)
            {
                history.writes.push(write);
            }
        }
        open.retain(|channel| {
            let seed = ancestor.checkpoint.channel_values.remove(channel);
            let is_open = seed.is_none();
            if let Some(history) = histories.get_mut(channel) {
                history.seed = seed;
            }
            is_open
        });
        next = ancestor.parent_id;
    }
    Ok(histories)
}

fn value<'py>(
    py: Python<'py>,
    value: &Encoded,
) -> PyResult<(Bound<'py, PyString>, Bound<'py, PyBytes>)> {
    Ok((PyString::intern(py, value.tag()), to_bytes(py, value)))
}

fn task_write<'py>(py: Python<'py>, write: &PendingWrite) -> PyResult<Bound<'py, PyTuple>> {
    let (tag, bytes) = value(py, &write.value)?;
    (&write.task_id, &write.channel, tag, bytes).into_pyobject(py)
}

/// `(thread, namespace, id, parent id, ts, metadata, channel versions, versions seen, updated channels, values, writes, turn)`.
pub(crate) fn to_python<'py>(
    py: Python<'py>,
    found: &CheckpointTuple,
    turn: u64,
) -> Outcome<Bound<'py, PyAny>> {
    let checkpoint = &found.checkpoint;
    let seen = PyDict::new(py);
    for (node, versions) in &checkpoint.versions_seen {
        seen.set_item(node, from_versions(py, versions)?)?;
    }
    let values = PyList::empty(py);
    for (channel, of) in &checkpoint.channel_values {
        let (tag, bytes) = value(py, of)?;
        values.append((channel, tag, bytes))?;
    }
    let writes = found.pending_writes.iter();
    let writes = writes
        .map(|write| task_write(py, write))
        .collect::<PyResult<Vec<_>>>()?;
    let metadata = serde_json::to_vec(&found.metadata)
        .map_err(|e| Failure::new("DatabaseCorruptError", e.to_string()))?;
    let parts = (
        &found.thread,
        &found.namespace,
        &checkpoint.id,
        &found.parent_id,
        &checkpoint.ts,
        PyBytes::new(py, &metadata),
        from_versions(py, &checkpoint.channel_versions)?,
        seen,
        &checkpoint.updated_channels,
        values,
        writes,
        turn,
    );
    Ok(parts.into_pyobject(py)?.into_any())
}

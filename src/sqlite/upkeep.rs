//! Pruning and retention. What goes of a thread is worked out on a copy of it in memory, without its values, by the same
//! rules as everywhere; every row has all values of its checkpoint, so those that go can be removed and that is all.

use std::collections::{BTreeMap, BTreeSet};

use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt};
use rusqlite::{Connection, params};

use crate::checkpoint::{
    Checkpoint, CheckpointError, Checkpointer, ListQuery, MemorySaver, Metadata, Projection, Prune,
    PruneRule, PrunedThread, PutCheckpoint, RetentionPolicy,
};
use crate::sqlite::keeping;
use crate::sqlite::reading::{Kept, sql};

/// What says which checkpoints go.
#[derive(Clone, Debug)]
pub(super) enum Rule {
    Prune(PruneRule),
    Retain(RetentionPolicy),
}

/// What goes of a thread.
pub(super) struct Going {
    pub(super) report: PrunedThread,
    /// Unless all of it goes.
    pub(super) checkpoints: Vec<(String, String)>,
    /// What says that it has not changed.
    pub(super) newest: Option<i64>,
}

/// What goes of a thread, if something does.
pub(super) fn going(
    connection: &Connection,
    thread: &str,
    rule: &Rule,
) -> Result<Option<Going>, CheckpointError> {
    let (copy, sizes) = copy_of(connection, thread)?;
    let report = match rule {
        Rule::Prune(rule) => {
            let (thread, rule) = (Some(thread.to_owned()), rule.clone());
            at_once(copy.prune(Prune { thread, rule }))?
        }
        Rule::Retain(policy) => at_once(copy.apply_retention(*policy))?,
    };
    let Some(mut report) = report.by_thread.into_iter().next() else {
        return Ok(None);
    };
    let query = ListQuery {
        projection: Projection::metadata_only(),
        ..ListQuery::default()
    };
    let left = copy.list(query).collect::<Vec<_>>().now_or_never();
    let left: Result<BTreeSet<_>, _> = left
        .unwrap_or_default()
        .into_iter()
        .map(|found| found.map(|found| (found.namespace, found.checkpoint.id)))
        .collect();
    let left = left?;
    let gone = sizes.iter().filter(|(key, _)| !left.contains(*key));
    report.bytes = gone.clone().map(|(_, size)| size).sum();
    report.disk_bytes = report.bytes;
    let newest = newest(connection, thread).map_err(sql("pruning a thread"))?;
    Ok(Some(Going {
        report,
        checkpoints: gone.map(|(key, _)| key.clone()).collect(),
        newest,
    }))
}

/// What is in memory is never waited for.
fn at_once<T: Default>(
    pruned: BoxFuture<'_, Result<T, CheckpointError>>,
) -> Result<T, CheckpointError> {
    pruned.now_or_never().unwrap_or_else(|| Ok(T::default()))
}

/// Grows whenever a checkpoint of the thread is put.
pub(super) fn newest(connection: &Connection, thread: &str) -> rusqlite::Result<Option<i64>> {
    let query = "SELECT MAX(rowid) FROM checkpoints WHERE thread_id = ?1";
    connection
        .prepare_cached(query)?
        .query_row([thread], |row| row.get(0))
}

type Sizes = BTreeMap<(String, String), u64>;

/// A copy of a thread without its values, and the sizes of its checkpoints.
fn copy_of(connection: &Connection, thread: &str) -> Result<(MemorySaver, Sizes), CheckpointError> {
    let failed = sql("reading a thread");
    let copy = MemorySaver::new();
    let mut sizes = Sizes::new();
    let mut statement = connection
        .prepare_cached(
            "SELECT checkpoint_ns, checkpoint_id, parent_checkpoint_id, CAST(metadata AS BLOB), LENGTH(checkpoint)
             FROM checkpoints WHERE thread_id = ?1 ORDER BY checkpoint_id",
        )
        .map_err(&failed)?;
    let mut rows = statement.query(params![thread]).map_err(&failed)?;
    while let Some(row) = rows.next().map_err(&failed)? {
        let read = || -> rusqlite::Result<_> {
            let size: Option<i64> = row.get(4)?;
            let size = u64::try_from(size.unwrap_or_default()).unwrap_or_default();
            let metadata: Option<Vec<u8>> = row.get(3)?;
            Ok((
                row.get(0)?,
                row.get(1)?,
                row.get(2)?,
                metadata.unwrap_or_default(),
                size,
            ))
        };
        let (namespace, id, parent_id, metadata, size): (String, String, _, _, _) =
            read().map_err(&failed)?;
        let metadata = crate::langgraph::read_metadata(&metadata).unwrap_or_default();
        let mut checkpoint = Checkpoint {
            id: id.clone(),
            ..Checkpoint::default()
        };
        if is_made_of_others(&metadata)
            && let Some(kept) =
                Kept::find(connection, thread, &namespace, Some(&id)).map_err(&failed)?
        {
            // Whether there is a value says on which others a checkpoint depends.
            checkpoint = kept.as_kept(thread)?;
            let nothing = crate::Encoded::new("null", "");
            checkpoint
                .channel_values
                .values_mut()
                .for_each(|value| *value = nothing.clone());
        }
        sizes.insert((namespace.clone(), id), size);
        copy.put(PutCheckpoint {
            thread: thread.to_owned(),
            namespace,
            parent_id,
            new_versions: checkpoint.channel_versions.clone(),
            checkpoint,
            appended: BTreeMap::new(),
            metadata,
        })
        .wait()?;
    }
    for tag in keeping::tags(connection, thread).map_err(&failed)? {
        copy.tag(tag).wait()?;
    }
    Ok((copy, sizes))
}

/// Whether a checkpoint may keep what tasks wrote in the place of values, as LangGraph's `DeltaChannel` does.
fn is_made_of_others(metadata: &Metadata) -> bool {
    metadata.extra.contains_key("counters_since_delta_snapshot")
}

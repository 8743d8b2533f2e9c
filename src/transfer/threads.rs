//! Moving threads, checkpoint by checkpoint, the oldest first.

use std::collections::{BTreeSet, VecDeque};

use futures::StreamExt;

use crate::Commit;
use crate::checkpoint::{
    CheckpointError, CheckpointTuple, Checkpointer, ListQuery, PendingWrite, Projection,
    PutCheckpoint, PutWrites, ThreadOrder, ThreadQuery, special_write_index,
};
use crate::transfer::{Transfer, TransferError, TransferReport};

/// So many writes may wait for their acknowledgement.
const BACKLOG: usize = 64;

/// Id and namespace of a checkpoint.
pub(super) type Key = (String, String);

impl Transfer {
    /// The threads that are to be moved, and how many checkpoints each has.
    pub(super) async fn chosen(
        &self,
        from: &dyn Checkpointer,
    ) -> Result<Vec<(String, u64)>, TransferError> {
        let query = ThreadQuery {
            order: ThreadOrder::Name,
            ..ThreadQuery::default()
        };
        let all = from
            .list_threads(query)
            .await
            .map_err(TransferError::Listing)?;
        let mut all: Vec<_> = all
            .into_iter()
            .map(|info| (info.thread, info.checkpoints))
            .collect();
        if !self.threads.is_empty() {
            let is_there = |name: &&String| all.iter().any(|(thread, _)| thread == *name);
            if let Some(missing) = self.threads.iter().find(|name| !is_there(name)) {
                return Err(TransferError::NoSuchThread(missing.clone()));
            }
            all.retain(|(thread, _)| self.threads.contains(thread));
        }
        Ok(all)
    }

    pub(super) async fn move_thread(
        &self,
        thread: &str,
        from: &dyn Checkpointer,
        to: &dyn Checkpointer,
        report: &mut TransferReport,
        tell: &mut (dyn FnMut(u64) + Send),
    ) -> Result<(), TransferError> {
        let failed = TransferError::of(thread);
        let keys = keys_of(from, thread).await.map_err(&failed)?;
        let there = keys_of(to, thread).await.map_err(&failed)?;
        report.threads += 1;
        if !there.is_subset(&keys) {
            report.conflicts.push(thread.to_owned());
            return Ok(());
        }
        let mut backlog = Backlog::default();
        let mut last: Option<CheckpointTuple> = None;
        for (id, namespace) in &keys {
            let is_there = there.contains(&(id.clone(), namespace.clone()));
            let found = from
                .get(thread, namespace, Some(id))
                .await
                .map_err(&failed)?;
            tell(1);
            let Some(found) = found else { continue };
            let writes = writes_of(&found);
            report.writes += u64::try_from(found.pending_writes.len()).unwrap_or(u64::MAX);
            match is_there {
                true => report.present += 1,
                false => report.checkpoints += 1,
            }
            if self.dry_run {
                continue;
            }
            if !is_there {
                let put = put_of(&found, last.as_ref());
                backlog.add(to.put(put)).await.map_err(&failed)?;
            }
            for writes in writes {
                backlog.add(to.put_writes(writes)).await.map_err(&failed)?;
            }
            last = Some(found);
        }
        backlog.wait(0).await.map_err(&failed)?;
        if !self.dry_run {
            copy_tags(thread, from, to).await.map_err(&failed)?;
        }
        Ok(())
    }
}

/// The keys of a thread's checkpoints, so that none comes before its parent.
pub(super) async fn keys_of(
    of: &dyn Checkpointer,
    thread: &str,
) -> Result<BTreeSet<Key>, CheckpointError> {
    let mut found = of.list(ListQuery {
        thread: Some(thread.to_owned()),
        projection: Projection::metadata_only(),
        ..ListQuery::default()
    });
    let mut keys = BTreeSet::new();
    while let Some(found) = found.next().await {
        let found = found?;
        keys.insert((found.checkpoint.id, found.namespace));
    }
    Ok(keys)
}

/// The checkpoint, with what it has of `last` taken as not changed.
fn put_of(found: &CheckpointTuple, last: Option<&CheckpointTuple>) -> PutCheckpoint {
    let parent = last.filter(|last| {
        last.namespace == found.namespace && Some(&last.checkpoint.id) == found.parent_id.as_ref()
    });
    let mut checkpoint = found.checkpoint.clone();
    let mut new_versions = checkpoint.channel_versions.clone();
    if let Some(parent) = parent.map(|parent| &parent.checkpoint) {
        // The same version should mean the same value, but forks of a thread with plain numbers have shared them.
        new_versions.retain(|channel, version| {
            parent.channel_versions.get(channel) != Some(version)
                || parent.channel_values.get(channel) != checkpoint.channel_values.get(channel)
        });
        checkpoint
            .channel_values
            .retain(|channel, _| new_versions.contains_key(channel));
    }
    PutCheckpoint {
        thread: found.thread.clone(),
        namespace: found.namespace.clone(),
        parent_id: found.parent_id.clone(),
        checkpoint,
        appended: [].into(),
        metadata: found.metadata.clone(),
        new_versions,
    }
}

/// The pending writes of a checkpoint, task by task, so that each gets the place that it has.
fn writes_of(found: &CheckpointTuple) -> Vec<PutWrites> {
    let same_task =
        |a: &PendingWrite, b: &PendingWrite| a.task_id == b.task_id && a.task_path == b.task_path;
    let tasks = found.pending_writes.chunk_by(same_task);
    let puts = tasks.filter_map(|writes| {
        let first = writes.first()?;
        let is_special = |write: &&PendingWrite| special_write_index(&write.channel).is_some();
        let (mut special, ordinary): (VecDeque<_>, Vec<_>) = {
            let (special, ordinary): (Vec<_>, Vec<_>) = writes.iter().partition(is_special);
            (special.into(), ordinary)
        };
        let mut ordered = Vec::with_capacity(writes.len());
        for write in ordinary {
            // A place that no ordinary write has is that of a special one, which has an index of its own.
            while i32::try_from(ordered.len()).is_ok_and(|place| place < write.index)
                && let Some(special) = special.pop_front()
            {
                ordered.push(special);
            }
            ordered.push(write);
        }
        ordered.extend(special);
        Some(PutWrites {
            thread: found.thread.clone(),
            namespace: found.namespace.clone(),
            checkpoint_id: found.checkpoint.id.clone(),
            task_id: first.task_id.clone(),
            task_path: first.task_path.clone(),
            writes: ordered
                .into_iter()
                .map(|write| (write.channel.clone(), write.value.clone()))
                .collect(),
        })
    });
    puts.collect()
}

async fn copy_tags(
    thread: &str,
    from: &dyn Checkpointer,
    to: &dyn Checkpointer,
) -> Result<(), CheckpointError> {
    let tags = match from.tags(thread).await {
        Err(CheckpointError::Unsupported { .. }) => return Ok(()),
        tags => tags?,
    };
    for tag in tags {
        match to.tag(tag).await {
            Err(CheckpointError::Unsupported { .. }) => return Ok(()),
            outcome => outcome?,
        }
    }
    Ok(())
}

/// Writes that are not acknowledged yet.
#[derive(Default)]
struct Backlog(VecDeque<Commit<CheckpointError>>);

impl Backlog {
    async fn add(&mut self, commit: Commit<CheckpointError>) -> Result<(), CheckpointError> {
        self.0.push_back(commit);
        self.wait(BACKLOG).await
    }

    /// Waits until no more than `left` are.
    async fn wait(&mut self, left: usize) -> Result<(), CheckpointError> {
        while self.0.len() > left
            && let Some(oldest) = self.0.pop_front()
        {
            oldest.await?;
        }
        Ok(())
    }
}

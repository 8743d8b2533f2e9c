//! Moving threads, checkpoint by checkpoint, the oldest first.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use serde_json::Value;

use crate::Commit;
use crate::checkpoint::{
    CheckpointError, CheckpointTuple, PendingWrite, Projection, PutCheckpoint, PutWrites,
    special_write_index,
};
use crate::transfer::compare::is_same_write;
use crate::transfer::place::{End, Key};
use crate::transfer::{PassedOver, Transfer, TransferError, TransferReport};

/// So many writes may wait for their acknowledgement.
const BACKLOG: usize = 64;

/// What a thread is moved with.
struct Moving<'m> {
    thread: &'m str,
    from: &'m dyn End,
    to: &'m dyn End,
    /// What the target has.
    there: BTreeSet<Key>,
    /// What was passed over.
    lost: BTreeSet<Key>,
    /// The checkpoint before, if it was read.
    last: Option<CheckpointTuple>,
    backlog: Backlog,
}

impl Transfer {
    /// The threads that are to be moved, and how many checkpoints each has.
    pub(super) async fn chosen(&self, from: &dyn End) -> Result<Vec<(String, u64)>, TransferError> {
        let mut all = from.threads().await.map_err(TransferError::Listing)?;
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
        (from, to): (&dyn End, &dyn End),
        report: &mut TransferReport,
        tell: &mut (dyn FnMut(u64) + Send),
    ) -> Result<(), TransferError> {
        let failed = TransferError::of(thread);
        let keys = from.keys(thread).await.map_err(&failed)?;
        let there = to.keys(thread).await.map_err(&failed)?;
        report.threads += 1;
        if !there.is_subset(&keys) {
            report.conflicts.push(thread.to_owned());
            return Ok(());
        }
        let mut moving = Moving {
            thread,
            from,
            to,
            there,
            lost: BTreeSet::new(),
            last: None,
            backlog: Backlog::default(),
        };
        for key in &keys {
            self.move_checkpoint(&mut moving, key, report).await?;
            tell(1);
        }
        moving.backlog.wait(0).await.map_err(&failed)?;
        if !self.dry_run {
            moving.copy_tags().await.map_err(&failed)?;
        }
        Ok(())
    }

    async fn move_checkpoint(
        &self,
        moving: &mut Moving<'_>,
        key: &Key,
        report: &mut TransferReport,
    ) -> Result<(), TransferError> {
        let failed = TransferError::of(moving.thread);
        let (found, writes) = match moving.read(key).await {
            Ok(read) => read,
            Err(error) if is_of_one(&error) || moving.from.is_of_one(&error) => {
                let (id, namespace) = key.clone();
                let thread = moving.thread.to_owned();
                if !self.skip_unreadable {
                    return Err(TransferError::Unreadable {
                        thread,
                        namespace,
                        id,
                        source: Box::new(error),
                    });
                }
                report.passed_over.push(PassedOver::Checkpoint {
                    thread,
                    namespace,
                    id,
                    reason: error.to_string(),
                });
                moving.lost.insert(key.clone());
                moving.last = None;
                return Ok(());
            }
            Err(error) => return Err(failed(error)),
        };
        let count = |of: &PutWrites| u64::try_from(of.writes.len()).unwrap_or(u64::MAX);
        report.writes += writes.iter().map(count).sum::<u64>();
        let is_there = moving.there.contains(key);
        match is_there {
            true => report.present += 1,
            false => report.checkpoints += 1,
        }
        if !self.dry_run {
            if !is_there {
                let put = put_of(&found, moving.last.as_ref());
                let put = moving.to.checkpoints().put(put);
                moving.backlog.add(put).await.map_err(&failed)?;
            }
            for writes in writes {
                let put = moving.to.checkpoints().put_writes(writes);
                moving.backlog.add(put).await.map_err(&failed)?;
            }
        }
        moving.last = Some(found);
        Ok(())
    }
}

impl Moving<'_> {
    /// A checkpoint, and those of its writes that the target has not.
    async fn read(&self, key: &Key) -> Result<(CheckpointTuple, Vec<PutWrites>), CheckpointError> {
        let (id, namespace) = key;
        let found = self.from.checkpoints();
        let found = found.get(self.thread, namespace, Some(id)).await?;
        let Some(found) = found else {
            return Err(CheckpointError::NoSuchCheckpoint {
                thread: self.thread.to_owned(),
                checkpoint: id.clone(),
            });
        };
        self.check_made_of(&found)?;
        let mut writes = writes_of(&found);
        if self.there.contains(key) && !writes.is_empty() {
            let projection = Projection {
                writes: true,
                ..Projection::metadata_only()
            };
            let there = self.to.checkpoints();
            let there = there.get_projected(self.thread, namespace, Some(id), &projection);
            let there = there.await?.map(|there| there.pending_writes);
            let there = there.unwrap_or_default();
            let is_missing =
                |write: &&PendingWrite| !there.iter().any(|of| is_same_write(of, write));
            let missing: BTreeSet<_> = (found.pending_writes.iter().filter(is_missing))
                .map(|write| (write.task_id.clone(), write.task_path.clone()))
                .collect();
            writes.retain(|of| missing.contains(&(of.task_id.clone(), of.task_path.clone())));
        }
        Ok((found, writes))
    }

    /// Refuses a checkpoint that keeps what tasks have written in the place of values, if those are lost.
    fn check_made_of(&self, found: &CheckpointTuple) -> Result<(), CheckpointError> {
        let Some(parent) = &found.parent_id else {
            return Ok(());
        };
        if !self
            .lost
            .contains(&(parent.clone(), found.namespace.clone()))
        {
            return Ok(());
        }
        let counters = found.metadata.extra.get("counters_since_delta_snapshot");
        let mut channels = counters.and_then(Value::as_object).into_iter().flatten();
        let values = &found.checkpoint.channel_values;
        match channels.find(|(channel, _)| !values.contains_key(*channel)) {
            Some((channel, _)) => Err(CheckpointError::Backend {
                what: format!("channel `{channel}`"),
                source: Arc::new(MadeOf(parent.clone())),
            }),
            None => Ok(()),
        }
    }

    async fn copy_tags(&self) -> Result<(), CheckpointError> {
        let tags = match self.from.tags(self.thread).await {
            Err(CheckpointError::Unsupported { .. }) => return Ok(()),
            tags => tags?,
        };
        for tag in tags {
            let key = (tag.checkpoint_id.clone(), tag.namespace.clone());
            if self.lost.contains(&key) {
                continue;
            }
            match self.to.checkpoints().tag(tag).await {
                Err(CheckpointError::Unsupported { .. }) => return Ok(()),
                outcome => outcome?,
            }
        }
        Ok(())
    }
}

/// Whether what failed is one checkpoint, whatever the place.
fn is_of_one(error: &CheckpointError) -> bool {
    match error {
        CheckpointError::NoSuchCheckpoint { .. } => true,
        CheckpointError::Backend { source, .. } => source.is::<MadeOf>(),
        _ => false,
    }
}

/// A checkpoint is made of another one, which was passed over.
#[derive(Debug, thiserror::Error)]
#[error("it is made of checkpoint `{0}`, which was passed over")]
struct MadeOf(String);

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

//! [`MemorySaver`]: checkpoints that last as long as the process.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt, stream};
use parking_lot::RwLock;

use crate::checkpoint::appended::make_whole;
use crate::checkpoint::convert::{
    Selected, checkpoint_record, handles, held_values, latest_of_each, metadata_of,
    standalone_record, tag_record, tags_of, tuple, value_of, writes_record,
};
use crate::checkpoint::dry_run::dry_run;
use crate::checkpoint::pruning::{Due, PrunedThread, due};
use crate::checkpoint::retention;
use crate::checkpoint::threads::list_threads;
use crate::checkpoint::{
    CheckpointError, CheckpointStream, CheckpointTuple, Checkpointer, ListQuery, Projection, Prune,
    PruneReport, PutCheckpoint, PutWrites, RetentionPolicy, Tag, ThreadInfo, ThreadQuery,
    cutoff_after,
};
use crate::codec::{Record, TagRemoved, ThreadCopied, ThreadDeleted, ThreadPolicySet};
use crate::db::Returned;
use crate::index::{
    Found, Index, Key, MemTables, Origin, Row, Snapshot, TablesError, Thread, Unapplied,
};
use crate::time;
use crate::vfs::{Host, OsHost};
use crate::{Commit, Encoded, Leases};

/// A [`Checkpointer`] that keeps everything in memory. Clones share what they keep.
///
/// For tests and for runs that need not survive their process; it answers exactly as the database
/// does.
#[derive(Clone, Debug, Default)]
pub struct MemorySaver {
    kept: Arc<RwLock<Kept>>,
    leases: Leases,
}

type Tables = MemTables<Key, Row<Encoded>>;

type Rows = Snapshot<Encoded, Tables>;

fn now() -> u64 {
    time::to_micros(OsHost.system_time())
}

#[derive(Debug, Default)]
struct Kept {
    index: Index<Encoded, Tables>,
    /// How many records there were.
    lsn: u64,
}

impl Kept {
    /// Gives channels that `put` appends to their whole values.
    fn make_whole(&self, put: &mut PutCheckpoint) -> Result<(), CheckpointError> {
        if put.appended.is_empty() {
            return Ok(());
        }
        let parent = match &put.parent_id {
            Some(id) => {
                let index = self.index.snapshot();
                if let Some(refused) = index.why_gone(&put.thread, &put.namespace, id)? {
                    return Err(refused.into());
                }
                index.entry(&put.thread, &put.namespace, id)?
            }
            None => None,
        };
        make_whole(put, |channel| {
            Ok(parent
                .as_ref()
                .and_then(|entry| value_of(entry, channel))
                .cloned())
        })
    }

    fn delete(&mut self, thread: &str) -> Result<(), CheckpointError> {
        let greatest = self.index.snapshot().greatest_id(thread)?;
        let cutoff = cutoff_after(&OsHost, greatest.as_deref());
        self.apply(Record::ThreadDeleted(ThreadDeleted {
            thread: thread.to_owned(),
            cutoff,
        }))?;
        // Nobody else removes what the thread has left behind.
        while self.index.reclaim(usize::MAX)? > 0 {}
        Ok(())
    }

    /// Removes the checkpoints of a thread that are due. Tells how many went.
    fn prune(
        &mut self,
        name: &str,
        due: impl Fn(&Rows, &Thread) -> Result<Due<Encoded>, TablesError>,
    ) -> Result<u64, CheckpointError> {
        let snapshot = self.index.snapshot();
        let Some(thread) = snapshot.thread(name)? else {
            return Ok(0);
        };
        let Due::Prune(plan) = due(&snapshot, &thread)? else {
            return Ok(0);
        };
        if let Some(record) = plan.record {
            self.apply(Record::CheckpointsPruned(record))?;
        }
        for survivor in plan.survivors {
            let values = held_values(&survivor.entry).cloned();
            let put = standalone_record(name, &survivor, values);
            self.apply(Record::CheckpointPut(put))?;
        }
        Ok(plan.checkpoints)
    }

    fn apply(&mut self, record: Record<Encoded>) -> Result<(), CheckpointError> {
        self.lsn += 1;
        let origin = Origin {
            lsn: self.lsn,
            segment: 0,
            bytes: record.bytes(),
        };
        self.index
            .apply(record, origin)
            .map_err(|unapplied| match unapplied {
                Unapplied::Refused(refused) => refused.into(),
                Unapplied::Tables(error) => error.into(),
            })
    }
}

impl MemorySaver {
    /// A saver that keeps nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Removes what is not to be kept of a thread any more, unless it is being run. Tells how many checkpoints went.
    fn retain(&self, of: &PrunedThread, policy: &RetentionPolicy) -> Result<u64, CheckpointError> {
        if self.leases.is_busy(&of.thread) {
            return Ok(0);
        }
        let mut kept = self.kept.write();
        if of.is_deleted {
            kept.delete(&of.thread)?;
            return Ok(of.checkpoints);
        }
        kept.prune(&of.thread, |snapshot, thread| {
            retention::due_now(snapshot, thread, policy, u64::MAX, now())
        })
    }

    fn would_prune(&self, prune: &Prune) -> Result<PruneReport, CheckpointError> {
        self.dry_run(prune.thread.as_deref(), |snapshot, thread| {
            due(snapshot, thread, &prune.rule, u64::MAX)
        })
    }

    fn would_retain(&self, policy: &RetentionPolicy) -> Result<PruneReport, CheckpointError> {
        self.dry_run(None, |snapshot, thread| {
            if self.leases.is_busy(&thread.name) {
                return Ok(Due::Nothing);
            }
            retention::due_now(snapshot, thread, policy, u64::MAX, now())
        })
    }

    /// What would go, of one thread or of all.
    fn dry_run(
        &self,
        only: Option<&str>,
        due: impl Fn(&Rows, &Thread) -> Result<Due<Encoded>, TablesError>,
    ) -> Result<PruneReport, CheckpointError> {
        let snapshot = self.snapshot();
        dry_run(snapshot, only, due, |going| {
            let place = |value: &Encoded| (value.bytes().as_ptr(), value.bytes().len());
            let mut stay = HashSet::new();
            going.staying(|_, value| {
                stay.insert(place(value));
            })?;
            let mut bytes = 0;
            going.snapshot.each_value(going.thread, &mut |lsn, value| {
                if going.lost.has(lsn) && stay.insert(place(value)) {
                    bytes += value.bytes().len();
                }
            })?;
            let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
            let on_disk = bytes;
            Ok(Returned { bytes, on_disk })
        })
    }

    fn snapshot(&self) -> Rows {
        self.kept.read().index.snapshot()
    }

    fn apply(&self, record: Record<Encoded>) -> Commit<CheckpointError> {
        Commit::ready(self.kept.write().apply(record))
    }
}

fn read_all(
    found: Result<
        impl Iterator<Item = Result<Found<Encoded>, TablesError>> + Send + 'static,
        TablesError,
    >,
    projection: Projection,
) -> CheckpointStream {
    match found {
        Ok(found) => stream::iter(found)
            .map(move |found| read(&found?, &|channel| projection.channels.has(channel)))
            .boxed(),
        Err(error) => stream::iter([Err(error.into())]).boxed(),
    }
}

impl Checkpointer for MemorySaver {
    fn get<'a>(
        &'a self,
        thread: &'a str,
        namespace: &'a str,
        id: Option<&'a str>,
    ) -> BoxFuture<'a, Result<Option<CheckpointTuple>, CheckpointError>> {
        async move {
            let found = self.snapshot().get(thread, namespace, id, true)?;
            found.map(|found| read(&found, &|_| true)).transpose()
        }
        .boxed()
    }

    fn get_projected<'a>(
        &'a self,
        thread: &'a str,
        namespace: &'a str,
        id: Option<&'a str>,
        projection: &'a Projection,
    ) -> BoxFuture<'a, Result<Option<CheckpointTuple>, CheckpointError>> {
        async move {
            let snapshot = self.snapshot();
            let found = snapshot.get(thread, namespace, id, projection.writes)?;
            let wants = |channel: &str| projection.channels.has(channel);
            found.map(|found| read(&found, &wants)).transpose()
        }
        .boxed()
    }

    fn list(&self, query: ListQuery) -> CheckpointStream {
        let projection = query.projection.clone();
        read_all(Selected::new(self.snapshot(), query), projection)
    }

    fn list_latest(&self, namespace: &str, projection: Projection) -> CheckpointStream {
        let latest = latest_of_each(self.snapshot(), namespace.to_owned(), projection.writes);
        read_all(Ok(latest), projection)
    }

    fn leases(&self) -> Leases {
        self.leases.clone()
    }

    fn put(&self, mut put: PutCheckpoint) -> Commit<CheckpointError> {
        let put = || {
            put.check(&[])?;
            let mut kept = self.kept.write();
            kept.make_whole(&mut put)?;
            kept.apply(Record::CheckpointPut(checkpoint_record(
                put,
                BTreeMap::new(),
            )))
        };
        Commit::ready(put())
    }

    fn put_writes(&self, writes: PutWrites) -> Commit<CheckpointError> {
        match writes.check() {
            Ok(()) => self.apply(Record::WritesPut(writes_record(writes))),
            Err(refused) => Commit::ready(Err(refused)),
        }
    }

    fn delete_thread(&self, thread: &str) -> Commit<CheckpointError> {
        let outcome = (self.leases).deleting(thread, || self.kept.write().delete(thread));
        Commit::ready(outcome)
    }

    fn cutoff<'a>(
        &'a self,
        thread: &'a str,
    ) -> BoxFuture<'a, Result<Option<String>, CheckpointError>> {
        let cutoff = self.snapshot().cutoff(thread);
        std::future::ready(cutoff.map_err(Into::into)).boxed()
    }

    fn copy_thread(&self, source: &str, target: &str) -> Commit<CheckpointError> {
        self.apply(Record::ThreadCopied(ThreadCopied {
            source: source.to_owned(),
            target: target.to_owned(),
        }))
    }

    fn prune(&self, prune: Prune) -> BoxFuture<'_, Result<PruneReport, CheckpointError>> {
        async move {
            let mut report = PruneReport::default();
            for mut thread in self.would_prune(&prune)?.by_thread {
                if thread.is_deleted {
                    self.delete_thread(&thread.thread).await?;
                } else {
                    let mut kept = self.kept.write();
                    thread.checkpoints = kept.prune(&thread.thread, |snapshot, thread| {
                        due(snapshot, thread, &prune.rule, u64::MAX)
                    })?;
                }
                report.add(thread);
            }
            Ok(report)
        }
        .boxed()
    }

    fn prune_dry_run(&self, prune: Prune) -> BoxFuture<'_, Result<PruneReport, CheckpointError>> {
        async move { self.would_prune(&prune) }.boxed()
    }

    fn set_retention(
        &self,
        thread: &str,
        policy: Option<RetentionPolicy>,
    ) -> Commit<CheckpointError> {
        let thread = thread.to_owned();
        let policy = policy.map(RetentionPolicy::in_micros);
        self.apply(Record::ThreadPolicySet(ThreadPolicySet { thread, policy }))
    }

    fn retention<'a>(
        &'a self,
        thread: &'a str,
    ) -> BoxFuture<'a, Result<Option<RetentionPolicy>, CheckpointError>> {
        async move {
            let thread = self.snapshot().thread(thread)?;
            Ok(thread.and_then(|thread| thread.life.policy))
        }
        .boxed()
    }

    fn apply_retention(
        &self,
        policy: RetentionPolicy,
    ) -> BoxFuture<'_, Result<PruneReport, CheckpointError>> {
        async move {
            let mut report = PruneReport::default();
            for mut thread in self.would_retain(&policy)?.by_thread {
                thread.checkpoints = self.retain(&thread, &policy)?;
                thread.is_deleted &= thread.checkpoints > 0;
                report.add(thread);
            }
            Ok(report)
        }
        .boxed()
    }

    fn retention_dry_run(
        &self,
        policy: RetentionPolicy,
    ) -> BoxFuture<'_, Result<PruneReport, CheckpointError>> {
        async move { self.would_retain(&policy) }.boxed()
    }

    fn retention_dry_run_of<'a>(
        &'a self,
        thread: &'a str,
        policy: RetentionPolicy,
    ) -> BoxFuture<'a, Result<PruneReport, CheckpointError>> {
        async move {
            self.dry_run(Some(thread), |snapshot, thread| {
                retention::due(snapshot, thread, &policy, u64::MAX, now())
            })
        }
        .boxed()
    }

    fn tag(&self, tag: Tag) -> Commit<CheckpointError> {
        self.apply(Record::TagSet(tag_record(tag)))
    }

    fn untag(&self, thread: &str, namespace: &str, name: &str) -> Commit<CheckpointError> {
        self.apply(Record::TagRemoved(TagRemoved {
            thread: thread.to_owned(),
            namespace: namespace.to_owned(),
            tag: name.to_owned(),
        }))
    }

    fn tags(&self, thread: &str) -> BoxFuture<'_, Result<Vec<Tag>, CheckpointError>> {
        std::future::ready(tags_of(&self.snapshot(), thread)).boxed()
    }

    fn list_threads(
        &self,
        query: ThreadQuery,
    ) -> BoxFuture<'_, Result<Vec<ThreadInfo>, CheckpointError>> {
        async move { list_threads(&self.snapshot(), &query, read) }.boxed()
    }
}

/// A checkpoint with the values of the channels that `wants` names.
fn read(
    found: &Found<Encoded>,
    wants: &dyn Fn(&str) -> bool,
) -> Result<CheckpointTuple, CheckpointError> {
    let metadata = metadata_of(&found.entry).map_err(|e| CheckpointError::Backend {
        what: format!(
            "reading the metadata of checkpoint `{}` of thread `{}`",
            found.id, found.thread
        ),
        source: Arc::new(e),
    })?;
    let values = handles(found, wants).into_iter().cloned();
    Ok(tuple(found, wants, metadata, values))
}

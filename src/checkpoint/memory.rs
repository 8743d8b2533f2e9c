//! [`MemorySaver`]: checkpoints that last as long as the process.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt, stream};
use parking_lot::RwLock;

use crate::checkpoint::appended::make_whole;
use crate::checkpoint::convert::{
    Selected, checkpoint_record, handles, held_values, latest_of_each, metadata_of,
    standalone_record, tag_record, tags_of, tuple, value_of, writes_record,
};
use crate::checkpoint::pruning::{dry_run, plan, threads};
use crate::checkpoint::threads::list_threads;
use crate::checkpoint::{
    CheckpointError, CheckpointIds, CheckpointStream, CheckpointTuple, Checkpointer, ListQuery,
    Prune, PruneReport, PutCheckpoint, PutWrites, Tag, ThreadInfo, ThreadQuery,
};
use crate::codec::{Record, TagRemoved, ThreadCopied, ThreadDeleted};
use crate::index::{Found, Index, Key, MemTables, Origin, Row, Snapshot, TablesError, Unapplied};
use crate::{Commit, Encoded, Leases};

/// A [`Checkpointer`] that keeps everything in memory. Clones share what they keep.
///
/// For tests and for runs that need not survive their process; it answers exactly as the database
/// does.
#[derive(Clone, Debug, Default)]
pub struct MemorySaver {
    kept: Arc<RwLock<Kept>>,
    ids: Arc<CheckpointIds>,
    leases: Leases,
}

type Tables = MemTables<Key, Row<Encoded>>;

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

    fn snapshot(&self) -> Snapshot<Encoded, Tables> {
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
) -> CheckpointStream {
    match found {
        Ok(found) => stream::iter(found).map(|found| read(&found?)).boxed(),
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
            let found = self.snapshot().get(thread, namespace, id)?;
            found.as_ref().map(read).transpose()
        }
        .boxed()
    }

    fn list(&self, query: ListQuery) -> CheckpointStream {
        read_all(Selected::new(self.snapshot(), query))
    }

    fn list_latest(&self, namespace: &str) -> CheckpointStream {
        read_all(Ok(latest_of_each(self.snapshot(), namespace.to_owned())))
    }

    fn leases(&self) -> Leases {
        self.leases.clone()
    }

    fn put(&self, mut put: PutCheckpoint) -> Commit<CheckpointError> {
        let mut kept = self.kept.write();
        let outcome = kept.make_whole(&mut put).and_then(|()| {
            kept.apply(Record::CheckpointPut(checkpoint_record(
                put,
                BTreeMap::new(),
            )))
        });
        Commit::ready(outcome)
    }

    fn put_writes(&self, writes: PutWrites) -> Commit<CheckpointError> {
        self.apply(Record::WritesPut(writes_record(writes)))
    }

    fn delete_thread(&self, thread: &str) -> Commit<CheckpointError> {
        let outcome = self.leases.deleting(thread, || {
            let mut kept = self.kept.write();
            let greatest = kept.index.snapshot().greatest_id(thread)?;
            let cutoff = self.ids.next(greatest.as_deref(), 0);
            kept.apply(Record::ThreadDeleted(ThreadDeleted {
                thread: thread.to_owned(),
                cutoff,
            }))?;
            // Nobody else removes what the thread has left behind.
            while kept.index.reclaim(usize::MAX)? > 0 {}
            Ok(())
        });
        Commit::ready(outcome)
    }

    fn copy_thread(&self, source: &str, target: &str) -> Commit<CheckpointError> {
        self.apply(Record::ThreadCopied(ThreadCopied {
            source: source.to_owned(),
            target: target.to_owned(),
        }))
    }

    fn prune(&self, prune: Prune) -> BoxFuture<'_, Result<PruneReport, CheckpointError>> {
        async move {
            let mut kept = self.kept.write();
            let snapshot = kept.index.snapshot();
            let mut report = PruneReport::default();
            for thread in threads(&snapshot, &prune)? {
                let plan = plan(&snapshot, &thread, &prune.rule)?;
                report.add(&plan);
                let Some(record) = plan.record else {
                    continue;
                };
                kept.apply(Record::CheckpointsPruned(record))?;
                for survivor in plan.survivors {
                    let values = held_values(&survivor.entry).cloned();
                    let put = standalone_record(&thread.name, &survivor, values);
                    kept.apply(Record::CheckpointPut(put))?;
                }
            }
            Ok(report)
        }
        .boxed()
    }

    fn prune_dry_run(&self, prune: Prune) -> BoxFuture<'_, Result<PruneReport, CheckpointError>> {
        async move { Ok(dry_run(&self.snapshot(), &prune)?) }.boxed()
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
        async move { Ok(list_threads(&self.snapshot(), &query)?) }.boxed()
    }
}

fn read(found: &Found<Encoded>) -> Result<CheckpointTuple, CheckpointError> {
    let metadata = metadata_of(&found.entry).map_err(|e| CheckpointError::Backend {
        what: format!(
            "reading the metadata of checkpoint `{}` of thread `{}`",
            found.id, found.thread
        ),
        source: Arc::new(e),
    })?;
    Ok(tuple(found, metadata, handles(found).into_iter().cloned()))
}

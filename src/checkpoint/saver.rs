//! [`DbSaver`]: checkpoints in the database.
//!
//! It maps the [`Checkpointer`] trait to records and must never know how they are encoded or where
//! they are.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt, stream};

use crate::checkpoint::appended::make_whole;
use crate::checkpoint::convert::{
    Selected, checkpoint_record, handles, held_values, latest_of_each, metadata_of,
    standalone_record, tag_record, tags_of, tuple, value_of, writes_record,
};
use crate::checkpoint::pruning::{dry_run, plan, threads};
use crate::checkpoint::threads::list_threads;
use crate::checkpoint::{
    CheckpointError, CheckpointIds, CheckpointStream, CheckpointTuple, Checkpointer, ListQuery,
    Prune, PruneReport, PruneRule, PutCheckpoint, PutWrites, Tag, ThreadInfo, ThreadQuery,
};
use crate::codec::{CheckpointPut, Record, Stored, TagRemoved, ThreadCopied, ThreadDeleted};
use crate::commit::Helping;
use crate::db::{Db, DbError, Durability, Place, Reader, Submitted};
use crate::index::{Found, Refused, TablesError};
use crate::item_change::ItemChange;
use crate::{Commit, Encoded, Leases};

/// A [`Checkpointer`] that keeps everything in a database. Clones share the database.
///
/// A deleted thread is gone from every answer at once; its bytes go from the log's files when they are compacted
/// ([`Db::compact`]). A [`CheckpointStream`] reads values as it is consumed; it keeps the database open, and compaction from
/// going on, until it is dropped.
#[derive(Clone, Debug)]
pub struct DbSaver {
    db: Db,
    durability: Option<Durability>,
    ids: Arc<CheckpointIds>,
}

impl Db {
    /// A checkpointer that keeps its checkpoints in this database.
    pub fn checkpointer(&self) -> DbSaver {
        DbSaver {
            db: self.clone(),
            durability: None,
            ids: Arc::default(),
        }
    }
}

impl DbSaver {
    /// The same checkpoints, written with `durability` instead of the database's.
    #[must_use]
    pub fn with_durability(mut self, durability: Durability) -> Self {
        self.durability = Some(durability);
        self
    }

    fn submit(
        &self,
        records: Vec<Record<Encoded>>,
        what: impl Fn() -> String,
    ) -> Commit<CheckpointError> {
        let records = records.into_iter().map(|record| record.map(Stored::Whole));
        match self.db.submit(records.collect(), self.durability, what) {
            Ok(submitted) => Commit::helping(Saving { submitted }),
            Err(error) => Commit::ready(Err(error.into())),
        }
    }

    /// Gives channels that `put` appends to their whole values. The parent must have been acknowledged.
    fn make_whole(&self, put: &mut PutCheckpoint) -> Result<(), CheckpointError> {
        if put.appended.is_empty() {
            return Ok(());
        }
        let mut reader = self.db.reader();
        let parent = match &put.parent_id {
            Some(id) => (self.db.snapshot()).entry(&put.thread, &put.namespace, id)?,
            None => None,
        };
        make_whole(put, |channel| {
            let place = parent.as_ref().and_then(|entry| value_of(entry, channel));
            Ok(reader.values(place)?.pop())
        })
    }

    /// Drops the unchanged values that the parent has.
    fn leave_out_what_is_known(
        &self,
        put: &mut CheckpointPut<Encoded>,
    ) -> Result<(), CheckpointError> {
        let Some(parent) = put.parent_id.as_deref() else {
            return Ok(());
        };
        if put.unchanged.is_empty() {
            return Ok(());
        }
        let parent = (self.db.snapshot()).entry(&put.thread, &put.namespace, parent)?;
        if let Some(parent) = parent {
            let versions = &put.versions;
            put.unchanged.retain(|channel, _| {
                (versions.get(channel))
                    .is_some_and(|version| parent.known(channel, version).is_none())
            });
        }
        Ok(())
    }

    /// Reads what was found as it is asked for.
    fn stream(
        &self,
        mut reader: Reader,
        found: Result<
            impl Iterator<Item = Result<Found<Place>, TablesError>> + Send + 'static,
            TablesError,
        >,
    ) -> CheckpointStream {
        let found = match found {
            Ok(found) => found,
            Err(error) => return stream::iter([Err(error.into())]).boxed(),
        };
        stream::iter(found)
            .map(move |found| read(&mut reader, &found?))
            .boxed()
    }
}

impl Checkpointer for DbSaver {
    fn get<'a>(
        &'a self,
        thread: &'a str,
        namespace: &'a str,
        id: Option<&'a str>,
    ) -> BoxFuture<'a, Result<Option<CheckpointTuple>, CheckpointError>> {
        async move {
            let mut reader = self.db.reader();
            let found = self.db.snapshot().get(thread, namespace, id)?;
            found.map(|found| read(&mut reader, &found)).transpose()
        }
        .boxed()
    }

    fn list(&self, query: ListQuery) -> CheckpointStream {
        let reader = self.db.reader();
        self.stream(reader, Selected::new(self.db.snapshot(), query))
    }

    fn list_latest(&self, namespace: &str) -> CheckpointStream {
        let reader = self.db.reader();
        let latest = latest_of_each(self.db.snapshot(), namespace.to_owned());
        self.stream(reader, Ok(latest))
    }

    fn leases(&self) -> Leases {
        self.db.leases().clone()
    }

    fn put(&self, put: PutCheckpoint) -> Commit<CheckpointError> {
        self.put_with_items(put, Vec::new())
    }

    fn put_with_items(
        &self,
        mut put: PutCheckpoint,
        items: Vec<ItemChange>,
    ) -> Commit<CheckpointError> {
        let _entered = self.db.enter();
        if let Err(error) = self.make_whole(&mut put) {
            return Commit::ready(Err(error));
        }
        let what = format!(
            "checkpoint `{}` of thread `{}`",
            put.checkpoint.id, put.thread
        );
        let mut record = checkpoint_record(put);
        if let Err(error) = self.leave_out_what_is_known(&mut record) {
            return Commit::ready(Err(error));
        }
        let records = std::iter::once(Record::CheckpointPut(record))
            .chain(items.into_iter().map(ItemChange::into_record))
            .collect();
        self.submit(records, || what.clone())
    }

    fn database(&self) -> Option<&Db> {
        Some(&self.db)
    }

    fn put_writes(&self, writes: PutWrites) -> Commit<CheckpointError> {
        let what = format!(
            "the writes of task `{}` to checkpoint `{}` of thread `{}`",
            writes.task_id, writes.checkpoint_id, writes.thread
        );
        self.submit(vec![Record::WritesPut(writes_record(writes))], || {
            what.clone()
        })
    }

    fn delete_thread(&self, thread: &str) -> Commit<CheckpointError> {
        let greatest = match self.db.snapshot().greatest_id(thread) {
            Ok(greatest) => greatest,
            Err(error) => return Commit::ready(Err(error.into())),
        };
        let deleted = ThreadDeleted {
            thread: thread.to_owned(),
            cutoff: self.ids.next(greatest.as_deref(), 0),
        };
        self.db.leases().deleting(thread, || {
            self.submit(vec![Record::ThreadDeleted(deleted)], || {
                format!("the deletion of thread `{thread}`")
            })
        })
    }

    fn copy_thread(&self, source: &str, target: &str) -> Commit<CheckpointError> {
        let copied = ThreadCopied {
            source: source.to_owned(),
            target: target.to_owned(),
        };
        self.submit(vec![Record::ThreadCopied(copied)], || {
            format!("the copy of thread `{source}` to `{target}`")
        })
    }

    fn prune(&self, prune: Prune) -> BoxFuture<'_, Result<PruneReport, CheckpointError>> {
        async move {
            let mut report = PruneReport::default();
            for thread in threads(&self.db.snapshot(), &prune)? {
                self.prune_thread(&thread.name, &prune.rule, &mut report)
                    .await?;
            }
            Ok(report)
        }
        .boxed()
    }

    fn prune_dry_run(&self, prune: Prune) -> BoxFuture<'_, Result<PruneReport, CheckpointError>> {
        async move { Ok(dry_run(&self.db.snapshot(), &prune)?) }.boxed()
    }

    fn tag(&self, tag: Tag) -> Commit<CheckpointError> {
        let what = format!("tag `{}` of thread `{}`", tag.name, tag.thread);
        self.submit(vec![Record::TagSet(tag_record(tag))], || what.clone())
    }

    fn untag(&self, thread: &str, namespace: &str, name: &str) -> Commit<CheckpointError> {
        let removed = TagRemoved {
            thread: thread.to_owned(),
            namespace: namespace.to_owned(),
            tag: name.to_owned(),
        };
        self.submit(vec![Record::TagRemoved(removed)], || {
            format!("the removal of tag `{name}` of thread `{thread}`")
        })
    }

    fn tags(&self, thread: &str) -> BoxFuture<'_, Result<Vec<Tag>, CheckpointError>> {
        std::future::ready(tags_of(&self.db.snapshot(), thread)).boxed()
    }

    fn list_threads(
        &self,
        query: ThreadQuery,
    ) -> BoxFuture<'_, Result<Vec<ThreadInfo>, CheckpointError>> {
        async move { Ok(list_threads(&self.db.snapshot(), &query)?) }.boxed()
    }
}

/// How often a thread is pruned again that was written to meanwhile.
const PRUNED_AGAIN: usize = 8;

impl DbSaver {
    async fn prune_thread(
        &self,
        name: &str,
        rule: &PruneRule,
        report: &mut PruneReport,
    ) -> Result<(), CheckpointError> {
        let mut attempts = 0;
        loop {
            let mut reader = self.db.reader();
            let snapshot = self.db.snapshot();
            let Some(thread) = snapshot.thread(name)? else {
                return Ok(());
            };
            let mut plan = plan(&snapshot, &thread, rule)?;
            let Some(record) = plan.record.take() else {
                return Ok(());
            };
            let mut records = vec![Record::CheckpointsPruned(record)];
            for survivor in &plan.survivors {
                let values = reader.values(held_values(&survivor.entry))?;
                let put = standalone_record(name, survivor, values);
                records.push(Record::CheckpointPut(put));
            }
            let what = || format!("the pruning of thread `{name}`");
            let submitted = self.submit(records, what);
            // Compaction waits for readers.
            drop(reader);
            match submitted.await {
                Err(CheckpointError::Changed { .. }) if attempts < PRUNED_AGAIN => attempts += 1,
                outcome => {
                    outcome?;
                    report.threads += 1;
                    report.checkpoints += plan.checkpoints;
                    report.bytes = report.bytes.saturating_add(plan.bytes);
                    return Ok(());
                }
            }
        }
    }
}

fn read(reader: &mut Reader, found: &Found<Place>) -> Result<CheckpointTuple, CheckpointError> {
    let metadata = metadata_of(&found.entry).map_err(|e| DbError::UnreadableValue {
        what: format!(
            "the metadata of checkpoint `{}` of thread `{}`",
            found.id, found.thread
        ),
        reason: e.to_string(),
    })?;
    let values = reader.values(handles(found))?;
    Ok(tuple(found, metadata, values))
}

/// A submitted record of this checkpointer.
struct Saving {
    submitted: Submitted,
}

impl Saving {
    fn outcome(submitted: Result<Option<Refused>, DbError>) -> Result<(), CheckpointError> {
        submitted?.map_or(Ok(()), |refused| Err(refused.into()))
    }
}

impl Future for Saving {
    type Output = Result<(), CheckpointError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Poll::Ready(Self::outcome(ready!(
            Pin::new(&mut self.submitted).poll(cx)
        )))
    }
}

impl Helping<CheckpointError> for Saving {
    fn wait(self: Box<Self>) -> Result<(), CheckpointError> {
        Self::outcome(self.submitted.wait())
    }
}

//! [`DbSaver`]: checkpoints in the database.
//!
//! It maps the [`Checkpointer`] trait to records and must never know how they are encoded or where
//! they are.

mod pruning;

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt, stream};

use crate::checkpoint::convert::{
    Selected, checkpoint_record, handles, latest_of_each, metadata_of, tag_record, tags_of, tuple,
    writes_record,
};
use crate::checkpoint::retention::{self, Retained};
use crate::checkpoint::threads::list_threads;
use crate::checkpoint::{
    CheckpointError, CheckpointStream, CheckpointTuple, Checkpointer, ListQuery, Projection, Prune,
    PruneReport, PutCheckpoint, PutWrites, RetentionPolicy, Tag, ThreadInfo, ThreadQuery,
    cutoff_after,
};
use crate::codec::{Record, Stored, TagRemoved, ThreadCopied, ThreadDeleted, ThreadPolicySet};
use crate::commit::Helping;
use crate::db::{Db, DbError, DbSnapshot, Durability, Handed, NotPut, Place, Reader, Submitted};
use crate::index::{Found, Refused, TablesError, Thread};
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
}

impl Db {
    /// A checkpointer that keeps its checkpoints in this database.
    pub fn checkpointer(&self) -> DbSaver {
        DbSaver {
            db: self.clone(),
            durability: None,
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
        saving(self.db.submit(records.collect(), self.durability, what))
    }

    /// Submits a record after which nothing of a thread is as it was.
    fn change(
        &self,
        thread: &str,
        record: Record<Stored>,
        what: impl Fn() -> String,
    ) -> Commit<CheckpointError> {
        saving((self.db).change_thread(thread, vec![record], self.durability, what))
    }

    /// Reads what was found as it is asked for.
    fn stream(
        &self,
        mut reader: Reader,
        found: Result<
            impl Iterator<Item = Result<Found<Place>, TablesError>> + Send + 'static,
            TablesError,
        >,
        projection: Projection,
    ) -> CheckpointStream {
        let found = match found {
            Ok(found) => found,
            Err(error) => return stream::iter([Err(error.into())]).boxed(),
        };
        stream::iter(found)
            .map(move |found| {
                read(&mut reader, &found?, &|channel| {
                    projection.channels.has(channel)
                })
            })
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
            let mut reader = self.db.reader().keeping();
            let mut whole = |found: &Found<Place>| read(&mut reader, found, &|_| true);
            match id {
                Some(_) => {
                    let found = self.db.snapshot().get(thread, namespace, id, true)?;
                    found.as_ref().map(whole).transpose()
                }
                None => {
                    let found = self.db.latest(thread, namespace)?;
                    found.as_deref().map(&mut whole).transpose()
                }
            }
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
            let mut reader = self.db.reader();
            let snapshot = self.db.snapshot();
            let found = snapshot.get(thread, namespace, id, projection.writes)?;
            let wants = |channel: &str| projection.channels.has(channel);
            found
                .map(|found| read(&mut reader, &found, &wants))
                .transpose()
        }
        .boxed()
    }

    fn list(&self, query: ListQuery) -> CheckpointStream {
        let reader = self.db.reader();
        let projection = query.projection.clone();
        self.stream(reader, Selected::new(self.db.snapshot(), query), projection)
    }

    fn list_latest(&self, namespace: &str, projection: Projection) -> CheckpointStream {
        let reader = self.db.reader();
        let latest = latest_of_each(self.db.snapshot(), namespace.to_owned(), projection.writes);
        self.stream(reader, Ok(latest), projection)
    }

    fn leases(&self) -> Leases {
        self.db.leases().clone()
    }

    fn put(&self, put: PutCheckpoint) -> Commit<CheckpointError> {
        self.put_with_items(put, Vec::new())
    }

    fn takes_appended(&self) -> bool {
        true
    }

    fn put_with_items(
        &self,
        mut put: PutCheckpoint,
        items: Vec<ItemChange>,
    ) -> Commit<CheckpointError> {
        if let Err(refused) = put.check(&items) {
            return Commit::ready(Err(refused));
        }
        let lists = std::mem::take(&mut put.appended).into_iter();
        let lists = lists.map(|(channel, added)| (channel, Handed::Appended(added)));
        let lists = lists.collect();
        let record = checkpoint_record(put, lists);
        let items = match self.db.item_records(items) {
            Ok(items) => items,
            Err(error) => return saving(Err(error)),
        };
        match (self.db).put_checkpoint(record, items, self.durability) {
            Ok(submitted) => saving(Ok(submitted)),
            Err(NotPut::Db(error)) => saving(Err(error)),
            Err(NotPut::Refused(refused)) => Commit::ready(Err(refused.into())),
            Err(NotPut::NothingToAppendTo {
                thread,
                checkpoint,
                channel,
            }) => Commit::ready(Err(CheckpointError::NothingToAppendTo {
                thread,
                checkpoint,
                channel,
            })),
        }
    }

    fn database(&self) -> Option<&Db> {
        Some(&self.db)
    }

    fn put_writes(&self, writes: PutWrites) -> Commit<CheckpointError> {
        match writes.check() {
            Ok(()) => saving((self.db).put_writes(writes_record(writes), self.durability)),
            Err(refused) => Commit::ready(Err(refused)),
        }
    }

    fn delete_thread(&self, thread: &str) -> Commit<CheckpointError> {
        let greatest = match self.db.snapshot().greatest_id(thread) {
            Ok(greatest) => greatest,
            Err(error) => return Commit::ready(Err(error.into())),
        };
        let deleted = ThreadDeleted {
            thread: thread.to_owned(),
            cutoff: cutoff_after(self.db.host(), greatest.as_deref()),
        };
        self.db.leases().deleting(thread, || {
            self.change(thread, Record::ThreadDeleted(deleted), || {
                format!("the deletion of thread `{thread}`")
            })
        })
    }

    fn cutoff<'a>(
        &'a self,
        thread: &'a str,
    ) -> BoxFuture<'a, Result<Option<String>, CheckpointError>> {
        let cutoff = self.db.snapshot().cutoff(thread);
        std::future::ready(cutoff.map_err(Into::into)).boxed()
    }

    fn copy_thread(&self, source: &str, target: &str) -> Commit<CheckpointError> {
        let copied = ThreadCopied {
            source: source.to_owned(),
            target: target.to_owned(),
        };
        self.change(target, Record::ThreadCopied(copied), || {
            format!("the copy of thread `{source}` to `{target}`")
        })
    }

    fn prune(&self, prune: Prune) -> BoxFuture<'_, Result<PruneReport, CheckpointError>> {
        async move { self.prune_with(prune, &mut |_| {}).await }.boxed()
    }

    fn prune_dry_run(&self, prune: Prune) -> BoxFuture<'_, Result<PruneReport, CheckpointError>> {
        async move { self.prune_dry_run_with(&prune, &mut |_| {}) }.boxed()
    }

    fn set_retention(
        &self,
        thread: &str,
        policy: Option<RetentionPolicy>,
    ) -> Commit<CheckpointError> {
        let thread = thread.to_owned();
        let what = format!("the policy of thread `{thread}`");
        let policy = policy.map(RetentionPolicy::in_micros);
        let set = ThreadPolicySet { thread, policy };
        self.submit(vec![Record::ThreadPolicySet(set)], || what.clone())
    }

    fn retention<'a>(
        &'a self,
        thread: &'a str,
    ) -> BoxFuture<'a, Result<Option<RetentionPolicy>, CheckpointError>> {
        async move {
            let thread = self.db.snapshot().thread(thread)?;
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
                let mut removed = Retained::default();
                self.retain(&thread.thread, &policy, &mut removed, || true)
                    .await?;
                thread.checkpoints = removed.checkpoints;
                thread.is_deleted = removed.deleted_threads > 0;
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
            let due = |snapshot: &DbSnapshot, thread: &Thread| {
                retention::due(snapshot, thread, &policy, u64::MAX, self.db.now())
            };
            self.dry_run(Some(thread), due, &mut |_| {})
        }
        .boxed()
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
        async move {
            let mut reader = self.db.reader();
            list_threads(&self.db.snapshot(), &query, |found, wants| {
                read(&mut reader, found, wants)
            })
        }
        .boxed()
    }
}

/// Reads a checkpoint with the values of the channels that `wants` names.
fn read(
    reader: &mut Reader,
    found: &Found<Place>,
    wants: &dyn Fn(&str) -> bool,
) -> Result<CheckpointTuple, CheckpointError> {
    let metadata = metadata_of(&found.entry).map_err(|e| DbError::UnreadableValue {
        what: format!(
            "the metadata of checkpoint `{}` of thread `{}`",
            found.id, found.thread
        ),
        reason: e.to_string(),
    })?;
    let values = reader.values(handles(found, wants))?;
    Ok(tuple(found, wants, metadata, values))
}

fn saving(submitted: Result<Submitted, DbError>) -> Commit<CheckpointError> {
    match submitted {
        Ok(submitted) => Commit::helping(Saving { submitted }),
        Err(error) => Commit::ready(Err(error.into())),
    }
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

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

use crate::checkpoint::convert::{
    checkpoint_record, handles, metadata_of, select, tuple, writes_record,
};
use crate::checkpoint::{
    CheckpointError, CheckpointIds, CheckpointStream, CheckpointTuple, Checkpointer, ListQuery,
    PutCheckpoint, PutWrites,
};
use crate::codec::{CheckpointPut, Record, Stored, ThreadDeleted};
use crate::commit::Helping;
use crate::db::{Db, DbError, Durability, Index, Place, Reader, Submitted};
use crate::index::{Found, Refused};
use crate::item_change::ItemChange;
use crate::{Commit, Encoded, Leases};

/// A [`Checkpointer`] that keeps everything in a database. Clones share the database.
///
/// A deleted thread is gone from every answer, but its bytes stay in the log's files. A
/// [`CheckpointStream`] reads values as it is consumed, and keeps the database open until it is
/// dropped.
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

    /// Drops the unchanged values that the index finds without this record.
    fn leave_out_what_is_known(&self, put: &mut CheckpointPut<Encoded>) {
        let CheckpointPut {
            thread,
            namespace,
            versions,
            unchanged,
            ..
        } = put;
        // Without a parent nothing vouches that what is known now still is when the record is
        // applied: the thread may be deleted in between.
        let Some(parent) = put.parent_id.as_deref() else {
            return;
        };
        if unchanged.is_empty() {
            return;
        }
        self.db.look_up(|index| {
            unchanged.retain(|channel, _| {
                versions.get(channel).is_some_and(|version| {
                    let checkpoints = &index.checkpoints;
                    !checkpoints.resolves(thread, namespace, parent, channel, version)
                })
            });
        });
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
            let look_up = |index: &Index| index.checkpoints.get(thread, namespace, id);
            let found = self.db.look_up(look_up);
            let mut reader = self.db.reader();
            found.map(|found| read(&mut reader, &found)).transpose()
        }
        .boxed()
    }

    fn list(&self, query: ListQuery) -> CheckpointStream {
        let found = self.db.look_up(|index| select(&index.checkpoints, &query));
        let mut reader = self.db.reader();
        stream::iter(found)
            .map(move |found| read(&mut reader, &found))
            .boxed()
    }

    fn list_latest(&self, namespace: &str) -> CheckpointStream {
        let found = self.db.look_up(|index| index.checkpoints.latest(namespace));
        let mut reader = self.db.reader();
        stream::iter(found)
            .map(move |found| read(&mut reader, &found))
            .boxed()
    }

    fn leases(&self) -> Leases {
        self.db.leases().clone()
    }

    fn put(&self, put: PutCheckpoint) -> Commit<CheckpointError> {
        self.put_with_items(put, Vec::new())
    }

    fn put_with_items(
        &self,
        put: PutCheckpoint,
        items: Vec<ItemChange>,
    ) -> Commit<CheckpointError> {
        let what = format!(
            "checkpoint `{}` of thread `{}`",
            put.checkpoint.id, put.thread
        );
        let mut record = checkpoint_record(put);
        self.leave_out_what_is_known(&mut record);
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
        let cutoff = self
            .db
            .look_up(|index| self.ids.next(index.checkpoints.greatest_id(thread), 0));
        let deleted = ThreadDeleted {
            thread: thread.to_owned(),
            cutoff,
        };
        self.db.leases().deleting(thread, || {
            self.submit(vec![Record::ThreadDeleted(deleted)], || {
                format!("the deletion of thread `{thread}`")
            })
        })
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

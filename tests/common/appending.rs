//! A checkpointer in memory that takes what was appended to lists.

use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use stepwell::checkpoint::{
    CheckpointError, CheckpointStream, CheckpointTuple, Checkpointer, ListQuery, MemorySaver,
    PutCheckpoint, PutWrites,
};
use stepwell::{Commit, Encoded, Leases};

type Note = dyn Fn(&PutCheckpoint) + Send + Sync;

/// Takes appended elements and adds them to the lists by itself. Clones share everything.
#[derive(Clone)]
pub(crate) struct Appending {
    inner: MemorySaver,
    note: Arc<Note>,
}

impl Appending {
    /// Calls `note` with every checkpoint as it is handed over.
    pub(crate) fn new(note: impl Fn(&PutCheckpoint) + Send + Sync + 'static) -> Self {
        Self {
            inner: MemorySaver::new(),
            note: Arc::new(note),
        }
    }

    fn parent(&self, put: &PutCheckpoint) -> CheckpointTuple {
        let id = put.parent_id.as_deref().unwrap();
        let get = self.inner.get(&put.thread, &put.namespace, Some(id));
        get.now_or_never().unwrap().unwrap().unwrap()
    }
}

impl Checkpointer for Appending {
    fn takes_appended(&self) -> bool {
        true
    }

    fn put(&self, mut put: PutCheckpoint) -> Commit<CheckpointError> {
        (self.note)(&put);
        for (channel, added) in std::mem::take(&mut put.appended) {
            assert!(put.new_versions.contains_key(&channel), "{channel}");
            let list = self.parent(&put).checkpoint.channel_values[&channel].to_json();
            let mut list = list.unwrap();
            let added = added.iter().map(|element| element.to_json().unwrap());
            list.as_array_mut().unwrap().extend(added);
            let values = &mut put.checkpoint.channel_values;
            let whole = Encoded::json(&list);
            assert_eq!(values.insert(channel, whole), None);
        }
        self.inner.put(put)
    }

    fn get<'a>(
        &'a self,
        thread: &'a str,
        namespace: &'a str,
        id: Option<&'a str>,
    ) -> BoxFuture<'a, Result<Option<CheckpointTuple>, CheckpointError>> {
        self.inner.get(thread, namespace, id)
    }

    fn list(&self, query: ListQuery) -> CheckpointStream {
        self.inner.list(query)
    }

    fn put_writes(&self, writes: PutWrites) -> Commit<CheckpointError> {
        self.inner.put_writes(writes)
    }

    fn leases(&self) -> Leases {
        self.inner.leases()
    }

    fn delete_thread(&self, thread: &str) -> Commit<CheckpointError> {
        self.inner.delete_thread(thread)
    }
}

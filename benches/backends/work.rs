//! What is done, as `peer.py` does it.

use futures::StreamExt;
use futures::executor::block_on;
use serde_json::{Value, json};
use stepwell::Encoded;
use stepwell::checkpoint::{
    ChannelVersion, Checkpoint, CheckpointIds, Checkpointer, ListQuery, Metadata, PutCheckpoint,
    PutWrites, Source,
};
use stepwell::store::{Filter, ListNamespaces, Search, Store};

pub(crate) struct Work {
    saver: Box<dyn Checkpointer>,
    store: Box<dyn Store>,
    ids: CheckpointIds,
}

fn message(n: usize) -> Value {
    json!({"role": "user", "id": format!("message-{n:06}"), "content": format!("{n:06} ").repeat(40)})
}

impl Work {
    pub(crate) fn new(saver: impl Checkpointer, store: impl Store) -> Self {
        Self {
            saver: Box::new(saver),
            store: Box::new(store),
            ids: CheckpointIds::default(),
        }
    }

    pub(crate) fn run(&self, row: &str, subject: &str, count: usize) {
        match row {
            "put" => self.put(subject, count),
            "get" => (0..count).for_each(|_| self.get(subject)),
            "list" => (0..count).for_each(|_| self.list(subject)),
            "items" => (0..count).for_each(|n| {
                let text = message(n)["content"].clone();
                let value = json!({"n": n, "kind": format!("kind-{}", n % 10), "text": text});
                block_on(
                    self.store
                        .put(&["users", subject], &format!("item-{n}"), value),
                )
                .unwrap();
            }),
            "item" => (0..count).for_each(|n| {
                let found = block_on(self.store.get(&["users", subject], &format!("item-{n}")));
                assert!(found.unwrap().is_some());
            }),
            "search" => (0..count).for_each(|n| {
                let filter = Filter::eq("kind", format!("kind-{}", n % 10));
                let search = Search::new(&["users", subject]).filter(filter).limit(5);
                assert!(!block_on(self.store.search(search)).unwrap().is_empty() || count < 10);
            }),
            _ => (0..count).for_each(|_| {
                let query = ListNamespaces {
                    prefix: vec!["users".into()],
                    limit: 10,
                    ..ListNamespaces::default()
                };
                assert!(
                    !block_on(self.store.list_namespaces(query))
                        .unwrap()
                        .is_empty()
                );
            }),
        }
    }

    fn put(&self, thread: &str, steps: usize) {
        let mut parent_id: Option<String> = None;
        let mut messages = Vec::new();
        for step in 0..steps {
            messages.push(message(step));
            if let Some(checkpoint_id) = parent_id.clone() {
                let writes = PutWrites {
                    thread: thread.into(),
                    namespace: String::new(),
                    checkpoint_id,
                    task_id: format!("task-{step}"),
                    task_path: String::new(),
                    writes: vec![("messages".into(), Encoded::json(&message(step)))],
                };
                self.saver.put_writes(writes).wait().unwrap();
            }
            let version = ChannelVersion::Int(u64::try_from(step).unwrap() + 1);
            let versions = ["messages", "count"].map(|name| (name.to_owned(), version.clone()));
            let checkpoint = Checkpoint {
                id: self.ids.next(parent_id.as_deref(), 0),
                ts: "2026-11-21T00:00:00.000000+00:00".into(),
                channel_values: [
                    ("messages".to_owned(), Encoded::json(&json!(messages))),
                    ("count".to_owned(), Encoded::json(&json!(step))),
                ]
                .into(),
                channel_versions: versions.clone().into(),
                ..Checkpoint::default()
            };
            let id = checkpoint.id.clone();
            let put = PutCheckpoint {
                thread: thread.into(),
                namespace: String::new(),
                parent_id: parent_id.replace(id),
                checkpoint,
                metadata: Metadata::new(Source::Loop, i64::try_from(step).unwrap()),
                appended: [].into(),
                new_versions: versions.into(),
            };
            self.saver.put(put).wait().unwrap();
        }
    }

    fn get(&self, thread: &str) {
        let found = block_on(self.saver.get(thread, "", None)).unwrap().unwrap();
        let messages = found.checkpoint.channel_values["messages"]
            .to_json()
            .unwrap();
        assert!(messages.is_array());
    }

    fn list(&self, thread: &str) {
        let list: Vec<_> = block_on(self.saver.list(ListQuery::of(thread, "")).collect());
        for found in list {
            // Python's lists have objects in them.
            for value in found.unwrap().checkpoint.channel_values.values() {
                assert!(!value.to_json().unwrap().is_null());
            }
        }
    }
}

//! A history in which there is something of everything, and much that is dead.

use futures::executor::block_on;
use serde_json::json;
use stepwell::checkpoint::DbSaver;
use stepwell::checkpoint::{
    CheckpointIds, Checkpointer, Prune, PruneRule, PutWrites, RetentionPolicy, Tag,
};
use stepwell::db::Db;
use stepwell::store::{Store, Ttl};
use stepwell::{Encoded, ItemChange};

use crate::samples::{With, checkpoint, writes};

/// A text that follows from a number and shares much with those of its neighbours.
pub(crate) fn text(n: u64) -> String {
    let words = (0..120).map(|at| match at == n % 120 {
        true => format!("<{n}> "),
        false => format!("{:x} ", (at + n / 40) * 2_654_435_761 % 65_521),
    });
    words.collect()
}

/// A thread that goes on step by step.
pub(crate) struct Steps {
    saver: DbSaver,
    ids: CheckpointIds,
    thread: String,
    namespace: String,
    /// The ids of what was put.
    pub(crate) made: Vec<String>,
}

impl Steps {
    pub(crate) fn new(db: &Db, thread: &str, namespace: &str) -> Self {
        Self {
            saver: db.checkpointer(),
            ids: CheckpointIds::new(),
            thread: thread.into(),
            namespace: namespace.into(),
            made: Vec::new(),
        }
    }

    /// The same history, in a copy of the thread.
    pub(crate) fn copied(&self, to: &str) -> Self {
        self.saver.copy_thread(&self.thread, to).wait().unwrap();
        Self {
            saver: self.saver.clone(),
            ids: CheckpointIds::new(),
            thread: to.into(),
            namespace: self.namespace.clone(),
            made: self.made.clone(),
        }
    }

    /// Goes on from the checkpoint so many before the last one: a task writes a message, a list grows by it, a text changes, and a large value
    /// stays as it is.
    pub(crate) fn step(&mut self, back: usize) {
        let n = u64::try_from(self.made.len()).unwrap() + 1;
        let parent = self.made.iter().rev().nth(back).cloned();
        let message = json!({"n": n, "content": text(n * 7).get(..200)});
        if let Some(parent) = &parent {
            let written = [("messages", message.clone())];
            let put = PutWrites {
                thread: self.thread.clone(),
                namespace: self.namespace.clone(),
                ..writes(parent, "p", &format!("task {n}"), &written)
            };
            self.saver.put_writes(put).wait().unwrap();
        }
        let id = self.ids.next(parent.as_deref(), 0);
        let mut put = checkpoint(&id, parent.as_deref())
            .in_thread(&self.thread)
            .in_namespace(&self.namespace)
            .changed("text", n, json!(text(n)))
            .carried("large", 1, json!(text(1000).repeat(4)));
        put = match &parent {
            None => put.changed("messages", n, json!([message])),
            Some(_) => {
                let list = vec![Encoded::json(&message)];
                put.appended.insert("messages".into(), list);
                put.cleared("messages", n)
            }
        };
        put.checkpoint.updated_channels = Some(vec!["messages".into(), "text".into()]);
        put.checkpoint.versions_seen =
            [("node".to_owned(), put.checkpoint.channel_versions.clone())].into();
        let item = ItemChange {
            namespace: vec!["items".into(), self.thread.clone()],
            key: (n % 5).to_string(),
            value: (!n.is_multiple_of(4)).then(|| Encoded::json(&json!({"n": n}))),
            ttl: Ttl::default(),
            index: None,
            texts: None,
            vectors: None,
        };
        self.saver.put_with_items(put, vec![item]).wait().unwrap();
        self.made.push(id);
    }

    pub(crate) fn steps(&mut self, n: usize) {
        (0..n).for_each(|_| self.step(0));
    }

    /// Something that belongs to what was deleted: it is refused.
    pub(crate) fn late(&self) {
        let id = self.ids.next(None, 0);
        let late = checkpoint(&id, self.made.last().map(String::as_str));
        let late = late.in_thread(&self.thread).in_namespace(&self.namespace);
        let put = late.changed("text", 1, json!(text(77).repeat(3)));
        self.saver.put(put).wait().unwrap_err();
    }

    fn tag(&self, name: &str, at: usize) {
        let tag = Tag {
            thread: self.thread.clone(),
            namespace: self.namespace.clone(),
            name: name.into(),
            checkpoint_id: self.made.get(at).unwrap().clone(),
        };
        self.saver.tag(tag).wait().unwrap();
    }
}

pub(crate) fn keep_last(db: &Db, thread: &str, n: usize) {
    let prune = Prune {
        thread: Some(thread.into()),
        rule: PruneRule::KeepLast(n),
    };
    block_on(db.checkpointer().prune(prune)).unwrap();
}

/// Something of everything; `size` times as much.
pub(crate) fn fill(db: &Db, size: usize) {
    let saver = db.checkpointer();
    let mut chat = Steps::new(db, "chat", "");
    chat.steps(6 * size);
    chat.step(2);
    chat.step(1);
    let mut sub = Steps::new(db, "chat", "sub:1");
    sub.steps(2 * size);
    chat.tag("good", 1);
    let mut fork = chat.copied("fork");
    fork.steps(2 * size);
    chat.steps(2 * size);

    let mut gone = Steps::new(db, "gone", "");
    gone.steps(4 * size);
    let left = gone.copied("left");
    saver.delete_thread("gone").wait().unwrap();
    gone.late();
    Steps::new(db, "gone", "").steps(2);
    gone.late();

    let mut pruned = Steps::new(db, "pruned", "");
    pruned.steps(6 * size);
    pruned.tag("kept", 2);
    keep_last(db, "pruned", 3);
    pruned.step(1);
    keep_last(db, "left", 2);
    drop(left);

    let store = db.store();
    for n in 0..10 * size {
        let (key, value) = (
            format!("k{}", n % 7),
            json!({"n": n, "text": text(n as u64)}),
        );
        block_on(store.put(&["a", "b"], &key, value)).unwrap();
    }
    block_on(store.delete(&["a", "b"], "k3")).unwrap();
    let policy = RetentionPolicy {
        keep_last: Some(100),
        ..RetentionPolicy::default()
    };
    saver.set_retention("chat", Some(policy)).wait().unwrap();
    saver.untag("chat", "", "none").wait().unwrap();
}

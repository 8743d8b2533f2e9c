//! Checkpointers against the model.

use std::collections::BTreeMap;
use std::fs;
use std::ops::ControlFlow;

use futures::StreamExt;
use futures::executor::block_on;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use serde_json::{Value, json};
use stepwell::checkpoint::{
    ChannelVersion, Checkpoint, CheckpointError, CheckpointIds, CheckpointTuple, Checkpointer,
    ListQuery, MemorySaver, Metadata, Prune, PruneRule, PutCheckpoint, PutWrites, RetentionPolicy,
    Source, Tag, ThreadInfo, ThreadOrder, ThreadQuery,
};
use stepwell::db::{Db, VerifyOptions, salvage};
use stepwell::store::Ttl;
use stepwell::{Commit, Encoded, ItemChange};

use stepwell::store::{Order, Search, Store};
use tempfile::TempDir;

use crate::cases::cases;
use crate::database::{Database, Reopening, copy, options};
use crate::model::{Model, Refused};

#[derive(Clone, Debug)]
enum Op {
    Put(Put),
    Writes(Writes),
    Delete(u8),
    Copy(u8, u8),
    Prune(u8, usize),
    /// Keep the last so many of a thread.
    Policy(u8, Option<u64>),
    /// Of threads without a policy.
    Retain(Option<u64>),
    Tag(u8, u8, u8, Id),
    Untag(u8, u8, u8),
    Item(u8, Option<u8>),
    Compact,
    Reopen(Reopening),
    /// The index file goes, and the database is opened again.
    RemoveIndex,
    /// A backup is brought up to date, and opened somewhere else.
    Backup,
}

/// How the database is opened.
#[derive(Clone, Copy, Debug)]
struct Setting {
    segment_bytes: u64,
    index_memory_bytes: usize,
    hot_bytes: usize,
}

fn setting() -> impl Strategy<Value = Setting> {
    let segment_bytes = prop_oneof![Just(512_u64), Just(1024), Just(8192)];
    // With little memory there is an index file, and it lags behind.
    let index_memory_bytes = prop_oneof![Just(2_000_usize), Just(20_000), Just(64 << 20)];
    let hot_bytes = prop_oneof![Just(0_usize), Just(32 << 20)];
    (segment_bytes, index_memory_bytes, hot_bytes).prop_map(
        |(segment_bytes, index_memory_bytes, hot_bytes)| Setting {
            segment_bytes,
            index_memory_bytes,
            hot_bytes,
        },
    )
}

#[derive(Clone, Debug)]
struct Put {
    thread: u8,
    namespace: u8,
    id: Id,
    parent: Option<Id>,
    root: Option<Id>,
    channels: Vec<(u8, u64, Handover)>,
    /// Of the store, in the same frame.
    items: Vec<(u8, Option<u8>)>,
}

#[derive(Clone, Debug)]
struct Writes {
    thread: u8,
    namespace: u8,
    checkpoint: Id,
    task: u8,
    path: u8,
    channels: Vec<u8>,
}

/// How a channel is handed over.
#[derive(Clone, Debug)]
enum Handover {
    Changed,
    Cleared,
    Unchanged,
    Carried,
}

#[derive(Clone, Debug)]
enum Id {
    /// One that is no UUID.
    Plain(u8),
    /// A new one.
    Fresh,
    /// One that was made some steps ago.
    Made(usize),
}

fn id() -> impl Strategy<Value = Id> {
    prop_oneof![
        2 => (0_u8..3).prop_map(Id::Plain),
        1 => Just(Id::Fresh),
        3 => (0_usize..4).prop_map(Id::Made),
    ]
}

fn put() -> impl Strategy<Value = Put> {
    let handover = prop_oneof![
        Just(Handover::Changed),
        Just(Handover::Cleared),
        Just(Handover::Unchanged),
        Just(Handover::Carried),
    ];
    let channels = vec((0_u8..2, 0_u64..3, handover), 0..4);
    let root = option::weighted(0.2, id());
    let items = prop_oneof![4 => Just(Vec::new()), 1 => vec(item(), 1..3)];
    let place = (0_u8..3, 0_u8..2);
    (place, id(), option::of(id()), root, channels, items).prop_map(
        |((thread, namespace), id, parent, root, channels, items)| Put {
            thread,
            namespace,
            id,
            parent,
            root,
            channels,
            items,
        },
    )
}

fn item() -> impl Strategy<Value = (u8, Option<u8>)> {
    (0_u8..3, option::weighted(0.7, 0_u8..4))
}

fn op() -> impl Strategy<Value = Op> {
    let writes = (0_u8..3, 0_u8..2, id(), 0_u8..2, 0_u8..2, vec(0_u8..4, 0..3));
    prop_oneof![
        8 => put().prop_map(Op::Put),
        4 => writes.prop_map(|(thread, namespace, checkpoint, task, path, channels)| {
            Op::Writes(Writes { thread, namespace, checkpoint, task, path, channels })
        }),
        1 => (0_u8..3).prop_map(Op::Delete),
        2 => (0_u8..3, 0_u8..3).prop_map(|(source, target)| Op::Copy(source, target)),
        2 => (0_u8..3, 0_usize..3).prop_map(|(thread, n)| Op::Prune(thread, n)),
        1 => (0_u8..3, option::of(1_u64..3)).prop_map(|(thread, n)| Op::Policy(thread, n)),
        2 => option::of(1_u64..3).prop_map(Op::Retain),
        1 => (0_u8..3, 0_u8..2, 0_u8..2, id()).prop_map(|(t, ns, n, id)| Op::Tag(t, ns, n, id)),
        1 => (0_u8..3, 0_u8..2, 0_u8..2).prop_map(|(t, ns, n)| Op::Untag(t, ns, n)),
        1 => item().prop_map(|(key, value)| Op::Item(key, value)),
        3 => Just(Op::Compact),
        1 => Just(Op::Reopen(Reopening::Clean)),
        1 => Just(Op::Reopen(Reopening::Unclean)),
        1 => Just(Op::RemoveIndex),
        1 => Just(Op::Backup),
    ]
}

/// The three that must agree.
struct Trio {
    model: Model,
    memory: MemorySaver,
    database: Database,
    ids: CheckpointIds,
    made: Vec<String>,
    policies: BTreeMap<String, u64>,
    /// By key, and in the order in which they came.
    items: Vec<(String, Value)>,
    /// Makes every value another, but for a few large ones that come again and again.
    values: u64,
    backup: TempDir,
}

impl Trio {
    fn new(setting: Setting) -> Self {
        let options = options()
            .segment_bytes(setting.segment_bytes)
            .index_memory_bytes(setting.index_memory_bytes)
            .hot_bytes(setting.hot_bytes);
        Self {
            model: Model::default(),
            memory: MemorySaver::new(),
            database: Database::with(options),
            ids: CheckpointIds::new(),
            made: Vec::new(),
            policies: BTreeMap::new(),
            items: Vec::new(),
            values: 0,
            backup: TempDir::new().unwrap(),
        }
    }

    fn id(&mut self, id: &Id) -> String {
        let made = match id {
            Id::Plain(n) => return n.to_string(),
            Id::Fresh => None,
            Id::Made(ago) => self.made.iter().rev().nth(*ago).cloned(),
        };
        made.unwrap_or_else(|| {
            let id = self.ids.next(None, 0);
            self.made.push(id.clone());
            id
        })
    }

    /// Most are short. Some share much with others, and some are ones that were there before.
    fn value(&mut self) -> Encoded {
        self.values += 1;
        let n = self.values;
        let words = |from: u64, to: u64| (from..to).map(|n| format!("{n:x} ")).collect::<String>();
        Encoded::json(&match n % 12 {
            0 => json!(words(n % 3, 1500)),
            1..4 => json!(format!("{}{n}{}", words(9, 60), words(70, 90))),
            4 => json!(format!("{}", n / 12 % 2).repeat(5_000)),
            5 => json!(format!("{}", n / 12 % 2).repeat(20_000)),
            _ => json!(n),
        })
    }

    fn change_item(&mut self, key: u8, value: Option<u8>) {
        let key = key.to_string();
        match value {
            None => self.items.retain(|(of, _)| *of != key),
            Some(value) => match self.items.iter_mut().find(|(of, _)| *of == key) {
                Some((_, before)) => *before = json!(value),
                None => self.items.push((key, json!(value))),
            },
        }
    }

    fn run(&mut self, op: &Op) {
        match op {
            Op::Put(put) => self.put(put),
            Op::Writes(writes) => self.put_writes(writes),
            Op::Delete(thread) => {
                let thread = thread.to_string();
                self.model.delete(&thread, self.made.clone());
                self.policies.remove(&thread);
                self.memory.delete_thread(&thread).wait().unwrap();
                let saver = self.database.db().checkpointer();
                saver.delete_thread(&thread).wait().unwrap();
            }
            Op::Copy(source, target) => {
                let (source, target) = (source.to_string(), target.to_string());
                let expected = self.model.copy(&source, &target);
                self.both(&expected, |saver| saver.copy_thread(&source, &target));
            }
            Op::Prune(thread, n) => {
                let prune = Prune {
                    thread: Some(thread.to_string()),
                    rule: PruneRule::KeepLast(*n),
                };
                let expected = self.model.keep_last(&thread.to_string(), *n);
                for saver in self.savers() {
                    let planned = block_on(saver.prune_dry_run(prune.clone())).unwrap();
                    let report = block_on(saver.prune(prune.clone())).unwrap();
                    assert_eq!((report.checkpoints, report), (expected, planned));
                }
            }
            Op::Policy(thread, n) => {
                let thread = thread.to_string();
                match n {
                    Some(n) => self.policies.insert(thread.clone(), *n),
                    None => self.policies.remove(&thread),
                };
                let policy = n.map(|n| keep_last(Some(n)));
                self.both(&Ok(()), |saver| saver.set_retention(&thread, policy));
            }
            Op::Retain(n) => {
                let mut expected = 0;
                for thread in ["0", "1", "2"] {
                    if let Some(n) = self.policies.get(thread).copied().or(*n) {
                        let n = usize::try_from(n).unwrap();
                        expected += self.model.keep_last(thread, n);
                    }
                }
                for saver in self.savers() {
                    let planned = block_on(saver.retention_dry_run(keep_last(*n))).unwrap();
                    let report = block_on(saver.apply_retention(keep_last(*n))).unwrap();
                    assert_eq!((report.checkpoints, report), (expected, planned));
                }
            }
            Op::Tag(thread, namespace, name, id) => {
                let tag = Tag {
                    thread: thread.to_string(),
                    namespace: namespace.to_string(),
                    name: name.to_string(),
                    checkpoint_id: self.id(id),
                };
                let (thread, id) = (&tag.thread, &tag.checkpoint_id);
                let expected = self.model.tag(thread, &tag.namespace, &tag.name, id);
                self.both(&expected, |saver| saver.tag(tag.clone()));
            }
            Op::Untag(thread, namespace, name) => {
                let [thread, namespace, name] = [thread, namespace, name].map(u8::to_string);
                self.model.untag(&thread, &namespace, &name);
                self.both(&Ok(()), |saver| saver.untag(&thread, &namespace, &name));
            }
            Op::Item(key, value) => {
                self.change_item(*key, *value);
                let (key, store) = (key.to_string(), self.database.db().store());
                block_on(match value {
                    Some(value) => store.put(&["i"], &key, json!(value)),
                    None => store.delete(&["i"], &key),
                })
                .unwrap();
            }
            Op::Compact => {
                let report = self.database.db().compact().unwrap();
                assert!(!report.incomplete);
                self.verify();
            }
            Op::Reopen(how) => {
                self.compare();
                self.database.reopen(*how);
                self.compare();
                self.verify();
            }
            Op::RemoveIndex => {
                let _ = fs::remove_file(self.database.db().path().join("index.redb"));
                self.run(&Op::Reopen(Reopening::Unclean));
            }
            Op::Backup => {
                self.database.db().backup(self.backup.path()).unwrap();
                let restored = TempDir::new().unwrap();
                copy(self.backup.path(), restored.path()).unwrap();
                self.compare_with(&Db::open(restored.path()).unwrap());
                let looked = Db::options().read_only().open(self.backup.path());
                self.compare_with(&looked.unwrap());
            }
        }
    }

    fn put(&mut self, put: &Put) {
        let mut checkpoint = Checkpoint {
            id: self.id(&put.id),
            ts: format!("at {}", self.values),
            ..Checkpoint::default()
        };
        let mut new_versions = BTreeMap::new();
        for (channel, version, handover) in &put.channels {
            let (channel, version) = (channel.to_string(), ChannelVersion::Int(*version));
            checkpoint.channel_values.remove(&channel);
            new_versions.remove(&channel);
            let versions = &mut checkpoint.channel_versions;
            versions.insert(channel.clone(), version.clone());
            if matches!(handover, Handover::Changed | Handover::Cleared) {
                new_versions.insert(channel.clone(), version);
            }
            if matches!(handover, Handover::Changed | Handover::Carried) {
                let value = self.value();
                checkpoint.channel_values.insert(channel, value);
            }
        }
        checkpoint.versions_seen = [("node".into(), checkpoint.channel_versions.clone())].into();
        let mut metadata = Metadata::new(Source::Loop, 1);
        if let Some(root) = &put.root {
            metadata.parents.insert("0".into(), self.id(root));
        }
        let items = put.items.clone();
        let put = PutCheckpoint {
            thread: put.thread.to_string(),
            namespace: put.namespace.to_string(),
            parent_id: put.parent.as_ref().map(|parent| self.id(parent)),
            checkpoint,
            metadata,
            appended: [].into(),
            new_versions,
        };
        let expected = self.model.put(put.clone(), |id| id.len() > 1);
        assert_eq!(outcome(self.memory.put(put.clone()).wait()), expected);
        let saver = self.database.db().checkpointer();
        let changes = items.iter().map(|(key, value)| ItemChange {
            namespace: vec!["i".into()],
            key: key.to_string(),
            value: value.map(|value| Encoded::json(&json!(value))),
            ttl: Ttl::default(),
            index: None,
            texts: None,
            vectors: None,
        });
        let saved = saver.put_with_items(put, changes.collect()).wait();
        assert_eq!(outcome(saved), expected);
        if expected.is_ok() {
            for (key, value) in items {
                self.change_item(key, value);
            }
        }
    }

    fn put_writes(&mut self, writes: &Writes) {
        let channels = ["a", "b", "__error__", "__resume__"];
        let mut written = Vec::new();
        for (channel, name) in writes.channels.iter().zip(channels.iter().cycle()) {
            let name = channels.get(usize::from(*channel)).unwrap_or(name);
            written.push(((*name).to_owned(), self.value()));
        }
        let put = PutWrites {
            thread: writes.thread.to_string(),
            namespace: writes.namespace.to_string(),
            checkpoint_id: self.id(&writes.checkpoint),
            task_id: writes.task.to_string(),
            task_path: writes.path.to_string(),
            writes: written,
        };
        let expected = self.model.put_writes(put.clone());
        assert_eq!(
            outcome(self.memory.put_writes(put.clone()).wait()),
            expected
        );
        let saver = self.database.db().checkpointer();
        assert_eq!(outcome(saver.put_writes(put).wait()), expected);
    }

    fn verify(&self) {
        let db = self.database.db();
        let report = db.verify(VerifyOptions::default(), &mut |_| ControlFlow::Continue(()));
        let report = report.unwrap();
        assert!(report.is_clean() && report.index_compared, "{report:?}");
        db.stats().unwrap();
    }

    fn savers(&self) -> [Box<dyn Checkpointer>; 2] {
        [
            Box::new(self.memory.clone()),
            Box::new(self.database.db().checkpointer()),
        ]
    }

    fn both(
        &self,
        expected: &Result<(), Refused>,
        submit: impl Fn(&dyn Checkpointer) -> Commit<CheckpointError>,
    ) {
        for saver in self.savers() {
            assert_eq!(&outcome(submit(saver.as_ref()).wait()), expected);
        }
    }

    fn compare(&self) {
        self.compare_with(self.database.db());
    }

    fn compare_with(&self, db: &Db) {
        let expected = self.model.list();
        assert_eq!(threads(&db.checkpointer()), threads(&self.memory));
        let savers: [Box<dyn Checkpointer>; 2] =
            [Box::new(self.memory.clone()), Box::new(db.checkpointer())];
        for saver in savers {
            compare(saver.as_ref(), &expected);
            for thread in ["0", "1", "2"] {
                let tags = block_on(saver.tags(thread)).unwrap();
                let tags: Vec<_> = (tags.into_iter())
                    .map(|tag| (tag.namespace, tag.name, tag.checkpoint_id))
                    .collect();
                assert_eq!(tags, self.model.tags(thread));
                let policy = block_on(saver.retention(thread)).unwrap();
                let expected = self.policies.get(thread).map(|n| keep_last(Some(*n)));
                assert_eq!(policy, expected);
            }
            let threads = block_on(saver.list_threads(ThreadQuery::default())).unwrap();
            let mut counts: BTreeMap<String, u64> = BTreeMap::new();
            for found in &expected {
                *counts.entry(found.thread.clone()).or_default() += 1;
            }
            let counted = threads
                .into_iter()
                .map(|info| (info.thread, info.checkpoints));
            assert_eq!(counted.collect::<BTreeMap<_, _>>(), counts);
        }
        let search = Search::new(&["i"]).order(Order::Created).limit(usize::MAX);
        let items = block_on(db.store().search(search)).unwrap();
        let items: Vec<_> = items
            .into_iter()
            .map(|item| (item.key, item.value))
            .collect();
        assert_eq!(items, self.items);
        let db = self.database.db();
        let stats = db.stats().unwrap();
        assert_eq!(stats.checkpoints, expected.len() as u64);
        assert!(stats.dead_bytes() <= stats.log.bytes);
        for thread in ["0", "1", "2"] {
            let here = expected.iter().filter(|found| found.thread == thread);
            let counted = db.thread_stats(thread).unwrap();
            let counted = counted.map_or(0, |stats| stats.checkpoints);
            assert_eq!(counted, here.count() as u64);
        }
    }
}

/// All that is told of threads but their bytes, which depend on where they are kept.
fn threads(saver: &dyn Checkpointer) -> Vec<ThreadInfo> {
    let query = ThreadQuery {
        order: ThreadOrder::LastUpdate,
        ..ThreadQuery::default()
    };
    let mut threads = block_on(saver.list_threads(query)).unwrap();
    threads.iter_mut().for_each(|info| info.bytes = 0);
    threads
}

fn keep_last(n: Option<u64>) -> RetentionPolicy {
    RetentionPolicy {
        keep_last: n,
        ..RetentionPolicy::default()
    }
}

fn compare(saver: &dyn Checkpointer, expected: &[CheckpointTuple]) {
    let list = |query| -> Vec<CheckpointTuple> {
        block_on(saver.list(query).map(Result::unwrap).collect())
    };
    assert_eq!(list(ListQuery::default()), expected);
    for thread in ["0", "1", "2"] {
        for namespace in ["0", "1"] {
            let mut here = expected.to_vec();
            here.retain(|found| found.thread == thread && found.namespace == namespace);
            let latest = block_on(saver.get(thread, namespace, None)).unwrap();
            assert_eq!(latest.as_ref(), here.first());
            for found in &here {
                let id = Some(found.checkpoint.id.as_str());
                let got = block_on(saver.get(thread, namespace, id)).unwrap();
                assert_eq!(got.as_ref(), Some(found));
            }
            let query = ListQuery {
                before: latest.map(|latest| latest.checkpoint.id),
                limit: Some(2),
                ..ListQuery::of(thread, namespace)
            };
            let older: Vec<_> = here.into_iter().skip(1).take(2).collect();
            assert_eq!(list(query), older);
        }
    }
}

fn outcome(outcome: Result<(), CheckpointError>) -> Result<(), Refused> {
    match outcome {
        Err(
            CheckpointError::ThreadDeleted { .. }
            | CheckpointError::Pruned { .. }
            | CheckpointError::NothingToCopy { .. }
            | CheckpointError::ThreadExists { .. }
            | CheckpointError::NoSuchCheckpoint { .. },
        ) => Err(Refused),
        other => {
            other.unwrap();
            Ok(())
        }
    }
}

proptest! {
    #![proptest_config(cases(64))]

    #[test]
    fn checkpointers_agree_with_the_model(setting in setting(), ops in vec(op(), 0..40)) {
        let mut trio = Trio::new(setting);
        for op in &ops {
            trio.run(op);
        }
        trio.run(&Op::Reopen(Reopening::Unclean));
        trio.run(&Op::Compact);
        trio.run(&Op::Reopen(Reopening::Unclean));
        trio.run(&Op::Backup);
        trio.run(&Op::RemoveIndex);
        let (left, salvaged) = (TempDir::new().unwrap(), TempDir::new().unwrap());
        copy(trio.database.db().path(), left.path()).unwrap();
        let report = salvage(left.path(), salvaged.path()).unwrap();
        assert!(report.is_whole() && report.assumed_values.is_empty(), "{report:?}");
        let salvaged = Db::open(salvaged.path()).unwrap();
        trio.compare_with(&salvaged);
    }
}

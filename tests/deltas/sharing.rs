//! Equal large values, in whichever threads and items they are.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use futures::StreamExt;
use futures::executor::block_on;
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Value, json};
use stepwell::Encoded;
use stepwell::checkpoint::{
    ChannelVersion, Checkpoint, CheckpointIds, CheckpointTuple, Checkpointer, ListQuery,
    MemorySaver, Metadata, Prune, PruneRule, PutCheckpoint, PutWrites, Source,
};
use stepwell::db::{Db, FindingKind, VerifyOptions};
use stepwell::store::{Search, Store};

use crate::database::{Database, Reopening, options};

/// A text that others have nothing in common with.
pub(crate) fn image(seed: u8, bytes: usize) -> Encoded {
    let mut state = (u64::from(seed) + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut text = String::new();
    while text.len() < bytes {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        text.push_str(&format!("{state:x}"));
    }
    Encoded::json(&json!(text))
}

fn checkpoint(
    thread: &str,
    parent_id: Option<String>,
    channel: &str,
    value: Encoded,
    number: u64,
) -> PutCheckpoint {
    let id = CheckpointIds::new().next(parent_id.as_deref(), 0);
    let versions: BTreeMap<_, _> = [(channel.to_owned(), ChannelVersion::Int(number))].into();
    PutCheckpoint {
        thread: thread.into(),
        namespace: String::new(),
        parent_id,
        checkpoint: Checkpoint {
            id,
            channel_values: [(channel.to_owned(), value)].into(),
            channel_versions: versions.clone(),
            ..Checkpoint::default()
        },
        metadata: Metadata::new(Source::Loop, 1),
        appended: [].into(),
        new_versions: versions,
    }
}

/// Puts the only checkpoint of a thread, and tells by how much the log grew.
fn put(db: &Db, thread: &str, value: &Encoded) -> u64 {
    let before = db.log_stats().unwrap().bytes;
    let put = checkpoint(thread, None, "c", value.clone(), 1);
    db.checkpointer().put(put).wait().unwrap();
    // Somebody may be compacting.
    db.log_stats().unwrap().bytes.saturating_sub(before)
}

fn get(db: &Db, thread: &str) -> Encoded {
    let found = block_on(db.checkpointer().get(thread, "", None)).unwrap();
    found
        .unwrap()
        .checkpoint
        .channel_values
        .remove("c")
        .unwrap()
}

fn delete(db: &Db, thread: &str) {
    db.checkpointer().delete_thread(thread).wait().unwrap();
}

pub(crate) fn verified(db: &Db) {
    let progress = &mut |_| ControlFlow::Continue(());
    let report = db.verify(VerifyOptions::default(), progress).unwrap();
    let mut findings = report.findings;
    findings.retain(|finding| finding.kind != FindingKind::Index);
    assert!(findings.is_empty(), "{findings:?}");
}

fn database(segment_bytes: u64) -> Database {
    Database::with(options().segment_bytes(segment_bytes))
}

/// A long record is compressed, and the text of an image is of few letters.
const LARGE: u64 = 20_000;
const SMALL: u64 = 400;

#[test]
fn what_another_thread_has_is_stored_once() {
    for bytes in [5_000, 50_000] {
        let database = database(64 << 20);
        let image = image(1, bytes);
        assert!(put(database.db(), "a", &image) > bytes as u64 / 3);
        assert!(put(database.db(), "b", &image) < SMALL);
        assert_eq!(get(database.db(), "b"), image);
    }
}

#[test]
fn a_large_value_is_known_after_opening_again() {
    for reopening in [Reopening::Clean, Reopening::Unclean] {
        let mut database = database(64 << 20);
        let (image, other) = (image(1, 50_000), image(2, 50_000));
        put(database.db(), "a", &image);
        database.reopen(reopening);
        assert!(put(database.db(), "b", &image) < SMALL);
        assert!(put(database.db(), "b", &other) > LARGE);
        delete(database.db(), "a");
        database.db().compact().unwrap();
        database.reopen(reopening);
        assert_eq!(get(database.db(), "b"), other);
        assert!(put(database.db(), "c", &image) < SMALL);
        assert_eq!(get(database.db(), "c"), image);
    }
}

#[test]
fn a_value_outlives_the_thread_that_brought_it() {
    let mut database = database(1 << 10);
    let image = image(1, 50_000);
    put(database.db(), "a", &image);
    put(database.db(), "b", &image);
    delete(database.db(), "a");
    for _ in 0..2 {
        assert!(!database.db().compact().unwrap().incomplete);
        assert_eq!(get(database.db(), "b"), image);
        assert!(put(database.db(), "c", &image) < SMALL);
        database.reopen(Reopening::Unclean);
        assert_eq!(get(database.db(), "b"), image);
        delete(database.db(), "c");
    }
    delete(database.db(), "b");
    database.db().compact().unwrap();
    let bytes = database.db().log_stats().unwrap().bytes;
    assert!(bytes < 20_000, "{bytes}");
    assert!(put(database.db(), "d", &image) > LARGE);
    assert_eq!(get(database.db(), "d"), image);
    verified(database.db());
}

#[test]
fn an_item_and_a_thread_share() {
    let database = database(1 << 10);
    let db = database.db();
    let image = image(1, 50_000);
    let value: Value = image.to_json().unwrap();
    let grown = |put: &dyn Fn()| {
        let before = db.log_stats().unwrap().bytes;
        put();
        db.log_stats().unwrap().bytes - before
    };
    let item = |key| block_on(db.store().put(&["n"], key, value.clone())).unwrap();
    put(db, "a", &image);
    assert!(grown(&|| item("k")) < SMALL);
    delete(db, "a");
    db.compact().unwrap();
    assert_eq!(
        block_on(db.store().get(&["n"], "k"))
            .unwrap()
            .unwrap()
            .value,
        value
    );
    assert!(put(db, "b", &image) < SMALL);
    block_on(db.store().delete(&["n"], "k")).unwrap();
    db.compact().unwrap();
    assert_eq!(get(db, "b"), image);
    assert!(grown(&|| item("l")) < SMALL);
}

#[test]
fn what_changed_into_a_known_value_is_that() {
    let database = database(64 << 20);
    let db = database.db();
    // Half of it is the parent's, which would save a quarter.
    let (first, second) = (image(1, 30_000), image(2, 30_000));
    let text = |of: &Encoded| of.to_json().unwrap().as_str().unwrap().to_owned();
    let both = Encoded::json(&json!(text(&first) + &text(&second)));
    put(db, "a", &both);
    let parent = checkpoint("b", None, "c", first, 1);
    let id = parent.checkpoint.id.clone();
    db.checkpointer().put(parent).wait().unwrap();
    let before = db.log_stats().unwrap().bytes;
    let next = checkpoint("b", Some(id), "c", both.clone(), 2);
    db.checkpointer().put(next).wait().unwrap();
    assert!(db.log_stats().unwrap().bytes - before < SMALL);
    assert_eq!(get(db, "b"), both);
}

/// Whatever one thread puts, another deletes and a third compacts.
#[test]
fn nothing_that_is_being_named_goes() {
    let database = database(1 << 12);
    let db = database.db();
    let images = [0, 1, 2].map(|seed| image(seed, if seed == 0 { 5_000 } else { 20_000 }));
    std::thread::scope(|scope| {
        let writers: Vec<_> = (0..3_usize)
            .map(|writer| {
                let images = &images;
                scope.spawn(move || {
                    for round in 0..60 {
                        let thread = format!("{writer}");
                        let image = &images[(writer + round) % 3];
                        put(db, &thread, image);
                        assert_eq!(&get(db, &thread), image);
                        if round % 2 == 0 {
                            delete(db, &thread);
                        }
                    }
                })
            })
            .collect();
        while writers.iter().any(|writer| !writer.is_finished()) {
            db.compact().unwrap();
        }
    });
    db.compact().unwrap();
    for writer in 0..3_usize {
        assert_eq!(get(db, &format!("{writer}")), images[(writer + 59) % 3]);
    }
    verified(db);
}

#[derive(Clone, Debug)]
enum Op {
    Put(u8, u8, u8, bool),
    Writes(u8, u8, u8, bool),
    Item(u8, u8),
    DeleteItem(u8),
    Delete(u8),
    Copy(u8, u8),
    Prune(u8, usize),
    Compact,
    Reopen(Reopening),
}

fn op() -> impl Strategy<Value = Op> {
    let put = || (0_u8..3, 0_u8..2, 0_u8..5, any::<bool>());
    prop_oneof![
        12 => put().prop_map(|(t, c, v, waits)| Op::Put(t, c, v, waits)),
        5 => put().prop_map(|(t, c, v, waits)| Op::Writes(t, c, v, waits)),
        3 => (0_u8..2, 0_u8..5).prop_map(|(key, value)| Op::Item(key, value)),
        1 => (0_u8..2).prop_map(Op::DeleteItem),
        3 => (0_u8..3).prop_map(Op::Delete),
        1 => (0_u8..3, 0_u8..3).prop_map(|(source, target)| Op::Copy(source, target)),
        3 => (0_u8..3, 0_usize..3).prop_map(|(thread, n)| Op::Prune(thread, n)),
        4 => Just(Op::Compact),
        1 => Just(Op::Reopen(Reopening::Clean)),
        1 => Just(Op::Reopen(Reopening::Unclean)),
    ]
}

/// One of few values: of three lengths.
fn value(number: u8) -> Encoded {
    let bytes = [300, 5_000, 5_000, 20_000, 20_000];
    image(number, bytes.get(usize::from(number)).copied().unwrap())
}

struct Pair {
    memory: MemorySaver,
    database: Database,
    items: BTreeMap<String, Value>,
    last: BTreeMap<String, String>,
    number: u64,
}

impl Pair {
    fn run(&mut self, op: &Op) {
        let db = self.database.db();
        let savers: [&dyn Checkpointer; 2] = [&self.memory, &db.checkpointer()];
        self.number += 1;
        match op {
            Op::Put(thread, channel, image, waits) => {
                let thread = thread.to_string();
                let parent = self.last.get(&thread).cloned();
                let channel = channel.to_string();
                let put = checkpoint(&thread, parent, &channel, value(*image), self.number);
                self.last.insert(thread, put.checkpoint.id.clone());
                for saver in savers {
                    let commit = saver.put(put.clone());
                    if *waits {
                        let _ = commit.wait();
                    }
                }
            }
            Op::Writes(thread, channel, image, waits) => {
                let thread = thread.to_string();
                let Some(checkpoint_id) = self.last.get(&thread).cloned() else {
                    return;
                };
                for saver in savers {
                    let commit = saver.put_writes(PutWrites {
                        thread: thread.clone(),
                        namespace: String::new(),
                        checkpoint_id: checkpoint_id.clone(),
                        task_id: self.number.to_string(),
                        task_path: String::new(),
                        writes: vec![(channel.to_string(), value(*image))],
                    });
                    if *waits {
                        let _ = commit.wait();
                    }
                }
            }
            Op::Item(key, image) => {
                let value = value(*image).to_json().unwrap();
                block_on(db.store().put(&["n"], &key.to_string(), value.clone())).unwrap();
                self.items.insert(key.to_string(), value);
            }
            Op::DeleteItem(key) => {
                block_on(db.store().delete(&["n"], &key.to_string())).unwrap();
                self.items.remove(&key.to_string());
            }
            Op::Delete(thread) => {
                self.last.remove(&thread.to_string());
                for saver in savers {
                    saver.delete_thread(&thread.to_string()).wait().unwrap();
                }
            }
            Op::Copy(source, target) => {
                let (source, target) = (source.to_string(), target.to_string());
                db.sync().unwrap();
                let [a, b] = savers.map(|saver| saver.copy_thread(&source, &target).wait());
                assert_eq!(a.is_ok(), b.is_ok());
                if a.is_ok()
                    && let Some(last) = self.last.get(&source).cloned()
                {
                    self.last.insert(target, last);
                }
            }
            Op::Prune(thread, n) => {
                // What is planned is what is committed.
                db.sync().unwrap();
                let prune = Prune {
                    thread: Some(thread.to_string()),
                    rule: PruneRule::KeepLast(*n),
                };
                for saver in savers {
                    block_on(saver.prune(prune.clone())).unwrap();
                }
            }
            Op::Compact => assert!(!db.compact().unwrap().incomplete),
            Op::Reopen(how) => {
                db.sync().unwrap();
                self.compare();
                self.database.reopen(*how);
                self.compare();
            }
        }
    }

    fn compare(&self) {
        let list = |saver: &dyn Checkpointer| -> Vec<CheckpointTuple> {
            block_on(
                saver
                    .list(ListQuery::default())
                    .map(Result::unwrap)
                    .collect(),
            )
        };
        let db = self.database.db();
        assert_eq!(list(&db.checkpointer()), list(&self.memory));
        let items = block_on(db.store().search(Search::new(&["n"]).limit(100))).unwrap();
        let items: BTreeMap<_, _> = items.into_iter().map(|i| (i.key, i.value)).collect();
        assert_eq!(items, self.items);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

    #[test]
    fn shared_values_stay_as_they_are_whatever_goes(ops in vec(op(), 0..50)) {
        let mut pair = Pair {
            memory: MemorySaver::new(),
            database: database(1 << 10),
            items: BTreeMap::new(),
            last: BTreeMap::new(),
            number: 0,
        };
        for op in &ops {
            pair.run(op);
        }
        pair.run(&Op::Reopen(Reopening::Unclean));
        pair.run(&Op::Compact);
        pair.run(&Op::Reopen(Reopening::Unclean));
        verified(pair.database.db());
    }
}

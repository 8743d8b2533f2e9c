//! Compaction beside writers, readers, backups, and others who look at the database.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use futures::StreamExt;
use futures::executor::block_on;
use serde_json::json;
use stepwell::Encoded;
use stepwell::checkpoint::{
    CheckpointError, CheckpointIds, CheckpointTuple, Checkpointer, ListQuery,
};
use stepwell::db::{CompactionOptions, Db, DbError, DbOptions};
use stepwell::log::LogError;
use tempfile::TempDir;

use crate::answers::answers;
use crate::database::options;
use crate::history::{keep_last, text};
use crate::samples::{With, checkpoint, values};
use crate::whole::assert_whole;

/// How often each writer changes something, at the least.
const CHANGES: u64 = 120;

/// How many segments are compacted meanwhile, at the least.
const COMPACTED: u64 = 10;

/// Numbers that look random.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        usize::try_from(self.0 >> 33).unwrap() % end
    }
}

/// The values of a checkpoint tell of each other: nobody needs to know what was put.
fn assert_fits(found: &CheckpointTuple) {
    let log = found.checkpoint.channel_values.get("log").unwrap();
    let values = values(found);
    assert_eq!(values["sum"], json!(crc32fast::hash(log.bytes())));
    assert_eq!(values["fixed"], json!(text(5).repeat(3)));
    let number = values["number"].as_u64().unwrap();
    assert_eq!(values["text"], json!(text(number)));
}

/// What a writer knows of a thread: the list of each checkpoint, by id.
type Known = BTreeMap<String, Vec<u64>>;

struct Writer {
    db: Db,
    number: u64,
    ids: CheckpointIds,
    dice: Dice,
    threads: BTreeMap<String, Known>,
    made: u64,
}

impl Writer {
    fn new(db: &Db, number: u64) -> Self {
        Self {
            db: db.clone(),
            number,
            ids: CheckpointIds::new(),
            dice: Dice(number + 1),
            threads: BTreeMap::new(),
            made: 0,
        }
    }

    fn thread(&mut self) -> String {
        format!("{}-{}", self.number, self.dice.below(3))
    }

    fn list(list: &[u64]) -> Encoded {
        let list = list
            .iter()
            .map(|n| json!({"n": n, "text": text(*n).get(..90)}));
        Encoded::json(&list.collect())
    }

    fn change(&mut self) {
        let thread = self.thread();
        let saver = self.db.checkpointer();
        match self.dice.below(24) {
            0 => {
                saver.delete_thread(&thread).wait().unwrap();
                self.threads.remove(&thread);
            }
            1 | 2 => {
                let target = self.thread();
                match saver.copy_thread(&thread, &target).wait() {
                    Ok(()) => drop(self.threads.insert(target, self.threads[&thread].clone())),
                    Err(CheckpointError::NothingToCopy { .. }) => {
                        assert!(!self.threads.contains_key(&thread));
                    }
                    Err(error) => {
                        let exists = matches!(error, CheckpointError::ThreadExists { .. });
                        assert!(exists && self.threads.contains_key(&target), "{error}");
                    }
                }
            }
            3 | 4 => {
                keep_last(&self.db, &thread, 3);
                if let Some(known) = self.threads.get_mut(&thread) {
                    while known.len() > 3 {
                        known.pop_first();
                    }
                }
            }
            _ => self.put(thread),
        }
    }

    fn put(&mut self, thread: String) {
        self.made += 1;
        let n = self.number * 1000 + self.made;
        let back = if self.dice.below(5) == 0 {
            self.dice.below(4)
        } else {
            0
        };
        let known = self.threads.entry(thread.clone()).or_default();
        let parent = known.iter().nth_back(back).or(known.iter().next());
        let parent = parent.map(|(id, list)| (id.clone(), list.clone()));
        let parent_id = parent.as_ref().map(|(id, _)| id.as_str());
        let greatest = known.keys().next_back().cloned();
        let id = self.ids.next(greatest.as_deref(), 0);
        let mut list = parent
            .as_ref()
            .map(|(_, list)| list.clone())
            .unwrap_or_default();
        list.push(n);
        let whole = Self::list(&list);
        let version = self.made;
        let mut put = checkpoint(&id, parent_id)
            .in_thread(&thread)
            .changed("sum", version, json!(crc32fast::hash(whole.bytes())))
            .changed("number", version, json!(n))
            .changed("text", version, json!(text(n)))
            .carried("fixed", 1, json!(text(5).repeat(3)))
            .cleared("log", version);
        if parent.is_some() && n.is_multiple_of(2) {
            let added = vec![Encoded::json(&json!({"n": n, "text": text(n).get(..90)}))];
            put.appended.insert("log".into(), added);
        } else {
            put.checkpoint.channel_values.insert("log".into(), whole);
        }
        self.db.checkpointer().put(put).wait().unwrap();
        self.threads.entry(thread).or_default().insert(id, list);
    }

    fn check(&self, db: &Db) {
        for (thread, known) in &self.threads {
            let list = db.checkpointer().list(ListQuery::of(thread, ""));
            let found: Vec<_> = block_on(list.map(Result::unwrap).collect());
            let found: BTreeMap<_, _> = found
                .iter()
                .inspect(|found| assert_fits(found))
                .map(|found| {
                    let list = found.checkpoint.channel_values["log"].clone();
                    (found.checkpoint.id.clone(), list)
                })
                .collect();
            let known = known
                .iter()
                .map(|(id, list)| (id.clone(), Self::list(list)));
            assert_eq!(found, known.collect::<BTreeMap<_, _>>());
        }
    }
}

/// Reads all that there is, as somebody who knows nothing.
fn read(db: &Db) -> usize {
    let list = db.checkpointer().list(ListQuery::default());
    let mut found = 0;
    for tuple in block_on(list.collect::<Vec<_>>()) {
        assert_fits(&tuple.unwrap());
        found += 1;
    }
    found
}

/// The same beside a compaction of another process, which may take away what nobody has any more.
fn look(path: &Path) {
    let looked = Db::options().read_only().open(path).unwrap();
    let list = looked.checkpointer().list(ListQuery::default());
    for tuple in block_on(list.collect::<Vec<_>>()) {
        match tuple {
            Ok(tuple) => assert_fits(&tuple),
            Err(CheckpointError::Db(DbError::Log(LogError::Dropped { .. }))) => {}
            Err(error) => panic!("{error}"),
        }
    }
}

fn work(options: &DbOptions, path: &Path) {
    let db = options.clone().open(path).unwrap();
    let done = AtomicBool::new(false);
    let compacted = AtomicU64::new(0);
    let backup = TempDir::new().unwrap();
    let writers = thread::scope(|scope| {
        let writers: Vec<_> = (0..3)
            .map(|number| {
                let (db, compacted) = (&db, &compacted);
                scope.spawn(move || {
                    let mut writer = Writer::new(db, number);
                    for n in 0..CHANGES * 20 {
                        // Whoever compacts gives way to all the others.
                        if n >= CHANGES && compacted.load(Ordering::Acquire) > COMPACTED {
                            break;
                        }
                        writer.change();
                        if n % 16 == 0 {
                            writer.check(db);
                        }
                    }
                    writer
                })
            })
            .collect();
        scope.spawn(|| {
            while !done.load(Ordering::Acquire) {
                read(&db);
            }
        });
        scope.spawn(|| {
            while !done.load(Ordering::Acquire) {
                look(path);
            }
        });
        scope.spawn(|| {
            while !done.load(Ordering::Acquire) {
                db.backup(backup.path()).unwrap();
                let restored = TempDir::new().unwrap();
                crate::database::copy(backup.path(), restored.path()).unwrap();
                let restored = Db::open(restored.path()).unwrap();
                read(&restored);
                assert_whole(&restored);
            }
        });
        while writers.iter().any(|writer| !writer.is_finished()) {
            let report = db.compact().unwrap();
            compacted.fetch_add(report.segments_before, Ordering::AcqRel);
        }
        done.store(true, Ordering::Release);
        assert!(compacted.load(Ordering::Acquire) > COMPACTED);
        writers
            .into_iter()
            .map(|writer| writer.join().unwrap())
            .collect::<Vec<_>>()
    });
    for writer in &writers {
        writer.check(&db);
    }
    assert_whole(&db);
    let expected = answers(&db);
    drop(writers);
    assert!(!db.compact().unwrap().incomplete);
    assert_eq!(answers(&db), expected);
    db.close().unwrap();
    let db = options.clone().open(path).unwrap();
    assert_eq!(answers(&db), expected);
    assert_whole(&db);
    db.close().unwrap();
    let _ = std::fs::remove_file(path.join("index.redb"));
    let db = options.clone().open(path).unwrap();
    assert_eq!(answers(&db), expected);
    assert_whole(&db);
}

#[test]
fn nothing_is_lost_and_every_value_is_the_one_that_was_put() {
    let background = CompactionOptions {
        background: true,
        dead_percent: 1,
        ..CompactionOptions::default()
    };
    for (hot_bytes, index_memory_bytes) in [(0, 64 << 20), (200_000, 60_000)] {
        let dir = TempDir::new().unwrap();
        let options = options()
            .segment_bytes(8 << 10)
            .hot_bytes(hot_bytes)
            .index_memory_bytes(index_memory_bytes)
            .compaction(background);
        work(&options, dir.path());
    }
}

//! Compaction beside those who put and read, in the background, when it is stopped and when there is no room.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use futures::executor::block_on;
use futures::{StreamExt, TryStreamExt};
use serde_json::{Value, json};
use stepwell::checkpoint::{Checkpointer, DbSaver, ListQuery};
use stepwell::db::{CompactionOptions, Db, DbOptions, Durability};
use tempfile::TempDir;

use crate::output::Output;
use crate::samples::{With, checkpoint, values, writes};
use crate::watched_fs::WatchedFs;

/// Small segments, and no more than is asked for.
fn options() -> DbOptions {
    let options = Db::options().segment_bytes(16 << 10);
    options
        .durability(Durability::Os)
        .compaction(CompactionOptions {
            background: false,
            ..CompactionOptions::default()
        })
}

fn in_background(options: DbOptions, bytes_per_second: u64) -> DbOptions {
    options.compaction(CompactionOptions {
        bytes_per_second,
        ..CompactionOptions::default()
    })
}

/// Opens the database again, and has it make its index anew from the log.
fn replayed(db: Db, path: &Path) -> Db {
    db.close().unwrap();
    let _ = fs::remove_file(path.join("index.redb"));
    options().open(path).unwrap()
}

/// Bytes that nothing has in common with others.
fn noise(seed: u64, length: usize) -> Value {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        char::from(b'a' + u8::try_from(state % 26).unwrap())
    };
    Value::String((0..length).map(|_| next()).collect())
}

/// Puts checkpoints of a thread: a list that grows, and noise.
fn put_some(saver: &DbSaver, thread: &str, from: u64, to: u64) {
    for step in from..to {
        let id = |step: u64| format!("{step:08}");
        let parent = (step > 0).then(|| id(step - 1));
        let list: Vec<u64> = (0..=step).collect();
        let put = checkpoint(&id(step), parent.as_deref())
            .in_thread(thread)
            .changed("list", step + 1, json!(list))
            .changed("noise", step + 1, noise(step, 500));
        saver.put(put).wait().unwrap();
    }
}

/// What the newest checkpoint of a thread holds.
fn latest(saver: &DbSaver, thread: &str) -> Value {
    let found = block_on(saver.get(thread, "", None)).unwrap();
    values(&found.unwrap())
}

fn expected(steps: u64) -> Value {
    let list: Vec<u64> = (0..steps).collect();
    json!({"list": list, "noise": noise(steps - 1, 500)})
}

fn wait_until(what: &str, mut is: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is() {
        assert!(begun.elapsed() < Duration::from_secs(240), "{what}");
        thread::sleep(Duration::from_millis(5));
    }
}

fn with_output(options: DbOptions) -> (DbOptions, Arc<Output>) {
    let output = Arc::new(Output::default());
    let fs = WatchedFs(Arc::clone(&output));
    (options.vfs(Arc::new(fs)), output)
}

#[test]
fn puts_wait_for_nothing_that_compaction_waits_for() {
    for operations in 0.. {
        let dir = TempDir::new().unwrap();
        let (options, output) = with_output(options());
        let db = options.open(dir.path()).unwrap();
        let saver = db.checkpointer();
        put_some(&saver, "dead", 0, 40);
        put_some(&saver, "hot", 0, 40);
        saver.delete_thread("dead").wait().unwrap();
        output.hold_after(operations);
        let done = AtomicBool::new(false);
        let held = thread::scope(|scope| {
            scope.spawn(|| {
                assert!(!db.compact().unwrap().incomplete);
                done.store(true, Ordering::Release);
            });
            let held = output.wait_until_held(|| done.load(Ordering::Acquire));
            // If they waited, it would be for ever.
            put_some(&saver, "hot", 40, 50);
            put_some(&saver, "new", 0, 10);
            let synced = saver.clone().with_durability(Durability::Sync);
            put_some(&synced, "new", 10, 12);
            assert_eq!(latest(&saver, "hot"), expected(50));
            output.let_go();
            held
        });
        drop(saver);
        let saver = replayed(db, dir.path()).checkpointer();
        assert_eq!(latest(&saver, "hot"), expected(50));
        assert_eq!(latest(&saver, "new"), expected(12));
        if !held {
            assert!(operations > 5);
            return;
        }
    }
}

#[test]
fn a_list_that_is_not_read_to_its_end_holds_up_compaction_and_no_put() {
    let dir = TempDir::new().unwrap();
    let db = options().open(dir.path()).unwrap();
    let saver = db.checkpointer();
    put_some(&saver, "dead", 0, 40);
    put_some(&saver, "hot", 0, 10);
    let mut list = saver.list(ListQuery::of("dead", ""));
    block_on(list.next()).unwrap().unwrap();
    saver.delete_thread("dead").wait().unwrap();
    thread::scope(|scope| {
        let compacted = scope.spawn(|| db.compact().unwrap());
        wait_until("it begins", || db.compaction_stats().running);
        put_some(&saver, "hot", 10, 20);
        assert_eq!(db.compaction_stats().bytes_before, 0);
        let rest: Vec<_> = block_on(list.try_collect()).unwrap();
        assert_eq!(rest.len(), 39);
        let report = compacted.join().unwrap();
        assert!(!report.incomplete, "{report:?}");
        assert!(report.bytes_after < report.bytes_before, "{report:?}");
    });
    drop(saver);
    let saver = replayed(db, dir.path()).checkpointer();
    assert_eq!(latest(&saver, "hot"), expected(20));
}

/// What a task writes again does not count, and is dead at once. But the thread remembers where it is, and a value that is equal becomes
/// an alias of it.
#[test]
fn a_dead_value_that_a_thread_remembers_is_kept() {
    let dir = TempDir::new().unwrap();
    let db = options().open(dir.path()).unwrap();
    let saver = db.checkpointer();
    let large = noise(7, 3 << 10);
    saver.put(checkpoint("1", None)).wait().unwrap();
    for value in [&json!("small"), &large] {
        let put = writes("1", "path", "task", &[("c", value.clone())]);
        saver.put_writes(put).wait().unwrap();
    }
    put_some(&saver, "dead", 0, 40);
    saver.delete_thread("dead").wait().unwrap();
    let report = db.compact().unwrap();
    assert!(report.bytes_after < report.bytes_before, "{report:?}");
    let before = db.log_stats().unwrap().bytes;
    let put = checkpoint("2", Some("1")).changed("c", 1, large.clone());
    saver.put(put).wait().unwrap();
    // That it was stored once is what this is about.
    let grown = db.log_stats().unwrap().bytes - before;
    assert!(grown < 1 << 10, "{grown}");
    drop(saver);
    let db = replayed(db, dir.path());
    assert_eq!(latest(&db.checkpointer(), "t"), json!({ "c": large }));
}

#[test]
fn compaction_in_the_background_beside_puts_loses_nothing_and_gives_space_back() {
    let dir = TempDir::new().unwrap();
    let db = in_background(options(), u64::MAX).open(dir.path()).unwrap();
    let kept: BTreeMap<String, u64> = (0..3_u64)
        .map(|writer| (format!("kept-{writer}"), 0))
        .collect();
    let most = thread::scope(|scope| {
        let writers: Vec<_> = kept
            .keys()
            .map(|kept| {
                let (db, saver) = (&db, db.checkpointer());
                scope.spawn(move || {
                    let (mut steps, mut most) = (0, 0);
                    let begun = Instant::now();
                    while db.compaction_stats().segments < 20 {
                        assert!(begun.elapsed() < Duration::from_secs(240));
                        let dead = format!("{kept}-dead-{steps}");
                        put_some(&saver, &dead, 0, 10);
                        put_some(&saver, kept, steps, steps + 1);
                        saver.delete_thread(&dead).wait().unwrap();
                        steps += 1;
                        most = most.max(db.log_stats().unwrap().bytes);
                        thread::sleep(Duration::from_millis(1));
                    }
                    (steps, most)
                })
            })
            .collect();
        let done = writers.into_iter().map(|writer| writer.join().unwrap());
        done.collect::<Vec<_>>()
    });
    let written = db.log_stats().unwrap().bytes;
    let stats = db.compaction_stats();
    assert_eq!(stats.failure, None);
    assert!(stats.bytes_after < stats.bytes_before / 2, "{stats:?}");
    let check = |db: &Db| {
        let saver = db.checkpointer();
        for (name, (steps, _)) in kept.keys().zip(&most) {
            assert_eq!(latest(&saver, name), expected(*steps));
            let history = saver.list(ListQuery::of(name, ""));
            let history: Vec<_> = block_on(history.try_collect()).unwrap();
            assert_eq!(history.len(), usize::try_from(*steps).unwrap());
        }
    };
    check(&db);
    db.compact().unwrap();
    assert!(db.log_stats().unwrap().bytes < written);
    check(&replayed(db, dir.path()));
}

#[test]
fn space_comes_back_in_the_background_though_nobody_commits_after_the_deletion() {
    let dir = TempDir::new().unwrap();
    let db = in_background(options(), u64::MAX).open(dir.path()).unwrap();
    let saver = db.checkpointer();
    put_some(&saver, "kept", 0, 20);
    for dead in 0..10 {
        put_some(&saver, &format!("dead-{dead}"), 0, 100);
    }
    let before = db.log_stats().unwrap().bytes;
    for dead in 0..10 {
        saver.delete_thread(&format!("dead-{dead}")).wait().unwrap();
    }
    wait_until("it comes back", || {
        db.log_stats().unwrap().bytes < before / 5
    });
    assert_eq!(latest(&saver, "kept"), expected(20));
}

#[test]
fn closing_ends_a_compaction() {
    let dir = TempDir::new().unwrap();
    // It would take days.
    let db = in_background(options(), 64).open(dir.path()).unwrap();
    let saver = db.checkpointer();
    put_some(&saver, "kept", 0, 50);
    put_some(&saver, "dead", 0, 400);
    saver.delete_thread("dead").wait().unwrap();
    wait_until("it begins", || db.compaction_stats().running);
    put_some(&saver, "kept", 50, 60);
    drop(saver);
    let db = replayed(db, dir.path());
    assert_eq!(latest(&db.checkpointer(), "kept"), expected(60));
    let temporary = fs::read_dir(dir.path().join("log")).unwrap();
    let temporary = temporary.filter(|file| {
        let name = file.as_ref().unwrap().file_name();
        name.to_str().unwrap().ends_with(".tmp")
    });
    assert_eq!(temporary.count(), 0);
}

#[test]
fn who_asks_for_compaction_waits_for_no_throttle() {
    let dir = TempDir::new().unwrap();
    let db = in_background(options(), 64).open(dir.path()).unwrap();
    let saver = db.checkpointer();
    put_some(&saver, "kept", 0, 50);
    put_some(&saver, "dead", 0, 200);
    saver.delete_thread("dead").wait().unwrap();
    wait_until("it begins", || db.compaction_stats().running);
    // The one in the background would take days.
    assert!(!db.compact().unwrap().incomplete);
    assert!(db.log_stats().unwrap().bytes < 200 << 10);
    assert_eq!(latest(&saver, "kept"), expected(50));
}

#[test]
fn without_room_everything_is_kept_and_tried_again() {
    let dir = TempDir::new().unwrap();
    let (options, output) = with_output(in_background(options(), u64::MAX));
    let db = options.open(dir.path()).unwrap();
    let saver = db.checkpointer();
    put_some(&saver, "kept", 0, 50);
    put_some(&saver, "dead", 0, 100);
    output.set_full(true);
    saver.delete_thread("dead").wait().unwrap();
    wait_until("it fails", || db.compaction_stats().failures > 0);
    assert!(db.compaction_stats().failure.is_some());
    assert_eq!(latest(&saver, "kept"), expected(50));
    put_some(&saver, "kept", 50, 60);
    output.set_full(false);
    wait_until("it works", || db.compaction_stats().segments > 0);
    wait_until("it ends", || db.compaction_stats().failure.is_none());
    drop(saver);
    let db = replayed(db, dir.path());
    assert_eq!(latest(&db.checkpointer(), "kept"), expected(60));
}

#[test]
fn a_database_that_is_only_looked_at_is_not_compacted() {
    let dir = TempDir::new().unwrap();
    let db = options().open(dir.path()).unwrap();
    put_some(&db.checkpointer(), "dead", 0, 100);
    db.checkpointer().delete_thread("dead").wait().unwrap();
    let files = || {
        let files = fs::read_dir(dir.path().join("log")).unwrap();
        let mut files: Vec<_> = files.map(|file| file.unwrap().file_name()).collect();
        files.sort();
        files
    };
    let before = files();
    let looked_at = in_background(options(), u64::MAX).read_only();
    let looked_at = looked_at.open(dir.path()).unwrap();
    assert!(looked_at.compact().is_err());
    // As long as the one in the background would wait.
    thread::sleep(Duration::from_millis(1_500));
    assert_eq!(looked_at.compaction_stats().failures, 0);
    assert_eq!(files(), before);
}

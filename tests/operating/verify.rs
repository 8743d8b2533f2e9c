//! Verification: it finds what is wrong and where, and nothing where nothing is.

use std::fs;
use std::ops::ControlFlow;
use std::path::Path;
use std::thread;
use std::time::Duration;

use futures::executor::block_on;
use serde_json::json;
use stepwell::checkpoint::{Checkpointer, Prune, PruneRule, Tag};
use stepwell::db::{Db, Durability, FindingKind, VerifyOptions, VerifyReport};
use stepwell::store::Store;
use tempfile::TempDir;

use crate::database::{Database, Reopening, copy};
use crate::samples::{With, checkpoint, writes};

const FULL: VerifyOptions = VerifyOptions { quick: false };
const QUICK: VerifyOptions = VerifyOptions { quick: true };

fn verify(db: &Db, options: VerifyOptions) -> VerifyReport {
    db.verify(options, &mut |_| ControlFlow::Continue(()))
        .unwrap()
}

/// Forks, a copy, pending writes, tags, items, something pruned and something deleted.
fn fill(db: &Db) {
    let saver = db.checkpointer();
    for n in 1..30_u64 {
        let parent = (n > 1).then(|| format!("{:02}", n - 1 - n % 2));
        let put = checkpoint(
            &format!("{n:02}"),
            parent.as_deref().filter(|id| *id != "00"),
        );
        let put = put
            .changed("n", n, json!(n))
            .carried("big", 1, json!("x".repeat(200)));
        saver.put(put).wait().unwrap();
        let writes = writes(&format!("{n:02}"), "p", "t", &[("w", json!(n))]);
        saver.put_writes(writes).wait().unwrap();
        let key = format!("k{}", n % 7);
        block_on(db.store().put(&["a"], &key, json!(n))).unwrap();
    }
    let sub = checkpoint("30", None).in_namespace("sub:1");
    saver.put(sub.changed("s", 1, json!(1))).wait().unwrap();
    saver.copy_thread("t", "copy").wait().unwrap();
    saver.copy_thread("t", "gone").wait().unwrap();
    saver.delete_thread("gone").wait().unwrap();
    let tag = Tag {
        thread: "t".into(),
        namespace: String::new(),
        name: "good".into(),
        checkpoint_id: "03".into(),
    };
    saver.tag(tag).wait().unwrap();
    let prune = Prune {
        thread: Some("t".into()),
        rule: PruneRule::KeepLast(5),
    };
    block_on(saver.prune(prune)).unwrap();
    block_on(db.store().delete(&["a"], "k3")).unwrap();
}

#[test]
fn what_is_whole_is_found_whole() {
    let mut database = Database::default();
    fill(database.db());
    for reopening in [None, Some(Reopening::Clean), Some(Reopening::Unclean)] {
        if let Some(reopening) = reopening {
            database.reopen(reopening);
        }
        let report = verify(database.db(), FULL);
        assert!(report.is_clean() && report.index_compared, "{report:?}");
        assert_eq!((report.checkpoints, report.items), (30 + 7, 6));
        assert!(report.values > 29 && report.segments > 1, "{report:?}");
        let quick = verify(database.db(), QUICK);
        assert!(quick.is_clean() && !quick.index_compared);
        assert_eq!((quick.records, quick.checkpoints), (report.records, 0));
    }
}

#[test]
fn a_database_is_verified_while_it_is_written_to() {
    let database = Database::default();
    let db = database.db();
    let done = std::sync::atomic::AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            let saver = db.checkpointer();
            for n in 1_u64.. {
                if done.load(std::sync::atomic::Ordering::Relaxed) {
                    return;
                }
                let put = checkpoint(&format!("{n:06}"), None).changed("n", n, json!(n));
                saver.put(put).wait().unwrap();
                if n.is_multiple_of(50) {
                    saver.delete_thread("t").wait().unwrap();
                }
            }
        });
        for _ in 0..10 {
            let report = verify(db, FULL);
            assert!(report.is_clean(), "{report:?}");
        }
        done.store(true, std::sync::atomic::Ordering::Relaxed);
    });
}

#[test]
fn damage_is_found_with_its_place_and_who_suffers_from_it() {
    let database = Database::default();
    let db = database.db();
    fill(db);
    let needle = json!("needle".repeat(50));
    let put = checkpoint("50", None)
        .in_thread("hurt")
        .changed("a", 1, needle);
    db.checkpointer().put(put).wait().unwrap();
    let segment = fs::read_dir(db.path().join("log")).unwrap();
    let mut segments: Vec<_> = segment.map(|entry| entry.unwrap().path()).collect();
    segments.sort();
    let holds = |path: &&std::path::PathBuf| {
        let bytes = fs::read(path).unwrap();
        bytes.windows(12).any(|window| window == b"needleneedle")
    };
    let path = segments.iter().find(holds).unwrap();
    let whole = fs::read(path).unwrap();
    let at = whole
        .windows(12)
        .position(|window| window == b"needleneedle")
        .unwrap();
    let mut bytes = whole.clone();
    bytes[at] = b'b';
    fs::write(path, bytes).unwrap();
    let report = verify(db, FULL);
    assert!(!report.is_clean() && !report.index_compared);
    let name = path.file_name().unwrap().to_str().unwrap();
    let [log, value] = report.findings.as_slice() else {
        panic!("{report:?}");
    };
    assert_eq!(
        (log.kind, log.segment.as_deref()),
        (FindingKind::Log, Some(name))
    );
    assert!(log.offset.unwrap() < at as u64 && log.lsn.is_some());
    assert_eq!(value.kind, FindingKind::Value);
    assert_eq!(value.thread.as_deref(), Some("hurt"));
    assert_eq!(value.checkpoint.as_deref(), Some("50"));
    assert_eq!((&value.segment, value.offset), (&log.segment, log.offset));
    assert!(value.what.starts_with("channel `a`: "), "{}", value.what);
    assert_eq!(verify(db, QUICK).found, 1);
    fs::write(path, whole).unwrap();
    assert!(verify(db, FULL).is_clean());
}

#[test]
fn a_verification_can_be_stopped_at_every_stage() {
    let database = Database::default();
    let saver = database.db().checkpointer();
    for n in 0..1100_u64 {
        let put = checkpoint(&format!("{n:04}"), None).changed("n", n, json!("x".repeat(1000)));
        drop(saver.put(put));
    }
    database.db().sync().unwrap();
    let mut stages = Vec::new();
    let report = database.db().verify(FULL, &mut |at| {
        stages.push(at.stage);
        assert!(at.done <= at.of);
        ControlFlow::Continue(())
    });
    assert!(report.unwrap().is_clean());
    stages.dedup();
    assert_eq!(stages.len(), 3);
    for stage in stages {
        let stopped = database
            .db()
            .verify(FULL, &mut |at| match at.stage == stage {
                true => ControlFlow::Break(()),
                false => ControlFlow::Continue(()),
            });
        let stopped = stopped.unwrap();
        assert!(stopped.stopped && !stopped.is_clean() && stopped.found == 0);
    }
}

/// Waits for a first flush: it happens in the background.
fn wait_for_file(path: &Path) {
    let mut rounds = 0;
    while !path.join("index.redb").exists() {
        assert!(rounds < 20_000, "it never came");
        rounds += 1;
        thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn an_index_that_does_not_say_what_the_log_says_is_found() {
    let dir = TempDir::new().unwrap();
    let (base, one, other) = (
        dir.path().join("0"),
        dir.path().join("1"),
        dir.path().join("2"),
    );
    let options = || {
        Db::options()
            .durability(Durability::Os)
            .index_memory_bytes(100_000)
    };
    options().open(&base).unwrap().close().unwrap();
    for (path, what) in [(&one, "a"), (&other, "b")] {
        copy(&base, path).unwrap();
        let db = options().open(path).unwrap();
        let saver = db.checkpointer();
        for n in 0..600_u64 {
            let thread = if n == 7 { what } else { "t" };
            let put = checkpoint(&format!("{n:04}"), None).in_thread(thread);
            drop(saver.put(put.changed("n", n, json!(n))));
        }
        db.sync().unwrap();
        wait_for_file(path);
        assert!(verify(&db, FULL).is_clean());
        db.close().unwrap();
    }
    // The same database, and the same places, but another history.
    fs::copy(one.join("index.redb"), other.join("index.redb")).unwrap();
    let db = options().open(&other).unwrap();
    assert_eq!(db.index_rebuilt(), None);
    let report = verify(&db, FULL);
    assert!(report.index_compared && report.found >= 2, "{report:?}");
    assert!(
        report
            .findings
            .iter()
            .all(|found| found.kind == FindingKind::Index)
    );
    let threads: Vec<_> = report
        .findings
        .iter()
        .map(|f| f.thread.as_deref().unwrap())
        .collect();
    assert!(
        threads.contains(&"a") && threads.contains(&"b"),
        "{report:?}"
    );
    db.close().unwrap();
    fs::remove_file(other.join("index.redb")).unwrap();
    assert!(verify(&options().open(&other).unwrap(), FULL).is_clean());
}

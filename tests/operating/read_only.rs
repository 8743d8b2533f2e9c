//! Looking at a database while another process writes to it.

use std::fs;
use std::io::{BufRead, BufReader};
use std::ops::ControlFlow;
use std::path::Path;
use std::process::{Command, Stdio};

use futures::StreamExt;
use futures::executor::block_on;
use serde_json::json;
use stepwell::checkpoint::{CheckpointError, Checkpointer, ListQuery, Tag, ThreadQuery};
use stepwell::db::{Db, DbError, Durability, VerifyOptions};
use stepwell::store::{Search, Store, StoreError, StoreOptions};
use tempfile::TempDir;

use crate::database::options;
use crate::samples::{With, checkpoint, pending, values, writes};

const DIRECTORY: &str = "STEPWELL_WRITER_DIRECTORY";

/// The other process: it writes until it is killed, and says what was acknowledged.
#[test]
fn writer() {
    let Some(dir) = std::env::var_os(DIRECTORY) else {
        return;
    };
    let db = options().open(Path::new(&dir)).unwrap();
    let saver = db.checkpointer();
    for n in 1_u64.. {
        let id = format!("{n:06}");
        let parent = (n > 1).then(|| format!("{:06}", n - 1));
        let put = checkpoint(&id, parent.as_deref()).changed("n", n, json!(n));
        saver.put(put).wait().unwrap();
        block_on(db.store().put(&["a"], "n", json!(n))).unwrap();
        println!("\nacked {n}");
    }
}

/// A copy of a backup, which can be opened without making it a database of its own.
fn copied(backup: &Path) -> TempDir {
    let copy = TempDir::new().unwrap();
    fs::create_dir(copy.path().join("log")).unwrap();
    fs::copy(backup.join("SUPERBLOCK"), copy.path().join("SUPERBLOCK")).unwrap();
    for segment in fs::read_dir(backup.join("log")).unwrap() {
        let segment = segment.unwrap();
        let to = copy.path().join("log").join(segment.file_name());
        fs::copy(segment.path(), to).unwrap();
    }
    copy
}

#[test]
fn a_database_is_looked_at_and_backed_up_while_another_process_writes_to_it() {
    let dir = TempDir::new().unwrap();
    let backups = TempDir::new().unwrap();
    let backup = backups.path().join("backup");
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "read_only::writer", "--nocapture"])
        .env(DIRECTORY, dir.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut acked = || loop {
        let line = lines.next().unwrap().unwrap();
        if let Some(n) = line.strip_prefix("acked ") {
            return n.parse::<u64>().unwrap();
        }
    };
    for _ in 0..5 {
        let before = (0..10).map(|_| acked()).last().unwrap();
        assert!(Db::open(dir.path()).is_err());
        let db = Db::options().read_only().open(dir.path()).unwrap();
        let found = block_on(
            db.checkpointer()
                .list(ListQuery::default())
                .collect::<Vec<_>>(),
        );
        let latest = values(found[0].as_ref().unwrap())["n"].as_u64().unwrap();
        assert!(latest >= before, "{latest} of {before}");
        assert_eq!(found.len() as u64, latest);
        let item = block_on(db.store().get(&["a"], "n")).unwrap().unwrap();
        assert!(item.value.as_u64() >= Some(before));
        let verify = db.verify(VerifyOptions::default(), &mut |_| ControlFlow::Continue(()));
        let report = verify.unwrap();
        assert!(report.is_clean() && !report.index_compared, "{report:?}");
        db.backup(&backup).unwrap();
        let copy = copied(&backup);
        let db = Db::open(copy.path()).unwrap();
        assert!(db.recovery().clean);
        let found = block_on(db.checkpointer().get("t", "", None)).unwrap();
        assert_eq!(values(&found.unwrap())["n"], latest);
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(!dir.path().join("index.redb").exists());
}

/// More segments than are held open at once, and all of them replaced.
#[test]
fn what_another_process_has_compacted_is_backed_up_as_that_left_it() {
    let dir = TempDir::new().unwrap();
    let (path, backup) = (dir.path().join("db"), dir.path().join("backup"));
    let small = Db::options().segment_bytes(4 << 10);
    let small = small.durability(Durability::Os);
    let plain = StoreOptions::default().history(&[], None);
    let db = small.store(plain).open(&path).unwrap();
    let store = db.store().blocking();
    let put_all = |version: u32, bytes: usize| {
        for n in 0..3_000 {
            let value = json!({"version": version, "text": "x".repeat(bytes)});
            store.put(&["a"], &n.to_string(), value).unwrap();
        }
    };
    put_all(1, 200);
    let looked = Db::options().read_only().open(&path).unwrap();
    assert!(looked.stats().unwrap().segments.len() > 128);
    put_all(2, 10);
    db.compact().unwrap();

    looked.backup(&backup).unwrap();
    let backup = Db::open(&backup).unwrap();
    let all = Search::new(&["a"]).limit(5_000);
    let items = backup.store().blocking().search(all).unwrap();
    assert_eq!(items.len(), 3_000);
    assert!(items.iter().all(|item| item.value["version"] == 2));
    let report = backup.verify(VerifyOptions::default(), &mut |_| ControlFlow::Continue(()));
    assert!(report.unwrap().is_clean());
}

#[test]
fn whatever_would_write_is_refused_and_nothing_is_written() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("db");
    assert!(Db::options().read_only().open(&path).is_err());
    assert!(!path.exists());
    let db = Db::open(&path).unwrap();
    let put = checkpoint("1", None).changed("n", 1, json!(1));
    db.checkpointer().put(put.clone()).wait().unwrap();
    block_on(db.store().put(&["a"], "k", json!(1))).unwrap();
    db.close().unwrap();
    let listing = |path: &Path| {
        let files = fs::read_dir(path.join("log"))
            .unwrap()
            .chain(fs::read_dir(path).unwrap());
        let mut files: Vec<_> = files
            .map(|entry| entry.unwrap())
            .map(|entry| (entry.path(), entry.metadata().unwrap().modified().unwrap()))
            .collect();
        files.sort();
        files
    };
    let before = listing(&path);
    let db = Db::options().read_only().open(&path).unwrap();
    assert!(db.is_read_only());
    let (saver, store) = (db.checkpointer(), db.store());
    let found = block_on(saver.get("t", "", None)).unwrap().unwrap();
    assert_eq!(
        (values(&found), pending(&found)),
        (json!({"n": 1}), json!([]))
    );
    let tag = Tag {
        thread: "t".into(),
        namespace: String::new(),
        name: "good".into(),
        checkpoint_id: "1".into(),
    };
    for refused in [
        saver.put(put),
        saver.put_writes(writes("1", "path", "task", &[("w", json!(1))])),
        saver.delete_thread("t"),
        saver.copy_thread("t", "u"),
        saver.tag(tag),
    ] {
        let error = refused.wait().unwrap_err();
        let is_refused = matches!(error, CheckpointError::Db(DbError::ReadOnly { .. }));
        assert!(is_refused, "{error}");
    }
    for refused in [
        block_on(store.put(&["a"], "k", json!(2))),
        block_on(store.delete(&["a"], "k")),
    ] {
        let error = refused.unwrap_err();
        assert!(
            matches!(error, StoreError::Db(DbError::ReadOnly { .. })),
            "{error}"
        );
    }
    assert!(matches!(db.sync(), Err(DbError::ReadOnly { .. })));

    // Several may look at once, and somebody else may open it for writing.
    let another = Db::options().read_only().open(&path).unwrap();
    assert_eq!(listing(&path), before);
    let writing = Db::open(&path).unwrap();
    let query = ThreadQuery::default();
    assert_eq!(
        block_on(another.checkpointer().list_threads(query))
            .unwrap()
            .len(),
        1
    );
    assert_eq!(block_on(store.search(Search::new(&[]))).unwrap().len(), 1);
    drop(writing);
    db.clone().close().unwrap();
    let closed = block_on(saver.get("t", "", None)).unwrap_err();
    assert!(
        matches!(closed, CheckpointError::Db(DbError::Closed { .. })),
        "{closed}"
    );
}

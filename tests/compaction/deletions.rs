//! Deletions of items go with what they deleted, and nothing that was deleted comes back.

use std::fs;
use std::ops::ControlFlow;

use futures::executor::block_on;
use serde_json::json;
use stepwell::db::{Db, VerifyOptions};
use stepwell::store::{Store, StoreOptions};
use tempfile::TempDir;

use crate::database::{Database, Reopening, copy, options};

const ITEMS: u32 = 60;

fn records(db: &Db) -> u64 {
    let goes_on = &mut |_| ControlFlow::Continue(());
    let report = db.verify(VerifyOptions::default(), goes_on).unwrap();
    assert!(report.is_clean(), "{:?}", report.findings);
    report.records
}

fn value(db: &Db, n: u32) -> Option<serde_json::Value> {
    let found = block_on(db.store().get(&["a"], &n.to_string())).unwrap();
    found.map(|item| item.value)
}

fn put(db: &Db, n: u32, value: serde_json::Value) {
    block_on(db.store().put(&["a"], &n.to_string(), value)).unwrap();
}

#[test]
fn deletions_go_with_what_they_deleted() {
    // One run.
    let no_history = StoreOptions::default().history(&[], None);
    let mut database = Database::with(options().segment_bytes(64 << 10).store(no_history));
    let db = database.db();
    for n in 0..ITEMS {
        put(db, n, json!({"n": n}));
    }
    for n in 1..ITEMS {
        block_on(db.store().delete(&["a"], &n.to_string())).unwrap();
    }
    put(db, 7, json!("again"));
    db.compact().unwrap();
    assert_eq!(records(db), 3, "the rule, what is there, and nothing else");

    // Deleted when its put is no longer in the run that is compacted first.
    block_on(db.store().delete(&["a"], "7")).unwrap();
    for _ in 0..2 {
        database.db().compact().unwrap();
        database.reopen(Reopening::Clean);
        let copied = TempDir::new().unwrap();
        copy(database.db().path(), copied.path()).unwrap();
        // All that is known is in the log.
        let _ = fs::remove_file(copied.path().join("index.redb"));
        let db = Db::open(copied.path()).unwrap();
        assert_eq!(value(&db, 0), Some(json!({"n": 0})));
        for n in 1..ITEMS {
            assert_eq!(value(&db, n), None, "item {n} is back");
        }
        records(&db);
    }
}

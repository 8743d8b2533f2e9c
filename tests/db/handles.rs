//! Opening and closing.

use std::sync::Arc;

use futures::StreamExt;
use futures::executor::block_on;
use serde_json::json;
use stepwell::checkpoint::{CheckpointError, Checkpointer, ListQuery};
use stepwell::db::{Db, DbError};
use stepwell::log::{Log, LogError, LogOptions, ReplayFrom};
use stepwell::store::{Search, Store, StoreError};
use stepwell::vfs::OsFs;
use tempfile::TempDir;

use crate::database::{Database, options};
use crate::samples::{With, checkpoint};

#[test]
fn a_database_that_is_open_cannot_be_opened_again_and_says_who_has_it() {
    let database = Database::default();
    let error = Db::open(database.db().path()).unwrap_err();
    let DbError::Log(LogError::Locked { holder, .. }) = &error else {
        panic!("{error}");
    };
    assert_eq!(*holder, Some(std::process::id()));
    let text = error.to_string();
    assert!(text.contains(&std::process::id().to_string()), "{text}");
}

#[test]
fn a_database_is_closed_by_the_last_handle_that_goes() {
    let dir = TempDir::new().unwrap();
    let db = Db::open(dir.path()).unwrap();
    assert!(db.recovery().created);
    let (saver, store) = (db.checkpointer(), db.store());
    drop(db);
    saver.put(checkpoint("1", None)).wait().unwrap();
    drop(saver);
    block_on(store.put(&["a"], "k", json!(1))).unwrap();
    assert!(Db::open(dir.path()).is_err());
    drop(store);
    let db = Db::open(dir.path()).unwrap();
    assert!(!db.recovery().created && db.recovery().clean);
    // The first item says how long it is kept what items were.
    assert_eq!(db.recovery().frames, 3);
    let list = db.checkpointer().list(ListQuery::default());
    drop(db);
    assert!(Db::open(dir.path()).is_err());
    assert_eq!(block_on(list.count()), 1);
    Db::open(dir.path()).unwrap();
}

#[test]
fn what_is_left_of_a_closed_database_says_that_it_is_closed() {
    let database = Database::default();
    let db = database.db().clone();
    let (saver, store) = (db.checkpointer(), db.store());
    let put = checkpoint("1", None).changed("a", 1, json!(1));
    saver.put(put.clone()).wait().unwrap();
    block_on(store.put(&["a"], "k", json!(1))).unwrap();
    let mut list = saver.list(ListQuery::default());
    let pending = saver.put(put.clone());
    db.clone().close().unwrap();
    pending.wait().unwrap();

    assert!(matches!(db.sync(), Err(DbError::Closed { .. })));
    db.clone().close().unwrap();
    for refused in [
        saver.put(put).wait().unwrap_err(),
        block_on(saver.get("t", "", None)).unwrap_err(),
        block_on(list.next()).unwrap().unwrap_err(),
    ] {
        let is_closed = matches!(refused, CheckpointError::Db(DbError::Closed { .. }));
        assert!(is_closed, "{refused}");
        assert!(refused.to_string().contains("was closed; open it again"));
    }
    for refused in [
        block_on(store.put(&["a"], "k", json!(1))).unwrap_err(),
        block_on(store.get(&["a"], "k")).unwrap_err(),
        block_on(store.search(Search::new(&[]))).unwrap_err(),
    ] {
        let is_closed = matches!(refused, StoreError::Db(DbError::Closed { .. }));
        assert!(is_closed, "{refused}");
    }
}

#[test]
fn a_record_that_nobody_understands_is_named_and_nothing_is_opened() {
    let dir = TempDir::new().unwrap();
    let options = LogOptions::default();
    let log = Log::open(
        Arc::new(OsFs),
        dir.path(),
        options,
        ReplayFrom::Beginning,
        &mut |_, _| Ok(()),
        Arc::new(()),
    );
    let (log, _) = log.unwrap();
    log.submit(1, &[0, 0, 0, 0, 99, 0], (), None)
        .unwrap()
        .wait()
        .unwrap();
    log.close().unwrap();
    let text = Db::open(dir.path()).unwrap_err().to_string();
    for part in [".seg", "unknown kind 99", "newer version"] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn a_frame_with_another_number_of_records_than_it_says_is_refused() {
    let dir = TempDir::new().unwrap();
    let options = LogOptions::default();
    let log = Log::open(
        Arc::new(OsFs),
        dir.path(),
        options,
        ReplayFrom::Beginning,
        &mut |_, _| Ok(()),
        Arc::new(()),
    );
    let (log, _) = log.unwrap();
    let deleted = b"\x06\0\0\0\x06\0\0\x01t\0\x019";
    log.submit(2, deleted, (), None).unwrap().wait().unwrap();
    log.close().unwrap();
    let text = Db::open(dir.path()).unwrap_err().to_string();
    assert!(text.contains("holds 1 records instead of 2"), "{text}");
}

#[test]
fn a_value_that_is_damaged_while_the_database_is_open_is_an_error_that_names_it() {
    let dir = TempDir::new().unwrap();
    // Nothing of it is in memory.
    let db = options().hot_bytes(0).open(dir.path()).unwrap();
    let saver = db.checkpointer();
    let put = checkpoint("1", None).changed("a", 1, json!("needle"));
    saver.put(put).wait().unwrap();
    let log = std::fs::read_dir(dir.path().join("log")).unwrap();
    let segment = log.map(|entry| entry.unwrap().path()).next().unwrap();
    let mut bytes = std::fs::read(&segment).unwrap();
    let needle = bytes
        .windows(6)
        .position(|window| window == b"needle")
        .unwrap();
    bytes[needle] = b'b';
    std::fs::write(&segment, bytes).unwrap();
    let text = block_on(saver.get("t", "", None)).unwrap_err().to_string();
    let name = segment.file_name().unwrap().to_string_lossy().into_owned();
    assert!(text.contains(&name), "{text}");
}

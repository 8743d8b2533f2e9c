//! A database that was opened by a relative path, in a process that changes its directory.

use std::env;
use std::fs;
use std::ops::ControlFlow;
use std::path::Path;
use std::process::Command;

use futures::executor::block_on;
use serde_json::json;
use stepwell::checkpoint::Checkpointer;
use stepwell::db::{Db, DbOptions, VerifyOptions};
use tempfile::TempDir;

use crate::database::{bytes, options};
use crate::samples::{With, checkpoint};

const ELSEWHERE: &str = "STEPWELL_TEST_ELSEWHERE";
/// More than fit into a segment.
const PUTS: u64 = 40;

fn put(db: &Db, number: u64) {
    let put = checkpoint(&format!("{number:06}"), None).in_thread("t");
    let put = put.changed("n", number, json!("x".repeat(100)));
    db.checkpointer().put(put).wait().unwrap();
}

fn has_all(db: &Db) {
    for number in 0..2 * PUTS {
        let id = format!("{number:06}");
        let found = block_on(db.checkpointer().get("t", "", Some(&id)));
        assert!(found.unwrap().is_some(), "{id}");
    }
}

/// The index file is written as well.
fn flushing() -> DbOptions {
    options().index_memory_bytes(1 << 10)
}

/// Not a test of its own: the process that changes its directory, which other tests of the same process must not see.
#[test]
fn child() {
    let Some(elsewhere) = env::var_os(ELSEWHERE) else {
        return;
    };
    let db = flushing().open("agents").unwrap();
    (0..PUTS).for_each(|number| put(&db, number));
    env::set_current_dir(elsewhere).unwrap();
    (PUTS..2 * PUTS).for_each(|number| put(&db, number));
    has_all(&db);
    let verified = db.verify(VerifyOptions::default(), &mut |_| ControlFlow::Continue(()));
    assert!(verified.unwrap().is_clean());
    db.compact().unwrap();
    assert!(db.stats().unwrap().index.file_bytes > 0);
    db.dump(&mut |_| ControlFlow::Continue(())).unwrap();
    db.backup("backup").unwrap();
    assert_eq!(db.path(), Path::new("agents"));
    db.close().unwrap();
}

#[test]
fn a_database_stays_where_it_was_opened_when_the_process_changes_its_directory() {
    let dir = TempDir::new().unwrap();
    let place = |name: &str| {
        let place = dir.path().join(name);
        fs::create_dir(&place).unwrap();
        place
    };
    let (here, elsewhere) = (place("here"), place("elsewhere"));
    // Another one of the same name, which is none of its business.
    let other = elsewhere.join("agents");
    flushing().open(&other).unwrap().close().unwrap();
    let before = bytes(&other);

    let ended = Command::new(env::current_exe().unwrap())
        .args(["--exact", "relative_path::child", "--nocapture"])
        .current_dir(&here)
        .env(ELSEWHERE, &elsewhere)
        .status();
    assert!(ended.unwrap().success());
    assert_eq!(bytes(&other), before);
    let check = |path: &Path| {
        let db = options().open(path).unwrap();
        assert!(db.recovery().clean);
        has_all(&db);
    };
    check(&here.join("agents"));
    check(&elsewhere.join("backup"));
}

//! `stepwell import` and `stepwell export` with SQLite files.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "common/samples.rs"]
#[expect(dead_code, reason = "others need the rest")]
mod samples;

use std::path::Path;
use std::process::Command;

use futures::executor::block_on;
use serde_json::{Value, json};
use stepwell::checkpoint::{Checkpointer, Tag};
use stepwell::db::Db;
use stepwell::sqlite::{SqliteSaver, SqliteStore};
use stepwell::store::Store;
use tempfile::TempDir;

use samples::{With, checkpoint, writes};

/// What the command prints as JSON, and its exit code.
fn run(directory: &Path, arguments: &[&str]) -> (Option<i32>, Value) {
    let output = Command::new(env!("CARGO_BIN_EXE_stepwell"))
        .args(arguments)
        .arg("--json")
        .current_dir(directory)
        .output()
        .unwrap();
    let printed = match output.stdout.is_empty() {
        true => &output.stderr,
        false => &output.stdout,
    };
    (
        output.status.code(),
        serde_json::from_slice(printed).unwrap(),
    )
}

/// A file with two threads, one of them with a fork, a subgraph, pending writes and a tag, and an item.
fn file(directory: &Path) -> SqliteSaver {
    let path = directory.join("threads.sqlite");
    let saver = SqliteSaver::open(&path).unwrap();
    let message = json!([{"role": "user", "content": "hi", "id": "1"}]);
    let puts = [
        checkpoint("1", None)
            .changed("messages", 1, message)
            .changed("n", 1, json!({"a": [1, null]})),
        checkpoint("2", Some("1"))
            .unchanged("messages", 1)
            .changed("n", 2, json!("left")),
        checkpoint("3", Some("1"))
            .unchanged("messages", 1)
            .changed("n", 2, json!("right")),
        checkpoint("3", None).in_namespace("sub:1").cleared("n", 1),
        checkpoint("1", None).in_thread("u"),
    ];
    for put in puts {
        saver.put(put).wait().unwrap();
    }
    let asked = json!([{"id": "x", "value": "ok?"}]);
    let written = [("n", json!(1)), ("__interrupt__", asked), ("n", json!(2))];
    saver
        .put_writes(writes("3", "p", "task", &written))
        .wait()
        .unwrap();
    let tag = Tag {
        thread: "t".into(),
        namespace: String::new(),
        name: "good".into(),
        checkpoint_id: "2".into(),
    };
    saver.tag(tag).wait().unwrap();
    let store = SqliteStore::open(&path).unwrap();
    block_on(store.put(&["a", "b"], "k", json!({"x": 1}))).unwrap();
    saver
}

const IMPORT: [&str; 5] = ["import", "--from", "threads.sqlite", "--to", "db"];
const EXPORT: [&str; 5] = ["export", "--from", "db", "--to", "out.sqlite"];

#[test]
fn what_was_moved_there_and_back_says_the_same() {
    let directory = TempDir::new().unwrap();
    let at = directory.path();
    drop(file(at));
    let (code, dry) = run(at, &[&IMPORT[..], &["--dry-run"]].concat());
    assert_eq!((code, dry["checkpoints"].as_u64()), (Some(0), Some(5)));
    assert!(!at.join("db").exists());
    for (moved, command) in [(5, IMPORT), (0, IMPORT), (5, EXPORT), (0, EXPORT)] {
        let (code, report) = run(at, &[&command[..], &["--verify"]].concat());
        assert_eq!(code, Some(0), "{report}");
        assert_eq!(report["differences"], json!([]));
        assert_eq!(report["threads"], 2);
        assert_eq!(report["checkpoints"], moved);
        assert_eq!(report["compared"], 6);
        assert_eq!(report["writes"], if moved > 0 { 3 } else { 0 });
        assert!(
            report["bytes_before"].as_u64() > Some(0) && report["bytes_after"].as_u64() > Some(0)
        );
    }
    let out = SqliteSaver::open(at.join("out.sqlite")).unwrap();
    let tags = block_on(out.tags("t")).unwrap();
    assert_eq!((tags.len(), tags[0].checkpoint_id.as_str()), (1, "2"));
}

#[test]
fn what_was_cut_off_is_gone_on_with() {
    let directory = TempDir::new().unwrap();
    let at = directory.path();
    drop(file(at));
    let db = Db::open(at.join("db")).unwrap();
    // All that a killed import had come to.
    let message = json!([{"role": "user", "content": "hi", "id": "1"}]);
    let first = checkpoint("1", None).changed("messages", 1, message);
    let first = first.changed("n", 1, json!({"a": [1, null]}));
    db.checkpointer().put(first).wait().unwrap();
    db.close().unwrap();
    let (code, report) = run(at, &[&IMPORT[..], &["--verify"]].concat());
    assert_eq!(code, Some(0), "{report}");
    assert_eq!(
        (&report["checkpoints"], &report["present"]),
        (&json!(4), &json!(1))
    );
}

#[test]
fn a_thread_that_went_on_elsewhere_is_left_alone() {
    let directory = TempDir::new().unwrap();
    let at = directory.path();
    drop(file(at));
    assert_eq!(run(at, &IMPORT).0, Some(0));
    let db = Db::open(at.join("db")).unwrap();
    db.checkpointer()
        .put(checkpoint("9", Some("3")))
        .wait()
        .unwrap();
    db.close().unwrap();
    let (code, report) = run(at, &IMPORT);
    assert_eq!((code, &report["conflicts"]), (Some(1), &json!(["t"])));
    let (code, report) = run(at, &[&IMPORT[..], &["--thread", "u"]].concat());
    assert_eq!(
        (code, &report["threads"], &report["items"]),
        (Some(0), &json!(1), &json!(0))
    );
    assert_eq!(
        run(at, &[&IMPORT[..], &["--thread", "none"]].concat()).0,
        Some(1)
    );
}

#[test]
fn a_missing_file_is_an_error_and_is_not_made() {
    let directory = TempDir::new().unwrap();
    assert_eq!(run(directory.path(), &IMPORT).0, Some(3));
    assert_eq!(run(directory.path(), &EXPORT).0, Some(3));
    assert!(directory.path().read_dir().unwrap().next().is_none());
}

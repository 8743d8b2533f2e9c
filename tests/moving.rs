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

/// Has SQL run on the file.
fn sql(directory: &Path, file: &str, sql: &str) {
    let connection = rusqlite::Connection::open(directory.join(file)).unwrap();
    connection.execute_batch(sql).unwrap();
}

#[test]
fn rows_that_cannot_be_read_are_named_and_passed_over() {
    let directory = TempDir::new().unwrap();
    let at = directory.path();
    drop(file(at));
    sql(
        at,
        "threads.sqlite",
        "UPDATE checkpoints SET checkpoint = x'c1' WHERE thread_id = 't' AND checkpoint_id = '1';
         UPDATE checkpoints SET metadata = '{\"counters_since_delta_snapshot\": {\"d\": 1}}' WHERE checkpoint_id = '2';
         INSERT INTO store (prefix, key, value, created_at, updated_at) VALUES
            ('a', 'no json', '{', '2025-01-01 00:00:00', '2025-01-01 00:00:00'),
            ('a', 'no time', '1', '2025-01-01 00:00:00', 'then'), ('a..b', 'no label', '1', NULL, NULL)",
    );
    let (code, failed) = run(at, &IMPORT);
    let error = failed["error"].as_str().unwrap();
    assert_eq!(code, Some(1));
    assert!(error.contains("checkpoint `1` of thread `t`"), "{error}");
    let (code, report) = run(
        at,
        &[&IMPORT[..], &["--skip-unreadable", "--verify"]].concat(),
    );
    assert_eq!(code, Some(1), "{report}");
    assert_eq!(report["differences"], json!([]));
    assert_eq!(
        (&report["checkpoints"], &report["items"]),
        (&json!(3), &json!(1))
    );
    let passed = report["passed_over"].as_array().unwrap();
    let named: Vec<_> = (passed.iter())
        .map(|of| of["checkpoint"].as_str().or(of["key"].as_str()).unwrap())
        .collect();
    // What is made of a checkpoint goes with it, and what only follows it does not.
    assert_eq!(named, ["1", "2", "no json", "no time", "no label"]);
    assert!(
        passed[1]["reason"]
            .as_str()
            .unwrap()
            .contains("made of checkpoint `1`")
    );
}

#[test]
fn items_keep_their_times_there_and_back() {
    let directory = TempDir::new().unwrap();
    let at = directory.path();
    drop(file(at));
    sql(
        at,
        "threads.sqlite",
        "DELETE FROM store;
         WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 600)
         INSERT INTO store SELECT 'a.' || (n % 7), 'k' || n, n, '2025-01-02 03:04:05.000006',
            '2025-02-03 04:05:06.000007', '2199-01-01 00:00:00.000000', 90.5 FROM n;
         CREATE TABLE store_vectors (prefix, key, field_name, embedding);
         INSERT INTO store_vectors VALUES ('a.1', 'k1', 'x', x'00'), ('a.1', 'k1', 'y', x'00')",
    );
    let (code, report) = run(at, &[&IMPORT[..], &["--verify"]].concat());
    assert_eq!(code, Some(0), "{report}");
    assert_eq!(
        (&report["items"], &report["vectors_left"]),
        (&json!(600), &json!(1))
    );
    assert_eq!(run(at, &[&EXPORT[..], &["--verify"]].concat()).0, Some(0));
    let rows = |file: &str| -> Vec<String> {
        let connection = rusqlite::Connection::open(at.join(file)).unwrap();
        let mut rows = connection
            .prepare("SELECT concat_ws('|', prefix, key, value, created_at, updated_at, expires_at, ttl_minutes) FROM store ORDER BY prefix, key")
            .unwrap();
        let rows = rows.query_map([], |row| row.get(0)).unwrap();
        rows.map(Result::unwrap).collect()
    };
    assert_eq!(rows("threads.sqlite"), rows("out.sqlite"));
    // What the target has newer is left.
    sql(
        at,
        "out.sqlite",
        "UPDATE store SET value = 'null', updated_at = '2026-01-01 00:00:00' WHERE key = 'k9'",
    );
    let (code, report) = run(at, &[&EXPORT[..], &["--verify"]].concat());
    assert_eq!((code, &report["newer_items"]), (Some(1), &json!(1)));
    assert!(
        report["conflict_items"][0]
            .as_str()
            .unwrap()
            .contains("`k9`")
    );
}

#[test]
fn a_source_is_not_written_to() {
    let directory = TempDir::new().unwrap();
    let at = directory.path();
    // As an old LangGraph has made it: without a column, other tables, or a write-ahead log.
    sql(
        at,
        "threads.sqlite",
        "CREATE TABLE checkpoints (thread_id TEXT, checkpoint_ns TEXT, checkpoint_id TEXT, parent_checkpoint_id TEXT, type TEXT,
            checkpoint BLOB, metadata BLOB, PRIMARY KEY (thread_id, checkpoint_ns, checkpoint_id));
         CREATE TABLE writes (thread_id TEXT, checkpoint_ns TEXT, checkpoint_id TEXT, task_id TEXT, idx INTEGER, channel TEXT,
            type TEXT, value BLOB, PRIMARY KEY (thread_id, checkpoint_ns, checkpoint_id, task_id, idx));
         INSERT INTO checkpoints VALUES ('t', '', '1', NULL, 'json', '{\"v\": 1, \"id\": \"1\", \"ts\": \"\"}', '{}'),
            ('t', '', '2', '1', 'json', '{\"v\": 1, \"id\": \"2\", \"ts\": \"\", \"channel_versions\": {\"n\": 2}}', '{}');
         INSERT INTO writes VALUES ('t', '', '1', 'task', 0, '__pregel_tasks', 'msgpack', x'09')",
    );
    let source = at.join("threads.sqlite");
    let mut permissions = source.metadata().unwrap().permissions();
    permissions.set_readonly(true);
    std::fs::set_permissions(&source, permissions).unwrap();
    let before = std::fs::read(&source).unwrap();
    let (code, report) = run(at, &[&IMPORT[..], &["--verify"]].concat());
    assert_eq!(code, Some(0), "{report}");
    assert_eq!(
        (&report["checkpoints"], &report["writes"]),
        (&json!(2), &json!(1))
    );
    assert_eq!(std::fs::read(&source).unwrap(), before);
    assert_eq!(at.read_dir().unwrap().count(), 2);
    let db = Db::open(at.join("db")).unwrap();
    let found = block_on(db.checkpointer().get("t", "", Some("2"))).unwrap();
    let sent = &found.unwrap().checkpoint.channel_values["__pregel_tasks"];
    assert_eq!(sent.to_json().unwrap(), json!([9]));
}

#[test]
fn a_missing_file_is_an_error_and_is_not_made() {
    let directory = TempDir::new().unwrap();
    assert_eq!(run(directory.path(), &IMPORT).0, Some(3));
    assert_eq!(run(directory.path(), &EXPORT).0, Some(3));
    assert!(directory.path().read_dir().unwrap().next().is_none());
    sql(directory.path(), "threads.sqlite", "CREATE TABLE other (a)");
    let (code, said) = run(directory.path(), &IMPORT);
    assert_eq!(code, Some(3));
    assert!(
        said["error"]
            .as_str()
            .unwrap()
            .contains("none of LangGraph's tables")
    );
    std::fs::write(directory.path().join("threads.sqlite"), "no database").unwrap();
    assert_eq!(run(directory.path(), &IMPORT).0, Some(3));
    assert!(!directory.path().join("db").exists());
}

//! What `stepwell import` makes of a server's rows that cannot be read, of tables that are not there, and of addresses that lead nowhere.

use serde_json::{Value, json};
use stepwell::checkpoint::Checkpointer;
use tempfile::TempDir;

use crate::moving::{import, run, saver};
use crate::samples::{With, checkpoint};
use crate::server::Server;

#[test]
fn rows_that_cannot_be_read_are_named_and_passed_over() {
    let Some(server) = Server::start(&[]) else {
        return;
    };
    let directory = TempDir::new().unwrap();
    let at = directory.path();
    let saver = saver(&server, "one");
    for id in ["1", "2", "3", "4"] {
        let put = checkpoint(id, None).changed("n", 1, json!(id));
        saver.put(put).wait().unwrap();
        let child = checkpoint(&format!("{id}c"), Some(id)).unchanged("n", 1);
        saver.put(child).wait().unwrap();
    }
    let deep = format!("{}1{}", "[".repeat(300), "]".repeat(300));
    for sql in [
        "UPDATE checkpoints SET metadata = '\"x\"' WHERE checkpoint_id = '1'",
        "UPDATE checkpoints SET checkpoint = jsonb_set(checkpoint, '{channel_versions}', '[1]') WHERE checkpoint_id = '2'",
        &format!("UPDATE checkpoints SET metadata = '{{\"a\": {deep}}}' WHERE checkpoint_id = '3'"),
        "INSERT INTO store VALUES ('a..b', 'k', '1'), ('langgraph', 'k', '1'), ('fine', 'k', '1')",
        &format!("INSERT INTO store VALUES ('deep', 'k', '{deep}')"),
    ] {
        server.sql("one", sql);
    }
    let url = server.url("one");
    let (code, failed) = run(at, &import(&url, &[]));
    let error = failed["error"].as_str().unwrap();
    assert_eq!(code, Some(1), "{failed}");
    assert!(error.contains("checkpoint `1` of thread `t`"), "{error}");
    let (code, report) = run(at, &import(&url, &["--skip-unreadable", "--verify"]));
    assert_eq!(code, Some(1), "{report}");
    let passed = report["passed_over"].as_array().unwrap();
    let ids: Vec<_> = passed
        .iter()
        .filter_map(|of| of["checkpoint"].as_str())
        .collect();
    assert_eq!(ids, ["1", "2", "3"]);
    assert!(
        passed
            .iter()
            .all(|of| !of["reason"].as_str().unwrap().is_empty())
    );
    let items: Vec<_> = passed.iter().filter_map(|of| of["key"].as_str()).collect();
    assert_eq!(items.len(), 3, "{report}");
    assert_eq!(
        (
            &report["checkpoints"],
            &report["items"],
            &report["differences"]
        ),
        (&json!(5), &json!(1), &json!([]))
    );
}

#[test]
fn what_cannot_be_reached_or_is_not_there_is_said() {
    let Some(server) = Server::start(&[]) else {
        return;
    };
    let directory = TempDir::new().unwrap();
    let at = directory.path();
    drop(server.database("empty"));
    drop(saver(&server, "one"));
    server.sql(
        "one",
        "CREATE ROLE reader LOGIN; GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader",
    );
    let said = |url: &str, code: i32, word: &str| {
        let (got, report): (_, Value) = run(at, &import(url, &[]));
        let error = report["error"].as_str().unwrap_or_default();
        assert_eq!(got, Some(code), "{url}: {report}");
        assert!(error.contains(word), "{url}: {error}");
        assert!(!at.join("db").exists(), "{url}");
    };
    said(&server.url("empty"), 3, "no tables of LangGraph");
    said(&server.url("none"), 1, "does not exist");
    said("postgresql://localhost:port/x", 2, "address");
    // Whoever may only read can move from there.
    let reader = server.url("one").replace("user=postgres", "user=reader");
    let (code, report) = run(at, &import(&reader, &["--verify"]));
    assert_eq!(code, Some(0), "{report}");
}

#[test]
fn tables_of_before_paths_and_expiry_are_read() {
    let Some(server) = Server::start(&[]) else {
        return;
    };
    let directory = TempDir::new().unwrap();
    drop(server.database("old"));
    server.sql(
        "old",
        "CREATE TABLE checkpoints (thread_id TEXT NOT NULL, checkpoint_ns TEXT NOT NULL DEFAULT '', checkpoint_id TEXT NOT NULL,
            parent_checkpoint_id TEXT, type TEXT, checkpoint JSONB NOT NULL, metadata JSONB NOT NULL DEFAULT '{}',
            PRIMARY KEY (thread_id, checkpoint_ns, checkpoint_id));
        CREATE TABLE checkpoint_blobs (thread_id TEXT NOT NULL, checkpoint_ns TEXT NOT NULL DEFAULT '', channel TEXT NOT NULL,
            version TEXT NOT NULL, type TEXT NOT NULL, blob BYTEA, PRIMARY KEY (thread_id, checkpoint_ns, channel, version));
        CREATE TABLE checkpoint_writes (thread_id TEXT NOT NULL, checkpoint_ns TEXT NOT NULL DEFAULT '', checkpoint_id TEXT NOT NULL,
            task_id TEXT NOT NULL, idx INTEGER NOT NULL, channel TEXT NOT NULL, type TEXT, blob BYTEA NOT NULL,
            PRIMARY KEY (thread_id, checkpoint_ns, checkpoint_id, task_id, idx));
        CREATE TABLE store (prefix text NOT NULL, key text NOT NULL, value jsonb NOT NULL,
            created_at TIMESTAMPTZ DEFAULT CURRENT_TIMESTAMP, updated_at TIMESTAMPTZ DEFAULT CURRENT_TIMESTAMP, PRIMARY KEY (prefix, key));
        CREATE TABLE store_vectors (prefix text NOT NULL, key text NOT NULL, field_name text NOT NULL);
        INSERT INTO store VALUES ('a', 'k', '1'), ('a', 'l', '2');
        INSERT INTO store_vectors VALUES ('a', 'k', 'x'), ('a', 'k', 'y');
        INSERT INTO checkpoints VALUES ('t', '', '1', NULL, NULL, '{\"v\": 1, \"id\": \"1\", \"ts\": \"\", \"channel_versions\": {\"n\": 2}}'),
            ('t', '', '2', '1', NULL, '{\"v\": 1, \"id\": \"2\", \"ts\": \"\", \"channel_versions\": {\"n\": 2}}');
        INSERT INTO checkpoint_blobs VALUES ('t', '', 'n', '2', 'msgpack', '\\x07');
        INSERT INTO checkpoint_writes VALUES ('t', '', '1', 'task', 0, '__pregel_tasks', 'msgpack', '\\x09')",
    );
    let (code, report) = run(directory.path(), &import(&server.url("old"), &["--verify"]));
    assert_eq!(code, Some(0), "{report}");
    assert_eq!(
        (
            &report["checkpoints"],
            &report["writes"],
            &report["vectors_left"]
        ),
        (&json!(2), &json!(1), &json!(1))
    );
    let db = stepwell::db::Db::open(directory.path().join("db")).unwrap();
    let found = futures::executor::block_on(db.checkpointer().get("t", "", Some("2")));
    let found = found.unwrap().unwrap();
    assert_eq!(found.checkpoint.channel_values["n"].to_json().unwrap(), 7);
    let sent = &found.checkpoint.channel_values["__pregel_tasks"];
    assert_eq!(sent.to_json().unwrap(), json!([9]));
    // Its graph still has to translate the channels.
    assert_eq!(found.metadata.extra["__stepwell__"], json!({"v": 1}));
}

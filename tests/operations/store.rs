//! `stepwell store`: what people and programs read, and exit codes.

use std::path::Path;
use std::process::Output;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::database::{make, stepwell};

fn store(directory: &Path, arguments: &[&str]) -> Output {
    stepwell(directory, &[&["store"], arguments].concat())
}

/// The exit code, and the JSON documents that are printed, one per line.
fn asked(directory: &Path, arguments: &[&str]) -> (Option<i32>, Vec<Value>) {
    let output = store(directory, &[arguments, &["--json"]].concat());
    let text = String::from_utf8(output.stdout).unwrap();
    let documents = text.lines().map(|line| serde_json::from_str(line).unwrap());
    (output.status.code(), documents.collect())
}

fn put(directory: &Path, place: &[&str], value: &str) {
    let arguments = [&["put", "--value", value], place].concat();
    assert_eq!(asked(directory, &arguments).0, Some(0));
}

fn keys(found: &[Value]) -> Vec<&str> {
    found
        .iter()
        .map(|item| item["key"].as_str().unwrap())
        .collect()
}

#[test]
fn items_are_put_read_found_and_removed() {
    let dir = TempDir::new().unwrap();
    let dir = dir.path();
    make(dir);
    assert_eq!(asked(dir, &["ls"]), (Some(0), Vec::new()));
    put(
        dir,
        &["alice", "facts", "home"],
        r#"{"city": "Oslo", "since": 2019}"#,
    );
    put(
        dir,
        &["alice", "facts", "work"],
        r#"{"city": "Pune", "since": 2015}"#,
    );
    let odd = r#"["ålice/*", "日本 \"x\"", "--k"]"#;
    put(dir, &["--path", odd], "1");
    let expected = vec![
        json!({"namespace": ["alice", "facts"], "items": 2}),
        json!({"namespace": ["ålice/*", "日本 \"x\""], "items": 1}),
    ];
    assert_eq!(asked(dir, &["ls"]), (Some(0), expected.clone()));
    assert_eq!(asked(dir, &["ls", "alice"]).1, expected[..1]);
    let cut = json!({"namespace": ["alice"], "items": 2});
    assert_eq!(asked(dir, &["ls", "--depth", "1"]).1[0], cut);
    assert_eq!(
        keys(&asked(dir, &["ls", "--keys", "alice"]).1),
        ["home", "work"]
    );

    let (code, found) = asked(dir, &["get", "alice", "facts", "home"]);
    assert_eq!(
        (code, &found[0]["value"]["city"]),
        (Some(0), &json!("Oslo"))
    );
    assert_eq!(asked(dir, &["get", "--path", odd]).1[0]["value"], 1);
    assert_eq!(asked(dir, &["get", "alice", "home"]), (Some(1), Vec::new()));
    let plain = store(dir, &["get", "alice", "facts", "work"]);
    let plain = String::from_utf8(plain.stdout).unwrap();
    assert_eq!(plain, "{\n  \"city\": \"Pune\",\n  \"since\": 2015\n}\n");

    let filter = r#"{"since": {"$gte": 2015}}"#;
    let (code, found) = asked(dir, &["search", "--filter", filter]);
    assert_eq!((code, keys(&found)), (Some(0), vec!["work", "home"]));
    let cursor = found[0]["cursor"].as_str().unwrap();
    let rest = asked(dir, &["search", "--filter", filter, "--after", cursor]).1;
    assert_eq!(keys(&rest), ["home"]);
    assert_eq!(
        asked(dir, &["search", "alice", "--count"]).1,
        [json!({"items": 2})]
    );
    assert_eq!(
        asked(dir, &["search", "--filter", r#"{"since": 1}"#]).0,
        Some(1)
    );
    assert_eq!(
        asked(dir, &["search", "--filter", r#"{"since": {"$near": 1}}"#]).0,
        Some(2)
    );
    let how = asked(dir, &["search", "--explain", "--filter", filter]).1;
    assert_eq!(how[0]["found"], 2);

    assert_eq!(
        asked(dir, &["rm", "alice", "facts", "home"]),
        (Some(0), vec![json!({"removed": 1})])
    );
    assert_eq!(
        asked(dir, &["rm", "alice", "facts", "home"]),
        (Some(1), vec![json!({"removed": 0})])
    );
    assert_eq!(
        asked(dir, &["rm", "--below", "alice"]).1,
        [json!({"removed": 1})]
    );
    assert_eq!(
        asked(dir, &["rm", "--path", odd]).1,
        [json!({"removed": 1})]
    );
    assert_eq!(asked(dir, &["ls"]).1, [json!(null); 0]);
    assert_eq!(asked(dir, &["put", "--value", "1", "a.b", "k"]).0, Some(2));
    assert_eq!(asked(dir, &["put", "--value", "1 2", "a", "k"]).0, Some(2));
    assert_eq!(asked(dir, &["get", "alone"]).0, Some(2));
}

#[test]
fn items_are_found_by_their_words() {
    let dir = TempDir::new().unwrap();
    let dir = dir.path();
    make(dir);
    for (key, text) in [("1", "A dog and a cat"), ("2", "The cat"), ("3", "dogs")] {
        let value = json!({"text": text, "n": 1}).to_string();
        put(dir, &["--text", "text", "notes", key], &value);
    }
    put(dir, &["notes", "4"], r#"{"text": "cat"}"#);
    let (code, found) = asked(dir, &["search", "notes", "--query", "cat"]);
    assert_eq!((code, keys(&found)), (Some(0), vec!["2", "1"]));
    assert!(found[0]["score"].as_f64() > found[1]["score"].as_f64());
    assert_eq!(found[0]["cursor"], Value::Null);
    let counted = asked(dir, &["search", "--query", "cat dog", "--count"]).1;
    assert_eq!(counted, [json!({"items": 2})]);
    assert_eq!(asked(dir, &["search", "--query", "bird"]).0, Some(1));
    assert_eq!(asked(dir, &["search", "--query", ""]).0, Some(2));
    let then = ["search", "--query", "cat", "--time", "2026-01-01T00:00:00Z"];
    assert_eq!(asked(dir, &then).0, Some(2));
}

#[test]
fn what_was_is_read_by_checkpoint_and_listed() {
    let dir = TempDir::new().unwrap();
    let dir = dir.path();
    make(dir);
    put(dir, &["a", "k"], "1");
    put(dir, &["a", "k"], "2");
    asked(dir, &["rm", "a", "k"]);
    put(dir, &["a", "k"], "3");
    let history = asked(dir, &["history", "a", "k"]).1;
    let shown: Vec<_> = history
        .iter()
        .map(|version| (&version["value"], &version["ended"]["how"]))
        .collect();
    let (deleted, replaced) = (json!("deleted"), json!("replaced"));
    assert_eq!(
        shown,
        [
            (&json!(3), &Value::Null),
            (&json!(2), &deleted),
            (&json!(1), &replaced)
        ]
    );
    let number = history[1]["number"].to_string();
    let older = asked(dir, &["history", "a", "k", "--before", &number]).1;
    assert_eq!(older, history[2..]);
    // The orders are older than all items.
    assert_eq!(
        asked(dir, &["get", "a", "k", "--thread", "order-17"]),
        (Some(1), Vec::new())
    );
    let then = history[2]["updated"].as_str().unwrap();
    assert_eq!(
        asked(dir, &["get", "a", "k", "--time", then]).1[0]["value"],
        1
    );
    assert_eq!(
        asked(dir, &["search", "a", "--time", then]).1[0]["value"],
        1
    );
    assert_eq!(asked(dir, &["history", "a", "none"]).0, Some(1));

    let stats = stepwell(dir, &["stats", "--json"]);
    let stats: Value = serde_json::from_slice(&stats.stdout).unwrap();
    let store = &stats["store"];
    assert_eq!(
        (&store["items"], &store["namespaces"]),
        (&json!(1), &json!(1))
    );
    assert_eq!(
        (&store["past_values"], &store["indexed_fields"]),
        (&json!(2), &json!(0))
    );
    assert!(store["live_bytes"].as_u64() > Some(10) && store["past_bytes"].as_u64() > Some(10));
}

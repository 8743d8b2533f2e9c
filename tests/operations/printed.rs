//! What programs read of the command: JSON and exit codes.

use std::path::Path;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::database::{make, stepwell};

/// The JSON documents that a command prints, one per line.
fn documents(directory: &Path, arguments: &[&str]) -> Vec<Value> {
    let output = stepwell(directory, &[arguments, &["--json"]].concat());
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{errors}");
    let text = String::from_utf8(output.stdout).unwrap();
    let parse = |line: &str| serde_json::from_str(line).unwrap();
    text.lines().map(parse).collect()
}

fn names(threads: &[Value]) -> Vec<&str> {
    let names = threads.iter().map(|thread| thread["thread"].as_str());
    names.map(Option::unwrap).collect()
}

#[test]
fn threads_are_sorted_limited_and_chosen_by_status() {
    let dir = TempDir::new().unwrap();
    make(dir.path());
    let threads = |arguments: &[&str]| documents(dir.path(), &[&["threads"], arguments].concat());
    let all = threads(&["--sort", "name"]);
    assert_eq!(names(&all), ["order-17", "order-18", "order-19"]);
    assert_eq!(
        names(&threads(&[])),
        ["order-17", "order-19", "order-18"],
        "the one that changed last first"
    );
    assert_eq!(names(&threads(&["--limit", "1"])), ["order-17"]);
    let chosen = threads(&["--status", "interrupted", "--limit", "5"]);
    assert_eq!(names(&chosen), ["order-19"]);
    assert_eq!(names(&threads(&["--prefix", "order-18"])), ["order-18"]);
    assert_eq!(names(&threads(&["--metadata", "step=3"])), ["order-17"]);
    let cursor = threads(&["--limit", "2"])[1]["cursor"].clone();
    let cursor = cursor.as_str().unwrap();
    assert_eq!(names(&threads(&["--after", cursor])), ["order-18"]);

    let mut failed = all[1].clone();
    for time in ["created", "updated"] {
        let time = failed.as_object_mut().unwrap().remove(time).unwrap();
        assert!(time.as_str().unwrap().ends_with('Z'));
    }

    let cursor = failed.as_object_mut().unwrap().remove("cursor").unwrap();
    let cursor = cursor.as_str().unwrap();
    assert_eq!(names(&threads(&["--after", cursor])), [""; 0]);
    assert!(
        failed
            .as_object_mut()
            .unwrap()
            .remove("bytes")
            .unwrap()
            .as_u64()
            > Some(0)
    );
    assert_eq!(
        failed,
        json!({
            "thread": "order-18", "status": "unfinished", "checkpoints": 2, "subgraphs": 0,
            "next": ["price_it"], "failure": {"node": "price_it", "message": "no price for a unicorn"},
        })
    );
    assert_eq!(
        (&chosen[0]["waits_for"], &chosen[0]["next"]),
        (&json!("answer"), &json!(["approve"]))
    );
}

#[test]
fn a_history_is_one_document_per_checkpoint_newest_first_without_values() {
    let dir = TempDir::new().unwrap();
    make(dir.path());
    let history = documents(dir.path(), &["history", "--thread", "order-17"]);
    let steps: Vec<&Value> = history.iter().map(|c| &c["metadata"]["step"]).collect();
    assert_eq!(steps, [3, 2, 1, 0, -1]);
    for (newer, older) in history.iter().zip(&history[1..]) {
        assert_eq!(newer["parent"], older["id"]);
    }
    assert_eq!(history[0]["channels"]["price"], json!({"version": 3}));
    let third = history[2]["id"].as_str().unwrap();
    let chosen = [
        "history", "--thread", "order-17", "--before", third, "--limit", "1", "--sizes",
    ];
    let chosen = documents(dir.path(), &chosen);
    assert_eq!(chosen.len(), 1);
    assert_eq!(chosen[0]["id"], history[3]["id"]);
    assert_eq!(
        chosen[0]["channels"]["item"],
        json!({"version": 2, "type": "json", "bytes": 6})
    );
    let writes = history[1]["pending_writes"].as_array().unwrap();
    assert_eq!(writes[0]["channel"], "log");
    assert_eq!(writes[0]["task_path"], "~__pregel_pull, ship");
}

#[test]
fn a_checkpoint_is_shown_whole() {
    let dir = TempDir::new().unwrap();
    make(dir.path());
    let history = documents(dir.path(), &["history", "--thread", "order-17"]);
    let id = history[2]["id"].as_str().unwrap();
    let shown = documents(
        dir.path(),
        &["show", "--thread", "order-17", "--checkpoint", &id[..23]],
    );
    let [shown] = shown.try_into().unwrap();
    assert_eq!(shown["id"], id);
    assert_eq!(
        shown["channels"]["log"],
        json!({"version": 3, "type": "json", "bytes": 15, "value": ["priced lamp"]})
    );
    let writes = shown["pending_writes"].as_array().unwrap();
    let asked = writes.iter().find(|w| w["channel"] == "__interrupt__");
    assert_eq!(asked.unwrap()["value"][0]["value"], "Ship it?");
}

#[test]
fn checkpoints_to_compare_may_be_abbreviated_and_left_out() {
    let dir = TempDir::new().unwrap();
    make(dir.path());
    let of = ["--thread", "order-17"];
    let history = documents(dir.path(), &["history", of[0], of[1]]);
    let id = |at: usize| &history[at]["id"].as_str().unwrap()[..23];
    let diff = |ids: &[&str]| {
        let found = documents(dir.path(), &[&["diff", of[0], of[1]], ids].concat());
        let [found] = found.try_into().unwrap();
        let full = |at: &str| found[at]["id"].as_str().unwrap()[..23].to_owned();
        let grew = found["channels"]["log"]["how"]["changes"][0]["by"].clone();
        (full("from"), full("to"), grew)
    };
    let from_to = |a: usize, b: usize, grew: Value| (id(a).to_owned(), id(b).to_owned(), grew);
    assert_eq!(diff(&[]), from_to(1, 0, json!(1)));
    assert_eq!(diff(&[id(1)]), from_to(2, 1, json!(1)));
    assert_eq!(diff(&[id(2), id(0)]), from_to(2, 0, json!(2)));
    assert_eq!(diff(&[id(0), id(2)]), from_to(0, 2, json!(2)));
    assert_eq!(diff(&[id(1), id(1)]), from_to(1, 1, Value::Null));

    let code = |ids: &[&str]| {
        let arguments = [&["diff", "--exit-code", of[0], of[1]], ids].concat();
        stepwell(dir.path(), &arguments).status.code()
    };
    assert_eq!(code(&[]), Some(1));
    assert_eq!(code(&[id(1), id(1)]), Some(0));
    assert_eq!(code(&[id(4)]), Some(2), "it has no parent");
    assert_eq!(code(&["1", id(1)]), Some(2), "it is not unique");
    assert_eq!(code(&["none"]), Some(2));
}

//! Threads and items that LangGraph in Python and this crate have in common, with the real packages.
//!
//! Needs Python with `langgraph-checkpoint-sqlite`: that which `STEPWELL_LANGGRAPH_PYTHON` names, or one that is installed
//! into `target`. Where neither can be had, each test says that it was skipped.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "a test fails by panicking"
)]

mod python;

use futures::StreamExt;
use serde_json::{Value, json};
use stepwell::checkpoint::{Checkpointer, ListQuery, StatusKind, ThreadQuery};
use stepwell::db::Db;
use stepwell::graph::{
    Channel, Command, CompiledGraph, Config, NodeResult, Runtime, START, State, StateGraph,
};
use stepwell::sqlite::{SqliteSaver, SqliteStore};
use stepwell::store::{Ending, Search, Store};
use stepwell::transfer::{Place, Transfer, TransferReport};
use tempfile::TempDir;

use python::Python;

async fn think(state: State) -> Value {
    let messages = state["messages"].as_array().unwrap();
    let last = messages.last().unwrap();
    json!({"messages": [{
        "role": "assistant",
        "content": format!("re: {}", last["content"].as_str().unwrap()),
        "id": format!("r{}", messages.len()),
    }]})
}

async fn ask(_: State, runtime: Runtime) -> NodeResult {
    Ok(json!({"answer": runtime.interrupt(json!({"ask": "ok?"}))?}))
}

/// The graph of `langgraph_peer.py`.
fn graph(saver: impl Checkpointer) -> CompiledGraph {
    StateGraph::new()
        .add_channel("messages", Channel::messages())
        .add_channel("plain", Channel::last())
        .add_channel("opaque", Channel::last())
        .add_channel("name", Channel::last())
        .add_channel("answer", Channel::last())
        .add_node("think", think)
        .add_node("ask", ask)
        .add_edge(START, "think")
        .add_edge("think", "ask")
        .with_checkpointer(saver)
        .compile()
        .unwrap()
}

/// What Python shows of the objects that only it knows.
fn opaque_in_python() -> Value {
    json!({
        "point": "Point(x=1, y=2.5)",
        "id": "UUID('00000000-0000-0000-0000-000000000007')",
        "raw": "b'\\x00\\xff'",
    })
}

fn directory_and_file() -> (TempDir, String) {
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("threads.sqlite");
    let file = file.to_str().unwrap().to_owned();
    (directory, file)
}

fn message(kind: &str, content: &str, id: &str) -> Value {
    json!({"type": kind, "content": content, "id": id})
}

#[tokio::test]
async fn what_python_wrote_is_listed_read_and_resumed() {
    let Some(python) = Python::find() else { return };
    let (_directory, file) = directory_and_file();
    let written = python.run("write", &file, "t");
    let saver = SqliteSaver::open(&file).unwrap();
    let found: Vec<_> = saver.list(ListQuery::of("t", "")).collect().await;
    let ids: Vec<_> = found
        .iter()
        .map(|of| of.as_ref().unwrap().checkpoint.id.clone())
        .collect();
    let history = written["history"].as_array().unwrap();
    let in_python: Vec<_> = history
        .iter()
        .map(|of| of["id"].as_str().unwrap())
        .collect();
    assert_eq!(ids, in_python);
    for (found, of) in found.iter().zip(history) {
        let found = found.as_ref().unwrap();
        assert_eq!(found.parent_id.as_deref(), of["parent"].as_str());
        let messages = found
            .checkpoint
            .channel_values
            .get("messages")
            .map(|of| of.to_json().unwrap());
        let contents = |of: &Value| -> Vec<Value> {
            let list = of.as_array().into_iter().flatten();
            list.map(|message| json!([message["content"], message["id"]]))
                .collect()
        };
        assert_eq!(
            messages.map(|of| contents(&of)).unwrap_or_default(),
            contents(&of["values"]["messages"])
        );
    }
    let threads = saver.list_threads(ThreadQuery::default()).await.unwrap();
    assert_eq!(
        threads[0].status.as_ref().unwrap().kind(),
        StatusKind::Interrupted
    );

    let graph = graph(saver.clone());
    let config = Config::thread("t");
    let state = graph.get_state(&config).await.unwrap();
    assert_eq!(state.interrupts[0].value, json!({"ask": "ok?"}));
    assert_eq!(
        state.values["plain"],
        json!({"n": 1, "f": 0.5, "list": [null, true, "ü"]})
    );
    assert_eq!(
        state.values["opaque"]["point"]["kwargs"],
        json!({"x": 1, "y": 2.5})
    );
    assert_eq!(state.values["messages"][1]["role"], "assistant");
    let out = graph.invoke(Command::resume("yes"), &config).await.unwrap();
    assert_eq!(out["answer"], "yes");
    let more = json!({"messages": [{"role": "user", "content": "from Rust", "id": "x1"}]});
    assert!(graph.invoke(more, &config).await.unwrap().is_interrupted());

    let resumed = python.run("resume", &file, "t");
    let values = &resumed["values"];
    assert_eq!(values["opaque"], opaque_in_python());
    assert_eq!(values["answer"], "yes");
    let messages = json!([
        message("human", "hello", "h1"),
        message("ai", "re: hello", "a1"),
        message("human", "from Rust", "x1"),
        message("ai", "re: from Rust", "r3"),
    ]);
    assert_eq!(values["messages"], messages);
    let again = python.run("again", &file, "t");
    assert_eq!(again["values"]["messages"][5]["content"], "re: more");
}

#[tokio::test]
async fn what_rust_wrote_is_read_and_resumed_by_python() {
    let Some(python) = Python::find() else { return };
    let (_directory, file) = directory_and_file();
    let graph = graph(SqliteSaver::open(&file).unwrap());
    let config = Config::thread("t");
    let input = json!({"messages": [{"role": "user", "content": "hi", "id": "h1"}], "plain": {"a": [1, 0.5]}, "opaque": 1});
    assert!(graph.invoke(input, &config).await.unwrap().is_interrupted());
    let seen = python.run("read", &file, "t");
    assert_eq!(seen["history"][0]["next"], json!(["ask"]));
    assert_eq!(seen["history"][0]["interrupts"], json!([{"ask": "ok?"}]));
    assert_eq!(seen["values"]["plain"], json!({"a": [1, 0.5]}));
    let expected = json!([message("human", "hi", "h1"), message("ai", "re: hi", "r1")]);
    assert_eq!(seen["values"]["messages"], expected);
    let resumed = python.run("resume", &file, "t");
    assert_eq!(resumed["values"]["answer"], "yes");
    assert_eq!(resumed["history"][0]["next"], json!([]));
    let state = graph.get_state(&config).await.unwrap();
    assert_eq!(state.values["answer"], "yes");
    python.run("again", &file, "t");
    let out = graph.invoke(Command::resume("no"), &config).await.unwrap();
    assert_eq!(out["answer"], "no");
}

#[tokio::test]
async fn items_are_the_same_for_both() {
    let Some(python) = Python::find() else { return };
    let (_directory, file) = directory_and_file();
    python.run("items", &file, "write");
    let store = SqliteStore::open(&file).unwrap();
    let found = store.search(Search::new(&["users"])).await.unwrap();
    let names: Vec<_> = found
        .iter()
        .map(|item| (item.namespace.join("/"), item.key.clone()))
        .collect();
    assert_eq!(names, [("users/ada".to_owned(), "likes".to_owned())]);
    assert_eq!(found[0].value, json!({"tea": true, "n": [1, 2.5, null]}));
    std::thread::sleep(std::time::Duration::from_millis(20));
    assert_eq!(store.get(&["gone"], "soon").await.unwrap(), None);
    store
        .put(&["users", "bob"], "likes", json!({"tea": false}))
        .await
        .unwrap();
    let seen = python.run("items", &file, "read");
    assert_eq!(
        seen,
        json!([
            ["users.ada", "likes", {"tea": true, "n": [1, 2.5, null]}],
            ["users.bob", "likes", {"tea": false}],
        ])
    );
    // What Python replaces or deletes is kept.
    python.run("items", &file, "change");
    let ended = async |user: &str| {
        let history = store.history(&["users", user], "likes").await.unwrap();
        let versions = history.versions.into_iter();
        let versions = versions.map(|of| (of.item.value["tea"].clone(), of.ended.map(|of| of.how)));
        versions.collect::<Vec<_>>()
    };
    let replaced = [(json!(0), None), (json!(true), Some(Ending::Replaced))];
    assert_eq!(ended("ada").await, replaced);
    assert_eq!(ended("bob").await, [(json!(false), Some(Ending::Deleted))]);
}

async fn moved(from: &Place, to: &Place) -> TransferReport {
    let transfer = Transfer {
        verify: true,
        ..Transfer::default()
    };
    let report = transfer.run(from, to, &mut |_| {}).await.unwrap();
    assert_eq!(report.differences, Vec::<String>::new());
    assert!(report.is_complete());
    report
}

#[tokio::test]
async fn what_was_imported_and_exported_is_gone_on_with() {
    let Some(python) = Python::find() else { return };
    let (directory, file) = directory_and_file();
    python.run("write", &file, "t");
    python.run("items", &file, "write");
    let db = Db::open(directory.path().join("db")).unwrap();
    let in_db = Place::database(&db);
    let in_file = Place::sqlite_to_read(&file).unwrap();
    let report = moved(&in_file, &in_db).await;
    assert_eq!(
        (report.threads, report.checkpoints, report.items),
        (1, 5, 3)
    );
    // What was moved is not moved again.
    let report = moved(&in_file, &in_db).await;
    assert_eq!(
        (report.checkpoints, report.present, report.items),
        (0, 5, 0)
    );

    let config = Config::thread("t");
    let graph = graph(db.checkpointer());
    let out = graph.invoke(Command::resume("yes"), &config).await.unwrap();
    assert_eq!(out["answer"], "yes");
    let more = json!({"messages": [{"role": "user", "content": "from Rust", "id": "x1"}]});
    assert!(graph.invoke(more, &config).await.unwrap().is_interrupted());

    let out = directory.path().join("out.sqlite");
    let out = out.to_str().unwrap();
    moved(&in_db, &Place::sqlite(out).unwrap()).await;
    let resumed = python.run("resume", out, "t");
    assert_eq!(resumed["values"]["opaque"], opaque_in_python());
    assert_eq!(
        resumed["values"]["messages"][3],
        message("ai", "re: from Rust", "r3")
    );
    assert_eq!(resumed["values"]["answer"], "yes");
    python.run("again", out, "t");
    let seen = python.run("items", out, "read");
    let ada = json!(["users.ada", "likes", {"tea": true, "n": [1, 2.5, null]}]);
    assert_eq!(seen, json!([ada]));
    let times = |of: &str| -> Vec<Value> {
        let all = python.run("items", of, "times");
        // LangGraph's store gives what has expired as long as nobody has removed it.
        let there = all.as_array().unwrap().iter().filter(|of| of[0] != "soon");
        there.cloned().collect()
    };
    assert_eq!(times(out), times(&file));
}

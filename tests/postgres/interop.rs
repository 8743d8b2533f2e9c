//! Threads that LangGraph in Python and this crate have in common, with the real package on one server.
//!
//! Needs Python with `langgraph-checkpoint-postgres`: that which `STEPWELL_LANGGRAPH_PYTHON` names, or one that is installed into
//! `target`. Where neither can be had, the tests say so.

use std::path::{Path, PathBuf};
use std::process::Command as Process;
use std::sync::{Arc, OnceLock};

use serde_json::{Value, json};
use stepwell::checkpoint::{CheckpointTuple, Checkpointer, ListQuery};
use stepwell::graph::{
    Channel, Command, CompiledGraph, Config, Input, NodeResult, Runtime, START, State, StateGraph,
};
use stepwell::postgres::Postgres;
use stepwell::store::{Search, Store};

use crate::saver::Saver;
use crate::server::Server;

const PACKAGES: [&str; 3] = [
    "langgraph>=1.2,<2",
    "langgraph-checkpoint-postgres>=3.2,<4",
    "psycopg[binary]",
];

/// A Python that has LangGraph and its saver for PostgreSQL.
pub(crate) fn python() -> Option<PathBuf> {
    static FOUND: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    let found = FOUND.get_or_init(|| match std::env::var_os("STEPWELL_LANGGRAPH_PYTHON") {
        Some(named) => has_it(named.into()),
        None => installed(),
    });
    match found {
        Ok(path) => Some(path.clone()),
        Err(reason) => {
            println!("SKIPPED: there is no LangGraph to test with: {reason}");
            None
        }
    }
}

fn has_it(python: PathBuf) -> Result<PathBuf, String> {
    let imports = "import langgraph.graph, langgraph.checkpoint.postgres";
    run(Process::new(&python).args(["-c", imports])).map(|()| python)
}

fn installed() -> Result<PathBuf, String> {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("langgraph-postgres");
    let python = directory.join("bin/python");
    if let Ok(python) = has_it(python.clone()) {
        return Ok(python);
    }
    run(Process::new("python3").args(["-m", "venv"]).arg(&directory))?;
    let install = ["-m", "pip", "install", "--quiet"];
    run(Process::new(&python).args(install).args(PACKAGES))?;
    has_it(python)
}

fn run(command: &mut Process) -> Result<(), String> {
    let output = command.output().map_err(|error| error.to_string())?;
    match output.status.success() {
        true => Ok(()),
        false => Err(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
    }
}

/// Has `langgraph_peer.py` do something to a thread.
pub(crate) fn peer(python: &Path, what: &str, address: &str, thread: &str) -> Value {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/common/langgraph_peer.py");
    let output = Process::new(python)
        .arg(script)
        .args([what, address, thread])
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{what}: {errors}");
    serde_json::from_slice(&output.stdout).unwrap()
}

fn set_up() -> Option<(PathBuf, Server, String)> {
    let python = python()?;
    let server = Server::start(&[])?;
    let address = server.database("shared");
    Some((python, server, address))
}

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
pub(crate) fn graph(saver: impl Checkpointer) -> CompiledGraph {
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

fn message(kind: &str, content: &str, id: &str) -> Value {
    json!({"type": kind, "content": content, "id": id})
}

/// Content and id of each message of a checkpoint, or of what Python shows of one.
fn contents(messages: Option<&Value>) -> Vec<Value> {
    let list = messages.and_then(Value::as_array).into_iter().flatten();
    list.map(|of| json!([of["content"], of["id"]])).collect()
}

/// Both see the same checkpoints with the same messages.
fn agree(list: &[CheckpointTuple], seen: &Value) {
    let history = seen["history"].as_array().unwrap();
    assert_eq!(list.len(), history.len());
    for (found, of) in list.iter().zip(history) {
        assert_eq!(found.checkpoint.id, of["id"].as_str().unwrap());
        assert_eq!(found.parent_id.as_deref(), of["parent"].as_str());
        let messages = found.checkpoint.channel_values.get("messages");
        let messages = messages.map(|of| of.to_json().unwrap());
        assert_eq!(
            contents(messages.as_ref()),
            contents(Some(&of["values"]["messages"]))
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_python_wrote_is_listed_read_and_resumed() {
    let Some((python, _server, address)) = set_up() else {
        return;
    };
    let written = peer(&python, "write", &address, "t");
    let postgres = Postgres::connect(&address).unwrap();
    // On tables that LangGraph has made.
    postgres.setup().await.unwrap();
    let saver = postgres.checkpointer();
    let list = || Saver::of(Arc::new(saver.clone())).list(ListQuery::of("t", ""));
    let found = tokio::task::block_in_place(list);
    agree(&found, &written);
    let graph = graph(saver.clone());
    let config = Config::thread("t");
    let state = graph.get_state(&config).await.unwrap();
    assert_eq!(state.interrupts[0].value, json!({"ask": "ok?"}));
    assert_eq!(
        state.values["plain"],
        json!({"n": 1, "f": 0.5, "list": [null, true, "ü"]})
    );
    // LangGraph keeps it in the checkpoint's row.
    assert_eq!(state.values["name"], "ada");
    assert_eq!(
        state.values["opaque"]["point"]["kwargs"],
        json!({"x": 1, "y": 2.5})
    );
    let out = graph.invoke(Command::resume("yes"), &config).await.unwrap();
    assert_eq!(out["answer"], "yes");
    let more = json!({"messages": [{"role": "user", "content": "from Rust", "id": "x1"}]});
    assert!(graph.invoke(more, &config).await.unwrap().is_interrupted());

    let resumed = peer(&python, "resume", &address, "t");
    let values = &resumed["values"];
    assert_eq!(values["name"], "ada");
    assert_eq!(
        values["opaque"],
        json!({
            "point": "Point(x=1, y=2.5)",
            "id": "UUID('00000000-0000-0000-0000-000000000007')",
            "raw": "b'\\x00\\xff'",
        })
    );
    assert_eq!(
        values["messages"],
        json!([
            message("human", "hello", "h1"),
            message("ai", "re: hello", "a1"),
            message("human", "from Rust", "x1"),
            message("ai", "re: from Rust", "r3"),
        ])
    );
    let again = peer(&python, "again", &address, "t");
    assert_eq!(again["values"]["messages"][5]["content"], "re: more");
    agree(&tokio::task::block_in_place(list), &again);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_rust_wrote_is_read_and_resumed_by_python() {
    let Some((python, _server, address)) = set_up() else {
        return;
    };
    let postgres = Postgres::connect(&address).unwrap();
    postgres.setup().await.unwrap();
    let saver = postgres.checkpointer();
    let list = || Saver::of(Arc::new(saver.clone())).list(ListQuery::of("t", ""));
    let graph = graph(saver.clone());
    let config = Config::thread("t");
    let input = json!({
        "messages": [{"role": "user", "content": "hi", "id": "h1"}],
        "plain": {"a": [1, 0.5]},
        "opaque": 1,
        "name": "bob",
    });
    assert!(graph.invoke(input, &config).await.unwrap().is_interrupted());
    let seen = peer(&python, "read", &address, "t");
    assert_eq!(seen["history"][0]["next"], json!(["ask"]));
    assert_eq!(seen["history"][0]["interrupts"], json!([{"ask": "ok?"}]));
    assert_eq!(seen["values"]["plain"], json!({"a": [1, 0.5]}));
    assert_eq!(seen["values"]["name"], "bob");
    let expected = json!([message("human", "hi", "h1"), message("ai", "re: hi", "r1")]);
    assert_eq!(seen["values"]["messages"], expected);
    agree(&tokio::task::block_in_place(list), &seen);
    let resumed = peer(&python, "resume", &address, "t");
    assert_eq!(resumed["values"]["answer"], "yes");
    assert_eq!(resumed["history"][0]["next"], json!([]));
    let state = graph.get_state(&config).await.unwrap();
    assert_eq!(state.values["answer"], "yes");
    peer(&python, "again", &address, "t");
    let out = graph.invoke(Command::resume("no"), &config).await.unwrap();
    assert_eq!(out["answer"], "no");
    let deleted = peer(&python, "delete", &address, "t");
    assert_eq!(deleted["history"], json!([]));
    assert!(tokio::task::block_in_place(list).is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn forks_of_either_have_their_own_values_for_both() {
    let Some((python, _server, address)) = set_up() else {
        return;
    };
    let postgres = Postgres::connect(&address).unwrap();
    postgres.setup().await.unwrap();
    let saver = postgres.checkpointer();
    let list = || Saver::of(Arc::new(saver.clone())).list(ListQuery::of("t", ""));
    let graph = graph(saver.clone());
    let config = Config::thread("t");
    let say = |text: &str| json!({"messages": [{"role": "user", "content": text, "id": "h1"}]});
    graph.invoke(say("one"), &config).await.unwrap();
    let history = tokio::task::block_in_place(list);
    // The checkpoint before `think`, from which all forks start with the same versions.
    let first = history[history.len() - 2].checkpoint.id.clone();
    for text in ["two", "three"] {
        let past = config.clone().at(&first);
        let fork = graph.update_state(&past, say(text), None).await.unwrap();
        graph.invoke(Input::Continue, &fork).await.unwrap();
    }
    let seen = peer(&python, "read", &address, "t");
    agree(&tokio::task::block_in_place(list), &seen);
    let answers: Vec<_> = (seen["history"].as_array().unwrap().iter())
        .filter_map(|of| of["values"]["messages"][1]["content"].as_str())
        .collect();
    for answer in ["re: one", "re: two", "re: three"] {
        assert!(answers.contains(&answer), "{answers:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn items_are_the_same_for_both() {
    let Some((python, _server, address)) = set_up() else {
        return;
    };
    peer(&python, "items", &address, "write");
    let postgres = Postgres::connect(&address).unwrap();
    postgres.setup().await.unwrap();
    let store = postgres.store();
    let found = store.search(Search::new(&["users"])).await.unwrap();
    let names: Vec<_> = found.iter().map(|of| of.namespace.join("/")).collect();
    assert_eq!(names, ["users/ada"]);
    assert_eq!(found[0].value, json!({"tea": true, "n": [1, 2.5, null]}));
    let created = found[0].created_at;
    let new = json!({"tea": false});
    store.put(&["users", "ada"], "likes", new).await.unwrap();
    store
        .put(&["users", "bob"], "likes", json!({"n": 1e300}))
        .await
        .unwrap();
    let ada = store
        .get(&["users", "ada"], "likes")
        .await
        .unwrap()
        .unwrap();
    assert_eq!(ada.created_at, created);
    let seen = peer(&python, "items", &address, "read");
    assert_eq!(seen[0], json!(["users.ada", "likes", {"tea": false}]));
    assert_eq!(seen[1][2]["n"].as_f64(), Some(1e300));
    // Python has put it anew: what was noted of the value before does not count.
    peer(&python, "items", &address, "write");
    let ada = store
        .get(&["users", "ada"], "likes")
        .await
        .unwrap()
        .unwrap();
    assert_eq!(ada.value["tea"], true);
    // What either replaced is kept.
    let history = store.history(&["users", "ada"], "likes").await.unwrap();
    let versions = history
        .versions
        .iter()
        .map(|of| of.item.value["tea"].clone());
    assert_eq!(versions.collect::<Vec<_>>(), [true, false, true]);
}

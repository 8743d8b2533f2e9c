//! What outlives the process.

use serde_json::json;
use stepwell::checkpoint::MemorySaver;
use stepwell::db::Db;
use stepwell::graph::{Channel, Config, END, START, StateGraph};
use stepwell::store::{MemoryStore, Store};

use crate::kept::{len, writes};

fn chat() -> StateGraph {
    StateGraph::new()
        .add_channel("messages", Channel::append())
        .add_node("respond", writes(json!({"messages": ["Bot response"]})))
        .add_edge(START, "respond")
        .add_edge("respond", END)
}

#[tokio::test]
async fn what_a_memory_saver_kept_is_gone_with_it() {
    let config = Config::thread("t");
    for _ in 0..2 {
        let graph = chat()
            .with_checkpointer(MemorySaver::new())
            .compile()
            .unwrap();
        let out = graph
            .invoke(json!({"messages": ["Hello"]}), &config)
            .await
            .unwrap();
        assert_eq!(len(&out["messages"]), 2);
    }
    let store = MemoryStore::new();
    store.put(&["facts"], "k", json!({"v": 1})).await.unwrap();
    assert!(
        MemoryStore::new()
            .get(&["facts"], "k")
            .await
            .unwrap()
            .is_none()
    );
}

#[tokio::test]
async fn what_a_database_kept_survives_the_process() {
    let directory = tempfile::tempdir().unwrap();
    let config = Config::thread("t");
    for run in 1..=3 {
        let db = Db::open(directory.path().join("agents.stepwell")).unwrap();
        let graph = chat()
            .with_checkpointer(db.checkpointer())
            .with_store(db.store())
            .compile()
            .unwrap();
        let out = graph
            .invoke(json!({"messages": ["Hello"]}), &config)
            .await
            .unwrap();
        assert_eq!(len(&out["messages"]), 2 * run);
        let store = db.store();
        let seen = store.get(&["facts"], "k").await.unwrap();
        assert_eq!(
            seen.map(|item| item.value),
            (run > 1).then(|| json!({"run": run - 1}))
        );
        store
            .put(&["facts"], "k", json!({"run": run}))
            .await
            .unwrap();
        db.close().unwrap();
    }
}

#[tokio::test]
async fn a_database_survives_a_process_that_does_not_close_it() {
    let directory = tempfile::tempdir().unwrap();
    let config = Config::thread("t");
    for run in 1..=3 {
        let db = Db::open(directory.path().join("agents.stepwell")).unwrap();
        let graph = chat()
            .with_checkpointer(db.checkpointer())
            .compile()
            .unwrap();
        let out = graph
            .invoke(json!({"messages": ["Hello"]}), &config)
            .await
            .unwrap();
        assert_eq!(len(&out["messages"]), 2 * run);
    }
}

#[tokio::test]
async fn a_database_needs_no_setup_and_has_one_owner() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("agents.stepwell");
    let db = Db::open(&path).unwrap();
    let second = Db::open(&path).unwrap_err();
    assert!(second.to_string().contains("agents.stepwell"), "{second}");
    db.close().unwrap();
    Db::open(&path).unwrap();
}

#[tokio::test]
async fn checkpoints_and_long_term_memory_share_one_database() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("agents.stepwell");
    let db = Db::open(&path).unwrap();
    let graph = chat()
        .with_checkpointer(db.checkpointer())
        .compile()
        .unwrap();
    graph.invoke(json!({}), &Config::thread("t")).await.unwrap();
    db.store().put(&["u"], "k", json!(1)).await.unwrap();
    db.checkpointer();
    drop(graph);
    db.close().unwrap();
    let db = Db::open(&path).unwrap();
    let graph = chat()
        .with_checkpointer(db.checkpointer())
        .compile()
        .unwrap();
    assert_eq!(
        graph.get_state(&Config::thread("t")).await.unwrap().values,
        json!({"messages": ["Bot response"]})
    );
    assert_eq!(
        db.store().get(&["u"], "k").await.unwrap().unwrap().value,
        json!(1)
    );
}

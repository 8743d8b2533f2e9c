//! What a run sees of what its nodes did to the store, and with which options they do it.

use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use serde_json::json;
use stepwell::db::Db;
use stepwell::graph::{
    Channel, Command, Config, Durability, NodeError, NodeResult, Runtime, START, State, StateGraph,
};
use stepwell::store::{Embedder, Embedding, Put, Search, Store, StoreOptions, TextFields};
use stepwell::testing::SimFs;

use crate::store_writes::{FACTS, on, remember, value};

async fn recall(_: State, runtime: Runtime) -> NodeResult {
    let item = runtime.store()?.get(FACTS, "inner").await?;
    Ok(json!({"log": [item.map(|item| item.value)]}))
}

const DURABILITIES: [Durability; 3] = [Durability::Sync, Durability::Async, Durability::Exit];

/// A graph that puts in its first step and reads in its second.
fn remembers_and_recalls(channels: StateGraph) -> StateGraph {
    channels
        .add_node("remember", remember)
        .add_node("recall", recall)
        .add_edge(START, "remember")
        .add_edge("remember", "recall")
}

#[tokio::test]
async fn a_later_step_sees_what_an_earlier_one_of_its_run_did_whatever_is_saved_when() {
    for durability in DURABILITIES {
        for place in [None, Some(None), Some(Some(false)), Some(Some(true))] {
            let dir = tempfile::tempdir().unwrap();
            let db = Db::open(dir.path()).unwrap();
            let graph = match place {
                None => remembers_and_recalls(on(&db)),
                Some(mode) => {
                    let channels = StateGraph::new().add_channel("log", Channel::append());
                    let mut child = remembers_and_recalls(channels);
                    if let Some(mode) = mode {
                        child = child.with_checkpointer(mode);
                    }
                    on(&db)
                        .add_node("child", child.compile().unwrap())
                        .add_edge(START, "child")
                }
            };
            let graph = graph.compile().unwrap();
            for run in 0..20 {
                let config = Config::thread(format!("{run}")).durability(durability);
                let out = graph.invoke(json!({}), &config).await.unwrap();
                let seen = json!(["inner", "kept"]);
                assert_eq!(out["log"], seen, "{durability:?} {place:?} {run}");
                assert_eq!(value(&db, "inner").await, Some(json!("kept")));
                db.store().delete(FACTS, "inner").await.unwrap();
            }
        }
    }
}

#[tokio::test]
async fn a_run_sees_what_others_did_to_what_it_has_committed() {
    for durability in [Durability::Sync, Durability::Async] {
        let dir = tempfile::tempdir().unwrap();
        let db = Db::open(dir.path()).unwrap();
        let outside = db.clone();
        let graph = on(&db)
            .add_node("remember", remember)
            .add_node("others", move |_: State| {
                let db = outside.clone();
                async move {
                    // The log is in order: with this, what the step before did is acknowledged.
                    db.store().put(FACTS, "inner", json!("theirs")).await?;
                    NodeResult::Ok(json!({}))
                }
            })
            .add_node("recall", recall)
            .add_edge(START, "remember")
            .add_edge("remember", "others")
            .add_edge("others", "recall")
            .compile()
            .unwrap();
        let config = Config::thread("t").durability(durability);
        let out = graph.invoke(json!({}), &config).await.unwrap();
        assert_eq!(out["log"], json!(["inner", "theirs"]), "{durability:?}");
    }
}

#[tokio::test]
async fn what_a_task_did_that_commands_the_parent_graph_goes_with_the_command() {
    for durability in DURABILITIES {
        for mode in [None, Some(false), Some(true)] {
            let dir = tempfile::tempdir().unwrap();
            let db = Db::open(dir.path()).unwrap();
            let mut child = StateGraph::new()
                .add_channel("log", Channel::append())
                .add_node("remember", remember)
                .add_node("commands", |_: State, runtime: Runtime| async move {
                    let store = runtime.store()?;
                    store.put(FACTS, "last", json!("kept")).await?;
                    store.put(FACTS, "inner", json!("changed")).await?;
                    let command = Command::new().update(json!({"log": ["command"]}));
                    Ok::<_, NodeError>(command.goto("recall").to_parent())
                })
                .add_edge(START, "remember")
                .add_edge("remember", "commands");
            if let Some(mode) = mode {
                child = child.with_checkpointer(mode);
            }
            let graph = on(&db)
                .add_node("child", child.compile().unwrap())
                .add_node("recall", recall)
                .add_edge(START, "child")
                .compile()
                .unwrap();
            let config = Config::thread("t").durability(durability);
            let out = graph.invoke(json!({}), &config).await.unwrap();
            let case = format!("{durability:?} {mode:?}");
            assert_eq!(out["log"], json!(["command", "changed"]), "{case}");
            assert_eq!(value(&db, "last").await, Some(json!("kept")), "{case}");
            assert_eq!(value(&db, "inner").await, Some(json!("changed")), "{case}");
        }
    }
}

#[derive(Debug)]
struct Constant;

impl Embedder for Constant {
    fn name(&self) -> &str {
        "constant"
    }

    fn dimension(&self) -> usize {
        2
    }

    fn embed(&self, texts: Vec<String>) -> BoxFuture<'_, Embedding<Vec<Vec<f32>>>> {
        let vectors = texts.iter().map(|_| vec![1.0, 0.0]).collect();
        async move { Ok(vectors) }.boxed()
    }
}

#[tokio::test]
async fn what_nodes_put_is_embedded_by_the_embedder_of_the_handle() {
    let dir = tempfile::tempdir().unwrap();
    let options = StoreOptions::default().texts(&[], TextFields::new(["text"]));
    let db = Db::options().store(options).open(dir.path()).unwrap();
    let store = db.store().with_embedder(Constant);
    let graph = on(&db)
        .with_store(store.clone())
        .add_node("n", |_: State, runtime: Runtime| async move {
            let item = json!({"text": "bees"});
            runtime.store()?.put(FACTS, "k", item).await?;
            NodeResult::Ok(json!({}))
        })
        .add_edge(START, "n")
        .compile()
        .unwrap();
    graph.invoke(json!({}), &Config::thread("t")).await.unwrap();
    let search = Search::new(FACTS).query("bees");
    let found = store.search(search).await.unwrap();
    assert!(found[0].score.is_some());
}

#[tokio::test]
async fn what_a_node_put_and_has_expired_is_gone_for_the_node_too() {
    let fs = SimFs::new(1);
    let db = Db::options().vfs(Arc::new(fs.clone())).open("/db").unwrap();
    let clock = fs.clone();
    let graph = on(&db)
        .add_node("n", move |_: State, runtime: Runtime| {
            let clock = clock.clone();
            async move {
                let store = runtime.store()?;
                let minute = Duration::from_secs(60);
                let put = Put::new(FACTS, "k", json!({"a": 1})).ttl(minute);
                store.put_with(put).await?;
                let left = async || {
                    let item = store.get(FACTS, "k").await?;
                    let found = store.search(Search::new(FACTS)).await?;
                    let namespaces = store.list_namespaces(Default::default()).await?;
                    Ok::<_, NodeError>((item.is_some(), found.len(), namespaces.len()))
                };
                let before = left().await?;
                clock.advance(minute);
                let after = left().await?;
                assert_eq!((before, after), ((true, 1, 1), (false, 0, 0)));
                NodeResult::Ok(json!({}))
            }
        })
        .add_edge(START, "n")
        .compile()
        .unwrap();
    graph.invoke(json!({}), &Config::thread("t")).await.unwrap();
}

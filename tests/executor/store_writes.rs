//! What nodes do to the store, committed together with their super-step.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use serde_json::{Value, json};
use stepwell::checkpoint::{Checkpoint, Checkpointer, MemorySaver, Metadata, PutCheckpoint};
use stepwell::db::Db;
use stepwell::graph::{
    Channel, Config, Durability, END, ErrorKind, Input, NodeError, NodeResult, Runtime, START,
    State, StateGraph, StoreWrites,
};
use stepwell::store::{Filter, MemoryStore, Search, Store, Ttl};
use stepwell::{Encoded, ItemChange};

pub(crate) const FACTS: &[&str] = &["alice", "facts"];

pub(crate) fn on(db: &Db) -> StateGraph {
    StateGraph::new()
        .add_channel("log", Channel::append())
        .with_checkpointer(db.checkpointer())
        .with_store(db.store())
        .with_store_writes(StoreWrites::WithStep)
}

pub(crate) async fn value(db: &Db, key: &str) -> Option<Value> {
    let item = db.store().get(FACTS, key).await.unwrap();
    item.map(|item| item.value)
}

#[test]
fn they_need_the_checkpointer_and_the_store_of_one_database() {
    let dir = tempfile::tempdir().unwrap();
    let (a, b) = (dir.path().join("a"), dir.path().join("b"));
    let (a, b) = (Db::open(a).unwrap(), Db::open(b).unwrap());
    let graph = || {
        StateGraph::new()
            .add_node("n", |_: State| async {})
            .add_edge(START, "n")
            .with_store_writes(StoreWrites::WithStep)
    };
    for refused in [
        graph(),
        graph()
            .with_checkpointer(MemorySaver::new())
            .with_store(MemoryStore::new()),
        graph()
            .with_checkpointer(a.checkpointer())
            .with_store(b.store()),
    ] {
        let error = refused.compile().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidGraph);
        assert!(error.to_string().contains("one database"), "{error}");
    }
    let taken = graph()
        .with_checkpointer(a.checkpointer())
        .with_store(a.store());
    assert!(taken.compile().is_ok());
}

#[tokio::test]
async fn the_node_sees_its_own_writes_at_once_and_others_see_them_with_the_step() {
    let dir = tempfile::tempdir().unwrap();
    let db = Db::open(dir.path()).unwrap();
    db.store().put(FACTS, "old", json!(1)).await.unwrap();
    let outside = db.clone();
    let graph = on(&db)
        .add_node("n", move |_: State, runtime: Runtime| {
            let outside = outside.clone();
            async move {
                let store = runtime.store()?;
                store.put(FACTS, "city", json!({"name": "Jaipur"})).await?;
                store.delete(FACTS, "old").await?;
                let seen = store.get(FACTS, "city").await?;
                assert_eq!(seen.unwrap().value["name"], "Jaipur");
                assert!(store.get(FACTS, "old").await?.is_none());
                let search = Search::new(&["alice"]).filter(Filter::eq("name", "Jaipur"));
                assert_eq!(store.search(search).await?.len(), 1);
                let namespaces = store.list_namespaces(Default::default()).await?;
                assert_eq!(namespaces, [FACTS]);

                assert_eq!(value(&outside, "city").await, None);
                assert_eq!(value(&outside, "old").await, Some(json!(1)));
                Ok::<_, NodeError>(json!({"log": ["n"]}))
            }
        })
        .add_edge(START, "n")
        .add_edge("n", END)
        .compile()
        .unwrap();
    graph.invoke(json!({}), &Config::thread("t")).await.unwrap();
    assert_eq!(value(&db, "city").await, Some(json!({"name": "Jaipur"})));
    assert_eq!(value(&db, "old").await, None);
}

#[tokio::test]
async fn a_step_that_fails_leaves_no_trace_and_its_rerun_applies_once() {
    let dir = tempfile::tempdir().unwrap();
    let broken = Arc::new(AtomicBool::new(true));
    let runs = Arc::new(AtomicUsize::new(0));
    let build = |db: &Db| {
        let (broken, runs) = (Arc::clone(&broken), Arc::clone(&runs));
        on(db)
            .add_node("counts", move |_: State, runtime: Runtime| {
                runs.fetch_add(1, Ordering::SeqCst);
                async move {
                    let store = runtime.store()?;
                    let before = store.get(FACTS, "count").await?;
                    let before = before.and_then(|i| i.value.as_i64()).unwrap_or(0);
                    store.put(FACTS, "count", json!(before + 1)).await?;
                    Ok::<_, NodeError>(())
                }
            })
            .add_node("fails", move |_: State, runtime: Runtime| {
                let broken = Arc::clone(&broken);
                async move {
                    let store = runtime.store()?;
                    store.put(FACTS, "failing", json!("half done")).await?;
                    tokio::time::sleep(std::time::Duration::from_millis(20)).await;
                    if broken.load(Ordering::SeqCst) {
                        return Err(NodeError::msg("no luck"));
                    }
                    Ok(())
                }
            })
            .add_edge(START, "counts")
            .add_edge(START, "fails")
            .compile()
            .unwrap()
    };
    let config = Config::thread("t");
    let db = Db::open(dir.path()).unwrap();
    assert!(build(&db).invoke(json!({}), &config).await.is_err());
    assert_eq!(value(&db, "count").await, None);
    assert_eq!(value(&db, "failing").await, None);
    db.close().unwrap();

    broken.store(false, Ordering::SeqCst);
    let db = Db::open(dir.path()).unwrap();
    build(&db).invoke(Input::Continue, &config).await.unwrap();
    assert_eq!(value(&db, "count").await, Some(json!(1)));
    assert_eq!(value(&db, "failing").await, Some(json!("half done")));
    assert_eq!(runs.load(Ordering::SeqCst), 1, "what had finished was kept");
}

#[tokio::test]
async fn checkpoint_and_items_are_one_commit() {
    let dir = tempfile::tempdir().unwrap();
    let db = Db::open(dir.path()).unwrap();
    let node = |key: &'static str| {
        move |_: State, runtime: Runtime| async move {
            runtime.store()?.put(FACTS, key, json!(1)).await?;
            Ok::<_, NodeError>(())
        }
    };
    let graph = on(&db)
        .add_node("a", node("a"))
        .add_node("b", node("b"))
        .add_edge(START, "a")
        .add_edge(START, "b")
        .compile()
        .unwrap();
    // The first item of a database brings the rule of its history along.
    db.store().put(FACTS, "first", json!(0)).await.unwrap();
    let before = db.log_stats().unwrap().commits;
    graph.invoke(json!({}), &Config::thread("t")).await.unwrap();
    // The checkpoints of input, start and step, and the writes of three tasks: no commit of items.
    assert_eq!(db.log_stats().unwrap().commits - before, 6);
    assert_eq!(value(&db, "a").await, Some(json!(1)));
    assert_eq!(value(&db, "b").await, Some(json!(1)));
}

pub(crate) async fn remember(_: State, runtime: Runtime) -> NodeResult {
    runtime.store()?.put(FACTS, "inner", json!("kept")).await?;
    Ok(json!({"log": ["inner"]}))
}

#[tokio::test]
async fn a_subgraph_that_saves_nothing_commits_with_the_step_of_the_graph_around_it() {
    for durability in [Durability::Sync, Durability::Exit] {
        for checkpointer in [None, Some(false), Some(true)] {
            let dir = tempfile::tempdir().unwrap();
            let db = Db::open(dir.path()).unwrap();
            let mut child = StateGraph::new()
                .add_channel("log", Channel::append())
                .add_node("inner", remember)
                .add_edge(START, "inner");
            if let Some(checkpointer) = checkpointer {
                child = child.with_checkpointer(checkpointer);
            }
            let graph = on(&db)
                .add_node("child", child.compile().unwrap())
                .add_edge(START, "child")
                .compile()
                .unwrap();
            let config = Config::thread("t").durability(durability);
            graph.invoke(json!({}), &config).await.unwrap();
            let kept = value(&db, "inner").await;
            assert_eq!(kept, Some(json!("kept")), "{durability:?} {checkpointer:?}");
        }
    }
}

#[tokio::test]
async fn dropping_the_pending_tasks_keeps_what_finished_ones_did() {
    let dir = tempfile::tempdir().unwrap();
    let db = Db::open(dir.path()).unwrap();
    let graph = on(&db)
        .add_node("inner", remember)
        .add_node("asks", |_: State, runtime: Runtime| async move {
            runtime.interrupt("sure?").map(|_| ())
        })
        .add_edge(START, "inner")
        .add_edge(START, "asks")
        .compile()
        .unwrap();
    let config = Config::thread("t");
    graph.invoke(json!({}), &config).await.unwrap();
    assert_eq!(value(&db, "inner").await, None);
    graph
        .update_state(&config, Value::Null, Some(END))
        .await
        .unwrap();
    assert_eq!(value(&db, "inner").await, Some(json!("kept")));
}

async fn remember_apart(_: State, runtime: Runtime) -> NodeResult {
    let store = runtime.store()?;
    let seen = store.search(Search::new(&[])).await?;
    store.put(&["facts"], "home", json!("Oslo")).await?;
    // What it has put, it sees where it has put it.
    let own = store.get(&["facts"], "home").await?;
    assert_eq!(own.map(|item| item.namespace), Some(vec!["facts".into()]));
    let seen: Vec<_> = seen.into_iter().map(|item| item.value).collect();
    Ok(json!({"log": seen}))
}

#[tokio::test]
async fn a_run_with_a_scope_reaches_nothing_outside_of_it() {
    for when in [StoreWrites::Immediate, StoreWrites::WithStep] {
        let dir = tempfile::tempdir().unwrap();
        let db = Db::open(dir.path()).unwrap();
        let put = |namespace: &'static [&'static str], value: &'static str| {
            let store = db.store();
            async move { store.put(namespace, "k", json!(value)).await.unwrap() }
        };
        put(&["tenant", "1", "notes"], "mine").await;
        put(&["tenant", "10", "notes"], "not mine").await;
        put(&["facts"], "not mine either").await;
        let inner = StateGraph::new()
            .add_channel("log", Channel::append())
            .add_node("remember", remember_apart)
            .add_edge(START, "remember")
            .compile()
            .unwrap();
        let graph = on(&db)
            .with_store_writes(when)
            .add_node("inner", inner)
            .add_edge(START, "inner")
            .compile()
            .unwrap();
        let config = Config::thread("t").store_scope(&["tenant", "1"]);
        let out = graph.invoke(json!({}), &config).await.unwrap();
        assert_eq!(out["log"], json!(["mine"]));
        let home = db.store().get(&["tenant", "1", "facts"], "home").await;
        assert_eq!(home.unwrap().map(|item| item.value), Some(json!("Oslo")));
        assert_eq!(db.store().get(&["facts"], "home").await.unwrap(), None);
    }
}

#[tokio::test]
async fn a_value_that_is_too_deep_is_refused_when_the_node_puts_it() {
    let dir = tempfile::tempdir().unwrap();
    let db = Db::open(dir.path()).unwrap();
    let nested = |levels: usize| (0..levels).fold(json!(1), |inside, _| json!([inside]));
    let graph = on(&db)
        .add_node("n", move |_: State, runtime: Runtime| async move {
            let store = runtime.store()?;
            let refused = store.put(FACTS, "deeper", nested(126)).await;
            store.put(FACTS, "deep", nested(125)).await?;
            NodeResult::Ok(json!({"log": [refused.unwrap_err().to_string()]}))
        })
        .add_edge(START, "n")
        .compile()
        .unwrap();
    let out = graph.invoke(json!({"log": []}), &Config::thread("t")).await;
    let said = out.unwrap()["log"][0].as_str().unwrap().to_owned();
    assert!(
        said.contains("`deeper`") && said.contains("125 deep"),
        "{said}"
    );
    assert_eq!(value(&db, "deep").await, Some(nested(125)));
    assert_eq!(value(&db, "deeper").await, None);
}

#[tokio::test]
async fn a_checkpoint_is_refused_with_an_item_that_is_too_deep() {
    let dir = tempfile::tempdir().unwrap();
    let db = Db::open(dir.path()).unwrap();
    let checkpoint = Checkpoint {
        id: "1".into(),
        ..Checkpoint::default()
    };
    let put = PutCheckpoint {
        thread: "t".into(),
        namespace: String::new(),
        parent_id: None,
        checkpoint,
        appended: [].into(),
        metadata: Metadata::default(),
        new_versions: [].into(),
    };
    let item = |key: &str, levels| ItemChange {
        namespace: vec!["facts".into()],
        key: key.into(),
        value: Some(Encoded::json(
            &(0..levels).fold(json!(1), |inside, _| json!([inside])),
        )),
        ttl: Ttl::Default,
        index: None,
        texts: None,
        vectors: None,
    };
    let items = vec![item("flat", 1), item("deep", 128)];
    let refused = db.checkpointer().put_with_items(put, items).await;
    let error = refused.unwrap_err().to_string();
    assert!(
        error.contains("item `deep` in namespace [\"facts\"]"),
        "{error}"
    );
    assert!(
        db.checkpointer()
            .get("t", "", None)
            .await
            .unwrap()
            .is_none()
    );
    assert!(db.store().get(&["facts"], "flat").await.unwrap().is_none());
}

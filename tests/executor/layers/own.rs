//! Layers of one's own.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use serde_json::json;
use stepwell::db::Db;
use stepwell::graph::{
    Channel, Command, Config, Next, Node, NodeError, NodeOutput, NodeResult, RetryPolicy, Runtime,
    START, State, StateGraph, StoreWrites,
};
use stepwell::store::{Search, Store};

use super::one_node;

#[tokio::test]
async fn the_last_layer_is_the_outermost() {
    let notes = Arc::new(Mutex::new(Vec::new()));
    let noting = |name: &'static str| {
        let notes = Arc::clone(&notes);
        move |state: State, rt: Runtime, next: Next| {
            let notes = Arc::clone(&notes);
            async move {
                notes.lock().push(format!("{name} in"));
                let outcome = next.call(state, rt).await;
                notes.lock().push(format!("{name} out"));
                outcome
            }
        }
    };
    let node = Node::new(|_: State| async {})
        .layer(noting("inner"))
        .layer(noting("outer"));
    let graph = one_node(node);
    graph.invoke(json!({}), &Config::thread("t")).await.unwrap();
    assert_eq!(
        *notes.lock(),
        ["outer in", "inner in", "inner out", "outer out"]
    );
}

/// Asks before it lets the node run.
async fn approved(state: State, rt: Runtime, next: Next) -> NodeResult<NodeOutput> {
    if rt.interrupt("may it run?")? == json!(false) {
        return Ok(NodeOutput::Nothing);
    }
    next.call(state, rt).await
}

#[tokio::test(start_paused = true)]
async fn a_layer_may_ask_before_the_node_asks_also_around_a_retry() {
    let node = Node::new(|_: State, rt: Runtime| async move {
        let answer = rt.interrupt("what?")?;
        if rt.attempt() == 1 {
            return Err(stepwell::graph::NodeError::msg("no luck"));
        }
        NodeResult::Ok(json!({"x": answer}))
    })
    .retry(RetryPolicy::attempts(2))
    .layer(approved);
    let graph = one_node(node);
    let config = Config::thread("t");
    let out = graph.invoke(json!({}), &config).await.unwrap();
    assert_eq!(out.interrupts[0].value, json!("may it run?"));
    let out = graph.invoke(Command::resume(true), &config).await.unwrap();
    assert_eq!(out.interrupts[0].value, json!("what?"));
    let out = graph
        .invoke(Command::resume("this"), &config)
        .await
        .unwrap();
    assert_eq!(out["x"], "this");
}

#[tokio::test]
async fn a_command_for_the_graph_around_passes_through_layers() {
    let inner = StateGraph::new()
        .add_channel("x", Channel::last())
        .add_node(
            "leave",
            Node::new(|_: State| async {
                Command::new().update(json!({"x": 1})).goto("b").to_parent()
            })
            .retry(RetryPolicy::attempts(3)),
        )
        .add_edge(START, "leave")
        .compile()
        .unwrap();
    let graph = StateGraph::new()
        .add_channel("x", Channel::last())
        .add_channel("y", Channel::last())
        .add_node("a", Node::new(inner).retry(RetryPolicy::attempts(3)))
        .add_node("b", |s: State| async move { json!({"y": s["x"]}) })
        .add_edge(START, "a")
        .compile()
        .unwrap();
    let out = graph.invoke(json!({}), &Config::new()).await.unwrap();
    assert_eq!(out.values, json!({"x": 1, "y": 1}));
}

#[test]
fn a_nodes_debug_output_names_its_layers() {
    let node = Node::new(|_: State| async {})
        .retry(RetryPolicy::attempts(3))
        .layer(approved);
    let text = format!("{node:?}");
    assert!(text.contains("retry: 3 attempts"), "{text}");
    assert!(text.contains("approved"), "{text}");
}

#[tokio::test]
async fn what_failed_leaves_no_trace_in_the_store_also_if_a_layer_mends_it() {
    let dir = tempfile::tempdir().unwrap();
    let db = Db::open(dir.path()).unwrap();
    let node = Node::new(|_: State, rt: Runtime| async move {
        let attempt = rt.attempt();
        rt.store()?
            .put(&["tried"], &attempt.to_string(), json!(1))
            .await?;
        Err::<(), _>(NodeError::msg("no luck"))
    })
    .retry(RetryPolicy::attempts(2).delay(Duration::ZERO))
    .layer(|state: State, rt: Runtime, next: Next| async move {
        rt.store()?.put(&["tried"], "outside", json!(1)).await?;
        match next.call(state, rt).await {
            Err(error) if error.is_failure() => Ok(NodeOutput::Nothing),
            outcome => outcome,
        }
    });
    let graph = StateGraph::new()
        .add_node("n", node)
        .add_edge(START, "n")
        .with_store(db.store())
        .with_store_writes(StoreWrites::WithStep)
        .with_checkpointer(db.checkpointer())
        .compile()
        .unwrap();
    graph.invoke(json!({}), &Config::thread("t")).await.unwrap();
    let found = db.store().search(Search::new(&["tried"])).await.unwrap();
    let keys: Vec<_> = found.into_iter().map(|item| item.key).collect();
    assert_eq!(keys, ["outside"]);
}

//! What a cache remembers, for how long, and what it does not remember.

use serde_json::json;
use stepwell::graph::{
    Cache, Command, Config, Input, MemoryCache, Node, NodeError, NodeResult, Runtime, State,
};

use super::{Counter, SECOND, one_node};

fn counting(runs: &Counter) -> Node {
    let runs = runs.clone();
    Node::new(move |_: State| {
        let run = runs.next();
        async move { json!({"log": [run]}) }
    })
}

#[tokio::test(start_paused = true)]
async fn a_hit_restores_the_output_until_its_time_is_up() {
    let runs = Counter::default();
    let graph = one_node(counting(&runs).layer(Cache::new(SECOND * 10)));
    for thread in ["a", "b"] {
        let out = graph.invoke(json!({"x": 1}), &Config::thread(thread)).await;
        assert_eq!(out.unwrap()["log"], json!([1]));
    }
    let out = graph.invoke(json!({"x": 2}), &Config::thread("c")).await;
    assert_eq!(out.unwrap()["log"], json!([2]), "another input");
    tokio::time::advance(SECOND * 10).await;
    let out = graph.invoke(json!({"x": 1}), &Config::thread("d")).await;
    assert_eq!(out.unwrap()["log"], json!([3]));
}

#[tokio::test]
async fn the_key_says_what_of_the_input_counts_and_the_memory_can_be_shared() {
    let runs = Counter::default();
    let memory = MemoryCache::new(10);
    for (x, log) in [(1, 1), (11, 1), (2, 2)] {
        let cache = Cache::new(SECOND * 10)
            .store(memory.clone())
            .key(|s| (s["x"].as_i64().unwrap_or_default() % 10).to_string());
        let graph = one_node(counting(&runs).layer(cache));
        let out = graph.invoke(json!({"x": x}), &Config::thread("t")).await;
        assert_eq!(out.unwrap()["log"], json!([log]));
    }
    assert_eq!(memory.len(), 2);
}

#[tokio::test]
async fn failures_and_questions_are_not_remembered() {
    let memory = MemoryCache::new(10);
    let runs = Counter::default();
    let failing = runs.clone();
    let node = Node::new(move |_: State, rt: Runtime| {
        let run = failing.next();
        async move {
            if run == 1 {
                return Err(NodeError::msg("no luck"));
            }
            NodeResult::Ok(json!({"log": [rt.interrupt("what?")?]}))
        }
    })
    .layer(Cache::new(SECOND * 10).store(memory.clone()));
    let graph = one_node(node);
    let config = Config::thread("t");
    assert!(graph.invoke(json!({"x": 1}), &config).await.is_err());
    let out = graph.invoke(Input::Continue, &config).await.unwrap();
    assert!(out.is_interrupted());
    let out = graph
        .invoke(Command::resume("this"), &config)
        .await
        .unwrap();
    assert_eq!(out["log"], json!(["this"]));
    assert!(memory.is_empty());
    let out = graph.invoke(json!({"x": 1}), &Config::thread("u")).await;
    assert!(
        out.unwrap().is_interrupted(),
        "whoever is asked answers for himself"
    );
}

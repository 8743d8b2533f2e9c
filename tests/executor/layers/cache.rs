//! What a cache remembers, for how long, and what it does not remember.

use serde_json::json;
use stepwell::graph::{
    Cache, Channel, Command, Config, Input, MemoryCache, Node, NodeError, NodeResult, Runtime,
    START, State, StateGraph,
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

#[tokio::test]
async fn what_followed_from_an_answer_in_a_subgraph_is_not_remembered() {
    for saves in [true, false] {
        let memory = MemoryCache::new(10);
        // What the second node makes of the answer follows from it, also if only that one runs again.
        let fails = Counter::default();
        let channels = || StateGraph::new().add_channel("log", Channel::append());
        let inner = channels()
            .add_node("asks", |_: State, rt: Runtime| async move {
                NodeResult::Ok(json!({"log": [rt.interrupt("what?")?]}))
            })
            .add_node("goes on", move |_: State| {
                let call = fails.next();
                async move {
                    if saves && call == 1 {
                        return Err(NodeError::msg("no luck"));
                    }
                    Ok(())
                }
            })
            .add_edge(START, "asks")
            .add_edge("asks", "goes on");
        let inner = match saves {
            true => inner.compile().unwrap(),
            false => inner.with_checkpointer(false).compile().unwrap(),
        };
        let outer = channels().add_node("inner", inner).add_edge(START, "inner");
        let cache = Cache::new(SECOND * 10).store(memory.clone());
        let graph = one_node(Node::new(outer.compile().unwrap()).layer(cache));
        let config = Config::thread("t");
        let out = graph.invoke(json!({}), &config).await.unwrap();
        assert!(out.is_interrupted());
        let mut out = graph.invoke(Command::resume("this"), &config).await;
        if saves {
            out.unwrap_err();
            out = graph.invoke(Input::Continue, &config).await;
        }
        assert_eq!(out.unwrap()["log"], json!(["this"]));
        assert!(memory.is_empty());
    }
}

#[tokio::test]
async fn what_a_subgraph_that_asks_nothing_returns_is_remembered() {
    let (memory, runs) = (MemoryCache::new(10), Counter::default());
    let inner = StateGraph::new()
        .add_channel("log", Channel::append())
        .add_node("counts", counting(&runs))
        .add_edge(START, "counts")
        .compile()
        .unwrap();
    let cache = Cache::new(SECOND * 10).store(memory.clone());
    let graph = one_node(Node::new(inner).layer(cache));
    for thread in ["a", "b"] {
        let out = graph.invoke(json!({}), &Config::thread(thread)).await;
        assert_eq!(out.unwrap()["log"], json!([1]));
    }
    assert_eq!(memory.len(), 1);
}

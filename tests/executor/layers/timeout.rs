//! Time-outs, alone and with retries. All on paused time.

use serde_json::json;
use stepwell::graph::{
    Config, GraphError, Node, NodeTimeoutError, RetryPolicy, Runtime, State, Timeout,
};
use tokio::time::{Instant, sleep};

use super::{Counter, SECOND, one_node};

fn timeout_of(error: &GraphError) -> &NodeTimeoutError {
    let GraphError::Node { source, .. } = error else {
        panic!("{error}");
    };
    source.downcast_ref().unwrap()
}

/// Takes 10 s on its first `slow` runs and 1 s on later ones.
fn slow_at_first(slow: usize, runs: &Counter) -> Node {
    let runs = runs.clone();
    Node::new(move |_: State| {
        let run = runs.next();
        async move {
            sleep(SECOND * if run <= slow { 10 } else { 1 }).await;
            json!({"x": run})
        }
    })
}

#[tokio::test(start_paused = true)]
async fn a_node_that_takes_too_long_fails_with_a_typed_error() {
    let runs = Counter::default();
    let graph = one_node(slow_at_first(1, &runs).layer(Timeout::after(SECOND * 5)));
    let config = Config::thread("t");
    let error = graph.invoke(json!({}), &config).await.unwrap_err();
    let timeout = timeout_of(&error);
    assert_eq!((timeout.node.as_str(), timeout.limit), ("n", SECOND * 5));
    assert!(error.to_string().contains("no result within 5s"), "{error}");
    let out = graph.invoke(json!(null), &config).await.unwrap();
    assert_eq!(out["x"], 2);
}

#[tokio::test(start_paused = true)]
async fn inside_a_retry_it_limits_each_attempt() {
    let runs = Counter::default();
    let node = slow_at_first(2, &runs)
        .layer(Timeout::after(SECOND * 5))
        .layer(RetryPolicy::attempts(3).delay(SECOND).jitter(0.0));
    let start = Instant::now();
    let out = one_node(node)
        .invoke(json!({}), &Config::thread("t"))
        .await
        .unwrap();
    assert_eq!(out["x"], 3);
    assert_eq!(start.elapsed().as_secs(), 5 + 1 + 5 + 2 + 1);
}

#[tokio::test(start_paused = true)]
async fn outside_a_retry_it_limits_all_attempts_together() {
    let runs = Counter::default();
    let failing = runs.clone();
    let node = Node::new(move |_: State| {
        failing.next();
        async {
            sleep(SECOND).await;
            Err::<(), _>(std::io::Error::other("no luck"))
        }
    })
    .layer(
        RetryPolicy::attempts(10)
            .delay(SECOND)
            .backoff(1.0)
            .jitter(0.0),
    )
    .layer(Timeout::after(SECOND * 7 / 2));
    let error = one_node(node)
        .invoke(json!({}), &Config::thread("t"))
        .await
        .unwrap_err();
    assert!(!timeout_of(&error).idle);
    assert_eq!(runs.get(), 2, "the time is up before the third");
}

#[tokio::test(start_paused = true)]
async fn a_node_that_shows_signs_of_life_is_not_idle() {
    let node = Node::new(|_: State, rt: Runtime| async move {
        for _ in 0..5 {
            sleep(SECOND * 2).await;
            rt.heartbeat();
        }
        sleep(SECOND * 10).await;
    })
    .layer(Timeout::idle(SECOND * 3));
    let start = Instant::now();
    let error = one_node(node)
        .invoke(json!({}), &Config::thread("t"))
        .await
        .unwrap_err();
    assert!(timeout_of(&error).idle);
    assert_eq!(start.elapsed().as_secs(), 13);
}

#[tokio::test(start_paused = true)]
async fn a_subgraph_whose_tasks_finish_is_not_idle() {
    let inner = stepwell::graph::StateGraph::new()
        .add_channel("x", stepwell::graph::Channel::last())
        .add_node("a", |_: State| sleep(SECOND * 2))
        .add_node("b", |_: State| sleep(SECOND * 2))
        .add_edge(stepwell::graph::START, "a")
        .add_edge("a", "b")
        .compile()
        .unwrap();
    let graph = one_node(Node::new(inner).layer(Timeout::idle(SECOND * 3)));
    assert!(graph.invoke(json!({}), &Config::thread("t")).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_limit_without_end_is_none() {
    let node = Node::new(|_: State| sleep(SECOND)).layer(Timeout::idle(std::time::Duration::MAX));
    let out = one_node(node).invoke(json!({}), &Config::thread("t")).await;
    assert!(out.is_ok());
}

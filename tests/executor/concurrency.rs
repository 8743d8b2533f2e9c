//! How many tasks are at work at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::json;
use stepwell::graph::{
    self, Channel, Config, ErrorKind, Node, NodeResult, Runtime, START, State, StateGraph,
};

/// How many are at work, and how many ever were.
#[derive(Clone, Default)]
struct Gauge(Arc<(AtomicUsize, AtomicUsize)>);

impl Gauge {
    async fn work(self) {
        let (now, most) = &*self.0;
        most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        tokio::time::sleep(Duration::from_secs(1)).await;
        now.fetch_sub(1, Ordering::SeqCst);
    }

    fn most(&self) -> usize {
        self.0.1.load(Ordering::SeqCst)
    }

    fn node(&self) -> Node {
        let gauge = self.clone();
        Node::new(move |_: State| gauge.clone().work())
    }
}

/// Ten tasks for the node `w`.
fn fan_out(worker: Node) -> StateGraph {
    StateGraph::new()
        .add_channel("x", Channel::any())
        .add_node("w", worker)
        .add_conditional_edges(START, |_: State| {
            let send = |n| graph::Send::new("w", json!({"x": n}));
            (0..10).map(send).collect::<Vec<_>>()
        })
}

#[tokio::test(start_paused = true)]
async fn no_more_tasks_are_at_work_than_the_config_says() {
    let gauge = Gauge::default();
    let graph = fan_out(gauge.node()).compile().unwrap();
    let start = tokio::time::Instant::now();
    let config = Config::new().max_concurrency(3);
    graph.invoke(json!({}), &config).await.unwrap();
    assert_eq!(gauge.most(), 3);
    assert_eq!(start.elapsed().as_secs(), 4);
    graph.invoke(json!({}), &Config::new()).await.unwrap();
    assert_eq!(gauge.most(), 10);
}

#[tokio::test(start_paused = true)]
async fn tasks_of_subgraphs_count_and_those_that_wait_for_them_do_not() {
    let gauge = Gauge::default();
    let inner = fan_out(gauge.node()).compile().unwrap();
    let outer = fan_out(Node::new(inner.clone())).compile().unwrap();
    let config = Config::new().max_concurrency(2);
    outer.invoke(json!({}), &config).await.unwrap();
    assert_eq!(gauge.most(), 2);

    let (called, own) = (Gauge::default(), Gauge::default());
    let inner = fan_out(called.node()).compile().unwrap();
    let at_work = own.clone();
    let caller = Node::new(move |_: State, rt: Runtime| {
        let (inner, own) = (inner.clone(), at_work.clone());
        async move {
            let both = (rt.call(&inner, json!({})), rt.call(&inner, json!({})));
            let (a, b) = tokio::join!(both.0, both.1);
            a.and(b)?;
            own.work().await;
            NodeResult::Ok(())
        }
    });
    let outer = fan_out(caller).compile().unwrap();
    outer.invoke(json!({}), &config).await.unwrap();
    assert_eq!(called.most(), 2);
    assert_eq!(own.most(), 2, "after its subgraphs a task queues again");
}

#[tokio::test]
async fn a_run_of_no_tasks_at_once_is_refused() {
    let graph = fan_out(Gauge::default().node()).compile().unwrap();
    let config = Config::new().max_concurrency(0);
    let error = graph.invoke(json!({}), &config).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidConfig);
}

#[tokio::test(start_paused = true)]
async fn a_task_that_calls_a_subgraph_by_key_lends_it_its_place() {
    let inner = StateGraph::new()
        .add_channel("x", Channel::any())
        .add_node("inner", |_: State| async { json!({"x": 1}) })
        .add_edge(START, "inner")
        .compile()
        .unwrap();
    let graph = StateGraph::new()
        .add_channel("x", Channel::any())
        .add_node("outer", move |_: State, runtime: Runtime| {
            let inner = inner.clone();
            async move { runtime.call_keyed("a", &inner, json!({})).await }
        })
        .add_edge(START, "outer")
        .compile()
        .unwrap();
    let config = Config::new().max_concurrency(1);
    let run = graph.invoke(json!({}), &config);
    let out = tokio::time::timeout(Duration::from_secs(60), run).await;
    assert_eq!(out.expect("it waits for itself").unwrap()["x"], 1);
}

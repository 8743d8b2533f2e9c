//! Error handlers: what they see, what follows from them, and where a thread goes on that was cut off.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::json;
use stepwell::checkpoint::{Checkpointer, ListQuery, MemorySaver};
use stepwell::graph::{
    Channel, Command, Config, END, Event, Input, Node, NodeError, NodeResult, RetryPolicy, Runtime,
    START, State, StateGraph, StreamMode, StreamOptions, TaskState,
};

type Runs = Arc<AtomicUsize>;

/// A graph in which `a` fails, whatever it is asked, and `b` comes after it.
fn failing(runs: &Runs) -> StateGraph {
    let runs = Arc::clone(runs);
    let fails = Node::new(move |_: State| {
        runs.fetch_add(1, Ordering::SeqCst);
        async { Err::<(), _>(std::io::Error::other("no luck")) }
    });
    StateGraph::new()
        .add_channel("x", Channel::last())
        .add_channel("log", Channel::append())
        .add_node("a", fails.retry(RetryPolicy::attempts(2)))
        .add_node("b", |_: State| async { json!({"log": ["b"]}) })
        .add_edge(START, "a")
        .add_edge("a", "b")
}

async fn tell(state: State, rt: Runtime) -> NodeResult {
    let failed = rt.node_error().ok_or_else(|| NodeError::msg("nothing"))?;
    let known = failed.downcast_ref::<std::io::Error>().is_some();
    let told = json!([failed.node, failed.error.message, known, state["x"]]);
    Ok(json!({"log": [told]}))
}

#[tokio::test(start_paused = true)]
async fn a_handler_stands_in_for_the_node_after_its_retries() {
    let runs = Runs::default();
    let graph = failing(&runs)
        .add_error_handler("a", tell)
        .compile()
        .unwrap();
    let out = graph.invoke(json!({"x": 7}), &Config::new()).await.unwrap();
    assert_eq!(out["log"], json!([["a", "no luck", true, 7], "b"]));
    assert_eq!(runs.load(Ordering::SeqCst), 2);
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_says_where_to_go_goes_there_only() {
    let graph = failing(&Runs::default())
        .add_error_handler("a", |_: State| async {
            Command::new().update(json!({"log": ["end"]})).goto(END)
        })
        .compile()
        .unwrap();
    let out = graph.invoke(json!({}), &Config::new()).await.unwrap();
    assert_eq!(out["log"], json!(["end"]));
}

#[tokio::test(start_paused = true)]
async fn the_other_tasks_of_the_step_are_not_cancelled() {
    let graph = failing(&Runs::default())
        .add_error_handler("a", tell)
        .add_node("slow", |_: State| async {
            tokio::time::sleep(Duration::from_secs(60)).await;
            json!({"log": ["slow"]})
        })
        .add_edge(START, "slow")
        .compile()
        .unwrap();
    let out = graph.invoke(json!({"x": 7}), &Config::new()).await.unwrap();
    let log = json!([["a", "no luck", true, 7], "slow", "b"]);
    assert_eq!(out["log"], log);
}

#[tokio::test(start_paused = true)]
async fn the_error_is_kept_before_the_handler_starts() {
    let saver = MemorySaver::new();
    let look = saver.clone();
    let graph = failing(&Runs::default())
        .add_error_handler("a", move |_: State| {
            let look = look.clone();
            async move {
                let latest = look.get("t", "", None).await?;
                let writes = latest.map(|saved| saved.pending_writes).unwrap_or_default();
                let channels: Vec<_> = writes.into_iter().map(|w| w.channel).collect();
                NodeResult::Ok(json!({"log": [channels]}))
            }
        })
        .with_checkpointer(saver)
        .compile()
        .unwrap();
    let out = graph.invoke(json!({}), &Config::thread("t")).await.unwrap();
    assert_eq!(
        out["log"],
        json!([["__error__", "__error_source_node__"], "b"])
    );
}

#[tokio::test(start_paused = true)]
async fn a_thread_that_is_cut_off_in_its_handler_goes_straight_to_it() {
    let runs = Runs::default();
    let slow = Arc::new(AtomicUsize::new(1));
    let first = Arc::clone(&slow);
    let graph = failing(&runs)
        .add_error_handler("a", move |state: State, rt: Runtime| {
            let delay = first.fetch_sub(first.load(Ordering::SeqCst), Ordering::SeqCst);
            async move {
                tokio::time::sleep(Duration::from_secs(100) * u32::from(delay > 0)).await;
                tell(state, rt).await
            }
        })
        .with_checkpointer(MemorySaver::new())
        .compile()
        .unwrap();
    let config = Config::thread("t");
    let run = graph.invoke(json!({"x": 7}), &config);
    assert!(
        tokio::time::timeout(Duration::from_secs(50), run)
            .await
            .is_err()
    );
    let state = graph.get_state(&config).await.unwrap();
    assert_eq!(state.next, ["__error_handler__a"]);
    assert_eq!(state.tasks[0].error.as_ref().unwrap().message, "no luck");

    let out = graph.invoke(Input::Continue, &config).await.unwrap();
    let told = json!(["a", "no luck", false, 7]);
    assert_eq!(
        out["log"],
        json!([told, "b"]),
        "the text is left, not the error"
    );
    assert_eq!(runs.load(Ordering::SeqCst), 2, "the node has had its turn");
}

#[tokio::test(start_paused = true)]
async fn a_handler_may_ask() {
    let runs = Runs::default();
    let graph = failing(&runs)
        .add_error_handler("a", |_: State, rt: Runtime| async move {
            NodeResult::Ok(json!({"log": [rt.interrupt("what now?")?]}))
        })
        .with_checkpointer(MemorySaver::new())
        .compile()
        .unwrap();
    let config = Config::thread("t");
    let out = graph.invoke(json!({}), &config).await.unwrap();
    assert_eq!(out.interrupts[0].value, "what now?");
    let state = graph.get_state(&config).await.unwrap();
    assert_eq!(state.interrupts, out.interrupts);
    let out = graph.invoke(Command::resume("on"), &config).await.unwrap();
    assert_eq!(out["log"], json!(["on", "b"]));
    assert_eq!(runs.load(Ordering::SeqCst), 2);
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_fails_fails_the_run_and_is_tried_again_when_continued() {
    let tries = Runs::default();
    let counted = Arc::clone(&tries);
    let runs = Runs::default();
    let graph = failing(&runs)
        .add_error_handler("a", move |_: State| {
            let n = counted.fetch_add(1, Ordering::SeqCst);
            async move {
                if n == 0 {
                    return Err(NodeError::msg("nor here"));
                }
                Ok(json!({"log": ["handled"]}))
            }
        })
        .with_checkpointer(MemorySaver::new())
        .compile()
        .unwrap();
    let config = Config::thread("t");
    let error = graph.invoke(json!({}), &config).await.unwrap_err();
    assert_eq!(error.node_message().as_deref(), Some("nor here"));
    let out = graph.invoke(Input::Continue, &config).await.unwrap();
    assert_eq!(out["log"], json!(["handled", "b"]));
    assert_eq!(runs.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn what_is_saved_is_what_langgraph_saves() {
    let saver = MemorySaver::new();
    let graph = StateGraph::new()
        .add_channel("log", Channel::append())
        .add_node("a", |_: State| async { Err::<(), _>(NodeError::msg("x")) })
        .add_error_handler("a", |_: State| async { json!({"log": ["h"]}) })
        .add_edge(START, "a")
        .with_checkpointer(saver.clone())
        .compile()
        .unwrap();
    graph.invoke(json!({}), &Config::thread("t")).await.unwrap();
    let mut saved = saver.list(ListQuery::of("t", ""));
    let latest = futures::StreamExt::next(&mut saved).await.unwrap().unwrap();
    let seen = &latest.checkpoint.versions_seen;
    assert!(seen["a"].contains_key("branch:to:a"));
    assert!(seen["__error_handler__a"].is_empty());
    let before = futures::StreamExt::next(&mut saved).await.unwrap().unwrap();
    let kept: Vec<_> = before
        .pending_writes
        .iter()
        .map(|w| (w.channel.as_str(), w.task_path.as_str()))
        .collect();
    let a = "~__pregel_pull, a";
    let handler = "~__pregel_pull, a, node_error_handler, 0000000000";
    let expected = [
        ("__error__", a),
        ("__error_source_node__", a),
        ("log", handler),
    ];
    assert_eq!(kept, expected);
}

#[tokio::test(start_paused = true)]
async fn a_stream_shows_the_failed_task_and_the_one_that_handles_it() {
    let graph = failing(&Runs::default())
        .add_error_handler("a", |_: State| async {
            Command::new().update(json!({"log": ["h"]})).goto(END)
        })
        .compile()
        .unwrap();
    let mut events = graph.stream(
        json!({}),
        &Config::new(),
        StreamOptions::new([StreamMode::Tasks]),
    );
    let mut seen = Vec::new();
    while let Some(event) = futures::StreamExt::next(&mut events).await {
        match event.unwrap().event {
            Event::TaskStarted { name, .. } => seen.push(format!("{name} started")),
            Event::TaskEnded { name, error, .. } => {
                let how = error.map_or("ended", |_| "failed");
                seen.push(format!("{name} {how}"));
            }
            other => seen.push(format!("{other:?}")),
        }
    }
    let expected = [
        "a started",
        "a failed",
        "__error_handler__a started",
        "__error_handler__a ended",
    ];
    assert_eq!(seen, expected);
}

#[tokio::test(start_paused = true)]
async fn a_subgraph_may_be_a_handler_and_ask() {
    let inner = StateGraph::new()
        .add_channel("log", Channel::append())
        .add_node("ask", |_: State, rt: Runtime| async move {
            NodeResult::Ok(json!({"log": [rt.interrupt("what now?")?]}))
        })
        .add_edge(START, "ask")
        .compile()
        .unwrap();
    let graph = failing(&Runs::default())
        .add_error_handler("a", inner)
        .with_checkpointer(MemorySaver::new())
        .compile()
        .unwrap();
    let config = Config::thread("t");
    let out = graph.invoke(json!({}), &config).await.unwrap();
    assert_eq!(out.interrupts[0].value, "what now?");
    let state = graph.get_state(&config).await.unwrap();
    let handler = state.tasks.iter().find(|t| t.name != "a").unwrap();
    let Some(TaskState::Config(inner)) = &handler.state else {
        panic!("{handler:?}");
    };
    assert_eq!(graph.get_state(inner).await.unwrap().next, ["ask"]);
    let out = graph.invoke(Command::resume("on"), &config).await.unwrap();
    assert_eq!(out["log"], json!(["on", "b"]));
}

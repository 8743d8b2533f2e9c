//! Mistakes in a graph are found when it is compiled, and named.

use std::sync::Arc;

use serde_json::{Value, json};
use stepwell::checkpoint::{Checkpointer, MemorySaver};
use stepwell::graph::{
    Channel, Config, END, ErrorKind, GraphError, NodeError, Runtime, START, State, StateGraph,
};
use stepwell::store::{MemoryStore, Store};

async fn noop(_: State) {}

fn message_of(graph: StateGraph) -> String {
    let Err(error) = graph.compile() else {
        return "it compiled".into();
    };
    assert_eq!(error.kind(), ErrorKind::InvalidGraph);
    error.to_string()
}

#[test]
fn an_edge_to_an_unknown_node_is_named() {
    let graph = StateGraph::new()
        .add_node("a", noop)
        .add_edge(START, "a")
        .add_edge("a", "nowhere");
    let message = message_of(graph);
    assert!(message.contains("`a` -> `nowhere`"), "{message}");
}

#[test]
fn an_edge_from_an_unknown_node_is_named() {
    let graph = StateGraph::new()
        .add_node("a", noop)
        .add_edge(START, "a")
        .add_edge("ghost", END);
    assert!(message_of(graph).contains("`ghost`"));
}

#[test]
fn a_graph_without_an_entry_says_what_is_missing() {
    let graph = StateGraph::new().add_node("a", noop).add_edge("a", END);
    assert!(message_of(graph).contains("no entry"));
}

#[test]
fn a_join_of_an_unknown_node_is_named() {
    let graph = StateGraph::new()
        .add_node("a", noop)
        .add_edge(START, "a")
        .add_join(["a", "b"], "a");
    assert!(message_of(graph).contains("`b`"));
}

#[test]
fn names_that_are_taken_or_reserved_are_refused() {
    let twice = StateGraph::new()
        .add_node("a", noop)
        .add_node("a", noop)
        .add_edge(START, "a");
    assert!(message_of(twice).contains("added twice"));
    let reserved = StateGraph::new().add_node("__start__", noop);
    assert!(message_of(reserved).contains("reserved"));
    let separator = StateGraph::new().add_node("a|b", noop);
    assert!(message_of(separator).contains("`a|b`"));
    let number = StateGraph::new().add_node("12", noop).add_edge(START, "12");
    assert!(message_of(number).contains("`12` has digits only"));
}

#[test]
fn a_breakpoint_at_an_unknown_node_is_named() {
    let graph = StateGraph::new()
        .add_node("a", noop)
        .add_edge(START, "a")
        .interrupt_before(["b"]);
    assert!(message_of(graph).contains("interrupt_before names `b`"));
}

#[test]
fn an_output_that_is_no_channel_is_named() {
    let graph = StateGraph::new()
        .add_channel("x", Channel::last())
        .add_node("a", noop)
        .add_edge(START, "a")
        .with_output(["y"]);
    assert!(message_of(graph).contains("output names `y`"));
}

#[tokio::test]
async fn a_graph_with_its_own_memory_cannot_run_by_itself() {
    let graph = StateGraph::new()
        .add_node("a", noop)
        .add_edge(START, "a")
        .with_checkpointer(true)
        .compile()
        .unwrap();
    let error = graph
        .invoke(json!({}), &Config::thread("t"))
        .await
        .unwrap_err();
    assert!(matches!(error, GraphError::InvalidConfig(_)), "{error}");
}

#[tokio::test]
async fn a_reducer_of_ones_own_is_used() {
    let longest = Channel::custom(None, |current: Value, write: Value| {
        let length = |v: &Value| v.as_str().map_or(0, str::len);
        Ok(if length(&write) > length(&current) {
            write
        } else {
            current
        })
    });
    let graph = StateGraph::new()
        .add_channel("word", longest)
        .add_node("long", |_: State| async { json!({"word": "longest"}) })
        .add_node("short", |_: State| async { json!({"word": "it"}) })
        .add_edge(START, "long")
        .add_edge(START, "short")
        .compile()
        .unwrap();
    let out = graph
        .invoke(json!({"word": "first"}), &Config::new())
        .await
        .unwrap();
    assert_eq!(out["word"], "longest");
}

#[test]
fn an_error_handler_of_an_unknown_node_or_a_second_one_is_named() {
    let graph = || StateGraph::new().add_node("a", noop).add_edge(START, "a");
    let unknown = graph().add_error_handler("ghost", noop);
    assert!(message_of(unknown).contains("`ghost`"));
    let twice = graph()
        .add_error_handler("a", noop)
        .add_error_handler("a", noop);
    assert!(message_of(twice).contains("two error handlers"));
}

#[tokio::test]
async fn a_graph_takes_shared_checkpointers_and_stores() {
    let saver: Arc<dyn Checkpointer> = Arc::new(MemorySaver::new());
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let graph = StateGraph::new()
        .add_node("a", |_: State, runtime: Runtime| async move {
            runtime.store()?.put(&["n"], "k", json!(1)).await?;
            Ok::<_, NodeError>(())
        })
        .add_edge(START, "a")
        .with_checkpointer(Arc::clone(&saver))
        .with_store(Arc::clone(&store))
        .compile()
        .unwrap();
    graph.invoke(json!({}), &Config::thread("t")).await.unwrap();
    assert!(saver.get("t", "", None).await.unwrap().is_some());
    assert!(store.get(&["n"], "k").await.unwrap().is_some());
}

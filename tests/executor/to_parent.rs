//! Commands for the graph around the one whose node returns them.

use serde_json::{Value, json};
use stepwell::checkpoint::MemorySaver;
use stepwell::graph::{
    Channel, Command, CompiledGraph, Config, ErrorKind, NodeOutput, START, State, StateGraph,
};

fn channels() -> StateGraph {
    StateGraph::new()
        .add_channel("log", Channel::append())
        .add_channel("one", Channel::last())
}

fn handing(to: &str, update: Value) -> Command {
    Command::new().update(update).goto(to).to_parent()
}

fn around(inner: StateGraph) -> CompiledGraph {
    channels()
        .add_node("inner", inner.compile().unwrap())
        .add_node("x", |_: State| async { json!({"log": ["x"]}) })
        .add_node("y", |_: State| async { json!({"log": ["y"]}) })
        .add_edge(START, "inner")
        .with_checkpointer(MemorySaver::new())
        .compile()
        .unwrap()
}

#[tokio::test(start_paused = true)]
async fn all_that_one_super_step_hands_to_the_outer_graph_is_applied_whoever_is_faster() {
    for delays in [[0, 5], [5, 0]] {
        let mut inner = channels();
        for ((node, to), delay) in [("a", "x"), ("b", "y")].into_iter().zip(delays) {
            inner = inner
                .add_node(node, move |_: State| async move {
                    tokio::time::sleep(std::time::Duration::from_millis(delay)).await;
                    handing(to, json!({"log": [node]}))
                })
                .add_edge(START, node);
        }
        let inner = inner
            .add_node("own", |_: State| async { json!({"log": ["own"]}) })
            .add_edge(START, "own");
        let out = around(inner).invoke(json!({}), &Config::thread("t")).await;
        assert_eq!(out.unwrap()["log"], json!(["a", "b", "x", "y"]));
    }
}

#[tokio::test]
async fn all_that_one_node_hands_to_the_outer_graph_is_applied() {
    let inner = channels()
        .add_node("a", |_: State| async {
            NodeOutput::Many(vec![
                NodeOutput::Command(handing("x", json!({"log": ["first"]}))),
                NodeOutput::Update(json!({"log": ["own"]})),
                NodeOutput::Command(Command::new().goto("a")),
                NodeOutput::Command(handing("y", json!({"log": ["second"]}))),
            ])
        })
        .add_edge(START, "a");
    let out = around(inner).invoke(json!({}), &Config::thread("t")).await;
    assert_eq!(out.unwrap()["log"], json!(["first", "second", "x", "y"]));
}

#[tokio::test]
async fn commands_for_the_outer_graph_that_write_to_one_value_are_refused() {
    let mut inner = channels();
    for node in ["a", "b"] {
        inner = inner
            .add_node(node, move |_: State| async move {
                handing("x", json!({"one": node}))
            })
            .add_edge(START, node);
    }
    let graph = around(inner);
    let refused = graph.invoke(json!({}), &Config::thread("t")).await;
    let error = refused.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidUpdate);
    assert!(error.to_string().contains("`one`"), "{error}");
}

//! Graphs as text: for people who look at them, and for charts.

use std::time::Duration;

use serde_json::json;
use stepwell::graph::{
    Config, END, ErrorKind, Node, RetryPolicy, START, State, StateGraph, Timeout,
};

async fn noop(_: State) {}

fn inner() -> StateGraph {
    StateGraph::new()
        .add_node("only", noop)
        .add_edge(START, "only")
}

#[test]
fn a_chart_has_edges_joins_decisions_subgraphs_and_handlers() {
    let graph = StateGraph::new()
        .add_node("plan", noop)
        .add_node("look up", inner().compile().unwrap())
        .add_node("ask", noop)
        .add_node("end", noop)
        .add_edge(START, "plan")
        .add_conditional_edges_to("plan", |_: State| "ask", ["look up", "ask"])
        .add_join(["look up", "ask"], "end")
        .add_conditional_edges("end", |_: State| END)
        .add_edge("end", END)
        .add_error_handler("ask", noop)
        .compile()
        .unwrap();
    let expected = r#"flowchart TD
    start([start])
    n1[plan]
    subgraph n2 ["look up"]
        n2_start([start])
        n2_n1[only]
        n2_start --> n2_n1
    end
    n3[ask]
    n4["end"]
    n5[__error_handler__ask]
    finish([end])
    start --> n1
    n4 --> finish
    n2 ==> n4
    n3 ==> n4
    n1 -.-> n2
    n1 -.-> n3
    n3 -. on error .-> n5
    n4 -.-> n4_to0{?}
"#;
    assert_eq!(graph.to_mermaid(), expected);
}

#[tokio::test]
async fn a_router_keeps_to_the_targets_that_it_declares() {
    let graph = |targets: [&'static str; 1]| {
        StateGraph::new()
            .add_node("a", noop)
            .add_node("b", noop)
            .add_edge(START, "a")
            .add_conditional_edges_to("a", |_: State| END, targets)
    };
    let error = graph(["ghost"]).compile().unwrap_err();
    assert!(error.to_string().contains("`ghost`"), "{error}");
    assert!(graph([END]).compile().is_ok());
    let strays = graph(["b"]).compile().unwrap();
    let error = strays.invoke(json!({}), &Config::new()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Node);
    assert!(error.to_string().contains("`__end__`"), "{error}");
}

#[test]
fn a_graphs_debug_output_shows_what_its_nodes_do() {
    let graph = StateGraph::new()
        .add_node(
            "fetch",
            Node::new(noop)
                .retry(RetryPolicy::attempts(3))
                .layer(Timeout::after(Duration::from_secs(9))),
        )
        .add_error_handler("fetch", noop)
        .add_edge(START, "fetch")
        .compile()
        .unwrap();
    let text = format!("{graph:?}");
    for part in [
        "retry: 3 attempts",
        "timeout: whole 9s",
        "__error_handler__fetch",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
}

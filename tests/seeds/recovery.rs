//! A run that stops in the middle goes on where it stood.

use std::time::Duration;

use serde_json::json;
use stepwell::graph::{
    Channel, Config, END, ErrorKind, Input, Node, RetryPolicy, START, State, StateGraph,
};

use crate::kept::{Count, Kept, counted, on_each_backend};

/// Three nodes in a row, the third failing at first.
fn a_b_c(counts: &[Count; 3], failures_of_c: usize) -> StateGraph {
    let [a, b, c] = counts;
    StateGraph::new()
        .add_channel("log", Channel::append())
        .add_node("a", counted(json!({"log": ["a"]}), a, 0))
        .add_node("b", counted(json!({"log": ["b"]}), b, 0))
        .add_node("c", counted(json!({"log": ["c"]}), c, failures_of_c))
        .add_edge(START, "a")
        .add_edge("a", "b")
        .add_edge("b", "c")
        .add_edge("c", END)
}

fn executions(counts: &[Count; 3]) -> [usize; 3] {
    counts.each_ref().map(Count::get)
}

on_each_backend! {
    async fn a_crash_between_b_and_c_resumes_at_c(kept: Kept) {
        let counts = <[Count; 3]>::default();
        let config = Config::thread("report");
        let graph = kept.compile(a_b_c(&counts, 1));
        let error = graph.invoke(json!({"log": []}), &config).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Node);
        assert_eq!(error.node_message().as_deref(), Some("the service is down"));
        drop(graph);

        let kept = kept.restarted();
        let graph = kept.compile(a_b_c(&counts, 1));
        let state = graph.get_state(&config).await.unwrap();
        assert_eq!(state.next, ["c"]);
        assert_eq!(state.values["log"], json!(["a", "b"]));
        assert_eq!(state.tasks[0].error.as_ref().unwrap().message, "the service is down");
        let out = graph.invoke(Input::Continue, &config).await.unwrap();
        assert_eq!(out["log"], json!(["a", "b", "c"]));
        assert_eq!(executions(&counts), [1, 1, 2]);
    }

    async fn finished_tasks_of_a_failed_step_do_not_run_again(kept: Kept) {
        let counts = <[Count; 3]>::default();
        let [quick, slow, last] = &counts;
        let build = || {
            let failing = {
                let slow = slow.clone();
                Node::new(move |_: State| {
                    let number = slow.one_more();
                    async move {
                        tokio::time::sleep(Duration::from_millis(30)).await;
                        if number == 1 {
                            return Err(std::io::Error::other("timeout"));
                        }
                        Ok(json!({"log": ["slow"]}))
                    }
                })
            };
            StateGraph::new()
                .add_channel("log", Channel::append())
                .add_node("quick", counted(json!({"log": ["quick"]}), quick, 0))
                .add_node("slow", failing)
                .add_node("last", counted(json!({"log": ["last"]}), last, 0))
                .add_edge(START, "quick")
                .add_edge(START, "slow")
                .add_join(["quick", "slow"], "last")
        };
        let config = Config::thread("t");
        let graph = kept.compile(build());
        graph.invoke(json!({"log": []}), &config).await.unwrap_err();
        drop(graph);
        let kept = kept.restarted();
        let graph = kept.compile(build());
        let out = graph.invoke(Input::Continue, &config).await.unwrap();
        assert_eq!(out["log"], json!(["quick", "slow", "last"]));
        assert_eq!(executions(&counts), [1, 2, 1]);
    }

    async fn a_node_that_panics_fails_and_can_be_run_again(kept: Kept) {
        let count = Count::default();
        let of_node = count.clone();
        let graph = kept.compile(
            StateGraph::new()
                .add_channel("log", Channel::append())
                .add_node("shaky", move |_: State| {
                    let number = of_node.one_more();
                    async move {
                        assert!(number > 1, "this is a bug in the node");
                        json!({"log": ["done"]})
                    }
                })
                .add_edge(START, "shaky"),
        );
        let config = Config::thread("t");
        let error = graph.invoke(json!({"log": []}), &config).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Node);
        assert!(error.to_string().contains("this is a bug in the node"), "{error}");
        let out = graph.invoke(Input::Continue, &config).await.unwrap();
        assert_eq!(out["log"], json!(["done"]));
    }

    async fn a_flaky_service_is_tried_again_within_the_step(kept: Kept) {
        let count = Count::default();
        let policy = RetryPolicy::attempts(3).delay(Duration::from_millis(1));
        let graph = kept.compile(
            StateGraph::new()
                .add_channel("log", Channel::append())
                .add_node("fetch", counted(json!({"log": ["fetched"]}), &count, 2).retry(policy))
                .add_edge(START, "fetch"),
        );
        let out = graph.invoke(json!({}), &Config::thread("t")).await.unwrap();
        assert_eq!(out["log"], json!(["fetched"]));
        assert_eq!(count.get(), 3);
    }

    async fn new_input_after_a_crash_starts_over_on_what_was_saved(kept: Kept) {
        let counts = <[Count; 3]>::default();
        let graph = kept.compile(a_b_c(&counts, 1));
        let config = Config::thread("t");
        graph.invoke(json!({"log": []}), &config).await.unwrap_err();
        let out = graph.invoke(json!({"log": ["again"]}), &config).await.unwrap();
        assert_eq!(out["log"], json!(["a", "b", "again", "a", "b", "c"]));
    }

    async fn a_dropped_run_goes_on_where_it_stood(kept: Kept) {
        let counts = <[Count; 3]>::default();
        let [a, b, c] = &counts;
        let b_of_node = b.clone();
        let graph = kept.compile(
            StateGraph::new()
                .add_channel("log", Channel::append())
                .add_node("a", counted(json!({"log": ["a"]}), a, 0))
                .add_node("b", move |_: State| {
                    let number = b_of_node.one_more();
                    async move {
                        if number == 1 {
                            std::future::pending::<()>().await;
                        }
                        json!({"log": ["b"]})
                    }
                })
                .add_node("c", counted(json!({"log": ["c"]}), c, 0))
                .add_edge(START, "a")
                .add_edge("a", "b")
                .add_edge("b", "c"),
        );
        let config = Config::thread("t");
        let run = graph.invoke(json!({"log": []}), &config);
        let patience = Duration::from_millis(300);
        assert!(tokio::time::timeout(patience, run).await.is_err());
        let out = graph.invoke(Input::Continue, &config).await.unwrap();
        assert_eq!(out["log"], json!(["a", "b", "c"]));
        assert_eq!(executions(&counts), [1, 2, 1]);
    }
}

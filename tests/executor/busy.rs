//! Two runs on one thread at the same time. In LangGraph one of the two messages is lost without an error.

use std::time::Duration;

use serde_json::json;
use stepwell::checkpoint::{Checkpointer, MemorySaver};
use stepwell::db::Db;
use stepwell::graph::{
    Channel, Command, Config, ErrorKind, GraphError, HistoryQuery, Input, NodeError, Runtime,
    START, State, StateGraph, WhenBusy,
};

use crate::gate::{Gate, gated, running, savers};

#[tokio::test]
async fn the_second_of_two_runs_on_a_thread_is_told_that_it_is_busy() {
    let (savers, _directory) = savers();
    for saver in savers {
        let gate = Gate::new();
        let config = Config::thread("t");
        let first = gated(saver.clone(), &gate);
        let second = gated(saver, &gate);
        let run = running(&first, "one", &config, &gate).await;
        let error = second
            .invoke(json!({"messages": ["two"]}), &config)
            .await
            .unwrap_err();
        assert!(
            matches!(&error, GraphError::ThreadBusy { thread } if thread == "t"),
            "{error}"
        );
        let error = first
            .update_state(&config, json!({"messages": ["three"]}), None)
            .await;
        assert_eq!(error.unwrap_err().kind(), ErrorKind::ThreadBusy);
        gate.open();
        gate.open();
        let other = second
            .invoke(json!({"messages": ["other"]}), &Config::thread("u"))
            .await;
        assert!(other.is_ok(), "another thread is free");
        assert_eq!(
            run.await.unwrap().unwrap()["messages"],
            json!(["one", "re: one"])
        );
        gate.open();
        let out = second
            .invoke(json!({"messages": ["two"]}), &config)
            .await
            .unwrap();
        assert_eq!(out["messages"], json!(["one", "re: one", "two", "re: two"]));
    }
}

#[tokio::test]
async fn handles_on_one_database_know_of_each_other() {
    let directory = tempfile::tempdir().unwrap();
    let db = Db::open(directory.path().join("db")).unwrap();
    let gate = Gate::new();
    let config = Config::thread("t");
    let run = running(&gated(db.checkpointer(), &gate), "one", &config, &gate).await;
    let error = gated(db.checkpointer(), &gate)
        .invoke(json!({"messages": ["two"]}), &config)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ThreadBusy);
    gate.open();
    run.await.unwrap().unwrap();
}

#[tokio::test]
async fn runs_that_wait_go_in_order_and_no_message_is_lost() {
    let (savers, _directory) = savers();
    for saver in savers {
        let gate = Gate::new();
        let config = Config::thread("t").when_busy(WhenBusy::Wait);
        let graph = gated(saver, &gate);
        let run = running(&graph, "1", &config, &gate).await;
        let mut waiting = Vec::new();
        for message in ["2", "3", "4"] {
            let (graph, config) = (graph.clone(), config.clone());
            waiting.push(tokio::spawn(async move {
                graph.invoke(json!({"messages": [message]}), &config).await
            }));
            tokio::task::yield_now().await;
        }
        // One of those that wait loses patience.
        waiting.remove(1).abort();
        for _ in 0..3 {
            gate.open();
        }
        run.await.unwrap().unwrap();
        for run in waiting {
            run.await.unwrap().unwrap();
        }
        let state = graph.get_state(&config).await.unwrap();
        let expected = json!(["1", "re: 1", "2", "re: 2", "4", "re: 4"]);
        assert_eq!(state.values["messages"], expected);
    }
}

#[tokio::test]
async fn a_fork_runs_on_its_own_branch_and_neither_message_is_lost() {
    let (savers, _directory) = savers();
    for saver in savers {
        let gate = Gate::new();
        let config = Config::thread("t");
        let graph = gated(saver, &gate);
        gate.open();
        graph
            .invoke(json!({"messages": ["0"]}), &config)
            .await
            .unwrap();
        gate.begun().await;
        let run = running(&graph, "1", &config, &gate).await;
        let forking = config.clone().when_busy(WhenBusy::Fork);
        let fork = running(&graph, "2", &forking, &gate).await;
        gate.open();
        gate.open();
        // It starts from the latest checkpoint at the time, which is that of the input of the other run.
        let (one, two) = (run.await.unwrap().unwrap(), fork.await.unwrap().unwrap());
        assert_eq!(one["messages"], json!(["0", "re: 0", "1", "re: 1"]));
        assert_eq!(two["messages"], json!(["0", "re: 0", "1", "2", "re: 2"]));
        let history = graph.get_state_history(&config, HistoryQuery::default());
        let ends: Vec<_> = history.collect().await.unwrap();
        for end in [one, two] {
            assert!(
                ends.iter()
                    .any(|s| s.next.is_empty() && s.values == end.values)
            );
        }
    }
}

#[tokio::test]
async fn a_fork_that_continues_runs_the_pending_step_again_under_ids_of_its_own() {
    let gate = Gate::new();
    let config = Config::thread("t");
    let graph = gated(MemorySaver::new(), &gate);
    let run = running(&graph, "1", &config, &gate).await;
    let (other, forking) = (graph.clone(), config.clone().when_busy(WhenBusy::Fork));
    let fork = tokio::spawn(async move { other.invoke(Input::Continue, &forking).await });
    gate.begun().await;
    gate.open();
    gate.open();
    for run in [run, fork] {
        assert_eq!(
            run.await.unwrap().unwrap()["messages"],
            json!(["1", "re: 1"])
        );
    }
    let answer = running(&graph, "2", &config, &gate).await;
    let forking = config.clone().when_busy(WhenBusy::Fork);
    let error = graph
        .invoke(Command::resume("yes"), &forking)
        .await
        .unwrap_err();
    assert_eq!(
        error.kind(),
        ErrorKind::ThreadBusy,
        "an answer does not fork"
    );
    answer.abort();
}

#[tokio::test]
async fn an_update_beside_a_run_leaves_nothing_with_the_tasks_of_the_run() {
    let (savers, _directory) = savers();
    for saver in savers {
        let gate = Gate::new();
        let graph = gated(saver, &gate);
        let config = Config::thread("t");
        let run = running(&graph, "one", &config, &gate).await;
        let base = graph.get_state(&config).await.unwrap().config;
        let forking = config.clone().when_busy(WhenBusy::Fork);
        let update = json!({"messages": ["fake"]});
        graph
            .update_state(&forking, update, Some("echo"))
            .await
            .unwrap();
        run.abort();
        assert!(run.await.unwrap_err().is_cancelled());

        let state = graph.get_state(&base).await.unwrap();
        assert_eq!(state.tasks[0].result, None);
        gate.open();
        let again = base.when_busy(WhenBusy::Wait);
        let out = graph.invoke(Input::Continue, &again).await.unwrap();
        assert_eq!(out["messages"], json!(["one", "re: one"]));
    }
}

#[tokio::test]
async fn a_run_that_is_dropped_fails_or_panics_gives_the_thread_back() {
    let gate = Gate::new();
    let config = Config::thread("t");
    let saver = MemorySaver::new();
    let graph = gated(saver.clone(), &gate);
    let run = graph.invoke(json!({"messages": ["1"]}), &config);
    let dropped = tokio::time::timeout(Duration::from_millis(20), run).await;
    assert!(dropped.is_err());
    assert!(graph.get_state(&config).await.unwrap().next == ["echo"]);
    gate.open();
    let out = graph.invoke(Input::Continue, &config).await.unwrap();
    assert_eq!(out["messages"], json!(["1", "re: 1"]));

    let failing = StateGraph::new()
        .add_channel("x", Channel::last())
        .add_node("a", |s: State| async move {
            if s["x"] == 1 {
                panic!("a careless node");
            }
            Err::<(), _>(NodeError::msg("no"))
        })
        .add_edge(START, "a")
        .with_checkpointer(saver.clone())
        .compile()
        .unwrap();
    for x in [1, 2] {
        let error = failing.invoke(json!({"x": x}), &config).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Node);
    }
    assert!(!saver.leases().is_busy("t"));
}

#[tokio::test]
async fn a_subgraph_does_not_wait_for_the_run_that_it_is_part_of() {
    let inner = StateGraph::new()
        .add_channel("x", Channel::last())
        .add_node("n", |_: State| async { json!({"x": 1}) })
        .add_edge(START, "n")
        .with_checkpointer(true)
        .compile()
        .unwrap();
    let called = inner.clone();
    let graph = StateGraph::new()
        .add_channel("x", Channel::last())
        .add_node("inner", inner)
        .add_node("call", move |_: State, rt: Runtime| {
            let called = called.clone();
            async move { rt.call(&called, json!({})).await }
        })
        .add_edge(START, "inner")
        .add_edge("inner", "call")
        .with_checkpointer(MemorySaver::new())
        .compile()
        .unwrap();
    let config = Config::thread("t").when_busy(WhenBusy::Wait);
    let run = graph.invoke(json!({}), &config);
    let out = tokio::time::timeout(Duration::from_secs(5), run)
        .await
        .unwrap();
    assert_eq!(out.unwrap()["x"], 1);
}

//! Runs that begin with a command which says where to go.

use serde_json::json;
use stepwell::checkpoint::MemorySaver;
use stepwell::graph::{self, Channel, Command, Config, START, State, StateGraph, UnfinishedReason};

use crate::gate::{Gate, savers};
use crate::recovering::{Log, compiled, cut_off, found, statuses_agree};

#[tokio::test]
async fn a_run_that_was_sent_to_a_node_by_a_command_and_cut_off_goes_on_there() {
    let (savers, _directory) = savers();
    for saver in savers {
        let (gate, log) = (Gate::new(), Log::default());
        let graph = compiled(&saver, &gate, &log);
        let commands = [
            Command::new().goto("b").update(json!({"mode": "gate"})),
            Command::new().goto(graph::Send::new("b", json!({"mode": "gate"}))),
        ];
        for (thread, command) in ["goes", "is sent"].iter().zip(commands) {
            let config = Config::thread(*thread);
            graph.invoke(json!({}), &config).await.unwrap();
            cut_off(&graph, command, &config, &gate).await;
            statuses_agree(&graph, &saver).await;
            let expected = [((*thread).to_owned(), UnfinishedReason::CutOff)];
            assert_eq!(found(&graph).await, expected);
            assert_eq!(graph.get_state(&config).await.unwrap().next, ["b"]);
            gate.open();
            let [resumed] = graph.resume_all().await.unwrap().try_into().unwrap();
            let done = json!(["a", "b", "c", "b", "c"]);
            assert_eq!(resumed.outcome.unwrap()["done"], done);
            gate.begun().await;
            statuses_agree(&graph, &saver).await;
            assert!(found(&graph).await.is_empty());
        }
    }
}

#[tokio::test]
async fn the_update_of_a_command_writes_to_all_of_the_state_on_a_new_thread_too() {
    let graph = StateGraph::new()
        .add_channel("log", Channel::append())
        .add_channel("role", Channel::last())
        .add_node("a", |_: State| async { json!({"log": ["a"]}) })
        .with_input(["log"])
        .add_edge(START, "a")
        .with_checkpointer(MemorySaver::new())
        .compile()
        .unwrap();
    let config = Config::thread("t");
    for _ in ["new", "old"] {
        let command = Command::new().update(json!({"role": "admin"})).goto("a");
        let out = graph.invoke(command, &config).await.unwrap();
        assert_eq!(out["role"], "admin");
    }
    let input = json!({"log": ["hi"], "role": "admin"});
    let out = graph.invoke(input, &Config::thread("u")).await.unwrap();
    assert_eq!(out["role"], json!(null), "an input writes to what it may");
}

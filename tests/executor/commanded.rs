//! Runs that begin with a command which says where to go.

use std::sync::Arc;

use serde_json::json;
use stepwell::checkpoint::{Checkpointer, MemorySaver};
use stepwell::graph::{
    self, Channel, Command, CompiledGraph, Config, Durability, ErrorKind, Input, Node, Runtime,
    START, State, StateGraph, UnfinishedReason,
};

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

#[tokio::test]
async fn the_update_of_a_command_is_values_whatever_its_keys() {
    let updates = [
        json!({"branch:to:secret": null}),
        json!({"join:open+ask:gathers": "ask"}),
        json!({"__pregel_tasks": {"node": "secret", "arg": {}}}),
        json!({"__start__": {"log": ["no"]}}),
        json!({"__resume__": "no"}),
        json!({"__interrupt__": [{"id": "1", "value": "no"}]}),
        json!({"__error__": "no"}),
        json!({"__run__": {"failed": {"node": null, "message": "no"}}}),
        json!({"__no_writes__": null, "__store__": [], "unknown": 1}),
    ];
    for question in [None, Some("well?")] {
        let (savers, _directory) = savers();
        for saver in savers {
            let graph = StateGraph::new()
                .add_channel("log", Channel::append())
                .add_node("open", |_: State| async { json!({"log": ["open"]}) })
                .add_node("ask", move |_: State, rt: Runtime| async move {
                    let answer = question
                        .map(|question| rt.interrupt(question))
                        .transpose()?;
                    graph::NodeResult::Ok(json!({"log": [answer]}))
                })
                .add_node("secret", |_: State| async { json!({"log": ["secret"]}) })
                .add_node("gathers", |_: State| async { json!({"log": ["gathers"]}) })
                .add_edge(START, "open")
                .add_edge("open", "ask")
                .add_join(["open", "ask"], "gathers")
                .with_checkpointer(Arc::clone(&saver))
                .compile()
                .unwrap();
            for (place, update) in updates.iter().enumerate() {
                let config = Config::thread(place.to_string());
                let first = graph.invoke(json!({}), &config).await.unwrap();
                let mut whole = update.clone();
                whole["log"] = json!(["said"]);
                let command = Command::new().update(whole);
                let out = graph.invoke(command, &config).await.unwrap();
                let mut expected = first.values["log"].as_array().unwrap().clone();
                expected.push(json!("said"));
                assert_eq!(out["log"], json!(expected), "{update}");
                assert_eq!(out.interrupts, first.interrupts, "{update}");
                statuses_agree(&graph, &saver).await;
            }
        }
    }
}

#[tokio::test]
async fn a_command_that_goes_to_a_deferred_node_has_it_run_when_nothing_else_is_left() {
    let (savers, _directory) = savers();
    for saver in savers {
        let graph = StateGraph::new()
            .add_channel("log", Channel::append())
            .add_node("ask", |_: State, rt: Runtime| async move {
                graph::NodeResult::Ok(json!({"log": [rt.interrupt("well?")?]}))
            })
            .add_node(
                "last",
                Node::new(|_: State| async { json!({"log": ["last"]}) }).deferred(),
            )
            .add_edge(START, "ask")
            .with_checkpointer(Arc::clone(&saver))
            .compile()
            .unwrap();
        let config = Config::thread("t");
        graph.invoke(json!({}), &config).await.unwrap();
        let to_last = || Command::new().goto("last");
        let out = graph.invoke(to_last(), &config).await.unwrap();
        assert!(out.is_interrupted());
        assert_eq!(graph.get_state(&config).await.unwrap().next, ["ask"]);
        statuses_agree(&graph, &saver).await;
        let out = graph.invoke(Command::resume("A"), &config).await.unwrap();
        assert_eq!(out["log"], json!(["A", "last"]));
        let out = graph.invoke(to_last(), &config).await.unwrap();
        assert_eq!(out["log"], json!(["A", "last", "last"]));
        statuses_agree(&graph, &saver).await;
        let out = graph.invoke(Input::Continue, &config).await.unwrap();
        assert_eq!(out["log"], json!(["A", "last", "last"]));
    }
}

/// Asks, and notes the answer.
fn asking(saver: &Arc<dyn Checkpointer>) -> CompiledGraph {
    StateGraph::new()
        .add_channel("log", Channel::append())
        .add_channel("messages", Channel::messages())
        .add_node("ask", |_: State, rt: Runtime| async move {
            graph::NodeResult::Ok(json!({"log": [rt.interrupt("well?")?]}))
        })
        .add_edge(START, "ask")
        .with_checkpointer(Arc::clone(saver))
        .compile()
        .unwrap()
}

#[tokio::test]
async fn what_is_refused_of_what_a_run_is_given_leaves_the_thread_as_it_was() {
    let bad_key = graph::Send::new("ask", json!({})).key("a|b");
    let refused: [(Input, ErrorKind); 8] = [
        (
            Command::resume("no")
                .update(json!({"log": "no list"}))
                .into(),
            ErrorKind::InvalidUpdate,
        ),
        (
            Command::new()
                .update(json!({"log": [1], "messages": 1}))
                .into(),
            ErrorKind::InvalidUpdate,
        ),
        (
            Command::new().update(json!(["log"])).into(),
            ErrorKind::InvalidUpdate,
        ),
        (
            Command::new().goto("ask").to_parent().into(),
            ErrorKind::InvalidUpdate,
        ),
        (
            Command::new().goto(bad_key).into(),
            ErrorKind::InvalidConfig,
        ),
        (json!(["log"]).into(), ErrorKind::InvalidUpdate),
        (json!("log").into(), ErrorKind::InvalidUpdate),
        (json!(false).into(), ErrorKind::InvalidUpdate),
    ];
    for durability in [Durability::Sync, Durability::Async, Durability::Exit] {
        let (savers, _directory) = savers();
        for saver in savers {
            let graph = asking(&saver);
            let config = Config::thread("t").durability(durability);
            graph.invoke(json!({}), &config).await.unwrap();
            let before = graph.get_state(&config).await.unwrap();
            assert_eq!(before.interrupts.len(), 1);
            for (input, expected) in &refused {
                let error = graph.invoke(input.clone(), &config).await.unwrap_err();
                assert_eq!(error.kind(), *expected, "{input:?}");
                let after = graph.get_state(&config).await.unwrap();
                assert_eq!(after, before, "{input:?}");
                statuses_agree(&graph, &saver).await;
            }
            for (input, expected) in &refused[2..] {
                let fresh = Config::thread("fresh").durability(durability);
                let error = graph.invoke(input.clone(), &fresh).await.unwrap_err();
                assert_eq!(error.kind(), *expected, "{input:?}");
                assert!(saver.get("fresh", "", None).await.unwrap().is_none());
            }
            let message = json!({"messages": [{"role": "user", "content": "hi"}]});
            let command = Command::resume("A").update(message);
            let out = graph.invoke(command, &config).await.unwrap();
            assert_eq!(out["log"], json!(["A"]));
            let shown = graph.get_state(&config).await.unwrap().values;
            assert_eq!(shown["messages"], out["messages"]);
        }
    }
}

//! Runs that begin with a command which says where to go.

use std::sync::Arc;

use serde_json::{Value, json};
use stepwell::checkpoint::{Checkpointer, MemorySaver};
use stepwell::graph::{
    self, Channel, Command, CompiledGraph, Config, Durability, ErrorKind, GraphError, Input, Node,
    NodeOutput, Runtime, START, State, StateGraph, UnfinishedReason,
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

/// Updates with keys that are no channels of the state.
fn keyed_otherwise() -> [Value; 9] {
    [
        json!({"branch:to:secret": null}),
        json!({"join:open+ask:gathers": "ask"}),
        json!({"__pregel_tasks": {"node": "secret", "arg": {}}}),
        json!({"__start__": {"log": ["no"]}}),
        json!({"__resume__": "no"}),
        json!({"__interrupt__": [{"id": "1", "value": "no"}]}),
        json!({"__error__": "no"}),
        json!({"__run__": {"failed": {"node": null, "message": "no"}}}),
        json!({"__no_writes__": null, "__store__": [], "unknown": 1}),
    ]
}

/// A graph that asks the question, if there is one. Nothing leads to one of its nodes.
fn with_a_secret(
    saver: &Arc<dyn Checkpointer>,
    question: Option<&'static str>,
) -> Result<CompiledGraph, GraphError> {
    StateGraph::new()
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
        .with_checkpointer(Arc::clone(saver))
        .compile()
}

#[tokio::test]
async fn the_update_of_a_command_is_values_whatever_its_keys() {
    for question in [None, Some("well?")] {
        let (savers, _directory) = savers();
        for saver in savers {
            let graph = with_a_secret(&saver, question).unwrap();
            for (place, update) in keyed_otherwise().iter().enumerate() {
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
async fn an_update_of_the_state_is_values_whatever_its_keys() {
    for question in [None, Some("well?")] {
        let (savers, _directory) = savers();
        for saver in savers {
            let graph = with_a_secret(&saver, question).unwrap();
            for (place, update) in keyed_otherwise().iter().enumerate() {
                let config = Config::thread(place.to_string());
                let first = graph.invoke(json!({}), &config).await.unwrap();
                let before = graph.get_state(&config).await.unwrap().next;
                let mut whole = update.clone();
                whole["log"] = json!(["said"]);
                // As the node that ran last.
                graph.update_state(&config, whole, None).await.unwrap();
                let after = graph.get_state(&config).await.unwrap().next;
                assert_eq!(after, before, "{update}");
                statuses_agree(&graph, &saver).await;
                let out = graph.invoke(Input::Continue, &config).await.unwrap();
                let mut expected = first.values["log"].as_array().unwrap().clone();
                expected.push(json!("said"));
                assert_eq!(out["log"], json!(expected), "{update}");
                let asked: Vec<_> = out.interrupts.iter().map(|asked| &asked.value).collect();
                assert_eq!(asked, question.as_slice(), "{update}");
                statuses_agree(&graph, &saver).await;
            }
        }
    }
}

#[tokio::test]
async fn what_a_node_returns_is_values_whatever_its_keys() {
    for update in keyed_otherwise() {
        let mut whole = update.clone();
        whole["log"] = json!(["said"]);
        for by_command in [false, true] {
            let (savers, _directory) = savers();
            for saver in savers {
                let whole = whole.clone();
                let graph = StateGraph::new()
                    .add_channel("log", Channel::append())
                    .add_node("open", move |_: State| {
                        let whole = whole.clone();
                        async move {
                            match by_command {
                                true => NodeOutput::Command(Command::new().update(whole)),
                                false => NodeOutput::Update(whole),
                            }
                        }
                    })
                    .add_node("ask", |_: State, rt: Runtime| async move {
                        graph::NodeResult::Ok(json!({"log": [rt.interrupt("well?")?]}))
                    })
                    .add_node("secret", |_: State| async { json!({"log": ["secret"]}) })
                    .add_node("gathers", |_: State| async { json!({"log": ["gathers"]}) })
                    .add_edge(START, "open")
                    .add_edge("open", "ask")
                    .add_join(["open", "ask"], "gathers")
                    .with_checkpointer(Arc::clone(&saver))
                    .compile()
                    .unwrap();
                let config = Config::thread("t");
                let out = graph.invoke(json!({}), &config).await.unwrap();
                assert_eq!(out["log"], json!(["said"]), "{update}");
                assert_eq!(out.interrupts[0].value, "well?", "{update}");
                statuses_agree(&graph, &saver).await;
                let out = graph.invoke(Command::resume("A"), &config).await.unwrap();
                assert_eq!(out["log"], json!(["said", "A", "gathers"]), "{update}");
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

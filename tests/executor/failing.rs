//! What fails in a node, a router or a reducer, and what is left after it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use serde_json::json;
use stepwell::checkpoint::MemorySaver;
use stepwell::graph::{
    Channel, Command, CompiledGraph, Config, Durability, END, ErrorKind, GraphError, HistoryQuery,
    Input, NodeError, Runtime, START, State, StateGraph,
};

use crate::gate::Gate;
use crate::recovering::{cut_off, found};

/// In LangGraph, resuming skips the routing, and the graph ends (its issue 8834).
#[tokio::test]
async fn a_router_that_fails_does_not_end_the_graph() {
    let broken = Arc::new(AtomicBool::new(true));
    let flag = Arc::clone(&broken);
    let graph = StateGraph::new()
        .add_channel("log", Channel::append())
        .add_node("a", |_: State| async { json!({"log": ["a"]}) })
        .add_node("b", |_: State| async { json!({"log": ["b"]}) })
        .add_edge(START, "a")
        .add_conditional_edges("a", move |_: State| {
            if flag.load(Ordering::SeqCst) {
                Err(NodeError::msg("no way"))
            } else {
                Ok("b")
            }
        })
        .add_edge("b", END)
        .with_checkpointer(MemorySaver::new())
        .compile()
        .unwrap();
    let config = Config::thread("t");
    let error = graph.invoke(json!({"log": []}), &config).await.unwrap_err();
    assert_eq!(error.node_message().as_deref(), Some("no way"));
    assert_eq!(graph.get_state(&config).await.unwrap().next, ["a"]);

    broken.store(false, Ordering::SeqCst);
    let out = graph.invoke(Input::Continue, &config).await.unwrap();
    assert_eq!(out["log"], json!(["a", "b"]));
}

#[tokio::test]
async fn a_panic_in_a_node_is_that_nodes_error() {
    let graph = StateGraph::new()
        .add_channel("x", Channel::last())
        .add_node("a", |_: State| async {
            if true {
                panic!("a careless node");
            }
        })
        .add_edge(START, "a")
        .with_checkpointer(MemorySaver::new())
        .compile()
        .unwrap();
    let config = Config::thread("t");
    let error = graph.invoke(json!({}), &config).await.unwrap_err();
    assert!(matches!(&error, GraphError::Node { node, .. } if node == "a"));
    assert!(error.to_string().contains("a careless node"), "{error}");
    let state = graph.get_state(&config).await.unwrap();
    let saved = state.tasks[0].error.as_ref().unwrap();
    assert!(saved.message.contains("a careless node"));
}

#[tokio::test]
async fn only_what_had_not_finished_runs_again() {
    let runs = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&runs);
    let broken = Arc::new(AtomicBool::new(true));
    let flag = Arc::clone(&broken);
    let graph = StateGraph::new()
        .add_channel("log", Channel::append())
        .add_node("quick", move |_: State| {
            counted.fetch_add(1, Ordering::SeqCst);
            async { json!({"log": ["quick"]}) }
        })
        .add_node("slow", move |_: State| {
            let flag = Arc::clone(&flag);
            async move {
                tokio::time::sleep(std::time::Duration::from_millis(30)).await;
                if flag.load(Ordering::SeqCst) {
                    return Err(std::io::Error::other("no luck"));
                }
                Ok(json!({"log": ["slow"]}))
            }
        })
        .add_edge(START, "quick")
        .add_edge(START, "slow")
        .with_checkpointer(MemorySaver::new())
        .compile()
        .unwrap();
    let config = Config::thread("t");
    assert!(graph.invoke(json!({}), &config).await.is_err());
    broken.store(false, Ordering::SeqCst);
    let out = graph.invoke(Input::Continue, &config).await.unwrap();
    assert_eq!(out["log"], json!(["quick", "slow"]));
    assert_eq!(runs.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn an_unknown_checkpoint_cannot_be_run_or_updated_and_reads_as_nothing() {
    let graph = StateGraph::new()
        .add_channel("x", Channel::last())
        .add_node("a", |_: State| async { json!({"x": 1}) })
        .add_edge(START, "a")
        .with_checkpointer(MemorySaver::new())
        .compile()
        .unwrap();
    let config = Config::thread("t");
    graph.invoke(json!({}), &config).await.unwrap();
    let nowhere = config.clone().at("1ef00000-0000-6000-8000-000000000000");
    for outcome in [
        graph.invoke(json!({}), &nowhere).await.map(drop),
        graph.invoke(Input::Continue, &nowhere).await.map(drop),
        graph
            .update_state(&nowhere, json!({"x": 2}), Some("a"))
            .await
            .map(drop),
    ] {
        let error = outcome.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::UnknownCheckpoint);
        assert!(error.to_string().contains("1ef00000"), "{error}");
    }
    let state = graph.get_state(&nowhere).await.unwrap();
    assert!(state.metadata.is_none());
    let history = graph.get_state_history(&config, HistoryQuery::default());
    assert_eq!(history.collect().await.unwrap().len(), 3);
}

#[tokio::test]
async fn a_question_that_was_answered_can_be_answered_anew_at_its_checkpoint() {
    let graph = StateGraph::new()
        .add_channel("log", Channel::append())
        .add_node("ask", |_: State, runtime: Runtime| async move {
            let answer = runtime.interrupt("which?")?;
            Ok::<_, NodeError>(json!({"log": [answer]}))
        })
        .add_edge(START, "ask")
        .with_checkpointer(MemorySaver::new())
        .compile()
        .unwrap();
    let config = Config::thread("t");
    graph.invoke(json!({}), &config).await.unwrap();
    let asked = graph.get_state(&config).await.unwrap().config;
    let out = graph.invoke(Command::resume("first"), &config).await;
    assert_eq!(out.unwrap()["log"], json!(["first"]));
    let out = graph.invoke(Command::resume("second"), &asked).await;
    assert_eq!(out.unwrap()["log"], json!(["second"]));
    let history = graph.get_state_history(&config, HistoryQuery::default());
    let values: Vec<_> = history.collect().await.unwrap();
    assert_eq!(
        values[1].values["log"],
        json!(["first"]),
        "the old branch is as it was"
    );
}

#[tokio::test]
async fn a_write_that_a_reducer_refuses_names_the_channel() {
    let graph = StateGraph::new()
        .add_channel("total", Channel::add())
        .add_node("a", |_: State| async { json!({"total": "many"}) })
        .add_edge(START, "a")
        .compile()
        .unwrap();
    let error = graph.invoke(json!({}), &Config::new()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidUpdate);
    assert!(error.to_string().contains("`total`"), "{error}");
}

/// LangGraph cannot read such a thread.
#[tokio::test]
async fn a_thread_whose_step_fails_on_a_conflict_can_be_read_and_mended() {
    let graph = StateGraph::new()
        .add_channel("x", Channel::last())
        .add_node("a", |_: State| async { json!({"x": "a"}) })
        .add_node("b", |_: State| async { json!({"x": "b"}) })
        .add_edge(START, "a")
        .add_edge(START, "b")
        .with_checkpointer(MemorySaver::new())
        .compile()
        .unwrap();
    let config = Config::thread("t");
    for input in [Input::from(json!({"x": "in"})), Input::Continue] {
        let error = graph.invoke(input, &config).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidUpdate);
        let state = graph.get_state(&config).await.unwrap();
        assert_eq!(state.values, json!({"x": "in"}));
        assert_eq!(state.next, ["a", "b"]);
        assert_eq!(state.tasks[1].result, Some(json!({"x": "b"})));
    }
    let mended = graph
        .update_state(&config, json!({"x": "c"}), Some("a"))
        .await;
    graph
        .invoke(Input::Continue, &mended.unwrap())
        .await
        .unwrap();
    assert_eq!(graph.get_state(&config).await.unwrap().values["x"], "c");
}

/// What LangGraph does in this mode. In its others, the answer is used twice if the run is continued without one.
#[tokio::test]
async fn a_run_that_saves_at_its_end_does_not_keep_an_answer_that_was_used() {
    let graph = StateGraph::new()
        .add_channel("log", Channel::append())
        .add_node("ask", |_: State, runtime: Runtime| async move {
            let answers = [runtime.interrupt("1?")?, runtime.interrupt("2?")?];
            Ok::<_, NodeError>(json!({"log": answers}))
        })
        .add_edge(START, "ask")
        .with_checkpointer(MemorySaver::new())
        .compile()
        .unwrap();
    let config = Config::thread("t").durability(Durability::Exit);
    graph.invoke(json!({}), &config).await.unwrap();
    let out = graph.invoke(Command::resume("one"), &config).await.unwrap();
    assert_eq!(out.interrupts[0].value, "2?");
    let out = graph.invoke(Input::Continue, &config).await.unwrap();
    assert_eq!(out.interrupts[0].value, "2?");
    let out = graph.invoke(Command::resume("two"), &config).await.unwrap();
    assert_eq!(out["log"], json!(["one", "two"]));
}

/// In LangGraph whoever asks first takes it.
#[tokio::test]
async fn an_answer_is_for_the_question_that_was_asked_and_not_for_a_sooner_one() {
    let failed = Arc::new(AtomicBool::new(false));
    let graph = StateGraph::new()
        .add_channel("log", Channel::append())
        .add_node("asked", |_: State, runtime: Runtime| async move {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            Ok::<_, NodeError>(json!({"log": [["asked", runtime.interrupt("shown?")?]]}))
        })
        .add_node("late", move |_: State, runtime: Runtime| {
            let first = !failed.swap(true, Ordering::SeqCst);
            async move {
                if first {
                    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
                    return Err(NodeError::msg("no luck"));
                }
                Ok(json!({"log": [["late", runtime.interrupt("new?")?]]}))
            }
        })
        .add_edge(START, "asked")
        .add_edge(START, "late")
        .with_checkpointer(MemorySaver::new())
        .compile()
        .unwrap();
    let config = Config::thread("t");
    graph.invoke(json!({}), &config).await.unwrap_err();
    let state = graph.get_state(&config).await.unwrap();
    assert_eq!(state.interrupts[0].value, "shown?");
    let out = graph.invoke(Command::resume("yes"), &config).await.unwrap();
    assert_eq!(out["log"], json!([["asked", "yes"]]));
    assert_eq!(out.interrupts[0].value, "new?");
}

#[tokio::test]
async fn a_checkpoint_of_a_subgraph_is_addressed_by_its_id_and_must_exist() {
    let inner = StateGraph::new()
        .add_channel("log", Channel::append())
        .add_node("a", |_: State| async { json!({"log": ["a"]}) })
        .add_node("b", |_: State| async { json!({"log": ["b"]}) })
        .add_edge(START, "a")
        .add_edge("a", "b")
        .with_checkpointer(true)
        .compile()
        .unwrap();
    let graph = StateGraph::new()
        .add_channel("log", Channel::append())
        .add_node("inner", inner)
        .add_edge(START, "inner")
        .with_checkpointer(MemorySaver::new())
        .compile()
        .unwrap();
    let config = Config::thread("t");
    graph.invoke(json!({}), &config).await.unwrap();
    let inside = config.clone().in_namespace("inner");
    let history = graph.get_state_history(&inside, HistoryQuery::default());
    let history = history.collect().await.unwrap();
    let before_b = history.iter().find(|state| state.next == ["b"]).unwrap();
    let id = before_b.config.checkpoint_id().unwrap();
    for address in [
        inside.clone().at("nonsense"),
        before_b.config.clone().at("nonsense"),
    ] {
        let error = graph.invoke(Input::Continue, &address).await.unwrap_err();
        assert!(
            matches!(&error, GraphError::UnknownCheckpoint { namespace, .. } if namespace == "inner"),
            "{error}"
        );
    }
    let by_id = graph.invoke(Input::Continue, &inside.at(id)).await.unwrap();
    let whole = graph
        .invoke(Input::Continue, &before_b.config)
        .await
        .unwrap();
    assert_eq!(by_id["log"], json!(["a", "b"]));
    assert_eq!(by_id, whole);
}

/// `a` writes what it is given to a channel whose reducer panics at 13, while its thread says so.
fn with_a_careless_reducer(is_careless: &Arc<AtomicBool>, gate: &Gate) -> CompiledGraph {
    let (is_careless, gate) = (Arc::clone(is_careless), gate.clone());
    StateGraph::new()
        .add_channel("given", Channel::last())
        .add_channel(
            "sum",
            Channel::custom(Some(json!(0)), move |_, write| {
                assert!(
                    write != 13 || !is_careless.load(Ordering::SeqCst),
                    "unlucky"
                );
                Ok(write)
            }),
        )
        .add_node("a", move |state: State| {
            let gate = gate.clone();
            async move {
                gate.pass().await;
                json!({"sum": state["given"]})
            }
        })
        .add_edge(START, "a")
        .with_checkpointer(MemorySaver::new())
        .compile()
        .unwrap()
}

#[tokio::test]
async fn a_reducer_that_panics_fails_its_run_and_its_thread_can_be_read_and_continued() {
    let (careless, gate) = (Arc::new(AtomicBool::new(true)), Gate::new());
    let graph = with_a_careless_reducer(&careless, &gate);
    gate.open();
    let config = Config::thread("t");
    let error = graph
        .invoke(json!({"given": 13}), &config)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidUpdate);
    let said = error.to_string();
    assert!(said.contains("`sum`") && said.contains("unlucky"), "{said}");
    let state = graph.get_state(&config).await.unwrap();
    assert_eq!(
        (&state.values["sum"], state.next),
        (&json!(0), vec!["a".to_owned()])
    );
    let refused = graph
        .update_state(&config, json!({"sum": 13}), Some("a"))
        .await;
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::InvalidUpdate);

    careless.store(false, Ordering::SeqCst);
    let out = graph.invoke(Input::Continue, &config).await.unwrap();
    assert_eq!(out["sum"], 13);
}

#[tokio::test]
async fn a_reducer_that_panics_keeps_no_other_thread_from_being_continued() {
    let gate = Gate::new();
    let graph = with_a_careless_reducer(&Arc::new(AtomicBool::new(true)), &gate);
    for (thread, given) in [("1", 1), ("2", 13), ("3", 3)] {
        let input = json!({"given": given});
        cut_off(&graph, input, &Config::thread(thread), &gate).await;
    }
    (0..3).for_each(|_| gate.open());
    assert_eq!(found(&graph).await.len(), 3);
    let mut resumed = graph.resume_all().await.unwrap();
    resumed.sort_by(|a, b| a.thread.cmp(&b.thread));
    let sums = resumed
        .into_iter()
        .map(|r| r.outcome.map(|out| out["sum"].clone()));
    let sums: Vec<_> = sums.map(|sum| sum.map_err(|error| error.kind())).collect();
    let expected = [Ok(json!(1)), Err(ErrorKind::InvalidUpdate), Ok(json!(3))];
    assert_eq!(sums, expected);
}

#[tokio::test]
async fn a_conditional_edge_that_panics_in_an_update_fails_the_update() {
    let graph = StateGraph::new()
        .add_channel("x", Channel::last())
        .add_node("a", |_: State| async {})
        .add_edge(START, "a")
        .add_conditional_edges("a", |state: State| {
            assert!(state["x"] != 13, "unlucky");
            END
        })
        .with_checkpointer(MemorySaver::new())
        .compile()
        .unwrap();
    let config = Config::thread("t");
    graph.invoke(json!({"x": 1}), &config).await.unwrap();
    let refused = graph
        .update_state(&config, json!({"x": 13}), Some("a"))
        .await;
    let error = refused.unwrap_err();
    assert!(matches!(&error, GraphError::Node { node, .. } if node == "a"));
    assert!(error.to_string().contains("unlucky"), "{error}");
    assert_eq!(graph.get_state(&config).await.unwrap().values["x"], 1);
}

#[tokio::test]
async fn a_value_that_is_too_deep_to_be_read_again_fails_the_step_and_nothing_of_it_is_kept() {
    let deep = Arc::new(AtomicBool::new(true));
    for durability in [Durability::Sync, Durability::Async, Durability::Exit] {
        deep.store(true, Ordering::SeqCst);
        let flag = Arc::clone(&deep);
        let graph = StateGraph::new()
            .add_channel("x", Channel::last())
            .add_channel("log", Channel::append())
            .add_node("a", |_: State| async { json!({"log": ["a"]}) })
            .add_node("b", move |_: State| {
                let levels = if flag.load(Ordering::SeqCst) {
                    128
                } else {
                    127
                };
                let x = (0..levels).fold(json!(1), |inside, _| json!([inside]));
                async move { json!({"x": x, "log": ["b"]}) }
            })
            .add_edge(START, "a")
            .add_edge("a", "b")
            .with_checkpointer(MemorySaver::new())
            .compile()
            .unwrap();
        let config = Config::thread("t").durability(durability);
        let input = json!({"log": []});
        let error = graph.invoke(input.clone(), &config).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Checkpoint);
        let said = error.to_string();
        assert!(
            said.contains("thread `t`") && said.contains("channel `x`"),
            "{said}"
        );

        deep.store(false, Ordering::SeqCst);
        let again = match durability {
            Durability::Exit => Input::from(input),
            _ => {
                let state = graph.get_state(&config).await.unwrap();
                assert_eq!(
                    (&*state.next, &state.values["log"]),
                    (&["b".to_owned()][..], &json!(["a"]))
                );
                Input::Continue
            }
        };
        let out = graph.invoke(again, &config).await.unwrap();
        assert_eq!(out["log"], json!(["a", "b"]));
        assert_eq!(graph.get_state(&config).await.unwrap().values, out.values);
    }
}

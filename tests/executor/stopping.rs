//! Runs that end before their graph does: by a signal, a time-out, or because nobody waits for them.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use serde_json::json;
use stepwell::checkpoint::MemorySaver;
use stepwell::graph::{
    Channel, Command, CompiledGraph, Config, Durability, ErrorKind, Input, Node, NodeResult,
    Runtime, START, State, StateGraph, StopSignal, StreamMode, StreamOptions,
};
use tokio::time::sleep;

const SECOND: Duration = Duration::from_secs(1);

type Ran = Arc<Mutex<Vec<&'static str>>>;

/// A node that takes a second and notes that it has run, in the state and in `ran`.
fn slow(name: &'static str, ran: &Ran) -> Node {
    let ran = Arc::clone(ran);
    Node::new(move |_: State| {
        let ran = Arc::clone(&ran);
        async move {
            sleep(SECOND).await;
            ran.lock().push(name);
            json!({"log": [name]})
        }
    })
}

fn channels() -> StateGraph {
    StateGraph::new().add_channel("log", Channel::append())
}

/// a, then b, then c; a second each.
fn chain(ran: &Ran) -> CompiledGraph {
    channels()
        .add_node("a", slow("a", ran))
        .add_node("b", slow("b", ran))
        .add_node("c", slow("c", ran))
        .add_edge(START, "a")
        .add_edge("a", "b")
        .add_edge("b", "c")
        .with_checkpointer(MemorySaver::new())
        .compile()
        .unwrap()
}

fn stop_after(limit: Duration) -> StopSignal {
    let signal = StopSignal::new();
    let given = signal.clone();
    tokio::spawn(async move {
        sleep(limit).await;
        given.stop();
    });
    signal
}

#[tokio::test(start_paused = true)]
async fn a_run_that_is_asked_to_stop_finishes_its_step_and_can_be_continued() {
    for durability in [Durability::Sync, Durability::Async, Durability::Exit] {
        let ran = Ran::default();
        let graph = chain(&ran);
        let signal = stop_after(SECOND * 3 / 2);
        let config = Config::thread("t").durability(durability);
        let error = graph
            .invoke(json!({}), &config.clone().stop_signal(&signal))
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Stopped);
        assert!(error.to_string().contains("thread `t`"), "{error}");
        assert_eq!(graph.get_state(&config).await.unwrap().next, ["c"]);
        let out = graph.invoke(Input::Continue, &config).await.unwrap();
        assert_eq!(out["log"], json!(["a", "b", "c"]));
        assert_eq!(*ran.lock(), ["a", "b", "c"], "nothing ran twice");
    }
}

#[tokio::test(start_paused = true)]
async fn a_run_without_work_left_has_ended_whatever_the_signal_says() {
    let graph = chain(&Ran::default());
    let config = Config::thread("t").stop_signal(&stop_after(SECOND * 5 / 2));
    assert!(graph.invoke(json!({}), &config).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_breakpoint_comes_before_the_signal() {
    let graph = chain(&Ran::default());
    let config = Config::thread("t");
    let stopping = config
        .clone()
        .interrupt_before(["b"])
        .stop_signal(&stop_after(SECOND / 2));
    assert!(graph.invoke(json!({}), &stopping).await.is_ok());
    assert_eq!(graph.get_state(&config).await.unwrap().next, ["b"]);
}

#[tokio::test(start_paused = true)]
async fn a_subgraph_stops_at_a_step_of_its_own_and_goes_on_there() {
    for durability in [Durability::Sync, Durability::Async, Durability::Exit] {
        let ran = Ran::default();
        let inner = channels()
            .add_node("a", slow("a", &ran))
            .add_node("b", slow("b", &ran))
            .add_edge(START, "a")
            .add_edge("a", "b")
            .compile()
            .unwrap();
        let graph = channels()
            .add_node(
                "inner",
                Node::new(inner).retry(stepwell::graph::RetryPolicy::attempts(9)),
            )
            .add_node("beside", slow("beside", &ran))
            .add_edge(START, "inner")
            .add_edge(START, "beside")
            .with_checkpointer(MemorySaver::new())
            .compile()
            .unwrap();
        let config = Config::thread("t").durability(durability);
        let stopping = config.clone().stop_signal(&stop_after(SECOND / 2));
        let error = graph.invoke(json!({}), &stopping).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Stopped);
        let mut so_far = ran.lock().clone();
        so_far.sort_unstable();
        assert_eq!(so_far, ["a", "beside"]);
        graph.invoke(Input::Continue, &config).await.unwrap();
        assert_eq!(ran.lock().last(), Some(&"b"));
        assert_eq!(ran.lock().len(), 3, "nothing ran twice");
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_by_id_that_was_used_is_kept_when_the_run_stops() {
    let inner = {
        let ran = Ran::default();
        channels()
            .add_node("a", slow("a", &ran))
            .add_node("b", slow("b", &ran))
            .add_edge(START, "a")
            .add_edge("a", "b")
            .compile()
            .unwrap()
    };
    let graph = channels()
        .add_node("n", move |_: State, rt: Runtime| {
            let inner = inner.clone();
            async move {
                let answer = rt.interrupt("who?")?;
                rt.call(&inner, json!({})).await?;
                NodeResult::Ok(json!({"log": [answer]}))
            }
        })
        .add_edge(START, "n")
        .with_checkpointer(MemorySaver::new())
        .compile()
        .unwrap();
    for by_time in [false, true] {
        let config = Config::thread(format!("t{by_time}"));
        let out = graph.invoke(json!({}), &config).await.unwrap();
        let answer = Command::resume_by_id([(out.interrupts[0].id.clone(), json!("me"))]);
        let ending = if by_time {
            config.clone().run_timeout(SECOND / 2)
        } else {
            config.clone().stop_signal(&stop_after(SECOND / 2))
        };
        graph.invoke(answer, &ending).await.unwrap_err();
        let out = graph.invoke(Input::Continue, &config).await.unwrap();
        assert_eq!(out["log"], json!(["me"]));
    }
}

#[tokio::test(start_paused = true)]
async fn a_run_whose_time_is_up_keeps_what_has_finished() {
    for durability in [Durability::Sync, Durability::Async, Durability::Exit] {
        let ran = Ran::default();
        let graph = channels()
            .add_node("first", slow("first", &ran))
            .add_node("quick", slow("quick", &ran))
            .add_node("late", |_: State| async {
                sleep(SECOND * 2).await;
                json!({"log": ["late"]})
            })
            .add_edge(START, "first")
            .add_edge("first", "quick")
            .add_edge("first", "late")
            .with_checkpointer(MemorySaver::new())
            .compile()
            .unwrap();
        let config = Config::thread("t").durability(durability);
        let error = graph
            .invoke(json!({}), &config.clone().run_timeout(SECOND * 5 / 2))
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::RunTimeout);
        let state = graph.get_state(&config).await.unwrap();
        assert_eq!(state.next, ["late"]);
        assert_eq!(state.values["log"], json!(["first", "quick"]));
        let out = graph.invoke(Input::Continue, &config).await.unwrap();
        assert_eq!(out["log"], json!(["first", "late", "quick"]));
        assert_eq!(*ran.lock(), ["first", "quick"]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_run_that_is_dropped_can_be_continued() {
    let ran = Ran::default();
    let graph = chain(&ran);
    let config = Config::thread("t");
    let run = graph.invoke(json!({}), &config);
    assert!(tokio::time::timeout(SECOND * 3 / 2, run).await.is_err());
    sleep(SECOND * 5).await;
    assert_eq!(*ran.lock(), ["a"], "nothing goes on behind the back");
    assert_eq!(graph.get_state(&config).await.unwrap().next, ["b"]);
    let out = graph.invoke(Input::Continue, &config).await.unwrap();
    assert_eq!(out["log"], json!(["a", "b", "c"]));
}

#[tokio::test(start_paused = true)]
async fn a_subgraph_whose_stream_is_dropped_does_not_pass_for_finished() {
    let ran = Ran::default();
    let inner = channels()
        .add_node("a", slow("a", &ran))
        .add_node("b", slow("b", &ran))
        .add_edge(START, "a")
        .add_edge("a", "b")
        .compile()
        .unwrap();
    let graph = channels()
        .add_node("inner", inner)
        .add_edge(START, "inner")
        .with_checkpointer(MemorySaver::new())
        .compile()
        .unwrap();
    let config = Config::thread("t");
    let events = graph.stream(
        json!({}),
        &config,
        StreamOptions::new([StreamMode::Updates]).subgraphs(),
    );
    sleep(SECOND / 2).await;
    drop(events);
    sleep(SECOND * 9).await;
    assert_eq!(*ran.lock(), ["a"]);
    assert_eq!(graph.get_state(&config).await.unwrap().next, ["inner"]);
    let out = graph.invoke(Input::Continue, &config).await.unwrap();
    assert_eq!(out["log"], json!(["a", "b"]));
}

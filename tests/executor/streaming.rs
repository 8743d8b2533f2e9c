//! Streams: how far a run may get ahead of its reader, and what becomes of it when he goes away.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::json;
use stepwell::checkpoint::MemorySaver;
use stepwell::graph::{
    Channel, CompiledGraph, Config, END, Event, Input, RunStream, Runtime, START, State,
    StateGraph, StreamMode, StreamOptions,
};

async fn events(mut stream: RunStream) -> Vec<(Vec<String>, Event)> {
    let mut events = Vec::new();
    while let Some(event) = stream.next().await {
        let event = event.unwrap();
        let path = event.path().into_iter().map(str::to_owned).collect();
        events.push((path, event.event));
    }
    events
}

#[tokio::test]
async fn a_run_waits_for_a_reader_that_does_not_keep_up() {
    let emitted = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&emitted);
    let graph = StateGraph::new()
        .add_node("chatty", move |_: State, runtime: Runtime| {
            let count = Arc::clone(&count);
            async move {
                for n in 0..1000 {
                    runtime.emit(n).await;
                    count.fetch_add(1, Ordering::SeqCst);
                }
            }
        })
        .add_edge(START, "chatty")
        .compile()
        .unwrap();
    let options = StreamOptions::new([StreamMode::Custom]);
    let mut stream = graph.stream(json!({}), &Config::new(), options);
    assert!(stream.next().await.is_some());
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    let ahead = emitted.load(Ordering::SeqCst);
    assert!((1..=66).contains(&ahead), "{ahead} events ahead");
    assert_eq!(events(stream).await.len(), 999);
}

fn three_steps(saver: MemorySaver, ran: &Arc<AtomicUsize>) -> CompiledGraph {
    let node = |name: &'static str| {
        let ran = Arc::clone(ran);
        move |_: State| {
            ran.fetch_add(1, Ordering::SeqCst);
            async move {
                tokio::time::sleep(Duration::from_millis(5)).await;
                json!({"log": [name]})
            }
        }
    };
    StateGraph::new()
        .add_channel("log", Channel::append())
        .add_node("a", node("a"))
        .add_node("b", node("b"))
        .add_node("c", node("c"))
        .add_edge(START, "a")
        .add_edge("a", "b")
        .add_edge("b", "c")
        .add_edge("c", END)
        .with_checkpointer(saver)
        .compile()
        .unwrap()
}

#[tokio::test]
async fn a_stream_that_is_dropped_stops_the_run_at_a_step_boundary_and_it_can_go_on() {
    let ran = Arc::default();
    let graph = three_steps(MemorySaver::new(), &ran);
    let config = Config::thread("t");
    let options = StreamOptions::new([StreamMode::Tasks]);
    let mut stream = graph.stream(json!({}), &config, options);
    let first = stream.next().await.unwrap().unwrap();
    assert!(matches!(first.event, Event::TaskStarted { name, .. } if name == "a"));
    drop(stream);

    let mut waited = 0;
    while graph.get_state(&config).await.unwrap().next != ["b"] {
        waited += 1;
        assert!(waited < 1000, "the step that ran was not completed");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    tokio::time::sleep(Duration::from_millis(30)).await;
    assert_eq!(ran.load(Ordering::SeqCst), 1, "b was not started");

    let out = graph.invoke(Input::Continue, &config).await.unwrap();
    assert_eq!(out["log"], json!(["a", "b", "c"]));
    assert_eq!(ran.load(Ordering::SeqCst), 3, "nothing ran twice");
}

#[tokio::test]
async fn the_outcome_is_there_once_the_events_are_read() {
    let graph = three_steps(MemorySaver::new(), &Arc::default());
    let options = StreamOptions::new([StreamMode::Updates]);
    let mut stream = graph.stream(json!({}), &Config::thread("t"), options);
    assert!(stream.output().is_none());
    while let Some(event) = stream.next().await {
        event.unwrap();
    }
    let output = stream.output().unwrap();
    assert_eq!(output["log"], json!(["a", "b", "c"]));
}

#[tokio::test]
async fn events_of_subgraphs_say_where_they_come_from_and_come_only_on_request() {
    let child = StateGraph::new()
        .add_channel("log", Channel::append())
        .add_node("inner", |_: State, runtime: Runtime| async move {
            runtime.emit("from inside").await;
            json!({"log": ["inner"]})
        })
        .add_edge(START, "inner")
        .compile()
        .unwrap();
    let graph = StateGraph::new()
        .add_channel("log", Channel::append())
        .add_node("child", child)
        .add_edge(START, "child")
        .compile()
        .unwrap();
    let options = StreamOptions::new([StreamMode::Updates, StreamMode::Custom]);
    let alone = events(graph.stream(json!({}), &Config::new(), options.clone())).await;
    assert_eq!(alone.len(), 1, "{alone:?}");
    assert!(alone[0].0.is_empty());

    let all = events(graph.stream(json!({}), &Config::new(), options.subgraphs())).await;
    let paths: Vec<_> = all.iter().map(|(path, _)| path.join("/")).collect();
    assert_eq!(paths, ["child", "child", ""]);
    assert_eq!(all[0].1, Event::Custom(json!("from inside")));
}

#[tokio::test]
async fn debug_wraps_tasks_and_checkpoints_with_their_step() {
    let graph = three_steps(MemorySaver::new(), &Arc::default());
    let options = StreamOptions::new([StreamMode::Debug]);
    let all = events(graph.stream(json!({}), &Config::thread("t"), options)).await;
    let mut checkpoints = 0;
    let mut tasks = 0;
    for (_, event) in all {
        let Event::Debug { payload, step, .. } = event else {
            unreachable!("only debug events were asked for");
        };
        match *payload {
            Event::Checkpoint { metadata, .. } => {
                checkpoints += 1;
                assert_eq!(metadata.step, Some(step));
            }
            Event::TaskStarted { .. } | Event::TaskEnded { .. } => tasks += 1,
            other => panic!("{other:?} is no debug event"),
        }
    }
    assert_eq!((checkpoints, tasks), (5, 6));
}

//! Fields that live as long as a run: no checkpoint has them, and whoever runs the thread gives them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use futures::StreamExt;
use serde_json::json;
use stepwell::checkpoint::{Checkpointer, ListQuery, MemorySaver};
use stepwell::graph::{
    Channel, Command, Config, END, ErrorKind, GraphError, NodeResult, Runtime, START, Send, State,
    StateGraph, TypedGraph,
};

/// Nothing that could be serialised.
#[derive(Debug, Default)]
struct Session {
    queries: AtomicU32,
}

type Shared = Arc<Session>;

#[derive(State, Clone, Debug)]
struct Work {
    #[state(append)]
    answers: Vec<String>,
    #[state(untracked)]
    session: Shared,
}

fn asking(saver: &MemorySaver) -> Result<TypedGraph<Work>, GraphError> {
    async fn ask(work: Work, runtime: Runtime) -> NodeResult<WorkUpdate> {
        let query = work.session.queries.fetch_add(1, Ordering::Relaxed);
        let answer = runtime.interrupt(query)?;
        Ok(WorkUpdate::new().answers([answer.to_string()]))
    }
    StateGraph::typed::<Work>()
        .add_node("ask", ask)
        .add_edge(START, "ask")
        .add_conditional_edges("ask", |work: Work| {
            work.session.queries.fetch_add(100, Ordering::Relaxed);
            END
        })
        .with_checkpointer(saver.clone())
        .compile()
}

#[tokio::test]
async fn it_is_given_with_the_input_and_again_when_the_thread_is_resumed() {
    let graph = asking(&MemorySaver::new()).unwrap();
    let config = Config::thread("t");
    let first = Shared::default();
    let input = WorkUpdate::new().session(Arc::clone(&first));
    let out = graph.invoke(input, &config).await.unwrap();
    assert!(out.is_interrupted());
    assert!(Arc::ptr_eq(&out.state.session, &first));

    let error = graph.invoke(Command::resume(1), &config).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidState);
    assert!(error.to_string().contains("`session`"), "{error}");
    assert!(error.to_string().contains("Command::update"), "{error}");

    let second = Shared::default();
    let given = WorkUpdate::new().session(Arc::clone(&second));
    let resume = Command::resume(1).update(given);
    let out = graph.invoke(resume, &config).await.unwrap();
    assert_eq!(out.state.answers, ["1"]);
    assert_eq!(first.queries.load(Ordering::Relaxed), 1);
    assert_eq!(second.queries.load(Ordering::Relaxed), 101, "its edge too");
}

#[tokio::test]
async fn nothing_of_it_is_saved_or_kept_after_the_run() {
    let saver = MemorySaver::new();
    let graph = asking(&saver).unwrap();
    let session = Shared::default();
    let input = WorkUpdate::new().session(Arc::clone(&session));
    let out = graph.invoke(input, &Config::thread("t")).await.unwrap();
    drop(out);
    assert_eq!(Arc::strong_count(&session), 1);
    let saved: Vec<_> = saver.list(ListQuery::of("t", "")).collect().await;
    assert!(!saved.is_empty());
    for saved in saved {
        let saved = saved.unwrap();
        let writes = saved.pending_writes.iter().map(|w| &w.value);
        for value in saved.checkpoint.channel_values.values().chain(writes) {
            let text = value.to_json().unwrap().to_string();
            assert!(
                !text.contains("session") && !text.contains("__local__"),
                "{text}"
            );
        }
    }
}

#[tokio::test]
async fn an_update_of_the_state_does_not_save_it_either() {
    let saver = MemorySaver::new();
    let graph = StateGraph::new()
        .add_channel("secret", Channel::untracked())
        .add_node("fan", |_: State| async {})
        .add_node("work", |_: State| async {})
        .add_edge(START, "fan")
        .add_conditional_edges("fan", |_: State| {
            Send::new("work", json!({"secret": "hush", "open": 1}))
        })
        .with_checkpointer(saver.clone())
        .compile()
        .unwrap();
    let config = Config::thread("t");
    graph.invoke(json!({}), &config).await.unwrap();
    for node in ["__input__", "__start__", "fan"] {
        let update = graph.update_state(&config, json!({"secret": "hush"}), Some(node));
        update.await.unwrap();
    }
    let mut saved = saver.list(ListQuery::of("t", ""));
    let mut texts = Vec::new();
    while let Some(saved) = saved.next().await {
        let saved = saved.unwrap();
        let writes = saved.pending_writes.iter().map(|w| &w.value);
        for value in saved.checkpoint.channel_values.values().chain(writes) {
            texts.push(value.to_json().unwrap().to_string());
        }
    }
    assert!(texts.iter().any(|text| text.contains("open")), "{texts:?}");
    assert!(!texts.iter().any(|text| text.contains("hush")), "{texts:?}");
}

#[tokio::test]
async fn a_node_can_replace_it_and_a_subgraph_sees_it() {
    #[derive(State, Clone)]
    struct Inner {
        #[state(untracked)]
        session: Option<Shared>,
        #[state(append)]
        answers: Vec<String>,
    }
    let inner = StateGraph::typed::<Inner>()
        .add_node("count", |inner: Inner| async move {
            let queries = inner.session.map(|s| s.queries.load(Ordering::Relaxed));
            InnerUpdate::new().answers([format!("{queries:?}")])
        })
        .add_edge(START, "count")
        .compile()
        .unwrap();
    let called = inner.clone();
    let mapped = inner.clone().into_node_of(
        |work: Work| InnerUpdate::new().session(work.session),
        |inner| WorkUpdate::new().answers(inner.answers),
    );
    let graph = StateGraph::typed::<Work>()
        .add_node("replace", |_: Work| async {
            let session = Session {
                queries: AtomicU32::new(7),
            };
            WorkUpdate::new().session(session)
        })
        .add_node("mapped", mapped)
        .add_node("same_names", inner)
        .add_node("call", move |work: Work, runtime: Runtime| {
            let inner = called.clone();
            async move {
                let input = InnerUpdate::new().session(work.session);
                let inner = inner.call(&runtime, input).await?;
                NodeResult::Ok(WorkUpdate::new().answers(inner.answers))
            }
        })
        .add_edge(START, "replace")
        .add_edge("replace", "mapped")
        .add_edge("mapped", "call")
        .add_edge("call", "same_names")
        .add_edge("same_names", END)
        .compile()
        .unwrap();
    let input = WorkUpdate::new().session(Session::default());
    let out = graph.invoke(input, &Config::new()).await.unwrap();
    // The last one was handed the answers of the others and added its own to them.
    assert_eq!(out.state.answers, ["Some(7)"; 5]);
    assert_eq!(out.state.session.queries.load(Ordering::Relaxed), 7);
}

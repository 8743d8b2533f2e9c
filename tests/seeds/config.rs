//! What nodes are given beside the state, and what is not saved.

use std::sync::Arc;

use parking_lot::Mutex;
use serde_json::{Value, json};
use stepwell::graph::{
    Channel, Command, Config, END, NodeError, Runtime, START, State, StateGraph,
};

use crate::kept::{Kept, on_each_backend, writes};

fn greet() -> StateGraph {
    StateGraph::new()
        .add_channel("greeting", Channel::last())
        .add_node("greet", |_: State, rt: Runtime| async move {
            let user = rt.configurable("user_id").cloned();
            let model = rt.context()["model"].clone();
            let thread = rt.thread_id().map(str::to_owned);
            let (user, model) = (user.is_some(), !model.is_null());
            json!({"greeting": {"user": user, "model": model, "thread": thread}})
        })
        .add_edge(START, "greet")
        .add_edge("greet", END)
}

on_each_backend! {
    async fn configurable_values_and_context_reach_the_nodes_and_are_not_remembered(kept: Kept) {
        let graph = kept.compile(greet());
        let config = Config::thread("thread-abc");
        let full = config.clone().with("user_id", "user-42").context(json!({"model": "small"}));
        let out = graph.invoke(json!({}), &full).await.unwrap();
        let expected = json!({"user": true, "model": true, "thread": "thread-abc"});
        assert_eq!(out["greeting"], expected);
        let out = graph.invoke(json!({}), &config).await.unwrap();
        let expected = json!({"user": false, "model": false, "thread": "thread-abc"});
        assert_eq!(out["greeting"], expected);
    }

    async fn configurable_values_and_context_are_not_saved(kept: Kept) {
        let graph = kept.compile(greet());
        let config = Config::thread("t")
            .with("user_id", "user-with-a-secret-name")
            .context(json!({"api_key": "a-secret-key"}));
        graph.invoke(json!({}), &config).await.unwrap();
        for saved in kept.checkpoints("t").await {
            let everything = format!("{saved:?}");
            assert!(!everything.contains("secret"), "{everything}");
        }
    }

    async fn the_thread_id_is_a_configurable_value(kept: Kept) {
        let graph = kept.compile(
            StateGraph::new()
                .add_channel("seen", Channel::last())
                .add_node("look", |_: State, rt: Runtime| async move {
                    json!({"seen": rt.configurable("thread_id")})
                })
                .add_edge(START, "look"),
        );
        let out = graph.invoke(json!({}), &Config::thread("thread-abc")).await.unwrap();
        assert_eq!(out["seen"], "thread-abc");
    }

    async fn what_cannot_be_saved_is_an_untracked_channel_that_each_run_provides(kept: Kept) {
        let opened: Arc<Mutex<Vec<Value>>> = Arc::default();
        let of_node = Arc::clone(&opened);
        let graph = kept.compile(
            StateGraph::new()
                .add_channel("messages", Channel::append())
                .add_channel("session", Channel::untracked())
                .add_node("connect", |_: State, rt: Runtime| async move {
                    json!({"session": rt.configurable("session").cloned()})
                })
                .add_node("query", move |s: State| {
                    of_node.lock().push(s["session"].clone());
                    async { json!({"messages": ["queried"]}) }
                })
                .add_edge(START, "connect")
                .add_edge("connect", "query")
                .add_edge("query", END),
        );
        let config = Config::thread("t");
        for session in ["handle-1", "handle-2"] {
            let config = config.clone().with("session", session);
            let out = graph.invoke(json!({"messages": ["hi"]}), &config).await.unwrap();
            assert_eq!(out["session"], session);
        }
        assert_eq!(*opened.lock(), ["handle-1", "handle-2"]);
        let state = graph.get_state(&config).await.unwrap();
        assert_eq!(state.values, json!({"messages": ["hi", "queried", "hi", "queried"]}));
        for saved in kept.checkpoints("t").await {
            let everything = format!("{saved:?}");
            assert!(!everything.contains("handle-"), "{everything}");
        }
    }

    async fn a_resumed_run_provides_the_unsaved_again(kept: Kept) {
        let graph = kept.compile(
            StateGraph::new()
                .add_channel("used", Channel::append())
                .add_node("ask", |_: State, rt: Runtime| async move {
                    let session = rt.configurable("session").cloned();
                    rt.interrupt("go on?")?;
                    Ok::<_, NodeError>(json!({"used": [session]}))
                })
                .add_edge(START, "ask"),
        );
        let config = Config::thread("t");
        graph.invoke(json!({}), &config.clone().with("session", "old")).await.unwrap();
        let config = config.with("session", "new");
        let out = graph.invoke(Command::resume(true), &config).await.unwrap();
        assert_eq!(out["used"], json!(["new"]));
    }
}

#[tokio::test]
async fn a_checkpointer_is_fixed_when_the_graph_is_compiled() {
    let build = || {
        StateGraph::new()
            .add_channel("log", Channel::append())
            .add_node("n", writes(json!({"log": ["n"]})))
            .add_edge(START, "n")
    };
    let (one, other) = (Kept::memory(), Kept::memory());
    let (first, second) = (one.compile(build()), other.compile(build()));
    let config = Config::thread("t");
    first.clone().invoke(json!({}), &config).await.unwrap();
    assert_eq!(
        first.get_state(&config).await.unwrap().values["log"],
        json!(["n"])
    );
    assert!(second.get_state(&config).await.unwrap().metadata.is_none());
}

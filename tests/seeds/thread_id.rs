//! The thread id: what is saved needs one.

use serde_json::json;
use stepwell::graph::{Channel, Config, END, ErrorKind, HistoryQuery, Input, START, StateGraph};

use crate::kept::{Kept, on_each_backend, writes};

fn chat() -> StateGraph {
    StateGraph::new()
        .add_channel("messages", Channel::append())
        .add_node("respond", writes(json!({"messages": ["noted"]})))
        .add_edge(START, "respond")
        .add_edge("respond", END)
}

on_each_backend! {
    async fn a_run_without_a_thread_is_an_error_and_saves_nothing(kept: Kept) {
        let graph = kept.compile(chat());
        let error = graph
            .invoke(json!({"messages": ["Hello"]}), &Config::new())
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::MissingThreadId);
        assert!(error.to_string().contains("Config::thread"), "{error}");
        let mut all = kept.saver().list(Default::default());
        assert!(futures::StreamExt::next(&mut all).await.is_none());
    }

    async fn other_configurable_values_do_not_stand_in_for_a_thread(kept: Kept) {
        let graph = kept.compile(chat());
        let config = Config::new().with("user_id", "user-42");
        let error = graph.invoke(json!({"messages": ["Hello"]}), &config).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::MissingThreadId);
    }

    async fn reading_and_updating_need_a_thread_too(kept: Kept) {
        let graph = kept.compile(chat());
        let nowhere = Config::new();
        let read = graph.get_state(&nowhere).await.unwrap_err();
        assert_eq!(read.kind(), ErrorKind::MissingThreadId);
        let update = json!({"messages": ["x"]});
        let updated = graph.update_state(&nowhere, update, None).await.unwrap_err();
        assert_eq!(updated.kind(), ErrorKind::MissingThreadId);
        let listed = graph.get_state_history(&nowhere, HistoryQuery::default());
        let listed = listed.collect().await.unwrap_err();
        assert_eq!(listed.kind(), ErrorKind::MissingThreadId);
    }

    async fn with_a_thread_the_second_call_remembers_the_first(kept: Kept) {
        let graph = kept.compile(chat());
        let config = Config::thread("session-1");
        graph.invoke(json!({"messages": ["Hello"]}), &config).await.unwrap();
        let said = json!({"messages": ["What did I say?"]});
        let out = graph.invoke(said, &config).await.unwrap();
        assert_eq!(out["messages"][0], "Hello");
    }

    async fn continuing_a_thread_that_never_ran_is_an_error(kept: Kept) {
        let graph = kept.compile(chat());
        let error = graph.invoke(Input::Continue, &Config::thread("new")).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::EmptyInput);
        assert!(error.to_string().contains("`new`"), "{error}");
    }

    async fn an_unknown_checkpoint_reads_as_nothing_and_cannot_be_run(kept: Kept) {
        let graph = kept.compile(chat());
        let config = Config::thread("t");
        graph.invoke(json!({"messages": ["Hello"]}), &config).await.unwrap();
        let nowhere = config.at("1ef00000-0000-6000-8000-000000000000");
        let state = graph.get_state(&nowhere).await.unwrap();
        assert!(state.metadata.is_none());
        assert_eq!(state.values, json!({}));
        let error = graph.replay(&nowhere).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::UnknownCheckpoint);
        assert!(error.to_string().contains("1ef00000-"), "{error}");
    }
}

#[tokio::test]
async fn a_graph_without_a_checkpointer_needs_no_thread() {
    let graph = chat().compile().unwrap();
    let out = graph
        .invoke(json!({"messages": ["Hello"]}), &Config::new())
        .await
        .unwrap();
    assert_eq!(out["messages"], json!(["Hello", "noted"]));
}

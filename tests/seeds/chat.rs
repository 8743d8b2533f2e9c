//! A conversation that is remembered by thread.

use serde_json::{Value, json};
use stepwell::graph::{Channel, Config, END, START, State, StateGraph};

use crate::kept::{Kept, history, len, on_each_backend, writes};

fn chat() -> StateGraph {
    StateGraph::new()
        .add_channel("messages", Channel::append())
        .add_node("respond", writes(json!({"messages": ["Bot response"]})))
        .add_edge(START, "respond")
        .add_edge("respond", END)
}

fn chat_with_ids() -> StateGraph {
    let answer = json!({"messages": [{"role": "assistant", "content": "Bot response"}]});
    StateGraph::new()
        .add_channel("messages", Channel::messages())
        .add_node("respond", writes(answer))
        .add_edge(START, "respond")
        .add_edge("respond", END)
}

fn user(content: &str) -> Value {
    json!({"messages": [{"role": "user", "content": content}]})
}

on_each_backend! {
    async fn a_second_call_on_the_thread_adds_to_the_first(kept: Kept) {
        let graph = kept.compile(chat());
        let config = Config::thread("conversation-1");
        let first = graph.invoke(json!({"messages": ["Hello"]}), &config).await.unwrap();
        assert_eq!(len(&first["messages"]), 2);
        let second = graph.invoke(json!({"messages": ["How are you?"]}), &config).await.unwrap();
        assert_eq!(
            second["messages"],
            json!(["Hello", "Bot response", "How are you?", "Bot response"])
        );
    }

    async fn a_second_call_adds_to_a_list_of_messages_with_ids(kept: Kept) {
        let graph = kept.compile(chat_with_ids());
        let config = Config::thread("conversation-1");
        let first = graph.invoke(user("Hello"), &config).await.unwrap();
        assert_eq!(len(&first["messages"]), 2);
        let second = graph.invoke(user("How are you?"), &config).await.unwrap();
        assert_eq!(len(&second["messages"]), 4);
        assert_eq!(second["messages"][0], first["messages"][0]);
    }

    async fn threads_are_isolated(kept: Kept) {
        let graph = kept.compile(chat());
        let (alice, bob) = (Config::thread("user-alice"), Config::thread("user-bob"));
        graph.invoke(json!({"messages": ["Hi from Alice"]}), &alice).await.unwrap();
        graph.invoke(json!({"messages": ["Hi from Bob"]}), &bob).await.unwrap();
        let alices = graph.get_state(&alice).await.unwrap().values;
        let bobs = graph.get_state(&bob).await.unwrap().values;
        assert_eq!(alices, json!({"messages": ["Hi from Alice", "Bot response"]}));
        assert_eq!(bobs, json!({"messages": ["Hi from Bob", "Bot response"]}));
    }

    async fn one_compiled_graph_serves_many_threads_at_once(kept: Kept) {
        let graph = kept.compile(chat());
        let calls = (0..8).map(|user| {
            let (graph, config) = (graph.clone(), Config::thread(format!("user-{user}")));
            async move {
                for turn in 0..3 {
                    let said = json!({"messages": [format!("{user}: {turn}")]});
                    graph.invoke(said, &config).await.unwrap();
                }
                graph.get_state(&config).await.unwrap().values
            }
        });
        for (user, values) in futures::future::join_all(calls).await.into_iter().enumerate() {
            assert_eq!(len(&values["messages"]), 6);
            assert_eq!(values["messages"][4], format!("{user}: 2"));
        }
    }

    async fn every_super_step_is_saved(kept: Kept) {
        let graph = kept.compile(
            StateGraph::new()
                .add_channel("log", Channel::append())
                .add_node("a", writes(json!({"log": ["a"]})))
                .add_node("b", writes(json!({"log": ["b"]})))
                .add_node("c", writes(json!({"log": ["c"]})))
                .add_edge(START, "a")
                .add_edge("a", "b")
                .add_edge("b", "c")
                .add_edge("c", END),
        );
        let config = Config::thread("t");
        graph.invoke(json!({"log": []}), &config).await.unwrap();
        let saved: Vec<Value> = history(&graph, &config)
            .await
            .into_iter()
            .map(|s| s.values["log"].clone())
            .collect();
        let expected = json!([["a", "b", "c"], ["a", "b"], ["a"], [], []]);
        assert_eq!(json!(saved), expected);
    }

    async fn twenty_exchanges_are_there_the_next_morning(kept: Kept) {
        let config = Config::thread("assistant");
        let graph = kept.compile(chat_with_ids());
        for turn in 0..20 {
            graph.invoke(user(&format!("question {turn}")), &config).await.unwrap();
        }
        drop(graph);
        let kept = kept.restarted();
        let graph = kept.compile(chat_with_ids());
        let out = graph.invoke(user("Do you remember?"), &config).await.unwrap();
        assert_eq!(len(&out["messages"]), 42);
        assert_eq!(out["messages"][38]["content"], "question 19");
    }

    async fn a_message_keeps_its_id_so_that_it_can_be_replaced_after_a_restart(kept: Kept) {
        let config = Config::thread("t");
        let graph = kept.compile(chat_with_ids());
        let first = graph.invoke(user("Helo"), &config).await.unwrap();
        drop(graph);
        let kept = kept.restarted();
        let graph = kept.compile(chat_with_ids());
        let id = first["messages"][0]["id"].clone();
        assert!(id.is_string());
        let corrected = json!({"messages": [{"role": "user", "content": "Hello", "id": id}]});
        let out = graph.invoke(corrected, &config).await.unwrap();
        assert_eq!(len(&out["messages"]), 3);
        assert_eq!(out["messages"][0]["content"], "Hello");
    }

    async fn the_state_can_be_inspected_between_runs(kept: Kept) {
        let graph = kept.compile(chat());
        let config = Config::thread("t");
        graph.invoke(json!({"messages": ["Hello"]}), &config).await.unwrap();
        let state = graph.get_state(&config).await.unwrap();
        assert_eq!(len(&state.values["messages"]), 2);
        assert!(state.next.is_empty());
        let typed: Vec<String> = State::from(state.values).get_as("messages").unwrap();
        assert_eq!(typed, ["Hello", "Bot response"]);
    }
}

#[tokio::test]
async fn without_a_checkpointer_every_call_starts_from_scratch() {
    let graph = chat().compile().unwrap();
    for _ in 0..2 {
        let out = graph
            .invoke(json!({"messages": ["Hello"]}), &Config::new())
            .await
            .unwrap();
        assert_eq!(out["messages"], json!(["Hello", "Bot response"]));
    }
    let unreadable = graph.get_state(&Config::thread("t")).await.unwrap_err();
    assert_eq!(unreadable.kind().as_str(), "no_checkpointer");
}

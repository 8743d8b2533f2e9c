//! What a conditional edge sees: its task's own writes applied, and no other's.

use std::sync::Arc;

use parking_lot::Mutex;
use serde_json::{Value, json};
use stepwell::checkpoint::MemorySaver;
use stepwell::graph::{Channel, Config, END, START, State, StateGraph, overwrite};

/// What the router of a node sees that writes `write` to a state of every kind, after the input `input`.
async fn seen(input: Value, write: Value) -> Value {
    let seen = Arc::new(Mutex::new(Value::Null));
    let sees = Arc::clone(&seen);
    let graph = StateGraph::new()
        .add_channel("log", Channel::append())
        .add_channel("messages", Channel::messages())
        .add_channel("all", Channel::topic(true))
        .add_channel("some", Channel::topic(false))
        .add_channel("once", Channel::ephemeral())
        .add_channel("facts", Channel::merge())
        .add_channel("local", Channel::untracked())
        .add_node("node", move |_: State| std::future::ready(write.clone()))
        .add_node("beside", |_: State| async { json!({"log": ["beside"]}) })
        .add_edge(START, "node")
        .add_edge(START, "beside")
        .add_conditional_edges("node", move |state: State| {
            for list in ["log", "messages", "all"] {
                // However it is read.
                let read: Vec<Value> = state.list(list)?.iter().collect::<Result<_, _>>()?;
                let whole: Vec<Value> = state.get_as::<Option<_>>(list)?.unwrap_or_default();
                assert_eq!(read, whole);
            }
            *sees.lock() = state.to_value();
            Ok::<_, serde_json::Error>(END)
        })
        .compile()
        .unwrap();
    graph.invoke(input, &Config::new()).await.unwrap();
    std::mem::take(&mut *seen.lock())
}

fn message(id: &str, content: &str) -> Value {
    json!({"role": "user", "content": content, "id": id})
}

#[tokio::test]
async fn a_conditional_edge_sees_what_its_node_added_and_not_what_others_did() {
    let input = json!({"log": [1], "messages": [message("a", "x")], "all": [1], "facts": {"a": 1}});
    let write =
        json!({"log": [2], "messages": message("b", "y"), "all": 2, "facts": {"b": 2}, "local": 3});
    let seen = seen(input, write).await;
    assert_eq!(seen["log"], json!([1, 2]));
    assert_eq!(
        seen["messages"],
        json!([message("a", "x"), message("b", "y")])
    );
    assert_eq!(seen["all"], json!([1, 2]));
    assert_eq!(seen["facts"], json!({"a": 1, "b": 2}));
    assert_eq!(seen["local"], 3);
}

#[tokio::test]
async fn a_conditional_edge_sees_messages_replaced_and_removed_and_lists_overwritten() {
    let input = json!({"log": [1], "messages": [message("a", "x"), message("b", "x")]});
    let messages = json!([message("b", "new"), {"role": "remove", "id": "a"}]);
    let write = json!({"log": overwrite(json!(["only"])), "messages": messages});
    let seen = seen(input, write).await;
    assert_eq!(seen["log"], json!(["only"]));
    assert_eq!(seen["messages"], json!([message("b", "new")]));
}

#[tokio::test]
async fn what_lasts_one_step_is_gone_for_a_conditional_edge_unless_its_node_wrote_it_again() {
    let input = json!({"some": [1], "once": 1});
    let seen_without = seen(input.clone(), json!({})).await;
    assert_eq!(
        (seen_without.get("some"), seen_without.get("once")),
        (None, None)
    );
    let seen_with = seen(input, json!({"some": [2], "once": 2})).await;
    assert_eq!(
        (&seen_with["some"], &seen_with["once"]),
        (&json!([2]), &json!(2))
    );
}

#[tokio::test]
async fn an_input_is_values_whatever_its_keys() {
    let graph = StateGraph::new()
        .add_channel("log", Channel::append())
        .add_node("open", |_: State| async { json!({"log": ["open"]}) })
        .add_node("secret", |_: State| async { json!({"log": ["secret"]}) })
        .add_edge(START, "open")
        .with_checkpointer(MemorySaver::new())
        .compile()
        .unwrap();
    let command =
        json!({"log": ["hi"], "__command__": {"update": {"log": ["no"]}, "goto": ["secret"]}});
    let invoked = graph
        .invoke(command.clone(), &Config::thread("a"))
        .await
        .unwrap();
    assert_eq!(invoked["log"], json!(["hi", "open"]));
    let config = Config::thread("b");
    let input = graph
        .update_state(&config, command, Some("__input__"))
        .await
        .unwrap();
    let run = graph
        .invoke(stepwell::graph::Input::Continue, &input)
        .await
        .unwrap();
    assert_eq!(run["log"], json!(["hi", "open"]));
}

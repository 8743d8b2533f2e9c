//! What becomes of messages between a write and the state.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures::TryStreamExt;
use serde_json::{Value, json};
use stepwell::checkpoint::Checkpointer;
use stepwell::graph::{
    Channel, Command, CompiledGraph, Config, HistoryQuery, Input, NodeError, START, State,
    StateGraph, overwrite,
};

use crate::gate::savers;

fn message(id: &str) -> Value {
    json!({"role": "user", "content": "hi", "id": id})
}

/// A node that writes `write`, beside one that fails once.
fn writing(write: Value, saver: &Arc<dyn Checkpointer>) -> CompiledGraph {
    let failed = Arc::new(AtomicBool::new(false));
    StateGraph::new()
        .add_channel("messages", Channel::messages())
        .add_node("writes", move |_: State| {
            std::future::ready(json!({"messages": write}))
        })
        .add_node("fails", move |_: State| {
            let is_due = !failed.swap(true, Ordering::SeqCst);
            std::future::ready(match is_due {
                true => Err(NodeError::msg("no luck")),
                false => Ok(json!({})),
            })
        })
        .add_edge(START, "writes")
        .add_edge(START, "fails")
        .with_checkpointer(Arc::clone(saver))
        .compile()
        .unwrap()
}

#[tokio::test]
async fn a_message_has_the_same_id_in_what_its_task_wrote_as_in_the_state() {
    let (savers, _directory) = savers();
    for saver in savers {
        let write = json!([{"role": "assistant", "content": "hello"}]);
        let graph = writing(write, &saver);
        let config = Config::thread("t");
        graph.invoke(json!({}), &config).await.unwrap_err();
        for input in [Input::Continue, json!({}).into()] {
            let shown = graph.invoke(input, &config).await.unwrap();
            let history = graph.get_state_history(&config, HistoryQuery::default());
            let history: Vec<_> = history.try_collect().await.unwrap();
            let mut tasks = history.iter().flat_map(|of| &of.tasks);
            let task = tasks.find(|task| task.name == "writes").unwrap();
            let written = task.result.as_ref().unwrap()["messages"][0].clone();
            assert!(written["id"].is_string());
            assert_eq!(shown["messages"].as_array().unwrap().last(), Some(&written));
        }
    }
}

#[tokio::test]
async fn messages_are_overwritten_whoever_says_so() {
    let (savers, _directory) = savers();
    for saver in savers {
        let only = || overwrite(json!([message("only")]));
        let graph = writing(only(), &saver);
        // By a task whose writes were saved and taken up again.
        let config = Config::thread("task");
        let first = json!({"messages": [message("first")]});
        graph.invoke(first.clone(), &config).await.unwrap_err();
        let out = graph.invoke(Input::Continue, &config).await.unwrap();
        assert_eq!(out["messages"], json!([message("only")]));

        let graph = writing(json!([]), &saver);
        let once = Config::thread("fails once");
        graph.invoke(json!({}), &once).await.unwrap_err();
        for by in ["input", "command", "node", "__input__"] {
            let config = Config::thread(by);
            graph.invoke(first.clone(), &config).await.unwrap();
            let update = json!({"messages": only()});
            match by {
                "input" => drop(graph.invoke(update, &config).await.unwrap()),
                "command" => {
                    let command = Command::new().update(update);
                    graph.invoke(command, &config).await.unwrap();
                }
                "node" => {
                    let updated = graph.update_state(&config, update, Some("writes"));
                    updated.await.unwrap();
                }
                _ => {
                    let updated = graph.update_state(&config, update, Some(by));
                    updated.await.unwrap();
                    graph.invoke(Input::Continue, &config).await.unwrap();
                }
            }
            let shown = graph.get_state(&config).await.unwrap().values;
            assert_eq!(shown["messages"], json!([message("only")]), "{by}");
        }
    }
}

//! One subgraph with a memory of its own, run more than once at the same time. In LangGraph such runs
//! share a memory, and each sees whichever finished last.

use serde_json::{Value, json};
use stepwell::graph::{
    self, Channel, Command, CompiledGraph, Config, Durability, ErrorKind, Input, NodeError,
    Runtime, START, State, StateGraph, TaskState,
};

use crate::gate::savers;

/// Remembers all that it was asked; asks back where it is told to.
fn expert() -> CompiledGraph {
    StateGraph::new()
        .add_channel("ask", Channel::last())
        .add_channel("seen", Channel::append())
        .add_node("see", |s: State, rt: Runtime| async move {
            if s["ask"] == "?" {
                let answer = rt.interrupt("what?")?;
                return Ok(json!({"seen": [answer]}));
            }
            Ok::<_, NodeError>(json!({"seen": [s["ask"]]}))
        })
        .add_edge(START, "see")
        .with_checkpointer(true)
        .compile()
        .unwrap()
}

/// Sends each of `asks` to the node `expert`, with the keys if there are any.
fn fan_out() -> StateGraph {
    StateGraph::new()
        .add_channel("asks", Channel::last())
        .add_channel("seen", Channel::append())
        .add_conditional_edges(START, |s: State| {
            let asks = s["asks"].as_array().cloned().unwrap_or_default();
            let send = |ask: Value| {
                let send = graph::Send::new("expert", json!({"ask": ask["ask"]}));
                match ask["key"].as_str() {
                    Some(key) => send.key(key),
                    None => send,
                }
            };
            asks.into_iter().map(send).collect::<Vec<_>>()
        })
}

fn calling_node()
-> impl Fn(State, Runtime) -> futures::future::BoxFuture<'static, Result<Value, NodeError>>
+ Send
+ Sync
+ 'static {
    let expert = expert();
    move |s: State, rt: Runtime| {
        let expert = expert.clone();
        Box::pin(async move {
            let out = rt.call(&expert, json!({"ask": s["ask"]})).await?;
            Ok(json!({"seen": [out["seen"]]}))
        })
    }
}

#[tokio::test]
async fn a_fan_out_to_a_stateful_subgraph_is_refused_and_the_error_says_what_to_do() {
    let (savers, _directory) = savers();
    for saver in savers {
        for builder in [
            fan_out().add_node("expert", expert()),
            fan_out().add_node("expert", calling_node()),
        ] {
            let graph = builder.with_checkpointer(saver.clone()).compile().unwrap();
            let config = Config::thread("t");
            let asks = json!({"asks": [{"ask": 1}, {"ask": 2}]});
            let error = graph.invoke(asks, &config).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::SubgraphBusy, "{error}");
            let text = error.to_string();
            assert!(
                text.contains("`expert`") && text.contains("Send::key"),
                "{text}"
            );
            saver.delete_thread("t").await.unwrap();
        }
    }
}

#[tokio::test]
async fn tasks_sent_with_keys_run_at_once_and_remember_by_key() {
    let (savers, _directory) = savers();
    for saver in savers {
        for durability in [Durability::Sync, Durability::Exit] {
            let graph = fan_out()
                .add_node("expert", calling_node())
                .with_checkpointer(saver.clone())
                .compile()
                .unwrap();
            let config = Config::thread("t").durability(durability);
            let first = json!({"asks": [{"ask": 1, "key": "a"}, {"ask": 2, "key": "b"}]});
            graph.invoke(first, &config).await.unwrap();
            let swapped = json!({"asks": [{"ask": 3, "key": "b"}, {"ask": 4, "key": "a"}]});
            let out = graph.invoke(swapped, &config).await.unwrap();
            assert_eq!(out["seen"], json!([[1], [2], [2, 3], [1, 4]]));
            for (key, seen) in [("a", 4), ("b", 3)] {
                let namespace = format!("expert|:{key}");
                let saved = saver.get("t", &namespace, None).await.unwrap().unwrap();
                let last = saved.checkpoint.channel_values["seen"].to_json().unwrap();
                assert_eq!(last.as_array().unwrap().last(), Some(&json!(seen)));
            }
            saver.delete_thread("t").await.unwrap();
        }
    }
}

#[tokio::test]
async fn the_state_of_a_keyed_task_can_be_read_while_it_waits() {
    let (savers, _directory) = savers();
    for saver in savers {
        let graph = fan_out()
            .add_node("expert", expert())
            .with_checkpointer(saver)
            .compile()
            .unwrap();
        let config = Config::thread("t");
        let asks = json!({"asks": [{"ask": 1, "key": "a"}, {"ask": "?", "key": "b"}]});
        let out = graph.invoke(asks, &config).await.unwrap();
        assert_eq!(out.interrupts.len(), 1);
        let state = graph.get_state_with_subgraphs(&config).await.unwrap();
        let waits = state
            .tasks
            .iter()
            .find(|t| !t.interrupts.is_empty())
            .unwrap();
        let Some(TaskState::Snapshot(inner)) = &waits.state else {
            panic!("{:?}", waits.state);
        };
        assert_eq!(inner.config.checkpoint_ns(), "expert|:b");
        assert_eq!(inner.next, ["see"]);
        let state = graph.get_state(&config).await.unwrap();
        let waits = state
            .tasks
            .iter()
            .find(|t| !t.interrupts.is_empty())
            .unwrap();
        let Some(TaskState::Config(address)) = &waits.state else {
            panic!("{:?}", waits.state);
        };
        assert_eq!(graph.get_state(address).await.unwrap().next, ["see"]);
        let out = graph
            .invoke(Command::resume("that"), &config)
            .await
            .unwrap();
        assert_eq!(out["seen"], json!([1, "that"]));
        let kept = graph
            .get_state(&config.clone().in_namespace("expert|:b"))
            .await
            .unwrap();
        assert_eq!(kept.values["seen"], json!(["that"]));
    }
}

#[tokio::test]
async fn a_replay_gives_each_key_the_memory_that_it_had() {
    let (savers, _directory) = savers();
    for saver in savers {
        let graph = fan_out()
            .add_node("expert", expert())
            .with_checkpointer(saver)
            .compile()
            .unwrap();
        let config = Config::thread("t");
        let asks =
            |a: i64, b: i64| json!({"asks": [{"ask": a, "key": "a"}, {"ask": b, "key": "b"}]});
        graph.invoke(asks(1, 2), &config).await.unwrap();
        let out = graph.invoke(asks(3, 4), &config).await.unwrap();
        let history = graph.get_state_history(&config, graph::HistoryQuery::default());
        let before = history.collect().await.unwrap();
        let before = before.iter().find(|s| s.next.len() == 2).unwrap();
        let again = graph.replay(&before.config).await.unwrap();
        assert_eq!(again.values, out.values);
    }
}

#[tokio::test]
async fn calls_with_one_key_at_once_are_refused_and_one_after_the_other_share_a_memory() {
    let one = expert();
    let graph = StateGraph::new()
        .add_channel("at_once", Channel::last())
        .add_channel("out", Channel::last())
        .add_node("n", move |s: State, rt: Runtime| {
            let one = one.clone();
            async move {
                let call = |ask: i64| rt.call_keyed("k", &one, json!({"ask": ask}));
                let (a, b) = if s["at_once"] == true {
                    tokio::try_join!(call(1), call(2))?
                } else {
                    (call(1).await?, call(2).await?)
                };
                Ok::<_, NodeError>(json!({"out": [a["seen"], b["seen"]]}))
            }
        })
        .add_edge(START, "n")
        .with_checkpointer(stepwell::checkpoint::MemorySaver::new())
        .compile()
        .unwrap();
    let config = Config::thread("t");
    let error = graph
        .invoke(json!({"at_once": true}), &config)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::SubgraphBusy, "{error}");
    assert!(error.to_string().contains("n|:k"), "{error}");
    let fresh = Config::thread("u");
    let out = graph
        .invoke(json!({"at_once": false}), &fresh)
        .await
        .unwrap();
    assert_eq!(out["out"], json!([[1], [1, 2]]));
}

#[tokio::test]
async fn a_key_that_cannot_be_part_of_a_namespace_is_refused() {
    for key in ["", "a|b", "a:b"] {
        let graph = fan_out()
            .add_node("expert", expert())
            .with_checkpointer(stepwell::checkpoint::MemorySaver::new())
            .compile()
            .unwrap();
        let asks = json!({"asks": [{"ask": 1, "key": key}]});
        let error = graph.invoke(asks, &Config::thread("t")).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidConfig, "{error}");
        let again = graph.invoke(Input::Continue, &Config::thread("t")).await;
        assert!(again.is_err(), "nothing was sent");
    }
}

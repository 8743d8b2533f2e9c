//! What a run hands to a checkpointer of lists that grow.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;
use serde_json::{Value, json};
use stepwell::checkpoint::{Checkpointer, MemorySaver, PutCheckpoint};
use stepwell::graph::{
    Channel, Command, CompiledGraph, Config, Durability, HistoryQuery, Input, NodeResult, Runtime,
    START, State, StateGraph, StateUpdate, overwrite,
};

use crate::appending::Appending;

/// What one checkpoint was handed over as.
#[derive(Clone, Debug)]
struct Handed {
    /// The channels with their whole values.
    whole: Vec<String>,
    /// The number of elements by channel.
    appended: BTreeMap<String, usize>,
    /// Of all values and elements.
    bytes: usize,
}

impl From<&PutCheckpoint> for Handed {
    fn from(put: &PutCheckpoint) -> Self {
        let whole = &put.checkpoint.channel_values;
        let added = put.appended.values().flatten();
        let counts = put
            .appended
            .iter()
            .map(|(channel, added)| (channel.clone(), added.len()));
        Self {
            whole: whole.keys().cloned().collect(),
            appended: counts.collect(),
            bytes: whole.values().chain(added).map(|v| v.bytes().len()).sum(),
        }
    }
}

/// A checkpointer that takes appended elements, and what it was handed.
#[derive(Clone)]
struct Noting {
    saver: Appending,
    handed: Arc<Mutex<Vec<Handed>>>,
}

impl Noting {
    fn new() -> Self {
        let handed: Arc<Mutex<Vec<Handed>>> = Arc::default();
        let notes = Arc::clone(&handed);
        let saver = Appending::new(move |put| notes.lock().push(Handed::from(put)));
        Self { saver, handed }
    }

    /// What was handed over since this was asked last.
    fn take(&self) -> Vec<Handed> {
        std::mem::take(&mut *self.handed.lock())
    }
}

/// A node that writes what the input last wrote to `say`, and no more.
fn echo(saver: impl Checkpointer) -> CompiledGraph {
    StateGraph::new()
        .add_channel("say", Channel::last())
        .add_channel("log", Channel::append())
        .add_channel("messages", Channel::messages())
        .add_channel("all", Channel::topic(true))
        .add_channel("some", Channel::topic(false))
        .add_channel("own", Channel::custom(Some(json!([])), |list, _| Ok(list)))
        .add_node("echo", |s: State| async move { s["say"].clone() })
        .add_edge(START, "echo")
        .with_checkpointer(saver)
        .compile()
        .unwrap()
}

async fn say(graph: &CompiledGraph, config: &Config, what: Value) {
    graph.invoke(json!({"say": what}), config).await.unwrap();
}

/// What the step of the node handed over.
fn of_node(saver: &Noting) -> Handed {
    saver.take().pop().unwrap()
}

fn message(id: &str) -> Value {
    json!({"role": "user", "content": "x".repeat(100), "id": id})
}

#[tokio::test]
async fn a_step_hands_over_as_much_however_long_the_lists_are() {
    let saver = Noting::new();
    let graph = echo(saver.saver.clone());
    let mut per_length = Vec::new();
    for length in [1_usize, 1_000] {
        let config = Config::thread(format!("{length}"));
        let ids = (0..length).map(|n| format!("{n:09}"));
        let many: Vec<Value> = ids.map(|id| message(&id)).collect();
        say(
            &graph,
            &config,
            json!({"log": many, "messages": many, "all": many}),
        )
        .await;
        for round in 0..3 {
            saver.take();
            let new = message(&format!("new {round}"));
            say(
                &graph,
                &config,
                json!({"log": [new], "messages": new, "all": new}),
            )
            .await;
            let handed = of_node(&saver);
            for channel in ["log", "messages", "all"] {
                assert_eq!(handed.appended.get(channel), Some(&1), "{handed:?}");
            }
            per_length.push(handed.bytes);
        }
        let state = graph.get_state(&config).await.unwrap();
        for channel in ["log", "messages", "all"] {
            assert_eq!(state.values[channel].as_array().unwrap().len(), length + 3);
        }
    }
    assert!(
        per_length.iter().all(|bytes| *bytes == per_length[0]),
        "{per_length:?}"
    );
}

#[tokio::test]
async fn what_is_not_only_growth_is_handed_over_whole() {
    let saver = Noting::new();
    let graph = echo(saver.saver.clone());
    let config = Config::thread("t");
    let [a, b, c] = ["a", "b", "c"].map(message);
    let start = json!({"log": [1], "messages": [a], "all": [1], "some": [1], "own": [1]});
    say(&graph, &config, start).await;
    let remove = |id: &str| json!({"role": "remove", "id": id});
    let cases = [
        ("log", overwrite(json!([1, 2]))),
        ("messages", json!([a])),
        ("messages", json!([b, remove("a")])),
        ("messages", json!([remove("__remove_all__"), c])),
        ("messages", overwrite(json!([c, a]))),
        ("some", json!([1, 2])),
        ("own", json!([2])),
    ];
    for (channel, write) in cases {
        say(&graph, &config, json!({channel: write})).await;
        let handed = of_node(&saver);
        assert!(
            !handed.appended.contains_key(channel),
            "{channel}: {handed:?}"
        );
        assert!(
            handed.whole.iter().any(|c| c == channel),
            "{channel}: {handed:?}"
        );
    }
    // From there it grows again.
    for (channel, write) in [("log", json!([3])), ("messages", json!(message("d")))] {
        say(&graph, &config, json!({channel: write})).await;
        assert_eq!(of_node(&saver).appended.get(channel), Some(&1));
    }
}

#[tokio::test]
async fn a_list_without_a_value_in_the_checkpoint_before_is_handed_over_whole() {
    let saver = Noting::new();
    let graph = echo(saver.saver.clone());
    say(&graph, &Config::thread("t"), json!({"log": [1], "all": 1})).await;
    let handed = of_node(&saver);
    assert!(handed.appended.is_empty(), "{handed:?}");

    // Under another name, the checkpoint before does not have it either.
    let renamed = StateGraph::new()
        .add_channel("journal", Channel::append().alias("log"))
        .add_node("note", |_: State| async { json!({"journal": [2]}) })
        .add_edge(START, "note")
        .with_checkpointer(saver.saver.clone())
        .compile()
        .unwrap();
    let output = renamed
        .invoke(json!({}), &Config::thread("t"))
        .await
        .unwrap();
    assert_eq!(output.values["journal"], json!([1, 2]));
    let handed = of_node(&saver);
    assert!(handed.appended.is_empty(), "{handed:?}");
}

/// Two nodes that append, the second after asking.
fn two_steps(saver: impl Checkpointer) -> CompiledGraph {
    StateGraph::new()
        .add_channel("log", Channel::append())
        .add_channel("messages", Channel::messages())
        .add_node("first", |s: State| async move {
            let count = s["log"].as_array().map_or(0, Vec::len);
            json!({"log": [count], "messages": message(&format!("m{count}"))})
        })
        .add_node("ask", |_: State, rt: Runtime| async move {
            NodeResult::Ok(json!({"log": [rt.interrupt("?")?]}))
        })
        .add_edge(START, "first")
        .add_edge("first", "ask")
        .with_checkpointer(saver)
        .compile()
        .unwrap()
}

/// All that a thread's history shows of its lists, oldest first.
async fn shown(graph: &CompiledGraph, config: &Config) -> Vec<Value> {
    let history = graph.get_state_history(config, HistoryQuery::default());
    let mut shown = history.collect().await.unwrap();
    shown.reverse();
    shown.into_iter().map(|s| s.values).collect()
}

/// Runs, answers, replays, forks, copies and updates.
async fn wander(graph: &CompiledGraph, durability: Durability) -> Vec<Value> {
    let config = Config::thread("t").durability(durability);
    let answer = |text: &str| Command::resume(text);
    graph.invoke(json!({"log": ["in"]}), &config).await.unwrap();
    let first = graph.get_state(&config).await.unwrap().config;
    graph.invoke(answer("a"), &config).await.unwrap();
    graph.invoke(json!({"log": []}), &config).await.unwrap();
    graph.invoke(answer("b"), &config).await.unwrap();
    let finished = graph.get_state(&config).await.unwrap().config;
    // Back to where it asked first: another answer there, a replay, a fork, a copy.
    let at = |place: &Config| place.clone().durability(durability);
    graph.invoke(answer("c"), &at(&first)).await.unwrap();
    graph.invoke(Input::Continue, &at(&first)).await.unwrap();
    let fork = graph
        .update_state(&first, json!({"log": ["fork"]}), Some("first"))
        .await
        .unwrap();
    graph.invoke(Input::Continue, &at(&fork)).await.unwrap();
    graph.invoke(answer("d"), &config).await.unwrap();
    let copy = graph
        .update_state(&finished, Value::Null, Some("__copy__"))
        .await
        .unwrap();
    let updates = [
        json!({"log": [1]}),
        json!({"log": [2, 3]}),
        json!({"log": overwrite(json!([9]))}),
    ];
    let steps = updates.map(|values| vec![StateUpdate::new(values).as_node("first")]);
    graph.bulk_update_state(&copy, steps.into()).await.unwrap();
    graph
        .update_state(&config, json!({"log": [4]}), Some("__input__"))
        .await
        .unwrap();
    graph.invoke(Input::Continue, &config).await.unwrap();
    shown(graph, &config).await
}

#[tokio::test]
async fn a_thread_is_the_same_whether_its_lists_are_handed_over_whole_or_not() {
    for durability in [Durability::Sync, Durability::Async, Durability::Exit] {
        let saver = Noting::new();
        let appended = wander(&two_steps(saver.saver.clone()), durability).await;
        let handed = saver.take();
        assert!(handed.iter().any(|h| !h.appended.is_empty()), "{handed:?}");
        let whole = wander(&two_steps(MemorySaver::new()), durability).await;
        assert_eq!(appended, whole, "{durability:?}");
    }
}

#[tokio::test]
async fn a_run_that_saves_at_its_end_hands_over_what_it_added_in_all_its_steps() {
    let saver = Noting::new();
    let graph = two_steps(saver.saver.clone());
    let config = Config::thread("t").durability(Durability::Exit);
    graph.invoke(json!({"log": ["in"]}), &config).await.unwrap();
    graph.invoke(Command::resume("a"), &config).await.unwrap();
    saver.take();
    graph
        .invoke(json!({"log": ["x", "y"]}), &config)
        .await
        .unwrap();
    let handed = saver.take();
    assert_eq!(handed.len(), 1);
    assert_eq!(
        handed[0].appended,
        [("log".to_owned(), 3), ("messages".to_owned(), 1)].into()
    );
}

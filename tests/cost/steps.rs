//! Graphs with a list that grows, and what each of their steps allocates.

use std::cell::RefCell;
use std::sync::Arc;

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use stepwell::checkpoint::MemorySaver;
use stepwell::graph::{
    Channel, CompiledGraph, Config, Durability, END, ErrorKind, List, Message, START, State,
    StateGraph, StreamMode, StreamOptions,
};

use crate::counting::allocated;

thread_local! {
    /// What had been allocated whenever the node ran.
    static AT_STEPS: RefCell<Vec<usize>> = const { RefCell::new(Vec::new()) };
}

const STEPS: u32 = 40;
const LONG: usize = 10_000;

fn note_step() {
    AT_STEPS.with_borrow_mut(|steps| steps.push(allocated()));
}

fn text() -> String {
    "The quick brown fox jumps over the lazy dog. ".repeat(9)
}

fn dynamic_message(id: usize) -> Value {
    json!({"role": "user", "content": text(), "id": format!("{id:09}")})
}

/// Bytes allocated from one run of the node to the next, in order.
type Spent = Vec<usize>;

/// What `run` spends on each step of a node that is run for ever.
fn spent(run: impl Future<Output = ErrorKind>) -> Spent {
    AT_STEPS.take();
    // On one thread, the account is that of the run.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    assert_eq!(runtime.block_on(run), ErrorKind::RecursionLimit);
    let at = AT_STEPS.take();
    at.windows(2).map(|pair| pair[1] - pair[0]).collect()
}

fn median(spent: &[usize]) -> usize {
    let mut spent = spent.to_vec();
    spent.sort_unstable();
    spent[spent.len() / 2]
}

/// How often a list of `length` messages was copied. (One that is full moves, which takes far less.)
fn copies(spent: &[usize], length: usize) -> usize {
    let one = length * text().len() * 3 / 4;
    spent.iter().filter(|bytes| **bytes > one).count()
}

fn spent_by(graph: &CompiledGraph, channel: &str, length: usize, durability: Durability) -> Spent {
    let messages: Vec<Value> = (0..length).map(dynamic_message).collect();
    let config = Config::thread(format!("{length}"))
        .durability(durability)
        .recursion_limit(STEPS);
    let run = graph.invoke(json!({channel: messages}), &config);
    spent(async { run.await.unwrap_err().kind() })
}

fn assert_constant(graph: &CompiledGraph, channel: &str, durability: Durability) {
    let [short, long] = [10, LONG].map(|n| spent_by(graph, channel, n, durability));
    let (in_short, in_long) = (median(&short), median(&long));
    assert!(
        in_long < in_short + in_short / 2,
        "{in_short} bytes per step, then {in_long}"
    );
    assert_eq!(copies(&long, LONG), 0, "{long:?}");
}

#[derive(State, Clone, Serialize, Deserialize)]
struct Chat {
    #[state(messages)]
    messages: List<Message>,
    #[state(append)]
    log: List<Message>,
}

async fn append(chat: Chat) -> Result<ChatUpdate, serde_json::Error> {
    note_step();
    let _read = chat.log.last()?;
    Ok(ChatUpdate::new().log([Message::user(text())]))
}

async fn respond(chat: Chat) -> Result<ChatUpdate, serde_json::Error> {
    note_step();
    let _read = chat.messages.last()?;
    Ok(ChatUpdate::new().messages([Message::user(text())]))
}

/// A conditional edge that reads the message which its node has just written.
fn go_on(chat: Chat) -> Result<&'static str, serde_json::Error> {
    for list in [chat.messages, chat.log] {
        if list.last()?.is_some_and(|m| m.text() != text()) {
            return Ok(END);
        }
    }
    Ok("node")
}

fn looping<M>(node: impl stepwell::graph::IntoNode<M>) -> StateGraph<Chat>
where
    M: stepwell::graph::NodeOf<Chat>,
{
    StateGraph::typed::<Chat>()
        .add_node("node", node)
        .add_edge(START, "node")
}

#[test]
fn a_step_does_not_cost_more_the_longer_its_list_is() {
    let appending = looping(append).add_edge("node", "node").compile().unwrap();
    assert_constant(&appending, "log", Durability::Sync);
    let messages = looping(respond).add_edge("node", "node").compile().unwrap();
    assert_constant(&messages, "messages", Durability::Sync);
}

#[test]
fn a_conditional_edge_reads_what_its_node_wrote_without_a_copy_of_the_list() {
    let appending = looping(append).add_conditional_edges("node", go_on);
    assert_constant(&appending.compile().unwrap(), "log", Durability::Sync);
    let messages = looping(respond).add_conditional_edges("node", go_on);
    assert_constant(&messages.compile().unwrap(), "messages", Durability::Sync);
}

#[test]
fn a_run_that_saves_at_its_end_copies_no_list_in_between() {
    for graph in [
        looping(append).add_edge("node", "node"),
        looping(append).add_conditional_edges("node", go_on),
    ] {
        let graph = graph.with_checkpointer(MemorySaver::new());
        assert_constant(&graph.compile().unwrap(), "log", Durability::Exit);
    }
    let messages = looping(respond).add_conditional_edges("node", go_on);
    let messages = messages.with_checkpointer(MemorySaver::new());
    assert_constant(&messages.compile().unwrap(), "messages", Durability::Exit);
}

/// The same without types.
fn dynamic(channel: Channel) -> StateGraph {
    StateGraph::new()
        .add_channel("log", channel)
        .add_channel("turns", Channel::add())
        .add_node("node", |state: State| async move {
            note_step();
            let length = state["log"].as_array().map_or(0, Vec::len);
            json!({"log": [dynamic_message(length)], "turns": 1})
        })
        .add_edge(START, "node")
}

#[test]
fn the_dynamic_face_costs_no_more_either() {
    for channel in [Channel::append, Channel::messages, || Channel::topic(true)] {
        for durability in [Durability::Sync, Durability::Exit] {
            let plain = dynamic(channel()).add_edge("node", "node");
            assert_constant(&plain.compile().unwrap(), "log", durability);
            let by_turns = dynamic(channel()).add_conditional_edges("node", |state: State| {
                if state["turns"] == 0 { END } else { "node" }
            });
            assert_constant(&by_turns.compile().unwrap(), "log", durability);
            let by_last = dynamic(channel()).add_conditional_edges("node", |state: State| {
                let last = state.list::<Value>("log")?.last()?;
                Ok::<_, serde_json::Error>(last.map_or(END, |_| "node"))
            });
            assert_constant(&by_last.compile().unwrap(), "log", durability);
        }
    }
}

/// A graph whose node does `with_state` with the first state that it gets.
fn with_first_state(with_state: impl Fn(State) + Send + Sync + 'static) -> CompiledGraph {
    StateGraph::new()
        .add_channel("log", Channel::append())
        .add_node("node", move |state: State| {
            note_step();
            if state["log"].as_array().map(Vec::len) == Some(LONG) {
                with_state(state);
            }
            async { json!({"log": [dynamic_message(0)]}) }
        })
        .add_edge(START, "node")
        .add_edge("node", "node")
        .compile()
        .unwrap()
}

#[test]
fn a_state_that_outlives_its_step_costs_one_copy_and_keeps_its_list() {
    let dropped = with_first_state(drop);
    let long = spent_by(&dropped, "log", LONG, Durability::Sync);
    assert_eq!(copies(&long, LONG), 0);

    let kept = Arc::new(Mutex::new(None));
    let keeps = Arc::clone(&kept);
    let graph = with_first_state(move |state| *keeps.lock() = Some(state));
    let long = spent_by(&graph, "log", LONG, Durability::Sync);
    assert_eq!(copies(&long, LONG), 1);
    let kept = kept.lock();
    let list = kept.as_ref().unwrap()["log"].as_array();
    assert_eq!(list.map(Vec::len), Some(LONG));
}

#[test]
fn a_task_that_is_still_at_work_when_another_has_written_costs_no_copy() {
    let slow = |_: State| async {
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        json!({"log": [dynamic_message(1)]})
    };
    let graph = dynamic(Channel::append())
        .add_node("slow", slow)
        .add_edge(START, "slow")
        .add_edge("node", "slow")
        .add_edge("node", "node");
    assert_constant(&graph.compile().unwrap(), "log", Durability::Sync);
}

#[test]
fn of_what_can_be_streamed_only_whole_states_cost_copies() {
    let graph = dynamic(Channel::append()).add_edge("node", "node");
    let graph = graph.compile().unwrap();
    let cost_of = |modes: &[StreamMode]| {
        let messages: Vec<Value> = (0..LONG).map(dynamic_message).collect();
        let config = Config::new().recursion_limit(STEPS);
        let options = StreamOptions::new(modes.iter().copied());
        let run = async {
            let mut stream = graph.stream(json!({"log": messages}), &config, options);
            loop {
                if let Err(error) = stream.next().await.unwrap() {
                    break error.kind();
                }
            }
        };
        copies(&spent(run), LONG)
    };
    assert_eq!(cost_of(&[StreamMode::Updates, StreamMode::Custom]), 0);
    // The event's own. The list of the run is not copied for it.
    let steps = usize::try_from(STEPS).unwrap();
    assert_eq!(cost_of(&[StreamMode::Values]), steps - 1);
}

//! The graph that the child runs and the parent reads.
//!
//! Each round splits into three parts that run at once and put an item into the store; then they
//! are gathered.
//! A thread ends after some rounds.

use serde_json::{Value, json};
use stepwell::db::Db;
use stepwell::graph::{
    self, Channel, CompiledGraph, Config, END, NodeError, NodeResult, Runtime, START, State,
    StateGraph,
};

pub(crate) const PARTS: u64 = 3;
pub(crate) const ROUNDS: u64 = 12;

/// What was saved for certain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Saved {
    /// The state after so many rounds.
    Rounds(u64),
    /// The parts of this round, before they are gathered.
    Parts(u64),
    /// The item that this part of this round put into the store.
    Item(u64, u64),
}

pub(crate) fn config(thread: u64) -> Config {
    Config::thread(format!("thread-{thread}"))
}

pub(crate) fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_default()
}

/// The graph on `db`, telling `report` what is saved on which thread.
pub(crate) fn graph(db: &Db, report: fn(&str, Saved)) -> CompiledGraph {
    let split = move |state: State, runtime: Runtime| async move {
        report(thread(&runtime)?, Saved::Rounds(number(&state["rounds"])));
        NodeResult::Ok(json!({}))
    };
    let part = move |state: State, runtime: Runtime| async move {
        let (round, part) = (number(&state["round"]), number(&state["part"]));
        let (thread, key) = (thread(&runtime)?, format!("{round}-{part}"));
        let item = json!({"round": round, "part": part});
        runtime.store()?.put(&["parts", thread], &key, item).await?;
        report(thread, Saved::Item(round, part));
        NodeResult::Ok(json!({"parts": [[round, part]]}))
    };
    let gather = move |state: State, runtime: Runtime| async move {
        let round = number(&state["rounds"]);
        report(thread(&runtime)?, Saved::Parts(round));
        NodeResult::Ok(json!({"rounds": 1, "gathered": [round]}))
    };
    StateGraph::new()
        .add_channel("rounds", Channel::add())
        .add_channel("parts", Channel::append())
        .add_channel("gathered", Channel::append())
        .add_node("split", split)
        .add_node("part", part)
        .add_node("gather", gather)
        .add_edge(START, "split")
        .add_conditional_edges("split", |state: State| {
            let round = number(&state["rounds"]);
            let send = |part| graph::Send::new("part", json!({"round": round, "part": part}));
            (0..PARTS).map(send).collect::<Vec<_>>()
        })
        .add_edge("part", "gather")
        .add_conditional_edges("gather", |state: State| {
            if number(&state["rounds"]) < ROUNDS {
                "split"
            } else {
                END
            }
        })
        .with_checkpointer(db.checkpointer())
        .with_store(db.store())
        .compile()
        .unwrap()
}

fn thread(runtime: &Runtime) -> Result<&str, NodeError> {
    runtime
        .thread_id()
        .ok_or_else(|| NodeError::msg("no thread"))
}

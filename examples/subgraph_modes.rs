//! How a subgraph remembers: without a checkpointer, by default, and with a memory of its own.
//!
//! `cargo run --example subgraph_modes`
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::error::Error;

use serde_json::{Value, json};
use stepwell::checkpoint::MemorySaver;
use stepwell::graph::{
    Channel, Command, CompiledGraph, Config, END, GraphError, HistoryQuery, NodeResult, Runtime,
    START, State, StateGraph, TaskState,
};

async fn prepare(_: State) -> Value {
    println!("    (prepare runs)");
    json!({"steps": ["prepare"]})
}

async fn ask(_: State, runtime: Runtime) -> NodeResult {
    let answer = runtime.interrupt("go on?")?;
    Ok(json!({"steps": [answer]}))
}

/// `None`: without a word about its checkpointer.
fn subgraph(mode: Option<bool>) -> Result<CompiledGraph, GraphError> {
    let graph = StateGraph::new()
        .add_channel("steps", Channel::append())
        .add_node("prepare", prepare)
        .add_node("ask", ask)
        .add_edge(START, "prepare")
        .add_edge("prepare", "ask")
        .add_edge("ask", END);
    match mode {
        Some(own_memory) => graph.with_checkpointer(own_memory).compile(),
        None => graph.compile(),
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let modes = [
        ("false: keeps nothing, starts over on resume", Some(false)),
        ("not called: goes on inside, forgets between calls", None),
        ("true: goes on inside, remembers between calls", Some(true)),
    ];
    for (what, mode) in modes {
        println!("with_checkpointer {what}");
        let graph = StateGraph::new()
            .add_channel("steps", Channel::last())
            .add_node("work", subgraph(mode)?)
            .add_edge(START, "work")
            .with_checkpointer(MemorySaver::new())
            .compile()?;
        let config = Config::thread("t");
        for run in 1..=2 {
            graph.invoke(json!({"steps": []}), &config).await?;
            let waiting = graph.get_state_with_subgraphs(&config).await?;
            match waiting.tasks.first().and_then(|task| task.state.as_ref()) {
                Some(TaskState::Snapshot(inside)) => println!("    inside: {}", inside.values),
                _ => println!("    inside: nothing to see"),
            }
            let out = graph.invoke(Command::resume("yes"), &config).await?;
            println!("  run {run} returns {}", out.values);
        }
        let memory = config.in_namespace("work");
        let memory = graph.get_state_history(&memory, HistoryQuery::default());
        println!(
            "  {} checkpoints are its memory",
            memory.collect().await?.len()
        );
    }
    Ok(())
}

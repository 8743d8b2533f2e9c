//! Time travel: browse a thread's history, replay from a past checkpoint, fork it with an edit.
//!
//! `cargo run --example time_travel`
#![expect(
    clippy::print_stdout,
    clippy::indexing_slicing,
    reason = "an example shows what it does, briefly"
)]

use std::error::Error;

use serde_json::{Value, json};
use stepwell::checkpoint::MemorySaver;
use stepwell::graph::{
    Channel, CompiledGraph, Config, END, GraphError, HistoryQuery, Input, START, State, StateGraph,
    StateSnapshot,
};

async fn draft(state: State) -> Value {
    println!("  (draft runs)");
    json!({"text": [format!("a draft about {}", state["topic"].as_str().unwrap_or("?"))]})
}

async fn polish(_: State) -> Value {
    println!("  (polish runs)");
    json!({"text": ["polished"]})
}

async fn show(graph: &CompiledGraph, config: &Config) -> Result<Vec<StateSnapshot>, GraphError> {
    let states = graph.get_state_history(config, HistoryQuery::default());
    let states = states.collect().await?;
    for state in &states {
        let step = state.metadata.as_ref().and_then(|m| m.step).unwrap_or(-2);
        println!("  step {step:>2}  next {:?}  {}", state.next, state.values);
    }
    Ok(states)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let graph = StateGraph::new()
        .add_channel("topic", Channel::last())
        .add_channel("text", Channel::append())
        .add_node("draft", draft)
        .add_node("polish", polish)
        .add_edge(START, "draft")
        .add_edge("draft", "polish")
        .add_edge("polish", END)
        .with_checkpointer(MemorySaver::new())
        .compile()?;

    let config = Config::thread("session-1");
    println!("A run:");
    graph.invoke(json!({"topic": "wells"}), &config).await?;
    println!("Its history, newest first:");
    let states = show(&graph, &config).await?;

    let drafted = states
        .iter()
        .find(|s| s.next == ["polish"])
        .ok_or("no draft")?;
    println!("Replayed from after the draft; what came before does not run again:");
    println!("  {}", graph.replay(&drafted.config).await?.values);

    let started = states
        .iter()
        .find(|s| s.next == ["draft"])
        .ok_or("no start")?;
    println!("Forked before the draft, with another topic:");
    let edit = json!({"topic": "steps"});
    let fork = graph.update_state(&started.config, edit, None).await?;
    println!("  {}", graph.invoke(Input::Continue, &fork).await?.values);

    println!("The thread has branches now; nothing of the first one changed:");
    show(&graph, &config).await?;
    Ok(())
}

//! Agents with memories of their own, side by side: each is wrapped in a graph whose one node has
//! the agent's name, so that its memory has a stable place.
//!
//! `cargo run --example parallel_subgraphs`
#![expect(
    clippy::print_stdout,
    clippy::indexing_slicing,
    reason = "an example shows what it does, briefly"
)]

use std::error::Error;

use serde_json::{Value, json};
use stepwell::checkpoint::MemorySaver;
use stepwell::graph::{
    Channel, CompiledGraph, Config, END, GraphError, HistoryQuery, NodeResult, Runtime, START,
    State, StateGraph,
};

/// An agent that counts its turns, wrapped.
fn create_sub_agent(name: &'static str) -> Result<CompiledGraph, GraphError> {
    let agent = StateGraph::new()
        .add_channel("messages", Channel::append())
        .add_node("model", move |state: State| async move {
            let turn = state["messages"].as_array().map_or(0, Vec::len) / 2 + 1;
            json!({"messages": [format!("{name}, turn {turn}")]})
        })
        .add_edge(START, "model")
        .add_edge("model", END)
        .with_checkpointer(true)
        .compile()?;
    StateGraph::new()
        .add_channel("messages", Channel::append())
        .add_node(name, agent)
        .add_edge(START, name)
        .compile()
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let fruit = create_sub_agent("fruit_agent")?;
    let veggie = create_sub_agent("veggie_agent")?;
    let graph = StateGraph::new()
        .add_channel("question", Channel::last())
        .add_channel("answers", Channel::last())
        .add_node("experts", move |state: State, runtime: Runtime| {
            let (fruit, veggie) = (fruit.clone(), veggie.clone());
            async move {
                let input = json!({"messages": [state["question"]]});
                let (fruit, veggie) = tokio::try_join!(
                    runtime.call(&fruit, input.clone()),
                    runtime.call(&veggie, input),
                )?;
                let last = |out: &Value| out["messages"].as_array().and_then(|m| m.last().cloned());
                NodeResult::Ok(json!({"answers": [last(&fruit), last(&veggie)]}))
            }
        })
        .add_edge(START, "experts")
        .with_checkpointer(MemorySaver::new())
        .compile()?;

    let config = Config::thread("market");
    for question in ["Apples?", "Carrots?", "Tomatoes?"] {
        let out = graph.invoke(json!({"question": question}), &config).await?;
        println!("{question:<10} {}", out["answers"]);
    }
    let states = graph.get_state_history(&config, HistoryQuery::default());
    println!(
        "The thread has {} checkpoints of the root graph.",
        states.collect().await?.len()
    );
    Ok(())
}

//! One compiled graph, many users: threads share nothing, and a graph that saves insists on one.
//!
//! `cargo run --example thread_isolation`
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::error::Error;

use serde_json::{Value, json};
use stepwell::checkpoint::MemorySaver;
use stepwell::graph::{Channel, Config, END, START, State, StateGraph};

async fn respond(_: State) -> Value {
    json!({"messages": ["Bot response"]})
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let graph = StateGraph::new()
        .add_channel("messages", Channel::append())
        .add_node("respond", respond)
        .add_edge(START, "respond")
        .add_edge("respond", END)
        .with_checkpointer(MemorySaver::new())
        .compile()?;

    // Both at the same time, on the same graph.
    let (alice, bob) = (Config::thread("user-alice"), Config::thread("user-bob"));
    let (from_alice, from_bob) = tokio::join!(
        graph.invoke(json!({"messages": ["Hi from Alice"]}), &alice),
        graph.invoke(json!({"messages": ["Hi from Bob"]}), &bob),
    );
    println!("Alice sees {}", from_alice?["messages"]);
    println!("Bob sees   {}", from_bob?["messages"]);

    let again = json!({"messages": ["Still me"]});
    println!(
        "Alice sees {}",
        graph.invoke(again, &alice).await?["messages"]
    );
    println!("Bob's thread: {}", graph.get_state(&bob).await?.values);

    // Forgetting the thread would lose the conversation without a word; here it is an error.
    let nobody = json!({"messages": ["Who am I?"]});
    if let Err(error) = graph.invoke(nobody, &Config::new()).await {
        println!("Without a thread: {error}");
    }
    Ok(())
}

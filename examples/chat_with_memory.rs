//! A chat that remembers: run it twice, and the second run goes on where the first one stopped.
//!
//! `cargo run --example chat_with_memory` keeps its database in the system's temporary directory;
//! `cargo run --example chat_with_memory -- forget` starts over.
#![expect(
    clippy::print_stdout,
    clippy::indexing_slicing,
    reason = "an example shows what it does, briefly"
)]

use std::error::Error;

use serde_json::{Value, json};
use stepwell::db::Db;
use stepwell::graph::{Channel, Config, END, START, State, StateGraph};

async fn respond(state: State) -> Value {
    let messages = state["messages"].as_array().map_or(&[][..], Vec::as_slice);
    let said: Vec<&str> = messages
        .iter()
        .filter(|message| message["role"] == "user")
        .filter_map(|message| message["content"].as_str())
        .collect();
    let answer = format!("So far you said: {}", said.join(" / "));
    json!({"messages": {"role": "assistant", "content": answer}})
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::temp_dir().join("stepwell-example-chat");
    if std::env::args().any(|arg| arg == "forget") && path.exists() {
        std::fs::remove_dir_all(&path)?;
    }
    let db = Db::open(&path)?;
    let graph = StateGraph::new()
        .add_channel("messages", Channel::messages())
        .add_node("respond", respond)
        .add_edge(START, "respond")
        .add_edge("respond", END)
        .with_checkpointer(db.checkpointer())
        .compile()?;

    let config = Config::thread("conversation-1");
    let before = graph.get_state(&config).await?;
    let known = before.values["messages"].as_array().map_or(0, Vec::len);
    println!("The thread holds {known} messages from earlier runs.");

    for said in ["Hello", "How are you?"] {
        let input = json!({"messages": {"role": "user", "content": said}});
        let out = graph.invoke(input, &config).await?;
        let messages = out["messages"].as_array().map_or(&[][..], Vec::as_slice);
        println!("> {said}");
        if let Some(answer) = messages.last() {
            println!("  {}", answer["content"].as_str().unwrap_or_default());
        }
        println!("  ({} messages are remembered)", messages.len());
    }
    println!("The database is in {}. Run this again.", path.display());
    db.close()?;
    Ok(())
}

//! Long-term memory: what is learnt on one thread is known on all, through the runtime's store.
//!
//! `cargo run --example long_term_store`
#![expect(
    clippy::print_stdout,
    clippy::indexing_slicing,
    reason = "an example shows what it does, briefly"
)]

use std::error::Error;

use serde_json::json;
use stepwell::db::Db;
use stepwell::graph::{Channel, Config, END, NodeResult, Runtime, START, State, StateGraph};
use stepwell::store::{Filter, Search, Store};

async fn respond(state: State, runtime: Runtime) -> NodeResult {
    let user = state["user_id"].as_str().unwrap_or_default();
    let item = runtime
        .store()?
        .get(&[user, "preferences"], "language")
        .await?;
    let preference = item.map_or("none".into(), |item| item.value["preference"].to_string());
    Ok(json!({"response": format!("Using preference: {preference}")}))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::temp_dir().join(format!("stepwell-example-store-{}", std::process::id()));
    let db = Db::open(&path)?;
    let store = db.store();
    let graph = StateGraph::new()
        .add_channel("user_id", Channel::last())
        .add_channel("response", Channel::last())
        .add_node("respond", respond)
        .add_edge(START, "respond")
        .add_edge("respond", END)
        .with_checkpointer(db.checkpointer())
        .with_store(store.clone())
        .compile()?;

    let short = json!({"preference": "short responses"});
    store
        .put(&["alice", "preferences"], "language", short)
        .await?;
    for thread in ["thread-1", "thread-2"] {
        let config = Config::thread(thread);
        let out = graph.invoke(json!({"user_id": "alice"}), &config).await?;
        println!("{thread}: {}", out["response"]);
    }

    let facts = ["user-123", "facts"];
    store
        .put(&facts, "location", json!({"city": "San Francisco"}))
        .await?;
    store
        .put(&facts, "birthplace", json!({"city": "Oslo"}))
        .await?;
    if let Some(item) = store.get(&facts, "location").await? {
        println!("get: {} = {}", item.key, item.value);
    }
    let in_city = Search::new(&facts).filter(Filter::eq("city", "San Francisco"));
    for item in store.search(in_city).await? {
        println!("search: {:?} {} = {}", item.namespace, item.key, item.value);
    }
    store.delete(&facts, "location").await?;
    let left = store.search(Search::new(&["user-123"])).await?;
    println!("after the delete {} fact is left", left.len());

    db.close()?;
    std::fs::remove_dir_all(&path)?;
    Ok(())
}

//! Super-steps per second of a graph of three nodes in a row, each adding one message of 400 characters, in one
//! conversation of 40 invokes: with nothing to save to, in memory, and on a database.
//!
//! It is the graph of LangGraph's own usual shape; `docs/benchmarks.md` has its figures there. `cargo bench --bench
//! executor`; `-- --smoke` is short.
#![expect(clippy::print_stdout, reason = "a benchmark prints what it measured")]
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a benchmark stops at the first thing that is not as expected"
)]

use std::time::Instant;

use serde_json::{Value, json};
use stepwell::checkpoint::MemorySaver;
use stepwell::db::{Db, Durability};
use stepwell::graph::{
    Channel, CheckpointerMode, CompiledGraph, Config, END, START, State, StateGraph,
};

const INVOKES: usize = 40;

async fn node(state: State) -> Value {
    let calls = state["llm_calls"].as_u64().unwrap_or(0) + 1;
    let text = "The quick brown fox jumps over the lazy dog. ".repeat(9);
    json!({
        "messages": [{"role": "assistant", "content": text, "response_metadata": {"model_name": "example-large"}}],
        "llm_calls": calls,
    })
}

fn graph(checkpointer: impl Into<CheckpointerMode>) -> CompiledGraph {
    StateGraph::new()
        .add_channel("messages", Channel::messages())
        .add_channel("llm_calls", Channel::last())
        .add_node("agent", node)
        .add_node("tools", node)
        .add_node("respond", node)
        .add_edge(START, "agent")
        .add_edge("agent", "tools")
        .add_edge("tools", "respond")
        .add_edge("respond", END)
        .with_checkpointer(checkpointer)
        .compile()
        .unwrap()
}

/// Nodes run per second in one conversation.
async fn conversation(graph: &CompiledGraph, thread: String) -> f64 {
    let config = Config::thread(thread);
    let start = Instant::now();
    for _ in 0..INVOKES {
        let human = json!({"messages": [{"role": "user", "content": "and then?"}]});
        graph.invoke(human, &config).await.unwrap();
    }
    (3 * INVOKES) as f64 / start.elapsed().as_secs_f64()
}

#[tokio::main]
async fn main() {
    let rounds = if std::env::args().any(|a| a == "--smoke") {
        2
    } else {
        15
    };
    let dir = tempfile::tempdir().unwrap();
    let open = |name: &str, durability| {
        let options = Db::options().durability(durability);
        options.open(dir.path().join(name)).unwrap()
    };
    let (synced, unsynced) = (
        open("synced", Durability::Sync),
        open("unsynced", Durability::Os),
    );
    let graphs = [
        ("no checkpointer", graph(false)),
        ("MemorySaver", graph(MemorySaver::new())),
        ("database, Sync", graph(synced.checkpointer())),
        ("database, Os", graph(unsynced.checkpointer())),
    ];
    let mut rates: Vec<Vec<f64>> = vec![Vec::new(); graphs.len()];
    for round in 0..rounds {
        for (place, (_, graph)) in graphs.iter().enumerate() {
            rates[place].push(conversation(graph, format!("thread-{round}")).await);
        }
    }
    println!(
        "nodes run per second, {INVOKES} invokes of 3 nodes; median (min..max) of {rounds} rounds\n"
    );
    for ((name, _), rates) in graphs.iter().zip(&mut rates) {
        rates.sort_by(f64::total_cmp);
        println!(
            "{name:<18} {:>8.0} ({:.0}..{:.0})",
            rates[rates.len() / 2],
            rates[0],
            rates[rates.len() - 1]
        );
    }
}

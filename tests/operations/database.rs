//! The database of the guide: orders that are priced, approved and shipped.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::{Value, json};
use stepwell::db::Db;
use stepwell::graph::{
    Channel, Command as GraphCommand, Config, NodeError, Runtime, START, State, StateGraph,
};

/// The built command.
pub(crate) const STEPWELL: &str = env!("CARGO_BIN_EXE_stepwell");

async fn price(state: State) -> Result<Value, NodeError> {
    match state["item"].as_str() {
        Some("unicorn") => Err(NodeError::msg("no price for a unicorn")),
        item => Ok(json!({"price": 40, "log": [format!("priced {}", item.unwrap_or("nothing"))]})),
    }
}

async fn approve(_: State, rt: Runtime) -> Result<Value, NodeError> {
    let by = rt.interrupt("Ship it?")?;
    Ok(json!({"log": [format!("approved by {}", by.as_str().unwrap_or("?"))]}))
}

async fn ship(_: State) -> Value {
    json!({"log": ["shipped"]})
}

/// Makes `agents.stepwell`: one order waits for its approval, one is shipped, one failed.
pub(crate) fn make(directory: &Path) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let db = Db::open(directory.join("agents.stepwell")).unwrap();
        let graph = StateGraph::new()
            .add_channel("item", Channel::last())
            .add_channel("price", Channel::last())
            .add_channel("log", Channel::append())
            .add_node("price_it", price)
            .add_node("approve", approve)
            .add_node("ship", ship)
            .add_edge(START, "price_it")
            .add_edge("price_it", "approve")
            .add_edge("approve", "ship")
            .with_checkpointer(db.checkpointer())
            .compile()
            .unwrap();
        for (thread, item) in [("17", "lamp"), ("18", "unicorn"), ("19", "chair")] {
            let config = Config::thread(format!("order-{thread}"));
            let _ = graph.invoke(json!({"item": item}), &config).await;
        }
        let config = Config::thread("order-17");
        let answer = GraphCommand::resume("Ada");
        graph.invoke(answer, &config).await.unwrap();
        drop(graph);
        db.close().unwrap();
    });
}

/// Runs the command on the guide's database.
pub(crate) fn stepwell(directory: &Path, arguments: &[&str]) -> Output {
    Command::new(STEPWELL)
        .args(arguments)
        .args(["--db", "agents.stepwell"])
        .current_dir(directory)
        .output()
        .unwrap()
}

//! A human in the loop: the run stops to ask, the process may end, and the answer comes later.
//!
//! `cargo run --example human_in_the_loop` asks on its first run, answers on its second.
#![expect(
    clippy::print_stdout,
    clippy::indexing_slicing,
    reason = "an example shows what it does, briefly"
)]

use std::error::Error;

use serde_json::{Value, json};
use stepwell::db::Db;
use stepwell::graph::{
    Channel, Command, Config, END, NodeResult, Runtime, START, State, StateGraph,
};

async fn draft(_: State) -> Value {
    println!("  (drafting an email, which takes long and happens once)");
    json!({"email": "Dear customer, we are sorry."})
}

async fn review(state: State, runtime: Runtime) -> NodeResult<Command> {
    let question = json!({"question": "Send this?", "email": state["email"]});
    // The first time the run stops here, saved. The resume runs `review` again and gets the answer.
    let answer = runtime.interrupt(question)?;
    let next = if answer["approved"] == true {
        "send"
    } else {
        END
    };
    Ok(Command::new()
        .update(json!({"email": answer["email"]}))
        .goto(next))
}

async fn send(state: State) -> Value {
    println!("  (sending: {})", state["email"]);
    json!({"sent": true})
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::temp_dir().join("stepwell-example-human");
    let db = Db::open(&path)?;
    let graph = StateGraph::new()
        .add_channel("email", Channel::last())
        .add_channel("sent", Channel::last())
        .add_node("draft", draft)
        .add_node("review", review)
        .add_node("send", send)
        .add_edge(START, "draft")
        .add_edge("draft", "review")
        .with_checkpointer(db.checkpointer())
        .compile()?;

    let config = Config::thread("ticket-7");
    let state = graph.get_state(&config).await?;
    if state.interrupts.is_empty() {
        println!("A new run:");
        let out = graph.invoke(json!({"sent": false}), &config).await?;
        for interrupt in &out.interrupts {
            println!("It waits for an answer to {}", interrupt.value);
        }
        println!("This process ends now. Run the example again to answer.");
    } else {
        println!(
            "Found waiting: {}",
            state.tasks.first().map_or("?", |task| &task.name)
        );
        let answer = json!({"approved": true, "email": "Dear customer, we have fixed it."});
        let out = graph.invoke(Command::resume(answer), &config).await?;
        println!("Finished: {}", out.values);
        db.close()?;
        std::fs::remove_dir_all(&path)?;
    }
    Ok(())
}

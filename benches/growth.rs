//! What a super-step costs when the thread is short, and when it is long: one node appends one message of 400
//! characters per step and reads only the end of the list.
//!
//! Prints, for each length, the time per step and the bytes that a step adds to the log, and their ratio to those
//! at 100 messages. `cargo bench --bench growth`; `-- --smoke` is short.
#![expect(clippy::print_stdout, reason = "a benchmark prints what it measured")]
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a benchmark stops at the first thing that is not as expected"
)]

use std::sync::Mutex;
use std::time::Instant;

use serde::{Deserialize, Serialize};
use stepwell::db::{Db, Durability};
use stepwell::graph::{
    CheckpointerMode, Config, ErrorKind, List, Message, START, State, StateGraph, TypedGraph,
};

#[derive(State, Clone, Serialize, Deserialize)]
struct Chat {
    #[state(append)]
    messages: List<Message>,
}

fn message() -> Message {
    Message::assistant("The quick brown fox jumps over the lazy dog. ".repeat(9))
}

/// When the node ran.
static RAN: Mutex<Vec<Instant>> = Mutex::new(Vec::new());

async fn respond(chat: Chat) -> Result<ChatUpdate, serde_json::Error> {
    RAN.lock().unwrap().push(Instant::now());
    let _read = chat.messages.last()?;
    Ok(ChatUpdate::new().messages([message()]))
}

fn graph(checkpointer: impl Into<CheckpointerMode>) -> TypedGraph<Chat> {
    StateGraph::typed::<Chat>()
        .add_node("respond", respond)
        .add_edge(START, "respond")
        .add_edge("respond", "respond")
        .with_checkpointer(checkpointer)
        .compile()
        .unwrap()
}

/// Microseconds per step with `length` messages there already: the median of the times between two steps.
async fn time_per_step(graph: &TypedGraph<Chat>, length: usize, steps: u32, thread: &str) -> f64 {
    let input = ChatUpdate::new().messages(vec![message(); length]);
    let config = Config::thread(format!("{thread}-{length}")).recursion_limit(steps);
    RAN.lock().unwrap().clear();
    let error = graph.invoke(input, &config).await.map(drop).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::RecursionLimit);
    let ran = RAN.lock().unwrap();
    let mut times: Vec<f64> = ran
        .windows(2)
        .map(|pair| (pair[1] - pair[0]).as_secs_f64() * 1e6)
        .collect();
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

#[tokio::main]
async fn main() {
    let smoke = std::env::args().any(|a| a == "--smoke");
    let (rounds, lengths) = if smoke {
        (1, vec![100, 200])
    } else {
        (9, vec![100, 1_000, 10_000])
    };
    let dir = tempfile::tempdir().unwrap();
    let options = Db::options().durability(Durability::Os);
    let db = options.open(dir.path().join("db")).unwrap();
    println!(
        "{:<18} {:>9} {:>14} {:>8} {:>16} {:>8}",
        "", "messages", "us per step", "ratio", "bytes per step", "ratio"
    );
    for (name, graph, steps) in [
        ("no checkpointer", graph(false), 1_000),
        // Values are stored whole as yet: many steps of a long thread fill the disk.
        ("database, Os", graph(db.checkpointer()), 40),
    ] {
        let mut first: Option<(f64, f64)> = None;
        for &length in &lengths {
            let rounds = if length > 1_000 {
                1.max(rounds / 4)
            } else {
                rounds
            };
            let mut times = Vec::new();
            let before = db.log_stats().unwrap().bytes;
            for round in 0..rounds {
                times.push(time_per_step(&graph, length, steps, &format!("{name}-{round}")).await);
            }
            times.sort_by(f64::total_cmp);
            let time = times[times.len() / 2];
            let saved = f64::from(steps + 2) * rounds as f64;
            let bytes = (db.log_stats().unwrap().bytes - before) as f64 / saved;
            let (time_before, bytes_before) = *first.get_or_insert((time, bytes));
            let ratio = |a: f64, b: f64| if b == 0.0 { 1.0 } else { a / b };
            println!(
                "{name:<18} {length:>9} {time:>14.1} {:>8.2} {bytes:>16.0} {:>8.2}",
                ratio(time, time_before),
                ratio(bytes, bytes_before)
            );
        }
    }
}

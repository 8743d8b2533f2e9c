//! What a super-step costs when the thread is short, and when it is long: one node appends one message of 400
//! characters per step and reads only the end of the list, with and without a conditional edge that does so, too.
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
    self, CheckpointerMode, Config, END, ErrorKind, List, Message, START, State, StateGraph,
    TypedGraph,
};

/// Two lists of messages; each graph uses one.
#[derive(State, Clone, Serialize, Deserialize)]
struct Chat {
    #[state(append)]
    log: List<Message>,
    #[state(messages)]
    messages: List<Message>,
}

/// How many steps are run to see what the input takes.
const FEW: u32 = 3;

fn message() -> Message {
    Message::assistant("The quick brown fox jumps over the lazy dog. ".repeat(9))
}

/// What the graph is made of.
#[derive(Clone, Copy)]
struct Shape {
    /// The list that grows is told apart by ids.
    by_id: bool,
    /// A conditional edge looks at the new message and chooses the next node.
    router: bool,
}

impl Shape {
    fn write(self, messages: Vec<Message>) -> ChatUpdate {
        if self.by_id {
            ChatUpdate::new().messages(messages)
        } else {
            ChatUpdate::new().log(messages)
        }
    }

    fn last(self, chat: &Chat) -> Result<Option<Message>, serde_json::Error> {
        if self.by_id {
            chat.messages.last()
        } else {
            chat.log.last()
        }
    }

    fn graph(self, checkpointer: impl Into<CheckpointerMode>) -> TypedGraph<Chat> {
        let respond = move |chat: Chat| async move {
            RAN.lock().unwrap().push(Instant::now());
            let _read = self.last(&chat)?;
            Ok::<_, serde_json::Error>(self.write(vec![message()]))
        };
        let graph = StateGraph::typed::<Chat>()
            .add_node("respond", respond)
            .add_edge(START, "respond");
        let graph = if self.router {
            graph.add_conditional_edges("respond", move |chat: Chat| {
                let last = self.last(&chat)?;
                Ok::<_, serde_json::Error>(last.map_or(END, |_| "respond"))
            })
        } else {
            graph.add_edge("respond", "respond")
        };
        graph.with_checkpointer(checkpointer).compile().unwrap()
    }
}

/// When the node ran.
static RAN: Mutex<Vec<Instant>> = Mutex::new(Vec::new());

/// Microseconds per step with `length` messages there already: the median of the times between two steps.
async fn time_per_step(graph: &TypedGraph<Chat>, input: ChatUpdate, config: &Config) -> f64 {
    RAN.lock().unwrap().clear();
    let error = graph.invoke(input, config).await.map(drop).unwrap_err();
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
        "{:<34} {:>9} {:>14} {:>8} {:>16} {:>8}",
        "", "messages", "us per step", "ratio", "bytes per step", "ratio"
    );
    let shape = |by_id, router| Shape { by_id, router };
    let shapes = [
        ("append", shape(false, false)),
        ("append, router", shape(false, true)),
        ("messages", shape(true, false)),
        ("messages, router", shape(true, true)),
    ];
    for (saved, durability, steps) in [
        ("no checkpointer", None, 1_000),
        ("saved at exit", Some(graph::Durability::Exit), 1_000),
        ("database, Os", Some(graph::Durability::Sync), 1_000),
    ] {
        for (what, shape) in shapes {
            let graph = match durability {
                None => shape.graph(false),
                Some(_) => shape.graph(db.checkpointer()),
            };
            let name = format!("{saved}: {what}");
            let mut first: Option<(f64, f64)> = None;
            for &length in &lengths {
                let rounds = if length > 1_000 {
                    1.max(rounds / 4)
                } else {
                    rounds
                };
                let mut times = Vec::new();
                let config = |thread: &str, steps| {
                    Config::thread(format!("{name}-{thread}-{length}"))
                        .recursion_limit(steps)
                        .durability(durability.unwrap_or_default())
                };
                let write = || shape.write(vec![message(); length]);
                // What the input takes is not part of a step.
                let start = db.stats().unwrap().bytes;
                time_per_step(&graph, write(), &config("few", FEW)).await;
                let before = db.stats().unwrap().bytes;
                let input = (before - start) as f64;
                for round in 0..rounds {
                    let config = config(&round.to_string(), steps);
                    times.push(time_per_step(&graph, write(), &config).await);
                }
                times.sort_by(f64::total_cmp);
                let time = times[times.len() / 2];
                let bytes = (db.stats().unwrap().bytes - before) as f64 / rounds as f64;
                let bytes = (bytes - input) / f64::from(steps - FEW);
                let (time_before, bytes_before) = *first.get_or_insert((time, bytes));
                let ratio = |a: f64, b: f64| if b == 0.0 { 1.0 } else { a / b };
                println!(
                    "{name:<34} {length:>9} {time:>14.1} {:>8.2} {bytes:>16.0} {:>8.2}",
                    ratio(time, time_before),
                    ratio(bytes, bytes_before)
                );
            }
        }
    }
}

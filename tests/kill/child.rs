//! The process that is killed, as it sees itself and as its parent sees it.

use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::json;
use stepwell::db::{Db, Durability};
use stepwell::graph::Input;

use crate::work::{self, Saved};

const DIRECTORY: &str = "STEPWELL_KILL_DIRECTORY";
const DURABILITY: &str = "STEPWELL_KILL_DURABILITY";
const INDEX_BYTES: &str = "STEPWELL_KILL_INDEX_BYTES";
const THREAD: &str = "STEPWELL_KILL_THREAD";

/// What a child is to do.
pub(crate) struct Task {
    pub(crate) directory: PathBuf,
    pub(crate) durability: String,
    /// How much of the index may be in memory only.
    pub(crate) index_bytes: u64,
    /// The thread to go on with.
    pub(crate) thread: u64,
}

impl Task {
    pub(crate) fn of_this_process() -> Option<Self> {
        Some(Self {
            directory: std::env::var_os(DIRECTORY)?.into(),
            durability: std::env::var(DURABILITY).ok()?,
            index_bytes: std::env::var(INDEX_BYTES).ok()?.parse().ok()?,
            thread: std::env::var(THREAD).ok()?.parse().ok()?,
        })
    }

    pub(crate) async fn run_until_killed(self) {
        let durability = match self.durability.as_str() {
            "sync" => Durability::Sync,
            "interval" => Durability::Interval(Duration::from_millis(5)),
            _ => Durability::Os,
        };
        let db = Db::options()
            .segment_bytes(128 * 1024)
            .durability(durability)
            .index_memory_bytes(usize::try_from(self.index_bytes).unwrap())
            .open(&self.directory)
            .unwrap();
        let graph = work::graph(&db, report);
        for thread in self.thread.. {
            let config = work::config(thread);
            let state = graph.get_state(&config).await.unwrap();
            let rounds = work::number(&state.values["rounds"]);
            say(&format!("begin {thread} {rounds} {}", state.next.join(",")));
            let input = match state.metadata {
                None => Input::from(json!({})),
                Some(_) => Input::Continue,
            };
            let out = graph.invoke(input, &config).await.unwrap();
            assert_eq!(work::number(&out["rounds"]), work::ROUNDS);
            say(&format!("end {thread}"));
        }
    }

    /// Starts the child, kills it after `delay`, and returns what it said.
    pub(crate) async fn run_and_kill(&self, delay: Duration) -> Vec<String> {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "child", "--nocapture", "--test-threads=1"])
            .env(DIRECTORY, &self.directory)
            .env(DURABILITY, &self.durability)
            .env(INDEX_BYTES, self.index_bytes.to_string())
            .env(THREAD, self.thread.to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = BufReader::new(child.stdout.take().unwrap());
        let listener = std::thread::spawn(move || {
            let mut lines = Vec::new();
            let mut line = String::new();
            // A line that the kill cut short was not said.
            while said.read_line(&mut line).unwrap() > 0 && line.ends_with('\n') {
                lines.push(std::mem::take(&mut line));
            }
            lines
        });
        tokio::time::sleep(delay).await;
        let ended = child.try_wait().unwrap();
        assert!(ended.is_none(), "the child ended by itself: {ended:?}");
        child.kill().unwrap();
        child.wait().unwrap();
        listener.join().unwrap()
    }
}

fn report(thread: &str, saved: Saved) {
    let (thread, saved) = (
        thread.trim_start_matches("thread-"),
        match saved {
            Saved::Rounds(rounds) => format!("rounds {rounds}"),
            Saved::Parts(round) => format!("parts {round}"),
            Saved::Item(round, part) => format!("item {round} {part}"),
        },
    );
    say(&format!("saved {thread} {saved}"));
}

/// One write per line, so that lines of tasks that run at once do not mix.
fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    out.write_all(format!("\n@{line}\n").as_bytes()).unwrap();
    out.flush().unwrap();
}

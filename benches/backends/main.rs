//! The savers and stores on SQLite and PostgreSQL beside LangGraph's own, which do the same in turns with them.
//!
//! ```text
//! STEPWELL_PYTHON=venv/bin/python cargo bench --bench backends --features sqlite,postgres,testing
//! ```
//!
//! The Python needs langgraph, langgraph-checkpoint-sqlite, langgraph-checkpoint-postgres and psycopg. Each row is the median of the
//! ratios of rounds that follow each other; `--smoke` makes two small rounds, `--rounds N` says how many there are, `--only sqlite` or `postgres` which. A
//! server is started in a directory of its own, with its usual settings (`fsync` and `synchronous_commit` on). What is not there is left out.

#![expect(
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a bench prints, and ends if something fails"
)]

#[path = "../../tests/common/postgres_server.rs"]
#[expect(dead_code, reason = "it is never stopped here")]
mod server;
mod work;

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use stepwell::postgres::Postgres;
use stepwell::sqlite::{SqliteSaver, SqliteStore};

use self::work::Work;

/// Python, doing the same.
struct Peer {
    child: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
}

impl Peer {
    fn start(python: &str, kind: &str, address: &str) -> Self {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/backends/peer.py");
        let mut child = Command::new(python)
            .args([script, kind, address])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut peer = Self {
            to: child.stdin.take().unwrap(),
            from: BufReader::new(child.stdout.take().unwrap()),
            child,
        };
        assert_eq!(peer.line(), "ready");
        peer
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.from.read_line(&mut line).unwrap();
        line.trim().to_owned()
    }

    fn time(&mut self, row: &str, subject: &str, count: usize) -> Duration {
        writeln!(self.to, "{row} {subject} {count}").unwrap();
        Duration::from_nanos(self.line().parse().unwrap())
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What is done in a round, how often, and what it is called.
const ROWS: [(&str, usize, &str); 7] = [
    (
        "put",
        50,
        "put: a step of a thread of 50, its write and its checkpoint",
    ),
    ("get", 50, "get latest: 50 messages"),
    ("list", 3, "list: 50 checkpoints with their values"),
    ("items", 100, "store: put"),
    ("item", 100, "store: get"),
    ("search", 20, "store: search, 5 of 100 by a field"),
    ("namespaces", 20, "store: list 10 namespaces"),
];

fn median(mut of: Vec<f64>) -> f64 {
    of.sort_by(f64::total_cmp);
    of.get(of.len() / 2).copied().unwrap_or_default()
}

fn compare(kind: &str, ours: &Work, peer: &mut Peer, rounds: usize, divisor: usize) {
    println!("\n{kind}: microseconds each (median), and the median of Python's time / ours");
    for (row, count, what) in ROWS {
        let count = (count / divisor).max(2);
        let (mut times, mut peers, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
        for round in 0..rounds {
            let begun = Instant::now();
            ours.run(row, &format!("ours-{round}"), count);
            let time = begun.elapsed().as_secs_f64();
            let other = peer
                .time(row, &format!("peers-{round}"), count)
                .as_secs_f64();
            let each = 1e6 / f64::from(u32::try_from(count).unwrap());
            times.push(time * each);
            peers.push(other * each);
            ratios.push(other / time);
        }
        let (least, most) = ratios
            .iter()
            .fold((f64::MAX, 0.0_f64), |(a, b), r| (a.min(*r), b.max(*r)));
        println!(
            "{what:62} {:9.0} {:9.0} {:6.2} ({least:.2}..{most:.2})",
            median(times),
            median(peers),
            median(ratios)
        );
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let is_smoke = arguments.iter().any(|one| one == "--smoke");
    let after = |name: &str| {
        let place = arguments.iter().position(|one| one == name);
        place.and_then(|place| arguments.get(place + 1)).cloned()
    };
    let rounds = after("--rounds")
        .and_then(|n| n.parse().ok())
        .unwrap_or(if is_smoke { 2 } else { 15 });
    let divisor = if is_smoke { 25 } else { 1 };
    let only = after("--only").unwrap_or_default();
    let python = std::env::var("STEPWELL_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let has_langgraph = Command::new(&python)
        .args([
            "-c",
            "import langgraph.checkpoint.postgres, langgraph.checkpoint.sqlite, psycopg",
        ])
        .stderr(Stdio::null())
        .status();
    if !has_langgraph.is_ok_and(|status| status.success()) {
        println!(
            "SKIPPED: `{python}` has no LangGraph with its savers; name one that has with STEPWELL_PYTHON"
        );
        return;
    }
    let directory = tempfile::TempDir::new().unwrap();
    if only != "postgres" {
        // Each has a file of its own: Python's store would fail while ours writes.
        let path = |name: &str| directory.path().join(name).display().to_string();
        let ours = Work::new(
            SqliteSaver::open(path("ours")).unwrap(),
            SqliteStore::open(path("ours")).unwrap(),
        );
        let mut peer = Peer::start(&python, "sqlite", &path("peers"));
        compare("SQLite", &ours, &mut peer, rounds, divisor);
    }
    if only != "sqlite" {
        let Some(server) = server::Server::start(&["fsync=on"]) else {
            return;
        };
        let postgres = Postgres::connect(&server.database("ours")).unwrap();
        futures::executor::block_on(postgres.setup()).unwrap();
        let ours = Work::new(postgres.checkpointer(), postgres.store());
        let mut peer = Peer::start(&python, "postgres", &server.database("peers"));
        compare("PostgreSQL", &ours, &mut peer, rounds, divisor);
        drop(peer);
    }
}

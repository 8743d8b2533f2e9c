//! Several processes on one server: this binary, started again.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use stepwell::checkpoint::{Checkpointer, ListQuery};
use stepwell::graph::{
    Channel, CompiledGraph, Config, Durability, GraphError, Input, START, State, StateGraph,
    WhenBusy,
};
use stepwell::postgres::{Postgres, PostgresError};

use crate::saver::Saver;
use crate::server::Server;

/// What a started process is to do.
const ROLE: &str = "STEPWELL_HOST_ROLE";
const ADDRESS: &str = "STEPWELL_HOST_ADDRESS";
const DIRECTORY: &str = "STEPWELL_HOST_DIRECTORY";

const THREADS: usize = 12;
const LEASE: Duration = Duration::from_secs(1);

fn connect(address: &str) -> Postgres {
    Postgres::options().lease(LEASE).connect(address).unwrap()
}

/// `a`, `b` and `c`, each of which says in a file that it has begun. `b` waits for a file `go` of the directory, if `waits`.
fn graph(postgres: &Postgres, directory: &Path, waits: bool) -> CompiledGraph {
    let node = |name: &'static str| {
        let directory = directory.to_owned();
        move |state: State| {
            let directory = directory.clone();
            async move {
                let thread = state["thread"].as_str().unwrap().to_owned();
                say(&directory, &format!("{name} {thread}"));
                while waits && name == "b" && !directory.join("go").exists() {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
                json!({ name: std::process::id() })
            }
        }
    };
    ["thread", "a", "b", "c", "d"]
        .into_iter()
        .fold(StateGraph::new(), |graph, channel| {
            graph.add_channel(channel, Channel::last())
        })
        .add_node("a", node("a"))
        .add_node("b", node("b"))
        .add_node("c", node("c"))
        .add_edge(START, "a")
        .add_edge("a", "b")
        .add_edge("b", "c")
        .with_checkpointer(postgres.checkpointer())
        .compile()
        .unwrap()
}

fn say(directory: &Path, what: &str) {
    let file = std::fs::File::options()
        .create(true)
        .append(true)
        .open(directory.join("said"));
    // One call: lines of several processes do not mix.
    file.unwrap()
        .write_all(format!("{what}\n").as_bytes())
        .unwrap();
}

fn said(directory: &Path) -> Vec<String> {
    let all = std::fs::read_to_string(directory.join("said")).unwrap_or_default();
    all.lines().map(str::to_owned).collect()
}

fn times(directory: &Path, what: &str) -> usize {
    said(directory).iter().filter(|line| *line == what).count()
}

fn until(what: &str, condition: impl Fn() -> bool) {
    let end = Instant::now() + Duration::from_secs(60);
    while !condition() {
        assert!(Instant::now() < end, "{what} does not happen");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// A process of ours, which is killed if it is dropped.
struct Host(Child);

impl Host {
    fn start(role: &str, address: &str, directory: &Path) -> Self {
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "hosts::a_host", "--nocapture"])
            .env(ROLE, role)
            .env(ADDRESS, address)
            .env(DIRECTORY, directory)
            .stdout(std::process::Stdio::null())
            .spawn();
        Self(child.unwrap())
    }

    fn signal(&self, name: &str) {
        let sent = Command::new("kill")
            .args([&format!("-{name}"), &self.0.id().to_string()])
            .status();
        assert!(sent.unwrap().success());
    }

    fn ended_well(mut self) -> bool {
        self.0.wait().unwrap().success()
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What a started process does. Nothing where nobody has started one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host() {
    let Ok(role) = std::env::var(ROLE) else {
        return;
    };
    let address = std::env::var(ADDRESS).unwrap();
    let directory = PathBuf::from(std::env::var_os(DIRECTORY).unwrap());
    let postgres = connect(&address);
    match role.as_str() {
        "begin" => {
            let graph = graph(&postgres, &directory, true);
            let threads = (0..THREADS).map(|n| format!("t{n}"));
            let runs = threads.map(|thread| {
                let graph = graph.clone();
                tokio::spawn(async move {
                    let config = Config::thread(&thread).durability(Durability::Sync);
                    graph.invoke(json!({"thread": thread}), &config).await
                })
            });
            for run in runs.collect::<Vec<_>>() {
                if let Err(error) = run.await.unwrap()
                    && let Some(PostgresError::LeaseLost { thread }) = PostgresError::of(&error)
                {
                    say(&directory, &format!("lost {thread}"));
                }
            }
        }
        "recover" => {
            let graph = graph(&postgres, &directory, false);
            let end = Instant::now() + Duration::from_secs(50);
            while said(&directory)
                .iter()
                .filter(|line| line.starts_with("c "))
                .count()
                < THREADS
            {
                assert!(Instant::now() < end, "not all threads come to their ends");
                for resumed in graph.resume_all().await.unwrap() {
                    resumed.outcome.unwrap();
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
        other => panic!("{other}"),
    }
}

fn set_up() -> Option<(Server, String, tempfile::TempDir)> {
    let server = Server::start(&[])?;
    let address = server.database("hosts");
    futures::executor::block_on(connect(&address).setup()).unwrap();
    Some((server, address, tempfile::TempDir::new().unwrap()))
}

/// All threads stand in `b`.
fn begun(address: &str, directory: &Path) -> Host {
    let first = Host::start("begin", address, directory);
    until("all threads reach b", || {
        said(directory)
            .iter()
            .filter(|line| line.starts_with("b "))
            .count()
            == THREADS
    });
    first
}

fn history(postgres: &Postgres, thread: &str) -> usize {
    let saver = postgres.checkpointer();
    Saver::of(Arc::new(saver))
        .list(ListQuery::of(thread, ""))
        .len()
}

#[test]
fn what_a_killed_process_was_running_is_taken_up_once_by_the_others() {
    let Some((_server, address, directory)) = set_up() else {
        return;
    };
    let directory = directory.path();
    let first = begun(&address, directory);
    first.signal("KILL");
    drop(first);
    let others: Vec<_> = (0..3)
        .map(|_| Host::start("recover", &address, directory))
        .collect();
    for other in others {
        assert!(other.ended_well());
    }
    let postgres = connect(&address);
    for n in 0..THREADS {
        let ran = ["a", "b", "c"].map(|node| times(directory, &format!("{node} t{n}")));
        // `b` was begun by the one that was killed, and then once more.
        assert_eq!(ran, [1, 2, 1], "t{n}");
        // Input, and after each of four steps.
        assert_eq!(history(&postgres, &format!("t{n}")), 5);
    }
}

#[test]
fn a_process_that_was_stopped_too_long_cannot_write_any_more() {
    let Some((_server, address, directory)) = set_up() else {
        return;
    };
    let directory = directory.path();
    let first = begun(&address, directory);
    first.signal("STOP");
    let second = Host::start("recover", &address, directory);
    assert!(second.ended_well());
    first.signal("CONT");
    std::fs::write(directory.join("go"), "").unwrap();
    assert!(first.ended_well());
    let postgres = connect(&address);
    for n in 0..THREADS {
        assert_eq!(
            times(directory, &format!("lost t{n}")),
            1,
            "{:?}",
            said(directory)
        );
        assert_eq!(times(directory, &format!("c t{n}")), 1);
        assert_eq!(history(&postgres, &format!("t{n}")), 5);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thread_is_busy_in_all_processes() {
    let Some((_server, address, directory)) = set_up() else {
        return;
    };
    let (here, there) = (connect(&address), connect(&address));
    let running = graph(&here, directory.path(), true);
    let config = Config::thread("t");
    let run = {
        let (running, config) = (running.clone(), config.clone());
        tokio::spawn(async move { running.invoke(json!({"thread": "t"}), &config).await })
    };
    let begun = directory.path().to_owned();
    tokio::task::spawn_blocking(move || until("b begins", || times(&begun, "b t") == 1))
        .await
        .unwrap();
    // Its lease runs on for longer than one lasts.
    tokio::time::sleep(LEASE * 3 / 2).await;
    let other = graph(&there, directory.path(), false);
    let busy = other.invoke(Input::Continue, &config).await;
    assert!(matches!(busy, Err(GraphError::ThreadBusy { thread }) if thread == "t"));
    assert_eq!(other.unfinished().await.unwrap(), []);
    assert!(other.resume_all().await.unwrap().is_empty());
    let patient = config.clone().when_busy(WhenBusy::Wait);
    let waiting =
        tokio::spawn(async move { other.invoke(json!({"thread": "t", "d": 1}), &patient).await });
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(!waiting.is_finished());
    std::fs::write(directory.path().join("go"), "").unwrap();
    run.await.unwrap().unwrap();
    waiting.await.unwrap().unwrap();
    let saved = there.checkpointer().get("t", "", None).await.unwrap();
    let values = saved.unwrap().checkpoint.channel_values;
    assert_eq!(values["d"].to_json().unwrap(), Value::from(1));
}

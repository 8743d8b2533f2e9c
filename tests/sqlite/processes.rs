//! Several processes.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use futures::StreamExt;
use futures::executor::block_on;
use serde_json::json;
use stepwell::checkpoint::{Checkpointer, ListQuery};
use stepwell::graph::{
    Channel, CompiledGraph, Config, Durability, GraphError, START, State, StateGraph,
};
use stepwell::sqlite::{SqliteSaver, SqliteStore};
use stepwell::store::{Search, Store};
use tempfile::TempDir;

/// What a started process is to do.
const ROLE: &str = "STEPWELL_PROCESS_ROLE";
const DIRECTORY: &str = "STEPWELL_PROCESS_DIRECTORY";
const NUMBER: &str = "STEPWELL_PROCESS_NUMBER";

const THREADS: usize = 4;

fn file(directory: &Path) -> PathBuf {
    directory.join("both.sqlite")
}

fn saver(directory: &Path) -> SqliteSaver {
    SqliteSaver::open(file(directory)).unwrap()
}

/// `a`, `b` and `c`, each of which says in a file that it has begun. `b` waits for a file `go` of the directory, if `waits`.
fn graph(directory: &Path, waits: bool) -> CompiledGraph {
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
                json!({ name: 1 })
            }
        }
    };
    (["thread", "a", "b", "c"].into_iter())
        .fold(StateGraph::new(), |graph, channel| {
            graph.add_channel(channel, Channel::last())
        })
        .add_node("a", node("a"))
        .add_node("b", node("b"))
        .add_node("c", node("c"))
        .add_edge(START, "a")
        .add_edge("a", "b")
        .add_edge("b", "c")
        .with_checkpointer(saver(directory))
        .compile()
        .unwrap()
}

fn say(directory: &Path, what: &str) {
    use std::io::Write;
    let file = std::fs::File::options()
        .create(true)
        .append(true)
        .open(directory.join("said"));
    // One call: lines of several processes do not mix.
    file.unwrap()
        .write_all(format!("{what}\n").as_bytes())
        .unwrap();
}

fn times(directory: &Path, what: &str) -> usize {
    let all = std::fs::read_to_string(directory.join("said")).unwrap_or_default();
    all.lines().filter(|line| line.starts_with(what)).count()
}

fn until(what: &str, condition: impl Fn() -> bool) {
    let end = Instant::now() + Duration::from_secs(60);
    while !condition() {
        assert!(Instant::now() < end, "{what} does not happen");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A process of ours, which is killed if it is dropped.
struct Process(Child);

impl Process {
    fn start(role: &str, directory: &Path, number: usize) -> Self {
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "processes::a_process", "--nocapture"])
            .env(ROLE, role)
            .env(DIRECTORY, directory)
            .env(NUMBER, number.to_string())
            .stdout(Stdio::null())
            .spawn();
        Self(child.unwrap())
    }

    fn ended_well(mut self) -> bool {
        self.0.wait().unwrap().success()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

async fn run(graph: &CompiledGraph, thread: &str) -> Result<(), GraphError> {
    let config = Config::thread(thread).durability(Durability::Sync);
    graph
        .invoke(json!({"thread": thread}), &config)
        .await
        .map(drop)
}

/// What a started process does. Nothing where nobody has started one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process() {
    let Ok(role) = std::env::var(ROLE) else {
        return;
    };
    let directory = PathBuf::from(std::env::var_os(DIRECTORY).unwrap());
    let number: usize = std::env::var(NUMBER).unwrap().parse().unwrap();
    match role.as_str() {
        "set up" => {
            until("the start", || directory.join("go").exists());
            drop(saver(&directory));
            let store = SqliteStore::open(file(&directory)).unwrap();
            store
                .put(&["all"], &number.to_string(), json!(number))
                .await
                .unwrap();
            run(&graph(&directory, false), &format!("t{number}"))
                .await
                .unwrap();
        }
        "move" => {
            std::env::set_current_dir(&directory).unwrap();
            let graph = graph(Path::new(""), false);
            std::env::set_current_dir(directory.join("elsewhere")).unwrap();
            run(&graph, "t").await.unwrap();
            assert!(
                graph
                    .get_state(&Config::thread("t"))
                    .await
                    .unwrap()
                    .next
                    .is_empty()
            );
        }
        "run" => {
            let graph = graph(&directory, false);
            for n in 0..THREADS {
                run(&graph, &format!("p{number}-{n}")).await.unwrap();
            }
        }
        "begin" => {
            let graph = graph(&directory, true);
            let runs = (0..THREADS).map(|n| {
                let graph = graph.clone();
                tokio::spawn(async move { run(&graph, &format!("t{n}")).await })
            });
            for run in runs.collect::<Vec<_>>() {
                run.await.unwrap().unwrap();
            }
        }
        "recover" => {
            let graph = graph(&directory, false);
            let end = Instant::now() + Duration::from_secs(50);
            while times(&directory, "c ") < THREADS {
                assert!(Instant::now() < end, "not all threads come to their ends");
                for resumed in graph.resume_all().await.unwrap() {
                    resumed.outcome.unwrap();
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        }
        other => panic!("{other}"),
    }
}

fn history(directory: &Path, thread: &str) -> usize {
    block_on(saver(directory).list(ListQuery::of(thread, "")).count())
}

#[test]
fn many_processes_may_set_it_up_at_once() {
    let directory = TempDir::new().unwrap();
    let directory = directory.path();
    let all: Vec<_> = (0..6)
        .map(|n| Process::start("set up", directory, n))
        .collect();
    std::thread::sleep(Duration::from_millis(200));
    std::fs::write(directory.join("go"), "").unwrap();
    for process in all {
        assert!(process.ended_well());
    }
    let store = SqliteStore::open(file(directory)).unwrap();
    assert_eq!(block_on(store.count(Search::new(&["all"]))).unwrap(), 6);
    for n in 0..6 {
        assert_eq!(history(directory, &format!("t{n}")), 5);
    }
}

#[test]
fn a_file_that_was_opened_by_a_relative_path_stays_where_it_is_when_the_process_changes_its_directory()
 {
    let directory = TempDir::new().unwrap();
    let directory = directory.path();
    std::fs::create_dir(directory.join("elsewhere")).unwrap();
    assert!(Process::start("move", directory, 0).ended_well());
    assert_eq!(history(directory, "t"), 5);
    // What nodes say is where the process was.
    let left = std::fs::read_dir(directory.join("elsewhere")).unwrap();
    let left: Vec<_> = left.map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["said"]);
}

#[test]
fn processes_run_threads_of_one_file_and_a_list_that_is_not_read_keeps_none_of_them_waiting() {
    let directory = TempDir::new().unwrap();
    let directory = directory.path();
    block_on_runtime(run(&graph(directory, false), "first"));
    let mut list = saver(directory).list(ListQuery::default());
    assert!(block_on(list.next()).unwrap().is_ok());
    let all: Vec<_> = (0..3)
        .map(|n| Process::start("run", directory, n))
        .collect();
    for process in all {
        assert!(process.ended_well());
    }
    block_on_runtime(run(&graph(directory, false), "last"));
    // It goes on with what there was when it began.
    assert_eq!(block_on(list.count()), 4);
    for (process, thread) in (0..3).flat_map(|p| (0..THREADS).map(move |n| (p, n))) {
        assert_eq!(history(directory, &format!("p{process}-{thread}")), 5);
    }
}

#[test]
fn a_thread_is_run_by_one_process_and_taken_up_once_when_that_is_killed() {
    let directory = TempDir::new().unwrap();
    let directory = directory.path();
    let first = Process::start("begin", directory, 0);
    until("all threads reach b", || times(directory, "b ") == THREADS);
    let graph = graph(directory, false);
    let busy = block_on_runtime_with(run(&graph, "t0"));
    assert!(
        matches!(busy, Err(GraphError::ThreadBusy { .. })),
        "{busy:?}"
    );
    assert!(
        block_on_runtime_with(graph.unfinished())
            .unwrap()
            .is_empty()
    );
    // What is not that thread is not kept from running.
    block_on_runtime(run(&graph, "another"));
    drop(first);
    let others: Vec<_> = (0..3)
        .map(|n| Process::start("recover", directory, n))
        .collect();
    for other in others {
        assert!(other.ended_well());
    }
    for n in 0..THREADS {
        let ran = ["a", "b", "c"].map(|node| times(directory, &format!("{node} t{n}")));
        // `b` was begun by the one that was killed, and then once more.
        assert_eq!(ran, [1, 2, 1], "t{n}");
        assert_eq!(history(directory, &format!("t{n}")), 5);
    }
    let leases = directory.join("both.sqlite-leases");
    assert_eq!(std::fs::read_dir(leases).unwrap().count(), 0);
}

#[test]
fn who_waits_for_a_thread_gets_it_when_the_other_process_has_gone() {
    let directory = TempDir::new().unwrap();
    let directory = directory.path();
    let first = Process::start("begin", directory, 0);
    until("all threads reach b", || times(directory, "b ") == THREADS);
    let graph = graph(directory, false);
    let waits = std::thread::spawn(move || {
        let config = Config::thread("t1").when_busy(stepwell::graph::WhenBusy::Wait);
        block_on_runtime_with(graph.invoke(json!({"thread": "t1"}), &config)).unwrap();
    });
    std::thread::sleep(Duration::from_millis(100));
    assert!(!waits.is_finished());
    drop(first);
    waits.join().unwrap();
    assert_eq!(times(directory, "c t1"), 1);
}

fn block_on_runtime_with<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(future)
}

fn block_on_runtime(future: impl Future<Output = Result<(), GraphError>>) {
    block_on_runtime_with(future).unwrap();
}

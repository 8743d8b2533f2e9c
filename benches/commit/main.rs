//! Commits of a step of an agent, each row beside what it is measured against, in turns in one run: the speed of a disk, and of a
//! virtual machine, changes by the second, so only the ratios count. Steps, the floor and the raw writes are those of `benches/peers`.
//!
//! `cargo bench --bench commit` takes about a minute; `-- --smoke` a few seconds, for checking that it works;
//! `-- --dir DIR` measures the file system of another directory; `-- --only ROW` one row.
#![expect(clippy::print_stdout, reason = "a benchmark prints what it measured")]
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a benchmark stops at the first thing that is not as expected"
)]

mod engine;
#[path = "../peers/src/probe.rs"]
mod probe;
mod stats;
#[path = "../peers/src/workload.rs"]
mod workload;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use engine::{Engine, Stepwell};
use probe::Probe;
use stats::{Summary, latencies};
use stepwell::checkpoint::DbSaver;
use tempfile::TempDir;
use tokio::runtime::Runtime;
use workload::{STEP_BYTES, Steps};

struct Plan {
    dir: PathBuf,
    rounds: usize,
    slice: Duration,
    /// How many steps of a round without syncs.
    steps: usize,
    only: Option<String>,
}

/// What came of a row: for each round the figure that has an aim, and the times of all steps in microseconds.
#[derive(Default)]
struct Row {
    ratios: Vec<f64>,
    us: Vec<f64>,
}

/// So many steps, and then so many raw writes.
const IN_TURN: usize = 8;
/// The records of a raw write that 64 writers are measured against.
const GROUP: usize = 64;

fn main() {
    let plan = plan();
    println!(
        "{} rounds in turn; medians (min..max). A step is {STEP_BYTES} bytes: a checkpoint of 2 KiB and two writes.\n",
        plan.rounds
    );
    println!(
        "{:<11} {:<43} {:>7} {:>22} {:>8} {:>8} {:>8} {:>8}",
        "row", "what", "aim", "reached", "mean us", "p50", "p99", "max"
    );
    type Measure = fn(&Plan) -> Row;
    let rows: [(&str, &str, &str, Measure); 5] = [
        (
            "durable-1",
            "time, to raw overwrite + fdatasync",
            "<= 1.15",
            alone,
        ),
        ("durable-8", "steps/s, to raw-log", ">= 1.0", together),
        (
            "durable-64",
            "steps/s, to 64 raw records per fdatasync",
            ">= 0.5",
            grouped,
        ),
        (
            "awaited-64",
            "the same, the writers being tasks",
            ">= 0.5",
            awaited,
        ),
        (
            "unsynced-1",
            "steps/s, to raw-log, index and deltas on",
            ">= 0.6",
            unsynced,
        ),
    ];
    for (name, what, aim, measure) in rows {
        if plan.only.as_ref().is_none_or(|only| only == name) {
            let Row { ratios, us } = measure(&plan);
            let reached = Summary::of(&ratios).to_string();
            let [mean, p50, p99, max] = latencies(us);
            println!(
                "{name:<11} {what:<43} {aim:>7} {reached:>22} {mean:>8.1} {p50:>8.1} {p99:>8.0} {max:>8.0}"
            );
        }
    }
}

/// One writer; between its steps as many raw writes.
fn alone(plan: &Plan) -> Row {
    let dir = tempfile::tempdir_in(&plan.dir).unwrap();
    let engine = engine::stepwell(&dir.path().join("db"), true);
    let mut probe = Probe::new(&dir.path().join("db"), STEP_BYTES);
    let mut steps = Steps::new(0, 1);
    let mut row = Row::default();
    for _ in 0..plan.rounds {
        let (mut stepping, mut probing) = (0.0, 0.0);
        let start = Instant::now();
        while start.elapsed() < plan.slice {
            for _ in 0..IN_TURN {
                let us = append(&*engine, &mut steps);
                stepping += us;
                row.us.push(us);
            }
            for _ in 0..IN_TURN {
                probing += probe.once().as_secs_f64() * 1e6;
            }
        }
        row.ratios.push(stepping / probing);
    }
    engine.close();
    row
}

/// 8 writers, and the same on the floor.
fn together(plan: &Plan) -> Row {
    let dirs = [(); 2].map(|()| tempfile::tempdir_in(&plan.dir).unwrap());
    let [floor, database] = &dirs;
    let engines = [
        engine::raw_log(floor.path(), true),
        engine::stepwell(database.path(), true),
    ];
    let mut steps = [(); 2].map(|()| (0..8).map(|n| Steps::new(n, 8)).collect::<Vec<_>>());
    let mut row = Row::default();
    for round in 0..plan.rounds {
        let mut rates = [0.0; 2];
        // Who begins changes, so that a drift within the rounds favours neither.
        for which in [round % 2, 1 - round % 2] {
            let (rate, us) = at_once(&*engines[which], &mut steps[which], plan.slice);
            rates[which] = rate;
            if which == 1 {
                row.us.extend(us);
            }
        }
        row.ratios.push(rates[1] / rates[0]);
    }
    for engine in engines {
        engine.close();
    }
    row
}

/// 64 writers, each a thread, and between their turns raw writes of as many records.
fn grouped(plan: &Plan) -> Row {
    let dir = tempfile::tempdir_in(&plan.dir).unwrap();
    let engine = engine::stepwell(&dir.path().join("db"), true);
    let mut steps: Vec<_> = (0..64).map(|n| Steps::new(n, 64)).collect();
    let row = beside_groups(plan, dir.path(), || {
        at_once(&*engine, &mut steps, plan.slice)
    });
    engine.close();
    row
}

/// The same, but that the writers are tasks, which have as many threads as there are cores.
fn awaited(plan: &Plan) -> Row {
    let dir = tempfile::tempdir_in(&plan.dir).unwrap();
    let engine = Stepwell::open(&dir.path().join("db"), true);
    let runtime = Runtime::new().unwrap();
    let mut steps: Vec<_> = (0..64).map(|n| Steps::new(n, 64)).collect();
    let row = beside_groups(plan, dir.path(), || {
        let start = Instant::now();
        let writers: Vec<_> = (steps.drain(..))
            .map(|steps| runtime.spawn(write(engine.saver.clone(), steps, start, plan.slice)))
            .collect();
        let mut all = Vec::new();
        for writer in writers {
            let (writer, us) = runtime.block_on(writer).unwrap();
            steps.push(writer);
            all.extend(us);
        }
        (all.len() as f64 / start.elapsed().as_secs_f64(), all)
    });
    drop(runtime);
    Box::new(engine).close();
    row
}

/// A writer that is a task.
async fn write(
    saver: DbSaver,
    mut steps: Steps,
    start: Instant,
    slice: Duration,
) -> (Steps, Vec<f64>) {
    let mut us = Vec::new();
    while start.elapsed() < slice {
        let batch = steps.batch(1);
        let start = Instant::now();
        engine::submit(&saver, &batch[0]).await.unwrap();
        us.push(start.elapsed().as_secs_f64() * 1e6);
    }
    (steps, us)
}

/// What `measure` says of steps, to raw writes of groups.
fn beside_groups(plan: &Plan, dir: &Path, mut measure: impl FnMut() -> (f64, Vec<f64>)) -> Row {
    let mut probe = Probe::new(&dir.join("db"), STEP_BYTES * GROUP);
    let mut row = Row::default();
    for _ in 0..plan.rounds {
        let (rate, us) = measure();
        row.us.extend(us);
        let start = Instant::now();
        let (mut probing, mut probes) = (Duration::ZERO, 0);
        while start.elapsed() < plan.slice / 2 {
            probing += probe.once();
            probes += GROUP;
        }
        row.ratios
            .push(rate / (probes as f64 / probing.as_secs_f64()));
    }
    row
}

/// One writer that waits for no device, from an empty database on, and the same on the floor.
fn unsynced(plan: &Plan) -> Row {
    let mut row = Row::default();
    for round in 0..plan.rounds {
        let mut times = [0.0; 2];
        for which in [round % 2, 1 - round % 2] {
            let dir: TempDir = tempfile::tempdir_in(&plan.dir).unwrap();
            let open = [engine::raw_log, engine::stepwell][which];
            let engine = open(dir.path(), false);
            let mut steps = Steps::new(0, 1);
            let us: Vec<f64> = (0..plan.steps)
                .map(|_| append(&*engine, &mut steps))
                .collect();
            engine.close();
            times[which] = us.iter().sum();
            if which == 1 {
                row.us.extend(us);
            }
        }
        row.ratios.push(times[0] / times[1]);
    }
    row
}

/// All writers at once: steps per second, and the times of the steps.
fn at_once(engine: &dyn Engine, steps: &mut [Steps], slice: Duration) -> (f64, Vec<f64>) {
    let start = Instant::now();
    let us: Vec<f64> = std::thread::scope(|scope| {
        let writers: Vec<_> = steps
            .iter_mut()
            .map(|steps| {
                scope.spawn(move || {
                    let mut us = Vec::new();
                    while start.elapsed() < slice {
                        us.push(append(engine, steps));
                    }
                    us
                })
            })
            .collect();
        let written = writers.into_iter().map(|writer| writer.join().unwrap());
        written.flatten().collect()
    });
    (us.len() as f64 / start.elapsed().as_secs_f64(), us)
}

/// Commits the next step; how many microseconds that took. Making it up does not count.
fn append(engine: &dyn Engine, steps: &mut Steps) -> f64 {
    let batch = steps.batch(1);
    let start = Instant::now();
    engine.append(&batch);
    start.elapsed().as_secs_f64() * 1e6
}

fn plan() -> Plan {
    let mut plan = Plan {
        dir: std::env::temp_dir(),
        rounds: 9,
        slice: Duration::from_millis(500),
        steps: 50_000,
        only: None,
    };
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--smoke" => {
                plan.rounds = 3;
                plan.slice = Duration::from_millis(20);
                plan.steps = 1_000;
            }
            "--dir" => plan.dir = args.next().unwrap().into(),
            "--only" => plan.only = args.next(),
            _ => {}
        }
    }
    plan
}

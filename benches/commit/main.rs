//! Commits of a 4 KiB checkpoint beside a raw loop that writes the same bytes to a file prepared the same
//! way and makes the same sync call. Both take turns in one run, and what is printed are ratios: the
//! speed of a disk, and of a virtual machine, changes by the second.
//!
//! `cargo bench --bench commit` takes about a minute; `-- --smoke` a few seconds, for checking that it works;
//! `-- --dir DIR` measures the file system of another directory.
#![expect(clippy::print_stdout, reason = "a benchmark prints what it measured")]
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a benchmark stops at the first thing that is not as expected"
)]

mod raw;
mod stats;
mod store;

use std::path::PathBuf;
use std::time::Duration;

use raw::RawLoop;
use stats::Summary;
use stepwell::db::Durability;
use store::{Database, Writers};

struct Plan {
    dir: PathBuf,
    rounds: usize,
    slice: Duration,
}

fn main() {
    let plan = plan();
    println!(
        "{} rounds of {} ms each, in turn; medians (min..max)\n",
        plan.rounds,
        plan.slice.as_millis()
    );
    let frame = Database::frame_bytes(&plan.dir);
    println!(
        "a commit of a 4 KiB checkpoint is {frame} bytes in the log; the raw loop writes as many\n"
    );
    println!(
        "{:<28} {:>12} {:>12} {:>24} {:>9} {:>9} {:>7}",
        "", "raw loop /s", "stepwell /s", "stepwell / raw", "p50 us", "p99 us", "commits"
    );
    println!("{:<28} {:>75} {:>7}", "", "", "/ sync");
    for (name, durability, writers) in [
        ("synced, 1 writer", Durability::Sync, Writers::Threads(1)),
        ("synced, 8 writers", Durability::Sync, Writers::Threads(8)),
        ("synced, 64 writers", Durability::Sync, Writers::Threads(64)),
        (
            "synced, 64 async tasks",
            Durability::Sync,
            Writers::Tasks(64),
        ),
        ("not synced, 1 writer", Durability::Os, Writers::Threads(1)),
        ("not synced, 8 writers", Durability::Os, Writers::Threads(8)),
    ] {
        row(&plan, frame, name, durability, writers);
    }
    println!(
        "\nThe raw loop is one thread in every row: what one writer could do at best.\n\
         A run in which its figures of one kind differ by more than 15 % between rows says little."
    );
}

fn row(plan: &Plan, frame: usize, name: &str, durability: Durability, writers: Writers) {
    let synced = durability == Durability::Sync;
    let mut raw = RawLoop::prepare(&plan.dir, frame);
    let database = Database::open(&plan.dir, durability);
    raw.run(plan.slice / 4, synced);
    database.run(writers, plan.slice / 4);
    let (mut raw_rates, mut rates, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    let mut latencies = Vec::new();
    let mut per_sync = Vec::new();
    for round in 0..plan.rounds {
        let (a, b);
        // Who begins changes, so that a drift within the rounds favours neither.
        if round % 2 == 0 {
            a = raw.run(plan.slice, synced);
            b = database.run(writers, plan.slice);
        } else {
            b = database.run(writers, plan.slice);
            a = raw.run(plan.slice, synced);
        }
        raw_rates.push(a);
        rates.push(b.rate);
        ratios.push(b.rate / a);
        per_sync.push(b.commits_per_sync);
        latencies.extend(b.latencies_us);
    }
    latencies.sort_by(f64::total_cmp);
    let at = |q: f64| latencies[((latencies.len() - 1) as f64 * q) as usize];
    println!(
        "{name:<28} {:>12.0} {:>12.0} {:>24} {:>9.0} {:>9.0} {:>7.1}",
        Summary::of(&raw_rates).median,
        Summary::of(&rates).median,
        Summary::of(&ratios).to_string(),
        at(0.5),
        at(0.99),
        Summary::of(&per_sync).median,
    );
}

fn plan() -> Plan {
    let mut plan = Plan {
        dir: std::env::temp_dir(),
        rounds: 9,
        slice: Duration::from_millis(500),
    };
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--smoke" => {
                plan.rounds = 3;
                plan.slice = Duration::from_millis(20);
            }
            "--dir" => plan.dir = args.next().unwrap().into(),
            _ => {}
        }
    }
    plan
}

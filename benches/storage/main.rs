//! What the storage costs: bytes on disk, time and memory, as threads grow, are read, deleted and opened again.
//!
//! `cargo bench --bench storage`; `-- --smoke` is short, for checking that it works; `-- --only NAME` (may be repeated)
//! picks figures; `-- --dir DIR` measures the file system of another directory. Linux only.
#![expect(clippy::print_stdout, reason = "a benchmark prints what it measured")]
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a benchmark stops at the first thing that is not as expected"
)]

mod bench;
mod child;
mod figures;
mod files;
mod stats;
mod workload;

use bench::Bench;

fn main() {
    let mut args: Vec<String> = std::env::args().skip(1).collect();
    if args.first().is_some_and(|first| first == child::CHILD) {
        child::run(&args.split_off(1));
        return;
    }
    let bench = Bench::of(args);
    for (name, measure) in figures::ALL {
        if bench.wants(name) {
            measure(&bench);
        }
    }
}

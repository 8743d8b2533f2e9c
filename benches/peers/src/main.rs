//! Stepwell beside other embedded engines: what one super-step of an agent writes, committed, read back and
//! found again after a restart.
//!
//! `cargo run --release` in this directory; `-- --smoke` runs everything for a moment, `-- --quick` for two or three
//! minutes and in a few hundred megabytes; `-- --only NAME` (may be
//! repeated) picks engines and cells; `-- --dir DIR` measures the file system of another directory. RocksDB is in with
//! `--features rocksdb`.
//!
//! Every engine's cell runs in a process and a directory of its own, and the rounds go over all of them in turn, so
//! that what is compared was measured within seconds. Ratios are taken per round.

mod cell;
mod engine;
mod machine;
mod plan;
mod probe;
mod report;
mod rounds;
mod workload;

fn main() {
    let mut args = std::env::args().skip(1).peekable();
    if args.next_if(|arg| arg == rounds::CHILD).is_some() {
        rounds::child(args);
    } else {
        rounds::run(&plan::Plan::of(args));
    }
}

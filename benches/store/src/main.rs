//! Stepwell's store beside SQLite: items by key, by fields and by age, namespaces, and puts with the index kept.
//!
//! `cargo run --release` in this directory: 1,000,000 items in 1,000 namespaces, one of which has 100,000; `-- --items N` for fewer, of which a
//! tenth is in that namespace (`-- --lone` puts all but one for each namespace there, as `benches/langgraph_store.py` does); `-- --smoke` runs everything for a moment;
//! `-- --dir DIR` measures the file system of another directory.
//!
//! Rounds go over both in turn, so that what is compared was measured within a second. Ratios are taken per round.

mod items;
mod queries;
mod report;
mod sqlite;
mod stepwell_store;

use std::path::PathBuf;

use items::Items;
use report::Report;
use sqlite::Sqlite;
use stepwell_store::Stepwell;

/// What is measured.
#[derive(Clone)]
pub(crate) struct Plan {
    pub(crate) items: Items,
    /// How often each query is asked in a round.
    pub(crate) queries: usize,
    pub(crate) rounds: usize,
    /// How many items are put in a round, one commit each.
    pub(crate) puts: usize,
    pub(crate) dir: PathBuf,
}

impl Plan {
    fn of(mut args: impl Iterator<Item = String>) -> Self {
        let mut plan = Self {
            items: Items::new(1_000_000, false),
            queries: 500,
            rounds: 7,
            puts: 2_000,
            dir: std::env::temp_dir(),
        };
        let (mut items, mut lone) = (1_000_000, false);
        while let Some(arg) = args.next() {
            match arg.as_str() {
                "--smoke" => {
                    items = 5_000;
                    (plan.queries, plan.rounds, plan.puts) = (5, 1, 20);
                }
                "--lone" => lone = true,
                "--items" => items = args.next().unwrap().parse().unwrap(),
                "--dir" => plan.dir = args.next().unwrap().into(),
                other => panic!("unknown argument {other}"),
            }
        }
        plan.items = Items::new(items, lone);
        plan
    }
}

fn main() {
    let plan = Plan::of(std::env::args().skip(1));
    let mut report = Report::default();
    let dir = tempfile::tempdir_in(&plan.dir).unwrap();
    let ours = Stepwell::load(&dir.path().join("stepwell"), &plan.items, &mut report);
    let theirs = Sqlite::load(&dir.path().join("sqlite"), &plan.items, &mut report);
    queries::run(&plan, &ours, &theirs, &mut report);
    drop((ours, theirs));
    queries::puts(&plan, &mut report);
    report.print();
}

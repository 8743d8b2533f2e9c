//! Listing the threads of a database that has many.

use futures::executor::block_on;
use stepwell::Encoded;
use stepwell::checkpoint::{CheckpointIds, Checkpointer, StatusKind, ThreadOrder, ThreadQuery};
use stepwell::db::Db;

use crate::bench::{Bench, open, row, title};
use crate::stats::{Rounds, time, us};
use crate::workload::{Random, rows};

const PAGE: usize = 50;

pub(crate) fn measure(bench: &Bench) {
    let threads: u64 = bench.size(100_000, 500);
    title(&format!(
        "threads: {threads} of two checkpoints, a page of {PAGE}"
    ));
    let dir = bench.temp_dir();
    let db = open(&dir);
    let (mut random, ids) = (Random::new(1), CheckpointIds::new());
    let saver = db.checkpointer();
    for round in 0..2 {
        for thread in 0..threads {
            let value = Encoded::new("bytes", random.bytes(100));
            let name = format!("thread-{thread:06}");
            let put = rows::checkpoint(name, ids.next(None, 0), None, round, value);
            saver.put(put).wait().unwrap();
        }
    }
    pages(bench, &db, "as it was written");
    drop(saver);
    db.close().unwrap();
    let db = open(&dir);
    pages(bench, &db, "opened again");
}

fn pages(bench: &Bench, db: &Db, when: &str) {
    let query = || ThreadQuery {
        limit: Some(PAGE),
        ..ThreadQuery::default()
    };
    let by_name = ThreadQuery {
        order: ThreadOrder::Name,
        ..query()
    };
    let saver = db.checkpointer();
    let first = block_on(saver.list_threads(query())).unwrap();
    let second = ThreadQuery {
        after: first.last().map(|last| last.cursor.clone()),
        ..query()
    };
    let idle = ThreadQuery {
        status: Some(StatusKind::Idle),
        ..query()
    };
    for (what, query) in [
        ("the first by update", query()),
        ("the second by update", second),
        ("the first of those that are idle", idle),
        ("the first by name", by_name),
    ] {
        let mut times = Rounds::default();
        for _ in 0..bench.rounds() {
            let (took, page) = time(|| block_on(saver.list_threads(query.clone())).unwrap());
            assert_eq!(page.len(), PAGE);
            times.add(us(took) / 1e3);
        }
        row(format!("{what}, {when}"), times.show(" ms"));
    }
}

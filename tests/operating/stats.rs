//! Figures.

use futures::executor::block_on;
use serde_json::json;
use stepwell::checkpoint::Checkpointer;
use stepwell::db::{Db, SegmentKind};
use stepwell::store::Store;

use crate::database::{Database, Reopening, options};
use crate::samples::{With, checkpoint, writes};

#[test]
fn a_database_tells_what_it_consists_of() {
    let database = Database::default();
    let db = database.db();
    let saver = db.checkpointer();
    let big = json!("x".repeat(1000));
    for thread in ["t", "u"] {
        for n in 1..=5_u64 {
            let parent = (n > 1).then(|| (n - 1).to_string());
            let put = checkpoint(&n.to_string(), parent.as_deref()).in_thread(thread);
            let put = put.changed("n", n, json!(n)).carried("big", 1, big.clone());
            saver.put(put).wait().unwrap();
        }
    }
    saver
        .put_writes(writes("5", "p", "t", &[("w", json!(1234))]))
        .wait()
        .unwrap();
    block_on(db.store().put(&["a"], "k", json!(1))).unwrap();

    let before = db.stats().unwrap();
    assert_eq!(
        (before.threads, before.checkpoints, before.items),
        (2, 10, 1)
    );
    // The first item says how long it is kept what items were.
    assert_eq!(before.log.commits, 13);
    assert_eq!(before.segments.len() as u64, before.log.segments);
    let bytes: u64 = before
        .segments
        .iter()
        .map(|segment| segment.segment.bytes)
        .sum();
    assert_eq!(bytes, before.log.bytes);
    let last = before.segments.last().unwrap();
    assert_eq!(last.segment.kind, SegmentKind::Active);
    assert_eq!(
        (
            before.dead_bytes(),
            before.index.lag,
            before.index.file_bytes
        ),
        (0, 13, 0)
    );
    assert!(before.index.rows_in_memory >= 13 && before.index.bytes_in_memory > 1000);

    let of_thread = db.thread_stats("t").unwrap().unwrap();
    assert_eq!(of_thread.checkpoints, 5);
    let n = of_thread.channels["n"];
    assert_eq!((n.values, n.bytes), (5, 5));
    let big = of_thread.channels["big"];
    assert_eq!((big.values, big.bytes), (1, 1002));
    assert_eq!((of_thread.writes.values, of_thread.writes.bytes), (1, 4));
    assert_eq!(of_thread.bytes, 5 + 1002 + 4);
    assert_eq!(db.thread_stats("none").unwrap(), None);

    saver.delete_thread("t").wait().unwrap();
    let after = db.stats().unwrap();
    assert_eq!((after.threads, after.checkpoints), (1, 5));
    assert!(after.dead_bytes() > 1000, "{after:?}");
}

#[test]
fn what_was_found_in_memory_and_what_was_read_is_told() {
    let mut database = Database::default();
    let saver = database.db().checkpointer();
    let put = checkpoint("1", None).changed("n", 1, json!(1));
    saver.put(put).wait().unwrap();
    drop(saver);
    database.reopen(Reopening::Clean);
    let db = database.db();
    let saver = db.checkpointer();
    for _ in 0..3 {
        assert!(block_on(saver.get("t", "", None)).unwrap().is_some());
    }
    let stats = db.stats().unwrap();
    assert_eq!((stats.cache.hits, stats.cache.misses), (2, 1));
    assert_eq!(stats.commits_read, 1);
    assert!(stats.cache.bytes > 0);
    assert_eq!((stats.back_pressure, stats.compaction), Default::default());

    saver.delete_thread("t").wait().unwrap();
    let dead = db.stats().unwrap();
    assert_eq!(dead.live_bytes() + dead.dead_bytes(), dead.log.bytes);
    assert!(dead.dead_bytes() > 0);
    let report = db.compact().unwrap();
    let stats = db.stats().unwrap();
    assert!(stats.compaction.segments > 0);
    assert_eq!(stats.compaction.bytes_after, report.bytes_after);
}

#[test]
fn the_blocks_of_compacted_segments_in_memory_are_told() {
    let mut database = Database::with(options().segment_bytes(64 << 10));
    let saver = database.db().checkpointer();
    for n in 1..=8 {
        let put = checkpoint(&n.to_string(), None).changed("n", n, json!("x".repeat(500)));
        saver.put(put).wait().unwrap();
    }
    drop(saver);
    database.db().compact().unwrap();
    database.reopen(Reopening::Clean);
    let db = database.db();
    let before = db.stats().unwrap().blocks;
    assert_eq!(before.bytes, 0);
    let saver = db.checkpointer();
    let read = |n: u64| block_on(saver.get("t", "", Some(&n.to_string()))).unwrap();
    assert!(read(1).is_some());
    let first = db.stats().unwrap().blocks;
    assert!(
        first.misses > before.misses && first.bytes > 500,
        "{first:?}"
    );
    // All eight lie in one block.
    assert!(read(2).is_some());
    let second = db.stats().unwrap().blocks;
    assert_eq!((second.misses, second.bytes), (first.misses, first.bytes));
    assert!(second.hits > first.hits);
}

#[test]
fn the_time_of_syncs_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let db = Db::open(dir.path()).unwrap();
    for n in 1..=3 {
        let put = checkpoint(&n.to_string(), None);
        db.checkpointer().put(put).wait().unwrap();
    }
    let stats = db.log_stats().unwrap();
    assert_eq!((stats.syncs, stats.sync_latency.count), (3, 3));
    assert!(stats.sync_latency.p50 <= stats.sync_latency.p99);
}

#[test]
fn a_record_that_was_refused_does_not_keep_figures_from_being_told() {
    let database = Database::default();
    let db = database.db();
    let saver = db.checkpointer();
    for thread in ["t", "u"] {
        let put = checkpoint("1", None).in_thread(thread);
        saver.put(put).wait().unwrap();
    }
    assert!(saver.copy_thread("t", "u").wait().is_err());
    assert!(saver.copy_thread("none", "v").wait().is_err());
    let stats = db.stats().unwrap();
    assert_eq!((stats.threads, stats.checkpoints), (2, 2));
}

//! Going through the history of a long thread, with the values and without.

use futures::StreamExt;
use futures::executor::block_on;
use stepwell::Encoded;
use stepwell::checkpoint::{CheckpointIds, Checkpointer, ListQuery, Projection};

use crate::bench::{Bench, open, row, title};
use crate::stats::{Rounds, time, us};
use crate::workload::{Random, rows};

const THREAD: &str = "thread";
const VALUE_BYTES: usize = 200;

pub(crate) fn measure(bench: &Bench) {
    let checkpoints: u64 = bench.size(10_000, 500);
    title(&format!(
        "history: {checkpoints} checkpoints with a value of {VALUE_BYTES} bytes"
    ));
    let dir = bench.temp_dir();
    let db = open(&dir);
    let saver = db.checkpointer();
    let (mut random, ids, mut parent) = (Random::new(1), CheckpointIds::new(), None);
    for step in 0..checkpoints {
        let id = ids.next(None, 0);
        let value = Encoded::new("bytes", random.bytes(VALUE_BYTES));
        let put = rows::checkpoint(
            THREAD.to_owned(),
            id.clone(),
            parent.replace(id),
            step,
            value,
        );
        saver.put(put).wait().unwrap();
    }
    let history = |projection: Projection, limit| ListQuery {
        projection,
        limit,
        ..ListQuery::of(THREAD, "")
    };
    for (what, query) in [
        ("metadata only", history(Projection::metadata_only(), None)),
        (
            "the latest 20, metadata only",
            history(Projection::metadata_only(), Some(20)),
        ),
        ("values included", history(Projection::default(), None)),
    ] {
        let mut times = Rounds::default();
        for _ in 0..bench.rounds() {
            let (took, found) = time(|| block_on(saver.list(query.clone()).count()));
            assert_eq!(
                found as u64,
                checkpoints.min(query.limit.unwrap_or(usize::MAX) as u64)
            );
            times.add(us(took) / 1e3);
        }
        row(what, times.show(" ms"));
    }
}

//! Going through the history of a long thread. Through `list`, which gives the values too.

use futures::StreamExt;
use futures::executor::block_on;
use stepwell::Encoded;
use stepwell::checkpoint::{CheckpointIds, Checkpointer, ListQuery};

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
    let mut times = Rounds::default();
    for _ in 0..bench.rounds() {
        let (took, found) = time(|| block_on(saver.list(ListQuery::of(THREAD, "")).count()));
        assert_eq!(found as u64, checkpoints);
        times.add(us(took) / 1e3);
    }
    row("all of them, values included", times.show(" ms"));
}

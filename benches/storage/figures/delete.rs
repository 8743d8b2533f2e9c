//! Deleting a thread of a long conversation, synced.

use stepwell::checkpoint::Checkpointer;
use stepwell::db::Durability;

use super::disk::put_steps;
use crate::bench::{Bench, open, row, title};
use crate::stats::{Rounds, time, us};
use crate::workload::{Conversation, Encoding};

pub(crate) fn measure(bench: &Bench) {
    let (threads, steps) = bench.size((5, 1_000), (3, 50));
    title(&format!("delete: a thread of {steps} steps, synced"));
    let dir = bench.temp_dir();
    let db = open(&dir);
    let saver = db.checkpointer();
    let name = |thread: u64| format!("thread-{thread}");
    for thread in 0..threads {
        put_steps(
            &saver,
            &mut Conversation::new(name(thread), Encoding::Msgpack, thread),
            steps,
        );
    }
    // So that the first deletion does not pay for what was put.
    db.sync().unwrap();
    let saver = saver.with_durability(Durability::Sync);
    let delete = |thread| us(time(|| saver.delete_thread(&name(thread)).wait().unwrap()).0) / 1e3;
    let times: Rounds = (0..threads).map(delete).collect();
    row("delete_thread", times.show(" ms"));
    let times: Rounds = (0..threads).map(delete).collect();
    row(
        "the same of a thread that is not there: a synced record",
        times.show(" ms"),
    );
}

//! What compaction gives back, and what a put waits for it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use stepwell::checkpoint::Checkpointer;
use stepwell::db::{CompactionOptions, Db, Durability};

use super::disk::put_steps;
use crate::bench::{Bench, row, title};
use crate::files::disk_bytes;
use crate::stats::{mib, short, time, us};
use crate::workload::{Conversation, Encoding};

/// Puts are measured in so many of a thousand.
const QUANTILE: usize = 999;

pub(crate) fn measure(bench: &Bench) {
    let (steps, puts) = bench.size((400, 4_000), (50, 100));
    title(&format!(
        "compact: conversations of {steps} steps, half of them deleted"
    ));
    let dir = bench.temp_dir();
    let path = dir.path().join("db");
    let options = CompactionOptions {
        background: false,
        ..CompactionOptions::default()
    };
    let options = Db::options()
        .durability(Durability::Os)
        .segment_bytes(16 << 20)
        .compaction(options);
    let db = options.open(&path).unwrap();
    let saver = db.checkpointer();
    let name = |thread: u64| format!("thread-{thread}");
    let conversations = |from: u64, to: u64| {
        let mut messages = 0;
        for thread in from..to {
            let mut conversation = Conversation::new(name(thread), Encoding::Msgpack, thread);
            put_steps(&saver, &mut conversation, steps);
            messages += conversation.message_bytes() as u64 * (thread % 2);
        }
        for thread in (from..to).step_by(2) {
            saver.delete_thread(&name(thread)).wait().unwrap();
        }
        messages
    };
    let messages = conversations(0, 4);
    let before = disk_bytes(dir.path());
    let (took, report) = time(|| db.compact().unwrap());
    assert!(!report.incomplete);
    let after = disk_bytes(dir.path());
    row(
        "bytes on disk, open: before, after",
        format!("{} MiB, {} MiB", short(mib(before)), short(mib(after))),
    );
    let ratio = after as f64 / messages as f64;
    row("after, against the messages that are left", short(ratio));
    row("took", format!("{} ms", short(us(took) / 1e3)));

    let mut small = Conversation::new("small", Encoding::Msgpack, 9);
    saver.put(small.first()).wait().unwrap();
    let mut put = || {
        let writes = small.step().writes;
        us(time(|| saver.put_writes(writes).wait().unwrap()).0)
    };
    // In turn, since what else the machine does changes by the second.
    let (mut alone, mut beside) = (Vec::new(), Vec::new());
    for round in 1..=bench.size(4, 1) {
        conversations(round * 10, round * 10 + 4);
        alone.extend((0..puts).map(|_| put()));
        let done = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| {
                db.compact().unwrap();
                done.store(true, Ordering::Release);
            });
            let mut count = 0;
            while !done.load(Ordering::Acquire) && count < puts {
                beside.push(put());
                count += 1;
            }
        });
    }
    for (what, times) in [("alone", &mut alone), ("while it compacts", &mut beside)] {
        times.sort_unstable_by(f64::total_cmp);
        let at = |of: usize| times[(times.len() * of / 1000).min(times.len() - 1)];
        row(
            format!("put, median and p99.9 of {}, {what}", times.len()),
            format!("{} us, {} us", short(at(500)), short(at(QUANTILE))),
        );
    }
}

//! What compaction gives back, and what a put waits for it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use stepwell::checkpoint::{Checkpointer, DbSaver};
use stepwell::db::{CompactionOptions, Db, Durability};

use super::disk::put_steps;
use crate::bench::{Bench, row, title};
use crate::files::disk_bytes;
use crate::stats::{Rounds, mib, short, time, us};
use crate::workload::{Conversation, Encoding};

/// The conversation that is put to meanwhile begins anew after so many steps.
const SMALL_STEPS: u32 = 50;
/// One of so many conversations is kept: of each segment more is dead than the background asks for.
const KEPT: u64 = 4;
/// So many threads write what is compacted.
const WRITERS: u64 = 4;
/// It is looked so often whether the background has begun.
const LOOK: Duration = Duration::from_millis(1);
/// It begins within so long: it looks once a second.
const BEGINS: Duration = Duration::from_secs(20);

/// Who compacts while puts are measured.
#[derive(Clone, Copy, PartialEq)]
enum Who {
    Call,
    Background,
}

pub(crate) fn measure(bench: &Bench) {
    space(bench);
    for durability in [Durability::Os, Durability::Sync] {
        for who in [Who::Call, Who::Background] {
            latency(bench, durability, who);
        }
    }
}

fn name(thread: u64) -> String {
    format!("thread-{thread}")
}

fn options(background: bool) -> CompactionOptions {
    CompactionOptions {
        background,
        ..CompactionOptions::default()
    }
}

/// How much comes back of what was deleted.
fn space(bench: &Bench) {
    // A step copies and compares all of its conversation: with longer ones, making them up takes minutes.
    let steps = bench.size(1_000, 100);
    title(&format!(
        "compact: 16 conversations of {steps} steps, half of them deleted"
    ));
    let dir = bench.temp_dir();
    let db = Db::options()
        .durability(Durability::Os)
        .segment_bytes(16 << 20)
        .compaction(options(false))
        .open(dir.path().join("db"))
        .unwrap();
    let saver = db.checkpointer();
    let mut messages = 0;
    for thread in 0..16 {
        let mut conversation = Conversation::new(name(thread), Encoding::Msgpack, thread);
        put_steps(&saver, &mut conversation, steps);
        messages += conversation.message_bytes() as u64 * (thread % 2);
    }
    for thread in (0..16).step_by(2) {
        saver.delete_thread(&name(thread)).wait().unwrap();
    }
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
}

/// Puts of a small conversation, and how long each took.
struct Puts {
    saver: DbSaver,
    conversation: Conversation,
    count: u32,
}

impl Puts {
    fn new(saver: DbSaver) -> Self {
        let mut conversation = Conversation::new("small", Encoding::Msgpack, 9);
        saver.put(conversation.first()).wait().unwrap();
        Self {
            saver,
            conversation,
            count: 0,
        }
    }

    fn step(&mut self, times: &mut Vec<f64>) {
        self.count += 1;
        if self.count.is_multiple_of(SMALL_STEPS) {
            let thread = format!("small-{}", self.count);
            self.conversation = Conversation::new(thread, Encoding::Msgpack, 9);
            let first = self.conversation.first();
            self.saver.put(first).wait().unwrap();
        }
        let step = self.conversation.step();
        let mut add = |took: Duration| times.push(us(took));
        add(time(|| self.saver.put_writes(step.writes).wait().unwrap()).0);
        add(time(|| self.saver.put(step.put).wait().unwrap()).0);
    }
}

/// How long puts take while nothing is compacted and while something is, in turn: what else the machine does changes by the second.
fn latency(bench: &Bench, durability: Durability, who: Who) {
    let (steps, threads, rounds) = match who {
        Who::Call => bench.size((200, 100, 4), (40, 8, 2)),
        // By its rate, one takes some seconds.
        Who::Background => bench.size((200, 100, 2), (40, 8, 2)),
    };
    let segment_bytes = bench.size(4 << 20, 64 << 10);
    let by = match who {
        Who::Call => "`Db::compact`",
        Who::Background => "the background",
    };
    title(&format!(
        "compact: puts ({durability:?}) alone and while {by} compacts {threads} conversations of {steps} steps, all but \
         every fourth one deleted; {rounds} rounds each",
    ));
    let dir = bench.temp_dir();
    let db = Db::options()
        .durability(durability)
        .segment_bytes(segment_bytes)
        .compaction(options(who == Who::Background))
        .open(dir.path().join("db"))
        .unwrap();
    let saver = db.checkpointer();
    let mut puts = Puts::new(saver.clone());
    let (mut alone, mut beside) = (Vec::new(), Vec::new());
    let (mut ratios, mut took) = (Rounds::default(), Rounds::default());
    let mut before = 0;
    for round in 0..rounds {
        let first = round * threads;
        let garbage = || {
            thread::scope(|scope| {
                for part in 0..WRITERS {
                    let saver = &saver;
                    scope.spawn(move || {
                        for thread in
                            (first..first + threads).filter(|n| n / KEPT % WRITERS == part)
                        {
                            let mut conversation =
                                Conversation::new(name(thread), Encoding::Msgpack, thread);
                            let first = conversation.first();
                            drop(saver.put(first));
                            for _ in 0..steps {
                                let step = conversation.step();
                                drop(saver.put_writes(step.writes));
                                drop(saver.put(step.put));
                            }
                        }
                    });
                }
            });
            db.sync().unwrap();
            for thread in (first..first + threads).filter(|n| n % KEPT != 0) {
                saver.delete_thread(&name(thread)).wait().unwrap();
            }
            // Those that the round before has left.
            for thread in (first.saturating_sub(threads)..first).filter(|n| n % KEPT == 0) {
                saver.delete_thread(&name(thread)).wait().unwrap();
            }
        };
        let mut times = Vec::new();
        let begun;
        match who {
            Who::Call => {
                garbage();
                begun = Instant::now();
                let done = AtomicBool::new(false);
                thread::scope(|scope| {
                    scope.spawn(|| {
                        assert!(!db.compact().unwrap().incomplete);
                        done.store(true, Ordering::Release);
                    });
                    while !done.load(Ordering::Acquire) {
                        puts.step(&mut times);
                    }
                });
            }
            Who::Background => {
                garbage();
                let garbage = Instant::now();
                while !db.compaction_stats().running {
                    assert!(garbage.elapsed() < BEGINS, "nothing is compacted");
                    thread::sleep(LOOK);
                }
                begun = Instant::now();
                while db.compaction_stats().running {
                    puts.step(&mut times);
                }
            }
        }
        let lasted = begun.elapsed();
        took.add(lasted.as_secs_f64());
        let mut quiet = Vec::new();
        let begun = Instant::now();
        while begun.elapsed() < lasted {
            puts.step(&mut quiet);
        }
        ratios.add(at(&mut times, 999) / at(&mut quiet, 999));
        beside.append(&mut times);
        alone.append(&mut quiet);
        let after = db.compaction_stats().bytes_before;
        assert!(after > before, "nothing was compacted");
        before = after;
        assert_eq!(db.compaction_stats().failure, None);
    }
    for (what, times) in [("alone", &mut alone), ("meanwhile", &mut beside)] {
        let count = times.len();
        let [median, p99, p999] = [500, 990, 999].map(|of| short(at(times, of)));
        row(
            format!("{what}: p50, p99, p99.9 of {count} puts"),
            format!("{median} us, {p99} us, {p999} us"),
        );
    }
    let ratio = at(&mut beside, 999) / at(&mut alone, 999);
    row("p99.9 against that alone, all rounds", short(ratio));
    row("by rounds", ratios.show(""));
    row("compaction took", took.show(" s"));
    let stats = db.compaction_stats();
    row(
        "bytes compacted: before, after",
        format!(
            "{} MiB, {} MiB",
            short(mib(stats.bytes_before)),
            short(mib(stats.bytes_after))
        ),
    );
}

fn at(times: &mut [f64], of_thousand: usize) -> f64 {
    times.sort_unstable_by(f64::total_cmp);
    times[(times.len() * of_thousand / 1000).min(times.len() - 1)]
}

//! Copies and forks of a long thread, and what a chain of copies costs those who read at its end.

use futures::executor::block_on;
use stepwell::Encoded;
use stepwell::checkpoint::{CheckpointIds, Checkpointer, DbSaver};
use stepwell::db::{Db, Durability};

use crate::bench::{Bench, open, row, title};
use crate::stats::{Rounds, time, us};
use crate::workload::{Random, rows};

const VALUE_BYTES: usize = 200;

pub(crate) fn measure(bench: &Bench) {
    let (checkpoints, copies) = bench.size((100_000, 9), (500, 3));
    title(&format!(
        "branches: a thread of {checkpoints} checkpoints with a value of {VALUE_BYTES} bytes, synced"
    ));
    let dir = bench.temp_dir();
    let db = open(&dir);
    let mut writer = Writer::new(db.checkpointer());
    let mut middle = None;
    for step in 0..checkpoints {
        writer.put("thread");
        if step == checkpoints / 2 {
            middle.clone_from(&writer.parent);
        }
    }
    db.sync().unwrap();
    let synced = db.checkpointer().with_durability(Durability::Sync);

    let (mut times, mut bytes) = (Rounds::default(), Rounds::default());
    for copy in 0..copies {
        let name = format!("copy-{copy}");
        // The source has something of its own each time, so that each copy begins branches.
        writer.put("thread");
        db.sync().unwrap();
        let before = log_bytes(&db);
        times.add(us(time(|| synced.copy_thread("thread", &name).wait().unwrap()).0) / 1e3);
        bytes.add((log_bytes(&db) - before) as f64);
    }
    row("copy_thread", times.show(" ms"));
    row("log bytes of a copy", bytes.show(" bytes"));

    let (mut times, mut bytes) = (Rounds::default(), Rounds::default());
    writer.saver = synced.clone();
    for _ in 0..copies {
        writer.parent.clone_from(&middle);
        let before = log_bytes(&db);
        times.add(us(time(|| writer.put("thread")).0) / 1e3);
        bytes.add((log_bytes(&db) - before) as f64);
    }
    row("a fork of its middle", times.show(" ms"));
    row(
        "log bytes of a fork, its value included",
        bytes.show(" bytes"),
    );

    let mut times = Rounds::default();
    for copy in 0..copies {
        let name = format!("copy-{copy}");
        times.add(us(time(|| synced.delete_thread(&name).wait().unwrap()).0) / 1e3);
    }
    row("delete_thread of a copy", times.show(" ms"));
    chains(bench);
}

/// Copy, write to the copy, copy that, and so on.
fn chains(bench: &Bench) {
    let dir = bench.temp_dir();
    let db = open(&dir);
    let mut writer = Writer::new(db.checkpointer());
    writer.put("0");
    let mut depth = 0;
    for wanted in bench.size(vec![1, 10, 100, 1000], vec![1, 10]) {
        while depth < wanted {
            let (from, to) = (depth.to_string(), (depth + 1).to_string());
            writer.saver.copy_thread(&from, &to).wait().unwrap();
            writer.put(&to);
            depth += 1;
        }
        let name = depth.to_string();
        let mut times = Rounds::default();
        for _ in 0..bench.rounds() {
            let times_each = 20;
            let (took, ()) = time(|| {
                for _ in 0..times_each {
                    assert!(
                        block_on(writer.saver.get(&name, "", None))
                            .unwrap()
                            .is_some()
                    );
                }
            });
            times.add(us(took) / f64::from(times_each));
        }
        row(
            format!("the latest after {depth} copies of copies"),
            times.show(" us"),
        );
    }
}

fn log_bytes(db: &Db) -> u64 {
    db.stats().unwrap().bytes
}

struct Writer {
    saver: DbSaver,
    random: Random,
    ids: CheckpointIds,
    parent: Option<String>,
    step: u64,
}

impl Writer {
    fn new(saver: DbSaver) -> Self {
        Self {
            saver,
            random: Random::new(1),
            ids: CheckpointIds::new(),
            parent: None,
            step: 0,
        }
    }

    fn put(&mut self, thread: &str) {
        let id = self.ids.next(None, 0);
        let value = Encoded::new("bytes", self.random.bytes(VALUE_BYTES));
        let parent = self.parent.replace(id.clone());
        let put = rows::checkpoint(thread.to_owned(), id, parent, self.step, value);
        self.saver.put(put).wait().unwrap();
        self.step += 1;
    }
}

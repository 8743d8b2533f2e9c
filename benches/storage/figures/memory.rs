//! The memory of a process that writes and reads many threads.

use std::fs;
use std::path::Path;

use futures::StreamExt;
use futures::executor::block_on;
use stepwell::Encoded;
use stepwell::checkpoint::{CheckpointIds, Checkpointer, ListQuery};
use stepwell::db::{Db, Durability};

use crate::bench::{Bench, row, title};
use crate::child::{Work, ask};
use crate::workload::{Random, rows};

const VALUE_BYTES: usize = 200;
const CHECKPOINTS_PER_THREAD: u64 = 100;

pub(crate) fn measure(bench: &Bench) {
    let checkpoints = bench.size(1_000_000, 10_000);
    let threads = checkpoints / CHECKPOINTS_PER_THREAD;
    title(&format!(
        "memory: {checkpoints} checkpoints of {VALUE_BYTES} bytes in {threads} threads"
    ));
    let dir = bench.temp_dir();
    for line in ask(Work::Memory, &dir.path().join("db"), checkpoints) {
        let (what, reached) = line.split_once('\t').unwrap();
        row(what, reached);
    }
}

/// What the child does.
pub(crate) fn of_child(dir: &Path, checkpoints: u64) {
    tell("at the start");
    let db = Db::options().durability(Durability::Os).open(dir).unwrap();
    let saver = db.checkpointer();
    let threads = checkpoints / CHECKPOINTS_PER_THREAD;
    let name = |thread: u64| format!("thread-{thread:06}");
    let (mut random, ids) = (Random::new(1), CheckpointIds::new());
    // The ids would be this process's memory, not the database's: it reads the parent's instead.
    for step in 0..CHECKPOINTS_PER_THREAD {
        for thread in 0..threads {
            let parent = (step > 0).then(|| {
                block_on(saver.get(&name(thread), "", None))
                    .unwrap()
                    .unwrap()
            });
            let value = Encoded::new("bytes", random.bytes(VALUE_BYTES));
            let parent = parent.map(|parent| parent.checkpoint.id);
            let put = rows::checkpoint(name(thread), ids.next(None, 0), parent, step, value);
            saver.put(put).wait().unwrap();
        }
    }
    tell("once they are written, each after its parent was read");
    for thread in 0..threads {
        let found = block_on(saver.list(ListQuery::of(name(thread), "")).count());
        assert_eq!(found as u64, CHECKPOINTS_PER_THREAD);
    }
    tell("once all were listed");
    drop(saver);
    db.close().unwrap();
}

/// The most memory so far, and of what kinds it is now.
fn tell(when: &str) {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let mib = |name: &str| {
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix(name))
            .unwrap();
        let kib: f64 = line
            .trim_matches([':', ' ', '\t', 'k', 'B'])
            .parse()
            .unwrap();
        kib / 1024.0
    };
    let (most, own, files) = (mib("VmHWM"), mib("RssAnon"), mib("RssFile"));
    println!("{when}\tat most {most:.0} MiB; now {own:.0} MiB and {files:.0} MiB of files");
}

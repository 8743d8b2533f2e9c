//! Opening a large database: closed cleanly, and after its writer was killed.

use futures::executor::block_on;
use stepwell::checkpoint::Checkpointer;
use stepwell::db::Db;

use crate::bench::{Bench, row, title};
use crate::child::{Work, ask};
use crate::files::disk_bytes;
use crate::stats::{Rounds, mib, short, time, us};
use crate::workload::rows::VALUE_BYTES_PER_STEP;

pub(crate) fn measure(bench: &Bench) {
    let (rows, tail_bytes) = bench.size((1_000_000_u64, 64 << 20), (30_000, 2 << 20));
    title(&format!("open: {rows} rows"));
    let dir = bench.temp_dir();
    let path = dir.path().join("db");
    ask(Work::Fill, &path, rows);
    row("on disk", format!("{} MiB", short(mib(disk_bytes(&path)))));
    let [mut clean, mut clean_read, mut killed, mut killed_read] =
        [(); 4].map(|()| Rounds::default());
    let mut frames = 0;
    for _ in 0..bench.size(5, 1) {
        frames = open(&path, &mut clean, &mut clean_read);
    }
    row(
        format!("clean ({frames} frames replayed)"),
        clean.show(" ms"),
    );
    row("  and the first read", clean_read.show(" ms"));
    for _ in 0..bench.size(5, 1) {
        ask(
            Work::FillAndDie,
            &path,
            tail_bytes / VALUE_BYTES_PER_STEP * 3,
        );
        frames = open(&path, &mut killed, &mut killed_read);
    }
    let tail = mib(tail_bytes);
    row(
        format!("killed {tail:.0} MiB later ({frames} frames replayed)"),
        killed.show(" ms"),
    );
    row("  and the first read", killed_read.show(" ms"));
}

/// Opens, reads and closes; how many frames were replayed.
fn open(path: &std::path::Path, opening: &mut Rounds, reading: &mut Rounds) -> u64 {
    let (opened, db) = time(|| Db::open(path).unwrap());
    let saver = db.checkpointer();
    let (read, found) = time(|| block_on(saver.get("conversation-007", "", None)).unwrap());
    assert!(found.is_some());
    opening.add(us(opened) / 1e3);
    reading.add(us(opened + read) / 1e3);
    let frames = db.recovery().frames;
    drop(saver);
    db.close().unwrap();
    frames
}

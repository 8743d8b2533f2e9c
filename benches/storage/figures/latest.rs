//! Reading the latest checkpoint of a long thread, from memory and from the device.

use std::fs;

use futures::executor::block_on;
use stepwell::Encoded;
use stepwell::checkpoint::{CheckpointTuple, Checkpointer};
use tempfile::TempDir;

use super::disk::put_steps;
use crate::bench::{Bench, open, row, title};
use crate::files;
use crate::stats::{Rounds, time, us};
use crate::workload::{Conversation, Encoding};

const THREAD: &str = "thread";

pub(crate) fn measure(bench: &Bench) {
    let steps = bench.size(1_000, 100);
    title(&format!(
        "latest: the latest checkpoint of a thread of {steps} messages"
    ));
    let dir = bench.temp_dir();
    let db = open(&dir);
    put_steps(
        &db.checkpointer(),
        &mut Conversation::new(THREAD, Encoding::Msgpack, 1),
        steps,
    );
    db.close().unwrap();
    hot(bench, &dir);
    cold(bench, &dir, "cold");
    let db = open(&dir);
    assert!(!db.compact().unwrap().incomplete);
    db.close().unwrap();
    cold(bench, &dir, "compacted, cold");
}

fn latest(saver: &impl Checkpointer) -> CheckpointTuple {
    block_on(saver.get(THREAD, "", None)).unwrap().unwrap()
}

fn bytes(found: &CheckpointTuple) -> Vec<u8> {
    let values = found.checkpoint.channel_values.values().map(Encoded::bytes);
    values.flatten().copied().collect()
}

fn hot(bench: &Bench, dir: &TempDir) {
    let db = open(dir);
    let saver = db.checkpointer();
    let source = bytes(&latest(&saver));
    let mut target = source.clone();
    let [mut gets, mut copies, mut ratios] = [(); 3].map(|()| Rounds::default());
    for _ in 0..bench.rounds() {
        let [mut get, mut copy] = [(); 2].map(|()| Rounds::default());
        for _ in 0..bench.size(200, 20) {
            get.add(us(time(|| latest(&saver)).0));
            copy.add(us(time(|| {
                std::hint::black_box(&mut target).copy_from_slice(&source)
            })
            .0));
        }
        gets.add(get.median());
        copies.add(copy.median());
        ratios.add(get.median() / (2.0 * copy.median() + 5.0));
    }
    row("hot", gets.show(" us"));
    row("memcpy of its bytes", copies.show(" us"));
    row("hot / (2 memcpy + 5 us)", ratios.show(""));
}

fn cold(bench: &Bench, dir: &TempDir, what: &str) {
    let raw = bench.temp_dir();
    let file = raw.path().join("raw");
    let [mut gets, mut reads, mut ratios, mut warm_reads] = [(); 4].map(|()| Rounds::default());
    for _ in 0..bench.rounds() {
        // Opened anew, so that nothing is left in its own memory either.
        let db = open(dir);
        let saver = db.checkpointer();
        files::forget(&files::all(dir.path()));
        let (get, found) = time(|| latest(&saver));
        fs::write(&file, bytes(&found)).unwrap();
        files::forget(std::slice::from_ref(&file));
        let (read, _) = time(|| fs::read(&file).unwrap());
        warm_reads.add(us(time(|| fs::read(&file).unwrap()).0));
        gets.add(us(get));
        reads.add(us(read));
        ratios.add(us(get) / (3.0 * us(read) + 200.0));
        drop(saver);
        db.close().unwrap();
    }
    row(what, gets.show(" us"));
    row("reading as many bytes, cold", reads.show(" us"));
    row(
        "the same, from memory (so the other one was cold)",
        warm_reads.show(" us"),
    );
    row(format!("{what} / (3 reads + 200 us)"), ratios.show(""));
}

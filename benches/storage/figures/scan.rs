//! Reading and checking the log when it is recovered, against reading the same files and their checksum.

use std::path::Path;
use std::sync::Arc;

use stepwell::log::{Log, LogOptions, ReplayFrom};
use stepwell::vfs::OsFs;

use crate::bench::{Bench, row, title};
use crate::child::{Work, ask};
use crate::files;
use crate::stats::{Rounds, mib, time};

pub(crate) fn measure(bench: &Bench) {
    let rows = bench.size(300_000, 30_000);
    let dir = bench.temp_dir();
    let path = dir.path().join("db");
    ask(Work::Fill, &path, rows);
    let files = files::all(&path.join("log"));
    let bytes: u64 = files
        .iter()
        .map(|file| file.metadata().unwrap().len())
        .sum();
    title(&format!(
        "scan: a log of {:.0} MiB, from memory",
        mib(bytes)
    ));
    let [mut scans, mut reads, mut ratios] = [(); 3].map(|()| Rounds::default());
    for _ in 0..bench.rounds() {
        let (read, _) = time(|| {
            let mut crc = crc32fast::Hasher::new();
            files
                .iter()
                .for_each(|file| files::read(file, |piece| crc.update(piece)));
            crc.finalize()
        });
        let (scan, log) = time(|| open(&path));
        log.close().unwrap();
        let speed = |time: std::time::Duration| mib(bytes) / 1024.0 / time.as_secs_f64();
        scans.add(speed(scan));
        reads.add(speed(read));
        ratios.add(speed(scan) / speed(read));
    }
    row("recovery", scans.show(" GiB/s"));
    row("read and CRC-32", reads.show(" GiB/s"));
    row("ratio", ratios.show(""));
}

/// The log alone: what a frame means is not looked at.
fn open(path: &Path) -> Log<()> {
    let (log, report) = Log::open(
        Arc::new(OsFs),
        path,
        LogOptions::default(),
        ReplayFrom::Beginning,
        &mut |_, _| Ok(()),
        Arc::new(()),
    )
    .unwrap();
    assert!(report.frames > 0);
    log
}

//! Replaying a log beside reading its files with nothing but a checksum over them. Both take turns in one run, and
//! what is printed are ratios, of processor time: the clock says little on a busy machine. The files are in the page cache.
//! Beside it, the time in which a closed log opens from its end. Linux only.
//!
//! `cargo bench --bench scan` takes about ten seconds; `-- --smoke` a second, for checking that it works;
//! `-- --dir DIR` measures the file system of another directory.
#![expect(clippy::print_stdout, reason = "a benchmark prints what it measured")]
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a benchmark stops at the first thing that is not as expected"
)]

use std::fs::File;
use std::hint::black_box;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use stepwell::log::{Durability, Log, LogOptions, LogPosition, ReadOnlyLog, ReplayFrom};
use stepwell::vfs::OsFs;

const CHUNK: usize = 256 * 1024;

struct Plan {
    dir: PathBuf,
    rounds: usize,
    bytes: u64,
}

fn main() {
    let plan = plan();
    println!(
        "a log of {} MiB, {} rounds in turn; medians\n",
        plan.bytes >> 20,
        plan.rounds
    );
    println!(
        "{:<16} {:>16} {:>16} {:>16} {:>12}",
        "payload", "checksum MiB/s", "replay MiB/s", "replay / checksum", "from end us"
    );
    for payload in [64, 200, 3 * 1024, 64 * 1024] {
        row(&plan, payload);
    }
}

fn row(plan: &Plan, payload: usize) {
    let dir = tempfile::tempdir_in(&plan.dir).unwrap();
    let end = fill(dir.path(), payload, plan.bytes);
    let files: Vec<_> = std::fs::read_dir(dir.path().join("log"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    let (mut sums, mut replays, mut from_end) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..=plan.rounds {
        let sum = timed(|| files.iter().for_each(|file| checksum(file)));
        let replay = timed(|| replay(dir.path()));
        let start = Instant::now();
        let log = open(dir.path(), ReplayFrom::Position(end));
        let at_end = start.elapsed();
        log.close().unwrap();
        // The first round warms up.
        if round > 0 {
            sums.push(sum);
            replays.push(replay);
            from_end.push(at_end);
        }
    }
    let [sum, replay, from_end] = [sums, replays, from_end].map(median);
    let speed = |time: Duration| plan.bytes as f64 / (1 << 20) as f64 / time.as_secs_f64();
    println!(
        "{payload:<16} {:>16.0} {:>16.0} {:>16.2} {:>12}",
        speed(sum),
        speed(replay),
        sum.as_secs_f64() / replay.as_secs_f64(),
        from_end.as_micros()
    );
}

/// Makes a log of about `bytes` and gives its end.
fn fill(dir: &Path, payload: usize, bytes: u64) -> LogPosition {
    let log = open(dir, ReplayFrom::Beginning);
    let payload: Vec<_> = (0..payload).map(|n| (n * 31 % 251) as u8).collect();
    while log.stats().bytes < bytes {
        let tickets: Vec<_> = (0..64)
            .map(|_| log.submit(1, &payload, (), None).unwrap())
            .collect();
        for ticket in tickets {
            ticket.wait().unwrap();
        }
    }
    let last = *log.segments().last().unwrap();
    let end = LogPosition {
        lsn: last.end,
        segment: last.id,
        offset: last.bytes,
    };
    log.close().unwrap();
    end
}

fn open(dir: &Path, from: ReplayFrom) -> Log<()> {
    let options = LogOptions {
        durability: Durability::Os,
        ..LogOptions::default()
    };
    let replay = &mut |_, _: &[u8]| Ok(());
    let opened = Log::open(Arc::new(OsFs), dir, options, from, replay, Arc::new(()));
    opened.unwrap().0
}

/// A read-only open is nothing but a scan.
fn replay(dir: &Path) {
    let mut seen = 0;
    let replay = &mut |_, payload: &[u8], _| {
        seen += payload.len();
        Ok(())
    };
    drop(ReadOnlyLog::open(Arc::new(OsFs), dir, replay).unwrap());
    assert!(seen > 0);
}

fn checksum(file: &Path) {
    let file = File::open(file).unwrap();
    let mut buffer = vec![0; CHUNK];
    let mut hasher = crc32fast::Hasher::new();
    let mut at = 0;
    loop {
        let read = file.read_at(&mut buffer, at).unwrap();
        if read == 0 {
            break;
        }
        hasher.update(&buffer[..read]);
        at += read as u64;
    }
    black_box(hasher.finalize());
}

/// The processor time that it takes.
fn timed(run: impl FnOnce()) -> Duration {
    let start = processor_time();
    run();
    processor_time() - start
}

/// What this thread has had of it.
fn processor_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::try_from(time).unwrap()
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

fn plan() -> Plan {
    let mut plan = Plan {
        dir: std::env::temp_dir(),
        rounds: 9,
        bytes: 256 << 20,
    };
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--smoke" => (plan.rounds, plan.bytes) = (1, 4 << 20),
            "--dir" => plan.dir = args.next().unwrap().into(),
            _ => {}
        }
    }
    plan
}

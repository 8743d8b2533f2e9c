//! Schedules of the threads that commit, by the thousand: everybody gets an answer, and what was acknowledged is there.
//!
//! ```text
//! cargo test --features schedules --test schedules
//! STEPWELL_SCHEDULES=100000 cargo test --release --features schedules --test schedules
//! ```

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod explored;

use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use explored::Explored;
use shuttle::thread;
use stepwell::log::{Durability, Log, LogOptions, ReplayFrom};
use stepwell::testing::{Canary, Failing, Moment, Random, SimFs, Survival};

/// How many schedules a usual run of one test takes.
const SCHEDULES: usize = 300;

fn schedules() -> usize {
    let asked = std::env::var("STEPWELL_SCHEDULES").ok();
    asked
        .and_then(|number| number.parse().ok())
        .unwrap_or(SCHEDULES)
}

/// Half of them by chance, half with few changes of threads at chosen places.
fn explore(test: fn(u64)) {
    explore_some(schedules(), &Arc::default(), test);
}

fn explore_some(schedules: usize, count: &Arc<AtomicU64>, test: fn(u64)) {
    let count = Arc::clone(count);
    let counted = move || test(count.fetch_add(1, Ordering::Relaxed));
    shuttle::check_random(counted.clone(), schedules / 2);
    shuttle::check_pct(counted, schedules / 2, 3);
}

/// So many schedules are enough for a deliberate bug.
const ENOUGH: usize = 5000;

/// Which schedule finds it.
fn finds(canary: Canary) -> Option<u64> {
    let count = Arc::default();
    Canary::sing(Some(canary));
    let found = std::panic::catch_unwind(|| explore_some(ENOUGH, &count, commits));
    Canary::sing(None);
    found.is_err().then(|| count.load(Ordering::Relaxed))
}

/// Segments hold a few frames, so they change all the time.
fn options(durability: Durability) -> LogOptions {
    LogOptions {
        segment_bytes: 512,
        durability,
    }
}

/// Opens a log; the payloads in it.
fn open(fs: &SimFs, durability: Durability) -> Option<(Log<()>, Vec<Vec<u8>>)> {
    let mut payloads = Vec::new();
    let log = Log::open(
        Arc::new(Explored::new(fs)),
        Path::new("/log"),
        options(durability),
        ReplayFrom::Beginning,
        &mut |_, payload| {
            payloads.push(payload.to_vec());
            Ok(())
        },
        Arc::new(()),
    );
    Some((log.ok()?.0, payloads))
}

fn payload(writer: u8, number: u8) -> Vec<u8> {
    let mut payload = vec![writer, number];
    payload.resize(60, 0);
    payload
}

/// Commits as this writer does: some block, some poll, some wait for the last only. What was acknowledged, and the moment after that.
fn write(fs: &SimFs, log: &Log<()>, writer: u8) -> Vec<(Vec<u8>, Moment)> {
    let mut acknowledged = Vec::new();
    for number in 0..3 {
        let payload = payload(writer, number);
        let Ok(ticket) = log.submit(1, &payload, (), None) else {
            break;
        };
        let answer = match (writer + number) % 3 {
            0 => ticket.wait().map(drop),
            1 => shuttle::future::block_on(ticket).map(drop),
            _ => {
                drop(ticket);
                log.sync()
            }
        };
        match answer {
            Ok(()) => acknowledged.push((payload, fs.moment())),
            Err(_) => break,
        }
    }
    acknowledged
}

/// Has three threads commit, and then closes; meanwhile calls may fail. What was acknowledged must be there, whether
/// the power goes then or later.
fn run(durability: Durability, failing: Option<Failing>, random: &mut Random) {
    let fs = SimFs::new(1);
    let Some((log, _)) = open(&fs, durability) else {
        panic!("it does not open");
    };
    fs.fail(failing.map(|failing| Failing {
        from: fs.calls() + failing.from,
        ..failing
    }));
    let log = Arc::new(log);
    let writers: Vec<_> = (0..3)
        .map(|writer| {
            let (fs, log) = (fs.clone(), Arc::clone(&log));
            thread::spawn(move || write(&fs, &log, writer))
        })
        .collect();
    // Whoever has it last closes it.
    drop(log);
    let mut acknowledged = Vec::new();
    for writer in writers {
        acknowledged.extend(writer.join().unwrap());
    }
    fs.fail(None);
    let expected = |payload: &Vec<u8>, found: &[Vec<u8>]| {
        assert!(
            found.contains(payload),
            "{payload:?} was acknowledged and is not in {found:?}"
        );
    };
    let (_log, found) = open(&fs.moment().killed(), durability).unwrap();
    acknowledged
        .iter()
        .for_each(|(payload, _)| expected(payload, &found));
    if durability != Durability::Sync {
        return;
    }
    if let Some((payload, moment)) = random.pick(&acknowledged) {
        let cut = moment.power_cut(&Survival::Nothing);
        let (_log, found) = open(&cut, durability).unwrap();
        expected(payload, &found);
    }
}

fn commits(number: u64) {
    run(Durability::Sync, None, &mut Random::new(number));
}

fn commits_in_intervals(number: u64) {
    let interval = Durability::Interval(Duration::from_micros(500));
    run(interval, None, &mut Random::new(number));
}

fn failures(number: u64) {
    let mut random = Random::new(number);
    let kinds = [ErrorKind::Other, ErrorKind::StorageFull];
    let failing = Failing {
        from: 1 + random.below(40),
        times: if random.one_in(2) { 1 } else { u64::MAX },
        kind: *random.pick(&kinds).unwrap(),
    };
    run(Durability::Sync, Some(failing), &mut random);
}

/// A ticket outlives its log.
fn closing(number: u64) {
    let fs = SimFs::new(number);
    let (log, _) = open(&fs, Durability::Sync).unwrap();
    let tickets: Vec<_> = (0..3)
        .map(|writer| log.submit(1, &payload(writer, 0), (), None).unwrap())
        .collect();
    let waiting = tickets
        .into_iter()
        .map(|ticket| thread::spawn(move || ticket.wait().map(drop)));
    let waiting: Vec<_> = waiting.collect();
    log.close().unwrap();
    for waiting in waiting {
        waiting.join().unwrap().unwrap();
    }
}

#[test]
fn everybody_who_commits_gets_an_answer_that_is_true() {
    explore(commits);
}

#[test]
fn commits_that_are_synced_later_are_answered_at_once() {
    explore(commits_in_intervals);
}

#[test]
fn everybody_gets_an_answer_when_a_call_fails() {
    explore(failures);
}

#[test]
fn who_waits_while_the_log_is_closed_gets_an_answer() {
    explore(closing);
}

#[test]
fn a_lost_wake_up_is_found() {
    let found = finds(Canary::LateRegistration);
    println!("in schedule {found:?}");
    assert!(found.is_some());
}

#[test]
fn a_skipped_sync_is_found() {
    let found = finds(Canary::SkippedSync);
    println!("in schedule {found:?}");
    assert!(found.is_some());
}

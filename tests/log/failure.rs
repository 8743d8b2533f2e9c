//! What the log does when the file system fails.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use futures::executor::block_on;
use stepwell::log::{Durability, LogError, LogOptions, Lsn};
use tempfile::TempDir;

use crate::faults::{Faults, FaultyFs};
use crate::support::*;

/// A log, and what its file system does to it.
fn opened(options: LogOptions) -> (TempDir, TestLog, Arc<Faults>) {
    let dir = tempfile::tempdir().unwrap();
    let (fs, faults) = FaultyFs::new();
    let (log, _, _) = open_with(fs, dir.path(), options, Arc::new(())).unwrap();
    (dir, log, faults)
}

fn without_syncs() -> LogOptions {
    LogOptions {
        durability: Durability::Os,
        ..LogOptions::default()
    }
}

#[test]
fn a_lack_of_space_fails_that_commit_only() {
    let dir = tempfile::tempdir().unwrap();
    let (fs, faults) = FaultyFs::new();
    for options in [small_segments(), LogOptions::default()] {
        let (log, _, before) = open_with(fs.clone(), dir.path(), options, Arc::new(())).unwrap();
        let mut kept = payloads(&before);
        faults.full.store(true, Relaxed);
        let mut number = 0;
        let refused = loop {
            number += 1;
            let bytes = vec![number as u8; 400];
            match log.submit(1, &bytes, (), None) {
                Ok(ticket) => {
                    ticket.wait().unwrap();
                    kept.push(bytes);
                }
                Err(error) => break error,
            }
            assert!(number < 10_000);
        };
        assert!(matches!(refused, LogError::OutOfSpace { .. }), "{refused}");
        assert!(log.submit(1, &[1; 400], (), None).is_err());
        assert_eq!(log.next_lsn().get() as usize, kept.len() + 1);
        log.sync().unwrap();

        faults.full.store(false, Relaxed);
        kept.push(b"there is room again".to_vec());
        commit(&log, b"there is room again");
        log.close().unwrap();
        let (log, report, frames) =
            open_with(fs.clone(), dir.path(), options, Arc::new(())).unwrap();
        assert!(report.clean);
        assert_eq!(payloads(&frames), kept);
        log.close().unwrap();
    }
}

/// Lets commits of threads and tasks queue up behind a sync, makes the file system fail, and
/// expects each of them to be told.
fn everyone_is_told_of(fail: impl Fn(&Faults)) {
    let (dir, log, faults) = opened(LogOptions::default());
    commit(&log, b"durable");
    faults.close_gate();
    let dropped = log.submit(1, b"dropped", (), None).unwrap();
    std::thread::scope(|scope| {
        for thread in 0..12 {
            let log = &log;
            scope.spawn(move || {
                let told = match thread % 4 {
                    0 => log
                        .submit(1, b"thread", (), None)
                        .and_then(|ticket| ticket.wait()),
                    1 => log.submit(1, b"task", (), None).and_then(block_on),
                    2 => log
                        .submit(1, b"unsynced", (), Some(Durability::Os))
                        .and_then(|ticket| ticket.wait()),
                    _ => log.sync().map(|()| Lsn::FIRST),
                };
                let error = told.unwrap_err();
                assert!(matches!(error, LogError::Poisoned { .. }), "{error}");
            });
        }
        while log.next_lsn() < Lsn::new(12) {
            std::thread::yield_now();
        }
        fail(&faults);
        faults.open_gate();
    });
    drop(dropped);
    let syncs = faults.syncs.load(Relaxed);
    let refused = log.submit(1, b"later", (), None).unwrap_err();
    assert!(matches!(refused, LogError::Poisoned { .. }), "{refused}");
    assert!(refused.to_string().contains("reopen"), "{refused}");
    assert!(log.sync().is_err());
    std::thread::sleep(Duration::from_millis(10));
    assert!(log.close().is_err());
    assert_eq!(faults.syncs.load(Relaxed), syncs, "nothing is tried again");

    faults.fail_writes.store(false, Relaxed);
    faults.fail_syncs.store(false, Relaxed);
    let (_log, report, frames) = open(dir.path(), LogOptions::default()).unwrap();
    assert!(!report.clean);
    assert_eq!(frames[0].1, b"durable");
}

#[test]
fn a_failing_sync_is_told_to_everyone_and_never_retried() {
    everyone_is_told_of(|faults| faults.fail_syncs.store(true, Relaxed));
}

#[test]
fn a_failing_write_is_told_to_everyone() {
    everyone_is_told_of(|faults| faults.fail_writes.store(true, Relaxed));
}

#[test]
fn a_failed_log_still_reads_what_is_durable() {
    let dir = tempfile::tempdir().unwrap();
    let (fs, faults) = FaultyFs::new();
    let told = Arc::new(Told::default());
    let (log, _, _) = open_with(fs, dir.path(), LogOptions::default(), told.clone()).unwrap();
    commit(&log, b"durable");
    let unsynced = log
        .submit(1, b"unsynced", (), Some(Durability::Os))
        .unwrap();
    unsynced.wait().unwrap();
    faults.fail_syncs.store(true, Relaxed);
    assert!(log.sync().is_err());
    let at = told.0.lock().clone();
    assert_eq!(&log.read(at[0]).unwrap()[..], b"durable");
    assert!(matches!(log.read(at[1]), Err(LogError::Poisoned { .. })));
}

#[test]
fn a_panicking_sink_stops_the_log_and_leaves_nobody_waiting() {
    struct Panics;
    impl stepwell::log::CommitSink<()> for Panics {
        fn committed(&self, _frames: &mut dyn Iterator<Item = (stepwell::log::FrameAddress, ())>) {
            panic!("on purpose");
        }
    }
    let dir = tempfile::tempdir().unwrap();
    let (fs, _) = FaultyFs::new();
    let (log, _, _) = open_with(fs, dir.path(), LogOptions::default(), Arc::new(Panics)).unwrap();
    let first = log.submit(1, b"first", (), None).unwrap();
    // Led by the log's own thread, so that the panic is not this thread's.
    let error = block_on(first).unwrap_err();
    assert!(matches!(error, LogError::Poisoned { .. }), "{error}");
    assert!(log.submit(1, b"second", (), None).is_err());
}

#[test]
fn short_and_interrupted_operations_are_continued() {
    let dir = tempfile::tempdir().unwrap();
    let (fs, faults) = FaultyFs::new();
    faults.short.store(13, Relaxed);
    let expected: Vec<_> = (0..20).map(payload).collect();
    let (log, _, _) = open_with(fs.clone(), dir.path(), small_segments(), Arc::new(())).unwrap();
    for payload in &expected {
        commit(&log, payload);
    }
    log.close().unwrap();
    let (_log, _, frames) = open_with(fs, dir.path(), small_segments(), Arc::new(())).unwrap();
    assert_eq!(payloads(&frames), expected);
}

#[test]
fn one_sync_serves_everyone_who_waits() {
    let (_dir, log, faults) = opened(LogOptions::default());
    faults.close_gate();
    std::thread::scope(|scope| {
        for _ in 0..20 {
            scope.spawn(|| commit(&log, b"x"));
        }
        let begun = Instant::now();
        while log.next_lsn() < Lsn::new(21) {
            assert!(begun.elapsed() < Duration::from_secs(60));
            std::thread::yield_now();
        }
        faults.open_gate();
    });
    assert_eq!(log.durable_lsn(), Lsn::new(21));
    assert!(log.stats().syncs <= 3, "{:?}", log.stats());
}

#[test]
fn more_than_one_may_wait_for_the_same_frame() {
    let (_dir, log, faults) = opened(LogOptions::default());
    faults.close_gate();
    let first = log.submit(1, b"first", (), None).unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| first.wait().unwrap());
        // That one leads, and is held up in the file system.
        std::thread::sleep(Duration::from_millis(20));
        let last = log.submit(1, b"last", (), None).unwrap();
        let waiting = [scope.spawn(|| log.wait()), scope.spawn(|| log.wait())];
        let last = scope.spawn(|| last.wait());
        std::thread::sleep(Duration::from_millis(50));
        faults.open_gate();
        last.join().unwrap().unwrap();
        for waiting in waiting {
            waiting.join().unwrap().unwrap();
        }
    });
}

#[test]
fn what_was_written_is_made_durable_beside_commits() {
    let (_dir, log, faults) = opened(without_syncs());
    commit(&log, b"first");
    log.sync_written().unwrap();
    assert_eq!(log.durable_lsn(), Lsn::new(2));
    commit(&log, b"second");
    faults.fail_syncs.store(true, Relaxed);
    assert!(matches!(log.sync_written(), Err(LogError::Poisoned { .. })));
    assert!(log.submit(1, b"third", (), None).is_err());
    assert_eq!(log.durable_lsn(), Lsn::new(2));
}

/// Has an unsynced frame lost on its way to the medium, of which `first` is told and held up in it. Meanwhile nobody may
/// say that the frame is durable.
fn nobody_says_that_it_is_durable(first: fn(&TestLog) -> Result<(), LogError>) {
    let (_dir, log, faults) = opened(without_syncs());
    commit(&log, b"lost");
    faults.lose_writes();
    std::thread::scope(|scope| {
        let log = &log;
        let first = scope.spawn(move || first(log));
        while !faults.is_told() {
            std::thread::yield_now();
        }
        let beside = scope.spawn(move || log.sync_written());
        // It may have to wait for the other one. If it has not, there is time enough.
        let begun = Instant::now();
        while !beside.is_finished() && begun.elapsed() < Duration::from_millis(50) {
            std::thread::yield_now();
        }
        faults.release();
        let told = beside.join().unwrap();
        assert!(matches!(told, Err(LogError::Poisoned { .. })), "{told:?}");
        assert!(first.join().unwrap().is_err());
    });
    assert_eq!(log.durable_lsn(), Lsn::FIRST);
    assert!(log.sync().is_err());
}

#[test]
fn a_sync_beside_a_commit_that_hears_of_a_failure_hears_of_it_too() {
    nobody_says_that_it_is_durable(TestLog::sync);
}

#[test]
fn two_syncs_beside_commits_both_hear_of_a_failure() {
    nobody_says_that_it_is_durable(TestLog::sync_written);
}

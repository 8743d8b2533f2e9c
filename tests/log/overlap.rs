//! Frames that are written while the sink is still told of those in front of them.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use stepwell::log::{CommitSink, FrameAddress, LogError, LogOptions};

use crate::faults::FaultyFs;
use crate::support::*;

/// A sink that says that it is about to be told.
#[derive(Debug, Default)]
struct Asked {
    calls: AtomicU64,
    told: Told,
}

impl CommitSink<()> for Asked {
    fn committed(&self, frames: &mut dyn Iterator<Item = (FrameAddress, ())>) {
        self.calls.fetch_add(1, Relaxed);
        self.told.committed(frames);
    }
}

/// Waits until that is so.
fn until(what: &str, is_so: impl Fn() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < Duration::from_secs(60), "not {what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn the_next_frames_are_synced_while_the_sink_is_told_of_those_before() {
    let dir = tempfile::tempdir().unwrap();
    let (fs, faults) = FaultyFs::new();
    let told = Arc::new(Told::default());
    let (log, _, _) = open_with(fs, dir.path(), LogOptions::default(), told.clone()).unwrap();
    commit(&log, b"warm");
    let log = &log;
    std::thread::scope(|scope| {
        let busy = told.0.lock();
        let syncs = faults.syncs.load(Relaxed);
        let mut waiting = Vec::new();
        for (number, payload) in [b"second", b"thirds"].into_iter().enumerate() {
            let ticket = log.submit(1, payload, (), None).unwrap();
            waiting.push(scope.spawn(move || ticket.wait().unwrap().get()));
            until("synced", || {
                faults.syncs.load(Relaxed) == syncs + number as u64 + 1
            });
        }
        // Whoever comes later is taken along by the next, but nobody is told out of turn.
        let last = log.submit(1, b"fourth", (), None).unwrap();
        waiting.push(scope.spawn(move || last.wait().unwrap().get()));
        std::thread::sleep(Duration::from_millis(20));
        assert!(waiting.iter().all(|thread| !thread.is_finished()));
        assert_eq!(busy.len(), 1);
        drop(busy);
        let lsns = waiting.into_iter().map(|thread| thread.join().unwrap());
        assert!(lsns.eq(2..5));
    });
    let told = told.0.lock().clone();
    assert!(told.windows(2).all(|pair| pair[0].end() == pair[1].lsn));
    assert_eq!(told.len(), 4);
    assert_eq!(log.durable_lsn(), log.next_lsn());
}

#[test]
fn a_failure_while_the_sink_is_told_of_frames_before_is_told_to_all() {
    let dir = tempfile::tempdir().unwrap();
    let (fs, faults) = FaultyFs::new();
    let sink = Arc::new(Asked::default());
    let (log, _, _) =
        open_with(fs.clone(), dir.path(), LogOptions::default(), sink.clone()).unwrap();
    commit(&log, b"durable");
    std::thread::scope(|scope| {
        let busy = sink.told.0.lock();
        let log = &log;
        let first = log.submit(1, b"more", (), None).unwrap();
        let mut waiting = vec![scope.spawn(move || first.wait().unwrap_err())];
        until("synced", || sink.calls.load(Relaxed) == 2);
        faults.fail_syncs.store(true, Relaxed);
        let second = log.submit(1, b"lost", (), None).unwrap();
        waiting.push(scope.spawn(move || second.wait().unwrap_err()));
        until("failed", || log.has_failed());
        assert!(log.submit(1, b"later", (), None).is_err());
        drop(busy);
        for thread in waiting {
            let error = thread.join().unwrap();
            assert!(matches!(error, LogError::Poisoned { .. }), "{error}");
        }
    });
    assert!(log.close().is_err());
    // What failed has not been told. Before the end, the log's own thread may still be telling of the frame before.
    assert_eq!(sink.told.0.lock().len(), 2);
    faults.fail_syncs.store(false, Relaxed);
    let (_log, _, frames) = open_with(fs, dir.path(), LogOptions::default(), sink).unwrap();
    assert_eq!(frames[0].1, b"durable");
    assert_eq!(frames[1].1, b"more");
}

#[test]
fn a_new_segment_is_begun_only_when_the_sink_was_told_of_all() {
    let dir = tempfile::tempdir().unwrap();
    let (fs, faults) = FaultyFs::new();
    let told = Arc::new(Told::default());
    let (log, _, _) = open_with(fs, dir.path(), LogOptions::default(), told.clone()).unwrap();
    let log = &log;
    std::thread::scope(|scope| {
        let busy = told.0.lock();
        let ticket = log.submit(1, b"first", (), None).unwrap();
        let first = scope.spawn(move || ticket.wait().unwrap());
        until("synced", || faults.syncs.load(Relaxed) > 0);
        let roll = scope.spawn(move || log.roll().unwrap());
        std::thread::sleep(Duration::from_millis(20));
        assert!(!roll.is_finished());
        drop(busy);
        roll.join().unwrap();
        assert!(first.is_finished() || log.is_acknowledged(log.next_lsn()));
    });
    assert_eq!(log.segments().len(), 2);
    commit(log, b"second");
    assert_eq!(told.0.lock().len(), 2);
}

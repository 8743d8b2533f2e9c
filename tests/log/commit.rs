//! Committing, reading and reopening.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::executor::block_on;
use stepwell::log::{Durability, LogError, LogOptions, Lsn, MAX_FRAME_BYTES, ReplayFrom};
use stepwell::vfs::OsFs;

use crate::support::*;

#[test]
fn a_committed_frame_is_read_back() {
    let dir = tempfile::tempdir().unwrap();
    let told = Arc::new(Told::default());
    let (log, report, frames) = open_with(
        Arc::new(OsFs),
        dir.path(),
        LogOptions::default(),
        told.clone(),
    )
    .unwrap();
    assert!(report.created);
    assert!(frames.is_empty());
    assert_eq!(commit(&log, b"one"), 1);
    assert_eq!(commit(&log, b"two"), 2);
    let at = told.0.lock().clone();
    assert_eq!(&log.read(at[0]).unwrap()[..], b"one");
    assert_eq!(&log.read(at[1]).unwrap()[..], b"two");
    assert_eq!(log.durable_lsn(), Lsn::new(3));
    log.close().unwrap();
}

#[test]
fn a_frame_of_many_records_takes_as_many_lsns() {
    let dir = tempfile::tempdir().unwrap();
    let (log, _, _) = open(dir.path(), LogOptions::default()).unwrap();
    let first = log.submit(5, b"five", (), None).unwrap();
    assert_eq!(first.wait().unwrap(), Lsn::FIRST);
    assert_eq!(commit(&log, b"one"), 6);
    log.close().unwrap();
    let (log, report, frames) = open(dir.path(), LogOptions::default()).unwrap();
    assert!(report.clean);
    assert_eq!(frames[0].0.records, 5);
    assert_eq!(frames[1].0.lsn, Lsn::new(6));
    assert_eq!(log.next_lsn(), Lsn::new(7));
}

#[test]
fn everything_is_there_after_a_clean_close_and_writing_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let mut expected = Vec::new();
    for round in 0..3 {
        let (log, report, frames) = open(dir.path(), small_segments()).unwrap();
        assert_eq!(report.clean, round > 0);
        assert_eq!(payloads(&frames), expected);
        for number in 0..20 {
            expected.push(payload(number));
            commit(&log, &payload(number));
        }
        for (at, bytes) in frames {
            assert_eq!(&log.read(at).unwrap()[..], bytes);
        }
        log.close().unwrap();
    }
}

#[test]
fn a_clean_close_leaves_no_prepared_space() {
    let dir = tempfile::tempdir().unwrap();
    let (log, _, _) = open(dir.path(), LogOptions::default()).unwrap();
    commit(&log, b"x");
    let stats = log.stats();
    log.close().unwrap();
    assert_eq!(
        std::fs::metadata(last_segment(dir.path())).unwrap().len(),
        stats.bytes
    );
}

#[test]
fn a_new_log_takes_little_disk() {
    let dir = tempfile::tempdir().unwrap();
    let (log, _, _) = open(dir.path(), LogOptions::default()).unwrap();
    commit(&log, b"x");
    let bytes: usize = all_files(dir.path()).values().map(Vec::len).sum();
    assert!(bytes <= 300 * 1024, "{bytes}");
    drop(log);
}

#[test]
fn a_killed_process_loses_nothing_acknowledged_in_any_durability() {
    for durability in [
        Durability::Sync,
        Durability::Interval(Duration::from_secs(3600)),
        Durability::Os,
    ] {
        let dir = tempfile::tempdir().unwrap();
        let killed = tempfile::tempdir().unwrap();
        let options = LogOptions {
            durability,
            ..small_segments()
        };
        let (log, _, _) = open(dir.path(), options).unwrap();
        let expected: Vec<_> = (0..30).map(payload).collect();
        for payload in &expected {
            commit(&log, payload);
        }
        copy_dir(dir.path(), killed.path());
        let (log, report, frames) = open(killed.path(), options).unwrap();
        assert!(!report.clean);
        assert_eq!(report.torn_tail, None);
        assert_eq!(payloads(&frames), expected);
        assert_eq!(commit(&log, b"more"), 31);
    }
}

#[test]
fn commits_of_many_threads_are_told_and_kept_in_lsn_order() {
    let dir = tempfile::tempdir().unwrap();
    let told = Arc::new(Told::default());
    let options = LogOptions {
        segment_bytes: 64 * 1024,
        ..LogOptions::default()
    };
    let (log, _, _) = open_with(Arc::new(OsFs), dir.path(), options, told.clone()).unwrap();
    std::thread::scope(|scope| {
        for thread in 0..16 {
            let (log, told) = (&log, &told);
            scope.spawn(move || {
                for number in 0..100_u64 {
                    let bytes = payload(thread * 1000 + number);
                    let durability = (number % 3 == 0).then_some(Durability::Os);
                    let ticket = log.submit(1, &bytes, (), durability).unwrap();
                    let lsn = ticket.wait().unwrap();
                    // Told before acknowledged.
                    let at = told.0.lock()[lsn.get() as usize - 1];
                    assert_eq!(at.lsn, lsn);
                    assert_eq!(&log.read(at).unwrap()[..], bytes);
                }
            });
        }
    });
    assert_eq!(log.stats().commits, 1600);
    let told = told.0.lock().clone();
    assert!(told.windows(2).all(|pair| pair[0].end() == pair[1].lsn));
    log.close().unwrap();
    let (_log, _, frames) = open(dir.path(), options).unwrap();
    assert_eq!(frames.iter().map(|(at, _)| *at).collect::<Vec<_>>(), told);
    let distinct: BTreeSet<_> = payloads(&frames).into_iter().collect();
    assert_eq!(distinct.len(), 1600);
}

#[test]
fn futures_are_resolved_without_anyone_blocking() {
    let dir = tempfile::tempdir().unwrap();
    let (log, _, _) = open(dir.path(), small_segments()).unwrap();
    block_on(async {
        for number in 0..50 {
            log.submit(1, &payload(number), (), None)
                .unwrap()
                .await
                .unwrap();
        }
        let tickets: Vec<_> = (50..150)
            .map(|number| log.submit(1, &payload(number), (), None).unwrap())
            .collect();
        let lsns = futures::future::try_join_all(tickets).await.unwrap();
        assert_eq!(lsns.last(), Some(&Lsn::new(150)));
    });
    log.close().unwrap();
    let (_log, _, frames) = open(dir.path(), small_segments()).unwrap();
    assert_eq!(payloads(&frames), (0..150).map(payload).collect::<Vec<_>>());
}

#[test]
fn all_who_wait_for_the_same_frame_are_woken() {
    let dir = tempfile::tempdir().unwrap();
    let told = Arc::new(Told::default());
    let options = LogOptions {
        durability: Durability::Os,
        ..LogOptions::default()
    };
    let (log, _, _) = open_with(Arc::new(OsFs), dir.path(), options, told.clone()).unwrap();
    let log = &log;
    std::thread::scope(|scope| {
        // The first frame's leader gets no further until all others wait.
        let busy = told.0.lock();
        let first = log.submit(1, b"first", (), None).unwrap();
        scope.spawn(move || first.wait().unwrap());
        std::thread::sleep(Duration::from_millis(50));
        let second = log.submit(1, b"second", (), None).unwrap();
        scope.spawn(move || second.wait().unwrap());
        for _ in 0..3 {
            scope.spawn(move || log.wait().unwrap());
        }
        std::thread::sleep(Duration::from_millis(200));
        drop(busy);
    });
}

#[test]
fn blocking_and_async_waiters_do_not_starve_each_other() {
    let dir = tempfile::tempdir().unwrap();
    let (log, _, _) = open(dir.path(), LogOptions::default()).unwrap();
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let log = &log;
            scope.spawn(move || {
                for number in 0..100 {
                    let ticket = log.submit(1, &payload(number), (), None).unwrap();
                    match thread % 3 {
                        0 => drop(block_on(ticket).unwrap()),
                        1 => drop(ticket.wait().unwrap()),
                        _ => drop(ticket),
                    }
                    if number % 50 == 49 {
                        log.sync().unwrap();
                    }
                }
            });
        }
    });
    log.sync().unwrap();
    assert_eq!(log.durable_lsn(), Lsn::new(801));
}

#[test]
fn a_frame_whose_ticket_is_dropped_or_kept_unpolled_is_written_soon() {
    let dir = tempfile::tempdir().unwrap();
    let told = Arc::new(Told::default());
    let (fs, faults) = crate::faults::FaultyFs::new();
    let (log, _, _) = open_with(fs, dir.path(), LogOptions::default(), told.clone()).unwrap();
    drop(log.submit(1, b"dropped", (), None).unwrap());
    let kept = log.submit(1, b"kept", (), None).unwrap();
    let begun = Instant::now();
    while told.0.lock().len() < 2 {
        assert!(begun.elapsed() < Duration::from_secs(60));
        std::thread::sleep(Duration::from_millis(1));
    }
    // A future that was polled once and dropped leaves nothing behind.
    faults.close_gate();
    let mut polled = log.submit(1, b"polled", (), None).unwrap();
    assert!(block_on(async { futures::poll!(&mut polled) }).is_pending());
    drop(polled);
    faults.open_gate();
    log.close().unwrap();
    assert_eq!(kept.wait().unwrap(), Lsn::new(2));
}

#[test]
fn an_interval_is_synced_in_the_background() {
    let dir = tempfile::tempdir().unwrap();
    let options = LogOptions {
        durability: Durability::Interval(Duration::from_millis(20)),
        ..LogOptions::default()
    };
    let (log, _, _) = open(dir.path(), options).unwrap();
    commit(&log, b"soon");
    let begun = Instant::now();
    while log.durable_lsn() < Lsn::new(2) {
        assert!(begun.elapsed() < Duration::from_secs(60));
        std::thread::sleep(Duration::from_millis(1));
    }
    assert_eq!(log.stats().syncs, 1);
}

#[test]
fn sync_makes_unsynced_commits_durable() {
    let dir = tempfile::tempdir().unwrap();
    let options = LogOptions {
        durability: Durability::Os,
        ..LogOptions::default()
    };
    let (log, _, _) = open(dir.path(), options).unwrap();
    commit(&log, b"written");
    assert_eq!(log.durable_lsn(), Lsn::FIRST);
    log.sync().unwrap();
    assert_eq!(log.durable_lsn(), Lsn::new(2));
    assert_eq!(log.stats().syncs, 1);
}

#[test]
fn a_frame_longer_than_a_segment_gets_one_of_its_own() {
    let dir = tempfile::tempdir().unwrap();
    let (log, _, _) = open(dir.path(), small_segments()).unwrap();
    let expected = [
        vec![1; 3000],
        vec![2; 10],
        vec![3; 5000],
        vec![4; 600_000],
        vec![5; 1],
    ];
    for payload in &expected {
        commit(&log, payload);
    }
    log.close().unwrap();
    let (log, _, frames) = open(dir.path(), small_segments()).unwrap();
    assert_eq!(payloads(&frames), expected);
    assert!(log.stats().segments >= 4);
}

#[test]
fn an_empty_or_endless_frame_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let (log, _, _) = open(dir.path(), LogOptions::default()).unwrap();
    for (records, payload) in [(0, &b"x"[..]), (1, b"")] {
        let refused = log.submit(records, payload, (), None).unwrap_err();
        assert!(
            matches!(refused, LogError::InvalidFrame { .. }),
            "{refused}"
        );
    }
    let endless = vec![0; MAX_FRAME_BYTES as usize];
    let refused = log.submit(1, &endless, (), None).unwrap_err();
    assert!(
        matches!(refused, LogError::InvalidFrame { .. }),
        "{refused}"
    );
    assert_eq!(commit(&log, b"fine"), 1);
}

#[test]
fn a_log_can_be_open_only_once() {
    let dir = tempfile::tempdir().unwrap();
    let (log, _, _) = open(dir.path(), LogOptions::default()).unwrap();
    let refused = open(dir.path(), LogOptions::default()).unwrap_err();
    assert!(
        matches!(&refused, LogError::Locked { holder: Some(pid), .. } if *pid == std::process::id()),
        "{refused}"
    );
    drop(log);
    open(dir.path(), LogOptions::default()).unwrap();
}

#[test]
fn a_failing_replay_fails_the_open_and_names_the_frame() {
    let dir = tempfile::tempdir().unwrap();
    let (log, _, _) = open(dir.path(), LogOptions::default()).unwrap();
    commit(&log, b"one");
    commit(&log, b"two");
    log.close().unwrap();
    let before = all_files(dir.path());
    let refused = stepwell::log::Log::<()>::open(
        Arc::new(OsFs),
        dir.path(),
        LogOptions::default(),
        ReplayFrom::Beginning,
        &mut |at, _| match at.lsn.get() {
            2 => Err("not a record".into()),
            _ => Ok(()),
        },
        Arc::new(()),
    )
    .unwrap_err();
    assert!(
        matches!(refused, LogError::Replay { lsn, .. } if lsn == Lsn::new(2)),
        "{refused}"
    );
    assert_eq!(all_files(dir.path()), before);
}

#[test]
fn space_is_not_prepared_for_each_frame() {
    let dir = tempfile::tempdir().unwrap();
    let (fs, faults) = crate::faults::FaultyFs::new();
    let options = LogOptions {
        durability: Durability::Os,
        ..LogOptions::default()
    };
    let (log, _, _) = open_with(fs, dir.path(), options, Arc::new(())).unwrap();
    for number in 0..3_000 {
        commit(&log, &[number as u8; 2_000]);
    }
    log.close().unwrap();
    let prepared = faults.prepared.lock();
    let short = prepared.iter().filter(|(from, to)| to - from < 32 << 10);
    let short = short.count();
    assert!(
        prepared.len() > 10 && short < 10,
        "{short} of {}",
        prepared.len()
    );
}

#[test]
fn nobody_hangs_when_everything_happens_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let told = Arc::new(Told::default());
    let (fs, faults) = crate::faults::FaultyFs::new();
    faults
        .skip_syncs
        .store(true, std::sync::atomic::Ordering::Relaxed);
    let options = LogOptions {
        segment_bytes: 4096,
        durability: Durability::Interval(Duration::from_millis(1)),
    };
    let (log, _, _) = open_with(fs.clone(), dir.path(), options, told.clone()).unwrap();
    std::thread::scope(|scope| {
        for thread in 0..12_u64 {
            let (log, faults) = (&log, &faults);
            scope.spawn(move || {
                for number in 0..400 {
                    if thread == 0 {
                        // The disk is full now and then.
                        let full = number % 10 == 9;
                        faults
                            .full
                            .store(full, std::sync::atomic::Ordering::Relaxed);
                    }
                    let durability = (number % 4 == 0).then_some(Durability::Sync);
                    match log.submit(1, &payload(number), (), durability) {
                        Ok(ticket) => match (thread + number) % 4 {
                            0 => drop(block_on(ticket).unwrap()),
                            1 => drop(ticket),
                            _ => drop(ticket.wait().unwrap()),
                        },
                        Err(LogError::OutOfSpace { .. }) => std::thread::yield_now(),
                        Err(error) => panic!("{error}"),
                    }
                    if number % 100 == 99 {
                        log.sync().unwrap();
                    }
                }
                if thread == 0 {
                    faults
                        .full
                        .store(false, std::sync::atomic::Ordering::Relaxed);
                }
            });
        }
    });
    let end = log.next_lsn();
    log.close().unwrap();
    assert_eq!(told.0.lock().last().unwrap().end(), end);
    let (_log, report, frames) = open_with(fs, dir.path(), options, Arc::new(())).unwrap();
    assert!(report.clean);
    assert_eq!(
        frames.iter().map(|(at, _)| *at).collect::<Vec<_>>(),
        *told.0.lock()
    );
}

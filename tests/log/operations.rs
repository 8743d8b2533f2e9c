//! Backups, reading beside a writer, and verification.

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use stepwell::log::{LogError, LogOptions, Lsn, ReadOnlyLog, Verdict, VerifyReport};
use stepwell::vfs::OsFs;

use crate::compaction::compact;
use crate::faults::FaultyFs;
use crate::stopping::StoppingFs;
use crate::support::*;

fn read_only(dir: &Path) -> Result<(ReadOnlyLog, Frames), LogError> {
    let mut frames = Vec::new();
    let log = ReadOnlyLog::open(Arc::new(OsFs), dir, &mut |at, payload, _| {
        frames.push((at, payload.to_vec()));
        Ok(())
    })?;
    Ok((log, frames))
}

fn commit_some(log: &TestLog, count: u64) {
    for _ in 0..count {
        let number = log.next_lsn().get() - 1;
        commit(log, &payload(number));
    }
}

fn expected(count: u64) -> Vec<Vec<u8>> {
    (0..count).map(payload).collect()
}

fn drop_first_half(log: &TestLog) {
    let segments = log.segments();
    let run: Vec<_> = segments.iter().map(|segment| segment.id).collect();
    compact(log, &run[..run.len() / 2], &mut |_, _| Verdict::Drop);
}

fn verify_all(log: &TestLog) -> VerifyReport {
    log.verify(&mut |_| ControlFlow::Continue(())).unwrap()
}

#[test]
fn a_backup_of_a_log_in_use_opens_as_closed_cleanly() {
    let (dir, to) = (scratch(), scratch());
    let to = to.path().join("a/backup");
    let (log, _, _) = open(dir.path(), small_segments()).unwrap();
    for (round, count) in [(0_u64, 20), (1, 15), (2, 0)] {
        commit_some(&log, count);
        let report = log.backup(&to).unwrap();
        assert_eq!(report.end, log.next_lsn());
        assert_eq!((report.unchanged > 0, report.copied), (round > 0, 1));
        assert_eq!(report.linked > 0, count > 0);
        let (copy, frames) = read_only(&to).unwrap();
        assert_eq!(payloads(&frames), expected(report.end.get() - 1));
        assert_eq!(copy.end(), report.end);
    }
    drop_first_half(&log);
    let report = log.backup(&to).unwrap();
    assert_eq!((report.linked, report.copied), (1, 1));
    log.close().unwrap();
    let (log, report, frames) = open(&to, small_segments()).unwrap();
    assert!(report.clean);
    let (original, _, of_original) = open(dir.path(), small_segments()).unwrap();
    assert_eq!(frames, of_original);
    assert_eq!(all_files(&to).len(), log.segments().len() + 1);

    // Both go on, each by itself, and are not taken for each other any more.
    commit_some(&log, 20);
    commit_some(&original, 20);
    for (log, at) in [(&log, &to), (&original, &dir.path().to_path_buf())] {
        assert!(verify_all(log).damage.is_empty(), "{at:?}");
    }
    log.close().unwrap();
    let refused = original.backup(&to).unwrap_err();
    assert!(matches!(refused, LogError::NotABackup { .. }), "{refused}");
}

#[test]
fn a_backup_into_something_else_is_refused() {
    let (dir, other) = (scratch(), scratch());
    let (log, _, _) = open(dir.path(), small_segments()).unwrap();
    commit_some(&log, 20);
    let foreign = scratch();
    std::fs::write(foreign.path().join("letter.md"), "# Dear\n").unwrap();
    for to in [dir.path(), &dir.path().join("backup"), foreign.path()] {
        let before = (all_files(dir.path()), all_files(foreign.path()));
        let refused = log.backup(to).unwrap_err();
        assert!(matches!(refused, LogError::NotABackup { .. }), "{refused}");
        assert_eq!((all_files(dir.path()), all_files(foreign.path())), before);
    }
    let (open_one, _, _) = open(other.path(), small_segments()).unwrap();
    assert!(matches!(
        log.backup(other.path()),
        Err(LogError::Locked { .. })
    ));
    open_one.close().unwrap();
    let before = all_files(other.path());
    assert!(matches!(
        log.backup(other.path()),
        Err(LogError::NotABackup { .. })
    ));
    assert_eq!(all_files(other.path()), before);
    std::fs::remove_file(other.path().join("SUPERBLOCK")).unwrap();
    assert!(matches!(
        log.backup(other.path()),
        Err(LogError::NotABackup { .. })
    ));
}

#[test]
fn an_interrupted_backup_is_a_beginning_of_the_log_or_none_and_is_taken_up_again() {
    for compacts in [false, true] {
        let (mut whole, mut none) = (0, 0);
        for stop_after in 0.. {
            let (dir, to) = (scratch(), scratch());
            let (fs, left) = StoppingFs::new();
            let (log, _, _) = open_with(fs, dir.path(), small_segments(), Arc::new(())).unwrap();
            commit_some(&log, 20);
            log.backup(to.path()).unwrap();
            commit_some(&log, 20);
            let mut all = expected(40);
            if compacts {
                let ids: Vec<_> = log.segments().iter().map(|segment| segment.id).collect();
                compact(&log, &ids[..3], &mut |at, _| match at.lsn.get() % 2 {
                    0 => Verdict::Keep,
                    _ => {
                        let dropped = payload(at.lsn.get() - 1);
                        all.retain(|payload| *payload != dropped);
                        Verdict::Drop
                    }
                });
                assert!(all.len() < 38);
            }
            left.set(stop_after);
            let made = log.backup(to.path());
            let stopped = left.is_stopped();
            match read_only(to.path()) {
                Ok((_, frames)) if payloads(&frames) == all => assert!(whole > 0),
                Ok((_, frames)) => {
                    assert_eq!(payloads(&frames), expected(frames.len() as u64));
                    assert!(frames.len() >= 20);
                    whole += 1;
                }
                // What was compacted goes with what came after it.
                Err(_) => {
                    assert!(compacts && stopped && !to.path().join("SUPERBLOCK").exists());
                    none += 1;
                }
            }
            // This file system has no links, so it was all copied.
            left.set(u64::MAX);
            let report = log.backup(to.path()).unwrap();
            assert_eq!(report.linked, 0);
            let (copy, _, frames) = open(to.path(), small_segments()).unwrap();
            assert_eq!(payloads(&frames), all);
            assert_eq!(all_files(to.path()).len(), copy.segments().len() + 1);
            if !stopped {
                made.unwrap();
                break;
            }
        }
        assert_eq!(none > 0, compacts);
    }
}

#[test]
fn a_backup_that_was_interrupted_writes_to_no_file_of_the_original() {
    let (dir, to) = (scratch(), scratch());
    let (log, _, _) = open(dir.path(), LogOptions::default()).unwrap();
    commit_some(&log, 20);
    log.backup(to.path()).unwrap();
    log.roll().unwrap();
    // The next one has come so far: the segment that was active is full now, and is the same file.
    let sealed = log.segments()[0].id.to_string();
    let [original, backed_up] = [&dir, &to].map(|of| of.path().join("log").join(&sealed));
    std::fs::remove_file(&backed_up).unwrap();
    std::fs::hard_link(&original, &backed_up).unwrap();
    let before = std::fs::read(&original).unwrap();

    let (copy, report, frames) = open(to.path(), LogOptions::default()).unwrap();
    assert!(report.clean);
    assert_eq!(payloads(&frames), expected(20));
    commit_some(&copy, 5);
    copy.close().unwrap();
    assert!(std::fs::read(&original).unwrap() == before);
    assert!(verify_all(&log).damage.is_empty());
    let (_copy, _, frames) = open(to.path(), LogOptions::default()).unwrap();
    assert_eq!(frames.len(), 25);
}

#[test]
fn a_log_is_read_while_another_handle_writes_and_compacts() {
    let dir = scratch();
    let (fs, faults) = FaultyFs::new();
    faults.skip_syncs.store(true, Relaxed);
    let (log, _, _) = open_with(fs, dir.path(), small_segments(), Arc::new(())).unwrap();
    commit_some(&log, 60);
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !done.load(Relaxed) {
                    let (log, frames) = read_only(dir.path()).unwrap();
                    assert!(log.end() > Lsn::new(60));
                    let kept = |lsn: Lsn| !lsn.get().is_multiple_of(4);
                    let found: Vec<_> = frames
                        .iter()
                        .map(|(at, _)| at.lsn)
                        .filter(|lsn| kept(*lsn))
                        .collect();
                    let all: Vec<_> = (1..log.end().get())
                        .map(Lsn::new)
                        .filter(|lsn| kept(*lsn))
                        .collect();
                    assert_eq!(found, all);
                    for (at, bytes) in &frames {
                        assert_eq!(*bytes, payload(at.lsn.get() - 1));
                        match log.read(*at) {
                            Ok(read) => assert_eq!(read[..], bytes[..]),
                            Err(LogError::Dropped { lsn }) => assert!(!kept(lsn)),
                            Err(error) => panic!("{error}"),
                        }
                    }
                    let report = log.verify(&mut |_| ControlFlow::Continue(())).unwrap();
                    assert!(report.damage.is_empty(), "{report:?}");
                }
            });
        }
        for round in 0..40_usize {
            commit_some(&log, 10);
            let all: Vec<_> = log.segments().iter().map(|segment| segment.id).collect();
            let from = (round * 3) % (all.len() - 2);
            compact(
                &log,
                &all[from..from + 2],
                &mut |at, _| match at.lsn.get() % 4 {
                    0 => Verdict::Drop,
                    _ => Verdict::Keep,
                },
            );
        }
        done.store(true, Relaxed);
    });
}

#[test]
fn verification_reads_on_behind_damage_and_names_the_records_that_are_lost() {
    let dir = scratch();
    let (log, _, frames) = open(dir.path(), LogOptions::default()).unwrap();
    assert!(frames.is_empty());
    commit_some(&log, 30);
    let path = last_segment(dir.path());
    let mut bytes = std::fs::read(&path).unwrap();
    let mut places = Vec::new();
    for lost in [4_u64, 5, 17, 30] {
        let payload = payload(lost - 1);
        let place = bytes.windows(payload.len()).position(|at| *at == payload);
        places.push(place.unwrap());
    }
    for place in places {
        bytes[place] ^= 1;
    }
    overwrite(&path, &bytes);
    let report = verify_all(&log);
    let lost = report.damage.iter().map(|damage| match damage {
        LogError::Corrupt { lsns, segment, .. } if *segment == path => {
            (lsns.start.get(), lsns.end.get())
        }
        other => panic!("{other}"),
    });
    assert!(lost.eq([(4, 6), (17, 18), (30, 31)]), "{report:?}");
    assert_eq!((report.frames, report.segments), (26, 1));
}

#[test]
fn verification_finds_every_flipped_byte_and_can_be_stopped() {
    let dir = scratch();
    let (log, _, _) = open(dir.path(), small_segments()).unwrap();
    commit_some(&log, 30);
    let all: Vec<_> = log.segments().iter().map(|segment| segment.id).collect();
    compact(&log, &all[1..3], &mut |_, _| Verdict::Keep);
    let whole = verify_all(&log);
    assert!(whole.damage.is_empty());
    assert_eq!((whole.frames, whole.segments), (30, log.stats().segments));
    let used = log.segments().last().unwrap().bytes as usize;
    let last = last_segment(dir.path());
    for (path, bytes) in all_files(&dir.path().join("log")) {
        let used = if path == last { used } else { bytes.len() };
        for at in 0..used {
            let mut damaged = bytes.clone();
            damaged[at] ^= 1;
            overwrite(&path, &damaged);
            let report = verify_all(&log);
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            // Of a compressed block some frames may be left, so what is lost may be in several places.
            assert!(!report.damage.is_empty(), "byte {at} of {name}");
            for damage in report.damage {
                assert!(damage.to_string().contains(&name));
            }
        }
        overwrite(&path, &bytes);
    }
    let large = vec![7; 3 << 20];
    commit(&log, &large);
    let stopped = log.verify(&mut |_| ControlFlow::Break(())).unwrap();
    assert!(stopped.stopped && stopped.damage.is_empty());
    let read_only = read_only(dir.path()).unwrap().0;
    let report = read_only
        .verify(&mut |_| ControlFlow::Continue(()))
        .unwrap();
    assert_eq!((report.frames, report.damage.len()), (31, 0));
    log.close().unwrap();
    let path = dir.path().join("SUPERBLOCK");
    let bytes = std::fs::read(&path).unwrap();
    for at in (0..bytes.len()).step_by(997) {
        let mut damaged = bytes.clone();
        damaged[at] ^= 1;
        overwrite(&path, &damaged);
        let report = read_only
            .verify(&mut |_| ControlFlow::Continue(()))
            .unwrap();
        assert_eq!(report.damage.len(), 1, "byte {at}");
    }
}

//! Compaction: what is kept, who may read meanwhile, what a crash leaves, and damage afterwards.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use proptest::prelude::*;
use stepwell::log::{
    CompactOptions, Compaction, FrameAddress, LogError, LogOptions, Lsn, SegmentId, SegmentKind,
    Verdict,
};
use stepwell::vfs::OsFs;

use crate::faults::FaultyFs;
use crate::stopping::StoppingFs;
use crate::support::*;

type Keep<'a> = &'a mut dyn FnMut(FrameAddress, &[u8]) -> Verdict;

pub(crate) fn try_compact(
    log: &TestLog,
    run: &[SegmentId],
    keep: Keep<'_>,
) -> Result<Compaction, LogError> {
    let pace = &mut |_| ControlFlow::Continue(());
    let as_of = log.durable_lsn();
    let near = &mut |at: FrameAddress, _: &[u8]| at.lsn.get() % 3;
    log.compact(run, CompactOptions { as_of, pace, near }, keep)
}

pub(crate) fn compact(log: &TestLog, run: &[SegmentId], keep: Keep<'_>) -> Compaction {
    try_compact(log, run, keep).unwrap()
}

fn keep_even(at: FrameAddress, _: &[u8]) -> Verdict {
    match at.lsn.get() % 2 {
        0 => Verdict::Keep,
        _ => Verdict::Drop,
    }
}

fn ids(log: &TestLog) -> Vec<SegmentId> {
    log.segments().iter().map(|segment| segment.id).collect()
}

/// A log in small segments, and where its frames were.
fn written(dir: &Path, commits: u64) -> (TestLog, Vec<FrameAddress>) {
    let told = Arc::new(Told::default());
    let (log, _, _) = open_with(Arc::new(OsFs), dir, small_segments(), told.clone()).unwrap();
    for number in 0..commits {
        commit(&log, &payload(number));
    }
    let addresses = told.0.lock().clone();
    (log, addresses)
}

fn segment_files(dir: &Path) -> usize {
    all_files(&dir.join("log")).len()
}

#[test]
fn kept_frames_are_found_under_their_old_addresses_and_dropped_ones_are_named() {
    let dir = scratch();
    let (log, addresses) = written(dir.path(), 40);
    let run = ids(&log)[1..4].to_vec();
    let before = log.stats();
    let done = compact(&log, &run, &mut keep_even);
    let Compaction::Done {
        bytes_before,
        bytes_after,
        kept,
        dropped,
    } = done
    else {
        panic!("{done:?}");
    };
    assert!(kept > 4 && dropped > 4 && bytes_after < bytes_before);
    let stats = log.stats();
    assert_eq!(stats.bytes, before.bytes - bytes_before + bytes_after);
    assert_eq!(stats.segments, before.segments - 2);
    assert_eq!(segment_files(dir.path()) as u64, stats.segments);
    let segments = log.segments();
    assert_eq!(segments[1].kind, SegmentKind::Compacted);
    assert_eq!((segments[1].id, segments[1].bytes), (run[0], bytes_after));
    assert_eq!(segments.iter().map(|s| s.bytes).sum::<u64>(), stats.bytes);
    assert!(
        segments
            .windows(2)
            .all(|pair| pair[0].end == pair[1].id.base())
    );
    assert_eq!(segments.last().unwrap().kind, SegmentKind::Active);

    let check = |log: &TestLog| {
        for (number, at) in addresses.iter().enumerate() {
            let read = log.read(*at);
            if run.contains(&at.segment) && at.lsn.get() % 2 == 1 {
                assert!(matches!(read, Err(LogError::Dropped { lsn }) if lsn == at.lsn));
            } else {
                assert_eq!(read.unwrap()[..], payload(number as u64));
            }
        }
    };
    check(&log);
    log.close().unwrap();
    let (log, report, frames) = open(dir.path(), small_segments()).unwrap();
    assert!(report.clean);
    assert_eq!(frames.len() as u64, 40 - dropped);
    for (at, payload) in &frames {
        assert_eq!(log.read(*at).unwrap()[..], payload[..]);
    }
    check(&log);
    assert_eq!(commit(&log, b"next"), 41);
}

#[test]
fn a_payload_can_be_replaced() {
    let dir = scratch();
    let (log, addresses) = written(dir.path(), 20);
    let run = ids(&log)[..2].to_vec();
    compact(&log, &run, &mut |at, payload| {
        let longer = [payload, &at.lsn.get().to_le_bytes(), &[1; 20]].concat();
        Verdict::Replace(longer)
    });
    let at = addresses[1];
    let read = log.read(at).unwrap();
    assert_eq!(read.len(), payload(1).len() + 28);
    assert!(read.starts_with(&payload(1)));
    let empty = try_compact(&log, &run[..1], &mut |_, _| Verdict::Replace(Vec::new()));
    assert!(matches!(empty, Err(LogError::InvalidFrame { .. })));
    assert_eq!(log.read(at).unwrap(), read);
}

#[test]
fn an_empty_result_covers_its_range_and_is_merged_by_the_next() {
    let dir = scratch();
    let (log, addresses) = written(dir.path(), 40);
    let all = ids(&log);
    for pair in all[..4].chunks(2) {
        compact(&log, pair, &mut |_, _| Verdict::Drop);
    }
    let segments = log.segments();
    assert!(segments[0].bytes < 200 && segments[1].bytes < 200);
    let two = ids(&log)[..2].to_vec();
    compact(&log, &two, &mut |_, _| panic!("there are no frames"));
    let segments = log.segments();
    assert_eq!(
        (segments[0].id.base(), segments[0].end),
        (Lsn::FIRST, all[4].base())
    );
    log.close().unwrap();
    let (log, _, frames) = open(dir.path(), small_segments()).unwrap();
    let left = addresses.iter().filter(|at| at.lsn >= all[4].base());
    assert_eq!(frames.len(), left.count());
    // All that is left to be compacted, with a compacted one in front.
    let all = ids(&log);
    compact(&log, &all[..all.len() - 1], &mut |_, _| Verdict::Keep);
    log.close().unwrap();
    let (_, _, again) = open(dir.path(), small_segments()).unwrap();
    assert_eq!(payloads(&again), payloads(&frames));
}

#[test]
fn only_adjacent_sealed_segments_can_be_compacted() {
    let dir = scratch();
    let (log, _) = written(dir.path(), 40);
    let all = ids(&log);
    let unknown = SegmentId::new(Lsn::new(2));
    for run in [
        vec![],
        vec![unknown],
        vec![all[0], all[2]],
        vec![all[1], all[0]],
        vec![all[0], all[0]],
        vec![*all.last().unwrap()],
        all.clone(),
    ] {
        let refused = try_compact(&log, &run, &mut |_, _| Verdict::Keep);
        assert!(
            matches!(refused, Err(LogError::NotCompactable { .. })),
            "{run:?}"
        );
    }
}

#[test]
fn it_can_be_stopped_and_leaves_nothing() {
    let dir = scratch();
    let (log, _) = written(dir.path(), 40);
    let before = all_files(dir.path());
    let pace = &mut |_| ControlFlow::Break(());
    let run = ids(&log)[..3].to_vec();
    let (as_of, near) = (log.durable_lsn(), &mut |_, _: &[u8]| 0);
    let options = CompactOptions { as_of, pace, near };
    let stopped = log.compact(&run, options, &mut keep_even);
    assert_eq!(stopped.unwrap(), Compaction::Stopped);
    assert_eq!(all_files(dir.path()), before);
    compact(&log, &run, &mut keep_even);
}

#[test]
fn readers_and_writers_go_on_meanwhile() {
    let dir = scratch();
    let (fs, faults) = FaultyFs::new();
    faults.skip_syncs.store(true, Relaxed);
    let told = Arc::new(Told::default());
    let options = LogOptions {
        segment_bytes: 4096,
        ..LogOptions::default()
    };
    let (log, _, _) = open_with(fs, dir.path(), options, told.clone()).unwrap();
    for number in 0..400 {
        commit(&log, &payload(number));
    }
    let old = told.0.lock().clone();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for thread in 0..3_usize {
            let (log, old, done) = (&log, &old, &done);
            scope.spawn(move || {
                let mut at = thread * 131;
                while !done.load(Relaxed) {
                    at = (at + 37) % old.len();
                    match log.read(old[at]) {
                        Ok(read) => assert_eq!(read[..], payload(at as u64)),
                        Err(LogError::Dropped { lsn }) => assert!(lsn.get() % 5 == 1),
                        Err(error) => panic!("{error}"),
                    }
                }
            });
        }
        scope.spawn(|| {
            for number in 400..800 {
                commit(&log, &payload(number));
            }
        });
        for round in 0..30_usize {
            let all = ids(&log);
            let from = round % (all.len() - 1);
            let to = (from + 1 + round % 3).min(all.len() - 1);
            compact(&log, &all[from..to], &mut |at, _| match at.lsn.get() % 5 {
                1 => Verdict::Drop,
                _ => Verdict::Keep,
            });
        }
        done.store(true, Relaxed);
    });
    log.close().unwrap();
    let (_, _, frames) = open(dir.path(), options).unwrap();
    let numbers: Vec<_> = frames.iter().map(|(at, _)| at.lsn.get() - 1).collect();
    assert_eq!(
        numbers.iter().filter(|number| **number % 5 != 0).count(),
        640
    );
    for (number, (_, bytes)) in numbers.iter().zip(&frames) {
        assert_eq!(*bytes, payload(*number));
    }
}

#[test]
fn a_crash_at_any_point_leaves_the_old_or_the_new_state() {
    let (mut old, mut new) = (0, 0);
    for stop_after in 0.. {
        let dir = scratch();
        let (fs, left) = StoppingFs::new();
        let told = Arc::new(Told::default());
        let (log, _, _) = open_with(fs, dir.path(), small_segments(), told.clone()).unwrap();
        for number in 0..40 {
            commit(&log, &payload(number));
        }
        let all = ids(&log);
        // One that was compacted before is part of the run.
        compact(&log, &all[1..3], &mut |_, _| Verdict::Keep);
        let run = ids(&log)[..4].to_vec();
        let end = ids(&log)[4].base();
        left.set(stop_after);
        let outcome = try_compact(&log, &run, &mut keep_even);
        let stopped = left.is_stopped();
        assert!(stopped || outcome.is_ok());
        left.set(0);
        drop(log);
        let addresses = told.0.lock().clone();
        for round in 0..2 {
            let (log, _, frames) = open(dir.path(), small_segments()).unwrap();
            let found: BTreeMap<_, _> = frames
                .into_iter()
                .map(|(at, p)| (at.lsn.get(), p))
                .collect();
            let is_new = found.len() < 40;
            for (number, at) in (0..).zip(&addresses) {
                let gone = is_new && at.lsn < end && at.lsn.get() % 2 == 1;
                let expected = (!gone).then(|| payload(number));
                assert_eq!(found.get(&at.lsn.get()), expected.as_ref());
                match log.read(*at) {
                    Ok(read) => assert_eq!(Some(read.to_vec()), expected),
                    Err(error) => assert!(gone, "{error}"),
                }
            }
            assert_eq!(segment_files(dir.path()), log.segments().len());
            if outcome.is_ok() {
                assert!(is_new);
            }
            if round == 0 {
                *(if is_new { &mut new } else { &mut old }) += 1;
            }
            log.close().unwrap();
        }
        if !stopped {
            break;
        }
    }
    assert!(old > 4 && new > 3, "{old} {new}");
}

#[test]
fn every_flipped_bit_of_a_compacted_segment_is_found() {
    let dir = scratch();
    let (log, _) = written(dir.path(), 40);
    let run = ids(&log)[1..4].to_vec();
    compact(&log, &run, &mut keep_even);
    log.close().unwrap();
    let path = dir.path().join("log").join(run[0].to_string());
    let whole = std::fs::read(&path).unwrap();
    for at in 0..whole.len() {
        for length in [at, whole.len()] {
            let mut bytes = whole[..length].to_vec();
            if let Some(byte) = bytes.get_mut(at) {
                *byte ^= 1 << (at % 8);
            }
            overwrite(&path, &bytes);
            let error = open(dir.path(), small_segments()).unwrap_err();
            assert!(matches!(error, LogError::Corrupt { .. }), "{error}");
            assert!(error.to_string().contains(&run[0].to_string()), "{error}");
        }
    }
    overwrite(&path, &[&whole[..], &[0]].concat());
    assert!(open(dir.path(), small_segments()).is_err());
    std::fs::remove_file(&path).unwrap();
    let error = open(dir.path(), small_segments()).unwrap_err();
    assert!(error.to_string().contains("missing"), "{error}");
}

#[test]
fn what_a_compacted_segment_replaced_is_removed_only_if_that_is_whole() {
    let (dir, kept) = (scratch(), scratch());
    let (log, addresses) = written(dir.path(), 40);
    let run = ids(&log)[1..4].to_vec();
    copy_dir(&dir.path().join("log"), kept.path());
    compact(&log, &run, &mut keep_even);
    log.close().unwrap();
    let path = |id: &SegmentId| dir.path().join("log").join(id.to_string());
    std::fs::copy(kept.path().join(run[1].to_string()), path(&run[1])).unwrap();
    let whole = std::fs::read(path(&run[0])).unwrap();
    let mut bytes = whole.clone();
    bytes[HEADER as usize + 41] ^= 1;
    overwrite(&path(&run[0]), &bytes);
    let from = stepwell::log::ReplayFrom::Position(addresses[39].position_after());
    let open = || {
        open_from(
            Arc::new(OsFs),
            dir.path(),
            small_segments(),
            from,
            Arc::new(()),
        )
    };
    assert!(matches!(open(), Err(LogError::Corrupt { .. })));
    assert!(path(&run[1]).exists());
    overwrite(&path(&run[0]), &whole);
    open().unwrap();
    assert!(!path(&run[1]).exists());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_compactions_keep_what_they_are_told_to(
        rounds in proptest::collection::vec(
            (any::<prop::sample::Index>(), 1..5_usize, 2..6_u64, any::<bool>()), 1..8),
    ) {
        let dir = scratch();
        let (fs, faults) = FaultyFs::new();
        faults.skip_syncs.store(true, Relaxed);
        let told = Arc::new(Told::default());
        let (mut log, _, _) = open_with(fs.clone(), dir.path(), small_segments(), told.clone()).unwrap();
        let mut model = BTreeMap::new();
        for (from, length, nth, reopen) in rounds {
            for number in 0..20 {
                let lsn = commit(&log, &payload(number));
                model.insert(lsn, payload(number));
            }
            let all = ids(&log);
            let from = from.index(all.len() - 1);
            let to = (from + length).min(all.len() - 1);
            compact(&log, &all[from..to], &mut |at, payload| {
                let (lsn, replaced) = (at.lsn.get(), [payload, &[7; 9]].concat());
                match lsn % nth {
                    0 => { model.remove(&lsn); Verdict::Drop }
                    1 => { model.insert(lsn, replaced.clone()); Verdict::Replace(replaced) }
                    _ => Verdict::Keep,
                }
            });
            if reopen {
                log.close().unwrap();
                let (again, _, frames) = open_with(fs.clone(), dir.path(), small_segments(), told.clone()).unwrap();
                let frames: BTreeMap<_, _> = frames.into_iter().map(|(at, p)| (at.lsn.get(), p)).collect();
                prop_assert_eq!(&frames, &model);
                log = again;
            }
            for at in told.0.lock().iter() {
                let read = log.read(*at).ok().map(|read| read.to_vec());
                prop_assert_eq!(read.as_ref(), model.get(&at.lsn.get()));
            }
        }
    }
}

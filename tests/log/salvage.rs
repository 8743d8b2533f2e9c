//! Salvage: whatever is damaged, every other frame is given out, and what is not is listed.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use proptest::prelude::*;
use stepwell::log::{LogError, LogOptions, SalvageReport, Verdict, salvage};
use stepwell::vfs::OsFs;

use crate::compaction::compact;
use crate::support::*;

fn salvaged(dir: &Path) -> (SalvageReport, BTreeSet<u64>) {
    let mut found = BTreeSet::new();
    let report = salvage(Arc::new(OsFs), dir, &mut |at, bytes| {
        assert_eq!(bytes, payload(at.lsn.get() - 1));
        assert!(found.insert(at.lsn.get()));
        Ok(())
    });
    (report.unwrap(), found)
}

/// A closed log of 40 frames whose second third is compacted; gives the LSNs that were kept.
fn written(dir: &Path) -> BTreeSet<u64> {
    let (log, _, _) = open(dir, small_segments()).unwrap();
    for number in 0..40 {
        commit(&log, &payload(number));
    }
    let ids: Vec<_> = log.segments().iter().map(|segment| segment.id).collect();
    let third = ids.len() / 3;
    let mut kept: BTreeSet<u64> = (1..=40).collect();
    compact(
        &log,
        &ids[third..2 * third],
        &mut |at, _| match at.lsn.get() % 3 {
            0 => {
                kept.remove(&at.lsn.get());
                Verdict::Drop
            }
            _ => Verdict::Keep,
        },
    );
    log.close().unwrap();
    kept
}

#[test]
fn a_whole_log_is_given_out_and_nothing_is_lost() {
    let dir = scratch();
    let kept = written(dir.path());
    let before = all_files(dir.path());
    let (report, found) = salvaged(dir.path());
    assert_eq!((report.lost.len(), report.frames), (0, kept.len() as u64));
    assert_eq!(found, kept);
    assert_eq!(all_files(dir.path()), before);
    let (log, _, _) = open(dir.path(), small_segments()).unwrap();
    let locked = salvage(Arc::new(OsFs), dir.path(), &mut |_, _| Ok(()));
    assert!(matches!(locked, Err(LogError::Locked { .. })));
    drop(log);
}

#[test]
fn a_flipped_byte_costs_its_frame_or_its_block_and_no_other() {
    let dir = scratch();
    let kept = written(dir.path());
    for (path, bytes) in all_files(dir.path()) {
        let is_compacted = bytes.starts_with(b"STEPWSEG") && bytes[72] == 2;
        for at in (0..bytes.len()).step_by(if bytes.len() > 4000 { 997 } else { 1 }) {
            let mut damaged = bytes.clone();
            damaged[at] ^= 1;
            overwrite(&path, &damaged);
            let (report, found) = salvaged(dir.path());
            let lost: Vec<_> = kept.difference(&found).collect();
            assert!(
                is_compacted || lost.len() <= 1,
                "byte {at} of {path:?}: {lost:?}"
            );
            for lsn in lost {
                let listed = report
                    .lost
                    .iter()
                    .any(|lost| (lost.lsns.start.get()..lost.lsns.end.get()).contains(lsn));
                assert!(
                    listed,
                    "byte {at} of {path:?}: {lsn} is not in {:?}",
                    report.lost
                );
            }
        }
        overwrite(&path, &bytes);
    }
}

/// The LSNs of the frames of an ordinary segment that begin at this byte or behind it.
fn from(bytes: &[u8], offset: usize) -> BTreeSet<u64> {
    let starts = (HEADER as usize..bytes.len())
        .step_by(8)
        .filter(|at| bytes[*at..].starts_with(b"SWFR"));
    let lsn = |at: usize| u64::from_le_bytes(bytes[at + 16..at + 24].try_into().unwrap());
    starts.filter(|at| *at >= offset).map(lsn).collect()
}

#[test]
fn what_is_behind_the_head_of_a_segment_is_kept_whatever_is_in_its_place() {
    let (dir, other) = (scratch(), scratch());
    let kept = written(dir.path());
    written(other.path());
    let files = all_files(&dir.path().join("log"));
    let foreign = all_files(&other.path().join("log"));
    let heads: Vec<_> = [vec![0; 300], vec![0xA5; 300], b"SWFR".repeat(75)]
        .into_iter()
        .chain(
            files
                .values()
                .chain(foreign.values())
                .map(|bytes| bytes[..bytes.len().min(300)].to_vec()),
        )
        .collect();
    for (path, bytes) in &files {
        let is_compacted = bytes[72] == 2;
        for head in &heads {
            let length = head.len().min(bytes.len());
            if bytes[..length] == head[..length] {
                continue;
            }
            let damaged = [&head[..length], &bytes[length..]].concat();
            overwrite(path, &damaged);
            let (report, found) = salvaged(dir.path());
            for lsn in kept.difference(&found) {
                let listed = (report.lost.iter())
                    .any(|lost| (lost.lsns.start.get()..lost.lsns.end.get()).contains(lsn));
                assert!(listed, "{lsn} of {path:?} is not in {:?}", report.lost);
            }
            assert!(found.is_subset(&kept));
            assert!(
                is_compacted || from(bytes, length).is_subset(&found),
                "{path:?}: {:?}",
                report.lost
            );
        }
        overwrite(path, bytes);
    }
}

#[test]
fn a_compacted_segment_without_its_header_gives_all_of_its_frames() {
    let dir = scratch();
    let kept = written(dir.path());
    for (path, bytes) in all_files(&dir.path().join("log")) {
        let mut damaged = bytes.clone();
        damaged[..HEADER as usize].fill(0);
        overwrite(&path, &damaged);
        let (_, found) = salvaged(dir.path());
        assert_eq!(found, kept, "{path:?}");
        overwrite(&path, &bytes);
    }
}

#[test]
fn records_of_a_killed_log_that_nothing_else_tells_of_are_named() {
    let dir = scratch();
    let (log, _, _) = open(dir.path(), LogOptions::default()).unwrap();
    commit(&log, &payload(0));
    let killed = scratch();
    copy_dir(dir.path(), killed.path());
    for (path, bytes) in all_files(&killed.path().join("log")) {
        overwrite(&path, &vec![0; bytes.len()]);
    }
    let (report, found) = salvaged(killed.path());
    assert_eq!(found, BTreeSet::new());
    let lost: Vec<_> = report
        .lost
        .iter()
        .map(|lost| (lost.lsns.start.get(), lost.offset))
        .collect();
    assert_eq!(lost, [(1, 0)]);
}

#[test]
fn a_frame_that_claims_more_than_the_file_has_does_not_end_the_search_for_a_salt() {
    let dir = scratch();
    let (log, _, _) = open(dir.path(), LogOptions::default()).unwrap();
    for number in 0..10 {
        commit(&log, &payload(number));
    }
    log.close().unwrap();
    let path = last_segment(dir.path());
    let mut bytes = std::fs::read(&path).unwrap();
    let header = HEADER as usize;
    bytes[..header].fill(0);
    bytes[header + 8..header + 12].copy_from_slice(&(16_u32 << 20).to_le_bytes());
    overwrite(&path, &bytes);
    let (report, found) = salvaged(dir.path());
    assert_eq!(found, (2..=10).collect(), "{:?}", report.lost);
}

#[test]
fn of_two_salts_the_one_counts_that_most_frames_were_written_with() {
    let dirs = [scratch(), scratch()];
    let [one, other] = dirs.each_ref().map(|dir| {
        let (log, _, _) = open(dir.path(), LogOptions::default()).unwrap();
        for number in 0..10 {
            commit(&log, &payload(number));
        }
        log.close().unwrap();
        std::fs::read(last_segment(dir.path())).unwrap()
    });
    // Where the fourth frame begins.
    let starts = (HEADER as usize..one.len()).filter(|at| one[*at..].starts_with(b"SWFR"));
    let fourth = starts.skip(3).min().unwrap();
    for (dir, own, foreign) in [(&dirs[0], &one, &other), (&dirs[1], &other, &one)] {
        let header = vec![0; HEADER as usize];
        let middle = &foreign[HEADER as usize..fourth];
        let damaged = [&header, middle, &own[fourth..]].concat();
        overwrite(&last_segment(dir.path()), &damaged);
        let (report, found) = salvaged(dir.path());
        assert_eq!(found, (4..=10).collect());
        let lost: Vec<_> = (report.lost.iter())
            .map(|lost| (lost.lsns.start.get(), lost.lsns.end.get()))
            .collect();
        assert_eq!(lost, [(1, 4)]);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_not_given_out_is_listed_whatever_happens(
        splices in proptest::collection::vec(
            (any::<prop::sample::Index>(), any::<prop::sample::Index>(), 0..200_usize,
             proptest::collection::vec(any::<u8>(), 0..64)),
            1..4,
        ),
        removed in proptest::option::of(any::<prop::sample::Index>()),
    ) {
        let dir = scratch();
        let kept = written(dir.path());
        let paths: Vec<_> = all_files(&dir.path().join("log")).into_keys().collect();
        for (file, at, removed, inserted) in splices {
            let path = file.get(&paths);
            let mut bytes = std::fs::read(path).unwrap();
            let from = at.index(bytes.len() + 1);
            let to = (from + removed).min(bytes.len());
            bytes.splice(from..to, inserted);
            overwrite(path, &bytes);
        }
        if let Some(removed) = removed {
            std::fs::remove_file(removed.get(&paths)).unwrap();
        }
        let (report, found) = salvaged(dir.path());
        prop_assert!(found.is_subset(&kept));
        for lsn in kept.difference(&found) {
            let listed = report.lost.iter().any(|lost| (lost.lsns.start.get()..lost.lsns.end.get()).contains(lsn));
            prop_assert!(listed, "{} is not in {:?}", lsn, report.lost);
        }
    }
}

//! Damage to what was durable: the open says where it is and changes nothing.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use proptest::prelude::*;
use stepwell::log::{LogError, LogOptions, Lsn, salvage};
use stepwell::vfs::Vfs;
use tempfile::TempDir;

use crate::faults::FaultyFs;
use crate::support::*;

fn fast_fs() -> Arc<dyn Vfs> {
    let (fs, faults) = FaultyFs::new();
    faults.skip_syncs.store(true, Relaxed);
    fs
}

/// A database of several segments, closed, or left behind by a killed process.
fn database(clean: bool, commits: u64) -> (TempDir, Vec<Vec<u8>>) {
    let (dir, left) = (scratch(), scratch());
    let (log, _, _) = open(dir.path(), small_segments()).unwrap();
    let expected: Vec<_> = (0..commits).map(payload).collect();
    for payload in &expected {
        commit(&log, payload);
    }
    if clean {
        log.close().unwrap();
    }
    copy_dir(dir.path(), left.path());
    (left, expected)
}

fn restore(files: &BTreeMap<PathBuf, Vec<u8>>, dir: &Path) {
    for path in all_files(dir).keys() {
        if !files.contains_key(path) {
            std::fs::remove_file(path).unwrap();
        }
    }
    let now = all_files(dir);
    for (path, bytes) in files {
        if now.get(path) != Some(bytes) {
            overwrite(path, bytes);
        }
    }
}

fn refused(fs: &Arc<dyn Vfs>, dir: &Path) -> LogError {
    let before = all_files(dir);
    let error = match open_with(fs.clone(), dir, small_segments(), Arc::new(())) {
        Ok((_, report, _)) => panic!("the damage was not found: {report:?}"),
        Err(error) => error,
    };
    assert_eq!(
        all_files(dir),
        before,
        "a refused open changes nothing: {error}"
    );
    error
}

fn assert_names(error: &LogError, path: &Path) {
    let name = path.file_name().unwrap().to_string_lossy();
    assert!(
        error.to_string().contains(&*name),
        "{error} does not name {name}"
    );
}

#[test]
fn every_flipped_bit_of_a_closed_log_is_found() {
    let (dir, expected) = database(true, 16);
    let fs = fast_fs();
    let files = all_files(dir.path());
    assert!(files.len() >= 4);
    for (path, bytes) in &files {
        for at in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 1 << (at % 8);
            overwrite(path, &damaged);
            if path.ends_with("SUPERBLOCK") {
                let (log, report, frames) =
                    open_with(fs.clone(), dir.path(), small_segments(), Arc::new(())).unwrap();
                assert_eq!(payloads(&frames), expected);
                assert!(report.clean);
                assert_eq!(report.damaged_superblock_slot, Some((at / 4096) as u8));
                drop(log);
            } else {
                assert_names(&refused(&fs, dir.path()), path);
            }
            restore(&files, dir.path());
        }
    }
}

#[test]
fn a_closed_log_cut_anywhere_is_found() {
    let (dir, _) = database(true, 16);
    let fs = fast_fs();
    for (path, bytes) in &all_files(&dir.path().join("log")) {
        for length in 0..bytes.len() {
            overwrite(path, &bytes[..length]);
            assert_names(&refused(&fs, dir.path()), path);
        }
        overwrite(path, bytes);
    }
}

#[test]
fn a_flipped_bit_of_a_killed_log_is_found_unless_it_may_be_a_torn_tail() {
    let (dir, expected) = database(false, 10);
    let fs = fast_fs();
    let files = all_files(dir.path());
    let last = last_segment(dir.path());
    let mut torn = 0;
    for (path, bytes) in &files {
        let content = bytes.iter().rposition(|byte| *byte != 0).unwrap() + 1;
        for at in 0..content {
            let mut damaged = bytes.clone();
            damaged[at] ^= 1 << (at % 8);
            overwrite(path, &damaged);
            match open_with(fs.clone(), dir.path(), small_segments(), Arc::new(())) {
                Ok((_, report, frames)) if report.torn_tail.is_some() => {
                    // Only of the last frame nothing says that it was durable.
                    assert_eq!(*path, last);
                    assert_eq!(payloads(&frames), expected[..expected.len() - 1]);
                    torn += 1;
                }
                Ok((_, _, frames)) => assert_eq!(payloads(&frames), expected),
                Err(error) => assert_names(&error, path),
            }
            restore(&files, dir.path());
        }
    }
    assert!(torn > 40);
}

#[test]
fn an_acknowledged_last_frame_that_rots_after_a_quiet_second_is_found() {
    let dir = tempfile::tempdir().unwrap();
    let left = tempfile::tempdir().unwrap();
    let (log, _, _) = open(dir.path(), LogOptions::default()).unwrap();
    commit(&log, b"the last frame");
    let before = std::fs::read(dir.path().join("SUPERBLOCK")).unwrap();
    let begun = Instant::now();
    // Both slots.
    let changed =
        |now: &[u8]| (0..2).all(|slot| now[slot * 4096..][..64] != before[slot * 4096..][..64]);
    while !changed(&std::fs::read(dir.path().join("SUPERBLOCK")).unwrap()) {
        assert!(begun.elapsed() < Duration::from_secs(60));
        std::thread::sleep(Duration::from_millis(20));
    }
    copy_dir(dir.path(), left.path());
    let segment = last_segment(left.path());
    let mut bytes = std::fs::read(&segment).unwrap();
    bytes[HEADER as usize + 45] ^= 1;
    overwrite(&segment, &bytes);
    let error = open(left.path(), LogOptions::default()).unwrap_err();
    let LogError::Corrupt { offset, lsns, .. } = error else {
        panic!("{error}");
    };
    assert_eq!((offset, lsns), (HEADER, Lsn::new(1)..Lsn::new(2)));
}

#[test]
fn a_missing_segment_is_named() {
    for clean in [true, false] {
        let (dir, _) = database(clean, 20);
        let files = all_files(dir.path());
        for path in files.keys().filter(|path| !path.ends_with("SUPERBLOCK")) {
            std::fs::remove_file(path).unwrap();
            let error = refused(&fast_fs(), dir.path());
            assert!(matches!(error, LogError::Corrupt { .. }), "{error}");
            // A gap shows at the end of the segment in front of it.
            let gap = error.to_string().contains("before the next segment begins");
            if !gap {
                assert_names(&error, path);
            }
            restore(&files, dir.path());
        }
        std::fs::remove_dir_all(dir.path().join("log")).unwrap();
        let error = open(dir.path(), small_segments()).unwrap_err();
        assert!(error.to_string().contains("missing"), "{error}");
    }
}

#[test]
fn a_missing_superblock_or_one_without_a_whole_slot_is_named() {
    let (dir, _) = database(true, 3);
    let path = dir.path().join("SUPERBLOCK");
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[20] ^= 1;
    bytes[4096 + 20] ^= 1;
    overwrite(&path, &bytes);
    assert_names(&refused(&fast_fs(), dir.path()), &path);
    std::fs::remove_file(&path).unwrap();
    assert_names(&refused(&fast_fs(), dir.path()), &path);
}

#[test]
fn a_slot_of_another_database_does_not_count() {
    let (other, _) = database(true, 3);
    let other = std::fs::read(other.path().join("SUPERBLOCK")).unwrap();
    for slot in [0, 4096] {
        let (dir, frames) = database(true, 3);
        let path = dir.path().join("SUPERBLOCK");
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[slot..][..4096].copy_from_slice(&other[slot..][..4096]);
        overwrite(&path, &bytes);
        let (log, report, found) = open(dir.path(), small_segments()).unwrap();
        assert_eq!(payloads(&found), frames);
        assert_eq!(report.damaged_superblock_slot, Some((slot / 4096) as u8));
        log.close().unwrap();
        let now = std::fs::read(&path).unwrap();
        assert_eq!(now[16..32], now[4096 + 16..][..16]);
    }
}

#[test]
fn two_slots_of_which_no_segment_or_each_tells_the_database_are_named() {
    let (dir, _) = database(true, 16);
    let (other, _) = database(true, 16);
    let path = dir.path().join("SUPERBLOCK");
    let mut bytes = std::fs::read(&path).unwrap();
    let foreign = std::fs::read(other.path().join("SUPERBLOCK")).unwrap();
    bytes[4096..].copy_from_slice(&foreign[4096..]);
    overwrite(&path, &bytes);
    std::fs::copy(last_segment(other.path()), last_segment(dir.path())).unwrap();
    assert_names(&refused(&fast_fs(), dir.path()), &path);
    std::fs::remove_dir_all(dir.path().join("log")).unwrap();
    assert_names(&refused(&fast_fs(), dir.path()), &path);
}

#[test]
fn a_segment_of_another_database_is_named() {
    let (dir, _) = database(true, 3);
    let (other, _) = database(true, 3);
    let path = last_segment(dir.path());
    std::fs::copy(last_segment(other.path()), &path).unwrap();
    let error = refused(&fast_fs(), dir.path());
    assert!(matches!(error, LogError::ForeignSegment { .. }), "{error}");
    assert_names(&error, &path);
}

#[test]
fn damage_that_happens_while_the_log_is_open_is_found_by_the_read() {
    let dir = tempfile::tempdir().unwrap();
    let told = Arc::new(Told::default());
    let (log, _, _) =
        open_with(fast_fs(), dir.path(), LogOptions::default(), told.clone()).unwrap();
    commit(&log, b"a payload");
    let at = told.0.lock()[0];
    let path = last_segment(dir.path());
    let whole = std::fs::read(&path).unwrap();
    for byte in 96..96 + 56 {
        let mut bytes = whole.clone();
        bytes[byte] ^= 2;
        overwrite(&path, &bytes);
        let error = log.read(at).unwrap_err();
        assert!(
            matches!(error, LogError::Corrupt { offset: HEADER, .. }),
            "{error}"
        );
    }
    overwrite(&path, &whole);
    assert_eq!(&log.read(at).unwrap()[..], b"a payload");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn whatever_happens_to_a_killed_log_an_open_gives_a_prefix_or_refuses(
        splices in proptest::collection::vec(
            (any::<prop::sample::Index>(), any::<prop::sample::Index>(), 0..200_usize,
             proptest::collection::vec(any::<u8>(), 0..64)),
            1..4,
        )
    ) {
        let (dir, expected) = database(false, 12);
        let paths: Vec<_> = all_files(dir.path()).into_keys().collect();
        for (file, at, removed, inserted) in splices {
            let path = file.get(&paths);
            let mut bytes = std::fs::read(path).unwrap();
            let from = at.index(bytes.len().min(1200) + 1).min(bytes.len());
            let to = (from + removed).min(bytes.len());
            bytes.splice(from..to, inserted);
            overwrite(path, &bytes);
        }
        let before = all_files(dir.path());
        match open_with(fast_fs(), dir.path(), small_segments(), Arc::new(())) {
            Ok((_, _, frames)) => prop_assert_eq!(payloads(&frames), &expected[..frames.len()]),
            Err(_) => prop_assert_eq!(all_files(dir.path()), before),
        }
    }
}

#[test]
fn a_frame_of_a_later_kind_is_refused_where_it_is_and_salvage_goes_past_it() {
    let fs = fast_fs();
    for clean in [true, false] {
        let (dir, expected) = database(clean, 20);
        let segments = all_files(&dir.path().join("log"));
        assert!(segments.len() > 3);
        for (path, bytes) in &segments {
            let at = HEADER as usize;
            let mut newer = bytes.clone();
            newer[at + 4] = 2;
            let seed = [&bytes[40..48], &bytes[at + 16..at + 24], &[1]].concat();
            let crc = crc32fast::hash(&[&seed, &newer[at..at + 36]].concat());
            newer[at + 36..at + 40].copy_from_slice(&crc.to_le_bytes());
            overwrite(path, &newer);
            match refused(&fs, dir.path()) {
                LogError::NewerFormat {
                    path: named,
                    offset,
                    what,
                } => {
                    assert_eq!((&named, offset), (path, HEADER));
                    assert!(what.contains("kind 2"), "{what}");
                }
                other => panic!("{other}"),
            }
            let mut frames = 0;
            let report = salvage(fs.clone(), dir.path(), &mut |_, _| {
                frames += 1;
                Ok(())
            });
            let lost = report.unwrap().lost;
            assert_eq!(frames + 1, expected.len());
            overwrite(path, bytes);
            match lost.as_slice() {
                [lost] => assert!(lost.reason.contains("newer version"), "{lost:?}"),
                // Nothing behind it says that it was durable.
                lost => assert!(!clean && lost.is_empty(), "{lost:?}"),
            }
        }
    }
}

//! Opening a log that was not closed: torn tails are cut, reported, and never come back.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use stepwell::log::{Durability, LogOptions, Lsn, TornTail};
use tempfile::TempDir;

use crate::faults::FaultyFs;
use crate::support::*;

/// What a killed process leaves after these commits. Without syncs nothing but the beginning of the
/// last segment is known to be durable.
fn killed(options: LogOptions, commits: u64) -> (TempDir, Frames) {
    let (dir, killed) = (scratch(), scratch());
    let told = Arc::new(Told::default());
    let (log, _, _) = open_with(
        Arc::new(stepwell::vfs::OsFs),
        dir.path(),
        options,
        told.clone(),
    )
    .unwrap();
    for number in 0..commits {
        commit(&log, &payload(number));
    }
    copy_dir(dir.path(), killed.path());
    let frames = told
        .0
        .lock()
        .iter()
        .copied()
        .zip((0..commits).map(payload))
        .collect();
    (killed, frames)
}

fn unsynced(segment_bytes: u64) -> LogOptions {
    LogOptions {
        segment_bytes,
        durability: Durability::Os,
    }
}

fn truncate(path: &Path, length: u64) {
    let file = std::fs::OpenOptions::new().write(true).open(path).unwrap();
    file.set_len(length).unwrap();
}

fn frame_end(at: &stepwell::log::FrameAddress) -> u64 {
    at.offset + 40 + u64::from(at.payload_len).next_multiple_of(8)
}

#[test]
fn a_log_cut_anywhere_keeps_every_whole_frame_before_the_cut() {
    let options = unsynced(800);
    let (dir, frames) = killed(options, 25);
    let last = last_segment(dir.path());
    let in_last: Vec<_> = frames
        .iter()
        .filter(|(at, _)| last.ends_with(at.segment.to_string()))
        .collect();
    assert!(in_last.len() >= 4 && frames.len() - in_last.len() >= 4);
    let (end, _) = in_last.last().unwrap();
    let before = all_files(dir.path());
    for length in HEADER..=frame_end(end) {
        let work = scratch();
        copy_dir(dir.path(), work.path());
        truncate(&last_segment(work.path()), length);
        let (log, report, found) = open(work.path(), options).unwrap();
        let whole = frames.len() - in_last.len()
            + in_last
                .iter()
                .filter(|(at, _)| frame_end(at) <= length)
                .count();
        assert_eq!(found, frames[..whole]);
        let cut = in_last
            .iter()
            .map(|(at, _)| frame_end(at))
            .filter(|end| *end <= length)
            .max()
            .unwrap_or(HEADER);
        match report.torn_tail {
            None => assert_eq!(cut, length),
            Some(torn) => {
                assert_eq!(
                    (torn.offset, torn.first_lsn),
                    (cut, Lsn::new(whole as u64 + 1))
                );
                assert!(torn.bytes > 0 && torn.bytes <= length - cut);
            }
        }
        assert_eq!(commit(&log, b"new"), whole as u64 + 1);
        log.close().unwrap();
        let (_log, report, again) = open(work.path(), options).unwrap();
        assert!(report.clean);
        assert_eq!(again[..whole], found[..]);
        assert_eq!(again[whole].1, b"new");
        assert_eq!(again.len(), whole + 1);
    }
    assert_eq!(all_files(dir.path()), before);
}

#[test]
fn frames_beyond_a_torn_one_are_cut_and_never_come_back() {
    let options = unsynced(64 * 1024);
    let (dir, frames) = killed(options, 12);
    let segment = last_segment(dir.path());
    let torn = frames[5].0;
    let mut bytes = std::fs::read(&segment).unwrap();
    bytes[torn.offset as usize + 41] ^= 4;
    std::fs::write(&segment, &bytes).unwrap();

    let (log, report, found) = open(dir.path(), options).unwrap();
    assert_eq!(found, frames[..5]);
    let content = frame_end(&frames[11].0) - torn.offset;
    let cut = report.torn_tail.unwrap();
    assert!(cut.bytes <= content && cut.bytes > content - 8);
    assert_eq!(
        cut,
        TornTail {
            segment: torn.segment,
            offset: torn.offset,
            first_lsn: Lsn::new(6),
            bytes: cut.bytes,
        }
    );
    // A frame of the same LSN and length as the torn one: what follows on the medium would fit.
    let replacement = vec![9; frames[5].1.len()];
    assert_eq!(commit(&log, &replacement), 6);
    log.close().unwrap();

    // The trim of the old segment may have been lost.
    std::fs::write(&segment, &bytes).unwrap();
    let (_log, _, found) = open(dir.path(), options).unwrap();
    assert_eq!(found[..5], frames[..5]);
    assert_eq!(found.len(), 6);
    assert_eq!(found[5].1, replacement);
}

#[test]
fn a_segment_without_a_whole_frame_is_replaced() {
    let options = unsynced(64 * 1024);
    let (dir, frames) = killed(options, 3);
    let segment = last_segment(dir.path());
    let mut bytes = std::fs::read(&segment).unwrap();
    bytes[HEADER as usize] ^= 1;
    std::fs::write(&segment, &bytes).unwrap();
    let (log, report, found) = open(dir.path(), options).unwrap();
    assert!(found.is_empty());
    assert_eq!(report.torn_tail.unwrap().offset, HEADER);
    assert_eq!(last_segment(dir.path()), segment);
    assert_eq!(commit(&log, &frames[0].1), 1);
    log.close().unwrap();
    let (_log, _, found) = open(dir.path(), options).unwrap();
    assert_eq!(payloads(&found), [frames[0].1.clone()]);
}

#[test]
fn an_unclean_log_can_be_opened_unclean_again_and_again() {
    let options = unsynced(512);
    let dir = tempfile::tempdir().unwrap();
    let mut expected = Vec::new();
    let mut current = dir;
    for round in 0..8 {
        let next = tempfile::tempdir().unwrap();
        let (log, _, found) = open(current.path(), options).unwrap();
        assert_eq!(payloads(&found), expected);
        // Some rounds write nothing.
        for number in 0..(round % 3) * 4 {
            commit(&log, &payload(number));
            expected.push(payload(number));
        }
        copy_dir(current.path(), next.path());
        drop(log);
        current = next;
    }
    assert!(!expected.is_empty());
}

#[test]
fn only_frames_that_are_not_known_to_be_durable_are_written_again() {
    const FRAME: u64 = 8 << 10;
    for (durability, least, most) in [
        (Durability::Sync, FRAME, 32 * FRAME),
        (Durability::Os, 128 * FRAME, 160 * FRAME),
    ] {
        let (dir, killed) = (scratch(), scratch());
        let options = LogOptions {
            durability,
            ..LogOptions::default()
        };
        let (log, _, _) = open(dir.path(), options).unwrap();
        for number in 0..128 {
            commit(&log, &[number; FRAME as usize]);
        }
        copy_dir(dir.path(), killed.path());
        let (fs, faults) = FaultyFs::new();
        let (_log, report, frames) = open_with(fs, killed.path(), options, Arc::new(())).unwrap();
        assert_eq!((report.clean, frames.len()), (false, 128));
        let written = faults.written.load(Ordering::Relaxed);
        assert!(
            (least..most).contains(&written),
            "{durability:?}: {written}"
        );
    }
}

#[test]
fn what_an_interrupted_creation_left_is_removed() {
    let (dir, frames) = killed(unsynced(512), 10);
    let leftover = dir.path().join("log/00000000000000000011.seg.tmp");
    std::fs::write(&leftover, b"half a segment").unwrap();
    let (_log, _, found) = open(dir.path(), unsynced(512)).unwrap();
    assert_eq!(found, frames);
    assert!(!leftover.exists());
}

#[test]
fn a_creation_interrupted_after_any_of_its_steps_is_finished() {
    let (whole, _) = killed(LogOptions::default(), 0);
    // In the order in which they come to be.
    for missing in [&["SUPERBLOCK", "log"][..], &["SUPERBLOCK"], &["log"]] {
        let dir = tempfile::tempdir().unwrap();
        if missing != ["log"] {
            copy_dir(whole.path(), dir.path());
            for name in missing {
                let path = dir.path().join(name);
                if path.is_dir() {
                    std::fs::remove_dir_all(path).unwrap();
                } else {
                    std::fs::remove_file(path).unwrap();
                }
            }
            if *missing == ["SUPERBLOCK"] {
                std::fs::remove_file(last_segment(dir.path())).unwrap();
            }
        }
        let (log, report, _) = open(dir.path(), LogOptions::default()).unwrap();
        assert!(report.created);
        assert_eq!(commit(&log, b"first"), 1);
    }
}

#[test]
fn a_log_that_was_killed_before_it_wrote_anything_was_not_closed() {
    let (dir, killed) = (scratch(), scratch());
    let (log, _, _) = open(dir.path(), LogOptions::default()).unwrap();
    commit(&log, &payload(0));
    log.close().unwrap();
    let (log, report, _) = open(dir.path(), LogOptions::default()).unwrap();
    assert!(report.clean);
    copy_dir(dir.path(), killed.path());
    log.close().unwrap();
    for clean in [false, true] {
        let (log, report, frames) = open(killed.path(), LogOptions::default()).unwrap();
        assert_eq!((report.clean, frames.len()), (clean, 1));
        log.close().unwrap();
    }
}

#[test]
fn a_log_without_its_superblock_is_refused_with_what_it_may_be() {
    let (dir, frames) = killed(LogOptions::default(), 3);
    let superblock = dir.path().join("SUPERBLOCK");
    let kept = std::fs::read(&superblock).unwrap();
    std::fs::remove_file(&superblock).unwrap();
    let error = open(dir.path(), LogOptions::default()).unwrap_err();
    let error = error.to_string();
    assert!(error.contains("backup that was interrupted"), "{error}");
    std::fs::write(&superblock, kept).unwrap();
    let (_log, _, found) = open(dir.path(), LogOptions::default()).unwrap();
    assert_eq!(found, frames);
}

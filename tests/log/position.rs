//! Opening a log from a position: what is replayed, what is not read, and what is refused.

use std::path::Path;
use std::sync::Arc;

use stepwell::log::{
    Durability, LogError, LogOptions, LogPosition, Lsn, ReplayFrom, SegmentId, Verdict,
};
use stepwell::vfs::OsFs;

use crate::compaction::compact;
use crate::support::*;

fn from(dir: &Path, at: LogPosition) -> Result<(TestLog, Frames), LogError> {
    let from = ReplayFrom::Position(at);
    open_from(Arc::new(OsFs), dir, small_segments(), from, Arc::new(()))
        .map(|(log, _, frames)| (log, frames))
}

/// A log of several segments, and its frames.
fn written(dir: &Path, commits: u64) -> Frames {
    let (log, _, _) = open(dir, small_segments()).unwrap();
    for number in 0..commits {
        commit(&log, &payload(number));
    }
    log.close().unwrap();
    let (log, _, frames) = open(dir, small_segments()).unwrap();
    log.close().unwrap();
    frames
}

fn is_refused(opened: Result<(TestLog, Frames), LogError>) -> bool {
    matches!(opened, Err(LogError::NoSuchPosition { .. }))
}

#[test]
fn a_log_is_replayed_from_any_of_its_positions() {
    let (dir, left) = (scratch(), scratch());
    let frames = written(dir.path(), 30);
    let mut positions: Vec<_> = frames.iter().map(|(at, _)| at.position()).collect();
    positions.push(frames.last().unwrap().0.position_after());
    for clean in [true, false] {
        for (number, at) in positions.iter().enumerate() {
            if !clean {
                // As a killed process leaves it: open, not closed.
                let (log, _, _) = open(dir.path(), small_segments()).unwrap();
                let _ = std::fs::remove_dir_all(left.path());
                copy_dir(dir.path(), left.path());
                log.close().unwrap();
            }
            let path = if clean { dir.path() } else { left.path() };
            let (log, replayed) = from(path, *at).unwrap();
            assert_eq!(replayed, frames[number..]);
            for (at, payload) in &frames {
                assert_eq!(&log.read(*at).unwrap()[..], payload);
            }
            assert_eq!(log.next_lsn().get(), 31);
            log.close().unwrap();
            if number > 0 {
                let (log, replayed) = from(path, frames[number - 1].0.position_after()).unwrap();
                assert_eq!(replayed, frames[number..]);
                log.close().unwrap();
            }
        }
    }
}

#[test]
fn a_position_that_the_log_does_not_have_is_refused_and_nothing_changes() {
    let dir = scratch();
    let frames = written(dir.path(), 30);
    let before = all_files(dir.path());
    let last = frames.last().unwrap().0.position_after();
    for (at, _) in &frames {
        let at = at.position();
        let begins = at.lsn == at.segment.base();
        let wrong = [
            LogPosition {
                offset: at.offset + 8,
                ..at
            },
            LogPosition {
                offset: at.offset + 4,
                ..at
            },
            LogPosition { offset: 0, ..at },
            LogPosition {
                offset: u64::MAX - 7,
                ..at
            },
            LogPosition {
                segment: SegmentId::new(Lsn::new(999)),
                ..at
            },
            LogPosition {
                lsn: at.lsn.plus(1),
                ..at
            },
        ];
        // A segment's beginning is found by its LSN alone.
        let skip = if begins { 5 } else { 0 };
        for at in wrong.into_iter().skip(skip) {
            let boundary = frames
                .iter()
                .any(|(frame, _)| frame.lsn == at.lsn && frame.segment.base() == at.lsn);
            assert!(boundary || is_refused(from(dir.path(), at)), "{at:?}");
        }
    }
    for at in [
        LogPosition {
            lsn: last.lsn.plus(1),
            ..last
        },
        LogPosition {
            offset: last.offset + 8,
            ..last
        },
        LogPosition {
            offset: last.offset - 8,
            ..last
        },
        LogPosition {
            lsn: Lsn::new(last.lsn.get() - 1),
            ..last
        },
        LogPosition {
            lsn: Lsn::new(0),
            ..last
        },
    ] {
        assert!(is_refused(from(dir.path(), at)), "{at:?}");
    }
    let before_now = all_files(dir.path());
    assert_eq!(before_now, before);
}

#[test]
fn a_position_beyond_what_a_crash_left_is_refused() {
    let (dir, left) = (scratch(), scratch());
    let options = LogOptions {
        durability: Durability::Os,
        ..LogOptions::default()
    };
    let told = Arc::new(Told::default());
    let (log, _, _) = open_with(Arc::new(OsFs), dir.path(), options, told.clone()).unwrap();
    for number in 0..5 {
        commit(&log, &payload(number));
    }
    copy_dir(dir.path(), left.path());
    let frames = told.0.lock().clone();
    let segment = last_segment(left.path());
    let whole = std::fs::read(&segment).unwrap();
    // The third frame did not reach the medium; later ones did.
    let mut bytes = whole.clone();
    bytes[frames[2].offset as usize + 41] ^= 1;
    overwrite(&segment, &bytes);
    for at in [
        frames[3].position(),
        frames[4].position(),
        frames[4].position_after(),
    ] {
        assert!(is_refused(from(left.path(), at)), "{at:?}");
    }
    let (log, replayed) = from(left.path(), frames[1].position()).unwrap();
    assert_eq!(payloads(&replayed), [payload(1)]);
    assert_eq!(log.next_lsn().get(), 3);
}

#[test]
fn what_is_below_the_position_is_not_read_but_a_missing_segment_is_found() {
    let dir = scratch();
    let frames = written(dir.path(), 30);
    let files = all_files(&dir.path().join("log"));
    let end = frames.last().unwrap().0.position_after();
    let sealed: Vec<_> = files.keys().take(files.len() - 1).collect();
    for path in &sealed {
        let mut bytes = files[*path].clone();
        bytes[HEADER as usize + 50] ^= 1;
        overwrite(path, &bytes);
        let (log, replayed) = from(dir.path(), end).unwrap();
        assert!(replayed.is_empty());
        log.close().unwrap();
        // Its header is read.
        bytes[40] ^= 1;
        overwrite(path, &bytes);
        assert!(matches!(
            from(dir.path(), end),
            Err(LogError::Corrupt { .. })
        ));
        std::fs::remove_file(path).unwrap();
        let error = from(dir.path(), end).unwrap_err();
        assert!(error.to_string().contains("missing"), "{error}");
        overwrite(path, &files[*path]);
    }
}

#[test]
fn what_is_below_the_position_in_the_newest_segment_is_not_read_either() {
    let dir = scratch();
    let (log, report, _) = open(dir.path(), LogOptions::default()).unwrap();
    assert!(report.created);
    log.close().unwrap();
    let (log, report, _) = open(dir.path(), LogOptions::default()).unwrap();
    assert!(!report.created);
    for number in 0..6 {
        commit(&log, &payload(number));
    }
    log.close().unwrap();
    let (log, report, frames) = open(dir.path(), LogOptions::default()).unwrap();
    assert_eq!((report.frames, report.created), (6, false));
    log.close().unwrap();
    let segment = last_segment(dir.path());
    let mut bytes = std::fs::read(&segment).unwrap();
    bytes[frames[1].0.offset as usize + 41] ^= 1;
    overwrite(&segment, &bytes);
    let end = frames[5].0.position_after();
    for (at, replayed) in [(frames[3].0.position(), &frames[3..]), (end, &[])] {
        let from = ReplayFrom::Position(at);
        let options = LogOptions::default();
        let opened = open_from(Arc::new(OsFs), dir.path(), options, from, Arc::new(()));
        let (log, report, found) = opened.unwrap();
        assert_eq!(found, replayed);
        assert_eq!(report.frames, replayed.len() as u64);
        log.close().unwrap();
    }
    assert!(matches!(
        open(dir.path(), LogOptions::default()),
        Err(LogError::Corrupt { .. })
    ));
}

#[test]
fn damage_behind_the_position_is_found() {
    let dir = scratch();
    let frames = written(dir.path(), 30);
    let start = frames[3].0.position();
    for (at, _) in &frames[3..] {
        let path = dir.path().join("log").join(at.segment.to_string());
        let whole = std::fs::read(&path).unwrap();
        let mut bytes = whole.clone();
        bytes[at.offset as usize + 41] ^= 1;
        overwrite(&path, &bytes);
        let error = from(dir.path(), start).unwrap_err();
        match at.lsn == start.lsn {
            // It could be a wrong position as well. Reading from the beginning tells.
            true => assert!(matches!(error, LogError::NoSuchPosition { .. })),
            false => assert!(matches!(error, LogError::Corrupt { .. }), "{error}"),
        }
        overwrite(&path, &whole);
    }
}

#[test]
fn a_position_in_a_compacted_segment_is_found_by_its_lsn() {
    let dir = scratch();
    let frames = written(dir.path(), 40);
    let (log, _, _) = open(dir.path(), small_segments()).unwrap();
    let ids: Vec<_> = log.segments().iter().map(|segment| segment.id).collect();
    assert!(ids.len() > 5);
    let keeps = |lsn: Lsn| lsn.get().is_multiple_of(3) || lsn >= ids[4].base();
    compact(
        &log,
        &ids[1..4],
        &mut |at, _| match keeps(at.lsn) || at.segment == ids[0] {
            true => Verdict::Keep,
            false => Verdict::Drop,
        },
    );
    log.close().unwrap();
    for (number, (at, _)) in frames.iter().enumerate() {
        let expected: Vec<_> = frames[number..]
            .iter()
            .filter(|(at, _)| keeps(at.lsn) || at.segment == ids[0])
            .map(|(_, payload)| payload.clone())
            .collect();
        let (log, replayed) = from(dir.path(), at.position()).unwrap();
        assert_eq!(payloads(&replayed), expected, "{at:?}");
        log.close().unwrap();
    }
}

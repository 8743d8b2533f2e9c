//! Compacted segments of many blocks and groups: found, ordered, salvaged, whatever their frames are near.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use stepwell::log::{
    CompactOptions, Compaction, Durability, FrameAddress, LogOptions, ReadOnlyLog, ReplayFrom,
    SegmentKind, Verdict, Window, salvage,
};
use stepwell::vfs::OsFs;

use crate::support::*;

fn options() -> LogOptions {
    LogOptions {
        durability: Durability::Os,
        ..LogOptions::default()
    }
}

/// Of this frame, which says which it is: some are long, some cannot be compressed, one is longer than a group.
fn frame(number: u64, large: bool) -> Vec<u8> {
    let mut bytes = payload(number);
    let length = match number {
        777 if large => 9 << 20,
        n if n % 100 == 0 => 150_000,
        n => 700 + n as usize * 37 % 3000,
    };
    let mut state = number;
    bytes.resize_with(length, || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        if number.is_multiple_of(9) {
            (state >> 56) as u8
        } else {
            (state >> 61) as u8
        }
    });
    bytes
}

/// A log with a compacted segment of several groups that holds the frames with even numbers, and where all were.
fn written(dir: &Path, frames: u64, large: bool) -> Vec<FrameAddress> {
    let told = Arc::new(Told::default());
    let (log, _, _) = open_with(Arc::new(OsFs), dir, options(), told.clone()).unwrap();
    for number in 0..frames {
        commit(&log, &frame(number, large));
    }
    log.roll().unwrap();
    let run = [log.segments()[0].id];
    let pace = &mut |_| ControlFlow::Continue(());
    let near = &mut |at: FrameAddress, _: &[u8]| at.lsn.get() * 7 % 13;
    let as_of = log.durable_lsn();
    let options = CompactOptions { as_of, pace, near };
    let done = log.compact(&run, options, &mut |at, _| match at.lsn.get() % 2 {
        1 => Verdict::Keep,
        _ => Verdict::Drop,
    });
    let Compaction::Done {
        bytes_before,
        bytes_after,
        ..
    } = done.unwrap()
    else {
        panic!("it was stopped");
    };
    assert!(
        bytes_after < bytes_before * 2 / 5,
        "{bytes_after} of {bytes_before}"
    );
    assert_eq!(log.segments()[0].kind, SegmentKind::Compacted);
    assert!(log.segments()[0].unpacked > bytes_after);
    log.close().unwrap();
    told.0.lock().clone()
}

fn compacted(dir: &Path) -> PathBuf {
    all_files(&dir.join("log")).into_keys().next().unwrap()
}

#[test]
fn frames_come_in_the_order_of_the_log_whatever_they_are_near() {
    let dir = scratch();
    let addresses = written(dir.path(), 4_500, true);
    let (log, _, frames) = open(dir.path(), options()).unwrap();
    let expected: Vec<u64> = (0..4_500).filter(|number| number % 2 == 0).collect();
    let lsns = |frames: &Frames| {
        frames
            .iter()
            .map(|(at, _)| at.lsn.get() - 1)
            .collect::<Vec<_>>()
    };
    assert_eq!(lsns(&frames), expected);
    for (at, payload) in &frames {
        assert!(*payload == frame(at.lsn.get() - 1, true));
    }
    // In no order, and backwards.
    for step in (0..1500).map(|n| n * 2_711 % 4_500) {
        let number = step as u64;
        let read = log.read(addresses[step]).ok();
        let expected = number.is_multiple_of(2).then(|| frame(number, true));
        assert!(read.as_deref() == expected.as_deref(), "{number}");
    }
    let mut window = Window::default();
    for number in expected.iter().rev().filter(|number| *number % 3 != 0) {
        let read = log.read_back(addresses[*number as usize], &mut window);
        assert!(read.unwrap()[..] == frame(*number, true), "{number}");
    }
    log.close().unwrap();
    for first in [0, 1, 2, 2_000, 2_001, 4_498, 4_499] {
        let from = ReplayFrom::Position(addresses[first].position());
        let opened = open_from(Arc::new(OsFs), dir.path(), options(), from, Arc::new(()));
        let (log, _, frames) = opened.unwrap();
        let from = expected.partition_point(|number| *number < first as u64);
        assert_eq!(lsns(&frames), expected[from..]);
        log.close().unwrap();
    }
    let mut count = 0;
    let beside = ReadOnlyLog::open(Arc::new(OsFs), dir.path(), &mut |_, _, _| {
        count += 1;
        Ok(())
    });
    let report = beside.unwrap().verify(&mut |_| ControlFlow::Continue(()));
    assert_eq!((count, report.unwrap().damage.len()), (2250, 0));
}

#[test]
fn a_damaged_block_costs_its_frames_and_no_others() {
    let dir = scratch();
    written(dir.path(), 3_000, false);
    let path = compacted(dir.path());
    let whole = std::fs::read(&path).unwrap();
    let blocks: Vec<usize> = (0..whole.len() - 4)
        .step_by(8)
        .filter(|at| whole[*at..].starts_with(b"SWBK"))
        .collect();
    assert!(blocks.len() > 20);
    let all: BTreeSet<u64> = (1..=3_000).filter(|lsn| lsn % 2 == 1).collect();
    for (number, block) in blocks.iter().enumerate().step_by(4) {
        // In the header, which says where its frames are, or in what is stored.
        for at in [block + 16, block + 60] {
            let mut bytes = whole.clone();
            bytes[at] ^= 16;
            overwrite(&path, &bytes);
            assert!(open(dir.path(), options()).is_err());
            let mut found = BTreeSet::new();
            let report = salvage(Arc::new(OsFs), dir.path(), &mut |at, bytes| {
                assert!(bytes == frame(at.lsn.get() - 1, false));
                assert!(found.last() < Some(&at.lsn.get()));
                found.insert(at.lsn.get());
                Ok(())
            })
            .unwrap();
            let lost: BTreeSet<u64> = all.difference(&found).copied().collect();
            assert!(lost.len() <= 200, "block {number}: {}", lost.len());
            let listed = |lsn: &u64| {
                let mut ranges = report
                    .lost
                    .iter()
                    .map(|lost| lost.lsns.start.get()..lost.lsns.end.get());
                ranges.any(|range| range.contains(lsn))
            };
            assert!(lost.iter().all(listed), "block {number}");
            assert!(!found.iter().any(listed), "block {number}");
        }
    }
}

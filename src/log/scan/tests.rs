//! A segment's bytes are those of the file, however they are asked for, and what is behind the last frame is what a plain look finds.

use std::fs::{self, OpenOptions};

use proptest::collection::vec;
use proptest::prelude::*;
use tempfile::TempDir;

use super::super::bytes_file::BytesFile;
use super::super::frame;
use super::*;
use crate::vfs::{OpenMode, OsFs, Vfs};

const SALT: u64 = 7;

fn path(dir: &TempDir) -> PathBuf {
    dir.path().join("segment")
}

fn scan(dir: &TempDir, bytes: &[u8]) -> SegmentScan {
    let path = path(dir);
    fs::write(&path, bytes).unwrap();
    let file = OsFs.open(&path, OpenMode::Read).unwrap();
    SegmentScan::new(file, &path).unwrap()
}

/// Bytes no two neighbouring chunks of which are alike.
fn content(len: usize) -> Vec<u8> {
    (0..len).map(|at| (at ^ at >> 8 ^ at >> 16) as u8).collect()
}

/// Places near those at which something changes: the beginning, the ends of chunks, the end.
fn places(len: u64) -> impl Strategy<Value = u64> {
    let near = prop_oneof![Just(0), Just(CHUNK), Just(2 * CHUNK), Just(len)];
    (near, 0..100_u64, any::<bool>()).prop_map(|(at, by, after)| match after {
        true => at + by,
        false => at.saturating_sub(by),
    })
}

const LENGTH: u64 = 2 * CHUNK + 1_000;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_part_is_that_of_the_file_whatever_was_read_before(
        parts in vec((places(LENGTH), prop_oneof![0..200_u64, CHUNK - 50..CHUNK + 50, Just(LENGTH)]), 1..8),
    ) {
        let dir = tempfile::tempdir().unwrap();
        let content = content(LENGTH as usize);
        let mut scan = scan(&dir, &content);
        for (start, length) in parts {
            let (from, to) = (start.min(LENGTH), (start + length).min(LENGTH));
            let expected = &content[from as usize..to as usize];
            prop_assert_eq!(scan.bytes(start..start + length).unwrap(), expected);
        }
    }

    #[test]
    fn behind_the_last_frame_all_headers_count_that_are_late_enough(
        begin in 0..3_u64,
        headers in vec((places(LENGTH), 5..15_u64, 0..15_u64, any::<bool>()), 0..6),
        other in prop_oneof![Just(None), places(LENGTH).prop_map(Some)],
    ) {
        const FIRST: u64 = 10;
        let begin = begin * ALIGNMENT;
        let mut bytes = vec![0; LENGTH as usize];
        for (at, lsn, synced, is_cut) in headers {
            let at = (at.next_multiple_of(ALIGNMENT).min(LENGTH - 100)) as usize;
            let mut header = Vec::new();
            frame::encode(&mut header, SALT, lsn, synced.min(lsn), 1, b"payload");
            header.truncate(if is_cut { HEADER_BYTES - 4 } else { HEADER_BYTES });
            bytes[at..at + header.len()].copy_from_slice(&header);
        }
        if let Some(at) = other {
            bytes[at.min(LENGTH - 1) as usize] ^= 1;
        }
        let dir = tempfile::tempdir().unwrap();
        let behind = scan(&dir, &bytes).behind(begin, FIRST, SALT).unwrap();

        let from = begin as usize;
        let last = bytes[from..].iter().rposition(|byte| *byte != 0);
        prop_assert_eq!(behind.content_end, last.map_or(begin, |last| (from + last + 1) as u64));
        let durable = (from..bytes.len()).step_by(ALIGNMENT as usize).filter_map(|at| {
            let header = FrameHeader::decode(&bytes[at..], SALT).ok()?;
            (header.lsn >= FIRST).then_some(header.synced_lsn)
        });
        prop_assert_eq!(behind.durable, durable.max().unwrap_or(0));
    }
}

#[test]
fn a_frame_is_found_only_where_it_belongs_and_whole() {
    let dir = tempfile::tempdir().unwrap();
    let mut bytes = vec![0; 8];
    frame::encode(&mut bytes, SALT, 5, 5, 2, b"payload");
    let end = bytes.len() as u64;
    let found = |bytes: &[u8], expected| scan(&dir, bytes).frame(8, expected, SALT).unwrap();
    for expected in [Expected::Exactly(5), Expected::From(5), Expected::From(4)] {
        let Found::Frame(header, payload) = found(&bytes, expected) else {
            panic!("{expected:?}");
        };
        assert_eq!((header.lsn, payload), (5, 48..55));
    }
    for expected in [
        Expected::Exactly(4),
        Expected::Exactly(6),
        Expected::From(6),
    ] {
        assert!(matches!(found(&bytes, expected), Found::Bad(_)));
    }
    let cut = &bytes[..bytes.len() - 1];
    assert!(matches!(found(cut, Expected::From(5)), Found::Bad(_)));
    let mut at_end = scan(&dir, &bytes);
    for offset in [end, end + 8] {
        let found = at_end.frame(offset, Expected::From(0), SALT).unwrap();
        assert!(matches!(found, Found::End));
    }
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    assert!(matches!(found(&bytes, Expected::From(5)), Found::Bad(_)));
}

#[test]
fn a_file_that_becomes_shorter_is_read_to_its_new_end() {
    let dir = tempfile::tempdir().unwrap();
    let content = content(LENGTH as usize);
    let mut scan = scan(&dir, &content);
    let file = OpenOptions::new().write(true).open(path(&dir)).unwrap();
    file.set_len(1_000).unwrap();
    assert_eq!(scan.bytes(900..5_000).unwrap(), &content[900..1_000]);
    assert_eq!(scan.len(), 1_000);
    assert_eq!(scan.bytes(0..100).unwrap(), &content[..100]);
}

#[test]
fn a_file_that_cannot_be_read_though_it_is_as_long_as_it_was_is_an_error() {
    let file = Arc::new(BytesFile::claiming(1_010, b"some bytes".to_vec()));
    let mut scan = SegmentScan::new(file, Path::new("any")).unwrap();
    let error = scan.bytes(0..100).unwrap_err();
    assert!(matches!(error, LogError::Io { .. }), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    /// Frames that follow each other, of which some are longer than what is read at a time.
    #[test]
    fn what_was_read_ahead_is_the_file(
        frames in vec(prop_oneof![8 => 1..100_000_usize, 1 => CHUNK as usize - 10..CHUNK as usize + 10, 1 => 1..3 * CHUNK as usize], 1..200),
        back in vec(any::<bool>(), 200),
    ) {
        let dir = tempfile::tempdir().unwrap();
        let content = content(10 * CHUNK as usize + 1_000);
        let vfs: Arc<dyn Vfs> = Arc::new(OsFs);
        let mut scan = scan(&dir, &content).reading_ahead(&vfs);
        let mut at = 0;
        for (length, back) in frames.into_iter().zip(back) {
            let end = (at + length).min(content.len());
            prop_assert_eq!(scan.bytes(at as u64..(at + length) as u64).unwrap(), &content[at..end]);
            if back && at % 64 == 0 {
                prop_assert_eq!(scan.bytes(0..10).unwrap(), &content[..10]);
            }
            at = end;
        }
        prop_assert!(scan.bytes(content.len() as u64..u64::MAX).unwrap().is_empty());
    }
}

#[test]
fn a_file_that_is_cut_while_it_is_read_ahead_ends_where_it_was_cut() {
    let dir = tempfile::tempdir().unwrap();
    let all = content(10 * CHUNK as usize);
    let vfs: Arc<dyn Vfs> = Arc::new(OsFs);
    let mut scan = scan(&dir, &all).reading_ahead(&vfs);
    let left = 5 * CHUNK as usize + 10;
    for at in (0..all.len()).step_by(1_000) {
        if at == 3_000_000 {
            let file = OpenOptions::new().write(true).open(path(&dir)).unwrap();
            file.set_len(left as u64).unwrap();
        }
        let read = scan.bytes(at as u64..at as u64 + 1_000).unwrap();
        assert_eq!(read, &all[at.min(left)..(at + 1_000).min(left)]);
    }
}

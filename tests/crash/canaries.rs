//! Deliberate bugs are found: a proof that finds none proves nothing.

use std::panic::catch_unwind;

use stepwell::testing::Canary;

use crate::{compacting, logs, random};

/// Whether one of these runs fails while the thread has the bug.
fn finds(canary: Canary, run: impl Fn(u64) + std::panic::RefUnwindSafe, seeds: u64) -> bool {
    first(canary, run, seeds).is_some()
}

/// The first run that does.
fn first(canary: Canary, run: impl Fn(u64) + std::panic::RefUnwindSafe, seeds: u64) -> Option<u64> {
    Canary::sing(Some(canary));
    let found = (0..seeds).find(|seed| catch_unwind(|| run(*seed)).is_err());
    Canary::sing(None);
    found
}

/// How many random runs of the log are enough.
const SEEDS: u64 = 400;

#[test]
fn a_skipped_sync_is_found() {
    assert!(finds(Canary::SkippedSync, logs::run, SEEDS));
}

#[test]
fn a_skipped_sync_of_a_directory_is_found() {
    assert!(finds(Canary::SkippedDirectorySync, logs::run, SEEDS));
}

#[test]
fn a_segment_that_is_not_synced_before_the_next_one_is_found() {
    assert!(finds(Canary::SkippedSeal, logs::run, SEEDS));
}

#[test]
fn a_checksum_without_a_seed_is_found() {
    assert!(finds(Canary::UnseededChecksum, |_| logs::recycle(), 1));
}

#[test]
fn a_watermark_that_is_written_too_early_is_found() {
    assert!(finds(Canary::EarlyWatermark, logs::run, SEEDS));
}

#[test]
fn frames_that_are_kept_and_not_written_again_are_found() {
    assert!(finds(Canary::NotRewritten, logs::run, SEEDS));
}

#[test]
fn a_compaction_that_removes_files_too_early_is_found() {
    let run = |_| assert!(compacting::run() > 0);
    assert!(finds(Canary::SkippedPublishing, run, 1));
}

/// So many seeds of the soak are enough for any of them.
const SOAKED: u64 = 200;

#[test]
fn the_soak_finds_them() {
    for canary in Canary::ALL {
        if [Canary::UnseededChecksum, Canary::SkippedPublishing].contains(&canary) {
            // It takes a medium that puts old blocks back, or a look at every moment of a compaction.
            continue;
        }
        let found = first(canary, |seed| _ = random::everything(seed), SOAKED);
        println!("{canary:?}: {found:?}");
        assert!(found.is_some(), "{canary:?}");
    }
}

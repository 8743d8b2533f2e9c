//! What [`SimFs`] does to files and names.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use super::*;
use crate::vfs::{OpenMode, Vfs, VfsFile};

const SEEDS: u64 = 400;

fn made(fs: &SimFs, name: &str) -> Arc<dyn VfsFile> {
    fs.open(Path::new(name), OpenMode::CreateNew).unwrap()
}

fn content(fs: &SimFs, name: &str) -> Option<Vec<u8>> {
    let file = fs.open(Path::new(name), OpenMode::Read).ok()?;
    let mut bytes = vec![0; usize::try_from(file.len().unwrap()).unwrap()];
    file.read_exact_at(&mut bytes, 0).unwrap();
    Some(bytes)
}

/// A file of sevens that is durable, name and all.
fn durable(fs: &SimFs, len: usize) -> Arc<dyn VfsFile> {
    let file = made(fs, "/f");
    file.write_all_at(&vec![7; len], 0).unwrap();
    file.sync_all().unwrap();
    fs.sync_dir(Path::new("/")).unwrap();
    file
}

fn cuts(fs: &SimFs) -> impl Iterator<Item = SimFs> {
    let moment = fs.moment();
    (0..SEEDS).map(move |seed| moment.power_cut(&Survival::Random(seed)))
}

#[test]
fn what_was_synced_stays_and_what_was_not_may_go() {
    let fs = SimFs::new(1);
    let file = durable(&fs, 10_000);
    file.write_all_at(&[8; 5000], 2000).unwrap();
    let mut seen = BTreeSet::new();
    for cut in cuts(&fs) {
        let bytes = content(&cut, "/f").unwrap();
        assert_eq!(bytes.len(), 10_000);
        assert!(
            bytes[..2000]
                .iter()
                .chain(&bytes[7000..])
                .all(|byte| *byte == 7)
        );
        let eights = bytes.iter().filter(|byte| **byte == 8).count();
        seen.insert(match eights {
            0 => "lost",
            5000 => "whole",
            _ if bytes[2000] != 8 => "only a later part",
            _ => "torn",
        });
    }
    assert_eq!(seen.len(), 4, "{seen:?}");
}

#[test]
fn the_rest_of_a_torn_write_may_be_anything() {
    let fs = SimFs::new(1);
    let file = durable(&fs, 8192);
    file.write_all_at(&[8; 8192], 0).unwrap();
    let mut rests = BTreeSet::new();
    let mut grains = BTreeSet::new();
    for cut in cuts(&fs) {
        let bytes = content(&cut, "/f").unwrap();
        rests.extend(bytes.iter().copied());
        let begins = bytes
            .windows(2)
            .position(|pair| pair[0] == 8 && pair[1] == 7);
        grains.extend(begins.map(|at| [512, 1][usize::from(!(at + 1).is_multiple_of(512))]));
    }
    assert!(rests.contains(&7) && rests.contains(&0) && rests.len() > 200);
    assert_eq!(grains.len(), 2);
}

#[test]
fn length_and_bytes_are_independent() {
    let fs = SimFs::new(1);
    let file = durable(&fs, 100);
    file.write_all_at(&[8; 100], 100).unwrap();
    let mut seen = BTreeSet::new();
    for cut in cuts(&fs) {
        let bytes = content(&cut, "/f").unwrap();
        assert_eq!(bytes[..100], [7; 100]);
        seen.insert((bytes.len(), bytes.get(100) == Some(&8)));
    }
    assert!(seen.contains(&(100, false)));
    assert!(seen.contains(&(200, false)));
    assert!(seen.contains(&(200, true)));
}

#[test]
fn a_file_that_was_synced_may_have_no_name() {
    let fs = SimFs::new(1);
    let file = made(&fs, "/new");
    file.write_all_at(b"bytes", 0).unwrap();
    file.sync_all().unwrap();
    let there: BTreeSet<_> = cuts(&fs).map(|cut| content(&cut, "/new")).collect();
    assert_eq!(there, [None, Some(b"bytes".to_vec())].into());
}

#[test]
fn a_name_that_was_synced_may_have_no_bytes() {
    let fs = SimFs::new(1);
    let file = made(&fs, "/new");
    file.write_all_at(b"bytes", 0).unwrap();
    fs.sync_dir(Path::new("/")).unwrap();
    let there: BTreeSet<_> = cuts(&fs).filter_map(|cut| content(&cut, "/new")).collect();
    assert!(there.contains(&vec![]) && there.contains(b"bytes".as_slice()));
    assert_eq!(
        content(&fs.moment().power_cut(&Survival::Nothing), "/new"),
        Some(vec![])
    );
}

#[test]
fn a_rename_is_atomic_and_may_be_lost_or_leave_both_names() {
    let fs = SimFs::new(1);
    durable(&fs, 3);
    let new = made(&fs, "/new");
    new.write_all_at(b"new", 0).unwrap();
    new.sync_all().unwrap();
    fs.sync_dir(Path::new("/")).unwrap();
    fs.rename(Path::new("/new"), Path::new("/f")).unwrap();
    let seen: BTreeSet<_> = cuts(&fs)
        .map(|cut| {
            (
                content(&cut, "/f").unwrap(),
                content(&cut, "/new").is_some(),
            )
        })
        .collect();
    let (old, new) = (vec![7; 3], b"new".to_vec());
    assert_eq!(
        seen,
        [(old, true), (new.clone(), true), (new, false)].into()
    );
}

#[test]
fn what_is_in_a_directory_goes_with_it() {
    let fs = SimFs::new(1);
    fs.create_dir(Path::new("/a")).unwrap();
    fs.create_dir(Path::new("/a/b")).unwrap();
    made(&fs, "/a/b/f").sync_all().unwrap();
    fs.sync_dir(Path::new("/a/b")).unwrap();
    fs.sync_dir(Path::new("/a")).unwrap();
    let cut = fs.moment().power_cut(&Survival::Nothing);
    assert!(cut.read_dir(Path::new("/a")).is_err());
    assert!(cut.read_dir(Path::new("/a/b")).is_err());
    fs.sync_dir(Path::new("/")).unwrap();
    let cut = fs.moment().power_cut(&Survival::Nothing);
    assert!(content(&cut, "/a/b/f").is_some());
}

#[test]
fn chosen_changes_survive_whole() {
    let fs = SimFs::new(1);
    let file = durable(&fs, 3);
    for at in 0..3 {
        file.write_all_at(&[8], at).unwrap();
    }
    assert_eq!(fs.moment().pending(), 3);
    let cut = |mask| content(&fs.moment().power_cut(&Survival::Chosen(mask)), "/f").unwrap();
    assert_eq!(cut(0b101), [8, 7, 8]);
    assert_eq!(cut(0b010), [7, 8, 7]);
    let all = fs.moment().power_cut(&Survival::Everything);
    assert_eq!(content(&all, "/f").unwrap(), [8; 3]);
}

#[test]
fn a_killed_process_loses_nothing_and_the_power_may_go_later() {
    let fs = SimFs::new(1);
    let file = durable(&fs, 3);
    file.write_all_at(&[8; 3], 0).unwrap();
    let after = fs.moment().killed();
    assert_eq!(content(&after, "/f").unwrap(), [8; 3]);
    let cut = after.moment().power_cut(&Survival::Nothing);
    assert_eq!(content(&cut, "/f").unwrap(), [7; 3]);
}

#[test]
fn a_sync_that_failed_has_dropped_what_the_next_one_reports_as_written() {
    let fs = SimFs::new(1);
    let file = durable(&fs, 3);
    let mut lost = 0;
    for value in 8..40 {
        file.write_all_at(&[value; 3], 0).unwrap();
        fs.fail(Some(Failing {
            from: fs.calls() + 1,
            times: 1,
            kind: std::io::ErrorKind::Other,
        }));
        file.sync_data().unwrap_err();
        file.sync_data().unwrap();
        assert_eq!(
            content(&fs, "/f").unwrap(),
            [value; 3],
            "the cache still has it"
        );
        let cut = fs.moment().power_cut(&Survival::Everything);
        lost += u32::from(content(&cut, "/f").unwrap() != [value; 3]);
    }
    assert!((1..32).contains(&lost), "{lost}");
}

#[test]
fn a_full_medium_takes_what_is_written_over_and_nothing_more() {
    let fs = SimFs::new(1);
    let file = durable(&fs, 1000);
    fs.set_capacity(Some(1000));
    file.write_all_at(&[8; 1000], 0).unwrap();
    let error = file.write_all_at(&[8], 1000).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::StorageFull);
    fs.set_capacity(None);
    file.write_all_at(&[8], 1000).unwrap();
}

#[test]
fn lies_are_told() {
    let lies = [
        Faults {
            lost: 1,
            ..Faults::default()
        },
        Faults {
            misdirected: 1,
            ..Faults::default()
        },
    ];
    for lie in lies {
        let mut shown = 0;
        for seed in 0..20 {
            let fs = SimFs::new(seed);
            let file = durable(&fs, 100_000);
            fs.set_faults(lie);
            file.write_all_at(&[8; 10], 0).unwrap();
            file.sync_all().unwrap();
            assert_eq!(content(&fs, "/f").unwrap()[0], 8);
            fs.set_faults(Faults::default());
            fs.drop_caches();
            shown += u32::from(content(&fs, "/f").unwrap()[0] == 7);
        }
        assert!(shown > 10, "{lie:?}");
    }
    let fs = SimFs::new(3);
    let file = durable(&fs, 100);
    file.write_all_at(&[8; 10], 0).unwrap();
    fs.set_faults(Faults {
        stale: 1,
        ..Faults::default()
    });
    assert_eq!(content(&fs, "/f").unwrap(), [7; 100]);
    fs.set_faults(Faults {
        rotten: 1,
        ..Faults::default()
    });
    let read = content(&fs, "/f").unwrap();
    fs.set_faults(Faults::default());
    assert_eq!(content(&fs, "/f").unwrap(), read, "it stays as it is");
    let right = [[8; 10].as_slice(), &[7; 90]].concat();
    let flipped = read.iter().zip(&right).map(|(a, b)| (a ^ b).count_ones());
    assert_eq!(flipped.sum::<u32>(), 1);
}

#[test]
fn one_seed_makes_one_run() {
    let run = |seed| {
        let fs = SimFs::new(seed);
        fs.keep_trace();
        fs.set_faults(Faults {
            reads: 5,
            writes: 5,
            syncs: 5,
            short: 3,
            interrupted: 3,
            ..Faults::default()
        });
        let file = made(&fs, "/f");
        for round in 0..50_u8 {
            let _ = file.write_all_at(&[round; 3000], u64::from(round) * 100);
            let _ = file.read_exact_at(&mut [0; 500], u64::from(round) * 77);
            let _ = file.sync_data();
        }
        let now = fs.host().now().duration_since(fs.host().now());
        (fs.trace(), fs.host().unique(), now)
    };
    assert_eq!(run(1), run(1));
    assert_ne!(run(1), run(2));
}

#[test]
fn a_lock_is_for_one_at_a_time_and_gone_after_a_crash() {
    let fs = SimFs::new(1);
    let path = Path::new("/LOCK");
    let held = fs.lock(path).unwrap();
    assert!(fs.lock(path).is_err());
    drop(fs.moment().killed().lock(path).unwrap());
    drop(held);
    fs.lock(path).unwrap();
}

#[test]
fn directories_of_one_who_was_killed_are_durable_for_who_comes_next() {
    let fs = SimFs::new(1);
    fs.keep_moments();
    let path = Path::new("/a/b/c");
    crate::vfs::create_dirs(&fs, path).unwrap();
    let moments = fs.take_moments();
    assert!(moments.len() > 3);
    for moment in moments {
        let next = moment.killed();
        crate::vfs::create_dirs(&next, path).unwrap();
        let cut = next.moment().power_cut(&Survival::Nothing);
        cut.read_dir(path).unwrap();
    }
}

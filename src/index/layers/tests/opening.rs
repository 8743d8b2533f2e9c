//! Which index files are used, and from where the log is replayed then.

use std::fs;
use std::time::Instant;

use super::*;
use crate::index::tables::{Rows, Tables, TablesError};

#[test]
fn there_is_no_file_until_something_is_flushed() {
    let dir = tempfile::tempdir().unwrap();
    let (mut file, found) = open(dir.path());
    let mut rows = over(found.unwrap());
    rows.put(name(1), row(1));
    rows.advance(at(2), 64);
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    flush(&mut rows, &mut file);
    let names: Vec<_> = fs::read_dir(dir.path())
        .unwrap()
        .map(|e| e.unwrap().file_name())
        .collect();
    assert_eq!(names, ["index.redb"]);
}

#[test]
fn an_opened_file_says_up_to_where_it_follows_the_log() {
    let dir = tempfile::tempdir().unwrap();
    make(dir.path(), 100);
    let (_file, found) = open(dir.path());
    let found = found.unwrap().unwrap();
    assert_eq!(found.watermark, at(101));
    let rows = over(Some(found));
    assert_eq!(rows.get(&name(99)).unwrap(), Some(row(99)));
    assert_eq!(rows.get(&name(100)).unwrap(), None);
}

#[test]
fn a_file_of_another_database_or_version_is_removed() {
    for (identity, why) in [
        (
            Identity {
                schema: 2,
                ..IDENTITY
            },
            Unusable::OtherVersion(1),
        ),
        (
            Identity {
                database: Uuid::from_u128(9),
                ..IDENTITY
            },
            Unusable::OtherDatabase,
        ),
    ] {
        let dir = tempfile::tempdir().unwrap();
        make(dir.path(), 10);
        let opened = IndexFile::open(Arc::new(OsFs), dir.path(), identity, 1 << 20).unwrap();
        assert_eq!(opened.1.unwrap_err(), why);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }
}

#[test]
fn a_file_that_is_cut_off_empty_or_something_else_is_removed() {
    let dir = tempfile::tempdir().unwrap();
    make(dir.path(), 2000);
    let path = dir.path().join("index.redb");
    let whole = fs::read(&path).unwrap();
    let mut contents: Vec<Vec<u8>> = [
        0,
        1,
        511,
        512,
        513,
        5000,
        whole.len() - 1,
        whole.len() - 4100,
    ]
    .into_iter()
    .map(|len| whole[..len].to_vec())
    .collect();
    contents.push(vec![0; whole.len()]);
    contents.push(vec![b'x'; 100_000]);
    contents.push([&whole[..], &[0; 4100]].concat());
    for content in contents {
        fs::write(&path, &content).unwrap();
        let (file, found) = open(dir.path());
        // One page too many is no damage.
        if content.len() <= whole.len() {
            assert!(
                matches!(found, Err(Unusable::Damaged(_))),
                "{}: {found:?}",
                content.len()
            );
            assert!(!path.exists());
        }
        drop((file, found));
    }
}

#[test]
fn a_file_that_is_ahead_of_the_log_can_be_discarded() {
    let dir = tempfile::tempdir().unwrap();
    make(dir.path(), 10);
    let (file, found) = open(dir.path());
    drop(found);
    file.discard().unwrap();
    assert!(open(dir.path()).1.unwrap().is_none());
}

#[test]
fn what_an_unfinished_first_flush_left_is_removed() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("index.new"), "half").unwrap();
    let (_file, found) = open(dir.path());
    assert!(found.unwrap().is_none());
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn after_an_unclean_end_a_file_opens_at_once_and_as_it_was_flushed() {
    let (dir, copy) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (mut file, found) = open(dir.path());
    let mut rows = over(found.unwrap());
    for round in 0..4 {
        for number in round * 5000..(round + 1) * 5000 {
            rows.put(name(number), row(number));
        }
        rows.advance(at(u64::from(round) + 2), 64);
        flush(&mut rows, &mut file);
    }
    let copied = copy.path().join("index.redb");
    fs::copy(dir.path().join("index.redb"), copied).unwrap();
    let start = Instant::now();
    let (_file, found) = open(copy.path());
    // A walk through all pages is refused, not only slow.
    let found = found.unwrap().unwrap();
    assert!(start.elapsed().as_secs() < 5);
    assert_eq!(found.watermark, at(5));
    assert_eq!(
        over(Some(found)).get(&name(19_999)).unwrap(),
        Some(row(19_999))
    );
}

#[test]
fn a_file_that_is_let_go_is_not_written_to_and_is_whole() {
    let dir = tempfile::tempdir().unwrap();
    make(dir.path(), 100);
    let path = dir.path().join("index.redb");
    let (mut file, found) = open(dir.path());
    let mut rows = over(found.unwrap());
    rows.put(name(100), row(100));
    rows.advance(at(102), 64);
    flush(&mut rows, &mut file);
    let before = fs::read(&path).unwrap();
    // Once with a reader, of whom redb knows, and once without.
    drop(file);
    assert!(fs::read(&path).unwrap() == before);
    drop(rows);
    let (file, found) = open(dir.path());
    let rows = over(found.unwrap());
    assert_eq!(rows.get(&name(100)).unwrap(), Some(row(100)));
    drop(rows);
    let opened = fs::read(&path).unwrap();
    drop(file);
    assert!(fs::read(&path).unwrap() == opened);
    let (file, found) = open(dir.path());
    drop(found.unwrap());
    file.close();
    assert!(open(dir.path()).1.unwrap().is_some());
}

#[test]
fn the_memory_of_a_file_is_given_back_however_it_ends_and_its_readers_do_no_harm() {
    // Few of the rows are in memory when the rest is asked for.
    const COUNT: u32 = 20_000;
    const CACHE: usize = 1 << 16;
    for ends in ["closed", "dropped", "dropped after writing"] {
        let dir = tempfile::tempdir().unwrap();
        make(dir.path(), COUNT);
        let opened = IndexFile::open(Arc::new(OsFs), dir.path(), IDENTITY, CACHE);
        let (mut file, found) = opened.unwrap();
        let reads = file.reads();
        let mut rows = over(found.unwrap());
        let before = rows.snapshot();
        assert_eq!(before.get(&name(1)).unwrap(), Some(row(1)));
        if ends == "dropped after writing" {
            rows.put(name(1), row(2));
            rows.advance(at(u64::from(COUNT) + 2), 0);
            flush(&mut rows, &mut file);
        }
        match ends {
            "closed" => file.close(),
            _ => drop(file),
        }
        // Another one has the name by now.
        let (again, found) = open(dir.path());
        let found = over(found.unwrap());
        let mut closed = 0;
        for number in (0..COUNT).step_by(7) {
            match before.get(&name(number)) {
                Ok(answer) => assert_eq!(answer, Some(row(number))),
                Err(TablesError::Closed { .. }) => closed += 1,
                Err(other) => panic!("{ends}: {other}"),
            }
            assert!(found.get(&name(number)).unwrap().is_some());
        }
        assert!(closed > 0, "{ends}");
        drop((rows, before));
        assert_eq!(Arc::strong_count(&reads), 1, "{ends}");
        drop((again, found));
    }
}

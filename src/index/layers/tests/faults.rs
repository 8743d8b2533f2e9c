//! A flush that is interrupted, or fails, leaves what was in the file before or what is in it after.

use std::fmt::Debug;
use std::fs;
use std::io;
use std::ops::Bound;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

use super::watched_fs::{Operation, Watch, WatchedFs};
use super::*;
use crate::index::tables::{Rows, Tables, TablesError};

/// What happens at changes of files: the state before each is kept in `crashes`, or the one with the
/// number `fails` fails.
#[derive(Debug, Default)]
struct Plan {
    changes: AtomicU64,
    fails: Option<u64>,
    crashes: Option<(PathBuf, PathBuf)>,
}

impl Plan {
    fn change(&self) -> io::Result<()> {
        let number = self.changes.fetch_add(1, Ordering::Relaxed);
        if let Some((dir, crashes)) = &self.crashes {
            let crash = crashes.join(number.to_string());
            fs::create_dir(&crash)?;
            for entry in fs::read_dir(dir)? {
                let entry = entry?;
                fs::copy(entry.path(), crash.join(entry.file_name()))?;
            }
        }
        match self.fails {
            Some(fails) if fails == number => Err(io::ErrorKind::StorageFull.into()),
            _ => Ok(()),
        }
    }
}

impl Watch for Plan {
    fn before(&self, operation: Operation, _: &Path) -> io::Result<()> {
        match operation {
            Operation::Open | Operation::Prepare => Ok(()),
            _ => self.change(),
        }
    }
}

fn open_planned(dir: &Path, plan: &Arc<Plan>) -> Option<(IndexFile, Option<Found>)> {
    let vfs = Arc::new(WatchedFs(Arc::clone(plan)));
    let (file, found) = IndexFile::open(vfs, dir, IDENTITY, 1 << 20).ok()?;
    Some((file, found.unwrap()))
}

/// Changes the rows below `count`, of which 300 are there already: some are new, some are other, some go.
fn change(rows: &mut Rowset, count: u32) {
    for number in (0..count).step_by(2) {
        rows.put(name(number), row(number + 1_000_000));
    }
    for number in (0..count).step_by(3) {
        rows.delete(name(number));
    }
    rows.advance(at(900), 64);
}

fn changed(number: u32, count: u32, existing: u32) -> Option<Row> {
    match number {
        _ if number < count && number.is_multiple_of(3) => None,
        _ if number < count && number.is_multiple_of(2) => Some(row(number + 1_000_000)),
        _ if number < existing => Some(row(number)),
        _ => None,
    }
}

fn check_changed(rows: &impl Rows<Name, Row>, existing: u32) {
    for number in 0..600 {
        let found = rows.get(&name(number)).unwrap();
        assert_eq!(found, changed(number, 500, existing), "row {number}");
    }
}

#[test]
fn a_crash_at_any_change_of_a_file_leaves_the_old_rows_or_the_new_ones() {
    for existing in [0, 300] {
        let dir = tempfile::tempdir().unwrap();
        let crashes = tempfile::tempdir().unwrap();
        if existing > 0 {
            make(dir.path(), existing);
        }
        let plan = Arc::new(Plan {
            crashes: Some((dir.path().to_path_buf(), crashes.path().to_path_buf())),
            ..Plan::default()
        });
        let (mut file, found) = open_planned(dir.path(), &plan).unwrap();
        let mut rows = over(found);
        change(&mut rows, 500);
        flush(&mut rows, &mut file);
        drop(file);
        let count = plan.changes.load(Ordering::Relaxed);
        assert!(count > 10);

        let (mut old, mut new) = (0, 0);
        for number in 0..count {
            let crash = crashes.path().join(number.to_string());
            let found = open(&crash).1.unwrap();
            match found.as_ref().map(|found| found.watermark.lsn) {
                Some(900) => {
                    new += 1;
                    let (_file, found) = open(&crash);
                    check_changed(&over(found.unwrap()), existing);
                }
                lsn => {
                    old += 1;
                    assert_eq!(lsn, (existing > 0).then_some(301));
                    let (_file, found) = open(&crash);
                    let rows = over(found.unwrap());
                    for number in 0..existing {
                        assert_eq!(rows.get(&name(number)).unwrap(), Some(row(number)));
                    }
                }
            }
        }
        assert!(old > 5 && new > 0, "{old} {new}");
    }
}

/// How many reads of what was before a failed flush went on, and how many were told that they cannot.
#[derive(Default)]
struct Ended {
    went_on: u32,
    superseded: u32,
}

impl Ended {
    /// Takes note of a read that answers so, or should.
    fn note<T: PartialEq + Debug>(&mut self, answer: Result<T, TablesError>, expected: &T) {
        match answer {
            Ok(answer) => {
                assert_eq!(&answer, expected);
                self.went_on += 1;
            }
            Err(TablesError::Superseded { .. }) => self.superseded += 1,
            Err(error) => panic!("{error}"),
        }
    }
}

#[test]
fn a_flush_that_fails_anywhere_loses_nothing_and_can_be_repeated_and_reads_go_on() {
    for existing in [0, 300] {
        let mut failures = 0;
        let mut ended = Ended::default();
        for fails in 0.. {
            let dir = tempfile::tempdir().unwrap();
            if existing > 0 {
                make(dir.path(), existing);
            }
            let plan = Arc::new(Plan {
                fails: Some(fails),
                ..Plan::default()
            });
            let Some((mut file, found)) = open_planned(dir.path(), &plan) else {
                // Opening writes, too. What is there stays.
                assert!(dir.path().join("index.redb").exists());
                continue;
            };
            let mut rows = over(found);
            let before = rows.snapshot();
            change(&mut rows, 500);
            let cut = rows.cut().unwrap();
            let after = rows.snapshot();
            let mut flush_failing = || match file.write(&cut.changes, cut.watermark) {
                Ok(base) => drop(rows.settle(base)),
                Err(_) => {
                    failures += 1;
                    rows.rebase(file.reopen().unwrap());
                    check_changed(&rows, existing);
                    flush(&mut rows, &mut file);
                }
            };
            // While somebody reads.
            let mut walked = Vec::new();
            let walk = before.scan(Bound::Unbounded, Bound::Unbounded, |key, row| {
                walked.push((key.clone(), row.clone()));
                if walked.len() == 10 {
                    flush_failing();
                }
                true
            });
            if walked.len() < 10 {
                flush_failing();
            }
            let mut all: Vec<_> = (0..existing).map(|n| (name(n), row(n))).collect();
            all.sort();
            ended.note(walk.map(|()| walked), &all);
            ended.note(before.get(&name(299)), &all.last().map(|_| row(299)));
            check_changed(&after, existing);
            check_changed(&rows, existing);
            drop((file, after, before));
            let (_file, found) = open(dir.path());
            check_changed(&over(found.unwrap()), existing);
            if plan.changes.load(Ordering::Relaxed) <= fails {
                break;
            }
        }
        assert!(failures > 5, "{failures}");
        assert!(ended.went_on > 4 * ended.superseded);
        // What failed last was in the file all the same, which nobody needs if there was none before.
        assert_eq!(ended.superseded > 0, existing > 0);
    }
}

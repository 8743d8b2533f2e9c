//! The thread that flushes.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::*;
use crate::index::tables::{Rows, Tables, TablesError};
use crate::vfs::OsHost;

/// A database whose log does what a test says.
struct Database {
    rows: Mutex<Rowset>,
    gate: Arc<Gate>,
    synced: AtomicU64,
    log_fails: AtomicBool,
    slow_log: AtomicBool,
}

impl Owner for Database {
    type Row = Row;

    fn with_rows<T>(&self, with: impl FnOnce(&mut Rowset) -> T) -> T {
        with(&mut self.rows.lock())
    }

    fn sync_log(&self) -> bool {
        while self.slow_log.load(Ordering::Acquire) {
            thread::sleep(Duration::from_millis(1));
        }
        self.synced.fetch_add(1, Ordering::AcqRel);
        !self.log_fails.load(Ordering::Acquire)
    }
}

const OPTIONS: IndexOptions = IndexOptions {
    cache_bytes: 1 << 20,
    flush_bytes: 10_000,
    flush_records: 500,
    memory_bytes: 40_000,
};

fn start(dir: &Path) -> (Arc<Database>, Indexer) {
    let (file, found) = open(dir);
    let gate = Arc::new(Gate::new(OPTIONS, Arc::new(OsFs)));
    let database = Arc::new(Database {
        rows: Mutex::new(Layered::new(found.unwrap(), Arc::clone(&gate))),
        gate: Arc::clone(&gate),
        synced: AtomicU64::new(0),
        log_fails: AtomicBool::new(false),
        slow_log: AtomicBool::new(false),
    });
    let indexer = Indexer::start(file, Arc::clone(&database), gate, &OsHost).unwrap();
    (database, indexer)
}

impl Database {
    fn commit(&self, number: u32) -> Result<(), TablesError> {
        self.gate.wait_for_room()?;
        let mut rows = self.rows.lock();
        rows.put(name(number), row(number));
        rows.advance(at(u64::from(number) + 2), 64);
        Ok(())
    }
}

fn wait_until(what: impl Fn() -> bool) {
    let start = Instant::now();
    while !what() {
        assert!(start.elapsed() < Duration::from_secs(20), "it never came");
        thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn memory_is_bounded_while_rows_are_not_and_all_are_there_when_it_is_opened_again() {
    let dir = tempfile::tempdir().unwrap();
    let (database, indexer) = start(dir.path());
    for number in 0..5000 {
        database.commit(number).unwrap();
        assert!(database.rows.lock().weight() < OPTIONS.memory_bytes + 500);
    }
    assert!(database.synced.load(Ordering::Acquire) > 3);
    indexer.stop(Stop::Flushed);
    assert_eq!(database.rows.lock().tail_bytes(), 0);

    let (_file, found) = open(dir.path());
    let found = found.unwrap().unwrap();
    assert_eq!(found.watermark, at(5001));
    let rows = over(Some(found));
    for number in 0..5000 {
        assert_eq!(rows.get(&name(number)).unwrap(), Some(row(number)));
    }
}

#[test]
fn an_end_at_once_leaves_the_file_behind_the_log() {
    let dir = tempfile::tempdir().unwrap();
    let (database, indexer) = start(dir.path());
    for number in 0..10 {
        database.commit(number).unwrap();
    }
    indexer.stop(Stop::Now);
    assert!(open(dir.path()).1.unwrap().is_none());
    assert_eq!(database.rows.lock().get(&name(9)).unwrap(), Some(row(9)));
}

#[test]
fn the_file_follows_after_so_many_records_whatever_they_weigh_but_not_during_a_replay() {
    let dir = tempfile::tempdir().unwrap();
    let (database, indexer) = start(dir.path());
    for number in 0..600 {
        let mut rows = database.rows.lock();
        rows.put(name(1), row(number));
        rows.advance(at(u64::from(number) + 2), 64);
    }
    thread::sleep(Duration::from_millis(50));
    assert!(!dir.path().join("index.redb").exists());
    database.rows.lock().opened();
    wait_until(|| dir.path().join("index.redb").exists());
    indexer.stop(Stop::Now);
}

#[test]
fn nothing_is_in_the_file_before_it_is_durable_in_the_log() {
    let dir = tempfile::tempdir().unwrap();
    let (database, indexer) = start(dir.path());
    database.slow_log.store(true, Ordering::Release);
    for number in 0..200 {
        database.commit(number).unwrap();
    }
    thread::sleep(Duration::from_millis(50));
    assert!(!dir.path().join("index.redb").exists());
    database.slow_log.store(false, Ordering::Release);
    wait_until(|| dir.path().join("index.redb").exists());
    indexer.stop(Stop::Now);
}

#[test]
fn a_log_that_failed_holds_nobody_back_and_stops_the_index() {
    let dir = tempfile::tempdir().unwrap();
    let (database, indexer) = start(dir.path());
    database.log_fails.store(true, Ordering::Release);
    for number in 0..2000 {
        database.commit(number).unwrap();
    }
    indexer.stop(Stop::Flushed);
    assert!(open(dir.path()).1.unwrap().is_none());
}

#[test]
fn a_file_that_cannot_be_written_stops_commits_when_memory_is_full_and_reads_never() {
    let dir = tempfile::tempdir().unwrap();
    let (database, indexer) = start(dir.path());
    // Nothing can be made in its place.
    std::fs::create_dir(dir.path().join("index.new")).unwrap();
    let refused = (0..5000).find_map(|number| database.commit(number).err().map(|e| (number, e)));
    let (number, error) = refused.unwrap();
    assert!(matches!(error, TablesError::Unwritable { .. }), "{error}");
    assert!(database.rows.lock().weight() < OPTIONS.memory_bytes + 500);
    for number in 0..number {
        assert_eq!(
            database.rows.lock().get(&name(number)).unwrap(),
            Some(row(number))
        );
    }
    // It goes on by itself.
    std::fs::remove_dir(dir.path().join("index.new")).unwrap();
    wait_until(|| database.commit(number).is_ok());
    indexer.stop(Stop::Flushed);
    let rows = over(open(dir.path()).1.unwrap());
    drop(rows);
}

#[test]
fn nobody_waits_for_room_that_a_stopped_or_abandoned_index_will_not_make() {
    for is_stopped in [true, false] {
        let dir = tempfile::tempdir().unwrap();
        let (database, indexer) = start(dir.path());
        database.slow_log.store(true, Ordering::Release);
        let writer = {
            let database = Arc::clone(&database);
            thread::spawn(move || {
                for number in 0..2000 {
                    let _ = database.commit(number);
                }
            })
        };
        wait_until(|| database.rows.lock().weight() >= OPTIONS.memory_bytes);
        thread::sleep(Duration::from_millis(10));
        assert!(!writer.is_finished());
        if is_stopped {
            // The indexer is held up in what it does, as it was when this was found.
            database.gate.stop(Stop::Now);
        } else {
            let error = TablesError::Unwritable {
                path: dir.path().into(),
                reason: "for the test".into(),
            };
            database.rows.lock().abandon(error);
            database.slow_log.store(false, Ordering::Release);
        }
        wait_until(|| writer.is_finished());
        writer.join().unwrap();
        database.slow_log.store(false, Ordering::Release);
        indexer.stop(Stop::Now);
    }
}

/// A database that is let go of while its log is synced.
struct Ending {
    rows: Mutex<Rowset>,
    indexer: Mutex<Option<Indexer>>,
    has_ended: AtomicBool,
}

impl Owner for Ending {
    type Row = Row;

    fn with_rows<T>(&self, with: impl FnOnce(&mut Rowset) -> T) -> T {
        with(&mut self.rows.lock())
    }

    fn sync_log(&self) -> bool {
        let indexer = self.indexer.lock().take();
        self.has_ended.store(indexer.is_some(), Ordering::Release);
        drop(indexer);
        true
    }
}

#[test]
fn it_may_be_ended_on_its_own_thread() {
    let dir = tempfile::tempdir().unwrap();
    let (file, found) = open(dir.path());
    let gate = Arc::new(Gate::new(OPTIONS, Arc::new(OsFs)));
    let database = Arc::new(Ending {
        rows: Mutex::new(Layered::new(found.unwrap(), Arc::clone(&gate))),
        indexer: Mutex::new(None),
        has_ended: AtomicBool::new(false),
    });
    let indexer = Indexer::start(file, Arc::clone(&database), gate, &OsHost).unwrap();
    *database.indexer.lock() = Some(indexer);
    for number in 0..1000 {
        let mut rows = database.rows.lock();
        rows.put(name(number), row(number));
        rows.advance(at(u64::from(number) + 2), 64);
    }
    // The thread has a share in it to its end.
    let has_ended = || database.has_ended.load(Ordering::Acquire);
    wait_until(|| has_ended() && Arc::strong_count(&database) == 1);
    // What it was at then is in the file.
    let found = open(dir.path()).1.unwrap().unwrap();
    let rows = over(Some(found));
    assert_eq!(rows.get(&name(0)).unwrap(), Some(row(0)));
}

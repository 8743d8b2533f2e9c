//! Closing a database while others use it.

use std::io;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use futures::executor::block_on;
use serde_json::json;
use stepwell::checkpoint::Checkpointer;
use stepwell::db::{Db, DbError, VerifyOptions, VerifyStage};
use tempfile::TempDir;

use crate::database::options;
use crate::samples::{With, checkpoint};
use crate::watched_fs::{Operation, Watch, WatchedFs};

/// Longer than anything here takes.
const LONG: Duration = Duration::from_secs(60);
/// More than is verified at a time.
const PUTS: u64 = 1100;

fn put(db: &Db, number: u64) {
    let put = checkpoint(&format!("{number:06}"), None).in_thread("t");
    let put = put.changed("n", number, json!("x".repeat(1000)));
    drop(db.checkpointer().put(put));
}

fn has_all(db: &Db, puts: u64) -> bool {
    (0..puts).all(|number| {
        let id = format!("{number:06}");
        let found = block_on(db.checkpointer().get("t", "", Some(&id)));
        matches!(found, Ok(Some(_)))
    })
}

/// Opens a database whose index has to be read from its file, and so ends with that.
fn with_rows_in_the_file(path: &Path) -> Db {
    let options = options().index_cache_bytes(0).index_memory_bytes(1 << 16);
    let db = options.open(path).unwrap();
    while !path.join("index.redb").exists() {
        thread::yield_now();
    }
    db
}

/// Has `work` done with a full database, and expects it to come to an end.
fn comes_to_an_end<T: Send + 'static>(
    work: impl FnOnce(Db, &TempDir) -> T + Send + 'static,
) -> (T, TempDir) {
    let (tell, told) = mpsc::channel();
    thread::spawn(move || {
        let dir = TempDir::new().unwrap();
        let db = options().open(dir.path().join("db")).unwrap();
        (0..PUTS).for_each(|number| put(&db, number));
        db.sync().unwrap();
        let done = work(db, &dir);
        tell.send((done, dir)).unwrap();
    });
    told.recv_timeout(LONG).unwrap()
}

/// Calls the database until somebody else has closed it.
fn closed_beside(db: &Db, closing: &mut Option<thread::JoinHandle<Result<(), DbError>>>) {
    if closing.is_none() {
        let other = db.clone();
        *closing = Some(thread::spawn(move || other.close()));
        while db.sync().is_ok() {
            thread::yield_now();
        }
    }
}

#[test]
fn a_callback_of_a_backup_may_call_a_database_that_is_being_closed() {
    let (backed_up, dir) = comes_to_an_end(|db, dir| {
        let mut closing = None;
        let to = dir.path().join("backup");
        let backed_up = db.backup_with(to, &mut |_| closed_beside(&db, &mut closing));
        closing.unwrap().join().unwrap().unwrap();
        backed_up
    });
    backed_up.unwrap();
    assert!(has_all(&Db::open(dir.path().join("backup")).unwrap(), PUTS));
    assert!(has_all(&Db::open(dir.path().join("db")).unwrap(), PUTS));
}

#[test]
fn a_callback_of_a_verification_may_call_a_database_that_is_being_closed() {
    let (verified, dir) = comes_to_an_end(|db, _| {
        let mut closing = None;
        let verified = db.verify(VerifyOptions::default(), &mut |_| {
            closed_beside(&db, &mut closing);
            ControlFlow::Continue(())
        });
        closing.unwrap().join().unwrap().unwrap();
        verified
    });
    let error = verified.unwrap_err();
    assert!(matches!(error, DbError::Closed { .. }), "{error}");
    assert!(has_all(&Db::open(dir.path().join("db")).unwrap(), PUTS));
}

#[test]
fn callbacks_may_close_the_database() {
    let ((), dir) = comes_to_an_end(|db, dir| {
        let to = dir.path().join("backup");
        let close = |db: &Db| db.clone().close().unwrap();
        db.backup_with(&to, &mut |_| close(&db)).unwrap();
        drop(db);
        let again = options().open(dir.path().join("db")).unwrap();
        assert!(again.recovery().clean);
        let verified = again.verify(VerifyOptions::default(), &mut |_| {
            close(&again);
            ControlFlow::Continue(())
        });
        assert!(matches!(verified, Err(DbError::Closed { .. })));
    });
    assert!(has_all(&Db::open(dir.path().join("backup")).unwrap(), PUTS));
    let db = Db::open(dir.path().join("db")).unwrap();
    assert!(db.recovery().clean && has_all(&db, PUTS));
}

#[test]
fn a_database_that_was_closed_meanwhile_is_not_said_to_be_damaged() {
    let (whole, quick) = (VerifyOptions::default(), VerifyOptions { quick: true });
    for (stage, options, is_in_file) in [
        (VerifyStage::Log, whole, false),
        (VerifyStage::Log, quick, false),
        (VerifyStage::Records, whole, false),
        (VerifyStage::Records, quick, false),
        (VerifyStage::Values, whole, false),
        (VerifyStage::Values, whole, true),
    ] {
        let (verified, _dir) = comes_to_an_end(move |mut db, dir| {
            if is_in_file {
                drop(db);
                db = with_rows_in_the_file(&dir.path().join("db"));
            }
            db.verify(options, &mut |at| {
                if at.stage == stage {
                    db.clone().close().unwrap();
                }
                ControlFlow::Continue(())
            })
        });
        let error = verified.unwrap_err();
        assert!(
            matches!(error, DbError::Closed { .. }),
            "{stage:?}, {options:?}: {error}"
        );
    }
}

/// Whether syncs are held up and then fail, and whether they go on.
#[derive(Debug, Default)]
struct Held {
    is_closing: AtomicBool,
    has_begun: AtomicBool,
    goes_on: AtomicBool,
}

impl Watch for Held {
    fn before(&self, operation: Operation, path: &Path) -> io::Result<()> {
        let is_segment = path.to_string_lossy().contains(".seg");
        if operation != Operation::Sync || !is_segment || !self.is_closing.load(Ordering::Acquire) {
            return Ok(());
        }
        self.has_begun.store(true, Ordering::Release);
        while !self.goes_on.load(Ordering::Acquire) {
            thread::yield_now();
        }
        Err(io::Error::other("the medium failed"))
    }
}

#[test]
fn whoever_closes_a_database_that_is_being_closed_waits_for_that_and_gets_the_same_answer() {
    let dir = TempDir::new().unwrap();
    let held = Arc::new(Held::default());
    let vfs = Arc::new(WatchedFs(Arc::clone(&held)));
    let db = options().vfs(vfs).open(dir.path()).unwrap();
    put(&db, 0);
    db.sync().unwrap();
    held.is_closing.store(true, Ordering::Release);
    thread::scope(|scope| {
        let first = scope.spawn(|| db.clone().close());
        while !held.has_begun.load(Ordering::Acquire) {
            thread::yield_now();
        }
        let second = scope.spawn(|| {
            let closed = db.clone().close();
            assert!(held.goes_on.load(Ordering::Acquire));
            closed
        });
        // If it does not wait, there is time enough for it to say so.
        let begun = Instant::now();
        while !second.is_finished() && begun.elapsed() < Duration::from_millis(50) {
            thread::yield_now();
        }
        held.goes_on.store(true, Ordering::Release);
        assert!(first.join().unwrap().is_err());
        assert!(second.join().unwrap().is_err());
    });
    assert!(db.clone().close().is_err());
    let db = Db::open(dir.path()).unwrap();
    assert!(!db.recovery().clean && has_all(&db, 1));
}

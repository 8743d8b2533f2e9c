//! The last handle of a database goes where nobody would have it go.

use std::io;
use std::path::Path;
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Condvar, Mutex};
use std::task::{Context, Wake, Waker};
use std::thread;
use std::time::Duration;

use futures::FutureExt;
use futures::executor::block_on;
use serde_json::json;
use stepwell::checkpoint::{Checkpointer, Retention, RetentionPolicy};
use stepwell::db::{Db, DbOptions, Durability};
use stepwell::store::{Put, Store, StoreOptions};
use tempfile::TempDir;

use crate::samples::{With, checkpoint};
use crate::watched_fs::{Operation, Watch, WatchedFs};

const PUTS: u64 = 20;

fn has(db: &Db, number: u64) -> bool {
    let id = format!("{number:06}");
    block_on(db.checkpointer().get("t", "", Some(&id)))
        .unwrap()
        .is_some()
}

/// Lets go of the database, and says so.
struct Closes(Mutex<Option<Db>>, Mutex<Sender<()>>);

impl Wake for Closes {
    fn wake(self: Arc<Self>) {
        let db = self.0.lock().unwrap().take();
        drop(db);
        self.1.lock().unwrap().send(()).unwrap();
    }
}

#[test]
fn the_last_handle_may_go_on_the_thread_that_commits() {
    let dir = TempDir::new().unwrap();
    let options = || Db::options().durability(Durability::Sync);
    for number in 0..PUTS {
        let db = options().open(dir.path()).unwrap();
        assert!(db.recovery().clean || db.recovery().created);
        block_on(db.store().put(&["a"], "k", json!(number))).unwrap();
        let put = checkpoint(&format!("{number:06}"), None).in_thread("t");
        let mut put = db.checkpointer().put(put);
        let (tell, told) = mpsc::channel();
        let waker = Waker::from(Arc::new(Closes(Mutex::new(Some(db)), Mutex::new(tell))));
        // The thread of the log may have been faster.
        if put
            .poll_unpin(&mut Context::from_waker(&waker))
            .is_pending()
        {
            told.recv_timeout(Duration::from_secs(60)).unwrap();
        }
    }
    let db = options().open(dir.path()).unwrap();
    assert!(db.recovery().clean);
    assert!((0..PUTS).all(|number| has(&db, number)));
}

#[derive(Debug, Default, PartialEq)]
enum Stage {
    #[default]
    Open,
    /// Who writes next waits.
    Shut,
    /// Somebody waits.
    Reached,
}

/// Holds up whoever commits in the background.
#[derive(Debug, Default)]
struct Barrier {
    stage: Mutex<Stage>,
    changed: Condvar,
}

impl Barrier {
    fn set(&self, stage: Stage) {
        *self.stage.lock().unwrap() = stage;
        self.changed.notify_all();
    }

    fn wait_while(&self, waits: impl Fn(&Stage) -> bool) {
        let stage = self.stage.lock().unwrap();
        let waits = |stage: &mut Stage| waits(stage);
        drop(self.changed.wait_while(stage, waits).unwrap());
    }
}

impl Watch for Barrier {
    fn watches(&self, path: &Path) -> bool {
        path.to_string_lossy().contains(".seg")
    }

    fn before(&self, operation: Operation, _: &Path) -> io::Result<()> {
        let own = ["stepwell-items", "stepwell-retention", "stepwell-commit"].map(Some);
        if operation == Operation::Write && own.contains(&thread::current().name()) {
            let mut stage = self.stage.lock().unwrap();
            if *stage == Stage::Shut {
                *stage = Stage::Reached;
                self.changed.notify_all();
            }
            drop(stage);
            self.wait_while(|stage| *stage == Stage::Reached);
        }
        Ok(())
    }
}

/// Opens the database with `options`, and lets go of it while `work` is held up in the background, once that writes. Opens it
/// again as it was left.
fn let_go_during(dir: &TempDir, options: &DbOptions, work: impl FnOnce(&Db)) -> Db {
    let barrier = Arc::new(Barrier::default());
    barrier.set(Stage::Shut);
    let vfs = Arc::new(WatchedFs(Arc::clone(&barrier)));
    let db = options.clone().vfs(vfs).open(dir.path()).unwrap();
    work(&db);
    barrier.wait_while(|stage| *stage != Stage::Reached);
    drop(db);
    barrier.set(Stage::Open);
    Db::options().open(dir.path()).unwrap()
}

#[test]
fn items_are_swept_no_further_when_the_last_handle_has_gone() {
    const COUNT: u64 = 2000;
    let dir = TempDir::new().unwrap();
    let options = Db::options().durability(Durability::Os);
    let db = options.clone().open(dir.path()).unwrap();
    for number in 0..COUNT {
        let put = Put::new(&["a"], number.to_string(), json!(1)).ttl(Duration::from_millis(1));
        db.store().blocking().put_with(put).unwrap();
    }
    db.close().unwrap();
    thread::sleep(Duration::from_millis(30));
    let swept = StoreOptions::default().sweep_interval(Duration::from_millis(10));
    let db = let_go_during(&dir, &options.store(swept), |_| {});
    let left = db.stats().unwrap().items;
    assert!((1..COUNT).contains(&left), "{left}");
}

#[test]
fn what_is_not_to_be_kept_is_removed_no_further_when_the_last_handle_has_gone() {
    const THREADS: u64 = 100;
    let dir = TempDir::new().unwrap();
    let options = Db::options().durability(Durability::Os);
    let db = options.clone().open(dir.path()).unwrap();
    for number in 0..2 * THREADS {
        let put = checkpoint(&format!("{number:06}"), None);
        drop(
            db.checkpointer()
                .put(put.in_thread(&(number / 2).to_string())),
        );
    }
    db.close().unwrap();
    let db = let_go_during(&dir, &options, |db| {
        let retention = Retention {
            policy: RetentionPolicy {
                keep_last: Some(1),
                ..RetentionPolicy::default()
            },
            interval: Duration::from_millis(10),
        };
        db.set_retention(Some(retention)).unwrap();
    });
    let left = db.stats().unwrap().checkpoints;
    assert!((THREADS + 1..2 * THREADS).contains(&left), "{left}");
}

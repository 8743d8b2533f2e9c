//! Commits while the index file has just failed to be written, and is opened again.

use std::io;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex};

use futures::executor::block_on;
use serde_json::json;
use stepwell::checkpoint::{Checkpointer, DbSaver};
use stepwell::db::{Db, DbOptions, Durability};

use crate::samples::{With, checkpoint, values};
use crate::watched_fs::{Operation, Watch, WatchedFs};

#[derive(Clone, Copy, Debug, Default, PartialEq)]
enum Stage {
    #[default]
    Well,
    /// The next write fails.
    Failing,
    /// It has failed. The file is opened again after the next stage has come.
    Failed,
    Over,
}

/// One write of the index file fails.
#[derive(Debug, Default)]
struct Failure {
    stage: Mutex<Stage>,
    changed: Condvar,
}

impl Failure {
    fn set(&self, stage: Stage) {
        *self.stage.lock().unwrap() = stage;
        self.changed.notify_all();
    }

    fn is(&self, stage: Stage) -> bool {
        *self.stage.lock().unwrap() == stage
    }
}

impl Watch for Failure {
    fn watches(&self, path: &Path) -> bool {
        path.ends_with("index.redb")
    }

    fn before(&self, operation: Operation, _: &Path) -> io::Result<()> {
        match operation {
            Operation::Write if self.is(Stage::Failing) => {
                self.set(Stage::Failed);
                Err(io::ErrorKind::StorageFull.into())
            }
            Operation::Open => {
                let stage = self.stage.lock().unwrap();
                let is_held = |stage: &mut Stage| *stage == Stage::Failed;
                drop(self.changed.wait_while(stage, is_held).unwrap());
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

/// Of the index, next to nothing is in memory.
fn options() -> DbOptions {
    let options = Db::options().durability(Durability::Os);
    options.index_cache_bytes(0).index_memory_bytes(1 << 20)
}

const COUNT: u64 = 400;

fn put(saver: &DbSaver, id: &str, thread: u64) {
    let put = checkpoint(id, None).in_thread(&format!("t{thread}"));
    drop(saver.put(put.changed("n", thread, json!(thread))));
}

#[test]
fn commits_while_the_index_file_fails_to_be_written_are_applied_when_it_was_opened_again() {
    let dir = tempfile::tempdir().unwrap();
    let failure = Arc::new(Failure::default());
    let open = || {
        let vfs = Arc::new(WatchedFs(Arc::clone(&failure)));
        options().vfs(vfs).open(dir.path()).unwrap()
    };
    let db = open();
    (0..COUNT).for_each(|n| put(&db.checkpointer(), "first", n));
    db.sync().unwrap();
    while !dir.path().join("index.redb").exists() {
        std::thread::yield_now();
    }
    db.close().unwrap();

    let db = open();
    let saver = db.checkpointer();
    failure.set(Stage::Failing);
    let mut other = COUNT;
    while !failure.is(Stage::Failed) {
        put(&saver, "first", other);
        other += 1;
        db.sync().unwrap();
    }
    // Their rows are in the file, which cannot be read now.
    (0..20).for_each(|n| put(&saver, "later", n));
    db.sync().unwrap();
    failure.set(Stage::Over);
    for (id, threads) in [("first", 0..other), ("later", 0..20)] {
        for n in threads {
            let found = block_on(saver.get(&format!("t{n}"), "", Some(id)));
            let found = found.unwrap().unwrap();
            assert_eq!(values(&found), json!({"n": n}));
        }
    }
    // Nothing of that was lost on the way to the file either.
    (0..COUNT).for_each(|n| put(&saver, "last", n));
    db.close().unwrap();
    let db = open();
    assert_eq!(db.index_rebuilt(), None);
    assert_eq!(db.stats().unwrap().checkpoints, other + 20 + COUNT);
}

//! Commits and reads while the index file has just failed to be written, and is opened again.

use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use futures::StreamExt;
use futures::executor::block_on;
use serde_json::json;
use stepwell::checkpoint::{Checkpointer, DbSaver, ListQuery};
use stepwell::db::{Db, DbOptions, Durability};

use crate::samples::{With, checkpoint, values};
use crate::watched_fs::{Operation, Watch, WatchedFs};

#[derive(Clone, Copy, Debug, Default, PartialEq)]
enum Stage {
    #[default]
    Well,
    /// The next write fails.
    Failing,
    /// It has failed. The file is opened again a while later.
    Failed,
}

/// How long nobody can read the file.
const A_WHILE: Duration = Duration::from_millis(200);

/// One write of the index file fails.
#[derive(Debug, Default)]
struct Failure(Mutex<Stage>);

impl Failure {
    /// Goes on from one stage to the next, if it is that one.
    fn passes(&self, stage: Stage, next: Stage) -> bool {
        let mut now = self.0.lock().unwrap();
        let passes = *now == stage;
        if passes {
            *now = next;
        }
        passes
    }
}

impl Watch for Failure {
    fn watches(&self, path: &Path) -> bool {
        path.ends_with("index.redb")
    }

    fn before(&self, operation: Operation, _: &Path) -> io::Result<()> {
        match operation {
            Operation::Write if self.passes(Stage::Failing, Stage::Failed) => {
                Err(io::ErrorKind::StorageFull.into())
            }
            Operation::Open if self.passes(Stage::Failed, Stage::Well) => {
                thread::sleep(A_WHILE);
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

fn open(dir: &Path, failure: &Arc<Failure>) -> Db {
    let vfs = Arc::new(WatchedFs(Arc::clone(failure)));
    options().vfs(vfs).open(dir).unwrap()
}

/// A database with so many checkpoints, whose rows are in the file.
fn filled(dir: &Path, failure: &Arc<Failure>) -> Db {
    let db = open(dir, failure);
    (0..COUNT).for_each(|n| put(&db.checkpointer(), "first", n));
    db.sync().unwrap();
    while !dir.join("index.redb").exists() {
        thread::yield_now();
    }
    db.close().unwrap();
    open(dir, failure)
}

/// Puts more until a write of the file has failed. How many checkpoints there are.
fn fail(db: &Db, failure: &Failure) -> u64 {
    assert!(failure.passes(Stage::Well, Stage::Failing));
    let mut count = COUNT;
    while failure.passes(Stage::Failing, Stage::Failing) {
        put(&db.checkpointer(), "first", count);
        count += 1;
        db.sync().unwrap();
    }
    count
}

#[test]
fn commits_while_the_index_file_fails_to_be_written_are_applied_when_it_was_opened_again() {
    let dir = tempfile::tempdir().unwrap();
    let failure = Arc::new(Failure::default());
    let db = filled(dir.path(), &failure);
    let saver = db.checkpointer();
    let other = fail(&db, &failure);
    // Their rows are in the file, which cannot be read now.
    (0..20).for_each(|n| put(&saver, "later", n));
    db.sync().unwrap();
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
    let db = open(dir.path(), &failure);
    assert_eq!(db.index_rebuilt(), None);
    assert_eq!(db.stats().unwrap().checkpoints, other + 20 + COUNT);
}

#[test]
fn whoever_reads_while_the_index_file_fails_to_be_written_waits_until_it_was_opened_again() {
    let dir = tempfile::tempdir().unwrap();
    let failure = Arc::new(Failure::default());
    let db = filled(dir.path(), &failure);
    let saver = db.checkpointer();
    let mut list = saver.list(ListQuery::default());
    let first = block_on(list.next()).unwrap().unwrap();
    let count = fail(&db, &failure);
    for n in 0..count {
        let found = block_on(saver.get(&format!("t{n}"), "", Some("first")));
        assert_eq!(values(&found.unwrap().unwrap()), json!({"n": n}));
    }
    // What is read of a moment before goes on, too.
    let mut listed: Vec<_> = block_on(list.map(Result::unwrap).collect());
    listed.push(first);
    assert_eq!(u64::try_from(listed.len()).unwrap(), COUNT);
}

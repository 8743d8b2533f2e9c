//! Commits while the index file takes nothing: it is slow, or its file system is full.

use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use futures::executor::block_on;
use serde_json::json;
use stepwell::checkpoint::{Checkpointer, DbSaver};
use stepwell::db::{Db, Durability};

use crate::samples::{With, checkpoint, values};
use crate::watched_fs::{Operation, Watch, WatchedFs};

#[derive(Clone, Copy, Debug, Default, PartialEq)]
enum State {
    #[default]
    Well,
    Slow,
    Full,
}

/// What happens to writes to the index file.
#[derive(Debug, Default)]
struct Weather {
    state: Mutex<State>,
    changed: Condvar,
}

impl Weather {
    fn set(&self, state: State) {
        *self.state.lock().unwrap() = state;
        self.changed.notify_all();
    }

    fn write(&self) -> io::Result<()> {
        let mut state = self.state.lock().unwrap();
        while *state == State::Slow {
            state = self.changed.wait(state).unwrap();
        }
        match *state {
            State::Full => Err(io::ErrorKind::StorageFull.into()),
            _ => Ok(()),
        }
    }
}

impl Watch for Weather {
    fn watches(&self, path: &Path) -> bool {
        let name = path.file_name();
        name.is_some_and(|name| name.to_string_lossy().starts_with("index"))
    }

    fn before(&self, operation: Operation, _: &Path) -> io::Result<()> {
        match operation {
            Operation::Write | Operation::SetLen => self.write(),
            _ => Ok(()),
        }
    }
}

fn open(path: &Path, weather: &Arc<Weather>) -> Db {
    let options = Db::options().durability(Durability::Os);
    let options = options.vfs(Arc::new(WatchedFs(Arc::clone(weather))));
    options.index_memory_bytes(40_000).open(path).unwrap()
}

fn put(saver: &DbSaver, n: u64) -> bool {
    let put = checkpoint(&format!("{n:05}"), None).changed("n", n, json!(n));
    saver.put(put).wait().is_ok()
}

fn check(db: &Db, count: u64) {
    let saver = db.checkpointer();
    for n in (0..count).step_by(7) {
        let found = block_on(saver.get("t", "", Some(&format!("{n:05}")))).unwrap();
        assert_eq!(values(&found.unwrap()), json!({"n": n}));
    }
    assert_eq!(db.stats().unwrap().checkpoints, count);
}

#[test]
fn puts_wait_for_a_slow_index_file_when_memory_is_full_and_no_sooner() {
    const COUNT: u64 = 600;
    let dir = tempfile::tempdir().unwrap();
    let weather = Arc::new(Weather::default());
    let db = open(dir.path(), &weather);
    weather.set(State::Slow);
    let done = AtomicU64::new(0);
    thread::scope(|scope| {
        scope.spawn(|| {
            let saver = db.checkpointer();
            for n in 0..COUNT {
                assert!(put(&saver, n));
                done.fetch_add(1, Ordering::SeqCst);
            }
        });
        // It goes on as long as there is room, and then no further.
        let began = Instant::now();
        let mut last = (0, Instant::now());
        while last.0 == 0 || last.1.elapsed() < Duration::from_millis(300) {
            assert!(began.elapsed() < Duration::from_secs(60));
            thread::sleep(Duration::from_millis(5));
            let now = done.load(Ordering::SeqCst);
            if now > last.0 {
                last = (now, Instant::now());
            }
        }
        assert!((10..COUNT).contains(&last.0), "{}", last.0);
        let memory = db.stats().unwrap().index.bytes_in_memory;
        assert!((40_000..60_000).contains(&memory), "{memory}");
        weather.set(State::Well);
    });
    let waits = db.stats().unwrap().back_pressure;
    assert!(
        waits.waits > 0 && waits.waited > Duration::from_millis(200),
        "{waits:?}"
    );
    check(&db, COUNT);
    db.close().unwrap();
    check(&open(dir.path(), &weather), COUNT);
}

#[test]
fn puts_fail_while_the_index_file_cannot_be_written_and_memory_is_full() {
    let dir = tempfile::tempdir().unwrap();
    let weather = Arc::new(Weather::default());
    let db = open(dir.path(), &weather);
    weather.set(State::Full);
    let saver = db.checkpointer();
    let mut count = 0;
    while put(&saver, count) {
        count += 1;
        assert!(count < 600);
    }
    assert!(count > 10);
    // What was taken is there.
    check(&db, count);
    weather.set(State::Well);
    let began = Instant::now();
    while !put(&saver, count) {
        assert!(began.elapsed() < Duration::from_secs(60));
        thread::sleep(Duration::from_millis(20));
    }
    check(&db, count + 1);
    drop(saver);
    db.close().unwrap();
    check(&open(dir.path(), &weather), count + 1);
}

#[test]
fn an_index_that_is_given_no_memory_takes_commits_all_the_same() {
    for bytes in [0, 1, 2] {
        let dir = tempfile::tempdir().unwrap();
        let db = Db::options()
            .index_memory_bytes(bytes)
            .open(dir.path())
            .unwrap();
        let saver = db.checkpointer();
        for number in 0..200 {
            let id = format!("{number:03}");
            block_on(saver.put(checkpoint(&id, None))).unwrap();
        }
        drop(saver);
        db.close().unwrap();
    }
}

//! Many threads, with the engine's own in the background, when a call of the file system fails: everybody gets an answer, and what
//! was acknowledged is there afterwards.

use std::ffi::OsString;
use std::io::{self, ErrorKind};
use std::path::Path;
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use futures::executor::block_on;
use stepwell::db::{Db, DbError};
use stepwell::store::{Search, Store};
use stepwell::testing::{Failing, Random, SimFs, Survival};
use stepwell::vfs::{LockError, OpenMode, Vfs, VfsFile, VfsLock};

/// The simulated files with real threads and time.
#[derive(Debug)]
struct Threaded(SimFs);

impl Vfs for Threaded {
    fn create_dir(&self, path: &Path) -> io::Result<()> {
        self.0.create_dir(path)
    }

    fn read_dir(&self, path: &Path) -> io::Result<Vec<OsString>> {
        self.0.read_dir(path)
    }

    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn VfsFile>> {
        self.0.open(path, mode)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.0.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.0.remove(path)
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        self.0.sync_dir(path)
    }

    fn lock(&self, path: &Path) -> Result<Box<dyn VfsLock>, LockError> {
        self.0.lock(path)
    }
}

const WRITERS: u64 = 4;
const ITEMS: u64 = 12;
const PATIENCE: Duration = Duration::from_secs(60);

fn open(fs: &SimFs) -> Result<Db, DbError> {
    Db::options()
        .segment_bytes(4096)
        .index_memory_bytes(8 << 10)
        .vfs(Arc::new(Threaded(fs.clone())))
        .open("/db")
}

/// What was acknowledged.
fn write(db: &Db, writer: u64) -> Vec<String> {
    let mut acknowledged = Vec::new();
    for number in 0..ITEMS {
        let key = format!("{writer}-{number}");
        let value = "x".repeat(200).into();
        if block_on(db.store().put(&["items"], &key, value)).is_ok() {
            acknowledged.push(key);
        }
    }
    acknowledged
}

/// Has several threads write while calls fail.
fn run(failing: Option<Failing>) -> u64 {
    let fs = SimFs::new(1);
    fs.fail(failing);
    let mut acknowledged = Vec::new();
    if let Ok(db) = open(&fs) {
        let writers = (0..WRITERS).map(|writer| {
            let db = db.clone();
            thread::spawn(move || write(&db, writer))
        });
        let writers: Vec<_> = writers.collect();
        for writer in writers {
            acknowledged.extend(writer.join().unwrap());
        }
        let _ = db.compact();
        let _ = db.close();
    }
    let calls = fs.calls();
    fs.fail(None);
    let moment = fs.moment();
    let mut random = Random::new(calls);
    let survival = Survival::Random(random.number());
    for image in [moment.killed(), moment.power_cut(&survival)] {
        let db = open(&image).unwrap();
        let found = block_on(db.store().search(Search::new(&[]).limit(usize::MAX))).unwrap();
        for key in &acknowledged {
            assert!(found.iter().any(|item| item.key == *key), "{key} is lost");
        }
    }
    calls
}

#[test]
fn nobody_hangs_and_nothing_is_lost_when_a_call_fails() {
    let calls = run(None);
    for from in (1..calls).step_by(7) {
        let times = if from % 2 == 0 { 1 } else { u64::MAX };
        let kinds = [ErrorKind::Other, ErrorKind::StorageFull];
        for kind in kinds {
            let failing = Failing { from, times, kind };
            let (tell, told) = mpsc::channel();
            let running = thread::spawn(move || {
                run(Some(failing));
                let _ = tell.send(());
            });
            match told.recv_timeout(PATIENCE) {
                Err(mpsc::RecvTimeoutError::Timeout) => panic!("somebody hangs: {failing:?}"),
                _ => assert!(running.join().is_ok(), "{failing:?}"),
            }
        }
    }
}

//! The last handle of a database goes where nobody would have it go.

use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex};
use std::task::{Context, Wake, Waker};
use std::time::Duration;

use futures::FutureExt;
use futures::executor::block_on;
use serde_json::json;
use stepwell::checkpoint::Checkpointer;
use stepwell::db::{Db, Durability};
use stepwell::store::Store;
use tempfile::TempDir;

use crate::samples::{With, checkpoint};

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

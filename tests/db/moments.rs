//! Moments of checkpoints that do not say when they were made.

use std::thread::sleep;
use std::time::{Duration, SystemTime};

use serde_json::json;
use stepwell::checkpoint::{CheckpointIds, Checkpointer};
use stepwell::store::{Put, Store, StoreOptions};

use crate::database::{Database, options};
use crate::samples::checkpoint;

/// A database with an item that has expired, and behind it a checkpoint whose time is none.
fn database(checkpoint_id: impl FnOnce() -> String) -> Database {
    let history = StoreOptions::default().history(&[], None);
    let database = Database::with(options().store(history));
    let store = database.db().store();
    let put = Put::new(&["a"], "k", json!(1)).ttl(Duration::from_millis(1));
    store.blocking().put_with(put).unwrap();
    sleep(Duration::from_millis(5));
    let mut put = checkpoint(&checkpoint_id(), None);
    put.checkpoint.ts = "yesterday".into();
    let saver = database.db().checkpointer();
    saver.put(put).wait().unwrap();
    database
}

#[test]
fn a_checkpoint_without_a_time_was_made_when_its_id_says() {
    let before = SystemTime::now();
    let database = database(|| CheckpointIds::new().next(None, 0));
    let moment = database.db().moment("t", "", None).unwrap().unwrap();
    assert!((before..=SystemTime::now()).contains(&moment.time()));
    let item = database
        .db()
        .store()
        .blocking()
        .get_as_of(&["a"], "k", moment);
    assert_eq!(item.unwrap(), None);
}

#[test]
fn a_checkpoint_of_which_nothing_says_when_it_was_made_has_no_moment() {
    let database = database(|| "first".to_owned());
    let error = database.db().moment("t", "", None).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("checkpoint `first` of thread `t`"),
        "{error}"
    );
}

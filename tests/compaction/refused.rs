//! Records that were refused: they go, but for the values that others have of them.

use futures::executor::block_on;
use serde_json::{Value, json};
use stepwell::checkpoint::{CheckpointError, Checkpointer};
use stepwell::db::Db;

use crate::answers::answers;
use crate::database::{Database, Reopening, options};
use crate::history::text;
use crate::samples::{With, checkpoint, values};
use crate::whole::assert_whole;

fn large() -> Value {
    json!(text(3).repeat(20))
}

fn log_bytes(db: &Db) -> u64 {
    db.stats().unwrap().log.bytes
}

#[test]
fn a_value_of_a_refused_record_stays_as_long_as_another_one_is_it() {
    let mut database = Database::with(options().segment_bytes(4096));
    let saver = database.db().checkpointer();
    let first = checkpoint("1", None).changed("a", 1, json!(1));
    saver.put(first).wait().unwrap();
    saver.delete_thread("t").wait().unwrap();
    let refused = checkpoint("2", Some("1")).changed("large", 1, large());
    let refused = saver.put(refused).wait();
    assert!(matches!(
        refused,
        Err(CheckpointError::ThreadDeleted { .. })
    ));
    let before = log_bytes(database.db());
    // It is not stored again.
    let equal = checkpoint("3", None).changed("large", 1, large());
    saver.put(equal).wait().unwrap();
    assert!(log_bytes(database.db()) < before + 1000);
    drop(saver);
    let expected = answers(database.db());
    for _ in 0..3 {
        assert!(!database.db().compact().unwrap().incomplete);
        assert_eq!(answers(database.db()), expected);
        assert_whole(database.db());
        database.reopen(Reopening::Unclean);
        let found = block_on(database.db().checkpointer().get("t", "", Some("3")));
        assert_eq!(values(&found.unwrap().unwrap()), json!({"large": large()}));
        assert_eq!(answers(database.db()), expected);
        assert_whole(database.db());
    }
    let stats = database.db().stats().unwrap();
    assert!(stats.bound_bytes() > 500, "{stats:?}");
    database
        .db()
        .checkpointer()
        .delete_thread("t")
        .wait()
        .unwrap();
    database.db().compact().unwrap();
    let stats = database.db().stats().unwrap();
    assert!(
        stats.log.bytes < 900 && stats.bound_bytes() == 0,
        "{stats:?}"
    );
    assert_whole(database.db());
}

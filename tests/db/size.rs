//! What is written, and what is not.

use std::fs;
use std::path::Path;

use futures::executor::block_on;
use serde_json::json;
use stepwell::checkpoint::Checkpointer;

use crate::database::{Database, Reopening};
use crate::samples::{With, checkpoint, values};

fn bytes_in(dir: &Path) -> u64 {
    let entries = fs::read_dir(dir).unwrap().map(Result::unwrap);
    entries
        .map(|entry| {
            let metadata = entry.metadata().unwrap();
            if metadata.is_dir() {
                bytes_in(&entry.path())
            } else {
                metadata.len()
            }
        })
        .sum()
}

#[test]
fn an_unchanged_value_is_not_written_again_even_if_it_is_handed_over() {
    let mut database = Database::default();
    let saver = database.db().checkpointer();
    let big = json!("x".repeat(100_000));
    let base = checkpoint("00", None).changed("big", 1, big.clone());
    saver.put(base).wait().unwrap();
    // A chain and forks.
    for n in 1..40 {
        let parent = format!("{:02}", n / 2);
        let put = checkpoint(&format!("{n:02}"), Some(&parent));
        let put = put.carried("big", 1, big.clone());
        saver.put(put).wait().unwrap();
    }
    drop(saver);
    database.reopen(Reopening::Clean);
    let db = database.db();
    let found = block_on(db.checkpointer().get("t", "", Some("39"))).unwrap();
    assert_eq!(values(&found.unwrap()), json!({"big": big}));
    let bytes = bytes_in(db.path());
    assert!(bytes < 130_000, "{bytes} bytes");
}

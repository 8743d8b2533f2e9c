//! Whatever operation of the file system is the last one, the database answers as before.

use std::fs;
use std::path::Path;

use serde_json::Value;
use stepwell::db::DbOptions;
use tempfile::TempDir;

use crate::answers::answers;
use crate::database::{copy, options};
use crate::history::fill;
use crate::stopping_fs::StoppingFs;
use crate::whole::assert_whole;

/// A database of which much is dead, and what it answers.
fn made(dir: &Path, options: &DbOptions) -> Value {
    let db = options.clone().open(dir).unwrap();
    fill(&db, 1);
    let expected = answers(&db);
    db.close().unwrap();
    expected
}

fn assert_answers(dir: &Path, options: &DbOptions, expected: &Value) {
    let db = options.clone().open(dir).unwrap();
    assert_eq!(&answers(&db), expected);
    assert_whole(&db);
    db.close().unwrap();
}

#[test]
fn a_crash_at_any_operation_changes_no_answer() {
    for index_memory_bytes in [64 << 20, 50_000] {
        let options = options()
            .segment_bytes(8 << 10)
            .index_memory_bytes(index_memory_bytes);
        let base = TempDir::new().unwrap();
        let expected = made(base.path(), &options);
        let (mut first, mut stopped) = (None, 0_u64);
        for stop_after in 0_u64.. {
            let dir = TempDir::new().unwrap();
            copy(base.path(), dir.path()).unwrap();
            let (fs, left) = StoppingFs::new();
            let db = options.clone().vfs(fs).open(dir.path()).unwrap();
            left.set(stop_after);
            let compacted = db.compact();
            let is_stopped = left.is_stopped();
            assert!(is_stopped || compacted.is_ok());
            left.set(0);
            drop(db);
            assert_answers(dir.path(), &options, &expected);
            let _ = fs::remove_file(dir.path().join("index.redb"));
            assert_answers(dir.path(), &options, &expected);
            let db = options.clone().open(dir.path()).unwrap();
            let report = db.compact().unwrap();
            assert_eq!(answers(&db), expected);
            assert_whole(&db);
            let bytes = db.stats().unwrap().log.bytes;
            // It may be cut into segments elsewhere.
            assert!(bytes <= *first.get_or_insert(bytes) + 4096, "{report:?}");
            if !is_stopped {
                break;
            }
            stopped += 1;
        }
        assert!(stopped > 50, "{stopped}");
    }
}

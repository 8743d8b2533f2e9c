//! A compaction that is left alone.

use std::fs;
use std::ops::ControlFlow;

use stepwell::checkpoint::Checkpointer;
use stepwell::db::{Db, DbError, VerifyOptions, salvage};
use tempfile::TempDir;

use crate::answers::answers;
use crate::database::{Database, Reopening, options};
use crate::history::{Steps, fill, keep_last};

/// Everything in it fits together.
pub(crate) fn assert_whole(db: &Db) {
    let report = db.verify(VerifyOptions::default(), &mut |_| ControlFlow::Continue(()));
    let report = report.unwrap();
    assert!(report.is_clean(), "{report:?}");
}

#[test]
fn a_history_with_something_of_everything_answers_the_same_wherever_it_is_kept() {
    for index_memory_bytes in [64 << 20, 50_000] {
        let options = options()
            .segment_bytes(8 << 10)
            .index_memory_bytes(index_memory_bytes);
        let mut database = Database::with(options.clone());
        fill(database.db(), 1);
        copy_often(database.db(), 34);
        let expected = answers(database.db());
        for round in 0..2 {
            let report = database.db().compact().unwrap();
            assert!(!report.incomplete);
            let less = report.bytes_before.saturating_sub(report.bytes_after);
            assert_eq!(less > 5_000, round == 0, "{report:?}");
            assert_eq!(answers(database.db()), expected);
            assert_whole(database.db());
            database.reopen(match round {
                1 => Reopening::Clean,
                _ => Reopening::Unclean,
            });
            assert_eq!(answers(database.db()), expected);
            assert_whole(database.db());
            if round > 0 {
                continue;
            }
            let dir = TempDir::new().unwrap();
            let [without, backup, salvaged] = ["a", "b", "c"].map(|name| dir.path().join(name));
            crate::database::copy(database.db().path(), &without).unwrap();
            let _ = fs::remove_file(without.join("index.redb"));
            let report = salvage(&without, &salvaged).unwrap();
            assert!(report.is_whole() && report.assumed_values.is_empty());
            database.db().backup(&backup).unwrap();
            for path in [&without, &salvaged, &backup] {
                let db = options.clone().open(path).unwrap();
                assert_eq!(answers(&db), expected);
                assert_whole(&db);
                db.compact().unwrap();
                assert_eq!(answers(&db), expected);
                let looked = Db::options().read_only().open(path).unwrap();
                assert_eq!(answers(&looked), expected);
                assert_whole(&looked);
            }
        }
    }
}

#[test]
fn what_is_only_looked_at_is_not_compacted() {
    let database = Database::default();
    fill(database.db(), 1);
    let looked = Db::options().read_only().open(database.db().path());
    let refused = looked.unwrap().compact();
    assert!(matches!(refused, Err(DbError::ReadOnly { .. })));
    let db = database.db().clone();
    db.clone().close().unwrap();
    assert!(matches!(db.compact(), Err(DbError::Closed { .. })));
}

/// More copies of copies than are looked through one by one.
fn copy_often(db: &Db, copies: usize) {
    let saver = db.checkpointer();
    let mut many = Steps::new(db, "many 0", "");
    many.step(0);
    for n in 1..=copies {
        many = many.copied(&format!("many {n}"));
        if n % 9 > 0 {
            many.step(0);
        }
        if n % 7 == 0 {
            keep_last(db, &format!("many {n}"), 2);
        }
        if n % 5 == 0 {
            saver
                .delete_thread(&format!("many {}", n - 3))
                .wait()
                .unwrap();
        }
    }
}

//! Databases that earlier versions wrote, in `tests/data/golden`: each opens and answers what it answered then.
//!
//! `cargo test --test db golden -- --ignored` makes those of the present version again, from nothing. It is to be run when the format changes
//! before a release, and never afterwards: later versions get directories of their own.

use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use serde_json::Value;
use stepwell::db::{Db, VerifyOptions};
use tempfile::TempDir;

use crate::answers::answers;
use crate::database::{Database, copy, options};
use crate::history::{Steps, fill};

const ANSWERS: &str = "answers.json";

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/golden")
}

/// Makes a database anew, as `with` leaves it, without its index file unless that is wanted.
fn make(name: &str, index_memory_bytes: usize, with: impl Fn(&Db)) {
    let dir = golden().join(name);
    let _ = fs::remove_dir_all(&dir);
    let database = Database::with(
        options()
            .segment_bytes(16 << 10)
            .index_memory_bytes(index_memory_bytes),
    );
    with(database.db());
    let expected = answers(database.db());
    let path = database.db().path().to_path_buf();
    database.db().clone().close().unwrap();
    copy(&path, &dir.join("db"));
    fs::write(
        dir.join(ANSWERS),
        serde_json::to_string_pretty(&expected).unwrap() + "\n",
    )
    .unwrap();
}

#[test]
#[ignore = "it makes the databases that the other test opens"]
fn the_databases_of_this_version_are_made_again() {
    let much = 64 << 20;
    make("v2-plain", much, |db| {
        let mut steps = Steps::new(db, "plain", "");
        steps.steps(4);
    });
    make("v2-everything", much, |db| fill(db, 1));
    make("v2-compacted", much, |db| {
        fill(db, 1);
        db.compact().unwrap();
        Steps::new(db, "after", "").steps(2);
    });
    make("v2-indexed", 20_000, |db| {
        fill(db, 1);
        db.compact().unwrap();
    });
}

fn assert_answers(db: &Db, expected: &Value, name: &str) {
    assert!(&answers(db) == expected, "{name} answers something else");
    let report = db.verify(VerifyOptions::default(), &mut |_| ControlFlow::Continue(()));
    let report = report.unwrap();
    assert!(report.is_clean(), "{name}: {report:?}");
}

#[test]
fn databases_of_earlier_versions_answer_what_they_did() {
    let mut found = 0;
    for entry in fs::read_dir(golden()).unwrap() {
        let (dir, name) = {
            let entry = entry.unwrap();
            (entry.path(), entry.file_name().into_string().unwrap())
        };
        found += 1;
        let expected = fs::read_to_string(dir.join(ANSWERS)).unwrap();
        let expected = serde_json::from_str(&expected).unwrap();
        let copied = TempDir::new().unwrap();
        copy(&dir.join("db"), copied.path());
        let open = || {
            options()
                .segment_bytes(16 << 10)
                .open(copied.path())
                .unwrap()
        };
        let looked = Db::options().read_only().open(copied.path()).unwrap();
        assert_answers(&looked, &expected, &name);
        let db = open();
        // Without the words it has other rows.
        assert!(db.index_rebuilt().is_none() || cfg!(not(feature = "words")));
        assert_answers(&db, &expected, &name);
        db.close().unwrap();
        let _ = fs::remove_file(copied.path().join("index.redb"));
        let db = open();
        assert_answers(&db, &expected, &name);
        // It goes on, and is compacted.
        assert!(!db.compact().unwrap().incomplete);
        assert_answers(&db, &expected, &name);
        Steps::new(&db, "later", "").steps(2);
        let later = answers(&db);
        db.close().unwrap();
        assert_answers(&open(), &later, &name);
    }
    assert!(found >= 4);
}

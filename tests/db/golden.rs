//! Databases that earlier versions wrote, in `tests/data/golden`: each opens and answers what it answered then.
//!
//! `cargo test --test db golden -- --ignored` makes those of the present version again, from nothing. It is to be run when the format changes
//! before a release, and never afterwards: later versions get directories of their own. With `GOLDEN=v2-indexed` only that one is made.

use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use serde_json::Value;
use stepwell::db::{Db, VerifyOptions};
use tempfile::TempDir;

use crate::answers::answers;
use crate::database::{Database, copy, options};
use crate::golden_store::{self, store_answers, store_options};
use crate::history::{Steps, fill};

const ANSWERS: &str = "answers.json";
/// What some answer of items that the others do not have.
const STORE_ANSWERS: &str = "store.json";

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/golden")
}

/// Makes a database anew, unless `GOLDEN` names another, as `with` leaves it, without its index file unless that is wanted.
fn make(name: &str, index_memory_bytes: usize, with: impl Fn(&Db)) {
    if std::env::var("GOLDEN").is_ok_and(|only| only != name) {
        return;
    }
    let dir = golden().join(name);
    let _ = fs::remove_dir_all(&dir);
    let database = Database::with(
        options()
            .segment_bytes(16 << 10)
            .index_memory_bytes(index_memory_bytes)
            .store(store_options()),
    );
    with(database.db());
    let expected = answers(database.db());
    let store = (name == RANKED).then(|| store_answers(database.db()));
    let path = database.db().path().to_path_buf();
    database.db().clone().close().unwrap();
    copy(&path, &dir.join("db")).unwrap();
    let write = |name, answers| {
        let text = serde_json::to_string_pretty(answers).unwrap() + "\n";
        fs::write(dir.join(name), text).unwrap();
    };
    write(ANSWERS, &expected);
    if let Some(store) = store {
        write(STORE_ANSWERS, &store);
    }
}

/// The name of the database with items that queries rank.
const RANKED: &str = "v2-ranked";

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
    make(RANKED, 20_000, |db| {
        Steps::new(db, "ranked", "").steps(2);
        golden_store::fill(db);
    });
}

fn assert_answers(db: &Db, expected: &(Value, Option<Value>), name: &str) {
    assert!(answers(db) == expected.0, "{name} answers something else");
    let has_words = cfg!(feature = "words");
    if let Some(expected) = expected.1.as_ref().filter(|_| has_words) {
        assert_eq!(&store_answers(db), expected, "{name}");
    }
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
        let of_store = fs::read_to_string(dir.join(STORE_ANSWERS)).ok();
        let of_store = of_store.map(|text| serde_json::from_str(&text).unwrap());
        assert_eq!(of_store.is_some(), name == RANKED);
        let expected = (expected, of_store);
        let copied = TempDir::new().unwrap();
        copy(&dir.join("db"), copied.path()).unwrap();
        let open = || {
            options()
                .segment_bytes(16 << 10)
                .store(store_options())
                .open(copied.path())
                .unwrap()
        };
        let looked = Db::options()
            .read_only()
            .store(store_options())
            .open(copied.path())
            .unwrap();
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
        assert_answers(&open(), &(later, None), &name);
    }
    assert!(found >= 5);
}

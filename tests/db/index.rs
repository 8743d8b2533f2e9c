//! The index file: used where it can be, made again where not, and the same answers either way.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use futures::StreamExt;
use futures::executor::block_on;
use serde_json::{Value, json};
use stepwell::checkpoint::{Checkpointer, ListQuery};
use stepwell::db::{Db, DbError, Durability};
use stepwell::log::{Log, LogOptions, ReplayFrom};
use stepwell::vfs::OsFs;

use crate::samples::{With, checkpoint, pending, values, writes};

const COUNT: u32 = 600;

fn open(path: &Path) -> Db {
    let options = Db::options().durability(Durability::Os);
    options.index_memory_bytes(100_000).open(path).unwrap()
}

/// Waits for a first flush: it happens in the background.
fn wait_for_file(path: &Path) {
    let mut rounds = 0;
    while !path.join("index.redb").exists() {
        assert!(rounds < 20_000, "it never came");
        rounds += 1;
        thread::sleep(Duration::from_millis(1));
    }
}

/// Makes a database whose rows do not fit into memory, and copies it as a kill would leave it.
fn make(dir: &Path) -> PathBuf {
    let (path, killed) = (dir.join("made"), dir.join("killed"));
    let db = open(&path);
    let saver = db.checkpointer();
    for n in 0..COUNT {
        let id = format!("{n:04}");
        let parent = n.checked_sub(1).map(|n| format!("{n:04}"));
        drop(saver.put(checkpoint(&id, parent.as_deref()).changed("n", n.into(), json!(n))));
        drop(saver.put_writes(writes(&id, "task", "path", &[("w", json!(n))])));
    }
    db.sync().unwrap();
    wait_for_file(&path);
    let index = |of: &Path| fs::read(of.join("index.redb")).unwrap();
    copy(&path, &killed);
    // What is written while it is copied would be there in part, as no kill leaves it.
    while index(&path) != index(&killed) {
        fs::remove_dir_all(&killed).unwrap();
        copy(&path, &killed);
    }
    db.close().unwrap();
    killed
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}

fn answers(db: &Db) -> Vec<(Value, Value)> {
    let list = db.checkpointer().list(ListQuery::default());
    let answers = list.map(|tuple| {
        let tuple = tuple.unwrap();
        (values(&tuple), pending(&tuple))
    });
    block_on(answers.collect())
}

#[test]
fn an_index_file_saves_the_replay_of_what_is_in_it() {
    let dir = tempfile::tempdir().unwrap();
    let db = open(&make(dir.path()));
    assert_eq!(db.index_rebuilt(), None);
    let replayed = db.recovery().frames;
    // Each round is two frames.
    assert!(replayed < 2 * u64::from(COUNT), "{replayed} frames");
    let answers = answers(&db);
    assert_eq!(answers.len(), COUNT as usize);
    assert_eq!(answers[0].0, json!({"n": COUNT - 1}));
}

#[test]
fn whatever_becomes_of_the_index_file_the_answers_are_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let other = tempfile::tempdir().unwrap();
    let path = make(dir.path());
    let truth = {
        copy(&path, &dir.path().join("truth"));
        answers(&open(&dir.path().join("truth")))
    };
    let whole = fs::read(path.join("index.redb")).unwrap();
    let flipped = |at: usize| {
        let mut bytes = whole.clone();
        bytes[at] ^= 64;
        Some(bytes)
    };
    let foreign = fs::read(make(other.path()).join("index.redb")).unwrap();
    let files = [
        ("gone", None),
        ("empty", Some(Vec::new())),
        ("cut off", Some(whole[..whole.len() / 2].to_vec())),
        ("garbage", Some(vec![7; 50_000])),
        ("of another database", Some(foreign)),
        ("header flipped", flipped(100)),
        ("page flipped", flipped(512 + 4100 * 3 + 50)),
        ("late page flipped", flipped(whole.len() / 3)),
    ];
    for (number, (what, file)) in files.into_iter().enumerate() {
        let case = dir.path().join(number.to_string());
        copy(&path, &case);
        let index = case.join("index.redb");
        match file {
            Some(bytes) => fs::write(&index, bytes).unwrap(),
            None => fs::remove_file(&index).unwrap(),
        }
        let db = open(&case);
        let rebuilt = db.index_rebuilt().map(str::to_owned);
        assert_eq!(answers(&db), truth, "{what}");
        match what {
            "gone" => assert_eq!(rebuilt, None),
            "of another database" => {
                assert_eq!(rebuilt.unwrap(), "it belongs to another database");
            }
            "page flipped" | "late page flipped" => {}
            _ => assert!(rebuilt.is_some(), "{what}"),
        }
    }
}

#[test]
fn an_index_file_that_is_ahead_of_the_log_is_made_again() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("database");
    let (early, late) = (dir.path().join("early"), dir.path().join("late"));
    let db = open(&path);
    let saver = db.checkpointer();
    saver.put(checkpoint("0000", None)).wait().unwrap();
    db.sync().unwrap();
    copy(&path, &early);
    for n in 1..COUNT {
        drop(saver.put(checkpoint(&format!("{n:04}"), None).changed("n", 1, json!(n))));
    }
    db.sync().unwrap();
    wait_for_file(&path);
    copy(&path, &late);
    fs::copy(late.join("index.redb"), early.join("index.redb")).unwrap();
    let db = open(&early);
    assert_eq!(db.index_rebuilt(), Some("it is ahead of the log"));
    assert_eq!(answers(&db).len(), 1);
}

#[test]
fn a_small_database_has_no_index_file() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("database");
    let db = Db::open(&path).unwrap();
    let saver = db.checkpointer();
    saver.put(checkpoint("0000", None)).wait().unwrap();
    db.close().unwrap();
    assert!(!path.join("index.redb").exists());
}

#[test]
fn a_record_that_cannot_be_understood_is_named_wherever_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let made = dir.path().join("made");
    let db = Db::options()
        .durability(Durability::Os)
        .open(&made)
        .unwrap();
    let saver = db.checkpointer();
    for n in 0..COUNT {
        drop(saver.put(checkpoint(&format!("{n:04}"), None).changed("n", n.into(), json!(n))));
    }
    drop(saver);
    db.close().unwrap();
    let frames = log(&made, &[]);
    assert_eq!(frames.len(), COUNT as usize);

    // In a log too short for a second thread, handed over by one, behind the last that is, and longer than is handed over.
    for (count, at, length) in [
        (50, 49, 9),
        (600, 0, 9),
        (600, 300, 9),
        (600, 599, 9),
        (600, 300, 200_000),
    ] {
        let path = dir.path().join(format!("{count}-{at}-{length}"));
        let mut frames = frames[..count].to_vec();
        frames[at] = vec![0xee; length];
        log(&path, &frames);
        for _ in 0..2 {
            let error = Db::open(&path).unwrap_err();
            let lsn = at as u64 + 1;
            assert!(
                matches!(error, DbError::UnreadableRecord { lsn: of, .. } if of == lsn),
                "{error}"
            );
        }
    }
}

/// Adds frames of a record each to a log, and gives those that were there.
fn log(path: &Path, frames: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    let (log, _) = Log::<()>::open(
        Arc::new(OsFs),
        path,
        LogOptions::default(),
        ReplayFrom::Beginning,
        &mut |_, payload| {
            found.push(payload.to_vec());
            Ok(())
        },
        Arc::new(()),
    )
    .unwrap();
    for frame in frames {
        drop(log.submit(1, frame, (), None).unwrap());
    }
    log.close().unwrap();
    found
}

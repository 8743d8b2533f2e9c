//! Damage to a database's files: opening it either finds everything that was acknowledged or says
//! where the damage is. It never answers with wrong data.

#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

#[path = "common/memory_fs.rs"]
mod memory_fs;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures::StreamExt;
use futures::executor::block_on;
use serde_json::json;
use stepwell::Encoded;
use stepwell::checkpoint::{
    ChannelVersion, Checkpoint, CheckpointTuple, Checkpointer, ListQuery, Metadata, PutCheckpoint,
    PutWrites, Source,
};
use stepwell::db::{Db, DbError};
use stepwell::store::{Item, Search, Store};

use crate::memory_fs::{Files, MemoryFs};

/// All that a database answers.
#[derive(Clone, Debug, PartialEq)]
struct Answers {
    checkpoints: Vec<CheckpointTuple>,
    items: Vec<Item>,
}

/// The files of a database, and what it answered after each write.
struct Sample {
    files: Files,
    answers: Vec<Answers>,
}

fn open(fs: Arc<MemoryFs>) -> Result<Db, DbError> {
    Db::options().vfs(fs).segment_bytes(768).open("/db")
}

/// Everything that the database answers; reading it again fails the test.
fn answers(db: &Db) -> Answers {
    let list = db.checkpointer().list(ListQuery::default());
    let search = Search::new(&[]).limit(usize::MAX);
    Answers {
        checkpoints: block_on(list.map(Result::unwrap).collect()),
        items: block_on(db.store().search(search)).unwrap(),
    }
}

/// A small database of a few threads, deleted ones and items in several segments.
fn sample(closed: bool) -> Sample {
    let fs = Arc::new(MemoryFs::default());
    let db = open(fs.clone()).unwrap();
    let mut answers = vec![self::answers(&db)];
    let (saver, store) = (db.checkpointer(), db.store());
    for step in 0..5_u64 {
        for thread in ["a", "b"] {
            saver.put(checkpoint(thread, step)).wait().unwrap();
            answers.push(self::answers(&db));
        }
        saver.put_writes(writes("a", step)).wait().unwrap();
        answers.push(self::answers(&db));
        let item = store.put(&["facts"], "k", json!({"step": step}));
        block_on(item).unwrap();
        answers.push(self::answers(&db));
        if step == 2 {
            saver.delete_thread("b").wait().unwrap();
            answers.push(self::answers(&db));
            block_on(store.delete(&["facts"], "k")).unwrap();
            answers.push(self::answers(&db));
        }
    }
    drop((saver, store));
    let files = if closed {
        db.close().unwrap();
        fs.files()
    } else {
        fs.files()
    };
    Sample { files, answers }
}

/// Whether the threads begin at this step, the first or that after a deletion.
fn starts_anew(step: u64) -> bool {
    step.is_multiple_of(3)
}

fn checkpoint(thread: &str, step: u64) -> PutCheckpoint {
    let versions = |n| [("list".to_owned(), ChannelVersion::Int(n))];
    let mut channel_versions: std::collections::BTreeMap<_, _> = versions(step).into();
    channel_versions.insert("input".into(), ChannelVersion::Int(0));
    let mut new_versions = channel_versions.clone();
    if !starts_anew(step) {
        new_versions.remove("input");
    }
    PutCheckpoint {
        thread: thread.into(),
        namespace: String::new(),
        parent_id: (!starts_anew(step)).then(|| (step - 1).to_string()),
        checkpoint: Checkpoint {
            id: step.to_string(),
            ts: format!("at {step}"),
            channel_values: [
                ("list".into(), Encoded::json(&json!([step, "x"]))),
                ("input".into(), Encoded::new("bytes", vec![7; 9])),
            ]
            .into(),
            channel_versions: channel_versions.clone(),
            versions_seen: [("node".into(), channel_versions)].into(),
            updated_channels: None,
        },
        metadata: Metadata::new(Source::Loop, 1),
        appended: [].into(),
        new_versions,
    }
}

fn writes(thread: &str, step: u64) -> PutWrites {
    PutWrites {
        thread: thread.into(),
        namespace: String::new(),
        checkpoint_id: step.to_string(),
        task_id: "task".into(),
        task_path: "path".into(),
        writes: vec![("list".into(), Encoded::json(&json!(step)))],
    }
}

fn is_lock(path: &Path) -> bool {
    path.ends_with("LOCK")
}

fn last_segment(files: &Files) -> PathBuf {
    let mut segments = files
        .keys()
        .filter(|path| path.extension().is_some_and(|extension| extension == "seg"));
    segments.next_back().unwrap().clone()
}

/// What became of a damaged database.
enum Outcome {
    /// It answers, after so many writes.
    After(usize),
    /// The same, and it says that it was cut.
    Cut(usize),
    /// Opening it names the damaged file.
    Refused,
}

fn outcome(sample: &Sample, damaged: &Path, bytes: Vec<u8>) -> Outcome {
    let mut files = sample.files.clone();
    files.insert(damaged.to_path_buf(), bytes);
    match open(Arc::new(MemoryFs::of(&files))) {
        Ok(db) => {
            let answers = answers(&db);
            let after = sample.answers.iter().rposition(|then| *then == answers);
            let after = after.unwrap_or_else(|| panic!("wrong data: {answers:#?}"));
            if db.recovery().torn_tail.is_some() {
                Outcome::Cut(after)
            } else {
                Outcome::After(after)
            }
        }
        Err(error) => {
            let name = damaged.file_name().unwrap().to_string_lossy();
            let error = error.to_string();
            assert!(error.contains(&*name), "{name} is not named: {error}");
            Outcome::Refused
        }
    }
}

#[test]
fn every_flipped_byte_of_a_closed_database_is_recovered_from_or_named() {
    let sample = sample(true);
    let all = sample.answers.len() - 1;
    let segments = sample.files.len() - 2;
    assert!(segments >= 3, "{segments} segments");
    let mut refused = 0;
    for (path, bytes) in sample.files.iter().filter(|(path, _)| !is_lock(path)) {
        for at in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] = !damaged[at];
            match outcome(&sample, path, damaged) {
                Outcome::After(after) => assert_eq!(after, all, "byte {at} of {path:?}"),
                Outcome::Cut(_) => panic!("cut at byte {at} of {path:?}"),
                Outcome::Refused => refused += 1,
            }
        }
    }
    assert!(refused > 1000, "only {refused} flips were found");
}

#[test]
fn a_closed_database_whose_last_segment_is_cut_is_refused() {
    let sample = sample(true);
    let path = last_segment(&sample.files);
    let bytes = &sample.files[&path];
    for length in 0..bytes.len() {
        let outcome = outcome(&sample, &path, bytes[..length].to_vec());
        assert!(matches!(outcome, Outcome::Refused), "{length}");
    }
}

#[test]
fn every_flipped_byte_of_a_killed_database_costs_at_most_a_reported_last_write() {
    let sample = sample(false);
    let all = sample.answers.len() - 1;
    let last = last_segment(&sample.files);
    let mut cut = 0;
    for (path, bytes) in sample.files.iter().filter(|(path, _)| !is_lock(path)) {
        let used = bytes.iter().rposition(|byte| *byte != 0).unwrap_or(0) + 1;
        for at in 0..used {
            let mut damaged = bytes.clone();
            damaged[at] = !damaged[at];
            match outcome(&sample, path, damaged) {
                Outcome::After(after) => assert_eq!(after, all, "byte {at} of {path:?}"),
                // The last write may not have been acknowledged, for all that the files say.
                Outcome::Cut(after) => {
                    assert!(after == all - 1 && *path == last, "byte {at} of {path:?}");
                    cut += 1;
                }
                Outcome::Refused => {}
            }
        }
    }
    assert!(cut > 0);
}

#[test]
fn a_killed_database_whose_last_segment_is_cut_holds_what_was_written_before() {
    let sample = sample(false);
    let path = last_segment(&sample.files);
    let bytes = &sample.files[&path];
    let all = sample.answers.len() - 1;
    let mut held = None;
    for length in 0..bytes.len() {
        match outcome(&sample, &path, bytes[..length].to_vec()) {
            Outcome::After(after) => {
                // A cut between two writes leaves no trace, so it cannot be reported.
                assert!(after == all || held < Some(after), "{length}");
                held = Some(after);
            }
            Outcome::Cut(after) => assert_eq!(held, Some(after), "{length}"),
            Outcome::Refused => assert_eq!(held, None, "{length}"),
        }
    }
    assert_eq!(held, Some(all));
}

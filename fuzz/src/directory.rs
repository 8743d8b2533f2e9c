//! Whole databases with edits in their files, which may have their checksums put right afterwards.

use std::collections::BTreeMap;
use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use futures::StreamExt;
use futures::executor::block_on;
use serde_json::Value;
use stepwell::checkpoint::{CheckpointTuple, Checkpointer, ListQuery};
use stepwell::db::{CompactionOptions, Db, DbError, VerifyOptions, salvage_in};
use stepwell::fuzzing::{repair_segment, repair_superblock};

use crate::memory_fs::{Files, MemoryFs};

const DB: &str = "/db";

/// A database, and all that it answers.
struct Template {
    files: Files,
    /// What was not closed may lose its end.
    closed: bool,
    records: BTreeMap<u64, Value>,
    checkpoints: Vec<CheckpointTuple>,
}

/// The golden databases, and one of them as a killed process would leave it.
fn templates() -> &'static [Template] {
    static TEMPLATES: OnceLock<Vec<Template>> = OnceLock::new();
    TEMPLATES.get_or_init(|| {
        let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/data/golden");
        let mut names: Vec<_> = fs::read_dir(golden)
            .unwrap()
            .map(|e| e.unwrap().path())
            .collect();
        names.sort();
        let mut all = Vec::new();
        for name in names {
            let mut files = Files::new();
            gather(&name.join("db"), Path::new(DB), &mut files);
            files.remove(&Path::new(DB).join("LOCK"));
            let killed = killed(&files);
            all.push(template(files, true));
            all.push(template(killed, false));
        }
        all
    })
}

fn gather(from: &Path, to: &Path, files: &mut Files) {
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => gather(&entry.path(), &to, files),
            false => drop(files.insert(to, fs::read(entry.path()).unwrap())),
        }
    }
}

/// The files while the database is open: not clean, and with prepared space.
fn killed(files: &Files) -> Files {
    let fs = Arc::new(MemoryFs::of(files));
    let db = open(&fs).unwrap();
    let mut files = fs.files();
    drop(db);
    for bytes in files.values_mut() {
        let used = bytes
            .iter()
            .rposition(|byte| *byte != 0)
            .map_or(0, |at| at + 1);
        bytes.truncate(used.next_multiple_of(4096).min(bytes.len()));
    }
    files
}

fn template(files: Files, closed: bool) -> Template {
    let fs = Arc::new(MemoryFs::of(&files));
    let db = open(&fs).unwrap();
    let (records, checkpoints) = (records(&db).unwrap(), checkpoints(&db));
    let checkpoints = checkpoints.into_iter().map(Result::unwrap).collect();
    Template {
        files,
        closed,
        records,
        checkpoints,
    }
}

fn options() -> stepwell::db::DbOptions {
    Db::options().compaction(CompactionOptions {
        background: false,
        ..CompactionOptions::default()
    })
}

fn open(fs: &Arc<MemoryFs>) -> Result<Db, DbError> {
    options().vfs(Arc::clone(fs) as _).open(DB)
}

/// Every record by its LSN.
fn records(db: &Db) -> Result<BTreeMap<u64, Value>, DbError> {
    let mut records = BTreeMap::new();
    db.dump(&mut |line| {
        if let Some(lsn) = line.get("lsn").and_then(Value::as_u64) {
            records.insert(lsn, line);
        }
        ControlFlow::Continue(())
    })?;
    Ok(records)
}

fn checkpoints(db: &Db) -> Vec<Result<CheckpointTuple, String>> {
    let list = db.checkpointer().list(ListQuery::default());
    block_on(list.map(|found| found.map_err(|e| e.to_string())).collect())
}

/// The input as a sequence of edits of eight bytes: which file, what is done, where, with what.
fn edit(files: &mut Files, edits: &[u8]) {
    let names: Vec<PathBuf> = files.keys().cloned().collect();
    for edit in edits.as_chunks::<8>().0 {
        let [file, what, a, b, c, d, e, f] = *edit;
        let offset = usize::from(u16::from_le_bytes([a, b]));
        let other = usize::from(u16::from_le_bytes([c, d]));
        let name = &names[usize::from(file) % names.len()];
        let donor = files[&names[usize::from(e) % names.len()]].clone();
        let bytes = files.get_mut(name).unwrap();
        if bytes.is_empty() {
            continue;
        }
        let at = offset % bytes.len();
        match what % 8 {
            0 => bytes[at] ^= c,
            1 => put(bytes, at, &[c, d]),
            2 => put(bytes, at / 4 * 4, &[c, d, e, f]),
            3 => put(bytes, at / 8 * 8, &[c, d, e, f, 0, 0, 0, 0]),
            4 => bytes.truncate(at),
            5 => bytes.resize(bytes.len() + other % 4096, f),
            6 => {
                let from = other % donor.len().max(1);
                let length = usize::from(f).saturating_mul(8);
                let part = donor.get(from..).unwrap_or_default();
                put(bytes, at, &part[..length.min(part.len())]);
            }
            _ => {
                let part = bytes[at..].to_vec();
                let length = other.min(part.len());
                bytes.drain(at..at + length);
            }
        }
    }
}

/// Writes over what is there, up to the end of the file.
fn put(bytes: &mut [u8], at: usize, with: &[u8]) {
    let length = with.len().min(bytes.len().saturating_sub(at));
    bytes[at..at + length].copy_from_slice(&with[..length]);
}

fn repair(files: &mut Files) {
    for (path, bytes) in files {
        if path.extension().is_some_and(|name| name == "seg") {
            repair_segment(bytes);
        } else if path.ends_with("SUPERBLOCK") {
            repair_superblock(bytes);
        }
    }
}

/// A byte that says which database and whether its checksums are put right, and edits. A database that opens has nothing that the
/// original did not have, and loses nothing but what may have been cut; if its checksums were put right, whatever opens can be
/// read, verified, salvaged and listed without a panic.
pub fn directory(input: &[u8]) {
    let Some((choice, edits)) = input.split_first() else {
        return;
    };
    let template = &templates()[usize::from(choice >> 1) % templates().len()];
    let mut files = template.files.clone();
    edit(&mut files, edits.get(..64).unwrap_or(edits));
    let is_repaired = choice & 1 == 1;
    if is_repaired {
        repair(&mut files);
    }
    salvage(&files);
    let fs = Arc::new(MemoryFs::of(&files));
    let Ok(db) = open(&fs) else {
        return;
    };
    let found = (records(&db), checkpoints(&db));
    let verified = db.verify(VerifyOptions::default(), &mut |_| ControlFlow::Continue(()));
    if is_repaired {
        return;
    }
    let clean = verified.is_ok_and(|report| report.is_clean());
    let Ok(records) = found.0 else {
        return assert!(!clean, "what cannot be listed is not found by verify");
    };
    for (lsn, record) in &records {
        assert_eq!(Some(record), template.records.get(lsn), "record {lsn}");
    }
    // Of what was not closed the end may be missing without a trace, and what is in it.
    if template.closed {
        assert_eq!(records.len(), template.records.len());
        for found in found.1.iter().flatten() {
            assert!(template.checkpoints.contains(found), "{found:?}");
        }
    }
}

/// What is salvaged of anything is a database that is whole.
fn salvage(files: &Files) {
    let fs = Arc::new(MemoryFs::of(files));
    let Ok(report) = salvage_in(
        Arc::clone(&fs) as _,
        Path::new(DB),
        Path::new("/new"),
        &mut |_| {},
    ) else {
        return;
    };
    for lost in &report.lost_records {
        assert!(lost.lsns.start < lost.lsns.end && !lost.reason.is_empty());
    }
    let db = options().vfs(fs).open("/new").unwrap();
    let verified = db.verify(VerifyOptions::default(), &mut |_| ControlFlow::Continue(()));
    let report = verified.unwrap();
    assert!(report.is_clean(), "{report:?}");
}

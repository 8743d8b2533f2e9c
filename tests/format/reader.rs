//! `tools/read_stepwell.py`, which was written from docs/format.md alone, lists what `Db::dump` lists.

use std::fs;
use std::io::ErrorKind;
use std::ops::ControlFlow;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use stepwell::db::{Compression, Db};
use tempfile::TempDir;

use crate::database::{Database, copy, options};
use crate::history::{Steps, fill};

/// What Python prints of a directory.
fn by_python(dir: &Path) -> Vec<Value> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let reader = root.join("tools/read_stepwell.py");
    let output = match Command::new("python3")
        .arg("-B")
        .arg(reader)
        .arg(dir)
        .output()
    {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            panic!(
                "python3 is not installed; this test compares a reader in Python with the engine"
            )
        }
        output => output.unwrap(),
    };
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {said}", dir.display());
    let lines = String::from_utf8(output.stdout).unwrap();
    lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// What the engine lists.
fn dumped(dir: &Path) -> Vec<Value> {
    let db = Db::options().read_only().open(dir).unwrap();
    let mut lines = Vec::new();
    db.dump(&mut |line| {
        lines.push(line);
        ControlFlow::Continue(())
    })
    .unwrap();
    lines
}

/// Compares them; how many records there are, and how many values are deltas.
fn assert_same(dir: &Path) -> (usize, usize) {
    let (engine, python) = (dumped(dir), by_python(dir));
    for (engine, python) in engine.iter().zip(&python) {
        assert_eq!(engine, python, "{}", dir.display());
    }
    assert_eq!(engine.len(), python.len(), "{}", dir.display());
    let text: String = engine.iter().map(Value::to_string).collect();
    let records = engine
        .iter()
        .filter(|line| line.get("lsn").is_some())
        .count();
    (records, text.matches(r#""form":"delta""#).count())
}

#[test]
fn the_golden_databases_are_read_alike() {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/golden");
    let mut read = 0;
    for entry in fs::read_dir(golden).unwrap() {
        let dir = TempDir::new().unwrap();
        copy(&entry.unwrap().path().join("db"), dir.path()).unwrap();
        let (records, _) = assert_same(dir.path());
        assert!(records > 5);
        read += 1;
    }
    assert!(read >= 4);
}

/// While it is open, after it was closed, and compacted.
fn assert_same_at_all_times(compression: Compression, segment_bytes: u64, size: usize) {
    let options = options()
        .segment_bytes(segment_bytes)
        .compression(compression);
    let database = Database::with(options);
    let db = database.db();
    fill(db, size);
    long_values(db);
    let copied = TempDir::new().unwrap();
    copy(db.path(), copied.path()).unwrap();
    let (_, deltas) = assert_same(copied.path());
    assert!(deltas > 10, "only {deltas} deltas");
    db.compact().unwrap();
    Steps::new(db, "after", "").steps(2);
    db.clone().close().unwrap();
    let (_, deltas) = assert_same(db.path());
    assert!(deltas > 5, "only {deltas} deltas after compaction");
}

/// Records that are compressed one by one, and blocks of many kinds.
fn long_values(db: &Db) {
    use crate::samples::{With, checkpoint};
    use stepwell::checkpoint::Checkpointer;
    let saver = db.checkpointer();
    let mut noise = 1_u64;
    for (number, length) in [40, 700, 5000, 20_000, 200_000].into_iter().enumerate() {
        let text: String = (0..length)
            .map(|n| {
                noise = noise
                    .wrapping_mul(6364136223846793005)
                    .wrapping_add(1442695040888963407);
                let letters = b"aaaaaaaaaaaaaaaabcdefghijklmnopqrstuvw \n";
                let at = if n % 3 == 0 { noise >> 33 } else { 0 };
                char::from(letters[usize::try_from(at).unwrap() % letters.len()])
            })
            .collect();
        let id = format!("{number:03}");
        let put = checkpoint(&id, None).in_thread("long");
        let put = put
            .changed("again", 1, json!(text))
            .changed("text", 1, json!(text))
            .changed("same", 1, json!("x".repeat(length)));
        saver.put(put).wait().unwrap();
    }
}

#[test]
fn new_databases_are_read_alike_in_every_compression() {
    assert_same_at_all_times(Compression::Long, 4 << 10, 2);
    assert_same_at_all_times(Compression::All, 64 << 10, 3);
    assert_same_at_all_times(Compression::None, 16 << 20, 2);
}

//! A database with edits anywhere in its files opens whole, or is refused; it never panics and never
//! gives back a value that was not written.
#![no_main]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::OnceLock;

use futures::executor::block_on;
use libfuzzer_sys::fuzz_target;
use stepwell::Encoded;
use stepwell::checkpoint::{ChannelVersion, Checkpoint, Checkpointer, Metadata, PutCheckpoint};
use stepwell::db::Db;

const THREADS: usize = 6;

fuzz_target!(|edits: Vec<(u8, u16, u8)>| {
    let dir = tempfile::tempdir().unwrap();
    for (name, bytes) in template() {
        let path = dir.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let mut bytes = bytes.clone();
        for (file, offset, value) in &edits {
            let chosen = usize::from(*file) % template().len();
            if template()[chosen].0 == *name && !bytes.is_empty() {
                let at = usize::from(*offset) % bytes.len();
                bytes[at] ^= value;
            }
        }
        fs::write(path, bytes).unwrap();
    }
    let Ok(db) = Db::open(dir.path()) else {
        return;
    };
    check(&db);
});

/// The database was closed cleanly, so one that opens holds all that was written.
fn check(db: &Db) {
    let saver = db.checkpointer();
    for n in 0..THREADS {
        let saved = block_on(saver.get(&format!("t{n}"), "", None));
        match saved {
            Ok(saved) => {
                let value = &saved
                    .expect("a checkpoint is missing")
                    .checkpoint
                    .channel_values["c"];
                assert_eq!(value, &value_of(n));
            }
            // Damage that only a read meets is an error of the read.
            Err(error) => assert!(!error.to_string().is_empty()),
        }
    }
}

/// Puts the only checkpoint of a thread.
fn put(saver: &impl Checkpointer, n: usize) {
    let versions = BTreeMap::from([("c".to_owned(), ChannelVersion::Int(1))]);
    let checkpoint = Checkpoint {
        id: "1".into(),
        channel_values: BTreeMap::from([("c".to_owned(), value_of(n))]),
        channel_versions: versions.clone(),
        ..Checkpoint::default()
    };
    let commit = saver.put(PutCheckpoint {
        appended: [].into(),
        thread: format!("t{n}"),
        namespace: String::new(),
        parent_id: None,
        checkpoint,
        metadata: Metadata::default(),
        new_versions: versions,
    });
    commit.wait().unwrap();
}

fn value_of(n: usize) -> Encoded {
    Encoded::new("bytes", vec![u8::try_from(n).unwrap(); 200])
}

/// The files of a small database, closed cleanly, by their paths below its directory.
fn template() -> &'static Vec<(String, Vec<u8>)> {
    static TEMPLATE: OnceLock<Vec<(String, Vec<u8>)>> = OnceLock::new();
    TEMPLATE.get_or_init(|| {
        let dir = tempfile::tempdir().unwrap();
        let db = Db::options().segment_bytes(1024).open(dir.path()).unwrap();
        let saver = db.checkpointer();
        for n in 0..THREADS / 2 {
            put(&saver, n);
        }
        drop(saver);
        // Half of it is in compressed blocks.
        db.compact().unwrap();
        let saver = db.checkpointer();
        for n in THREADS / 2..THREADS {
            put(&saver, n);
        }
        drop(saver);
        db.close().unwrap();
        let mut files = Vec::new();
        gather(dir.path(), dir.path(), &mut files);
        files.sort();
        files
    })
}

fn gather(root: &Path, dir: &Path, files: &mut Vec<(String, Vec<u8>)>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            gather(root, &path, files);
        } else {
            let name = path.strip_prefix(root).unwrap().to_str().unwrap();
            files.push((name.to_owned(), fs::read(&path).unwrap()));
        }
    }
}

//! A damaged record takes with it the values that are made of it, and no others.

use std::fs;
use std::path::PathBuf;

use futures::executor::block_on;
use stepwell::Encoded;
use stepwell::checkpoint::{
    ChannelVersion, Checkpoint, CheckpointIds, Checkpointer, Metadata, PutCheckpoint, Source,
};

use crate::database::{Database, options};

/// Puts checkpoints with these values of one channel, each the successor of the one before. Gives their ids.
fn put(saver: &dyn Checkpointer, thread: &str, values: &[Vec<u8>]) -> Vec<String> {
    let ids = CheckpointIds::new();
    let mut made: Vec<String> = Vec::new();
    for (version, value) in (1..).zip(values) {
        let versions = [("c".to_owned(), ChannelVersion::Int(version))];
        let parent_id = made.last().cloned();
        let id = ids.next(parent_id.as_deref(), 0);
        let put = PutCheckpoint {
            thread: thread.into(),
            namespace: String::new(),
            parent_id,
            checkpoint: Checkpoint {
                id: id.clone(),
                channel_values: [("c".into(), Encoded::new("bytes", value.clone()))].into(),
                channel_versions: versions.clone().into(),
                ..Checkpoint::default()
            },
            metadata: Metadata::new(Source::Loop, 1),
            appended: [].into(),
            new_versions: versions.into(),
        };
        saver.put(put).wait().unwrap();
        made.push(id);
    }
    made
}

/// Changes a byte of the part of the log that begins like this.
fn damage(database: &Database, contents: &[u8]) {
    let files = fs::read_dir(database.db().path().join("log")).unwrap();
    let files: Vec<PathBuf> = files.map(|file| file.unwrap().path()).collect();
    let mut found = 0;
    for file in files {
        let mut bytes = fs::read(&file).unwrap();
        let at = bytes.windows(contents.len()).position(|w| w == contents);
        if let Some(byte) = at.and_then(|at| bytes.get_mut(at)) {
            *byte ^= 1;
            found += 1;
            fs::write(&file, bytes).unwrap();
        }
    }
    assert_eq!(found, 1);
}

#[test]
fn damage_to_a_base_fails_exactly_what_is_made_of_it() {
    let database = Database::with(options().segment_bytes(1 << 20).hot_bytes(0));
    let saver = database.db().checkpointer();
    let text = |seed: u8| -> Vec<u8> {
        let bytes = (0..2_000_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8 ^ seed);
        bytes.collect()
    };
    let changed = |mut value: Vec<u8>, at: usize| {
        value.splice(at..at, *b"one more");
        value
    };
    let base = text(1);
    let values = [
        base.clone(),
        changed(base.clone(), 900),
        changed(changed(base.clone(), 900), 1_500),
        // Has nothing of those before.
        text(0x5a).into_iter().rev().collect(),
    ];
    let ids = put(&saver, "a", &values);
    let others = put(&saver, "b", &[text(2), changed(text(2), 100)]);
    let get = |thread: &str, id: &str| block_on(saver.get(thread, "", Some(id)));
    damage(&database, base.get(..500).unwrap());
    for (number, id) in ids.iter().enumerate() {
        if number == 3 {
            assert!(get("a", id).is_ok());
            continue;
        }
        let error = get("a", id).unwrap_err().to_string();
        assert!(error.contains("records 1"), "{error}");
    }
    for id in &others {
        assert!(get("b", id).is_ok());
    }
}

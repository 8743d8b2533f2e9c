//! Equal large values within one record.

use std::collections::BTreeMap;

use futures::executor::block_on;
use stepwell::Encoded;
use stepwell::checkpoint::{
    ChannelVersion, Checkpoint, CheckpointTuple, Checkpointer, Metadata, Prune, PruneRule,
    PutCheckpoint, PutWrites, Source,
};
use stepwell::db::{Compression, Db};

use crate::database::{Database, Reopening, options};
use crate::sharing::{image, verified};

/// What a record takes besides its large values.
const SMALL: u64 = 600;

fn plain(segment_bytes: u64) -> Database {
    let options = options().segment_bytes(segment_bytes);
    Database::with(options.compression(Compression::None))
}

/// A checkpoint with these channels, of which all have changed if that is its version.
fn checkpoint(id: u64, version: u64, channels: &[(&str, Encoded)]) -> PutCheckpoint {
    let versions: BTreeMap<_, _> = (channels.iter())
        .map(|(channel, _)| ((*channel).to_owned(), ChannelVersion::Int(version)))
        .collect();
    let values = channels.iter().cloned();
    PutCheckpoint {
        thread: "t".into(),
        namespace: String::new(),
        parent_id: (id > 1).then(|| (id - 1).to_string()),
        checkpoint: Checkpoint {
            id: id.to_string(),
            channel_values: values
                .map(|(channel, value)| (channel.to_owned(), value))
                .collect(),
            channel_versions: versions.clone(),
            ..Checkpoint::default()
        },
        metadata: Metadata::new(Source::Loop, 1),
        appended: [].into(),
        new_versions: if id == version { versions } else { [].into() },
    }
}

fn writes(id: u64, task: &str, values: &[Encoded]) -> PutWrites {
    PutWrites {
        thread: "t".into(),
        namespace: String::new(),
        checkpoint_id: id.to_string(),
        task_id: task.into(),
        task_path: String::new(),
        writes: values
            .iter()
            .map(|value| ("c".to_owned(), value.clone()))
            .collect(),
    }
}

fn bytes(db: &Db) -> u64 {
    db.log_stats().unwrap().bytes
}

fn get(db: &Db, id: u64) -> CheckpointTuple {
    let id = id.to_string();
    block_on(db.checkpointer().get("t", "", Some(&id)))
        .unwrap()
        .unwrap()
}

#[test]
fn two_channels_of_a_checkpoint_store_a_value_once() {
    for size in [5_000, 50_000] {
        let mut database = plain(1 << 10);
        let (one, other) = (image(1, size), image(2, size));
        let stored = (one.bytes().len() + other.bytes().len()) as u64;
        let channels = [
            ("a", one.clone()),
            ("b", other.clone()),
            ("c", one.clone()),
            ("d", other.clone()),
            ("e", one.clone()),
        ];
        let saver = database.db().checkpointer();
        let before = bytes(database.db());
        saver.put(checkpoint(1, 1, &channels)).wait().unwrap();
        let grown = bytes(database.db()) - before;
        assert!(grown < stored + SMALL, "{grown} for {stored}");
        // What it holds serves as a base, and is inherited.
        let grow = |value: &Encoded, by: &str| {
            let longer = [
                &value.bytes()[..value.bytes().len() - 1],
                by.as_bytes(),
                b"\"",
            ]
            .concat();
            Encoded::new("json", longer)
        };
        let longer = channels
            .clone()
            .map(|(channel, value)| (channel, grow(&value, channel)));
        let before = bytes(database.db());
        saver.put(checkpoint(2, 2, &longer)).wait().unwrap();
        saver.put(checkpoint(3, 2, &longer)).wait().unwrap();
        let grown = bytes(database.db()) - before;
        assert!(grown < 3 * SMALL, "{grown}");
        drop(saver);
        let holds = |db: &Db, id, channels: &[(&str, Encoded)]| {
            let found = get(db, id).checkpoint.channel_values;
            let expected = channels
                .iter()
                .map(|(name, value)| ((*name).to_owned(), value.clone()));
            assert_eq!(found, expected.collect());
        };
        for _ in 0..2 {
            holds(database.db(), 1, &channels);
            holds(database.db(), 2, &longer);
            holds(database.db(), 3, &longer);
            verified(database.db());
            database.reopen(Reopening::Unclean);
        }
        // What the first one holds is needed when it is gone, and after it was written anew.
        let rule = PruneRule::KeepLast(1);
        let prune = Prune {
            thread: Some("t".into()),
            rule,
        };
        block_on(database.db().checkpointer().prune(prune)).unwrap();
        for _ in 0..2 {
            database.db().compact().unwrap();
            holds(database.db(), 3, &longer);
            verified(database.db());
            database.reopen(Reopening::Unclean);
        }
    }
}

#[test]
fn a_checkpoint_that_is_written_anew_keeps_what_several_channels_hold() {
    let mut database = plain(1 << 10);
    let saver = database.db().checkpointer();
    let image = image(3, 8_000);
    let small = Encoded::json(&serde_json::json!(1));
    let channels = [
        ("a", image.clone()),
        ("b", small),
        ("c", image.clone()),
        ("d", image),
    ];
    saver.put(checkpoint(1, 1, &channels[1..2])).wait().unwrap();
    saver.put(checkpoint(2, 2, &channels)).wait().unwrap();
    drop(saver);
    // Its parent goes.
    let rule = PruneRule::KeepLast(1);
    let prune = Prune {
        thread: Some("t".into()),
        rule,
    };
    block_on(database.db().checkpointer().prune(prune)).unwrap();
    for _ in 0..3 {
        database.db().compact().unwrap();
        let found = get(database.db(), 2).checkpoint.channel_values;
        assert_eq!(found.len(), channels.len());
        assert!(
            channels
                .iter()
                .all(|(channel, value)| found.get(*channel) == Some(value))
        );
        verified(database.db());
        database.reopen(Reopening::Unclean);
    }
}

#[test]
fn writes_of_a_task_store_a_value_once() {
    let mut database = plain(64 << 20);
    let saver = database.db().checkpointer();
    saver.put(checkpoint(1, 1, &[])).wait().unwrap();
    let image = image(4, 6_000);
    let before = bytes(database.db());
    let values = [image.clone(), image.clone(), image.clone()];
    saver.put_writes(writes(1, "task", &values)).wait().unwrap();
    // A checkpoint copies from them.
    saver
        .put(checkpoint(2, 2, &[("c", image.clone())]))
        .wait()
        .unwrap();
    let grown = bytes(database.db()) - before;
    assert!(grown < image.bytes().len() as u64 + 2 * SMALL, "{grown}");
    drop(saver);
    for _ in 0..2 {
        let pending = get(database.db(), 1).pending_writes;
        assert_eq!(pending.len(), 3);
        assert!(pending.iter().all(|write| write.value == image));
        assert_eq!(get(database.db(), 2).checkpoint.channel_values["c"], image);
        verified(database.db());
        database.reopen(Reopening::Unclean);
    }
}

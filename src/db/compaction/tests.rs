//! What other values are made of stays, and whoever reads is waited for.

use std::collections::BTreeMap;
use std::path::Path;

use tempfile::TempDir;

use super::CompactionOptions;
use crate::Encoded;
use crate::codec::{
    Alias, Changed, CheckpointPut, Delta, Record, Stored, ThreadDeleted, Value, Versions,
};
use crate::compact::{KeptMetadata, KeptTime};
use crate::db::{Db, Durability, Place};
use crate::delta::{Op, Weight};
use crate::version::ChannelVersion;

const LONG: usize = 2000;

fn open(path: &Path) -> Db {
    let compaction = CompactionOptions {
        background: false,
        ..CompactionOptions::default()
    };
    let options = Db::options().durability(Durability::Os).segment_bytes(4096);
    options.compaction(compaction).open(path).unwrap()
}

fn submit(db: &Db, record: Record<Stored>) {
    let submitted = db.submit(vec![record], None, String::new).unwrap();
    assert_eq!(submitted.wait().unwrap(), None);
}

/// Puts the only checkpoint of a thread, with one channel.
fn put(db: &Db, thread: &str, value: Stored) -> Place {
    let version = ChannelVersion::Int(1);
    let record = Record::CheckpointPut(CheckpointPut {
        thread: thread.into(),
        namespace: String::new(),
        id: "1".into(),
        parent_id: None,
        ts: KeptTime::of(""),
        metadata: KeptMetadata::of(*b"{}"),
        ancestors: BTreeMap::new(),
        versions: Versions::Whole {
            channels: [("c".into(), version.clone())].into(),
            seen: BTreeMap::new(),
        },
        updated: None,
        changed: vec![Changed {
            channel: "c".into(),
            version,
            value: Some(value),
        }],
        unchanged: BTreeMap::new(),
        standalone: false,
        moment: None,
    });
    submit(db, record);
    place(db, thread)
}

fn place(db: &Db, thread: &str) -> Place {
    let entry = db.snapshot().entry(thread, "", "1").unwrap().unwrap();
    entry.values().next().unwrap().clone()
}

fn read(db: &Db, thread: &str) -> Encoded {
    let mut reader = db.reader();
    reader.values([&place(db, thread)]).unwrap().remove(0)
}

fn delete(db: &Db, thread: &str) {
    submit(
        db,
        Record::ThreadDeleted(ThreadDeleted {
            thread: thread.into(),
            cutoff: "0".into(),
        }),
    );
}

fn whole(byte: u8) -> Stored {
    Stored::Whole(Encoded::new("bytes", vec![byte; LONG]))
}

#[test]
fn what_a_delta_or_an_alias_needs_stays_and_the_rest_goes() {
    let dir = TempDir::new().unwrap();
    let mut db = open(dir.path());
    let base = put(&db, "base", whole(1));
    let source = put(&db, "source", whole(2));
    put(&db, "other", whole(3));
    let weight = Weight::whole(LONG as u64);
    let length = 20;
    let delta = Value::Delta(Delta {
        base: base.to_name(),
        weight: Weight {
            length,
            links: 1,
            cost: 1,
        },
        sources: vec![source.to_name()],
        ops: vec![
            Op::CopyBase { offset: 0, len: 10 },
            Op::CopySource {
                source: 0,
                offset: 0,
                len: 10,
            },
        ],
    });
    let middle = put(&db, "middle", delta);
    let of = middle.to_name();
    let alias = Alias {
        of,
        weight: Weight {
            length,
            links: 1,
            cost: 1,
        },
    };
    put(&db, "delta", Value::Alias(alias));
    let of = base.to_name();
    put(&db, "alias", Value::Alias(Alias { of, weight }));
    for thread in ["base", "source", "other", "middle"] {
        delete(&db, thread);
    }
    for again in 0..3 {
        let report = db.compact().unwrap();
        assert!(!report.incomplete);
        let less = report.bytes_before - report.bytes_after;
        assert_eq!(less >= LONG as u64, again == 0, "{report:?}");
        let made = [vec![1; 10], vec![2; 10]].concat();
        assert_eq!(read(&db, "delta").bytes(), &made);
        assert_eq!(read(&db, "alias").bytes(), &vec![1; LONG]);
        db.close().unwrap();
        let _ = std::fs::remove_file(dir.path().join("index.redb"));
        db = open(dir.path());
        assert!(db.snapshot().entry("base", "", "1").unwrap().is_none());
    }
    // When nothing needs them any more, they go, too.
    delete(&db, "delta");
    delete(&db, "alias");
    db.compact().unwrap();
    assert!(db.stats().unwrap().log.bytes < LONG as u64);
}

#[test]
fn who_reads_or_writes_what_was_there_before_is_waited_for() {
    let dir = TempDir::new().unwrap();
    let db = open(dir.path());
    put(&db, "old", whole(1));
    let mut reader = db.reader();
    let old = place(&db, "old");
    delete(&db, "old");
    let compacting = db.clone();
    let compacted = std::thread::spawn(move || compacting.compact().unwrap());
    std::thread::sleep(std::time::Duration::from_millis(50));
    assert_eq!(reader.values([&old]).unwrap().len(), 1);
    drop(reader);
    let report = compacted.join().unwrap();
    assert!(report.bytes_after < report.bytes_before, "{report:?}");
    assert!(db.reader().values([&old]).is_err());
}

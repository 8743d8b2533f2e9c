//! What is salvaged of a damaged database that was compacted.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use futures::StreamExt;
use futures::executor::block_on;
use stepwell::checkpoint::{CheckpointTuple, Checkpointer, ListQuery};
use stepwell::db::{Db, DbError, salvage};
use tempfile::TempDir;

use crate::answers::answers;
use crate::database::{copy, options};
use crate::history::fill;
use crate::whole::assert_whole;

type All = BTreeMap<(String, String, String), CheckpointTuple>;

fn all(db: &Db) -> All {
    let list = db.checkpointer().list(ListQuery::default());
    let list: Vec<_> = block_on(list.map(Result::unwrap).collect());
    let named = list.into_iter().map(|found| {
        let id = found.checkpoint.id.clone();
        ((found.thread.clone(), found.namespace.clone(), id), found)
    });
    named.collect()
}

fn segments(dir: &Path) -> Vec<PathBuf> {
    let files = fs::read_dir(dir.join("log")).unwrap();
    let mut files: Vec<_> = files.map(|file| file.unwrap().path()).collect();
    files.sort();
    files
}

#[test]
fn what_does_not_need_the_damaged_part_is_as_it_was() {
    let base = TempDir::new().unwrap();
    let options = options().segment_bytes(8 << 10);
    let db = options.clone().open(base.path()).unwrap();
    fill(&db, 1);
    db.compact().unwrap();
    // Something in front of which it is not known what was refused.
    fill_more(&db);
    let (expected, everything) = (all(&db), answers(&db));
    db.close().unwrap();
    let mut lost = 0;
    for segment in segments(base.path()) {
        let whole = fs::read(&segment).unwrap();
        // A header's checksum, what it says of the compaction, frames, and the end.
        let frames = (1..8).map(|n| 96 + (whole.len() - 96) * n / 8);
        for at in [93, 60, 66, 5]
            .into_iter()
            .chain(frames)
            .chain([whole.len() - 3])
        {
            let dir = TempDir::new().unwrap();
            let [from, to] = ["from", "to"].map(|name| dir.path().join(name));
            copy(base.path(), &from).unwrap();
            let mut bytes = whole.clone();
            *bytes.get_mut(at).unwrap() ^= 0x10;
            fs::write(from.join("log").join(segment.file_name().unwrap()), bytes).unwrap();
            let opened = options.clone().open(&from);
            let is_refused = matches!(opened, Err(DbError::Log(_)));
            let report = salvage(&from, &to).unwrap();
            eprintln!("{segment:?} {at} {:?}", report.lost_records);
            let db = options.clone().open(&to).unwrap();
            assert_whole(&db);
            if at < 96 && is_refused {
                assert_eq!(answers(&db), everything, "{segment:?} {at} {report:?}");
                continue;
            }
            let found = all(&db);
            for (name, found) in &found {
                // A deletion that is lost has not happened.
                let Some(expected) = expected.get(name) else {
                    assert!(!report.is_whole());
                    continue;
                };
                for (channel, value) in &found.checkpoint.channel_values {
                    assert_eq!(Some(value), expected.checkpoint.channel_values.get(channel));
                }
                for write in &found.pending_writes {
                    assert!(expected.pending_writes.contains(write));
                }
                let lacks = found.checkpoint.channel_values.len()
                    < expected.checkpoint.channel_values.len();
                assert!(!lacks || !report.is_whole());
            }
            assert!(found.len() == expected.len() || !report.is_whole());
            lost += expected.len().saturating_sub(found.len());
            db.compact().unwrap();
            assert_eq!(all(&db), found);
            assert_whole(&db);
        }
    }
    assert!(lost > 0);
}

fn fill_more(db: &Db) {
    let mut more = crate::history::Steps::new(db, "more", "");
    more.steps(3);
    db.checkpointer().delete_thread("more").wait().unwrap();
    more.late();
    crate::history::Steps::new(db, "more", "").steps(2);
}

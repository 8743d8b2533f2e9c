//! The command looks at a database that a program compacts meanwhile.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use serde_json::{Value, json};
use stepwell::Encoded;
use stepwell::checkpoint::{
    ChannelVersion, Checkpoint, Checkpointer, DbSaver, Metadata, PutCheckpoint, Source,
};
use stepwell::db::{CompactionOptions, Db, Durability};
use tempfile::TempDir;

use crate::database::stepwell;

/// The documents that a command prints, one a line.
fn lines(directory: &Path, arguments: &[&str]) -> Vec<Value> {
    let output = stepwell(directory, &[arguments, &["--json"]].concat());
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {errors}");
    let text = String::from_utf8(output.stdout).unwrap();
    let lines = text.lines().map(serde_json::from_str);
    lines.collect::<Result<_, _>>().unwrap()
}

/// Puts checkpoints of one channel.
fn put_some(saver: &DbSaver, thread: &str, count: u64) {
    for n in 1..=count {
        let text = Encoded::json(&json!(format!("{thread} {n} ").repeat(40)));
        let version = [("text".to_owned(), ChannelVersion::Int(n))];
        let put = PutCheckpoint {
            thread: thread.to_owned(),
            namespace: String::new(),
            parent_id: (n > 1).then(|| format!("{:03}", n - 1)),
            checkpoint: Checkpoint {
                id: format!("{n:03}"),
                ts: "2026-11-21T00:00:00.000000+00:00".to_owned(),
                channel_values: [("text".to_owned(), text)].into(),
                channel_versions: version.clone().into(),
                ..Checkpoint::default()
            },
            metadata: Metadata::new(Source::Loop, n.cast_signed()),
            appended: [].into(),
            new_versions: version.into(),
        };
        saver.put(put).wait().unwrap();
    }
}

/// Sets a flag when it goes, also if that is because something failed.
struct SetAtEnd<'f>(&'f AtomicBool);

impl Drop for SetAtEnd<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

#[test]
fn threads_history_and_verify_answer_while_another_process_compacts() {
    let dir = TempDir::new().unwrap();
    let options = Db::options()
        .segment_bytes(8 << 10)
        .durability(Durability::Os)
        .compaction(CompactionOptions {
            background: false,
            ..CompactionOptions::default()
        });
    let db = options.open(dir.path().join("agents.stepwell")).unwrap();
    let saver = db.checkpointer();
    put_some(&saver, "kept", 30);
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Acquire) {
                put_some(&saver, "dead", 30);
                saver.delete_thread("dead").wait().unwrap();
                db.compact().unwrap();
            }
        });
        let _done = SetAtEnd(&done);
        for _ in 0..6 {
            let before = db.compaction_stats().segments;
            while db.compaction_stats().segments == before {
                thread::yield_now();
            }
            let threads = lines(dir.path(), &["threads"]);
            let kept = threads.iter().find(|thread| thread["thread"] == "kept");
            assert_eq!(kept.unwrap()["checkpoints"], 30);
            let history = lines(dir.path(), &["history", "--thread", "kept", "--sizes"]);
            assert_eq!(history.len(), 30);
            assert_eq!(history[0]["id"], "030");
            let verified = lines(dir.path(), &["verify"]);
            assert_eq!(verified[0]["clean"], true, "{verified:?}");
        }
    });
}

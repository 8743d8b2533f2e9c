//! Backups of a database that is written to.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use futures::executor::block_on;
use serde_json::json;
use stepwell::checkpoint::Checkpointer;
use stepwell::db::{Db, DbError};
use stepwell::log::LogError;
use tempfile::TempDir;

use crate::database::options;
use crate::samples::{With, checkpoint};

fn has(db: &Db, thread: &str, id: &str) -> bool {
    let saver = db.checkpointer();
    block_on(saver.get(thread, "", Some(id))).unwrap().is_some()
}

#[test]
fn a_backup_has_what_was_acknowledged_before_it_began_and_later_ones_only_add() {
    let dir = TempDir::new().unwrap();
    let backup = dir.path().join("backup");
    let db = options().open(dir.path().join("db")).unwrap();
    let done = AtomicBool::new(false);
    let acked: [AtomicU64; 2] = Default::default();
    thread::scope(|scope| {
        for (writer, acked) in acked.iter().enumerate() {
            let (saver, done) = (db.checkpointer(), &done);
            scope.spawn(move || {
                for n in 1.. {
                    if done.load(Ordering::Relaxed) {
                        return;
                    }
                    let put = checkpoint(&format!("{n:06}"), None).in_thread(&writer.to_string());
                    let put = put.changed("n", n, json!("x".repeat(200)));
                    saver.put(put).wait().unwrap();
                    acked.store(n, Ordering::Release);
                }
            });
        }
        let mut unchanged = 0;
        for _ in 0..3 {
            let more = |n: &AtomicU64| n.load(Ordering::Acquire);
            let from = acked.each_ref().map(more);
            while acked
                .each_ref()
                .map(more)
                .iter()
                .zip(from)
                .any(|(n, from)| *n < from + 50)
            {
                thread::sleep(Duration::from_millis(1));
            }
            let before = acked.each_ref().map(more);
            let report = db.backup(&backup).unwrap();
            assert!(report.unchanged >= unchanged);
            unchanged = report.unchanged + report.linked;
            assert!(unchanged > 0 && report.copied >= 1);
            assert!(!backup.join("index.redb").exists());

            // To open the backup itself would end it as one.
            let restored = TempDir::new().unwrap();
            crate::database::copy(&backup, restored.path()).unwrap();
            let restored = Db::open(restored.path()).unwrap();
            assert!(restored.recovery().clean);
            for (writer, acked) in before.iter().enumerate() {
                for n in 1..=*acked {
                    assert!(has(&restored, &writer.to_string(), &format!("{n:06}")));
                }
            }
            let looked = Db::options().read_only().open(&backup).unwrap();
            assert!(has(&looked, "0", "000001"));
        }
        done.store(true, Ordering::Relaxed);
    });
    Db::open(&backup).unwrap().close().unwrap();
    let refused = db.backup(&backup).unwrap_err();
    let is_refused = matches!(refused, DbError::Log(LogError::NotABackup { .. }));
    assert!(is_refused, "{refused}");
}

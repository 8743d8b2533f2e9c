//! How many bytes a thread takes, and how many come back.

use std::time::Duration;

use futures::executor::block_on;
use serde_json::{Value, json};
use stepwell::checkpoint::{
    Checkpointer, DbSaver, Prune, PruneReport, PruneRule, RetentionPolicy, Tag,
};
use stepwell::db::{Compression, Db};

use crate::database::{Database, Reopening, options};
use crate::samples::{With, checkpoint, values, writes};

const MESSAGE: u64 = 900;

/// What comes back is told before compression.
fn database() -> Database {
    let options = options().compression(Compression::None);
    Database::with(options.segment_bytes(64 << 10))
}

/// Text that has nothing in common with others.
fn message(n: u64) -> Value {
    let mut state = n.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let text = (0..MESSAGE).map(|_| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        char::from(b'!' + u8::try_from((state >> 40) % 90).unwrap()).to_string()
    });
    json!(text.collect::<String>().replace(['"', '\\'], "x"))
}

/// A conversation of so many steps: each message is a task's write and then part of a list.
fn conversation(saver: &DbSaver, thread: &str, steps: std::ops::RangeInclusive<u64>) {
    let mut messages: Vec<Value> = (1..*steps.start()).map(message).collect();
    for step in steps {
        let parent = (step > 1).then(|| format!("{:04}", step - 1));
        if let Some(parent) = &parent {
            let mut put = writes(parent, "path", "task", &[("messages", message(step))]);
            put.thread = thread.into();
            saver.put_writes(put).wait().unwrap();
        }
        messages.push(message(step));
        let put = checkpoint(&format!("{step:04}"), parent.as_deref()).in_thread(thread);
        let put = put.changed("messages", step, json!(messages));
        saver.put(put).wait().unwrap();
    }
}

fn prune(thread: &str, rule: PruneRule) -> Prune {
    let thread = Some(thread.into());
    Prune { thread, rule }
}

fn log_bytes(db: &Db) -> u64 {
    db.stats().unwrap().log.bytes
}

/// Compacts until nothing more comes of it, and tells the length of the log.
fn compacted(db: &Db) -> u64 {
    let mut bytes = log_bytes(db);
    loop {
        db.compact().unwrap();
        let before = std::mem::replace(&mut bytes, log_bytes(db));
        if bytes >= before {
            return bytes;
        }
    }
}

/// What compaction gives back after `change`.
fn gain(db: &Db, change: impl FnOnce()) -> u64 {
    let before = compacted(db);
    change();
    before.saturating_sub(compacted(db))
}

/// A dry run tells bytes before compression. Compaction has packed what goes, and packs what `stays` anew.
fn assert_close(said: u64, came_back: u64, stays: u64) {
    let range = (said / 2).saturating_sub(2048)..=said + said / 20 + 2048 + stays / 4;
    assert!(
        range.contains(&came_back),
        "{said} bytes were said to come back, and {came_back} did; {stays} stay"
    );
}

fn checked_prune(db: &Db, prune: &Prune) -> PruneReport {
    let saver = db.checkpointer();
    let said = block_on(saver.prune_dry_run(prune.clone())).unwrap();
    let came_back = gain(db, || {
        let report = block_on(saver.prune(prune.clone())).unwrap();
        let counted = |report: &PruneReport| (report.threads, report.checkpoints, report.bytes);
        assert_eq!(counted(&report), counted(&said));
        assert!(report.disk_bytes <= report.bytes, "{report:?}");
    });
    assert_close(said.bytes, came_back, log_bytes(db));
    said
}

fn latest(saver: &DbSaver, thread: &str) -> Value {
    values(&block_on(saver.get(thread, "", None)).unwrap().unwrap())
}

fn all(steps: u64) -> Value {
    json!({"messages": (1..=steps).map(message).collect::<Vec<_>>()})
}

#[test]
fn a_dry_run_says_what_comes_back_when_the_latest_stays() {
    let database = database();
    let db = database.db();
    let saver = db.checkpointer();
    conversation(&saver, "t", 1..=100);
    let report = checked_prune(db, &prune("t", PruneRule::KeepLast(1)));
    assert_eq!((report.checkpoints, report.by_thread.len()), (99, 1));
    // The list is made of what has gone.
    let kept = db.thread_stats("t").unwrap().unwrap();
    assert_eq!(kept.checkpoints, 1);
    assert!(
        (100 * MESSAGE..200 * MESSAGE).contains(&kept.bytes),
        "{kept:?}"
    );
    assert_eq!(kept.bytes, kept.channels["messages"].bytes);
    assert_eq!(latest(&saver, "t"), all(100));
}

#[test]
fn a_dry_run_says_what_comes_back_when_many_stay_or_none() {
    let database = database();
    let db = database.db();
    let saver = db.checkpointer();
    conversation(&saver, "t", 1..=100);
    checked_prune(db, &prune("t", PruneRule::KeepLast(40)));
    let good = Tag {
        thread: "t".into(),
        namespace: String::new(),
        name: "good".into(),
        checkpoint_id: "0080".into(),
    };
    saver.tag(good).wait().unwrap();
    checked_prune(db, &prune("t", PruneRule::KeepLast(3)));
    assert_eq!(latest(&saver, "t"), all(100));
    checked_prune(db, &prune("t", PruneRule::Delete));
    assert!(log_bytes(db) < 8192);
}

#[test]
fn a_deletion_is_said_to_free_what_nobody_else_has() {
    let database = database();
    let db = database.db();
    let saver = db.checkpointer();
    conversation(&saver, "t", 1..=100);
    saver.copy_thread("t", "u").wait().unwrap();
    conversation(&saver, "t", 101..=120);
    let of = |thread| db.thread_stats(thread).unwrap().unwrap();
    let (t, u) = (of("t"), of("u"));
    assert!((20 * MESSAGE..60 * MESSAGE).contains(&t.bytes), "{t:?}");
    assert!(t.shared_bytes > 100 * MESSAGE, "{t:?}");
    assert_eq!((u.bytes, u.shared_bytes), (0, t.shared_bytes));

    let idle = RetentionPolicy {
        idle: Some(Duration::ZERO),
        ..RetentionPolicy::default()
    };
    let both = db.retention_dry_run(idle).unwrap();
    assert_eq!((both.threads, both.deleted_threads), (2, 2));
    let one = db.retention_dry_run_of("u", idle).unwrap();
    assert_eq!(one.by_thread[0].thread, "u");
    assert!(one.bytes < 200, "{one:?}");

    let first = checked_prune(db, &prune("t", PruneRule::Delete));
    // Now it is the copy that keeps it all.
    let u = of("u");
    assert_eq!((u.bytes, u.shared_bytes), (t.shared_bytes, 0));
    assert_eq!(latest(&saver, "u"), all(100));
    let last = checked_prune(db, &prune("u", PruneRule::Delete));
    assert_close(both.bytes, first.bytes + last.bytes, 0);
}

#[test]
fn what_a_copy_has_left_behind_goes_with_a_prune() {
    // The copy goes before the prune, or after it; and with the source gone it is the same.
    for (kept, gone) in [("t", "u"), ("u", "t")] {
        for first in [true, false] {
            let mut database = database();
            let saver = database.db().checkpointer();
            conversation(&saver, "t", 1..=100);
            saver.copy_thread("t", "u").wait().unwrap();
            conversation(&saver, kept, 101..=110);
            let keep = prune(kept, PruneRule::KeepLast(1));
            let before = log_bytes(database.db());
            if first {
                saver.delete_thread(gone).wait().unwrap();
                let said = checked_prune(database.db(), &keep);
                assert_eq!(said.checkpoints, 109);
            } else {
                let report = block_on(saver.prune(keep)).unwrap();
                assert_eq!(report.checkpoints, 109);
                saver.delete_thread(gone).wait().unwrap();
                assert!(database.db().stats().unwrap().dead_bytes() > before / 3);
                database.db().compact().unwrap();
            }
            let after = log_bytes(database.db());
            assert!(
                after < before * 2 / 3,
                "{kept}, {first}: {after} of {before}"
            );
            assert_eq!(database.db().stats().unwrap().dead_bytes(), 0);
            let listed = block_on(saver.list_threads(Default::default())).unwrap();
            let bytes = listed.first().unwrap().bytes;
            assert!(bytes < 20 * MESSAGE, "{bytes}");
            drop(saver);
            for reopening in [Reopening::Unclean, Reopening::Clean] {
                database.reopen(reopening);
                let saver = database.db().checkpointer();
                assert_eq!(latest(&saver, kept), all(110));
                assert_eq!(block_on(saver.get(gone, "", None)).unwrap(), None);
            }
        }
    }
}

#[test]
fn what_source_and_copy_have_both_pruned_goes() {
    let database = database();
    let db = database.db();
    let saver = db.checkpointer();
    conversation(&saver, "t", 1..=100);
    saver.copy_thread("t", "u").wait().unwrap();
    let before = log_bytes(db);
    checked_prune(db, &prune("t", PruneRule::KeepLast(1)));
    block_on(saver.prune(prune("u", PruneRule::KeepLast(1)))).unwrap();
    db.compact().unwrap();
    assert!(log_bytes(db) < before * 2 / 3);
    for thread in ["t", "u"] {
        assert_eq!(latest(&saver, thread), all(100));
    }
}

#[test]
fn a_dry_run_of_all_threads_has_what_a_thread_and_its_copy_have_in_common() {
    for (own, last) in [(0, 1), (10, 1), (10, 5)] {
        let database = database();
        let db = database.db();
        let saver = db.checkpointer();
        conversation(&saver, "t", 1..=100);
        saver.copy_thread("t", "u").wait().unwrap();
        saver.copy_thread("u", "v").wait().unwrap();
        conversation(&saver, "t", 101..=100 + own);
        conversation(&saver, "v", 101..=100 + own);
        let alone = |thread| {
            let prune = prune(thread, PruneRule::KeepLast(last));
            block_on(saver.prune_dry_run(prune)).unwrap().bytes
        };
        let each: u64 = ["t", "u", "v"].into_iter().map(alone).sum();
        let rule = PruneRule::KeepLast(last);
        let all_threads = Prune { thread: None, rule };
        let said = checked_prune(db, &all_threads);
        assert_eq!(said.threads, 3);
        assert!(said.bytes > each + 30 * MESSAGE, "{each}, {said:?}");
        assert_eq!(latest(&saver, "t"), all(100 + own));
        assert_eq!(latest(&saver, "u"), all(100));
    }
}

#[test]
fn a_dry_run_of_policies_has_what_a_deletion_and_a_prune_take_together() {
    for (deleted, kept) in [("t", "u"), ("u", "t")] {
        let database = database();
        let db = database.db();
        let saver = db.checkpointer();
        conversation(&saver, "t", 1..=100);
        saver.copy_thread("t", "u").wait().unwrap();
        conversation(&saver, kept, 101..=110);
        let idle = RetentionPolicy {
            idle: Some(Duration::ZERO),
            ..RetentionPolicy::default()
        };
        let few = RetentionPolicy {
            keep_last: Some(2),
            ..RetentionPolicy::default()
        };
        saver.set_retention(deleted, Some(idle)).wait().unwrap();
        saver.set_retention(kept, Some(few)).wait().unwrap();
        let said = db.retention_dry_run(RetentionPolicy::default()).unwrap();
        assert_eq!((said.threads, said.deleted_threads), (2, 1));
        let came_back = gain(db, || {
            let done = db.apply_retention(RetentionPolicy::default()).unwrap();
            assert_eq!((done.threads, done.deleted_threads), (2, 1));
        });
        assert!(said.bytes > 30 * MESSAGE, "{said:?}");
        assert_close(said.bytes, came_back, log_bytes(db));
        assert_eq!(latest(&saver, kept), all(110));
    }
}

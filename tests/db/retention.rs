//! What is read and what is removed beside what is asked for.

use std::fs;
use std::time::{Duration, Instant};

use futures::executor::block_on;
use futures::{StreamExt, TryStreamExt};
use serde_json::json;
use stepwell::checkpoint::{
    CheckpointIds, Checkpointer, DbSaver, ListQuery, Projection, Prune, PruneRule, Retention,
    RetentionPolicy, ThreadQuery,
};

use crate::database::{Database, Reopening, options};
use crate::samples::{With, checkpoint};

fn history(saver: &DbSaver, steps: u64) -> Vec<String> {
    let ids = CheckpointIds::new();
    let mut made: Vec<String> = Vec::new();
    for step in 1..=steps {
        let id = ids.next(None, 0);
        let put = checkpoint(&id, made.last().map(String::as_str));
        saver
            .put(put.changed("a", step, json!(step)))
            .wait()
            .unwrap();
        made.push(id);
    }
    made
}

fn ids(saver: &DbSaver) -> Vec<String> {
    let query = ListQuery {
        projection: Projection::metadata_only(),
        ..ListQuery::of("t", "")
    };
    let list = saver.list(query).map_ok(|found| found.checkpoint.id);
    block_on(list.try_collect()).unwrap()
}

#[test]
fn nothing_is_read_from_the_log_for_metadata() {
    // Nothing of it is in memory.
    let database = Database::with(options().hot_bytes(0));
    let saver = database.db().checkpointer();
    let mut made = history(&saver, 50);
    made.reverse();
    // Whoever reads a value now gets an error.
    for segment in fs::read_dir(database.db().path().join("log")).unwrap() {
        let segment = segment.unwrap();
        let length = segment.metadata().unwrap().len();
        fs::write(segment.path(), vec![7; usize::try_from(length).unwrap()]).unwrap();
    }
    assert!(block_on(saver.get("t", "", None)).is_err());
    assert_eq!(ids(&saver), made);
    let latest = saver.list_latest("", Projection::metadata_only());
    assert_eq!(
        block_on(
            latest
                .filter(|found| std::future::ready(found.is_ok()))
                .count()
        ),
        1
    );
    let only = Projection::metadata_only();
    let latest = block_on(saver.get_projected("t", "", None, &only)).unwrap();
    assert_eq!(latest.unwrap().checkpoint.id, made[0]);
    let none = Projection::named(["b"]);
    assert!(block_on(saver.get_projected("t", "", None, &none)).is_ok());
    // An idle thread has no channel that tells of tasks.
    assert_eq!(
        block_on(saver.list_threads(ThreadQuery::default()))
            .unwrap()
            .len(),
        1
    );
}

#[test]
fn what_is_not_to_be_kept_goes_in_the_background() {
    let mut database = Database::default();
    let saver = database.db().checkpointer();
    let made = history(&saver, 1_200);
    let retention = Retention {
        policy: RetentionPolicy {
            keep_last: Some(2),
            ..RetentionPolicy::default()
        },
        interval: Duration::from_millis(1),
    };
    database.db().set_retention(Some(retention)).unwrap();
    let began = Instant::now();
    while ids(&saver).len() > 2 {
        assert!(began.elapsed() < Duration::from_secs(60));
        std::thread::sleep(Duration::from_millis(5));
    }
    database.db().set_retention(None).unwrap();
    history(&saver, 3);
    assert_eq!(ids(&saver).len(), 5);
    // It ends with the database, whoever closes it, and is not there after the next open.
    database.db().set_retention(Some(retention)).unwrap();
    drop(saver);
    database.reopen(Reopening::Clean);
    database.db().set_retention(Some(retention)).unwrap();
    database.reopen(Reopening::Unclean);
    let saver = database.db().checkpointer();
    let latest = block_on(saver.get("t", "", None)).unwrap().unwrap();
    assert!(latest.checkpoint.id > made[1_199]);
}

#[test]
fn a_long_thread_is_pruned_in_portions() {
    let database = Database::default();
    let saver = database.db().checkpointer();
    let made = history(&saver, 1_500);
    let before = database.db().log_stats().unwrap().commits;
    let prune = Prune {
        thread: Some("t".into()),
        rule: PruneRule::KeepLast(2),
    };
    let planned = block_on(saver.prune_dry_run(prune.clone())).unwrap();
    let report = block_on(saver.prune(prune)).unwrap();
    assert_eq!((report.threads, report.checkpoints), (1, 1_498));
    assert_eq!(report, planned);
    assert_eq!(ids(&saver), [&*made[1_499], &*made[1_498]]);
    // Each portion is a commit of its own, which others can come before.
    let commits = database.db().log_stats().unwrap().commits - before;
    assert_eq!(commits, 3);
}

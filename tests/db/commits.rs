//! Committing: acknowledgement, visibility, concurrency.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use futures::StreamExt;
use futures::executor::block_on;
use futures::future::join_all;
use serde_json::json;
use stepwell::checkpoint::{
    CheckpointError, CheckpointIds, CheckpointTuple, Checkpointer, ListQuery,
};
use stepwell::db::{Db, Durability};
use stepwell::store::{Search, Store};

use crate::database::{Database, Reopening};
use crate::samples::{With, checkpoint, pending, values, writes};

fn all(db: &Db) -> Vec<CheckpointTuple> {
    let list = db.checkpointer().list(ListQuery::default());
    block_on(list.map(Result::unwrap).collect())
}

#[test]
fn a_write_goes_on_whether_or_not_its_commit_is_awaited() {
    let database = Database::default();
    let saver = database.db().checkpointer();
    drop(saver.put(checkpoint("1", None)));
    drop(saver.put_writes(writes("1", "p", "t", &[("x", json!(1))])));
    database.db().sync().unwrap();
    let found = block_on(saver.get("t", "", None)).unwrap().unwrap();
    assert_eq!(pending(&found), json!([["p", "t", 0, "x", 1]]));
    // What nobody asks for comes too.
    drop(saver.put(checkpoint("2", None)));
    let mut rounds = 0;
    while block_on(saver.get("t", "", Some("2"))).unwrap().is_none() {
        assert!(rounds < 5000, "it never came");
        rounds += 1;
        thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn commits_can_be_submitted_ahead_and_awaited_together() {
    let database = Database::default();
    let saver = database.db().checkpointer();
    let commits = (0..20).map(|n| {
        let parent = (n > 0).then(|| format!("{:02}", n - 1));
        let put = checkpoint(&format!("{n:02}"), parent.as_deref());
        saver.put(put.unchanged("a", 1).changed("b", n, json!(n)))
    });
    for outcome in block_on(join_all(commits)) {
        outcome.unwrap();
    }
    assert_eq!(all(database.db()).len(), 20);
}

#[test]
fn an_unchanged_channel_is_inherited_from_a_parent_that_is_not_acknowledged_yet() {
    let mut database = Database::default();
    let saver = database.db().checkpointer();
    let first = saver.put(checkpoint("1", None).changed("a", 1, json!("value")));
    let second = saver.put(checkpoint("2", Some("1")).unchanged("a", 1));
    let third = saver.put(checkpoint("3", Some("2")).carried("a", 1, json!("ignored")));
    for commit in [third, second, first] {
        commit.wait().unwrap();
    }
    drop(saver);
    database.reopen(Reopening::Unclean);
    for found in all(database.db()) {
        assert_eq!(values(&found), json!({"a": "value"}));
    }
}

#[test]
fn writers_in_many_threads_lose_nothing() {
    let mut database = Database::default();
    thread::scope(|scope| {
        for writer in 0..8 {
            let db = database.db().clone();
            scope.spawn(move || {
                let (saver, store) = (db.checkpointer(), db.store());
                let name = writer.to_string();
                for n in 0..25_u64 {
                    let put = checkpoint(&format!("{n:02}"), None).in_thread(&name);
                    let put = put.in_namespace("n").changed("n", n, json!([writer, n]));
                    let commit = saver.put(put);
                    if n % 2 == 0 {
                        commit.wait().unwrap();
                    } else {
                        block_on(commit).unwrap();
                    }
                    let latest = block_on(saver.get(&name, "n", None)).unwrap().unwrap();
                    assert_eq!(values(&latest), json!({"n": [writer, n]}));
                    let key = n.to_string();
                    block_on(store.put(&["w", &name], &key, json!(n))).unwrap();
                }
            });
        }
    });
    let before = all(database.db());
    assert_eq!(before.len(), 8 * 25);
    database.reopen(Reopening::Unclean);
    assert_eq!(all(database.db()), before);
    let search = Search::new(&["w"]).limit(usize::MAX);
    assert_eq!(
        block_on(database.db().store().search(search))
            .unwrap()
            .len(),
        8 * 25
    );
}

#[test]
fn deletions_that_race_with_writers_end_the_same_after_opening_again() {
    let mut database = Database::default();
    let ids = CheckpointIds::new();
    let done = AtomicBool::new(false);
    let saver = database.db().checkpointer();
    thread::scope(|scope| {
        let (saver, ids, done) = (&saver, &ids, &done);
        let writers: Vec<_> = (0..3)
            .map(|_| {
                scope.spawn(move || {
                    let mut parent: Option<String> = None;
                    let mut refused = 0;
                    for n in 0..120_u64 {
                        let id = ids.next(parent.as_deref(), 0);
                        let mut put = checkpoint(&id, parent.as_deref());
                        if parent.is_none() {
                            put = put.changed("base", 1, json!(&id));
                        } else {
                            put = put.carried("base", 1, json!("ignored"));
                        }
                        let put = put.changed("n", n, json!(n));
                        match saver.put(put).wait() {
                            Ok(()) => parent = Some(id),
                            Err(CheckpointError::ThreadDeleted { checkpoint, .. }) => {
                                assert_eq!(Some(checkpoint), parent);
                                parent = None;
                                refused += 1;
                            }
                            Err(other) => panic!("{other}"),
                        }
                    }
                    refused
                })
            })
            .collect();
        let deleter = scope.spawn(move || {
            while !done.load(Ordering::Relaxed) {
                saver.delete_thread("t").wait().unwrap();
                thread::sleep(Duration::from_millis(2));
            }
        });
        let refused: i32 = writers
            .into_iter()
            .map(|writer| writer.join().unwrap())
            .sum();
        done.store(true, Ordering::Relaxed);
        deleter.join().unwrap();
        assert!(refused > 0);
        // Every survivor has what it inherited: nothing was built on a deleted checkpoint.
        for found in all(database.db()) {
            assert!(values(&found)["base"].is_string());
        }
    });
    drop(saver);
    let before = all(database.db());
    database.reopen(Reopening::Unclean);
    assert_eq!(all(database.db()), before);
}

#[test]
fn handles_may_have_a_durability_of_their_own() {
    let mut database = Database::default();
    for durability in [
        Durability::Sync,
        Durability::Interval(Duration::from_millis(5)),
        Durability::Os,
    ] {
        let db = database.db();
        let saver = db.checkpointer().with_durability(durability);
        let store = db.store().with_durability(durability);
        saver.put(checkpoint("1", None)).wait().unwrap();
        block_on(store.put(&["a"], "k", json!(1))).unwrap();
        drop((saver, store));
        database.reopen(Reopening::Unclean);
        assert_eq!(all(database.db()).len(), 1);
    }
}

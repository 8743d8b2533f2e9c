//! Pruning, tags, and threads as a whole.

use std::time::{Duration, SystemTime};

use serde_json::json;
use stepwell::checkpoint::{
    CheckpointError, CheckpointIds, ListQuery, Prune, PruneRule, StatusKind, Tag, ThreadOrder,
    ThreadQuery,
};

use crate::samples::{With, checkpoint, pending, values, writes};
use crate::saver::Saver;

fn of(thread: &str, rule: PruneRule) -> Prune {
    Prune {
        thread: Some(thread.into()),
        rule,
    }
}

fn tag(name: &str, id: &str) -> Tag {
    Tag {
        thread: "t".into(),
        namespace: String::new(),
        name: name.into(),
        checkpoint_id: id.into(),
    }
}

/// A thread of four checkpoints whose last one has a value from each.
fn history(saver: &Saver) {
    saver.put(checkpoint("1", None).changed("a", 1, json!("one")));
    saver.put(
        checkpoint("2", Some("1"))
            .unchanged("a", 1)
            .changed("b", 1, json!("two")),
    );
    saver.put(
        checkpoint("3", Some("2"))
            .unchanged("a", 1)
            .unchanged("b", 1)
            .changed("c", 1, json!("three")),
    );
    saver.put(
        checkpoint("4", Some("3"))
            .unchanged("a", 1)
            .unchanged("b", 1)
            .unchanged("c", 1),
    );
}

pub(crate) fn what_is_kept_keeps_its_values(saver: &mut Saver) {
    history(saver);
    let prune = of("t", PruneRule::KeepLast(2));
    let planned = saver.prune_dry_run(prune.clone());
    assert_eq!(saver.ids(ListQuery::of("t", "")).len(), 4);
    let report = saver.prune(prune.clone());
    assert_eq!((report.threads, report.checkpoints), (1, 2));
    assert_eq!(report, planned);
    assert_eq!(saver.prune(prune).checkpoints, 0);
    saver.reopen();
    assert_eq!(saver.ids(ListQuery::of("t", "")), ["4", "3"]);
    let kept = json!({"a": "one", "b": "two", "c": "three"});
    for id in ["3", "4"] {
        let found = saver.get("t", "", id).unwrap();
        assert_eq!(values(&found), kept);
    }
    saver.put(checkpoint("5", Some("4")).unchanged("a", 1));
    saver.reopen();
    assert_eq!(values(&saver.latest("t", "").unwrap()), json!({"a": "one"}));
}

pub(crate) fn a_deletion_is_tried_out_first(saver: &mut Saver) {
    history(saver);
    saver.put(checkpoint("1", None).in_thread("u"));
    saver.tag(tag("good", "2")).unwrap();
    let delete = of("t", PruneRule::Delete);
    let planned = saver.prune_dry_run(delete.clone());
    assert_eq!((planned.deleted_threads, planned.checkpoints), (1, 4));
    assert!(planned.bytes > 0);
    assert_eq!(saver.ids(ListQuery::of("t", "")).len(), 4);
    assert_eq!(saver.prune(delete), planned);
    saver.reopen();
    assert_eq!(saver.latest("t", ""), None);
    assert!(saver.latest("u", "").is_some());
    let none = saver.prune(of("none", PruneRule::Delete));
    assert_eq!((none.threads, none.by_thread.len()), (0, 0));
}

pub(crate) fn pruning_a_copy_leaves_the_other_whole(saver: &mut Saver) {
    history(saver);
    saver.put_writes(writes("1", "p", "t", &[("x", json!(1))]));
    saver.copy("t", "u");
    saver.prune(of("t", PruneRule::KeepLast(1)));
    saver.reopen();
    assert_eq!(saver.ids(ListQuery::of("t", "")), ["4"]);
    assert_eq!(saver.ids(ListQuery::of("u", "")), ["4", "3", "2", "1"]);
    let first = saver.get("u", "", "1").unwrap();
    assert_eq!(pending(&first), json!([["p", "t", 0, "x", 1]]));
    // What was inherited and pruned does not come back with its id.
    saver.put(checkpoint("1", None));
    saver.reopen();
    let again = saver.get("t", "", "1").unwrap();
    assert_eq!((values(&again), pending(&again)), (json!({}), json!([])));
}

pub(crate) fn a_checkpoint_that_needs_a_pruned_one_is_refused(saver: &mut Saver) {
    history(saver);
    saver.prune(of("t", PruneRule::KeepLast(1)));
    saver.reopen();
    let late = checkpoint("5", Some("2")).unchanged("b", 1);
    assert!(matches!(
        saver.try_put(late),
        Err(CheckpointError::Pruned { checkpoint, .. }) if checkpoint == "2"
    ));
    saver.put(checkpoint("5", Some("2")).carried("b", 1, json!("brought")));
    saver.reopen();
    let latest = saver.latest("t", "").unwrap();
    assert_eq!(values(&latest), json!({"b": "brought"}));
}

pub(crate) fn what_is_old_goes_but_for_the_latest(saver: &mut Saver) {
    let ids = CheckpointIds::new();
    let (first, second) = (ids.next(None, 0), ids.next(None, 1));
    saver.put(checkpoint(&first, None));
    saver.put(checkpoint(&second, Some(&first)));
    let hour = Duration::from_secs(3600);
    let before = SystemTime::now() - hour;
    let report = saver.prune(of("t", PruneRule::OlderThan(before)));
    assert_eq!(report.checkpoints, 0);
    let after = SystemTime::now() + hour;
    saver.prune(of("t", PruneRule::OlderThan(after)));
    saver.reopen();
    assert_eq!(saver.ids(ListQuery::of("t", "")), [second]);
}

pub(crate) fn runs_are_deleted_in_all_threads(saver: &mut Saver) {
    for (thread, id, run) in [("t", "1", "r"), ("t", "2", "s"), ("u", "1", "s")] {
        let mut put = checkpoint(id, None).in_thread(thread);
        put.metadata.extra.insert("run_id".into(), json!(run));
        saver.put(put);
    }
    let report = saver.delete_for_runs(&["s"]);
    assert_eq!((report.threads, report.checkpoints), (2, 2));
    saver.reopen();
    assert_eq!(saver.ids(ListQuery::of("t", "")), ["1"]);
    assert_eq!(saver.latest("u", ""), None);
}

pub(crate) fn what_finished_subgraphs_left_behind_goes(saver: &mut Saver) {
    let child = |namespace: &str, id: &str, root: &str| {
        let mut put = checkpoint(id, None).in_namespace(namespace);
        put.metadata.parents.insert(String::new(), root.to_owned());
        put
    };
    saver.put(checkpoint("1", None));
    for namespace in ["call:task", "call:task|inner", "memory", ":key"] {
        saver.put(child(namespace, "1", "1"));
    }
    saver.put(checkpoint("2", Some("1")));
    saver.put(child("call:other", "2", "2"));
    saver.prune(of("t", PruneRule::FinishedSubgraphs));
    saver.reopen();
    let left = saver.list(ListQuery::default());
    let mut left: Vec<_> = left.into_iter().map(|found| found.namespace).collect();
    left.sort();
    left.dedup();
    assert_eq!(left, ["", ":key", "call:other", "memory"]);
}

pub(crate) fn what_has_a_tag_is_not_pruned(saver: &mut Saver) {
    history(saver);
    saver.tag(tag("good", "2")).unwrap();
    saver.tag(tag("best", "2")).unwrap();
    assert!(matches!(
        saver.tag(tag("none", "9")),
        Err(CheckpointError::NoSuchCheckpoint { .. })
    ));
    saver.prune(of("t", PruneRule::KeepLast(0)));
    saver.reopen();
    assert_eq!(saver.tags("t"), [tag("best", "2"), tag("good", "2")]);
    assert_eq!(saver.ids(ListQuery::of("t", "")), ["2"]);
    let kept = saver.get("t", "", "2").unwrap();
    assert_eq!(values(&kept), json!({"a": "one", "b": "two"}));
    for name in ["good", "best", "unknown"] {
        saver.untag("t", "", name);
    }
    saver.prune(of("t", PruneRule::KeepLast(0)));
    saver.reopen();
    assert!(saver.tags("t").is_empty());
    assert_eq!(saver.latest("t", ""), None);
}

pub(crate) fn a_copy_has_the_tags(saver: &mut Saver) {
    history(saver);
    saver.tag(tag("good", "2")).unwrap();
    saver.copy("t", "u");
    saver.untag("t", "", "good");
    saver.reopen();
    assert!(saver.tags("t").is_empty());
    let mut copied = tag("good", "2");
    copied.thread = "u".into();
    assert_eq!(saver.tags("u"), [copied]);
}

pub(crate) fn threads_are_listed_by_update_and_by_name(saver: &mut Saver) {
    let ids = CheckpointIds::new();
    for thread in ["a1", "a3", "b", "a2"] {
        let mut put = checkpoint(&ids.next(None, 0), None).in_thread(thread);
        put.metadata.extra.insert("user".into(), json!(thread));
        saver.put(put);
    }
    saver.put(checkpoint(&ids.next(None, 1), None).in_thread("a1"));
    saver.delete("b");
    saver.reopen();
    let names = |query: ThreadQuery| -> Vec<String> {
        let list = saver.list_threads(query).into_iter();
        list.map(|info| info.thread).collect()
    };
    let query = ThreadQuery::default;
    assert_eq!(names(query()), ["a1", "a2", "a3"]);
    let by_name = ThreadQuery {
        order: ThreadOrder::Name,
        ..query()
    };
    let second = |mut page: ThreadQuery, after: &str| {
        let all = saver.list_threads(page.clone()).into_iter();
        let cursor = all
            .filter(|info| info.thread == after)
            .map(|info| info.cursor);
        // It may go through other hands.
        page.after = cursor
            .last()
            .map(|cursor| cursor.to_string().parse().unwrap());
        page.limit = Some(1);
        names(page)
    };
    assert_eq!(second(query(), "a2"), ["a3"]);
    assert_eq!(second(by_name.clone(), "a1"), ["a2"]);
    let prefix = ThreadQuery {
        prefix: "a3".into(),
        ..by_name
    };
    assert_eq!(names(prefix), ["a3"]);
    let mut filter = query();
    filter.filter.insert("user".into(), json!("a2"));
    assert_eq!(names(filter), ["a2"]);
    let list = saver.list_threads(query());
    let first = list.first().unwrap();
    assert_eq!(first.checkpoints, 2);
    assert!(first.created < first.updated && first.updated <= SystemTime::now());
}

pub(crate) fn threads_are_listed_with_their_status(saver: &mut Saver) {
    saver.put(checkpoint("1", None).in_thread("idle"));
    let waiting = checkpoint("1", None).in_thread("waiting");
    saver.put(waiting.changed("branch:to:node", 1, json!(null)));
    let mut asks = writes(
        "1",
        "~__pregel_pull, node",
        "t",
        &[("__interrupt__", json!([{"id": "1", "value": "well?"}]))],
    );
    asks.thread = "waiting".into();
    saver.put_writes(asks);
    let cut_off = checkpoint("1", None).in_thread("cut off");
    saver.put(cut_off.changed("branch:to:node", 1, json!(null)));
    saver.put(
        checkpoint("1", None)
            .in_thread("subgraph only")
            .in_namespace("sub"),
    );
    saver.reopen();
    let all = saver.list_threads(ThreadQuery::default()).into_iter();
    let all: Vec<_> = all
        .map(|info| {
            let status = info.status.map_or("none", |status| status.name());
            (info.thread, status, info.namespaces)
        })
        .collect();
    let expected = [
        ("cut off", "unfinished", 1),
        ("idle", "idle", 1),
        ("subgraph only", "none", 1),
        ("waiting", "interrupted", 1),
    ];
    assert_eq!(
        all,
        expected.map(|(name, status, n)| (name.to_owned(), status, n))
    );
    let of_status = |status| {
        let list = saver.list_threads(ThreadQuery {
            status: Some(status),
            limit: Some(1),
            ..ThreadQuery::default()
        });
        list.into_iter().map(|info| info.thread).collect::<Vec<_>>()
    };
    assert_eq!(of_status(StatusKind::Interrupted), ["waiting"]);
    assert_eq!(of_status(StatusKind::Unfinished), ["cut off"]);
}

pub(crate) fn pages_are_stable_while_others_write(saver: &mut Saver) {
    let ids = CheckpointIds::new();
    for thread in ["a", "b", "c", "d", "e"] {
        saver.put(checkpoint(&ids.next(None, 0), None).in_thread(thread));
    }
    let mut listed = Vec::new();
    let mut after = None;
    loop {
        let page = saver.list_threads(ThreadQuery {
            after,
            limit: Some(2),
            ..ThreadQuery::default()
        });
        let Some(last) = page.last() else { break };
        after = Some(last.cursor.clone());
        listed.extend(page.into_iter().map(|info| info.thread));
        // Those that were listed are updated, or go, and one that was not is pruned.
        saver.put(checkpoint(&ids.next(None, 1), None).in_thread("e"));
        saver.delete("d");
        saver.prune(Prune {
            thread: Some("a".into()),
            rule: PruneRule::KeepLast(1),
        });
        saver.reopen();
    }
    assert_eq!(listed, ["e", "d", "c", "b", "a"]);
}

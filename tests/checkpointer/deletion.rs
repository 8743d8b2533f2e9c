//! Deleting threads, and what late writers do to them.

use serde_json::json;
use stepwell::checkpoint::{CheckpointError, CheckpointIds, ListQuery};

use crate::samples::{With, checkpoint, pending, values, writes};
use crate::saver::Saver;

fn assert_refused(outcome: Result<(), CheckpointError>, named: &str) {
    match outcome {
        Err(CheckpointError::ThreadDeleted { thread, checkpoint }) => {
            assert_eq!((thread.as_str(), checkpoint.as_str()), ("t", named));
        }
        other => panic!("{other:?}"),
    }
}

pub(crate) fn a_deleted_thread_is_gone_in_all_namespaces_and_others_stay(saver: &mut Saver) {
    for thread in ["t", "u"] {
        saver.put(checkpoint("1", None).in_thread(thread));
        saver.put(checkpoint("1", None).in_thread(thread).in_namespace("n"));
    }
    saver.put_writes(writes("1", "p", "t", &[("x", json!(1))]));
    saver.delete("t");
    saver.reopen();
    assert_eq!(saver.latest("t", ""), None);
    assert_eq!(saver.get("t", "n", "1"), None);
    let left = saver.list(ListQuery::default());
    assert!(left.iter().all(|found| found.thread == "u") && left.len() == 2);
}

pub(crate) fn deleting_an_unknown_thread_is_no_error(saver: &mut Saver) {
    saver.delete("t");
    saver.delete("t");
    saver.reopen();
    saver.put(checkpoint("1", None));
    assert!(saver.latest("t", "").is_some());
}

pub(crate) fn a_deleted_thread_can_be_started_anew(saver: &mut Saver) {
    let ids = CheckpointIds::new();
    for round in 0..3 {
        let first = ids.next(None, -1);
        let second = ids.next(Some(&first), 0);
        saver.put(checkpoint(&first, None).changed("a", 1, json!(round)));
        saver.put_writes(writes(&first, "p", "t", &[("x", json!(round))]));
        saver.put_writes(writes(&second, "p", "t", &[("x", json!(round))]));
        saver.put(checkpoint(&second, Some(&first)).unchanged("a", 1));
        saver.reopen();
        let found = saver.latest("t", "").unwrap();
        assert_eq!(values(&found), json!({"a": round}));
        assert_eq!(pending(&found), json!([["p", "t", 0, "x", round]]));
        assert_eq!(saver.list(ListQuery::default()).len(), 2);
        saver.delete("t");
        saver.reopen();
    }
}

/// An id of a clock that was far ahead.
const AHEAD: &str = "7fffffff-ffff-6fff-8000-000000000001";

pub(crate) fn an_id_of_the_future_goes_with_its_thread_alone(saver: &mut Saver) {
    saver.put(checkpoint(AHEAD, None).in_thread("ahead"));
    saver.put(checkpoint("1", None));
    for thread in ["ahead", "t"] {
        saver.delete(thread);
        saver.reopen();
    }
    let id = CheckpointIds::new().next(saver.cutoff("t").as_deref(), 0);
    assert!(*id < *AHEAD, "{id}");
    // A checkpoint of a subgraph of a run that has saved nothing else yet.
    let mut put = checkpoint(&id, None).in_namespace("n");
    put.metadata.parents = [(String::new(), id.clone())].into();
    saver.put(put);
    let after = CheckpointIds::new().next(saver.cutoff("ahead").as_deref(), 0);
    assert!(*after > *AHEAD, "{after}");
    assert_eq!(saver.cutoff("unknown"), None);
}

pub(crate) fn late_writes_do_not_bring_a_thread_back(saver: &mut Saver) {
    let ids = CheckpointIds::new();
    let (first, unsaved) = (ids.next(None, 0), ids.next(None, 1));
    saver.put(checkpoint(&first, None));
    saver.delete("t");
    saver.reopen();
    for id in [&first, &unsaved] {
        let late = writes(id, "p", "t", &[("x", json!(1))]);
        assert_refused(saver.try_put_writes(late), id);
    }
    saver.reopen();
    // Were they kept, they would show here.
    saver.put(checkpoint(&first, None));
    assert_eq!(pending(&saver.latest("t", "").unwrap()), json!([]));
}

pub(crate) fn a_late_checkpoint_does_not_bring_a_thread_back(saver: &mut Saver) {
    let ids = CheckpointIds::new();
    let (first, second) = (ids.next(None, 0), ids.next(None, 1));
    saver.put(checkpoint(&first, None));
    saver.delete("t");
    saver.reopen();
    let third = ids.next(None, 2);
    for id in [&second, &third] {
        let late = checkpoint(id, Some(&first));
        assert_refused(saver.try_put(late), &first);
    }
    saver.reopen();
    assert_eq!(saver.latest("t", ""), None);
}

pub(crate) fn the_first_checkpoint_of_a_late_subgraph_does_not_bring_a_thread_back(
    saver: &mut Saver,
) {
    let ids = CheckpointIds::new();
    let root = ids.next(None, 0);
    let child = |root: &str, id: &str| {
        let mut put = checkpoint(id, None).in_namespace("child:1");
        put.metadata.parents.insert(String::new(), root.to_owned());
        put
    };
    saver.put(checkpoint(&root, None));
    saver.delete("t");
    saver.reopen();
    assert_refused(saver.try_put(child(&root, &ids.next(None, 0))), &root);
    saver.reopen();
    assert!(saver.list(ListQuery::default()).is_empty());
    // With durability `exit`, a subgraph is saved before the graph that it belongs to.
    let new_root = ids.next(None, 0);
    saver.put(child(&new_root, &ids.next(None, 0)));
    saver.put(checkpoint(&new_root, None));
    assert_eq!(saver.list(ListQuery::default()).len(), 2);
}

pub(crate) fn late_checkpoints_with_ids_of_another_form_are_refused_by_their_missing_parent(
    saver: &mut Saver,
) {
    saver.put(checkpoint("1", None));
    saver.delete("t");
    saver.reopen();
    assert_refused(saver.try_put(checkpoint("2", Some("1"))), "1");
    saver.put(checkpoint("1", None));
    saver.put(checkpoint("2", Some("1")));
    saver.reopen();
    assert_eq!(saver.ids(ListQuery::of("t", "")), ["2", "1"]);
}

pub(crate) fn values_of_a_deleted_thread_resolve_nothing(saver: &mut Saver) {
    saver.put(checkpoint("1", None).changed("a", 1, json!("old")));
    saver.put_writes(writes("1", "p", "t", &[("x", json!("old"))]));
    saver.delete("t");
    saver.put(checkpoint("1", None).unchanged("a", 1));
    saver.put(checkpoint("2", None).carried("a", 1, json!("new")));
    saver.reopen();
    let first = saver.get("t", "", "1").unwrap();
    assert_eq!((values(&first), pending(&first)), (json!({}), json!([])));
    assert_eq!(
        values(&saver.get("t", "", "2").unwrap()),
        json!({"a": "new"})
    );
}

pub(crate) fn ids_of_a_clock_that_was_ahead_are_deleted_too(saver: &mut Saver) {
    let ahead = "ffffffff-ffff-6fff-bfff-000000000000";
    let newer = "ffffffff-ffff-6fff-bfff-000000000001";
    saver.put(checkpoint(ahead, None));
    saver.delete("t");
    saver.reopen();
    assert_refused(saver.try_put(checkpoint(newer, Some(ahead))), ahead);
    let late = writes(ahead, "p", "t", &[("x", json!(1))]);
    assert_refused(saver.try_put_writes(late), ahead);
}

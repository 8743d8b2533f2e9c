//! Copies of threads.

use serde_json::json;
use stepwell::checkpoint::{CheckpointError, CheckpointIds, ListQuery};

use crate::samples::{With, checkpoint, pending, values, writes};
use crate::saver::Saver;

pub(crate) fn a_copy_has_the_whole_history(saver: &mut Saver) {
    saver.put(checkpoint("1", None).changed("a", 1, json!("one")));
    saver.put(checkpoint("2", Some("1")).unchanged("a", 1));
    saver.put(checkpoint("1", None).in_namespace("n"));
    saver.put_writes(writes("2", "p", "t", &[("x", json!(1))]));
    saver.copy("t", "u");
    saver.reopen();
    let everything = |thread: &str| {
        let mut list = saver.list(ListQuery {
            thread: Some(thread.into()),
            ..ListQuery::default()
        });
        list.iter_mut().for_each(|found| found.thread.clear());
        list
    };
    assert_eq!(everything("u"), everything("t"));
    assert_eq!(everything("u").len(), 3);
    let latest = saver.latest("u", "").unwrap();
    assert_eq!(values(&latest), json!({"a": "one"}));
    assert_eq!(pending(&latest), json!([["p", "t", 0, "x", 1]]));
}

pub(crate) fn a_copy_and_its_source_go_on_independently(saver: &mut Saver) {
    saver.put(checkpoint("1", None).changed("a", 1, json!("shared")));
    saver.copy("t", "u");
    saver.reopen();
    for thread in ["t", "u"] {
        let own = checkpoint("2", Some("1")).in_thread(thread);
        saver.put(own.unchanged("a", 1).changed("b", 1, json!(thread)));
        let mut own = writes("1", "p", "t", &[("x", json!(thread))]);
        own.thread = thread.into();
        saver.put_writes(own);
    }
    saver.reopen();
    for thread in ["t", "u"] {
        let latest = saver.get(thread, "", "2").unwrap();
        assert_eq!(values(&latest), json!({"a": "shared", "b": thread}));
        let first = saver.get(thread, "", "1").unwrap();
        assert_eq!(pending(&first), json!([["p", "t", 0, "x", thread]]));
        assert_eq!(saver.ids(ListQuery::of(thread, "")), ["2", "1"]);
    }
}

pub(crate) fn deleting_a_copy_or_its_source_leaves_the_other_whole(saver: &mut Saver) {
    saver.put(checkpoint("1", None).changed("a", 1, json!("shared")));
    for copy in ["u", "v"] {
        saver.copy("t", copy);
    }
    saver.delete("u");
    saver.reopen();
    saver.delete("t");
    saver.reopen();
    assert_eq!(saver.latest("t", ""), None);
    assert_eq!(saver.latest("u", ""), None);
    saver.put(checkpoint("2", Some("1")).in_thread("v").unchanged("a", 1));
    saver.reopen();
    for id in ["1", "2"] {
        let left = saver.get("v", "", id).unwrap();
        assert_eq!(values(&left), json!({"a": "shared"}));
    }
}

pub(crate) fn copies_of_copies_keep_what_they_have(saver: &mut Saver) {
    saver.put(checkpoint("1", None).changed("a", 1, json!(1)));
    for (source, target, id) in [("t", "u", "2"), ("u", "v", "3"), ("v", "w", "4")] {
        saver.copy(source, target);
        saver.put(
            checkpoint(id, Some("1"))
                .in_thread(target)
                .unchanged("a", 1),
        );
        saver.delete(source);
        saver.reopen();
    }
    assert_eq!(saver.ids(ListQuery::of("w", "")), ["4", "3", "2", "1"]);
    assert_eq!(values(&saver.latest("w", "").unwrap()), json!({"a": 1}));
    assert_eq!(saver.list(ListQuery::default()).len(), 4);
}

pub(crate) fn what_cannot_be_copied_is_refused(saver: &mut Saver) {
    let refused = saver.try_copy("t", "u");
    assert!(matches!(refused, Err(CheckpointError::NothingToCopy { thread }) if thread == "t"));
    saver.put(checkpoint("1", None));
    saver.put(checkpoint("1", None).in_thread("u"));
    for target in ["u", "t"] {
        let refused = saver.try_copy("t", target);
        assert!(
            matches!(refused, Err(CheckpointError::ThreadExists { thread }) if thread == target)
        );
    }
    saver.delete("u");
    saver.copy("t", "u");
    saver.reopen();
    assert_eq!(saver.ids(ListQuery::of("u", "")), ["1"]);
}

pub(crate) fn a_copy_onto_a_deleted_thread_keeps_its_cutoff(saver: &mut Saver) {
    let ids = CheckpointIds::new();
    let (lost, base) = (ids.next(None, 0), ids.next(None, 1));
    saver.put(checkpoint(&lost, None).in_thread("u"));
    saver.put(checkpoint(&base, None).changed("a", 1, json!("copied")));
    saver.delete("u");
    saver.copy("t", "u");
    saver.reopen();
    let next = ids.next(None, 2);
    let late = checkpoint(&next, Some(&lost)).in_thread("u");
    assert!(saver.try_put(late).is_err());
    saver.put(
        checkpoint(&next, Some(&base))
            .in_thread("u")
            .unchanged("a", 1),
    );
    saver.reopen();
    let latest = saver.latest("u", "").unwrap();
    assert_eq!(values(&latest), json!({"a": "copied"}));
}

//! Policies: what goes of threads with time.

use std::time::Duration;

use serde_json::json;
use stepwell::checkpoint::{CheckpointIds, ListQuery, PruneStrategy, RetentionPolicy, Tag};

use crate::samples::{With, checkpoint, values, writes};
use crate::saver::Saver;

const HOUR: Duration = Duration::from_secs(3600);

fn keep_last(n: u64) -> RetentionPolicy {
    RetentionPolicy {
        keep_last: Some(n),
        ..RetentionPolicy::default()
    }
}

/// Puts `steps` checkpoints, each with a value, and gives their ids.
fn history(saver: &Saver, thread: &str, steps: u64) -> Vec<String> {
    let ids = CheckpointIds::new();
    let mut made: Vec<String> = Vec::new();
    for step in 1..=steps {
        let id = ids.next(None, 0);
        let put = checkpoint(&id, made.last().map(String::as_str)).in_thread(thread);
        let put = if step == 1 {
            put
        } else {
            put.unchanged("first", 1)
        };
        let channel = if step == 1 { "first" } else { "step" };
        saver.put(put.changed(channel, step, json!(step)));
        made.push(id);
    }
    made
}

pub(crate) fn each_thread_has_its_own_policy_or_that_of_all(saver: &mut Saver) {
    let t = history(saver, "t", 5);
    let u = history(saver, "u", 5);
    saver.set_retention("u", Some(keep_last(4)));
    saver.set_retention("later", Some(keep_last(9)));
    saver.reopen();
    assert_eq!(saver.retention("u"), Some(keep_last(4)));
    assert_eq!(saver.retention("later"), Some(keep_last(9)));
    assert_eq!(saver.retention("t"), None);
    let planned = saver.retention_dry_run(keep_last(2));
    let by_thread = planned.by_thread.iter();
    let by_thread: Vec<_> = by_thread.map(|of| (&*of.thread, of.checkpoints)).collect();
    assert_eq!(by_thread, [("t", 3), ("u", 1)]);
    // What would be if it had another.
    let planned_of_u = saver.retention_dry_run_of("u", keep_last(2));
    assert_eq!((planned_of_u.threads, planned_of_u.checkpoints), (1, 3));
    let report = saver.apply_retention(keep_last(2));
    assert_eq!(report, planned);
    assert_eq!((report.threads, report.checkpoints), (2, 4));
    assert_eq!(saver.apply_retention(keep_last(2)).threads, 0);
    saver.reopen();
    assert_eq!(saver.ids(ListQuery::of("t", "")), [&*t[4], &*t[3]]);
    assert_eq!(saver.ids(ListQuery::of("u", "")).len(), 4);
    for (thread, ids) in [("t", &t), ("u", &u)] {
        let found = saver.get(thread, "", &ids[3]).unwrap();
        assert_eq!(values(&found), json!({"first": 1, "step": 4}));
    }
    saver.set_retention("u", None);
    saver.apply_retention(keep_last(1));
    saver.reopen();
    assert_eq!(saver.ids(ListQuery::of("u", "")), [&*u[4]]);
}

pub(crate) fn a_policy_goes_with_its_thread_and_not_with_a_copy(saver: &mut Saver) {
    history(saver, "t", 2);
    saver.set_retention("t", Some(keep_last(1)));
    saver.copy("t", "u");
    saver.reopen();
    assert_eq!(saver.retention("u"), None);
    // Times are whole microseconds from the beginning on, not only once they were read again.
    let told = |nanos| RetentionPolicy {
        older_than: Some(Duration::from_nanos(nanos)),
        ..RetentionPolicy::default()
    };
    saver.set_retention("t", Some(told(1_500_999)));
    assert_eq!(saver.retention("t"), Some(told(1_500_000)));
    saver.reopen();
    assert_eq!(saver.retention("t"), Some(told(1_500_000)));
    saver.delete("t");
    saver.reopen();
    assert_eq!(saver.retention("t"), None);
}

pub(crate) fn what_is_old_goes_but_for_the_latest_ones(saver: &mut Saver) {
    let ids = history(saver, "t", 5);
    let mut policy = RetentionPolicy {
        older_than: Some(HOUR),
        ..keep_last(3)
    };
    assert_eq!(saver.apply_retention(policy).checkpoints, 0);
    policy.older_than = Some(Duration::ZERO);
    assert_eq!(saver.apply_retention(policy).checkpoints, 2);
    policy.keep_last = None;
    assert_eq!(saver.apply_retention(policy).checkpoints, 2);
    saver.reopen();
    assert_eq!(saver.ids(ListQuery::of("t", "")), [&*ids[4]]);
    assert_eq!(saver.apply_retention(RetentionPolicy::default()).threads, 0);
}

pub(crate) fn an_idle_thread_is_deleted_unless_it_has_a_tag(saver: &mut Saver) {
    for thread in ["t", "u"] {
        let ids = history(saver, thread, 2);
        saver.put_writes(writes(&ids[1], "p", "t", &[("x", json!(1))]));
        if thread == "u" {
            let tag = Tag {
                thread: thread.into(),
                namespace: String::new(),
                name: "good".into(),
                checkpoint_id: ids[0].clone(),
            };
            saver.tag(tag).unwrap();
        }
    }
    let idle = |idle| RetentionPolicy {
        idle: Some(idle),
        ..RetentionPolicy::default()
    };
    assert_eq!(saver.apply_retention(idle(HOUR)).threads, 0);
    let planned = saver.retention_dry_run(idle(Duration::ZERO));
    let report = saver.apply_retention(idle(Duration::ZERO));
    assert_eq!(report, planned);
    assert_eq!((report.threads, report.deleted_threads), (1, 1));
    assert!(report.bytes > 0);
    saver.reopen();
    assert_eq!(saver.latest("t", ""), None);
    assert_eq!(saver.ids(ListQuery::of("u", "")).len(), 2);
}

pub(crate) fn a_long_thread_goes_in_portions(saver: &mut Saver) {
    let ids = history(saver, "t", 1_500);
    let planned = saver.retention_dry_run(keep_last(3));
    let report = saver.apply_retention(keep_last(3));
    assert_eq!(report, planned);
    assert_eq!((report.threads, report.checkpoints), (1, 1_497));
    saver.reopen();
    for step in [1498, 1499, 1500] {
        let found = saver.get("t", "", &ids[step - 1]).unwrap();
        assert_eq!(values(&found), json!({"first": 1, "step": step}));
    }
    assert_eq!(saver.ids(ListQuery::of("t", "")).len(), 3);
}

pub(crate) fn a_thread_that_is_being_run_is_passed_over(saver: &mut Saver) {
    // Another handle of the same checkpoints knows of it too: that of a graph.
    history(saver, "t", 3);
    let busy = saver.busy("t");
    assert_eq!(saver.retention_dry_run(keep_last(1)).threads, 0);
    assert_eq!(saver.apply_retention(keep_last(1)).threads, 0);
    drop(busy);
    assert_eq!(saver.apply_retention(keep_last(1)).checkpoints, 2);
}

pub(crate) fn threads_are_pruned_by_the_names_that_langgraph_has(saver: &mut Saver) {
    for thread in ["t", "u"] {
        history(saver, thread, 3);
    }
    for (thread, strategy, gone) in [("t", "keep_latest", 2), ("u", "delete", 3)] {
        let report = saver.prune_threads(thread, strategy.parse().unwrap());
        assert_eq!((report.threads, report.checkpoints), (1, gone));
        assert_eq!(report.deleted_threads, u64::from(strategy == "delete"));
    }
    saver.reopen();
    assert_eq!(saver.ids(ListQuery::of("t", "")).len(), 1);
    assert_eq!(saver.ids(ListQuery::of("u", "")).len(), 0);
    assert!("keep".parse::<PruneStrategy>().is_err());
}

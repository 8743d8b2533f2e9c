//! Pending writes.

use std::collections::BTreeMap;

use serde_json::json;
use stepwell::checkpoint::CheckpointIds;

use crate::samples::{With, checkpoint, pending, writes};
use crate::saver::Saver;

pub(crate) fn writes_come_sorted_by_path_task_and_index(saver: &mut Saver) {
    saver.put(checkpoint("1", None));
    saver.put_writes(writes("1", "q", "a", &[("x", json!(1)), ("y", json!(2))]));
    saver.put_writes(writes(
        "1",
        "p",
        "c",
        &[("x", json!(3)), ("__resume__", json!(4))],
    ));
    saver.put_writes(writes("1", "p", "b", &[("x", json!(5))]));
    saver.reopen();
    assert_eq!(
        pending(&saver.latest("t", "").unwrap()),
        json!([
            ["p", "b", 0, "x", 5],
            ["p", "c", -4, "__resume__", 4],
            ["p", "c", 0, "x", 3],
            ["q", "a", 0, "x", 1],
            ["q", "a", 1, "y", 2],
        ])
    );
}

pub(crate) fn of_ordinary_writes_with_one_key_the_first_stays(saver: &mut Saver) {
    saver.put(checkpoint("1", None));
    saver.put_writes(writes("1", "p", "t", &[("x", json!("first"))]));
    saver.reopen();
    saver.put_writes(writes(
        "1",
        "q",
        "t",
        &[("y", json!("second")), ("y", json!("new"))],
    ));
    saver.reopen();
    assert_eq!(
        pending(&saver.latest("t", "").unwrap()),
        json!([["p", "t", 0, "x", "first"], ["q", "t", 1, "y", "new"]])
    );
}

pub(crate) fn special_writes_replace(saver: &mut Saver) {
    saver.put(checkpoint("1", None));
    let special = ["__error__", "__scheduled__", "__interrupt__", "__resume__"];
    for round in ["old", "new"] {
        for channel in special {
            saver.put_writes(writes("1", "p", "t", &[(channel, json!(round))]));
        }
        saver.reopen();
    }
    assert_eq!(
        pending(&saver.latest("t", "").unwrap()),
        json!([
            ["p", "t", -4, "__resume__", "new"],
            ["p", "t", -3, "__interrupt__", "new"],
            ["p", "t", -2, "__scheduled__", "new"],
            ["p", "t", -1, "__error__", "new"],
        ])
    );
}

pub(crate) fn special_and_ordinary_writes_of_one_call_are_told_apart(saver: &mut Saver) {
    saver.put(checkpoint("1", None));
    for round in ["first", "second"] {
        let both = [("__error__", json!(round)), ("x", json!(round))];
        saver.put_writes(writes("1", "p", "t", &both));
    }
    saver.reopen();
    assert_eq!(
        pending(&saver.latest("t", "").unwrap()),
        json!([
            ["p", "t", -1, "__error__", "second"],
            ["p", "t", 1, "x", "first"]
        ])
    );
}

pub(crate) fn writes_may_come_before_their_checkpoint(saver: &mut Saver) {
    saver.put_writes(writes("1", "p", "t", &[("x", json!(1))]));
    saver.reopen();
    assert_eq!(saver.latest("t", ""), None);
    saver.put(checkpoint("1", None));
    saver.reopen();
    let found = saver.latest("t", "").unwrap();
    assert_eq!(pending(&found), json!([["p", "t", 0, "x", 1]]));
}

pub(crate) fn writes_may_come_after_the_successor(saver: &mut Saver) {
    saver.put(checkpoint("1", None));
    saver.put(checkpoint("2", Some("1")));
    saver.put_writes(writes("1", "p", "t", &[("x", json!(1))]));
    saver.reopen();
    let old = saver.get("t", "", "1").unwrap();
    assert_eq!(pending(&old), json!([["p", "t", 0, "x", 1]]));
    assert_eq!(pending(&saver.latest("t", "").unwrap()), json!([]));
}

pub(crate) fn writes_belong_to_one_checkpoint_of_one_namespace(saver: &mut Saver) {
    saver.put(checkpoint("1", None));
    let mut elsewhere = writes("1", "p", "t", &[("x", json!(1))]);
    elsewhere.namespace = "n".into();
    saver.put_writes(elsewhere.clone());
    elsewhere.namespace = String::new();
    elsewhere.thread = "u".into();
    saver.put_writes(elsewhere);
    saver.reopen();
    assert_eq!(pending(&saver.latest("t", "").unwrap()), json!([]));
}

pub(crate) fn a_call_without_writes_changes_nothing(saver: &mut Saver) {
    saver.put(checkpoint("1", None));
    saver.put_writes(writes("1", "p", "t", &[]));
    saver.reopen();
    assert_eq!(pending(&saver.latest("t", "").unwrap()), json!([]));
}

/// Ids that tell when they were made, so that it is known of some that they have no writes.
pub(crate) fn writes_are_found_whenever_their_checkpoint_was_made(saver: &mut Saver) {
    let ids = CheckpointIds::new();
    let mut made: Vec<String> = Vec::new();
    for step in 0..6 {
        made.push(ids.next(made.last().map(String::as_str), step));
    }
    let mut threads = BTreeMap::from([("t", BTreeMap::new())]);
    let mut random = 7_usize;
    for step in 0..90 {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        let dice = random >> 33;
        if step == 30 {
            saver.copy("t", "u");
            threads.insert("u", threads["t"].clone());
        }
        let thread = ["t", "u"][dice % threads.len()];
        let known: &mut BTreeMap<String, usize> = threads.get_mut(thread).unwrap();
        let id = &made[dice / 2 % made.len()];
        if let Some(count) = known.get_mut(id) {
            let mut put = writes(id, "p", &format!("{count:03}"), &[("x", json!(step))]);
            put.thread = thread.into();
            saver.put_writes(put);
            *count += 1;
        } else {
            saver.put(checkpoint(id, None).in_thread(thread));
            known.insert(id.clone(), 0);
        }
        if step % 10 == 9 {
            saver.reopen();
        }
        for (thread, known) in &threads {
            let count = |id: &String| saver.get(thread, "", id).unwrap().pending_writes.len();
            let found: BTreeMap<_, _> = known.keys().map(|id| (id.clone(), count(id))).collect();
            assert_eq!(&found, known);
            let latest = saver.latest(thread, "");
            let latest = latest.map(|latest| latest.pending_writes.len());
            assert_eq!(latest.as_ref(), known.values().next_back());
        }
    }
}

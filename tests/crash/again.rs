//! Checkpoints that were put again, and others on them, before any of it is acknowledged.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use stepwell::Encoded;
use stepwell::checkpoint::{ChannelVersion, Checkpoint, Metadata, PutCheckpoint, Source};
use stepwell::db::{Compression, Durability};
use stepwell::testing::SimFs;

use crate::contents::Contents;
use crate::operation::{Operation, Put};
use crate::run::{Run, Setup};

/// A checkpoint with these channels, of which those with `*` have changed.
fn put(namespace: &str, id: &str, parent: Option<&str>, channels: &[(&str, u64, Value)]) -> Put {
    let mut checkpoint = Checkpoint {
        id: id.into(),
        ..Checkpoint::default()
    };
    let mut new_versions = BTreeMap::new();
    for (channel, version, value) in channels {
        let (name, version) = (
            channel.trim_start_matches('*'),
            ChannelVersion::Int(*version),
        );
        if channel.starts_with('*') {
            new_versions.insert(name.into(), version.clone());
        }
        checkpoint.channel_versions.insert(name.into(), version);
        if !value.is_null() {
            checkpoint
                .channel_values
                .insert(name.into(), Encoded::json(value));
        }
    }
    checkpoint.versions_seen = [("node".into(), checkpoint.channel_versions.clone())].into();
    Put {
        whole: PutCheckpoint {
            thread: "0".into(),
            namespace: namespace.into(),
            parent_id: parent.map(str::to_owned),
            checkpoint,
            metadata: Metadata::new(Source::Loop, 0),
            appended: BTreeMap::new(),
            new_versions,
        },
        appended: None,
        items: Vec::new(),
    }
}

fn text(of: &str) -> Value {
    json!(of.repeat(100))
}

/// Checkpoints in other namespaces, of which each has one.
fn elsewhere(count: u64) -> Vec<Put> {
    let other = |number| put(&format!("namespace {number}"), "other", None, &[]);
    (0..count).map(other).collect()
}

fn opened(hot_bytes: usize) -> Run {
    let setup = Setup {
        durability: Durability::Sync,
        segment_bytes: 1 << 20,
        index_bytes: 1 << 20,
        hot_bytes,
        compression: Compression::None,
    };
    let mut run = Run::new(SimFs::new(1), setup);
    run.open().unwrap();
    run
}

fn go(run: &mut Run, put: &Put, wait: bool) {
    let put = Operation::Put(Box::new(put.clone()));
    run.run(&put, wait).unwrap();
}

/// Everything is acknowledged as the model has it, and there.
fn check(run: &mut Run) {
    run.wait().unwrap();
    let found = Contents::of(run.open_db().unwrap()).unwrap();
    let difference = found.difference(run.contents());
    assert!(found == *run.contents(), "{difference}");
}

/// `between` are put after each of the others.
fn child_follows(hot_bytes: usize, between: &[Put]) {
    let mut run = opened(hot_bytes);
    let [a, b, c, d] = ["a", "b", "c", "d"].map(text);
    let mut go = |put: &Put, wait| go(&mut run, put, wait);
    let list = json!([a, b, c]);
    go(
        &put(
            "",
            "1",
            None,
            &[
                ("*list", 1, list),
                ("*same", 1, c.clone()),
                ("*gone", 1, a.clone()),
                ("*other", 1, b.clone()),
            ],
        ),
        true,
    );
    let again = [
        ("*list", 2, json!([d])),
        ("*same", 2, d.clone()),
        ("*new", 2, b.clone()),
        ("*other", 1, c.clone()),
    ];
    go(&put("", "1", None, &again), false);
    between.iter().for_each(|put| go(put, false));
    let children = [
        // A list that is appended to, and what is inherited.
        (
            "2",
            vec![
                ("*list", 3, json!([d, a])),
                ("same", 2, Value::Null),
                ("new", 2, Value::Null),
                ("other", 1, Value::Null),
            ],
        ),
        // What is much as the former one, and what it had at that version.
        (
            "3",
            vec![
                ("*list", 3, json!([a, b, c, d])),
                ("same", 1, d.clone()),
                ("gone", 1, a.clone()),
                ("other", 1, a.clone()),
            ],
        ),
        // What is equal to the former one's, and what nobody has.
        (
            "4",
            vec![
                ("*list", 3, json!([a, b, c])),
                ("same", 2, a.clone()),
                ("other", 1, Value::Null),
                ("gone", 3, b.clone()),
            ],
        ),
    ];
    for (id, channels) in children {
        let mut child = put("", id, Some("1"), &channels);
        child.appended = (id == "2").then(|| vec![Encoded::json(&a)]);
        go(&child, false);
        between.iter().for_each(|put| go(put, false));
    }
    check(&mut run);
}

#[test]
fn a_child_follows_its_parent_as_it_was_put_last() {
    let memory = 1 << 20;
    child_follows(memory, &[]);
    // The thread is forgotten.
    child_follows(0, &[]);
    // Another checkpoint is the last one.
    child_follows(memory, &[put("", "other", None, &[])]);
    // The namespace is forgotten.
    child_follows(memory, &elsewhere(17));
    child_follows(0, &elsewhere(17));
}

/// A checkpoint is put again and refused, since its parent went with the thread's deletion, which may not be known yet.
fn refused_again(hot_bytes: usize, wait_for_deletion: bool, between: &[Put]) {
    let mut run = opened(hot_bytes);
    let [a, b, c, d] = ["a", "b", "c", "d"].map(text);
    let list = |list: &[&Value]| json!(list);
    go(
        &mut run,
        &put("", "0", None, &[("*list", 1, list(&[&a]))]),
        true,
    );
    let delete = |run: &mut Run, wait| run.run(&Operation::Delete("0".into()), wait).unwrap();
    let first = put(
        "",
        "1",
        None,
        &[("*list", 2, list(&[&b, &c])), ("*same", 2, c.clone())],
    );
    if wait_for_deletion {
        delete(&mut run, true);
        go(&mut run, &first, true);
    } else {
        go(&mut run, &first, true);
        delete(&mut run, false);
        go(&mut run, &first, false);
    }
    let again = [("*list", 3, list(&[&d])), ("*same", 3, d.clone())];
    go(&mut run, &put("", "1", Some("0"), &again), false);
    between.iter().for_each(|put| go(&mut run, put, false));
    let mut child = put(
        "",
        "2",
        Some("1"),
        &[("*list", 4, list(&[&b, &c, &a])), ("same", 2, Value::Null)],
    );
    child.appended = Some(vec![Encoded::json(&a)]);
    go(&mut run, &child, false);
    between.iter().for_each(|put| go(&mut run, put, false));
    let inherits = [("list", 4, Value::Null), ("same", 2, Value::Null)];
    go(&mut run, &put("", "3", Some("2"), &inherits), false);
    check(&mut run);
}

#[test]
fn a_child_follows_its_parent_as_it_was_before_it_was_refused() {
    for wait_for_deletion in [true, false] {
        for hot_bytes in [1 << 20, 0] {
            refused_again(hot_bytes, wait_for_deletion, &[]);
            refused_again(hot_bytes, wait_for_deletion, &[put("", "other", None, &[])]);
            refused_again(hot_bytes, wait_for_deletion, &elsewhere(17));
        }
    }
}

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

/// `between` are put after each of the others.
fn child_follows(hot_bytes: usize, between: &[Put]) {
    let setup = Setup {
        durability: Durability::Sync,
        segment_bytes: 1 << 20,
        index_bytes: 1 << 20,
        hot_bytes,
        compression: Compression::None,
    };
    let mut run = Run::new(SimFs::new(1), setup);
    run.open().unwrap();
    let [a, b, c, d] = ["a", "b", "c", "d"].map(text);
    let mut go = |put: &Put, wait| {
        run.run(&Operation::Put(Box::new(put.clone())), wait)
            .unwrap()
    };
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
    run.wait().unwrap();
    let found = Contents::of(run.open_db().unwrap()).unwrap();
    let difference = found.difference(run.contents());
    assert!(found == *run.contents(), "{difference}");
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

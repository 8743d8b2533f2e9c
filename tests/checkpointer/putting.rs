//! Putting and getting checkpoints.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use stepwell::Encoded;
use stepwell::checkpoint::{
    ChannelVersion, Checkpoint, CheckpointError, CheckpointTuple, ListQuery, Metadata,
    PutCheckpoint, Source,
};

use crate::samples::{With, checkpoint, pending, values, writes};
use crate::saver::Saver;

pub(crate) fn a_checkpoint_comes_back_as_it_was_put(saver: &mut Saver) {
    let channel_versions: BTreeMap<_, _> = [
        ("bytes".into(), ChannelVersion::Int(u64::MAX)),
        ("list".into(), ChannelVersion::Text("00.1".into())),
    ]
    .into();
    let put = PutCheckpoint {
        thread: "t".into(),
        namespace: "child:1".into(),
        parent_id: Some("0".into()),
        checkpoint: Checkpoint {
            id: "1".into(),
            ts: "2026-11-21T01:02:03.000004+00:00".into(),
            channel_values: [
                ("bytes".into(), Encoded::new("python+aes", vec![0, 255, 7])),
                ("list".into(), Encoded::json(&json!([1, {"a": null}]))),
            ]
            .into(),
            channel_versions: channel_versions.clone(),
            versions_seen: [
                ("node".into(), channel_versions.clone()),
                ("__input__".into(), [].into()),
            ]
            .into(),
            updated_channels: Some(vec!["list".into()]),
        },
        metadata: Metadata {
            parents: [(String::new(), "9".to_owned())].into(),
            ..Metadata::new(Source::Fork, -1)
        },
        appended: [].into(),
        new_versions: channel_versions,
    };
    saver.put(put.clone());
    saver.reopen();
    let expected = CheckpointTuple {
        thread: put.thread,
        namespace: put.namespace,
        checkpoint: put.checkpoint,
        metadata: put.metadata,
        parent_id: put.parent_id,
        pending_writes: vec![],
    };
    assert_eq!(saver.get("t", "child:1", "1"), Some(expected.clone()));
    assert_eq!(saver.latest("t", "child:1"), Some(expected.clone()));
    assert_eq!(saver.list(ListQuery::default()), [expected]);
}

pub(crate) fn what_was_never_put_is_none(saver: &mut Saver) {
    assert_eq!(saver.latest("t", ""), None);
    saver.put(checkpoint("1", None));
    saver.reopen();
    assert_eq!(saver.get("t", "", "2"), None);
    assert_eq!(saver.latest("t", "other"), None);
    assert_eq!(saver.latest("other", ""), None);
    assert!(saver.list(ListQuery::of("other", "")).is_empty());
}

pub(crate) fn the_greatest_id_is_the_latest(saver: &mut Saver) {
    for id in ["3", "1", "2", "10"] {
        saver.put(checkpoint(id, None));
    }
    saver.reopen();
    assert_eq!(saver.latest("t", "").unwrap().checkpoint.id, "3");
}

pub(crate) fn the_latest_is_that_of_now_however_often_it_was_asked_for(saver: &mut Saver) {
    let latest = |saver: &Saver, thread: &str, namespace: &str| {
        let asked = [(); 3].map(|()| saver.latest(thread, namespace));
        assert_eq!(asked[0], asked[1]);
        assert_eq!(asked[1], asked[2]);
        let found = asked.into_iter().flatten().next();
        found.map(|found| json!([found.checkpoint.id, values(&found), pending(&found)]))
    };
    let one = || checkpoint("2", None).changed("a", 1, json!("one"));
    let first = json!(["2", {"a": "one"}, []]);
    assert_eq!(latest(saver, "t", ""), None);
    for thread in ["t", "u"] {
        saver.put(one().in_thread(thread));
        assert_eq!(latest(saver, thread, ""), Some(first.clone()));
    }
    let empty = |id| Some(json!([id, {}, []]));
    for namespace in ["a", "b", "c", "d", "e"] {
        saver.put(checkpoint("1", None).in_namespace(namespace));
        assert_eq!(latest(saver, "t", namespace), empty("1"));
    }
    saver.put(checkpoint("2", Some("1")).in_namespace("a"));
    for (namespace, id) in [("e", "1"), ("a", "2"), ("b", "1"), ("a", "2")] {
        assert_eq!(latest(saver, "t", namespace), empty(id));
    }
    saver.put_writes(writes("2", "p", "task", &[("x", json!(1))]));
    let written = json!(["2", {"a": "one"}, [["p", "task", 0, "x", 1]]]);
    assert_eq!(latest(saver, "t", ""), Some(written.clone()));
    assert_eq!(latest(saver, "u", ""), Some(first.clone()));
    saver.copy("t", "copy");
    assert_eq!(latest(saver, "copy", ""), Some(written.clone()));
    saver.put(checkpoint("1", None));
    assert_eq!(latest(saver, "t", ""), Some(written.clone()));
    saver.put(checkpoint("3", Some("2")).unchanged("a", 1));
    let last = json!(["3", {"a": "one"}, []]);
    assert_eq!(latest(saver, "t", ""), Some(last.clone()));
    saver.put(checkpoint("3", Some("2")).changed("a", 2, json!("other")));
    let replaced = json!(["3", {"a": "other"}, []]);
    assert_eq!(latest(saver, "t", ""), Some(replaced.clone()));
    assert_eq!(latest(saver, "copy", ""), Some(written.clone()));
    saver.delete("t");
    assert_eq!(latest(saver, "t", ""), None);
    assert_eq!(latest(saver, "copy", ""), Some(written.clone()));
    saver.reopen();
    for (thread, expected) in [("t", None), ("u", Some(first)), ("copy", Some(written))] {
        assert_eq!(latest(saver, thread, ""), expected);
    }
}

pub(crate) fn threads_and_namespaces_are_apart(saver: &mut Saver) {
    saver.put(checkpoint("1", None).changed("a", 1, json!("root")));
    saver.put(
        checkpoint("1", None)
            .in_namespace("n")
            .changed("a", 1, json!("child")),
    );
    saver.put(
        checkpoint("1", None)
            .in_thread("u")
            .changed("a", 1, json!("other")),
    );
    saver.put(checkpoint("2", Some("1")).in_thread("u").unchanged("a", 1));
    saver.reopen();
    assert_eq!(
        values(&saver.latest("t", "").unwrap()),
        json!({"a": "root"})
    );
    assert_eq!(
        values(&saver.latest("t", "n").unwrap()),
        json!({"a": "child"})
    );
    assert_eq!(
        values(&saver.latest("u", "").unwrap()),
        json!({"a": "other"})
    );
}

pub(crate) fn unchanged_channels_are_inherited_from_the_parent(saver: &mut Saver) {
    saver.put(
        checkpoint("1", None)
            .changed("a", 1, json!("a1"))
            .changed("b", 1, json!("b1")),
    );
    saver.reopen();
    saver.put(
        checkpoint("2", Some("1"))
            .unchanged("a", 1)
            .changed("b", 2, json!("b2")),
    );
    saver.put(
        checkpoint("3", Some("2"))
            .unchanged("a", 1)
            .unchanged("b", 2),
    );
    saver.reopen();
    let all: Vec<_> = saver
        .list(ListQuery::default())
        .iter()
        .map(values)
        .collect();
    assert_eq!(
        all,
        [
            json!({"a": "a1", "b": "b2"}),
            json!({"a": "a1", "b": "b2"}),
            json!({"a": "a1", "b": "b1"}),
        ]
    );
}

pub(crate) fn a_fork_inherits_from_its_parent_and_not_from_its_sibling(saver: &mut Saver) {
    saver.put(checkpoint("1", None).changed("a", 1, json!("base")));
    saver.put(checkpoint("2", Some("1")).changed("a", 2, json!("left")));
    saver.put(checkpoint("3", Some("1")).changed("a", 2, json!("right")));
    saver.put(checkpoint("4", Some("2")).unchanged("a", 2));
    saver.put(checkpoint("5", Some("3")).unchanged("a", 2));
    saver.put(checkpoint("6", Some("1")).unchanged("a", 1));
    saver.reopen();
    for (id, value) in [("4", "left"), ("5", "right"), ("6", "base")] {
        assert_eq!(
            values(&saver.get("t", "", id).unwrap()),
            json!({"a": value})
        );
    }
}

pub(crate) fn a_channel_that_its_parent_does_not_have_resolves_to_the_newest_value_of_its_version(
    saver: &mut Saver,
) {
    saver.put(checkpoint("1", None).changed("a", 1, json!("old")));
    saver.put(checkpoint("2", None).changed("a", 1, json!("new")));
    saver.put(checkpoint("3", None).changed("a", 2, json!("other")));
    saver.reopen();
    saver.put(checkpoint("4", None).unchanged("a", 1));
    saver.put(checkpoint("5", Some("missing")).unchanged("a", 1));
    saver.put(checkpoint("6", Some("3")).unchanged("a", 1));
    saver.reopen();
    for id in ["4", "5", "6"] {
        assert_eq!(
            values(&saver.get("t", "", id).unwrap()),
            json!({"a": "new"})
        );
    }
}

pub(crate) fn a_value_that_nothing_resolves_is_taken_from_the_put(saver: &mut Saver) {
    saver.put(checkpoint("1", None).carried("a", 1, json!("given")));
    saver.put(checkpoint("2", Some("missing")).carried("b", 1, json!("given too")));
    saver.put(
        checkpoint("3", Some("2"))
            .carried("c", 1, json!("third"))
            .unchanged("b", 1),
    );
    saver.reopen();
    saver.put(checkpoint("4", None).unchanged("a", 1).unchanged("c", 1));
    saver.reopen();
    let get = |id| values(&saver.get("t", "", id).unwrap());
    assert_eq!(get("1"), json!({"a": "given"}));
    assert_eq!(get("2"), json!({"b": "given too"}));
    assert_eq!(get("3"), json!({"b": "given too", "c": "third"}));
    assert_eq!(get("4"), json!({"a": "given", "c": "third"}));
}

pub(crate) fn a_given_value_does_not_replace_an_inherited_one(saver: &mut Saver) {
    saver.put(checkpoint("1", None).changed("a", 1, json!("kept")));
    saver.put(checkpoint("2", Some("1")).carried("a", 1, json!("ignored")));
    saver.put(checkpoint("3", None).carried("a", 1, json!("given")));
    saver.reopen();
    for (id, value) in [("1", "kept"), ("2", "kept"), ("3", "given")] {
        assert_eq!(
            values(&saver.get("t", "", id).unwrap()),
            json!({"a": value})
        );
    }
}

pub(crate) fn a_changed_channel_without_a_value_is_cleared(saver: &mut Saver) {
    saver.put(checkpoint("1", None).changed("a", 1, json!("there")));
    saver.put(checkpoint("2", Some("1")).cleared("a", 2));
    saver.reopen();
    let cleared = saver.latest("t", "").unwrap().checkpoint;
    assert!(cleared.channel_values.is_empty());
    assert_eq!(cleared.channel_versions["a"], ChannelVersion::Int(2));
}

/// Adds a list that grew.
fn grown(put: PutCheckpoint, channel: &str, version: u64, by: &[Value]) -> PutCheckpoint {
    let mut put = put.cleared(channel, version);
    let by = by.iter().map(Encoded::json).collect();
    put.appended.insert(channel.into(), by);
    put
}

pub(crate) fn a_list_that_grew_is_that_of_the_parent_and_what_was_appended(saver: &mut Saver) {
    let first = checkpoint("1", None).changed("a", 1, json!([{"a": "]"}]));
    saver.put(first.changed("b", 1, json!([])));
    let next = |id: &str, parent| checkpoint(id, Some(parent));
    saver.put(grown(next("2", "1"), "a", 2, &[json!(null), json!([1])]).unchanged("b", 1));
    saver.reopen();
    // Each grows from its parent, and not from the newest.
    saver.put(grown(
        grown(next("3", "1"), "a", 2, &[json!("x")]),
        "b",
        2,
        &[],
    ));
    saver.put(grown(next("4", "2"), "b", 2, &[json!(0.5), json!("y")]).unchanged("a", 2));
    saver.reopen();
    let expected = [
        ("2", json!({"a": [{"a": "]"}, null, [1]], "b": []})),
        ("3", json!({"a": [{"a": "]"}, "x"], "b": []})),
        ("4", json!({"a": [{"a": "]"}, null, [1]], "b": [0.5, "y"]})),
    ];
    for (id, expected) in expected {
        assert_eq!(values(&saver.get("t", "", id).unwrap()), expected);
    }
}

pub(crate) fn a_list_that_the_parent_does_not_have_cannot_grow(saver: &mut Saver) {
    let first = checkpoint("1", None).changed("map", 1, json!({}));
    saver.put(first.changed("list", 1, json!([])).cleared("none", 1));
    for (parent, channel) in [("1", "map"), ("1", "none"), ("1", "other"), ("0", "list")] {
        let put = grown(checkpoint("2", Some(parent)), channel, 2, &[json!(1)]);
        let error = saver.try_put(put).unwrap_err();
        let named = |named: &str| named == channel;
        assert!(
            matches!(&error, CheckpointError::NothingToAppendTo { channel, .. } if named(channel)),
            "{error}"
        );
    }
    assert_eq!(saver.get("t", "", "2"), None);
}

pub(crate) fn a_cleared_channel_stays_cleared_in_the_next_checkpoint(saver: &mut Saver) {
    saver.put(checkpoint("1", None).changed("a", 1, json!("left")));
    saver.put(checkpoint("2", None).cleared("a", 1));
    saver.put(checkpoint("3", None).changed("a", 1, json!("right")));
    saver.put(checkpoint("4", Some("2")).unchanged("a", 1));
    saver.put(checkpoint("5", Some("2")).carried("a", 1, json!("ignored")));
    saver.reopen();
    for id in ["2", "4", "5"] {
        assert_eq!(values(&saver.get("t", "", id).unwrap()), json!({}));
    }
}

pub(crate) fn a_version_that_nothing_resolves_has_no_value(saver: &mut Saver) {
    saver.put(checkpoint("1", None).unchanged("a", 7));
    saver.put(checkpoint("2", Some("1")).unchanged("a", 7));
    saver.put(checkpoint("3", Some("2")).carried("a", 7, json!("at last")));
    saver.put(checkpoint("4", Some("2")).unchanged("a", 7));
    saver.put(checkpoint("5", None).unchanged("a", 7));
    saver.reopen();
    for (id, expected) in [
        ("2", json!({})),
        ("3", json!({"a": "at last"})),
        ("4", json!({})),
        ("5", json!({"a": "at last"})),
    ] {
        assert_eq!(values(&saver.get("t", "", id).unwrap()), expected);
    }
}

pub(crate) fn a_second_put_of_an_id_replaces_it_and_keeps_its_writes(saver: &mut Saver) {
    saver.put(
        checkpoint("1", None)
            .changed("a", 1, json!("first"))
            .changed("b", 1, json!(1)),
    );
    saver.put_writes(writes("1", "p", "t", &[("a", json!(1))]));
    saver.put(checkpoint("1", None).changed("a", 1, json!("second")));
    saver.reopen();
    let found = saver.list(ListQuery::default());
    assert_eq!(found.len(), 1);
    assert_eq!(values(&found[0]), json!({"a": "second"}));
    assert_eq!(pending(&found[0]), json!([["p", "t", 0, "a", 1]]));
}

pub(crate) fn children_keep_what_they_inherited_when_their_parent_is_replaced(saver: &mut Saver) {
    saver.put(checkpoint("1", None).changed("a", 1, json!("first")));
    saver.put(checkpoint("2", Some("1")).unchanged("a", 1));
    saver.put(checkpoint("1", None).changed("a", 1, json!("second")));
    saver.put(checkpoint("3", Some("1")).unchanged("a", 1));
    saver.reopen();
    assert_eq!(
        values(&saver.get("t", "", "2").unwrap()),
        json!({"a": "first"})
    );
    assert_eq!(
        values(&saver.get("t", "", "3").unwrap()),
        json!({"a": "second"})
    );
}

pub(crate) fn text_versions_come_back_as_text(saver: &mut Saver) {
    let version = ChannelVersion::Text("00000000000000000000000000000002.0.5".into());
    let mut put = checkpoint("1", None).changed("a", 1, json!("x"));
    put.checkpoint
        .channel_versions
        .insert("a".into(), version.clone());
    put.new_versions.insert("a".into(), version.clone());
    saver.put(put.clone());
    put.checkpoint.id = "2".into();
    put.checkpoint.channel_values.clear();
    put.parent_id = Some("1".into());
    put.new_versions.clear();
    saver.put(put);
    saver.reopen();
    let found = saver.latest("t", "").unwrap();
    assert_eq!(found.checkpoint.channel_versions["a"], version);
    assert_eq!(values(&found), json!({"a": "x"}));
}

pub(crate) fn any_text_serves_as_a_name(saver: &mut Saver) {
    let odd = ["", "\0", "ü/日本", "a.b|c:1", "'; --"];
    for name in odd {
        let put = checkpoint(name, Some(name))
            .in_thread(name)
            .in_namespace(name);
        saver.put(put.changed(name, 1, json!(name)));
    }
    saver.reopen();
    for name in odd {
        let found = saver.get(name, name, name).unwrap();
        assert_eq!(values(&found), json!({name: name}));
        assert_eq!(found.parent_id.as_deref(), Some(name));
    }
}

pub(crate) fn metadata_comes_back_as_it_was_put(saver: &mut Saver) {
    let extra = json!({"run": "r", "n": 1.5, "nested": {"list": [null]}, "big": u64::MAX});
    let rich = Metadata {
        parents: [("a".to_owned(), "b".to_owned())].into(),
        extra: extra.as_object().unwrap().clone(),
        ..Metadata::new(Source::Update, i64::MIN)
    };
    // Another implementation's words that look like ours.
    let foreign = json!({"source": "elsewhere", "step": "one", "parents": ["a"]});
    let foreign = Metadata {
        extra: foreign.as_object().unwrap().clone(),
        ..Metadata::default()
    };
    let half_foreign = Metadata {
        extra: [("parents".to_owned(), json!({"a": 1}))]
            .into_iter()
            .collect(),
        ..Metadata::new(Source::Loop, 1)
    };
    let all = [rich, Metadata::default(), foreign, half_foreign];
    for (id, metadata) in ["1", "2", "3", "4"].into_iter().zip(all) {
        let mut put = checkpoint(id, None);
        put.metadata = metadata.clone();
        saver.put(put);
        saver.reopen();
        assert_eq!(saver.get("t", "", id).unwrap().metadata, metadata);
    }
}

pub(crate) fn metadata_that_say_a_field_twice_are_refused(saver: &mut Saver) {
    saver.put(checkpoint("1", None));
    let said = |name: &str, value: Value| -> serde_json::Map<String, Value> {
        [(name.to_owned(), value)].into_iter().collect()
    };
    let parents = Metadata {
        parents: [("a".to_owned(), "b".to_owned())].into(),
        ..Metadata::default()
    };
    let twice = [
        (Metadata::default(), "source", json!("loop")),
        (Metadata::new(Source::Loop, 1), "source", json!("elsewhere")),
        (Metadata::default(), "step", json!(1)),
        (Metadata::new(Source::Loop, 1), "step", json!("one")),
        (Metadata::default(), "parents", json!({"a": "b"})),
        (parents, "parents", json!(["a"])),
    ];
    for (metadata, field, value) in twice {
        let mut put = checkpoint("2", Some("1"));
        put.metadata = Metadata {
            extra: said(field, value),
            ..metadata
        };
        let error = saver.try_put(put).unwrap_err();
        let CheckpointError::SaidTwice {
            thread,
            checkpoint,
            name,
        } = &error
        else {
            panic!("{error}");
        };
        assert_eq!((&**thread, &**checkpoint, *name), ("t", "2", field));
    }
    saver.reopen();
    assert_eq!(saver.latest("t", "").unwrap().checkpoint.id, "1");
}

//! Listing checkpoints.

use serde_json::{Value, json};
use stepwell::checkpoint::{ListQuery, Metadata, Source};

use crate::samples::{With, checkpoint, pending, values, writes};
use crate::saver::Saver;

/// Checkpoints `0` … `4` of thread `t`.
fn five(saver: &Saver) {
    let sources = [
        Source::Input,
        Source::Loop,
        Source::Loop,
        Source::Update,
        Source::Loop,
    ];
    for (step, source) in (0_i64..).zip(sources) {
        let mut put = checkpoint(&step.to_string(), None).changed("n", 1, json!(step));
        put.metadata = Metadata::new(source, step);
        let by = if step == 2 { json!("ada") } else { json!(null) };
        put.metadata.extra.insert("by".into(), by);
        saver.put(put);
    }
}

fn of_t() -> ListQuery {
    ListQuery::of("t", "")
}

fn filtered(filter: Value) -> ListQuery {
    ListQuery {
        filter: filter.as_object().unwrap().clone(),
        ..of_t()
    }
}

pub(crate) fn a_list_is_newest_first(saver: &mut Saver) {
    five(saver);
    saver.put(checkpoint("9", None).in_namespace("n"));
    saver.reopen();
    assert_eq!(saver.ids(of_t()), ["4", "3", "2", "1", "0"]);
    assert_eq!(saver.ids(ListQuery::of("t", "n")), ["9"]);
}

pub(crate) fn the_latest_of_each_thread_are_listed(saver: &mut Saver) {
    five(saver);
    saver.put(checkpoint("2", None).in_thread("u"));
    saver.put(checkpoint("1", None).in_thread("u"));
    saver.put(checkpoint("7", None).in_thread("v").in_namespace("n"));
    saver.put(checkpoint("9", None).in_thread("gone"));
    saver.delete("gone");
    saver.reopen();
    assert_eq!(
        saver.latest_of_each(""),
        [("t", "4"), ("u", "2")].map(owned)
    );
    assert_eq!(saver.latest_of_each("n"), [("v", "7")].map(owned));
    assert!(saver.latest_of_each("other").is_empty());
}

fn owned((thread, id): (&str, &str)) -> (String, String) {
    (thread.to_owned(), id.to_owned())
}

pub(crate) fn a_list_without_a_thread_is_newest_first_over_all(saver: &mut Saver) {
    for (id, thread, namespace) in [
        ("1", "a", ""),
        ("4", "a", ""),
        ("2", "b", ""),
        ("3", "a", "n"),
        ("5", "b", "n"),
        ("4", "b", ""),
    ] {
        saver.put(
            checkpoint(id, None)
                .in_thread(thread)
                .in_namespace(namespace),
        );
    }
    saver.reopen();
    let places = |query| -> Vec<_> {
        let list = saver.list(query).into_iter();
        list.map(|t| (t.checkpoint.id, t.thread, t.namespace))
            .collect()
    };
    let place = |id: &str, t: &str, n: &str| (id.to_owned(), t.to_owned(), n.to_owned());
    assert_eq!(
        places(ListQuery::default()),
        [
            place("5", "b", "n"),
            place("4", "a", ""),
            place("4", "b", ""),
            place("3", "a", "n"),
            place("2", "b", ""),
            place("1", "a", ""),
        ]
    );
    let namespace = ListQuery {
        namespace: Some("n".into()),
        ..ListQuery::default()
    };
    assert_eq!(
        places(namespace),
        [place("5", "b", "n"), place("3", "a", "n")]
    );
    let thread = ListQuery {
        thread: Some("a".into()),
        before: Some("4".into()),
        ..ListQuery::default()
    };
    assert_eq!(places(thread), [place("3", "a", "n"), place("1", "a", "")]);
}

pub(crate) fn a_list_is_limited_by_id_count_and_metadata(saver: &mut Saver) {
    five(saver);
    saver.reopen();
    let before = |id: &str| ListQuery {
        before: Some(id.into()),
        ..of_t()
    };
    assert_eq!(saver.ids(before("2")), ["1", "0"]);
    assert_eq!(saver.ids(before("0")), [""; 0]);
    assert_eq!(saver.ids(before("~")).len(), 5);
    let limit = |limit| ListQuery {
        limit: Some(limit),
        ..of_t()
    };
    assert_eq!(saver.ids(limit(2)), ["4", "3"]);
    assert_eq!(saver.ids(limit(0)), [""; 0]);
    assert_eq!(saver.ids(limit(9)).len(), 5);
    assert_eq!(
        saver.ids(filtered(json!({"source": "loop"}))),
        ["4", "2", "1"]
    );
    assert_eq!(
        saver.ids(filtered(json!({"source": "loop", "step": 2}))),
        ["2"]
    );
    assert_eq!(saver.ids(filtered(json!({"by": "ada"}))), ["2"]);
    assert_eq!(saver.ids(filtered(json!({"by": "bob"}))), [""; 0]);
    assert_eq!(saver.ids(filtered(json!({"unknown": 1}))), [""; 0]);
}

pub(crate) fn metadata_of_another_kind_than_usual_is_found_by_its_value(saver: &mut Saver) {
    let mut put = checkpoint("1", None);
    let extra = json!({
        "source": "batch", "step": "one", "parents": ["a"], "score": 1.0, "n": [2, {"x": 3}],
    });
    put.metadata.source = None;
    put.metadata.step = None;
    put.metadata.extra = extra.as_object().unwrap().clone();
    saver.put(put);
    saver.put(checkpoint("2", Some("1")));
    saver.reopen();
    for (filter, found) in [
        (json!({"source": "batch"}), &["1"][..]),
        (json!({"source": "loop"}), &["2"]),
        (json!({"source": "fork"}), &[]),
        (json!({"step": "one"}), &["1"]),
        (json!({"step": 1.0}), &["2"]),
        (json!({"parents": ["a"]}), &["1"]),
        (json!({"score": 1}), &["1"]),
        (json!({"score": 1.0, "source": "batch"}), &["1"]),
        (json!({"score": true}), &[]),
        (json!({"n": [2.0, {"x": 3.0}]}), &["1"]),
    ] {
        assert_eq!(saver.ids(filtered(filter.clone())), found, "{filter}");
    }
}

pub(crate) fn the_limit_counts_what_the_filter_lets_through(saver: &mut Saver) {
    five(saver);
    saver.reopen();
    let query = ListQuery {
        limit: Some(2),
        before: Some("4".into()),
        ..filtered(json!({"source": "loop"}))
    };
    assert_eq!(saver.ids(query), ["2", "1"]);
}

pub(crate) fn a_list_does_not_see_what_is_written_after_the_call(saver: &mut Saver) {
    five(saver);
    saver.put_writes(writes("4", "p", "t", &[("x", json!(1))]));
    let before = saver.list(of_t());
    let stream = saver.stream(of_t());
    saver.put(checkpoint("5", None));
    saver.put(checkpoint("3", None).changed("n", 1, json!("replaced")));
    saver.put_writes(writes("4", "p", "u", &[("x", json!(2))]));
    saver.put_writes(writes("2", "p", "u", &[("x", json!(2))]));
    assert_eq!(Saver::collect(stream), before);
    assert_ne!(saver.list(of_t()), before);
}

pub(crate) fn a_list_has_pending_writes_and_values(saver: &mut Saver) {
    five(saver);
    saver.put_writes(writes("3", "p", "t", &[("x", json!(1))]));
    saver.reopen();
    let list = saver.list(of_t());
    assert_eq!(pending(&list[0]), json!([]));
    assert_eq!(pending(&list[1]), json!([["p", "t", 0, "x", 1]]));
    let all: Vec<_> = list.iter().map(values).collect();
    assert_eq!(
        json!(all),
        json!([{"n": 4}, {"n": 3}, {"n": 2}, {"n": 1}, {"n": 0}])
    );
}

pub(crate) fn a_list_survives_the_deletion_of_its_thread(saver: &mut Saver) {
    five(saver);
    saver.reopen();
    let before = saver.list(of_t());
    let stream = saver.stream(of_t());
    saver.delete("t");
    assert!(saver.list(of_t()).is_empty());
    assert_eq!(Saver::collect(stream), before);
}

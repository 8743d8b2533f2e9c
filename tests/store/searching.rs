//! Searching items.

use serde_json::{Value, json};
use stepwell::store::{Filter, Search};

use crate::kept::Kept;

pub(crate) fn a_search_finds_items_below_a_prefix_of_whole_labels(store: &mut Kept) {
    for (key, namespace) in [
        &["docs"][..],
        &["docs", "a"],
        &["docs", "a", "b"],
        &["docsx"],
        &["e"],
    ]
    .into_iter()
    .enumerate()
    {
        store.put(namespace, &key.to_string(), json!({}));
    }
    store.reopen();
    assert_eq!(store.keys(Search::new(&["docs"])), ["0", "1", "2"]);
    assert_eq!(store.keys(Search::new(&["docs", "a"])), ["1", "2"]);
    assert_eq!(store.keys(Search::new(&["doc"])), [""; 0]);
    assert_eq!(store.keys(Search::new(&[])), ["0", "1", "2", "3", "4"]);
    assert_eq!(store.keys(Search::new(&["docs", "a", "b", "c"])), [""; 0]);
}

pub(crate) fn items_are_found_in_the_order_in_which_their_keys_were_first_put(store: &mut Kept) {
    for (namespace, key) in [("b", "2"), ("a", "9"), ("b", "1"), ("a", "0")] {
        store.put(&["p", namespace], key, json!(0));
    }
    store.put(&["p", "b"], "2", json!("again"));
    store.reopen();
    store.put(&["p", "c"], "5", json!(0));
    store.put(&["p", "a"], "9", json!("again"));
    store.reopen();
    assert_eq!(store.keys(Search::new(&["p"])), ["2", "9", "1", "0", "5"]);
}

pub(crate) fn a_search_is_paged_after_filtering(store: &mut Kept) {
    for i in 0..5 {
        store.put(&["p"], &format!("k{i}"), json!({"i": i}));
    }
    store.reopen();
    let page = |limit, offset| Search::new(&["p"]).limit(limit).offset(offset);
    assert_eq!(store.keys(page(2, 0)), ["k0", "k1"]);
    assert_eq!(store.keys(page(2, 2)), ["k2", "k3"]);
    assert_eq!(store.keys(page(2, 4)), ["k4"]);
    assert_eq!(store.keys(page(2, 5)), [""; 0]);
    assert_eq!(store.keys(page(0, 0)), [""; 0]);
    let filter = Filter::from_json(&json!({"i": {"$gte": 1}})).unwrap();
    assert_eq!(store.keys(page(2, 1).filter(filter)), ["k2", "k3"]);
}

pub(crate) fn a_search_finds_ten_items_unless_told_otherwise(store: &mut Kept) {
    for i in 0..12 {
        store.put(&["p"], &i.to_string(), json!(i));
    }
    store.reopen();
    assert_eq!(store.keys(Search::new(&["p"])).len(), 10);
    assert_eq!(store.keys(Search::new(&["p"]).limit(usize::MAX)).len(), 12);
}

pub(crate) fn filters_select_by_value(store: &mut Kept) {
    for (namespace, key, value) in [
        (
            "a",
            "1",
            json!({"kind": "note", "score": 5, "tags": ["x", "y"], "meta": {"lang": "en", "len": 10}}),
        ),
        (
            "a",
            "2",
            json!({"kind": "note", "score": 7.5, "tags": ["x"], "meta": {"lang": "fr", "len": 20}}),
        ),
        (
            "b",
            "3",
            json!({"kind": "mail", "score": 5, "tags": ["x", "y"], "meta": {"lang": "en"}}),
        ),
    ] {
        store.put(&["docs", namespace], key, value);
    }
    store.put(&["other"], "4", json!({"kind": "note", "score": 5}));
    store.reopen();
    let table: [(Value, &[&str]); 14] = [
        (json!({"kind": "note"}), &["1", "2"]),
        (json!({"score": 5}), &["1", "3"]),
        (json!({"score": {"$gt": 5}}), &["2"]),
        (json!({"score": {"$gte": 5}}), &["1", "2", "3"]),
        (json!({"score": {"$lt": 7.5}}), &["1", "3"]),
        (json!({"score": {"$lte": 7.5, "$gt": 5}}), &["2"]),
        (json!({"kind": {"$ne": "note"}}), &["3"]),
        (
            json!({"kind": {"$eq": "note"}, "score": {"$lt": 6}}),
            &["1"],
        ),
        (json!({"meta": {"lang": "en"}}), &["1", "3"]),
        (json!({"tags": ["x", "y"]}), &["1", "3"]),
        (json!({"tags": ["x"]}), &["2"]),
        (json!({"missing": null}), &["1", "2", "3"]),
        (json!({"missing": 1}), &[]),
        (json!({"missing": {"$gt": 1}}), &[]),
    ];
    for (filter, keys) in table {
        assert_eq!(store.matching(&["docs"], filter.clone()), keys, "{filter}");
    }
    let nested = json!({"meta": {"len": {"$gte": 20}}, "kind": "note"});
    assert_eq!(store.matching(&["docs", "a"], nested), ["2"]);
}

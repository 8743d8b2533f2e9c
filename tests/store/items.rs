//! Putting, getting and deleting items.

use std::thread::sleep;
use std::time::{Duration, SystemTime};

use serde_json::json;
use stepwell::store::{ListNamespaces, Search, StoreError};

use crate::kept::Kept;

pub(crate) fn an_item_comes_back_as_it_was_put(store: &mut Kept) {
    let before = SystemTime::now() - Duration::from_micros(1);
    let value = json!({"city": "San Francisco", "n": [1, 2.5, null]});
    store.put(&["user-123", "facts"], "location", value.clone());
    let after = SystemTime::now();
    store.reopen();
    let item = store.get(&["user-123", "facts"], "location").unwrap();
    assert_eq!(item.namespace, ["user-123", "facts"]);
    assert_eq!(item.key, "location");
    assert_eq!(item.value, value);
    assert!(before <= item.created_at && item.created_at <= after);
    assert_eq!(item.created_at, item.updated_at);
    assert_eq!(store.search(Search::new(&[])), [item]);
}

pub(crate) fn a_missing_item_is_none(store: &mut Kept) {
    store.put(&["a"], "k", json!(1));
    store.reopen();
    assert_eq!(store.get(&["a"], "other"), None);
    assert_eq!(store.get(&["b"], "k"), None);
    assert_eq!(store.get(&["a", "b"], "k"), None);
}

pub(crate) fn a_second_put_replaces_the_value_and_keeps_the_time_of_creation(store: &mut Kept) {
    store.put(&["a"], "k", json!({"city": "Oslo"}));
    let first = store.get(&["a"], "k").unwrap();
    sleep(Duration::from_millis(1));
    store.put(&["a"], "k", json!({"country": "NO"}));
    store.reopen();
    let second = store.get(&["a"], "k").unwrap();
    assert_eq!(second.value, json!({"country": "NO"}));
    assert_eq!(second.created_at, first.created_at);
    assert!(second.updated_at > first.updated_at);
}

pub(crate) fn a_deleted_item_is_gone_and_deleting_it_twice_is_no_error(store: &mut Kept) {
    store.put(&["a"], "k", json!(1));
    store.put(&["a"], "l", json!(2));
    store.delete(&["a"], "k");
    store.reopen();
    store.delete(&["a"], "k");
    store.delete(&["never"], "k");
    assert_eq!(store.get(&["a"], "k"), None);
    assert_eq!(store.keys(Search::new(&["a"])), ["l"]);
}

pub(crate) fn an_item_put_after_its_deletion_is_new(store: &mut Kept) {
    store.put(&["a"], "k", json!(1));
    store.put(&["a"], "l", json!(2));
    let old = store.get(&["a"], "k").unwrap();
    store.delete(&["a"], "k");
    sleep(Duration::from_millis(1));
    store.put(&["a"], "k", json!(3));
    store.reopen();
    let new = store.get(&["a"], "k").unwrap();
    assert!(new.created_at > old.created_at);
    assert_eq!(store.keys(Search::new(&["a"])), ["l", "k"]);
}

pub(crate) fn items_of_different_namespaces_are_apart(store: &mut Kept) {
    for namespace in [&["a"][..], &["a", "b"], &["b"]] {
        store.put(namespace, "k", json!(namespace));
    }
    store.delete(&["a"], "k");
    store.reopen();
    assert_eq!(store.get(&["a"], "k"), None);
    assert_eq!(
        store.get(&["a", "b"], "k").unwrap().value,
        json!(["a", "b"])
    );
    assert_eq!(store.get(&["b"], "k").unwrap().value, json!(["b"]));
}

pub(crate) fn any_json_and_any_text_is_kept(store: &mut Kept) {
    let values = [
        json!(null),
        json!("x"),
        json!([]),
        json!({}),
        json!(1e300),
        json!(u64::MAX),
    ];
    for (value, name) in values.iter().zip(["\0", "ü", "日本", " ", "*", "/"]) {
        store.put(&[name, name], name, value.clone());
    }
    store.put(&["a"], "", json!(0));
    store.reopen();
    for (value, name) in values.iter().zip(["\0", "ü", "日本", " ", "*", "/"]) {
        assert_eq!(&store.get(&[name, name], name).unwrap().value, value);
    }
    assert_eq!(store.get(&["a"], "").unwrap().value, json!(0));
}

pub(crate) fn an_invalid_namespace_is_refused_on_put_and_empty_otherwise(store: &mut Kept) {
    for namespace in [&[][..], &["a", ""], &["a.b"], &["langgraph", "x"]] {
        let refused = store.try_put(namespace, "k", json!(1));
        assert!(matches!(refused, Err(StoreError::InvalidNamespace { .. })));
        assert_eq!(store.get(namespace, "k"), None);
        store.delete(namespace, "k");
    }
    store.reopen();
    assert!(store.namespaces(ListNamespaces::default()).is_empty());
}

//! Listing namespaces.

use serde_json::json;
use stepwell::store::ListNamespaces;

use crate::kept::Kept;

fn query(prefix: &[&str], suffix: &[&str]) -> ListNamespaces {
    ListNamespaces {
        prefix: prefix.iter().map(ToString::to_string).collect(),
        suffix: suffix.iter().map(ToString::to_string).collect(),
        ..ListNamespaces::default()
    }
}

pub(crate) fn namespaces_are_sorted_selected_cut_and_paged(store: &mut Kept) {
    for namespace in [
        &["users", "u2", "prefs"][..],
        &["users", "u1", "prefs"],
        &["users", "u1", "facts", "old"],
        &["docs"],
        &["docs", "prefs"],
    ] {
        store.put(namespace, "k", json!(1));
        store.put(namespace, "l", json!(2));
    }
    store.reopen();
    let (all, facts, u1, u2) = (
        &[][..],
        "users/u1/facts/old",
        "users/u1/prefs",
        "users/u2/prefs",
    );
    assert_eq!(
        store.namespaces(query(all, all)),
        ["docs", "docs/prefs", facts, u1, u2]
    );
    assert_eq!(store.namespaces(query(&["users"], all)), [facts, u1, u2]);
    assert_eq!(
        store.namespaces(query(all, &["prefs"])),
        ["docs/prefs", u1, u2]
    );
    assert_eq!(
        store.namespaces(query(&["users", "*", "prefs"], all)),
        [u1, u2]
    );
    assert_eq!(store.namespaces(query(&["users"], &["prefs"])), [u1, u2]);
    assert_eq!(store.namespaces(query(all, &["facts", "*"])), [facts]);
    assert_eq!(store.namespaces(query(&["nope"], all)), [""; 0]);
    let depth = |depth| ListNamespaces {
        max_depth: Some(depth),
        ..ListNamespaces::default()
    };
    assert_eq!(
        store.namespaces(depth(2)),
        ["docs", "docs/prefs", "users/u1", "users/u2"]
    );
    assert_eq!(store.namespaces(depth(1)), ["docs", "users"]);
    let page = |limit, offset| ListNamespaces {
        limit,
        offset,
        ..ListNamespaces::default()
    };
    assert_eq!(store.namespaces(page(2, 0)), ["docs", "docs/prefs"]);
    assert_eq!(store.namespaces(page(2, 2)), [facts, u1]);
}

pub(crate) fn a_namespace_without_items_is_not_listed(store: &mut Kept) {
    store.put(&["a"], "k", json!(1));
    store.put(&["b"], "k", json!(1));
    store.delete(&["a"], "k");
    store.reopen();
    assert_eq!(store.namespaces(ListNamespaces::default()), ["b"]);
}

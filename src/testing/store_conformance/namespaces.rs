//! Listing namespaces.

use serde_json::json;

pub(super) use super::default_options as options;
use super::failure::Outcome;
use super::used::Used;
use crate::store::ListNamespaces;

fn owned(labels: &[&str]) -> Vec<String> {
    labels.iter().map(ToString::to_string).collect()
}

fn query(prefix: &[&str], suffix: &[&str]) -> ListNamespaces {
    ListNamespaces {
        prefix: owned(prefix),
        suffix: owned(suffix),
        ..ListNamespaces::default()
    }
}

pub(super) fn namespaces_are_sorted_selected_cut_and_paged(store: &mut Used<'_>) -> Outcome {
    for namespace in [
        &["users", "u2", "prefs"][..],
        &["users", "u1", "prefs"],
        &["users", "u1", "facts", "old"],
        &["docs"],
        &["docs", "prefs"],
    ] {
        store.put(namespace, "k", json!(1))?;
        store.put(namespace, "l", json!(2))?;
    }
    store.reopen();
    let (all, facts, u1, u2) = (
        &[][..],
        "users/u1/facts/old",
        "users/u1/prefs",
        "users/u2/prefs",
    );
    let listed = |prefix: &[&str], suffix: &[&str]| store.namespaces(query(prefix, suffix));
    same!(listed(all, all)?, ["docs", "docs/prefs", facts, u1, u2]);
    same!(listed(&["users"], all)?, [facts, u1, u2]);
    same!(listed(all, &["prefs"])?, ["docs/prefs", u1, u2]);
    same!(listed(&["users", "*", "prefs"], all)?, [u1, u2]);
    same!(listed(&["*", "u1"], all)?, [facts, u1]);
    same!(listed(&["users"], &["prefs"])?, [u1, u2]);
    same!(listed(all, &["facts", "*"])?, [facts]);
    same!(listed(&["nope"], all)?, [""; 0]);
    same!(listed(&["user"], all)?, [""; 0]);
    let depth = |depth| ListNamespaces {
        max_depth: Some(depth),
        ..ListNamespaces::default()
    };
    same!(
        store.namespaces(depth(2))?,
        ["docs", "docs/prefs", "users/u1", "users/u2"]
    );
    same!(store.namespaces(depth(1))?, ["docs", "users"]);
    let page = |limit, offset| ListNamespaces {
        limit,
        offset,
        ..ListNamespaces::default()
    };
    same!(store.namespaces(page(2, 0))?, ["docs", "docs/prefs"]);
    same!(store.namespaces(page(2, 2))?, [facts, u1]);
    Ok(())
}

pub(super) fn a_namespace_without_items_is_not_listed(store: &mut Used<'_>) -> Outcome {
    store.put(&["a"], "k", json!(1))?;
    store.put(&["b"], "k", json!(1))?;
    store.delete(&["a"], "k")?;
    store.reopen();
    same!(store.namespaces(ListNamespaces::default())?, ["b"]);
    Ok(())
}

pub(super) fn a_place_to_look_within_has_no_wildcards(store: &mut Used<'_>) -> Outcome {
    for namespace in [&["*", "x"][..], &["a", "x"], &["*", "x", "y"], &["*"]] {
        store.put(namespace, "k", json!(1))?;
    }
    store.reopen();
    let within = |labels: &[&str]| ListNamespaces {
        within: owned(labels),
        ..ListNamespaces::default()
    };
    same!(store.namespaces(within(&["*"]))?, ["*", "*/x", "*/x/y"]);
    let deep = ListNamespaces {
        prefix: owned(&["x"]),
        max_depth: Some(1),
        ..within(&["*"])
    };
    same!(store.namespaces(deep)?, ["*/x"]);
    let suffix = ListNamespaces {
        suffix: owned(&["*", "x"]),
        ..within(&["*"])
    };
    same!(store.namespaces(suffix)?, [""; 0]);
    Ok(())
}

//! Stores seen from within a namespace.

use std::sync::Arc;

use serde_json::json;

pub(super) use super::default_options as options;
use super::failure::Outcome;
use super::used::Used;
use crate::store::{BlockingStore, ListNamespaces, Op, Order, Scoped, Search, StoreError};

pub(super) fn a_scope_neither_reads_nor_writes_outside_of_its_prefix(
    store: &mut Used<'_>,
) -> Outcome {
    store.put(&["t", "1", "a"], "mine", json!(1))?;
    store.put(&["t", "10", "a"], "other", json!(2))?;
    store.put(&["t"], "above", json!(3))?;
    let scope = Scoped::new(store.shared(), &["t", "1"]);
    let scope = BlockingStore::new(Arc::new(scope));
    scope.put(&["a", "b"], "within", json!(4))?;
    scope.batch(vec![
        Op::delete(&["t"], "above"),
        Op::delete(&["t", "10", "a"], "other"),
    ])?;
    let all = Search::new(&[]).order(Order::Key);
    let keys = |search: Search| {
        let found = scope.search(search)?.into_iter();
        Ok::<Vec<_>, StoreError>(
            found
                .map(|item| (item.namespace.join("/"), item.key))
                .collect(),
        )
    };
    let [mine, within] = [("a", "mine"), ("a/b", "within")]
        .map(|(namespace, key)| (namespace.to_owned(), key.to_owned()));
    same!(keys(all.clone())?, [mine.clone(), within.clone()]);
    same!(keys(Search::new(&["t"]))?.len(), 0);
    same!(scope.count(all.clone())?, 2);
    holds!(scope.get(&["t", "1", "a"], "mine")?.is_none());
    let namespaces = scope.list_namespaces(ListNamespaces::default())?;
    same!(namespaces, [vec!["a"], vec!["a", "b"]]);
    let first = scope.page(all.clone().limit(1))?;
    let next = first.next.map(|next| scope.page(all.after(next)));
    let next = next.transpose()?.map(|page| page.items).unwrap_or_default();
    same!(next.first().map(|item| &item.key), Some(&within.1));
    same!(scope.history(&["a"], "mine")?.versions.len(), 1);
    let refused = scope.put(&["langgraph"], "k", json!(1));
    holds!(matches!(refused, Err(StoreError::InvalidNamespace { .. })));
    holds!(scope.put(&[], "k", json!(1)).is_err());
    drop(scope);
    store.reopen();
    let whole = Search::new(&[]).order(Order::Key);
    same!(store.keys(whole)?, ["above", "mine", "within", "other"]);
    same!(
        store.there(&["t", "1", "a", "b"], "within")?.value,
        json!(4)
    );
    Ok(())
}

pub(super) fn labels_are_compared_whole(store: &mut Used<'_>) -> Outcome {
    let namespaces = [
        &["a"][..],
        &["a", "b"],
        &["a/b"],
        &["ab"],
        &["a\u{1}"],
        &["a", "bc"],
        &["A"],
        &["ä"],
        &["a\u{308}"],
    ];
    for namespace in namespaces {
        store.put(namespace, "k", json!({"of": namespace}))?;
    }
    store.reopen();
    for namespace in namespaces {
        same!(store.there(namespace, "k")?.value, json!({"of": namespace}));
        let below = namespaces.iter().filter(|of| of.starts_with(namespace));
        let below = below.count();
        same!(
            (namespace, store.keys(Search::new(namespace))?.len()),
            (namespace, below)
        );
        let count = usize::try_from(store.count(Search::new(namespace))?).ok();
        same!((namespace, count), (namespace, Some(below)));
        let query = ListNamespaces {
            prefix: namespace.iter().map(ToString::to_string).collect(),
            ..ListNamespaces::default()
        };
        same!(
            (namespace, store.namespaces(query)?.len()),
            (namespace, below)
        );
    }
    store.delete(&["a"], "k")?;
    same!(store.count(Search::new(&["a"]))?, 2);
    same!(store.count(Search::new(&[]))?, 8);
    Ok(())
}

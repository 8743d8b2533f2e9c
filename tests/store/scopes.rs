//! A store seen from within a namespace.

use futures::executor::block_on;
use serde_json::json;
use stepwell::store::{ListNamespaces, MemoryStore, Op, Order, Search, Store, StoreError};

use crate::backend::Backend;
use crate::check;
use crate::database::Database;

#[test]
fn a_scope_does_what_stores_do_but_for_rules_by_whole_namespace() {
    // Options know whole namespaces, so the suite's do not fit here.
    let is_about_options = |name: &str| {
        let rules = [
            "the_put_and_the_longest_prefix",
            "reading_refreshes",
            "what_is_not_kept",
            "a_query",
            "a_put_says",
            "an_embedder",
            "both_rankings",
        ];
        rules.iter().any(|start| name.starts_with(start))
    };
    for backend in [Backend::Memory, Backend::Database] {
        check(backend, true, is_about_options);
    }
}

#[test]
fn what_is_outside_of_a_scope_is_out_of_reach() {
    let database = Database::default();
    let store = database.db().store();
    let memory = MemoryStore::new();
    reach(&store, &store.scope(&["t", "1"]));
    reach(&memory, &memory.scope(&["t", "1"]));
}

fn reach(all: &dyn Store, one: &dyn Store) {
    let put = |store: &dyn Store, namespace: &[&str], key: &str| {
        block_on(store.put(namespace, key, json!(key))).unwrap();
    };
    put(all, &["t", "1", "a"], "mine");
    put(all, &["t", "10", "a"], "other");
    put(all, &["t"], "above");
    put(one, &["a", "b"], "within");
    let keys = |store: &dyn Store| -> Vec<String> {
        let search = Search::new(&[]).order(Order::Key);
        let items = block_on(store.search(search)).unwrap();
        items.into_iter().map(|item| item.key).collect()
    };
    assert_eq!(keys(one), ["mine", "within"]);
    assert_eq!(keys(all), ["above", "mine", "within", "other"]);
    let within = block_on(one.get(&["a", "b"], "within")).unwrap().unwrap();
    assert_eq!(within.namespace, ["a", "b"]);
    let whole = block_on(all.get(&["t", "1", "a", "b"], "within")).unwrap();
    assert_eq!(whole.unwrap().value, within.value);
    assert_eq!(block_on(one.get(&["t", "1", "a"], "mine")).unwrap(), None);
    let namespaces = block_on(one.list_namespaces(ListNamespaces::default())).unwrap();
    assert_eq!(namespaces, [vec!["a"], vec!["a", "b"]]);
    block_on(one.batch(vec![
        Op::delete(&["a"], "mine"),
        Op::delete(&["t"], "above"),
    ]))
    .unwrap();
    assert_eq!(keys(all), ["above", "within", "other"]);
    // The rules hold for what is seen.
    for namespace in [&[][..], &["langgraph"], &["."]] {
        let refused = block_on(one.put(namespace, "k", json!(1)));
        assert!(matches!(refused, Err(StoreError::InvalidNamespace { .. })));
    }
    assert!(one.database().is_none());
}

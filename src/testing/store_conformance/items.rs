//! Putting, getting and deleting.

use std::time::SystemTime;

use serde_json::json;

pub(super) use super::default_options as options;
use super::failure::Outcome;
use super::used::{Used, wait};
use crate::store::{IndexedFields, ItemHistory, ListNamespaces, Order, Put, Search, StoreError};
use crate::vfs::{Host, OsHost};

pub(super) fn an_item_comes_back_as_it_was_put(store: &mut Used<'_>) -> Outcome {
    let before = OsHost.system_time();
    wait(0);
    let value = json!({"city": "San Francisco", "since": 2019.5, "tags": ["a", null]});
    store.put(&["user-123", "facts"], "location", value.clone())?;
    wait(0);
    let after = OsHost.system_time();
    store.reopen();
    let item = store.there(&["user-123", "facts"], "location")?;
    same!(item.namespace, ["user-123", "facts"]);
    same!(item.key, "location");
    same!(item.value, value);
    holds!(before <= item.created_at && item.created_at <= after);
    same!(item.created_at, item.updated_at);
    same!(item.expires_at, None::<SystemTime>);
    same!(store.search(Search::new(&[]))?, [item]);
    Ok(())
}

pub(super) fn a_missing_item_is_none(store: &mut Used<'_>) -> Outcome {
    store.put(&["a"], "k", json!(1))?;
    store.reopen();
    holds!(store.get(&["a"], "other")?.is_none());
    holds!(store.get(&["b"], "k")?.is_none());
    holds!(store.get(&["a", "b"], "k")?.is_none());
    Ok(())
}

pub(super) fn a_second_put_replaces_the_value_and_keeps_the_time_of_creation(
    store: &mut Used<'_>,
) -> Outcome {
    store.put(&["a"], "k", json!({"city": "Oslo"}))?;
    let first = store.there(&["a"], "k")?;
    wait(0);
    store.put(&["a"], "k", json!({"country": "NO"}))?;
    store.reopen();
    let second = store.there(&["a"], "k")?;
    same!(second.value, json!({"country": "NO"}));
    same!(second.created_at, first.created_at);
    holds!(second.updated_at > first.updated_at);
    Ok(())
}

pub(super) fn a_deleted_item_is_gone_and_deleting_it_twice_is_no_error(
    store: &mut Used<'_>,
) -> Outcome {
    store.put(&["a"], "k", json!(1))?;
    store.put(&["a"], "l", json!(2))?;
    store.delete(&["a"], "k")?;
    store.reopen();
    store.delete(&["a"], "k")?;
    store.delete(&["never"], "k")?;
    holds!(store.get(&["a"], "k")?.is_none());
    same!(store.keys(Search::new(&["a"]))?, ["l"]);
    Ok(())
}

pub(super) fn an_item_put_after_its_deletion_is_new(store: &mut Used<'_>) -> Outcome {
    store.put(&["a"], "k", json!(1))?;
    store.put(&["a"], "l", json!(2))?;
    let old = store.there(&["a"], "k")?;
    store.delete(&["a"], "k")?;
    wait(0);
    store.put(&["a"], "k", json!(3))?;
    store.reopen();
    holds!(store.there(&["a"], "k")?.created_at > old.created_at);
    let search = Search::new(&["a"]).order(Order::Created);
    same!(store.keys(search)?, ["l", "k"]);
    Ok(())
}

pub(super) fn items_of_different_namespaces_are_apart(store: &mut Used<'_>) -> Outcome {
    for namespace in [&["a"][..], &["a", "b"], &["b"]] {
        store.put(namespace, "k", json!(namespace))?;
    }
    store.delete(&["a"], "k")?;
    store.reopen();
    holds!(store.get(&["a"], "k")?.is_none());
    same!(store.there(&["a", "b"], "k")?.value, json!(["a", "b"]));
    same!(store.there(&["b"], "k")?.value, json!(["b"]));
    Ok(())
}

pub(super) fn any_json_and_any_text_is_kept(store: &mut Used<'_>) -> Outcome {
    let values = [
        json!(null),
        json!("x"),
        json!([]),
        json!({}),
        json!(1e300),
        json!(u64::MAX),
    ];
    for (value, name) in values.iter().zip(["\u{1}", "ü", "日本", " ", "*", "/"]) {
        store.put(&[name, name], name, value.clone())?;
    }
    store.put(&["a"], "", json!(0))?;
    store.put(&["a"], "\0", json!(1))?;
    store.reopen();
    same!(store.there(&["a"], "\0")?.value, json!(1));
    for (value, name) in values.iter().zip(["\u{1}", "ü", "日本", " ", "*", "/"]) {
        same!(&store.there(&[name, name], name)?.value, value);
        same!(store.keys(Search::new(&[name]))?, [name]);
    }
    same!(store.there(&["a"], "")?.value, json!(0));
    Ok(())
}

pub(super) fn an_invalid_namespace_is_refused_on_put_and_empty_otherwise(
    store: &mut Used<'_>,
) -> Outcome {
    // What these would be with their labels joined.
    store.put(&["a", "b"], "k", json!(0))?;
    store.put(&["a"], "k", json!(0))?;
    for namespace in [
        &[][..],
        &["a", ""],
        &["", "a"],
        &["a.b"],
        &["a\0"],
        &["langgraph", "x"],
    ] {
        let refused = store.put(namespace, "k", json!(1));
        holds!(matches!(refused, Err(StoreError::InvalidNamespace { .. })));
        holds!(store.get(namespace, "k")?.is_none());
        if let Ok(history) = store.history(ItemHistory::new(namespace, "k")) {
            holds!(history.versions.is_empty());
        }
        holds!(namespace.is_empty() || store.search(Search::new(namespace))?.is_empty());
        store.delete(namespace, "k")?;
    }
    store.reopen();
    let namespaces = store.namespaces(ListNamespaces::default())?;
    same!(namespaces, ["a", "a/b"]);
    Ok(())
}

pub(super) fn an_item_is_found_whichever_of_its_fields_are_in_the_index(
    store: &mut Used<'_>,
) -> Outcome {
    let value = json!({"n": 1, "s": "x", "deep": {"er": [true]}});
    let all = [
        IndexedFields::All,
        IndexedFields::NONE,
        IndexedFields::Only(vec!["n".into(), "nothing".into()]),
    ];
    for (number, fields) in all.into_iter().enumerate() {
        let put = Put::new(&["p"], number.to_string(), value.clone());
        store.put_with(put.index(fields))?;
    }
    store.reopen();
    for filter in [
        json!({"n": 1}),
        json!({"s": "x"}),
        json!({"n": {"$gt": 0}, "s": {"$lt": "y"}}),
        json!({"deep.er": {"$contains": true}}),
        json!({"nothing": null}),
    ] {
        same!(store.matching(&["p"], &filter)?, ["0", "1", "2"]);
    }
    Ok(())
}

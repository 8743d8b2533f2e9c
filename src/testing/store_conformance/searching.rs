//! Searching items.

use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};

pub(super) use super::default_options as options;
use super::failure::{Failure, Outcome};
use super::used::{Used, wait};
use crate::store::{BlockingStore, Cursor, Filter, Item, Order, Search, StoreError};

pub(super) fn a_search_finds_items_below_a_prefix_of_whole_labels(store: &mut Used<'_>) -> Outcome {
    let namespaces = [
        &["docs"][..],
        &["docs", "a"],
        &["docs", "a", "b"],
        &["docsx"],
        &["e"],
    ];
    for (key, namespace) in namespaces.into_iter().enumerate() {
        store.put(namespace, &key.to_string(), json!({}))?;
    }
    store.reopen();
    let all = json!({});
    same!(store.matching(&["docs"], &all)?, ["0", "1", "2"]);
    same!(store.matching(&["docs", "a"], &all)?, ["1", "2"]);
    same!(store.matching(&["doc"], &all)?, [""; 0]);
    same!(store.matching(&[], &all)?, ["0", "1", "2", "3", "4"]);
    same!(store.matching(&["docs", "a", "b", "c"], &all)?, [""; 0]);
    Ok(())
}

/// Puts items one after the other.
fn put_each(store: &Used<'_>, items: &[(&str, &str)]) -> Result<(), StoreError> {
    for (namespace, key) in items {
        store.put(&["p", namespace], key, json!({"at": key}))?;
        wait(0);
    }
    Ok(())
}

pub(super) fn items_are_found_newest_update_first(store: &mut Used<'_>) -> Outcome {
    put_each(store, &[("b", "2"), ("a", "9"), ("b", "1"), ("b", "2")])?;
    store.reopen();
    put_each(store, &[("c", "5"), ("a", "9")])?;
    store.reopen();
    same!(store.keys(Search::new(&["p"]))?, ["9", "5", "2", "1"]);
    Ok(())
}

pub(super) fn items_are_found_in_the_order_that_is_asked_for(store: &mut Used<'_>) -> Outcome {
    put_each(store, &[("b", "2"), ("a", "9"), ("b", "1"), ("b", "2")])?;
    store.put(&["p"], "z", json!({"at": "z"}))?;
    store.reopen();
    let in_order = |order| store.keys(Search::new(&["p"]).order(order));
    same!(in_order(Order::Updated)?, ["z", "2", "1", "9"]);
    same!(in_order(Order::Created)?, ["2", "9", "1", "z"]);
    same!(in_order(Order::Key)?, ["z", "9", "1", "2"]);
    let some = Filter::gte("at", "2");
    let search = Search::new(&["p"]).order(Order::Created).filter(some);
    same!(store.keys(search)?, ["2", "9", "z"]);
    Ok(())
}

pub(super) fn a_search_is_paged_after_filtering(store: &mut Used<'_>) -> Outcome {
    for i in 0..5 {
        store.put(&["p"], &format!("k{i}"), json!({"i": i}))?;
    }
    store.reopen();
    let page = |limit, offset| {
        let search = Search::new(&["p"]).order(Order::Key);
        search.limit(limit).offset(offset)
    };
    same!(store.keys(page(2, 0))?, ["k0", "k1"]);
    same!(store.keys(page(2, 2))?, ["k2", "k3"]);
    same!(store.keys(page(2, 4))?, ["k4"]);
    same!(store.keys(page(2, 5))?, [""; 0]);
    same!(store.keys(page(0, 0))?, [""; 0]);
    let filter = Filter::from_json(&json!({"i": {"$gte": 1}}))?;
    same!(store.keys(page(2, 1).filter(filter))?, ["k2", "k3"]);
    Ok(())
}

pub(super) fn a_search_finds_ten_items_unless_told_otherwise(store: &mut Used<'_>) -> Outcome {
    for i in 0..12 {
        store.put(&["p"], &i.to_string(), json!(i))?;
    }
    store.reopen();
    same!(store.keys(Search::new(&["p"]))?.len(), 10);
    let all = Search::new(&["p"]).limit(usize::MAX);
    same!(store.keys(all)?.len(), 12);
    Ok(())
}

pub(super) fn filters_select_by_value(store: &mut Used<'_>) -> Outcome {
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
        store.put(&["docs", namespace], key, value)?;
    }
    store.put(&["other"], "4", json!({"kind": "note", "score": 5}))?;
    store.reopen();
    let table: [(Value, &[&str]); 24] = [
        (json!({"kind": "note"}), &["1", "2"]),
        (json!({"score": 5}), &["1", "3"]),
        (json!({"score": 5.0}), &["1", "3"]),
        (json!({"score": {"$gt": 5}}), &["2"]),
        (json!({"score": {"$gte": 5}}), &["1", "2", "3"]),
        (json!({"score": {"$lt": 7.5}}), &["1", "3"]),
        (json!({"score": {"$lte": 7.5, "$gt": 5}}), &["2"]),
        (json!({"score": {"$gt": "5"}}), &[]),
        (json!({"kind": {"$ne": "note"}}), &["3"]),
        (
            json!({"kind": {"$eq": "note"}, "score": {"$lt": 6}}),
            &["1"],
        ),
        (json!({"kind": {"$in": ["mail", "fax"]}}), &["3"]),
        (json!({"kind": {"$nin": ["mail", "fax"]}}), &["1", "2"]),
        (json!({"meta": {"lang": "en"}}), &["1", "3"]),
        (
            json!({"meta.lang": "en", "meta.len": {"$exists": true}}),
            &["1"],
        ),
        (json!({"meta.len": {"$exists": false}}), &["3"]),
        (json!({"tags": ["x", "y"]}), &["1", "3"]),
        (json!({"tags": ["x"]}), &["2"]),
        (json!({"tags": {"$contains": "y"}}), &["1", "3"]),
        (json!({"kind": {"$contains": "ot"}}), &["1", "2"]),
        (
            json!({"$or": [{"score": 7.5}, {"kind": "mail"}]}),
            &["2", "3"],
        ),
        (json!({"$not": {"score": 5}}), &["2"]),
        (json!({"missing": null}), &["1", "2", "3"]),
        (json!({"missing": 1}), &[]),
        (json!({"missing": {"$gt": 1}}), &[]),
    ];
    for (filter, keys) in table {
        let found = store.matching(&["docs"], &filter)?;
        same!(
            (&filter, found),
            (&filter, keys.iter().map(ToString::to_string).collect())
        );
    }
    let nested = json!({"meta": {"len": {"$gte": 20}}, "kind": "note"});
    same!(store.matching(&["docs", "a"], &nested)?, ["2"]);
    Ok(())
}

pub(super) fn pages_follow_one_another_whatever_is_written_meanwhile(
    store: &mut Used<'_>,
) -> Outcome {
    for order in [Order::Updated, Order::Created, Order::Key] {
        let keys: Vec<_> = (0..10).map(|i| format!("k{i}")).collect();
        for key in &keys {
            store.put(&["p"], key, json!({"n": 1}))?;
        }
        let mut seen: Vec<Item> = Vec::new();
        let mut search = Search::new(&["p"]).order(order).limit(3);
        search = search.filter(Filter::eq("n", 1));
        loop {
            let page = store.page(search.clone())?;
            seen.extend(page.items);
            let Some(next) = page.next else { break };
            // As text it may go out of the program and come back.
            search.after = Some(next.to_string().parse::<Cursor>()?);
            store.reopen();
            if let Some(last) = seen.last() {
                store.delete(&["p"], &last.key)?;
            }
            if let Some(first) = seen.first() {
                store.put(&["p"], &first.key, json!({"n": 1}))?;
            }
            store.put(&["p"], "a new one", json!({"n": 1}))?;
        }
        let mut found: Vec<_> = seen.into_iter().map(|item| item.key).collect();
        let in_front =
            order == Order::Created && found.last().is_some_and(|key| key == "a new one");
        found.sort();
        if in_front {
            found.retain(|key| key != "a new one");
        }
        same!(found, keys);
        for key in keys.iter().map(String::as_str).chain(["a new one"]) {
            store.delete(&["p"], key)?;
        }
    }
    Ok(())
}

pub(super) fn pages_are_whole_while_others_write(store: &mut Used<'_>) -> Outcome {
    let stays: Vec<_> = (0..24).map(|i| format!("stays {i:02}")).collect();
    for key in &stays {
        store.put(&["p"], key, json!({"n": 1}))?;
    }
    let is_over = AtomicBool::new(false);
    let other = BlockingStore::new(store.shared());
    std::thread::scope(|scope| {
        let is_over = &is_over;
        let writer = scope.spawn(move || {
            // Those that come and go are in front of the others, among them and behind them.
            for round in (0..).take_while(|_| !is_over.load(Ordering::Acquire)) {
                for front in ["a", "stays 1 and ", "z"] {
                    let key = format!("{front}{}", round % 7);
                    other.put(&["p"], &key, json!({"n": 1}))?;
                    other.delete(&["p"], &format!("{front}{}", (round + 3) % 7))?;
                }
            }
            Ok::<_, StoreError>(())
        });
        let read = || {
            for order in [Order::Updated, Order::Created, Order::Key] {
                let mut search = Search::new(&["p"]).order(order).limit(5);
                search = search.filter(Filter::eq("n", 1));
                let mut seen: Vec<String> = Vec::new();
                loop {
                    let page = store.page(search.clone())?;
                    let keys = page.items.into_iter().map(|item| item.key);
                    seen.extend(keys.filter(|key| stays.contains(key)));
                    // In the order of creation new ones come at the end, as long as somebody puts them.
                    search.after = page.next;
                    if search.after.is_none() || seen.len() == stays.len() {
                        break;
                    }
                }
                seen.sort();
                same!((order, seen), (order, stays.clone()));
            }
            Ok(())
        };
        let outcome: Outcome = read();
        is_over.store(true, Ordering::Release);
        match writer.join() {
            Ok(written) => written?,
            Err(_) => return Err(Failure::new("a writer beside the reader has panicked")),
        }
        outcome
    })
}

pub(super) fn an_explanation_counts_what_the_search_finds(store: &mut Used<'_>) -> Outcome {
    for i in 0..12 {
        store.put(&["p"], &i.to_string(), json!({"even": i % 2 == 0}))?;
    }
    store.reopen();
    let even = Search::new(&["p"]).filter(Filter::eq("even", true));
    for search in [even.clone(), even.limit(2), Search::new(&["q"])] {
        let found = store.keys(search.clone())?.len();
        let explained = store.explain(search)?.found;
        same!(usize::try_from(explained).ok(), Some(found));
    }
    Ok(())
}

pub(super) fn a_cursor_of_another_order_is_refused(store: &mut Used<'_>) -> Outcome {
    store.put(&["p"], "k", json!(1))?;
    let search = Search::new(&["p"]).limit(1);
    let page = store.page(search.clone().order(Order::Key))?;
    let refused = page.next.map(|next| store.page(search.after(next)));
    holds!(matches!(
        refused,
        Some(Err(StoreError::InvalidCursor { .. }))
    ));
    Ok(())
}

pub(super) fn a_count_has_no_limit(store: &mut Used<'_>) -> Outcome {
    for i in 0..12 {
        store.put(&["p"], &i.to_string(), json!({"even": i % 2 == 0}))?;
    }
    store.reopen();
    same!(store.count(Search::new(&["p"]).limit(3).offset(2))?, 12);
    same!(
        store.count(Search::new(&["p"]).filter(Filter::eq("even", true)))?,
        6
    );
    same!(store.count(Search::new(&["q"]))?, 0);
    Ok(())
}

//! Searches by the index.

use std::fs;

use serde_json::{Value, json};
use stepwell::store::{
    BlockingStore, Filter, IndexedFields, Item, MemoryStore, Op, Order, Put, Search, Store,
};

use crate::database::{Database, Reopening};

const ITEMS: u64 = 2000;

fn value(n: u64) -> Value {
    json!({
        "n": n,
        "group": n % 200,
        "name": format!("name {n:04}"),
        "deep": {"even": n.is_multiple_of(2)},
        "tags": [format!("t{}", n % 100), "all"],
    })
}

fn fill(store: &BlockingStore<impl Store>) {
    let put = |n: u64| {
        let namespace = ["p", &format!("n{}", n % 3)].map(str::to_owned);
        let namespace = namespace.each_ref().map(String::as_str);
        Put::new(&namespace, n.to_string(), value(n))
    };
    let puts = (0..ITEMS).map(|n| Op::Put(put(n)));
    store.batch(puts.collect()).unwrap();
    let bare = put(7).index(IndexedFields::NONE);
    store.put_with(bare).unwrap();
    store.put(&["q"], "other", value(7)).unwrap();
}

/// Filters, and about how many items the index leaves of them.
fn filters() -> Vec<(Value, u64)> {
    vec![
        (json!({"group": 7}), 11),
        (json!({"n": {"$gte": 100, "$lt": 110}}), 11),
        (json!({"name": {"$gt": "name 1990"}}), 11),
        (json!({"tags": {"$contains": "t5"}}), 21),
        (json!({"deep.even": true, "group": {"$in": [6, 7]}}), 21),
        (
            json!({"$or": [{"n": 5}, {"group": 199, "deep": {"even": false}}]}),
            12,
        ),
    ]
}

fn compare(store: &BlockingStore<impl Store>, are_fewer_read: bool) {
    let all = Search::new(&["p"]).limit(usize::MAX);
    for order in [Order::Updated, Order::Created, Order::Key] {
        let everything = store.search(all.clone().order(order)).unwrap();
        for (filter, left) in filters() {
            let filter = Filter::from_json(&filter).unwrap();
            let search = all.clone().order(order).filter(filter.clone());
            let expected = everything.iter().filter(|item| filter.matches(&item.value));
            let expected: Vec<&Item> = expected.collect();
            let found = store.search(search.clone()).unwrap();
            assert_eq!(found.iter().collect::<Vec<_>>(), expected, "{filter:?}");
            let page = store.search(search.clone().limit(3).offset(2)).unwrap();
            let of_page = expected.iter().skip(2).take(3).copied();
            assert_eq!(page.iter().collect::<Vec<_>>(), of_page.collect::<Vec<_>>());
            assert_eq!(store.count(search.clone()).unwrap(), found.len() as u64);
            if are_fewer_read {
                let explain = store.explain(search).unwrap();
                assert!(explain.index.is_some(), "{explain:?}");
                // Ends of ranges and what is not in the index are read and found not to fit.
                assert!(explain.values_read <= left + 3, "{explain:?}");
                assert!(explain.rows_read < 1000, "{explain:?}");
                assert_eq!(explain.found, found.len() as u64);
            }
        }
    }
}

#[test]
fn a_search_by_the_index_finds_what_going_through_everything_does() {
    let memory = MemoryStore::new().blocking();
    fill(&memory);
    compare(&memory, true);
    let mut database = Database::default();
    fill(&database.db().store().blocking());
    compare(&database.db().store().blocking(), true);
    for n in 0..ITEMS / 2 {
        let namespace = format!("n{}", n % 3);
        let store = database.db().store().blocking();
        match n % 2 {
            0 => store.put(&["p", &namespace], &n.to_string(), value(n + 1)),
            _ => store.delete(&["p", &namespace], &n.to_string()),
        }
        .unwrap();
    }
    compare(&database.db().store().blocking(), false);
    for reopening in [Reopening::Unclean, Reopening::Clean] {
        database.db().compact().unwrap();
        database.reopen(reopening);
        compare(&database.db().store().blocking(), false);
    }
}

#[test]
fn the_index_is_made_again_from_the_log() {
    let mut database = Database::default();
    fill(&database.db().store().blocking());
    database.db().sync().unwrap();
    let _ = fs::remove_file(database.db().path().join("index.redb"));
    database.reopen(Reopening::Unclean);
    compare(&database.db().store().blocking(), true);
}

#[test]
fn a_condition_that_leaves_nearly_all_is_not_looked_up() {
    let store = MemoryStore::new().blocking();
    fill(&store);
    let search = Search::new(&["p"]).filter(Filter::contains("tags", "all"));
    let explain = store.explain(search).unwrap();
    assert_eq!(explain.index, None);
    assert_eq!(explain.values_read, 10);
    // Of two conditions the one that leaves less counts.
    let filter = Filter::contains("tags", "all").and(Filter::eq("n", 12));
    let explain = store.explain(Search::new(&["p"]).filter(filter)).unwrap();
    assert_eq!(explain.index, Some(vec!["n".to_owned()]));
    assert_eq!(explain.values_read, 2);
}

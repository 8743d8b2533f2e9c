//! A few of many items are found in order without going through all.

use std::time::Duration;

use futures::executor::block_on;
use serde_json::json;
use stepwell::store::{Filter, Item, MemoryStore, Order, Put, Search, Store};

use crate::database::{Database, Reopening};

const NAMESPACES: [&[&str]; 4] = [&["a"], &["a", "b"], &["ab"], &["b", "a"]];

fn fill(store: &dyn Store) {
    block_on(async {
        // Each place several times, and not in the order of namespaces and keys.
        for n in 0_usize..900 {
            let namespace = NAMESPACES.get(n * 7 % 4).unwrap();
            let key = (n * 31 % 151).to_string();
            let value = json!({"n": n, "text": if n % 3 == 0 { "x y" } else { "z" }});
            match n % 10 {
                0 => store.delete(namespace, &key).await.unwrap(),
                1 => {
                    let put = Put::new(namespace, key, value).ttl(Duration::ZERO);
                    store.put_with(put).await.unwrap();
                }
                _ => store.put(namespace, &key, value).await.unwrap(),
            }
        }
    });
}

fn key(item: &Item) -> (Vec<String>, String) {
    (item.namespace.clone(), item.key.clone())
}

fn check(store: &dyn Store) {
    let with_text = Filter::from_json(&json!({"text": {"$contains": "y"}})).unwrap();
    for order in [Order::Updated, Order::Created, Order::Key] {
        for prefix in [&[][..], &["a"], &["b"], &["none"]] {
            for filter in [Filter::default(), with_text.clone()] {
                let search = Search::new(prefix).filter(filter).order(order);
                let find = |search| block_on(store.search(search)).unwrap();
                let mut sorted = find(search.clone().limit(usize::MAX));
                match order {
                    Order::Updated => sorted.sort_by_key(|item| std::cmp::Reverse(item.updated_at)),
                    Order::Created => sorted.sort_by_key(|item| item.created_at),
                    Order::Key => sorted.sort_by_key(key),
                }
                let mut paged = Vec::new();
                let mut next = search.clone().limit(7);
                loop {
                    let page = block_on(store.page(next.clone())).unwrap();
                    paged.extend(page.items);
                    match page.next {
                        Some(after) => next.after = Some(after),
                        None => break,
                    }
                }
                assert_eq!(paged, sorted, "{order:?} {prefix:?}");
                let skipped = find(search.clone().offset(5).limit(4));
                let expected: Vec<_> = sorted.into_iter().skip(5).take(4).collect();
                assert_eq!(skipped, expected);
            }
        }
    }
    let all = block_on(store.count(Search::new(&[]))).unwrap();
    assert!(all > 200, "{all}");
    for order in [Order::Updated, Order::Key] {
        let search = Search::new(&[]).order(order).limit(5);
        let explain = block_on(store.explain(search)).unwrap();
        assert!(explain.rows_read < 100, "{order:?} {explain:?}");
    }
}

#[test]
fn the_first_items_of_many_are_those_that_a_sort_puts_there() {
    let memory = MemoryStore::new();
    fill(&memory);
    check(&memory);
    let mut database = Database::default();
    fill(&database.db().store());
    check(&database.db().store());
    database.reopen(Reopening::Unclean);
    check(&database.db().store());
    database.db().compact().unwrap();
    database.reopen(Reopening::Clean);
    check(&database.db().store());
}

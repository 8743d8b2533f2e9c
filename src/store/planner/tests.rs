//! The index against going through everything.

use futures::executor::block_on;
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::store::{Filter, IndexedFields, Item, MemoryStore, Op, Put, Store, StoreOptions};

// Boxed, as the strategies do not fit on a test's stack.
fn scalar() -> BoxedStrategy<Value> {
    prop_oneof![
        Just(json!(null)),
        any::<bool>().prop_map(Value::from),
        (-2_i64..3).prop_map(Value::from),
        (-2_i64..3).prop_map(|n| json!(n as f64 / 2.0)),
        Just(json!(u64::MAX)),
        Just(json!(u64::MAX - 1)),
        "[ab\0]{0,2}".prop_map(Value::from),
        "a{63}[ab]{1,3}".prop_map(Value::from),
    ]
    .boxed()
}

fn value() -> BoxedStrategy<Value> {
    let many = (0_usize..80).prop_map(|count| {
        let fields = (0..count).map(|n| (format!("c{n}"), json!(n)));
        Value::Object(fields.chain([("z".to_owned(), json!(1))]).collect())
    });
    let any = scalar().prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..3).prop_map(Value::from),
            vec(("[abz.]", inner), 0..4)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    });
    prop_oneof![8 => any, 1 => many].boxed()
}

fn fields() -> BoxedStrategy<IndexedFields> {
    prop_oneof![
        4 => Just(IndexedFields::All),
        1 => Just(IndexedFields::NONE),
        1 => vec("[abz](\\.[ab])?", 0..3).prop_map(IndexedFields::Only),
    ]
    .boxed()
}

fn condition() -> BoxedStrategy<Value> {
    let comparable = || scalar().prop_filter("has an order", |of| of.is_number() || of.is_string());
    prop_oneof![
        scalar(),
        value(),
        scalar().prop_map(|v| json!({"$eq": v})),
        scalar().prop_map(|v| json!({"$ne": v})),
        comparable().prop_map(|v| json!({"$gt": v})),
        (comparable(), comparable()).prop_map(|(a, b)| json!({"$gte": a, "$lt": b})),
        comparable().prop_map(|v| json!({"$lte": v})),
        vec(scalar(), 0..3).prop_map(|v| json!({"$in": v})),
        scalar().prop_map(|v| json!({"$contains": v})),
        scalar().prop_map(|v| json!({"$not": {"$eq": v}})),
    ]
    .boxed()
}

fn filter() -> BoxedStrategy<Value> {
    let one = || {
        ("[abz](\\.[ab])?|c7|a\\\\\\\\\\.b", condition()).prop_map(|(path, of)| json!({path: of}))
    };
    prop_oneof![
        one(),
        vec(one(), 1..3).prop_map(|all| json!({"$and": all})),
        vec(one(), 1..3).prop_map(|any| json!({"$or": any})),
        (one(), one()).prop_map(|(a, b)| json!({"$and": [a], "$not": b})),
    ]
    .boxed()
}

#[derive(Clone, Debug)]
enum Change {
    Put(u8, u8, Value, IndexedFields),
    Delete(u8, u8),
}

fn change() -> BoxedStrategy<Change> {
    let put = (0_u8..3, 0_u8..6, value(), fields());
    prop_oneof![
        4 => put.prop_map(|(n, k, v, f)| Change::Put(n, k, v, f)),
        1 => (0_u8..3, 0_u8..6).prop_map(|(n, k)| Change::Delete(n, k)),
    ]
    .boxed()
}

fn namespace(number: u8) -> &'static [&'static str] {
    match number {
        0 => &["a"],
        1 => &["a", "b"],
        _ => &["ab"],
    }
}

fn filled(changes: Vec<Change>) -> MemoryStore {
    let store = MemoryStore::with_options(StoreOptions::default().history(&[], None));
    for change in changes {
        let op = match change {
            Change::Put(n, key, value, fields) => {
                Op::Put(Put::new(namespace(n), key.to_string(), value).index(fields))
            }
            Change::Delete(n, key) => Op::delete(namespace(n), key.to_string()),
        };
        block_on(store.batch(vec![op])).unwrap();
    }
    store
}

fn names(items: &[Item]) -> Vec<(String, String)> {
    let name = |item: &Item| (item.namespace.join("/"), item.key.clone());
    items.iter().map(name).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn what_satisfies_a_filter_is_among_what_each_of_its_needs_leaves(
        changes in vec(change(), 0..30),
        filter in filter(),
        prefix in prop_oneof![Just(&[][..]), Just(&["a"][..]), Just(&["a", "b"][..])],
    ) {
        let store = filled(changes);
        let filter = Filter::from_json(&filter).unwrap();
        let all = Search::new(prefix).limit(usize::MAX);
        let mut expected = block_on(store.search(all.clone())).unwrap();
        expected.retain(|item| filter.matches(&item.value));
        let found = block_on(store.search(all.clone().filter(filter.clone()))).unwrap();
        prop_assert_eq!(names(&found), names(&expected));

        let rows = store.snapshot();
        let mut explain = Explain::default();
        let mut planner = Planner::new(&rows, &all.prefix, 0, &mut explain).unwrap();
        for need in filter.needs() {
            let found = planner.candidates(&need, usize::MAX).unwrap().unwrap();
            let found = planner.entries(&found).unwrap();
            let has = |item: &Item| {
                found.iter().any(|of| of.key.as_ref() == item.key && *of.namespace == *item.namespace)
            };
            prop_assert!(expected.iter().all(has), "{:?} misses some", need);
        }
    }

    #[test]
    fn an_empty_store_has_no_rows_left_but_the_rule_of_its_history(changes in vec(change(), 0..30)) {
        let store = filled(changes);
        for n in 0..3 {
            for key in 0..6_u8 {
                block_on(store.delete(namespace(n), &key.to_string())).unwrap();
            }
        }
        prop_assert_eq!(store.rows(), 1);
    }
}

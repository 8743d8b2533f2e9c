//! Stores against a list.

use std::ops::ControlFlow;
use std::thread::sleep;
use std::time::Duration;

use futures::executor::block_on;
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Value, json};
use stepwell::db::{Db, VerifyOptions};
use stepwell::store::{
    Filter, Get, ListNamespaces, MemoryStore, Order, Put, Search, Store, StoreOptions,
};

use crate::cases::cases;
use crate::database::{Database, Reopening, options};

const NAMESPACES: [&[&str]; 4] = [&["a"], &["a", "b"], &["a", "b", "c"], &["ab"]];

#[derive(Clone, Debug)]
enum Op {
    Put(usize, u8, u8),
    /// With a life that ends at once.
    Fleeting(usize, u8),
    Read(usize, u8),
    Delete(usize, u8),
    Sweep,
    Compact,
    Reopen(Reopening),
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        6 => (0_usize..4, 0_u8..3, any::<u8>()).prop_map(|(n, k, v)| Op::Put(n, k, v)),
        2 => (0_usize..4, 0_u8..3).prop_map(|(n, k)| Op::Fleeting(n, k)),
        2 => (0_usize..4, 0_u8..3).prop_map(|(n, k)| Op::Read(n, k)),
        3 => (0_usize..4, 0_u8..3).prop_map(|(n, k)| Op::Delete(n, k)),
        1 => Just(Op::Sweep),
        2 => Just(Op::Compact),
        1 => Just(Op::Reopen(Reopening::Clean)),
        1 => Just(Op::Reopen(Reopening::Unclean)),
    ]
}

/// The items in the order of their insertion: namespace, key, value.
type Model = Vec<(usize, String, Value)>;

fn labels(namespace: usize) -> &'static [&'static str] {
    NAMESPACES.get(namespace).unwrap()
}

fn compare(store: &dyn Store, model: &Model) {
    for prefix in [&[][..], &["a"], &["a", "b"], &["b"]] {
        for (filter, least) in [(json!({}), 0), (json!({"n": {"$gte": 100}}), 100)] {
            let expected = model.iter().filter(|(namespace, _, value)| {
                labels(*namespace).starts_with(prefix)
                    && value.get("n").and_then(Value::as_u64) >= Some(least)
            });
            let expected: Vec<_> = expected
                .map(|(namespace, key, value)| (labels(*namespace), key, value))
                .collect();
            for (limit, offset) in [(usize::MAX, 0), (2, 1)] {
                let filter = Filter::from_json(&filter).unwrap();
                let search = Search::new(prefix).filter(filter).order(Order::Created);
                let search = search.refresh_ttl(false);
                let found = store.search(search.limit(limit).offset(offset));
                let found = block_on(found).unwrap();
                let mut page = expected.iter().skip(offset).take(limit);
                for item in &found {
                    let (namespace, key, value) = page.next().unwrap();
                    assert_eq!(&item.namespace, namespace);
                    assert_eq!((&item.key, &item.value), (*key, *value));
                    let get = Get::new(namespace, key.as_str()).refresh_ttl(false);
                    let got = block_on(store.get_with(get)).unwrap();
                    assert_eq!(got.as_ref(), Some(item));
                }
                assert_eq!(page.next(), None);
            }
        }
    }
    let mut expected: Vec<_> = model
        .iter()
        .map(|(namespace, ..)| labels(*namespace))
        .collect();
    expected.sort();
    expected.dedup();
    let listed = block_on(store.list_namespaces(ListNamespaces::default())).unwrap();
    assert_eq!(listed, expected);
}

fn verify(db: &Db) {
    let goes_on = &mut |_| ControlFlow::Continue(());
    let report = db.verify(VerifyOptions::default(), goes_on).unwrap();
    assert!(report.findings.is_empty(), "{:?}", report.findings);
}

proptest! {
    #![proptest_config(cases(48))]

    #[test]
    fn stores_agree_with_a_list(
        ops in vec(op(), 0..30),
        index_memory_bytes in prop_oneof![Just(2_000_usize), Just(64 << 20)],
    ) {
        let mut model = Model::new();
        let memory = MemoryStore::new();
        let store = StoreOptions::default().sweep_interval(Duration::from_millis(1));
        let mut database = Database::with(
            options().store(store).index_memory_bytes(index_memory_bytes),
        );
        for op in ops.iter().chain([&Op::Reopen(Reopening::Unclean)]) {
            match op {
                Op::Put(namespace, key, n) => {
                    let (key, value) = (key.to_string(), json!({"n": n}));
                    match model.iter_mut().find(|item| (item.0, &item.1) == (*namespace, &key)) {
                        Some((.., old)) => *old = value.clone(),
                        None => model.push((*namespace, key.clone(), value.clone())),
                    }
                    // Half of them expire some day.
                    let mut put = Put::new(labels(*namespace), key, value);
                    if n % 2 == 0 {
                        put = put.ttl(Duration::from_secs(3600));
                    }
                    block_on(memory.put_with(put.clone())).unwrap();
                    block_on(database.db().store().put_with(put)).unwrap();
                }
                Op::Fleeting(namespace, key) => {
                    let key = key.to_string();
                    model.retain(|(n, k, _)| (n, k) != (namespace, &key));
                    let put = Put::new(labels(*namespace), key, json!({"n": 255}));
                    let put = put.ttl(Duration::ZERO);
                    block_on(memory.put_with(put.clone())).unwrap();
                    block_on(database.db().store().put_with(put)).unwrap();
                }
                Op::Read(namespace, key) => {
                    let labels = labels(*namespace);
                    let there = model.iter().any(|(n, k, _)| (n, k) == (namespace, &key.to_string()));
                    let stores: [&dyn Store; 2] = [&memory, &database.db().store()];
                    for store in stores {
                        let get = Get::new(labels, key.to_string()).refresh_ttl(true);
                        assert_eq!(block_on(store.get_with(get)).unwrap().is_some(), there);
                    }
                }
                Op::Sweep => {
                    sleep(Duration::from_millis(2));
                    database.db().remove_expired_items().unwrap();
                }
                Op::Delete(namespace, key) => {
                    let key = key.to_string();
                    model.retain(|(n, k, _)| (n, k) != (namespace, &key));
                    let labels = labels(*namespace);
                    block_on(memory.delete(labels, &key)).unwrap();
                    block_on(database.db().store().delete(labels, &key)).unwrap();
                }
                Op::Compact => drop(database.db().compact().unwrap()),
                Op::Reopen(how) => {
                    verify(database.db());
                    compare(&memory, &model);
                    compare(&database.db().store(), &model);
                    database.reopen(*how);
                    compare(&database.db().store(), &model);
                }
            }
        }
    }
}

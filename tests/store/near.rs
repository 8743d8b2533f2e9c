//! Searches by meaning with a graph of the vectors: nearly what comparing all finds, and never what is not there.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use futures::FutureExt;
use futures::future::BoxFuture;
use serde_json::json;
use stepwell::store::{
    BlockingStore, DbStore, Embedder, Embedding, Filter, MemoryStore, Op, Ranking, Search, Store,
    StoreOptions, TextFields,
};

use crate::database::{Database, Reopening, options};

const DIMENSION: usize = 16;
const CLUSTERS: u64 = 20;
const ITEMS: u64 = 600;
const QUERIES: u64 = 40;

/// Makes a vector near one of some centres of a number: of `n` near that of `n % CLUSTERS`.
struct Clustered;

fn numbers(seed: u64) -> impl Iterator<Item = f32> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    std::iter::repeat_with(move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        u16::try_from(state >> 48).map_or(0.0, f32::from) / 65536.0 - 0.5
    })
}

fn vector(text: &str) -> Vec<f32> {
    let seed: u64 = text.parse().unwrap();
    let centre = numbers(1_000_000 + seed % CLUSTERS);
    let noise = numbers(seed + 1);
    let vector = centre
        .zip(noise)
        .map(|(centre, noise)| centre + noise / 2.0);
    vector.take(DIMENSION).collect()
}

impl Embedder for Clustered {
    fn name(&self) -> &'static str {
        "clustered"
    }

    fn dimension(&self) -> usize {
        DIMENSION
    }

    fn embed(&self, texts: Vec<String>) -> BoxFuture<'_, Embedding<Vec<Vec<f32>>>> {
        async move { Ok(texts.iter().map(|text| vector(text)).collect()) }.boxed()
    }
}

fn store_options(above: Option<usize>) -> StoreOptions {
    let texts = TextFields::new(["n"]);
    let options = StoreOptions::default().embedder(Clustered);
    options.texts(&[], texts).approximate_above(above)
}

fn name(n: u64) -> String {
    format!("{n:05}")
}

fn put(n: u64) -> Op {
    let user = if n.is_multiple_of(2) { "a" } else { "ab" };
    Op::put(
        &[user],
        name(n),
        json!({"n": n.to_string(), "tenth": n % 10}),
    )
}

fn fill<S: Store + Clone>(store: &BlockingStore<S>) {
    store.batch((0..ITEMS).map(put).collect()).unwrap();
}

fn query(n: u64) -> Search {
    Search::new(&[]).query((10_000 + n).to_string())
}

/// Waits until searches use a graph.
fn wait<S: Store + Clone>(store: &BlockingStore<S>) {
    let start = Instant::now();
    while !store.explain(query(0)).unwrap().approximate {
        assert!(start.elapsed() < Duration::from_secs(300));
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn keys<S: Store + Clone>(store: &BlockingStore<S>, search: Search) -> Vec<String> {
    let found = store.search(search).unwrap().into_iter();
    found.map(|item| item.key).collect()
}

/// A store in a database with all items, which uses a graph.
fn near() -> (Database, BlockingStore<DbStore>) {
    let database = Database::with(options().store(store_options(Some(200))));
    let store = database.db().store().blocking();
    fill(&store);
    assert!(!store.explain(query(0)).unwrap().approximate);
    wait(&store);
    (database, store)
}

#[test]
fn a_graph_finds_nearly_what_comparing_all_finds_and_the_same_after_opening_again() {
    let exact = MemoryStore::with_options(store_options(None)).blocking();
    fill(&exact);
    let (mut database, store) = near();
    let mut common = 0;
    let mut answers = Vec::new();
    for n in 0..QUERIES {
        let explain = store.explain(query(n)).unwrap();
        assert!(explain.approximate && explain.vectors_compared <= 150);
        let found = store.search(query(n)).unwrap();
        let right: BTreeSet<_> = keys(&exact, query(n)).into_iter().collect();
        common += found
            .iter()
            .filter(|item| right.contains(&item.key))
            .count();
        let scores: Vec<_> = found
            .iter()
            .map(|of| of.score.as_ref().unwrap().value)
            .collect();
        assert!(scores.is_sorted_by(|a, b| a >= b) && found.len() == 10);
        answers.push(found.into_iter().map(|item| item.key).collect::<Vec<_>>());
    }
    assert!(common >= 390, "{common} of 400");

    drop(store);
    database.reopen(Reopening::Clean);
    let store = database.db().store().blocking();
    wait(&store);
    for (n, answer) in (0..).zip(answers) {
        assert_eq!(keys(&store, query(n)), answer);
    }
}

#[test]
fn what_has_gone_is_not_found_and_what_has_come_is() {
    let (_database, store) = near();
    let nearest = keys(&store, query(3));
    let deleted: Vec<u64> = nearest
        .iter()
        .take(5)
        .map(|key| key.parse().unwrap())
        .collect();
    let user = |n: u64| if n.is_multiple_of(2) { ["a"] } else { ["ab"] };
    store
        .batch(
            deleted
                .iter()
                .map(|n| Op::delete(&user(*n), name(*n)))
                .collect(),
        )
        .unwrap();
    // One moves away, and one comes: with the very text of the query.
    let moved: u64 = nearest[5].parse().unwrap();
    let far = json!({"n": (moved + 1).to_string()});
    store
        .batch(vec![Op::put(&user(moved), name(moved), far)])
        .unwrap();
    store.put(&["a"], "new", json!({"n": "10003"})).unwrap();
    let explain = store.explain(query(3)).unwrap();
    assert!(explain.approximate);
    let found = keys(&store, query(3));
    assert_eq!((found[0].as_str(), found.len()), ("new", 10));
    assert!(deleted.iter().all(|n| !found.contains(&name(*n))) && !found.contains(&name(moved)));
    assert_eq!(found[1..5], nearest[6..10]);
}

#[test]
fn with_many_changes_another_graph_is_made() {
    let (_database, store) = near();
    let gone = (0..ITEMS).filter(|n| n % CLUSTERS < 10).map(|n| {
        let user = if n.is_multiple_of(2) { ["a"] } else { ["ab"] };
        Op::delete(&user, name(n))
    });
    store.batch(gone.collect()).unwrap();
    store
        .batch((ITEMS..ITEMS + 300).map(put).collect())
        .unwrap();
    let start = Instant::now();
    // What was put since the graph was made is compared one by one.
    while store.explain(query(0)).unwrap().vectors_compared > 150 {
        assert!(start.elapsed() < Duration::from_secs(300));
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(store.explain(query(15)).unwrap().approximate);
    let found = keys(&store, query(15));
    assert!(
        found
            .iter()
            .all(|key| key.parse::<u64>().unwrap() % CLUSTERS == 15)
    );
}

#[test]
fn a_prefix_or_a_filter_that_leaves_few_is_answered_exactly_and_never_leaks() {
    let exact = MemoryStore::with_options(store_options(None)).blocking();
    fill(&exact);
    let (database, store) = near();
    let scoped = database.db().store().scope(&["a"]).blocking();
    for n in 0..QUERIES {
        let below = Search {
            prefix: vec!["a".into()],
            ..query(n)
        };
        let found = store.search(below.clone()).unwrap();
        assert!(found.len() == 10 && found.iter().all(|item| item.namespace == ["a"]));
        let through = scoped.search(query(n)).unwrap();
        assert!(
            through
                .iter()
                .map(|item| &item.key)
                .eq(found.iter().map(|item| &item.key))
        );

        // A tenth of the items: fewer than make a graph worth it.
        let tenth = query(n).filter(Filter::eq("tenth", 3));
        assert!(!store.explain(tenth.clone()).unwrap().approximate);
        assert_eq!(keys(&store, tenth.clone()), keys(&exact, tenth));
        // None of the nearest.
        let none = query(n).filter(Filter::from_json(&json!({"n": {"$contains": "x"}})).unwrap());
        assert_eq!(keys(&store, none.clone()), keys(&exact, none));
        // More than the graph is asked for.
        let many = query(n).limit(150);
        assert_eq!(keys(&store, many.clone()), keys(&exact, many));
    }
    let both = query(1).ranking(Ranking::Both);
    assert!(!store.explain(both).unwrap().approximate);
}

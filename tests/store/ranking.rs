//! Searches with a query, against what they are said to be.

#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::collections::BTreeMap;
use std::fs;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures::FutureExt;
use futures::future::BoxFuture;
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Value, json};
use stepwell::db::VerifyOptions;
use stepwell::store::{
    BlockingStore, Embedder, Embedding, Filter, Item, MemoryStore, Metric, Op, Order, Put, Ranking,
    Search, Store, StoreError, StoreOptions, TextFields,
};

use crate::database::{Database, Reopening, options};

/// Counts how often each word of ten is in a text.
struct Counting {
    name: &'static str,
    asked: Arc<AtomicUsize>,
}

const WORDS: [&str; 10] = [
    "ant", "bee", "cow", "dog", "eel", "fox", "gnu", "hen", "ibis", "jay",
];

fn vector(text: &str) -> Vec<f32> {
    let count = |word: &&str| text.split(' ').filter(|of| of == word).map(|_| 1.0).sum();
    WORDS.iter().map(count).collect()
}

impl Embedder for Counting {
    fn name(&self) -> &str {
        self.name
    }

    fn dimension(&self) -> usize {
        WORDS.len()
    }

    fn embed(&self, texts: Vec<String>) -> BoxFuture<'_, Embedding<Vec<Vec<f32>>>> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let unique: std::collections::HashSet<_> = texts.iter().collect();
        assert!(unique.len() == texts.len() && !texts.is_empty());
        async move { Ok(texts.iter().map(|text| vector(text)).collect()) }.boxed()
    }
}

fn store_options(name: &'static str, metric: Metric, asked: &Arc<AtomicUsize>) -> StoreOptions {
    let asked = Arc::clone(asked);
    let texts = TextFields::new(["t", "more[*]"]);
    let options = StoreOptions::default().texts(&[], texts).metric(metric);
    options.embedder(Counting { name, asked })
}

#[derive(Clone, Debug)]
enum Change {
    Put(usize, usize, Vec<String>, bool),
    Delete(usize, usize),
}

fn text() -> impl Strategy<Value = String> {
    vec(prop::sample::select(WORDS.to_vec()), 0..5).prop_map(|words| words.join(" "))
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        5 => (0_usize..3, 0_usize..8, vec(text(), 0..4), prop::bool::weighted(0.9))
            .prop_map(|(n, k, texts, ranked)| Change::Put(n, k, texts, ranked)),
        1 => (0_usize..3, 0_usize..8).prop_map(|(n, k)| Change::Delete(n, k)),
    ]
}

const NAMESPACES: [&[&str]; 3] = [&["a"], &["a", "b"], &["ab"]];

fn op(change: &Change) -> Op {
    match change {
        Change::Delete(namespace, key) => Op::delete(NAMESPACES[*namespace], key.to_string()),
        Change::Put(namespace, key, texts, is_ranked) => {
            let (first, more) = texts.split_first().unzip();
            let value = json!({"t": first, "more": more.unwrap_or_default(), "n": key % 3});
            let put = Put::new(NAMESPACES[*namespace], key.to_string(), value);
            match is_ranked {
                true => put.into(),
                false => put.texts(TextFields::NONE).into(),
            }
        }
    }
}

fn texts_of(value: &Value) -> Vec<String> {
    let more = value["more"].as_array().unwrap().iter();
    let all = [&value["t"]].into_iter().chain(more);
    all.filter_map(|text| text.as_str().map(str::to_owned))
        .collect()
}

fn similarity(metric: Metric, a: &[f32], b: &[f32]) -> f64 {
    let sum = |of: &dyn Fn(f64, f64) -> f64| -> f64 {
        let pairs = a.iter().zip(b);
        pairs.map(|(a, b)| of(f64::from(*a), f64::from(*b))).sum()
    };
    let dot = sum(&|a, b| a * b);
    match metric {
        Metric::Dot => dot,
        Metric::Distance => -sum(&|a, b| (a - b) * (a - b)).sqrt(),
        Metric::Cosine => {
            let lengths = (sum(&|a, _| a * a) * sum(&|_, b| b * b)).sqrt();
            if lengths == 0.0 { 0.0 } else { dot / lengths }
        }
    }
}

/// What each item scores, as it is said in the documentation.
fn scores(
    all: &[Item],
    ranked: &BTreeMap<(Vec<String>, String), bool>,
    metric: Metric,
    ranking: Ranking,
    query: &str,
) -> Vec<Option<f64>> {
    let is_ranked = |item: &Item| ranked[&(item.namespace.clone(), item.key.clone())];
    let words = |item: &Item| -> Vec<String> {
        let texts = texts_of(&item.value).join(" ");
        texts
            .split(' ')
            .filter(|w| !w.is_empty())
            .map(str::to_owned)
            .collect()
    };
    let meaning = |item: &Item| {
        let texts = texts_of(&item.value);
        let texts = texts.iter().filter(|text| !text.is_empty());
        let scores = texts.map(|text| similarity(metric, &vector(query), &vector(text)));
        scores.max_by(f64::total_cmp).filter(|_| is_ranked(item))
    };
    let texts: Vec<Vec<String>> = all
        .iter()
        .map(|item| {
            if is_ranked(item) {
                words(item)
            } else {
                Vec::new()
            }
        })
        .collect();
    let items = texts.iter().filter(|words| !words.is_empty()).count() as f64;
    let mean = (texts.iter().map(Vec::len).sum::<usize>() as f64 / items.max(1.0)).max(1.0);
    let mut asked: Vec<&str> = query.split(' ').filter(|w| !w.is_empty()).collect();
    asked.sort_unstable();
    asked.dedup();
    let by_words = |words: &Vec<String>| {
        let mut sum = 0.0;
        let mut has_any = false;
        for word in &asked {
            let with = texts
                .iter()
                .filter(|words| words.iter().any(|w| w == word))
                .count() as f64;
            let count = words.iter().filter(|w| w == word).count() as f64;
            has_any |= count > 0.0;
            let rarity = (1.0 + (items - with + 0.5) / (with + 0.5)).ln();
            sum += rarity * count * 2.2 / (count + 1.2 * (0.25 + 0.75 * words.len() as f64 / mean));
        }
        has_any.then_some(sum)
    };
    match ranking {
        Ranking::Words => texts.iter().map(by_words).collect(),
        _ => all.iter().map(meaning).collect(),
    }
}

fn check(
    store: &BlockingStore<impl Store>,
    ranked: &BTreeMap<(Vec<String>, String), bool>,
    metric: Metric,
    query: &str,
    limit: usize,
) {
    for prefix in [&[][..], &["a"], &["ab"]] {
        let all = store
            .search(Search::new(prefix).limit(usize::MAX).order(Order::Key))
            .unwrap();
        for ranking in [Ranking::Meaning, Ranking::Words] {
            let expected = scores(&all, ranked, metric, ranking, query);
            for filter in [Filter::default(), Filter::eq("n", 1)] {
                let mut best: Vec<f64> = Vec::new();
                for (item, score) in all.iter().zip(&expected) {
                    best.extend(score.filter(|_| filter.matches(&item.value)));
                }
                best.sort_by(|a, b| b.total_cmp(a));
                let search = Search::new(prefix)
                    .query(query)
                    .ranking(ranking)
                    .filter(filter.clone())
                    .limit(limit);
                let found = store.search(search.clone()).unwrap();
                let mut is_rest = false;
                for (rank, item) in found.iter().enumerate() {
                    let of = all
                        .iter()
                        .position(|one| (&one.namespace, &one.key) == (&item.namespace, &item.key))
                        .unwrap();
                    let score = item.score.as_ref().map(|score| score.value);
                    assert!(filter.matches(&item.value));
                    match (score, expected[of]) {
                        (None, None) => is_rest = true,
                        (Some(score), Some(expected)) => {
                            assert!(
                                (score - expected).abs() < 1e-4,
                                "{score} {expected} {item:?}"
                            );
                            assert!((score - best[rank]).abs() < 1e-4 && !is_rest);
                        }
                        other => panic!("{other:?} {item:?}"),
                    }
                }
                let matching = all
                    .iter()
                    .filter(|item| filter.matches(&item.value))
                    .count();
                let wanted = if ranking == Ranking::Words {
                    best.len()
                } else {
                    matching
                };
                assert_eq!(found.len(), wanted.min(limit));
                // Pages by offset are the whole.
                let mut pages = Vec::new();
                for offset in (0..found.len()).step_by(2) {
                    pages.extend(
                        store
                            .search(search.clone().offset(offset).limit(2))
                            .unwrap(),
                    );
                }
                pages.truncate(found.len());
                assert_eq!(pages, found);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn what_is_found_is_what_comparing_everything_finds(
        changes in vec(vec(change(), 1..6), 1..8),
        query in vec(prop::sample::select(WORDS.to_vec()), 1..4).prop_map(|words| words.join(" ")),
        metric in prop::sample::select(vec![Metric::Cosine, Metric::Dot, Metric::Distance]),
        limit in 1_usize..30,
        early in any::<bool>(),
    ) {
        let asked = Arc::default();
        let memory = MemoryStore::with_options(store_options("m", metric, &asked)).blocking();
        let mut database = Database::with(options().store(store_options("m", metric, &asked)));
        let mut ranked = BTreeMap::new();
        for batch in &changes {
            let ops: Vec<_> = batch.iter().map(op).collect();
            for change in batch {
                if let Change::Put(namespace, key, _, is_ranked) = change {
                    let namespace = NAMESPACES[*namespace].iter().map(ToString::to_string).collect();
                    ranked.insert((namespace, key.to_string()), *is_ranked);
                }
            }
            memory.batch(ops.clone()).unwrap();
            let store = database.db().store().blocking();
            store.batch(ops).unwrap();
            if early {
                // What is in memory of vectors follows.
                store.search(Search::new(&[]).query(&query)).unwrap();
            }
        }
        check(&memory, &ranked, metric, &query, limit);
        check(&database.db().store().blocking(), &ranked, metric, &query, limit);
        let same = |database: &Database| {
            for ranking in [Ranking::Meaning, Ranking::Words, Ranking::Both] {
                let search = Search::new(&[]).query(&query).ranking(ranking).order(Order::Key).limit(limit);
                let said = |items: Vec<Item>| -> Vec<_> {
                    items.into_iter().map(|item| (item.namespace, item.key, item.value, item.score)).collect()
                };
                let of_memory = said(memory.search(search.clone()).unwrap());
                let of_database = said(database.db().store().blocking().search(search).unwrap());
                assert_eq!(of_memory, of_database);
            }
        };
        same(&database);
        database.reopen(Reopening::Unclean);
        same(&database);
        database.db().compact().unwrap();
        database.reopen(Reopening::Clean);
        let before = asked.load(Ordering::Relaxed);
        same(&database);
        // For the queries alone: twice by each store.
        prop_assert_eq!(asked.load(Ordering::Relaxed) - before, 4);
        let report = database.db();
        let report = report.verify(VerifyOptions::default(), &mut |_| ControlFlow::Continue(())).unwrap();
        prop_assert!(report.is_clean(), "{:?}", report);
    }
}

#[test]
fn what_is_ranked_is_made_again_from_the_log() {
    let asked = Arc::default();
    let make = || store_options("m", Metric::Cosine, &asked);
    let mut database = Database::with(options().store(make()));
    let store = database.db().store().blocking();
    // Equal values that are long enough to be stored once.
    let long = "cow ".repeat(2000);
    let puts = (0..3000).map(|n| {
        let texts = json!({"t": format!("{} {}", WORDS[n % 10], WORDS[n / 10 % 10]), "more": []});
        let value = if n % 500 == 0 {
            json!({"t": long, "more": []})
        } else {
            texts
        };
        Op::put(&["n", &(n % 7).to_string()], n.to_string(), value)
    });
    store.batch(puts.collect()).unwrap();
    drop(store);
    let answers = |database: &Database| -> Vec<_> {
        let rankings = [Ranking::Meaning, Ranking::Words, Ranking::Both].into_iter();
        let searches = rankings.flat_map(|ranking| {
            let search = |query| Search::new(&["n"]).query(query).ranking(ranking).limit(50);
            ["cow", "dog bee", "jay"].map(search)
        });
        let store = database.db().store().blocking();
        searches
            .map(|search| store.search(search).unwrap())
            .collect()
    };
    let before = answers(&database);
    assert!(before.iter().all(|found| found.len() == 50));
    database.db().sync().unwrap();
    let embedded = asked.load(Ordering::Relaxed);
    let _ = fs::remove_file(database.db().path().join("index.redb"));
    database.reopen(Reopening::Unclean);
    assert_eq!(answers(&database), before);
    // Six queries, no texts.
    assert_eq!(asked.load(Ordering::Relaxed) - embedded, 6);
}

#[test]
fn vectors_of_another_model_are_not_compared() {
    let asked = Arc::default();
    let dir = tempfile::tempdir().unwrap();
    let open = |name| {
        let store = store_options(name, Metric::Cosine, &asked);
        options().store(store).open(dir.path()).unwrap()
    };
    let store = open("old").store().blocking();
    store
        .put(&["a"], "old", json!({"t": "cow", "more": []}))
        .unwrap();
    drop(store);
    let store = open("new").store().blocking();
    store
        .put(&["a"], "new", json!({"t": "dog", "more": []}))
        .unwrap();
    let search = Search::new(&[]).query("cow");
    let found = store.search(search.clone()).unwrap();
    let found: Vec<_> = found
        .iter()
        .map(|item| (item.key.as_str(), item.score.is_some()))
        .collect();
    assert_eq!(found, [("new", true), ("old", false)]);
    let explain = store.explain(search.clone()).unwrap();
    assert_eq!(
        (explain.vectors_compared, explain.vectors_of_others),
        (1, 1)
    );
    store
        .put(&["a"], "old", json!({"t": "cow", "more": []}))
        .unwrap();
    assert_eq!(store.search(search).unwrap()[0].key, "old");
}

#[test]
fn what_a_query_needs_and_is_not_there_is_said() {
    let store = MemoryStore::new().blocking();
    for ranking in [Ranking::Auto, Ranking::Meaning, Ranking::Both] {
        let refused = store.search(Search::new(&[]).query("x").ranking(ranking));
        assert!(
            matches!(refused, Err(StoreError::CannotRank { .. })),
            "{refused:?}"
        );
    }
    let words = StoreOptions::default().texts(&["a"], TextFields::whole());
    let store = MemoryStore::with_options(words).blocking();
    store
        .put(&["a"], "k", json!({"deep": ["Some words"]}))
        .unwrap();
    store.put(&["b"], "k", json!("some words")).unwrap();
    let found = store.search(Search::new(&[]).query("WORDS")).unwrap();
    assert_eq!(found.len(), 1);
}

#[test]
fn what_is_put_while_the_vectors_are_read_is_found() {
    let asked = Arc::default();
    let mut database = Database::with(options().store(store_options("m", Metric::Cosine, &asked)));
    let put = |n: usize, word: usize| {
        let value = json!({"t": WORDS[word], "more": []});
        Op::put(&["n"], n.to_string(), value)
    };
    let store = database.db().store().blocking();
    store.batch((0..2000).map(|n| put(n, 0)).collect()).unwrap();
    drop(store);
    database.reopen(Reopening::Unclean);
    let store = database.db().store().blocking();
    let search = || Search::new(&["n"]).query(WORDS[1]).limit(usize::MAX);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for n in 0..300 {
                match n % 3 {
                    0 => store.delete(&["n"], &n.to_string()).unwrap(),
                    _ => drop(store.batch(vec![put(n, 1)]).unwrap()),
                }
            }
        });
        for _ in 0..5 {
            let found = store.search(search()).unwrap();
            assert!(found.iter().all(|item| {
                let score = item.score.as_ref().map(|score| score.value);
                score
                    == Some(if item.value["t"] == WORDS[1] {
                        1.0
                    } else {
                        0.0
                    })
            }));
        }
    });
    let found = store.search(search()).unwrap();
    let near = found
        .iter()
        .filter(|item| item.score.as_ref().is_some_and(|of| of.value > 0.5));
    assert_eq!((found.len(), near.count()), (1900, 200));
}

#[test]
fn another_embedder_for_one_handle_has_vectors_of_its_own() {
    let dir = tempfile::tempdir().unwrap();
    let db = stepwell::db::Db::open(dir.path()).unwrap();
    let asked = Arc::new(AtomicUsize::new(0));
    let of = |name| Counting {
        name,
        asked: Arc::clone(&asked),
    };
    let store = BlockingStore::new(db.store().with_embedder(of("one")));
    let item = json!({"t": " bee "});
    store.put(&["a"], "k", item.clone()).unwrap();
    let query = || Search::new(&["a"]).query("bee");
    let scored = |found: Vec<Item>| found[0].score.as_ref().map(|score| score.value);
    let near = scored(store.search(query()).unwrap());
    assert!(near.is_some_and(|score| score > 0.9));
    // The database has none, and another model's vectors are not compared.
    let plain = BlockingStore::new(db.store());
    assert!(matches!(
        plain.search(query()),
        Err(StoreError::CannotRank { .. })
    ));
    let other = BlockingStore::new(db.store().with_embedder(of("two")));
    assert_eq!(scored(other.search(query()).unwrap()), None);
    assert_eq!(asked.load(Ordering::Relaxed), 3);
    plain.put(&["a"], "k", item).unwrap();
    assert_eq!(scored(store.search(query()).unwrap()), None);
}

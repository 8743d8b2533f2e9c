//! Searching a database's store with a query: by meaning (384 dimensions), and by words (texts of 20 words). A plain loop over as many vectors
//! stands beside the first, and items without texts beside the puts of the second.
//!
//! `cargo bench --bench search` takes about a minute; `-- --smoke` a second, for checking that it works. With `--features ann` vectors are searched by a graph as well, which
//! takes some minutes more. `-- --items 20000` takes so many instead of 10,000 and 100,000; `-- --only` with `meaning`, `near` or `words` leaves out the others.
#![expect(clippy::print_stdout, reason = "a benchmark prints what it measured")]
#![expect(
    clippy::unwrap_used,
    reason = "a benchmark stops at the first thing that is not as expected"
)]

use std::hint::black_box;
use std::time::{Duration, Instant};

use futures::FutureExt;
use futures::future::BoxFuture;
use serde_json::{Value, json};
use stepwell::db::{Db, Durability};
use stepwell::store::{
    BlockingStore, DbStore, Embedder, Embedding, Op, Ranking, Search, Store, StoreOptions,
    TextFields,
};

const DIMENSION: usize = 384;
const AT_ONCE: usize = 1000;

/// Numbers that follow from a seed.
struct Numbers(u64);

impl Numbers {
    fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    /// From 0 to 1.
    fn next(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }
}

fn vector(seed: u64) -> Vec<f32> {
    let mut numbers = Numbers::new(seed);
    (0..DIMENSION)
        .map(|_| numbers.next() as f32 - 0.5)
        .collect()
}

/// Words of which the rank of each is as likely as any other of its order of magnitude.
fn words(seed: u64) -> String {
    let mut numbers = Numbers::new(seed);
    let words = (0..20).map(|_| format!("word{}", 20_000_f64.powf(numbers.next()) as u64));
    words.collect::<Vec<_>>().join(" ")
}

/// The same near one of 1,000 centres.
#[cfg(feature = "ann")]
fn clustered(seed: u64) -> Vec<f32> {
    let centre = vector(u64::MAX - seed % 1000);
    let noise = vector(seed);
    centre
        .iter()
        .zip(noise)
        .map(|(centre, noise)| centre + noise * 0.7)
        .collect()
}

/// Texts are seeds.
struct Random(fn(u64) -> Vec<f32>);

impl Embedder for Random {
    fn name(&self) -> &str {
        "random"
    }

    fn dimension(&self) -> usize {
        DIMENSION
    }

    fn embed(&self, texts: Vec<String>) -> BoxFuture<'_, Embedding<Vec<Vec<f32>>>> {
        let vectors = texts.iter().map(|text| self.0(text.parse().unwrap()));
        let vectors: Vec<_> = vectors.collect();
        async move { Ok(vectors) }.boxed()
    }
}

fn main() {
    let smoke = std::env::args().any(|arg| arg == "--smoke");
    let after = |name| std::env::args().skip_while(move |arg| arg != name).nth(1);
    let items = after("--items").map(|items| items.parse().unwrap());
    let (counts, rounds) = match (smoke, items) {
        (true, _) => (vec![1000], 2),
        (false, Some(items)) => (vec![items], 21),
        (false, None) => (vec![10_000, 100_000], 21),
    };
    let only = after("--only");
    let is_asked = |what| only.as_deref().is_none_or(|only| only == what);
    for count in counts.iter().filter(|_| is_asked("meaning")) {
        by_meaning(*count, rounds);
    }
    let count = *counts.last().unwrap();
    #[cfg(feature = "ann")]
    if is_asked("near") {
        near::measure("random", vector, count, rounds);
        near::measure("clustered", clustered, count, rounds);
    }
    if is_asked("words") {
        by_words(count, rounds);
    }
}

/// The same with a graph of the vectors: how long it takes, and how many of the nearest ten it finds.
#[cfg(feature = "ann")]
mod near {
    use super::*;

    const FOUND: usize = 10;

    pub(super) fn measure(what: &str, of: fn(u64) -> Vec<f32>, count: usize, rounds: usize) {
        let dir = tempfile::tempdir().unwrap();
        let options = StoreOptions::default()
            .embedder(Random(of))
            .texts(&[], TextFields::new(["seed"]))
            .approximate_above(Some(count / 10));
        let store = open(&dir, "near", options);
        fill(&store, count, |seed| json!({"seed": seed.to_string()}));
        let seeds = |round: usize| 1_000_000_000 + round as u64;
        let search = |round| Search::new(&[]).query(seeds(round).to_string());
        let found = |round| {
            let items = store.search(search(round)).unwrap().into_iter();
            items.map(|item| item.key).collect::<Vec<_>>()
        };
        found(0);
        let start = Instant::now();
        let mut exactly = Vec::new();
        while !store.explain(search(0)).unwrap().approximate {
            // What is found meanwhile is found by comparing all.
            if exactly.len() < rounds.max(20) {
                let keys = found(exactly.len());
                let is_exact = !store.explain(search(0)).unwrap().approximate;
                exactly.extend(is_exact.then_some(keys));
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        let made = start.elapsed();
        let common = exactly.iter().enumerate().map(|(round, exact)| {
            let near = found(round);
            exact.iter().filter(|key| near.contains(key)).count()
        });
        let recall = common.sum::<usize>() as f64 / (exactly.len() * FOUND) as f64;
        let took = median(rounds, |round| {
            black_box(found(round));
        });
        println!(
            "{count} {what} vectors in a graph, made in {made:?}: a search {took:?}, {recall:.3} of the nearest {FOUND} of {} searches",
            exactly.len()
        );
    }
}

fn open(dir: &tempfile::TempDir, name: &str, options: StoreOptions) -> BlockingStore<DbStore> {
    let options = Db::options().durability(Durability::Os).store(options);
    options
        .open(dir.path().join(name))
        .unwrap()
        .store()
        .blocking()
}

/// How long a put took, by the clock, and by all of the process's processors.
#[derive(Clone, Copy, Debug)]
struct Took {
    #[expect(dead_code, reason = "it is printed")]
    clock: Duration,
    #[expect(dead_code, reason = "it is printed")]
    processors: Duration,
}

fn processor_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::try_from(time).unwrap()
}

/// Puts `count` items; a hundredth of them into the namespace `a`.
fn fill(store: &BlockingStore<DbStore>, count: usize, value: impl Fn(u64) -> Value) -> Took {
    let (mut clock, mut processors) = (Duration::ZERO, Duration::ZERO);
    for first in (0..count).step_by(AT_ONCE) {
        let puts = (first..first + AT_ONCE).map(|n| {
            let namespace = if n.is_multiple_of(100) { "a" } else { "b" };
            Op::put(&[namespace], n.to_string(), value(n as u64 + 1))
        });
        let puts = puts.collect();
        let (start, processor) = (Instant::now(), processor_time());
        store.batch(puts).unwrap();
        clock += start.elapsed();
        processors += processor_time() - processor;
    }
    let count = u32::try_from(count).unwrap();
    Took {
        clock: clock / count,
        processors: processors / count,
    }
}

fn median(rounds: usize, mut what: impl FnMut(usize)) -> Duration {
    let times = (0..rounds).map(|round| {
        let start = Instant::now();
        what(round);
        start.elapsed()
    });
    let mut times: Vec<_> = times.collect();
    times.sort_unstable();
    times.get(rounds / 2).copied().unwrap()
}

fn by_meaning(count: usize, rounds: usize) {
    let dir = tempfile::tempdir().unwrap();
    let texts = TextFields::new(["seed"]);
    let options = || {
        StoreOptions::default()
            .embedder(Random(vector))
            .texts(&[], texts.clone())
    };
    let store = open(&dir, "db", options());
    let put = fill(
        &store,
        count,
        |seed| json!({"seed": seed.to_string(), "n": seed % 1000}),
    );
    let search = |prefix: &[&str], round: usize| {
        let query = (1_000_000_000 + round).to_string();
        let found = store.search(Search::new(prefix).query(query)).unwrap();
        assert_eq!(found.len(), 10);
    };
    let first = median(1, |round| search(&[], round));
    let all = median(rounds, |round| search(&[], round));
    let below = median(rounds, |round| search(&["a"], round));
    let vectors: Vec<_> = (0..count as u64).map(vector).collect();
    let query = vector(7);
    let plain = median(rounds, |_| {
        let dot = |of: &Vec<f32>| of.iter().zip(&query).map(|(a, b)| a * b).sum::<f32>();
        black_box(vectors.iter().map(dot).max_by(f32::total_cmp));
    });
    println!(
        "{count} items by meaning: a put {put:?}, the first search {first:?}, a search {all:?}, in a hundredth {below:?}; a plain loop {plain:?}"
    );
}

fn by_words(count: usize, rounds: usize) {
    let dir = tempfile::tempdir().unwrap();
    let value = |seed| json!({"text": words(seed)});
    let texts = TextFields::new(["text"]);
    let store = open(&dir, "texts", StoreOptions::default().texts(&[], texts));
    let bare = open(&dir, "bare", StoreOptions::default());
    let put = fill(&store, count, value);
    let without = fill(&bare, count, value);
    println!("{count} items by words: a put {put:?}, without texts {without:?}");
    for query in [
        "word3 word700 word9000",
        "word1",
        "word700 word9000",
        "word15000",
    ] {
        let search = |prefix: &[&str]| {
            let search = Search::new(prefix).query(query).ranking(Ranking::Words);
            store.search(search).unwrap().len()
        };
        let all = median(rounds, |_| {
            black_box(search(&[]));
        });
        let below = median(rounds, |_| {
            black_box(search(&["a"]));
        });
        println!("  {query}: {all:?}, in a hundredth {below:?}");
    }
}

//! Items that queries rank, that expire, and that were something else before: what a golden database has of them, and what it answers.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures::FutureExt;
use futures::future::BoxFuture;
use serde_json::{Value, json};
use stepwell::db::Db;
use stepwell::store::{
    BlockingStore, DbStore, Embedder, Embedding, Filter, Get, IndexedFields, ListNamespaces, Op,
    Put, Ranking, Search, Store, StoreOptions, TextFields,
};

/// How often each of four words is in a text.
struct Words;

impl Embedder for Words {
    fn name(&self) -> &'static str {
        "golden"
    }

    fn dimension(&self) -> usize {
        4
    }

    fn embed(&self, texts: Vec<String>) -> BoxFuture<'_, Embedding<Vec<Vec<f32>>>> {
        let vector = |text: &String| {
            let count = |word: &str| text.matches(word).map(|_| 1.0).sum();
            ["sea", "sky", "sand", "snow"].map(count).to_vec()
        };
        async move { Ok(texts.iter().map(vector).collect()) }.boxed()
    }
}

const CENTURIES: Duration = Duration::from_secs(500 * 365 * 86_400);

pub(crate) fn store_options() -> StoreOptions {
    StoreOptions::default()
        .embedder(Words)
        .texts(&[], TextFields::NONE)
        .texts(&["ranked"], TextFields::new(["text", "notes[*]"]))
        .index(&["ranked", "few"], IndexedFields::Only(vec!["n".into()]))
        .history(&[], Some(CENTURIES))
        .ttl(&["long"], Some(CENTURIES))
}

fn text(n: usize) -> String {
    let words = ["sea", "sky", "sand", "snow", "and", "wind", "Über", "海"];
    let word = |at: usize| words.get((n * 5 + at * at + n * at) % words.len()).copied();
    (0..3 + n % 5)
        .filter_map(word)
        .collect::<Vec<_>>()
        .join(" ")
}

pub(crate) fn fill(db: &Db) {
    let store = db.store().blocking();
    for n in 0..40 {
        let labels = ["ranked", if n % 4 == 0 { "few" } else { "all" }];
        let value = json!({"n": n, "text": text(n), "notes": [text(n + 7), text(n + 9)]});
        store.put(&labels, &format!("k{n:02}"), value).unwrap();
    }
    let batch = (0..400).map(|n| {
        let value = json!({"n": n, "text": "sea"});
        Op::put(&["ranked", "many"], format!("m{n:03}"), value)
    });
    store.batch(batch.collect()).unwrap();
    for n in (0..40).step_by(3) {
        let labels = ["ranked", if n % 4 == 0 { "few" } else { "all" }];
        let key = format!("k{n:02}");
        match n % 2 {
            0 => store.delete(&labels, &key).unwrap(),
            _ => store
                .put(&labels, &key, json!({"n": n, "text": text(n + 1)}))
                .unwrap(),
        }
    }
    store
        .put(&["long"], "life", json!("it lives for centuries"))
        .unwrap();
    let gone = Put::new(&["short"], "life", json!("it is gone")).ttl(Duration::ZERO);
    store.put_with(gone).unwrap();
    let read = store.get(&["long"], "life").unwrap().unwrap();
    assert!(read.expires_at.is_some());
    let secret = Put::new(&["ranked", "all"], "secret", json!({"text": "sea sea sea"}));
    store.put_with(secret.texts(TextFields::NONE)).unwrap();
}

fn micros(at: SystemTime) -> u64 {
    let since = at.duration_since(UNIX_EPOCH).unwrap();
    since.as_micros().try_into().unwrap()
}

fn thousandths(of: f64) -> Value {
    json!(format!("{of:.3}"))
}

/// What a filled database answers, but for `answers`.
pub(crate) fn store_answers(db: &Db) -> Value {
    let store = db.store().blocking();
    let ranked = |query: &str, ranking, prefix: &[&str]| {
        let search = Search::new(prefix).query(query).ranking(ranking).limit(30);
        let items = store.search(search).unwrap().into_iter();
        let found = items.map(|item| {
            let score = item.score.map(|score| thousandths(score.value));
            json!([item.namespace, item.key, score])
        });
        found.collect::<Vec<_>>()
    };
    let mut queries = vec![ranked("sea and wind", Ranking::Meaning, &[])];
    // Without that feature there are none.
    if cfg!(feature = "words") {
        for query in ["sea", "snow wind", "über 海", "nothing"] {
            queries.push(ranked(query, Ranking::Words, &["ranked"]));
        }
        queries.push(ranked("sand and sky", Ranking::Both, &["ranked", "all"]));
    }
    let filtered = Search::new(&["ranked"])
        .filter(Filter::lt("n", 7))
        .limit(100);
    let keys: Vec<_> = store
        .search(filtered)
        .unwrap()
        .into_iter()
        .map(|item| item.key)
        .collect();
    let namespaces = store.list_namespaces(ListNamespaces::default()).unwrap();
    let namespaces: Vec<_> = namespaces
        .into_iter()
        .filter(|of| of.first().is_none_or(|first| first != "items"))
        .collect();
    let life = Get::new(&["long"], "life").refresh_ttl(false);
    let expires = store.get_with(life).unwrap().unwrap().expires_at;
    json!({
        "queries": queries,
        "filtered": keys,
        "namespaces": namespaces,
        "histories": (0..12).map(|n| history(&store, n)).collect::<Vec<_>>(),
        "expires": expires.map(micros),
        "gone": store.get(&["short"], "life").unwrap().is_none(),
    })
}

fn history(store: &BlockingStore<DbStore>, n: usize) -> Value {
    let labels = ["ranked", if n.is_multiple_of(4) { "few" } else { "all" }];
    let key = format!("k{n:02}");
    let history = store.history(&labels, &key).unwrap();
    let versions = history.versions.into_iter().map(|version| {
        let item = version.item;
        let then = store
            .get_as_of(&labels, &key, item.updated_at.into())
            .unwrap();
        assert_eq!(then.map(|item| item.value), Some(item.value.clone()));
        let ended = version
            .ended
            .map(|of| json!([micros(of.at), format!("{:?}", of.how)]));
        json!([
            item.value,
            micros(item.created_at),
            micros(item.updated_at),
            ended
        ])
    });
    json!([versions.collect::<Vec<_>>(), history.kept_since.map(micros)])
}

//! What items were keeps the vectors that it was ranked by, and is not ranked.

use std::fs;
use std::ops::ControlFlow;

use futures::FutureExt;
use futures::future::BoxFuture;
use serde_json::json;
use stepwell::db::{Db, VerifyOptions};
use stepwell::store::{Embedder, Embedding, Search, Store, StoreOptions};

use crate::database::{Database, Reopening, options};

/// Its vectors are long enough that equal ones are stored once.
struct Wide;

impl Embedder for Wide {
    fn name(&self) -> &'static str {
        "wide"
    }

    fn dimension(&self) -> usize {
        2048
    }

    fn embed(&self, texts: Vec<String>) -> BoxFuture<'_, Embedding<Vec<Vec<f32>>>> {
        let vector = |text: &String| vec![text.len() as f32; 2048];
        async move { Ok(texts.iter().map(vector).collect()) }.boxed()
    }
}

fn check(db: &Db) {
    let report = db.verify(VerifyOptions::default(), &mut |_| ControlFlow::Continue(()));
    let report = report.unwrap();
    assert!(report.is_clean(), "{report:?}");
    let store = db.store().blocking();
    let history = store.history(&["kept"], "k").unwrap().versions;
    let was: Vec<_> = history.iter().map(|version| &version.item.value).collect();
    assert_eq!(was, [&json!("a dog"), &json!("cow")]);
    assert!(history.iter().all(|version| version.item.score.is_none()));
    let found = store.search(Search::new(&[]).query("cow")).unwrap();
    let found: Vec<_> = found.iter().map(|item| &item.value).collect();
    assert_eq!(found, [&json!("a dog")]);
}

#[test]
fn vectors_that_only_the_past_needs_outlive_compaction() {
    let store = StoreOptions::default()
        .embedder(Wide)
        .history(&["gone"], None);
    let mut database = Database::with(options().store(store));
    let store = database.db().store().blocking();
    store.put(&["gone"], "k", json!("cow")).unwrap();
    // Its vectors are those of the other.
    store.put(&["kept"], "k", json!("cow")).unwrap();
    store.put(&["kept"], "k", json!("a dog")).unwrap();
    store.delete(&["gone"], "k").unwrap();
    drop(store);
    check(database.db());
    database.db().compact().unwrap();
    check(database.db());
    database.reopen(Reopening::Clean);
    check(database.db());
    let _ = fs::remove_file(database.db().path().join("index.redb"));
    database.reopen(Reopening::Unclean);
    check(database.db());
}

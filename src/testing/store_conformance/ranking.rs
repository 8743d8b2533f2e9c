//! Searching with a query: by meaning, by words, and by both.

use std::time::{Duration, UNIX_EPOCH};

use futures::FutureExt;
use futures::future::BoxFuture;
use serde_json::{Value, json};

use super::Capability;
use super::failure::{Failure, Outcome};
use super::used::{Used, wait};
use crate::store::{
    Cursor, Embedder, EmbedderProblem, Embedding, Filter, Moment, Op, Order, Put, Ranking, Search,
    StoreError, StoreOptions, TextFields,
};

/// Texts mean what they say of four things.
struct Things;

const THINGS: [&str; 4] = ["cat", "dog", "fish", "sky"];

impl Embedder for Things {
    fn name(&self) -> &'static str {
        "things"
    }

    fn dimension(&self) -> usize {
        THINGS.len()
    }

    fn embed(&self, texts: Vec<String>) -> BoxFuture<'_, Embedding<Vec<Vec<f32>>>> {
        let vector = |text: &String| {
            let count = |thing: &&str| text.matches(thing).map(|_| 1.0).sum();
            let mut vector: Vec<f32> = THINGS.iter().map(count).collect();
            if text.contains("too long") {
                vector.push(1.0);
            }
            if text.contains("not a number") {
                vector.iter_mut().for_each(|element| *element = f32::NAN);
            }
            vector
        };
        async move {
            if texts.iter().any(|text| text.contains("broken")) {
                return Err("it is broken".into());
            }
            Ok(texts.iter().map(vector).collect())
        }
        .boxed()
    }
}

pub(super) fn options() -> StoreOptions {
    super::default_options()
        .embedder(Things)
        .texts(&["p"], TextFields::new(["title", "notes[*]"]))
        .ttl(&["p", "short"], Some(Duration::from_millis(200)))
}

fn query(query: &str) -> Search {
    Search::new(&["p"]).query(query)
}

/// Keys and scores, in thousandths.
fn found(store: &Used<'_>, search: Search) -> Result<Vec<(String, Option<i64>)>, StoreError> {
    let thousandths = |score: f64| {
        let text = format!("{:.0}", score * 1000.0);
        text.parse().unwrap_or_default()
    };
    let items = store.search(search)?.into_iter();
    Ok(items
        .map(|item| (item.key, item.score.map(|score| thousandths(score.value))))
        .collect())
}

fn scored(expected: &[(&str, Option<i64>)]) -> Vec<(String, Option<i64>)> {
    let expected = expected.iter();
    expected
        .map(|(key, score)| (key.to_string(), *score))
        .collect()
}

fn put_some(store: &Used<'_>) -> Result<(), StoreError> {
    for (namespace, key, value) in [
        (
            "a",
            "notes",
            json!({"title": "cat", "notes": ["dog dog", "sky"], "n": 1}),
        ),
        ("a", "both", json!({"title": "dog cat", "n": 2})),
        ("b", "other", json!({"title": "fish", "n": 3})),
        ("b", "none", json!({"text": "dog", "n": 4})),
    ] {
        store.put(&["p", namespace], key, value)?;
        wait(0);
    }
    store.put(&["q"], "elsewhere", json!("dog"))
}

pub(super) fn a_query_ranks_items_by_their_nearest_text(store: &mut Used<'_>) -> Outcome {
    put_some(store)?;
    store.reopen();
    let all = [
        ("notes", Some(1000)),
        ("both", Some(707)),
        ("other", Some(0)),
        ("none", None),
    ];
    same!(found(store, query("dog"))?, scored(&all));
    let items = store.search(query("dog").limit(1))?;
    let fields = items.into_iter().filter_map(|item| item.score);
    let fields: Vec<_> = fields.flat_map(|score| score.fields).collect();
    let expected = [("notes[*].0", 1.0), ("notes[*].1", 0.0), ("title", 0.0)];
    same!(
        fields,
        expected
            .map(|(path, score)| (path.to_owned(), score))
            .to_vec()
    );
    // What is put and removed from then on counts as well.
    store.put(&["p"], "new", json!({"title": "dog"}))?;
    store.delete(&["p", "a"], "notes")?;
    store.put(&["p", "b"], "other", json!({"title": "dog fish fish"}))?;
    let all = [
        ("new", Some(1000)),
        ("both", Some(707)),
        ("other", Some(447)),
        ("none", None),
    ];
    same!(found(store, query("dog"))?, scored(&all));
    store.reopen();
    same!(found(store, query("dog"))?, scored(&all));
    Ok(())
}

pub(super) fn a_put_says_which_of_its_texts_are_ranked(store: &mut Used<'_>) -> Outcome {
    let value = json!({"title": "dog", "other": "cat"});
    let put = |key: &str| Put::new(&["p"], key, value.clone());
    store.put_with(put("1"))?;
    wait(0);
    store.put_with(put("2").texts(TextFields::NONE))?;
    wait(0);
    store.put_with(put("3").texts(TextFields::new(["other"])))?;
    wait(0);
    store.put_with(put("4").texts(TextFields::whole()))?;
    store.put(&["q"], "whole", json!({"title": "dog"}))?;
    store.reopen();
    let all = [
        ("1", Some(1000)),
        ("4", Some(707)),
        ("3", Some(0)),
        ("2", None),
    ];
    same!(found(store, query("dog"))?, scored(&all));
    let elsewhere = Search::new(&["q"]).query("dog");
    same!(found(store, elsewhere)?, scored(&[("whole", Some(1000))]));
    // An empty query is none.
    same!(
        found(store, query("").order(Order::Key))?
            .first()
            .and_then(|of| of.1),
        None
    );
    Ok(())
}

pub(super) fn a_query_ranks_what_prefix_and_filter_leave(store: &mut Used<'_>) -> Outcome {
    put_some(store)?;
    store.reopen();
    let below = Search::new(&["p", "b"]).query("dog");
    same!(
        found(store, below)?,
        scored(&[("other", Some(0)), ("none", None)])
    );
    for ranking in [Ranking::Meaning, Ranking::Both] {
        let some = query("dog").ranking(ranking).filter(Filter::gte("n", 2));
        same!(store.keys(some.clone())?, ["both", "other", "none"]);
        same!(store.keys(some.clone().limit(1))?, ["both"]);
        same!(store.keys(some.clone().limit(1).offset(1))?, ["other"]);
        same!(store.keys(some.clone().limit(2).offset(2))?, ["none"]);
        same!(store.keys(some.offset(3))?, [""; 0]);
    }
    let one = query("dog").filter(Filter::eq("n", 3));
    same!(store.keys(one.clone())?, ["other"]);
    same!(store.count(one)?, 1);
    same!(store.count(query("dog"))?, 4);
    Ok(())
}

pub(super) fn a_query_finds_nothing_that_has_expired(store: &mut Used<'_>) -> Outcome {
    store.put(&["p", "short"], "gone", json!({"title": "dog dog"}))?;
    store.put(&["p"], "stays", json!({"title": "dog cat"}))?;
    wait(250);
    for ranking in [Ranking::Meaning, Ranking::Words, Ranking::Both] {
        if !has_words(store) && ranking != Ranking::Meaning {
            continue;
        }
        let before = found(store, query("dog").ranking(ranking))?;
        same!(
            before.iter().map(|(key, _)| key).collect::<Vec<_>>(),
            ["stays"]
        );
        wait(50);
        // Nor do scores tell whether it is removed already.
        same!(found(store, query("dog").ranking(ranking))?, before);
    }
    Ok(())
}

pub(super) fn an_embedder_that_fails_changes_nothing(store: &mut Used<'_>) -> Outcome {
    store.put(&["p"], "k", json!({"title": "dog"}))?;
    let failing = |text: &str| -> Result<EmbedderProblem, Failure> {
        let ops = vec![
            Op::put(&["p"], "new", json!({"title": "cat"})),
            Op::put(&["p"], "k", json!({"title": text})),
            Op::delete(&["p"], "k"),
            Op::put(&["p"], "bad", json!({"title": text})),
        ];
        match store.batch(ops) {
            Err(StoreError::Embedder { problem, .. }) => Ok(problem),
            other => Err(Failure::new(format!("{text}: {other:?}"))),
        }
    };
    holds!(matches!(failing("broken")?, EmbedderProblem::Failed(_)));
    holds!(matches!(
        failing("too long")?,
        EmbedderProblem::Dimension { wanted: 4, made: 5 }
    ));
    holds!(matches!(
        failing("not a number")?,
        EmbedderProblem::NotFinite
    ));
    let searched = store.search(query("broken"));
    holds!(matches!(searched, Err(StoreError::Embedder { .. })));
    same!(store.keys(Search::new(&[]))?, ["k"]);
    same!(found(store, query("dog"))?, scored(&[("k", Some(1000))]));
    Ok(())
}

pub(super) fn a_query_in_a_batch_ranks_what_was_there_before(store: &mut Used<'_>) -> Outcome {
    store.put(&["p"], "k", json!({"title": "dog"}))?;
    let answers = store.batch(vec![
        Op::put(&["p"], "k", json!({"title": "cat"})),
        query("dog").into(),
    ])?;
    let found_then = answers.into_iter().find_map(|answer| match answer {
        crate::store::Answer::Page(page) => Some(page.items),
        _ => None,
    });
    let titles = found_then.unwrap_or_default().into_iter();
    let titles: Vec<_> = titles
        .map(|item| item.value.get("title").cloned())
        .collect();
    same!(titles, [Some(Value::from("dog"))]);
    same!(found(store, query("dog"))?, scored(&[("k", Some(0))]));
    Ok(())
}

pub(super) fn a_query_that_cannot_be_answered_is_refused(store: &mut Used<'_>) -> Outcome {
    put_some(store)?;
    let page = store.page(query("dog").limit(1))?;
    same!(page.next, None::<Cursor>);
    let next = store.page(Search::new(&["p"]).limit(1))?.next;
    let refused = next.map(|next| store.page(query("dog").after(next)));
    holds!(matches!(
        refused,
        Some(Err(StoreError::InvalidCursor { .. }))
    ));
    let then = Moment::at(UNIX_EPOCH);
    let refused = store.page(query("dog").as_of(then));
    holds!(matches!(refused, Err(StoreError::CannotRank { .. })));
    Ok(())
}

pub(super) fn has_words(store: &Used<'_>) -> bool {
    cfg!(feature = "words") && store.can(Capability::Words)
}

pub(super) fn both_rankings_are_fused_by_rank(store: &mut Used<'_>) -> Outcome {
    let both = query("dog").ranking(Ranking::Both);
    if !has_words(store) {
        holds!(matches!(
            store.search(both),
            Err(StoreError::CannotRank { .. })
        ));
        return Ok(());
    }
    // By meaning in this order, by words the last one alone.
    store.put(&["p"], "dogged", json!({"title": "dogged"}))?;
    store.put(&["p"], "near", json!({"title": "doggy cat"}))?;
    store.put(&["p"], "word", json!({"title": "dog cat"}))?;
    store.put_with(Put::new(&["p"], "none", json!(1)).texts(TextFields::NONE))?;
    store.reopen();
    let expected = [
        // 1/63 + 1/61, 1/61, 1/62.
        ("word", Some(32)),
        ("dogged", Some(16)),
        ("near", Some(16)),
        ("none", None),
    ];
    same!(found(store, both.clone())?, scored(&expected));
    same!(store.keys(both.limit(2).offset(1))?, ["dogged", "near"]);
    Ok(())
}

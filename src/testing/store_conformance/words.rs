//! Searching by words.

use serde_json::json;

use super::failure::Outcome;
use super::ranking::has_words;
use super::used::Used;
use crate::store::{Ranking, Search, StoreError, StoreOptions, TextFields};

pub(super) fn options() -> StoreOptions {
    super::default_options().texts(&["p"], TextFields::new(["title", "notes[*]"]))
}

pub(super) fn a_query_ranks_items_by_their_words(store: &mut Used<'_>) -> Outcome {
    let by_words = |query: &str| Search::new(&["p"]).query(query).ranking(Ranking::Words);
    if !has_words(store) {
        let refused = store.search(by_words("dog"));
        holds!(matches!(refused, Err(StoreError::CannotRank { .. })));
        return Ok(());
    }
    for (key, title) in [
        ("short", "The Dog"),
        ("long", "the dog and the cat, and the dog under a wide sky"),
        ("cat", "cat"),
        ("none", "fish"),
    ] {
        store.put(&["p", "a"], key, json!({"title": title, "title2": "dog"}))?;
    }
    store.put(&["p", "b"], "notes", json!({"notes": ["cat", "CAT's"]}))?;
    store.put(&["q"], "elsewhere", json!("dog"))?;
    store.reopen();
    same!(store.keys(by_words("dog"))?, ["short", "long"]);
    same!(store.keys(by_words("DOG!"))?, ["short", "long"]);
    same!(store.keys(by_words("cat sky"))?, ["long", "cat", "notes"]);
    same!(store.keys(by_words("bird"))?, [""; 0]);
    same!(store.keys(by_words("..."))?, [""; 0]);
    same!(store.count(by_words("cat"))?, 3);
    same!(store.keys(by_words("cat").limit(1).offset(1))?, ["notes"]);
    store.put(&["p", "a"], "short", json!({"title": "bird"}))?;
    store.delete(&["p", "a"], "long")?;
    same!(store.keys(by_words("dog"))?, [""; 0]);
    same!(store.keys(by_words("bird cat"))?, ["short", "cat", "notes"]);
    store.reopen();
    same!(store.keys(by_words("bird cat"))?, ["short", "cat", "notes"]);
    Ok(())
}

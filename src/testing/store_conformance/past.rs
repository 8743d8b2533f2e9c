//! What items were.

use std::time::SystemTime;

use serde_json::{Value, json};

use super::failure::Outcome;
use super::used::{Used, wait};
use crate::store::{Ending, Get, ItemHistory, Moment, Op, Put, Search, StoreError, StoreOptions};
use crate::vfs::{Host, OsHost};

pub(super) fn options() -> StoreOptions {
    super::default_options().history(&["unkept"], None)
}

/// A moment that is behind all puts before it, and in front of those after it.
fn now() -> Moment {
    wait(2);
    let now: SystemTime = OsHost.system_time();
    wait(2);
    now.into()
}

/// The values of an item, newest first, and what became of them.
fn versions(store: &Used<'_>, of: ItemHistory) -> Result<Vec<(Value, Option<Ending>)>, StoreError> {
    let versions = store.history(of)?.versions.into_iter();
    let of = versions.map(|version| (version.item.value, version.ended.map(|ended| ended.how)));
    Ok(of.collect())
}

pub(super) fn what_an_item_was_is_listed_newest_first(store: &mut Used<'_>) -> Outcome {
    let of = || ItemHistory::new(&["a"], "k");
    same!(versions(store, of())?.len(), 0);
    store.put(&["a"], "k", json!(1))?;
    store.put(&["a"], "k", json!({"n": 2}))?;
    store.put(&["a"], "other", json!(0))?;
    store.delete(&["a"], "k")?;
    store.put_with(Put::new(&["a"], "k", json!(3)).ttl(std::time::Duration::ZERO))?;
    wait(1);
    store.put(&["a"], "k", json!(4))?;
    store.batch(vec![
        Op::put(&["a"], "k", json!(5)),
        Op::put(&["a"], "k", json!(6)),
    ])?;
    store.reopen();
    let all = [
        (json!(6), None),
        (json!(4), Some(Ending::Replaced)),
        (json!(3), Some(Ending::Expired)),
        (json!({"n": 2}), Some(Ending::Deleted)),
        (json!(1), Some(Ending::Replaced)),
    ];
    same!(versions(store, of())?, all);
    same!(versions(store, of().limit(2))?, all[..2]);
    let history = store.history(of())?;
    holds!(history.kept_since.is_some());
    let numbers = history.versions.iter().map(|version| version.number);
    let numbers: Vec<u64> = numbers.collect();
    holds!(numbers.is_sorted_by(|a, b| a > b));
    if let [_, _, third, ..] = numbers.as_slice() {
        same!(versions(store, of().before(*third))?, all[3..]);
    }
    let (newest, deleted) = (history.versions.first(), history.versions.get(3));
    holds!(newest.is_some_and(|now| now.item.created_at < now.item.updated_at));
    holds!(deleted.is_some_and(|old| {
        old.item.created_at < old.item.updated_at
            && old
                .ended
                .is_some_and(|ended| ended.at >= old.item.updated_at)
    }));
    Ok(())
}

pub(super) fn items_are_read_as_they_were(store: &mut Used<'_>) -> Outcome {
    let before = now();
    store.put(&["a"], "k", json!(1))?;
    store.put(&["a", "b"], "k", json!({"n": 1}))?;
    let first = now();
    store.put(&["a"], "k", json!(2))?;
    store.delete(&["a", "b"], "k")?;
    store.put(&["ab"], "k", json!(1))?;
    let second = now();
    store.delete(&["a"], "k")?;
    store.reopen();
    let at = |namespace: &[&str], moment| {
        let item = store.get_with(Get::new(namespace, "k").as_of(moment))?;
        Ok::<_, StoreError>(item.map(|item| item.value))
    };
    let found = |moment| store.keys(Search::new(&["a"]).as_of(moment));
    same!(at(&["a"], before)?, None::<Value>);
    same!(found(before)?.len(), 0);
    same!(at(&["a"], first)?, Some(json!(1)));
    same!(at(&["a", "b"], first)?, Some(json!({"n": 1})));
    same!(found(first)?.len(), 2);
    same!(store.count(Search::new(&["a"]).as_of(first))?, 2);
    same!(at(&["a"], second)?, Some(json!(2)));
    same!(at(&["a", "b"], second)?, None::<Value>);
    same!(found(second)?.len(), 1);
    same!(at(&["a"], now())?, None::<Value>);
    same!(found(now())?.len(), 0);
    let filter = crate::store::Filter::eq("n", 1);
    same!(
        store.keys(Search::new(&["a"]).filter(filter).as_of(first))?,
        ["k"]
    );
    Ok(())
}

pub(super) fn what_is_not_kept_is_an_error_and_no_wrong_answer(store: &mut Used<'_>) -> Outcome {
    store.put(&["unkept"], "k", json!(1))?;
    store.put(&["kept"], "k", json!(1))?;
    let then = now();
    store.put(&["unkept"], "stays", json!(1))?;
    store.put(&["unkept"], "k", json!(2))?;
    store.delete(&["kept"], "k")?;
    store.reopen();
    let at = |namespace: &[&str], moment| store.get_with(Get::new(namespace, "k").as_of(moment));
    holds!(matches!(
        at(&["unkept"], then),
        Err(StoreError::NotKept { .. })
    ));
    holds!(at(&["unkept"], now())?.is_some());
    holds!(at(&["kept"], then)?.is_some());
    for prefix in [&[][..], &["unkept"]] {
        let found = store.search(Search::new(prefix).as_of(then));
        holds!(matches!(found, Err(StoreError::NotKept { .. })));
    }
    same!(store.search(Search::new(&["kept"]).as_of(then))?.len(), 1);
    let history = store.history(ItemHistory::new(&["unkept"], "k"))?;
    same!(
        (history.versions.len(), history.kept_since),
        (1, None::<SystemTime>)
    );
    Ok(())
}

//! Several things at once.

use serde_json::json;

pub(super) use super::default_options as options;
use super::failure::{Failure, Outcome};
use super::used::Used;
use crate::store::{Answer, ListNamespaces, Op, Search, StoreError};

pub(super) fn a_batch_reads_what_was_there_before_it_writes(store: &mut Used<'_>) -> Outcome {
    store.put(&["a"], "k", json!("old"))?;
    let answers = store.batch(vec![
        Op::put(&["a"], "k", json!("new")),
        Op::get(&["a"], "k"),
        Op::put(&["b"], "l", json!(1)),
        Op::get(&["b"], "l"),
        Op::Count(Search::new(&[])),
        ListNamespaces::default().into(),
        Op::delete(&["a"], "never"),
    ])?;
    let [_, Answer::Item(Some(old)), _, rest @ ..] = answers.as_slice() else {
        return Err(Failure::new(format!("it answers {answers:?}")));
    };
    same!(old.value, json!("old"));
    let namespaces = vec![vec!["a".to_owned()]];
    same!(
        rest,
        [
            Answer::Item(None),
            Answer::Count(1),
            Answer::Namespaces(namespaces),
            Answer::Done
        ]
    );
    store.reopen();
    same!(store.there(&["a"], "k")?.value, json!("new"));
    same!(store.there(&["b"], "l")?.value, json!(1));
    Ok(())
}

pub(super) fn the_last_write_of_a_key_counts(store: &mut Used<'_>) -> Outcome {
    store.put(&["a"], "there", json!(0))?;
    store.batch(vec![
        Op::put(&["a"], "k", json!(1)),
        Op::put(&["a"], "k", json!(2)),
        Op::put(&["a"], "gone", json!(1)),
        Op::delete(&["a"], "gone"),
        Op::delete(&["a"], "there"),
        Op::put(&["a"], "there", json!(1)),
    ])?;
    store.reopen();
    same!(store.there(&["a"], "k")?.value, json!(2));
    same!(store.there(&["a"], "there")?.value, json!(1));
    holds!(store.get(&["a"], "gone")?.is_none());
    Ok(())
}

pub(super) fn a_batch_that_is_wrong_changes_nothing(store: &mut Used<'_>) -> Outcome {
    store.put(&["a"], "k", json!(1))?;
    let refused = store.batch(vec![
        Op::put(&["a"], "k", json!(2)),
        Op::delete(&["a"], "k"),
        Op::put(&["langgraph"], "k", json!(3)),
    ]);
    holds!(matches!(refused, Err(StoreError::InvalidNamespace { .. })));
    store.reopen();
    same!(store.there(&["a"], "k")?.value, json!(1));
    same!(store.count(Search::new(&[]))?, 1);
    Ok(())
}

pub(super) fn answers_have_the_order_of_what_was_asked(store: &mut Used<'_>) -> Outcome {
    for key in ["a", "b", "c"] {
        store.put(&["p"], key, json!(key))?;
    }
    store.reopen();
    let answers = store.batch(["c", "x", "a"].map(|key| Op::get(&["p"], key)).into())?;
    let keys: Vec<_> = (answers.into_iter())
        .map(|answer| match answer {
            Answer::Item(item) => item.map(|item| item.key),
            _ => None,
        })
        .collect();
    same!(keys, [Some("c".to_owned()), None, Some("a".to_owned())]);
    same!(store.batch(Vec::new())?, [Answer::Done; 0]);
    Ok(())
}

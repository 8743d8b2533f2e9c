//! Values that are nested deep.

use futures::executor::block_on;
use serde_json::{Value, json};
use stepwell::store::{Op, Search, Store, StoreError, StoreOptions};
use stepwell::testing::store_conformance::Subject;

use crate::Kept;
use crate::backend::Backend;

fn backends() -> Vec<Backend> {
    vec![
        Backend::Memory,
        Backend::Recovered,
        #[cfg(feature = "sqlite")]
        Backend::Sqlite,
    ]
}

/// An object with lists in one another.
fn nested(levels: usize) -> Value {
    json!({"d": (1..levels).fold(json!(1), |inside, _| json!([inside]))})
}

#[test]
fn a_value_as_deep_as_can_be_read_comes_back() {
    for backend in backends() {
        let mut kept = Kept::new(backend, StoreOptions::default(), false);
        block_on(kept.store().put(&["a"], "k", nested(127))).unwrap();
        kept.reopen();
        let found = block_on(kept.store().get(&["a"], "k")).unwrap();
        assert_eq!(found.unwrap().value, nested(127));
    }
}

#[test]
fn a_batch_with_a_value_that_is_too_deep_to_be_read_again_changes_nothing() {
    for backend in backends() {
        let mut kept = Kept::new(backend, StoreOptions::default(), false);
        block_on(kept.store().put(&["a"], "there", json!(1))).unwrap();
        let refused = block_on(kept.store().batch(vec![
            Op::put(&["a"], "before", json!(1)),
            Op::put(&["a"], "there", json!(2)),
            Op::put(&["a", "b"], "deep", nested(128)),
            Op::put(&["a"], "behind", json!(3)),
        ]));
        let error = refused.unwrap_err();
        let is_named = matches!(
            &error,
            StoreError::TooDeep { namespace, key, most: 127 } if namespace == &["a", "b"] && key == "deep"
        );
        assert!(is_named, "{error}");
        kept.reopen();
        let found = block_on(kept.store().search(Search::new(&[]))).unwrap();
        let found: Vec<_> = found.iter().map(|item| (&*item.key, &item.value)).collect();
        assert_eq!(found, [("there", &json!(1))]);
    }
}

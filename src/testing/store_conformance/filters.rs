//! What each condition of a filter says.

use serde_json::{Value, json};

pub(super) use super::default_options as options;
use super::failure::Outcome;
use super::used::Used;

/// Puts values under the given keys, each in turn with all of its fields in the index, and with none.
fn put_all(store: &mut Used<'_>, values: &[(&str, Value)]) -> Outcome {
    use crate::store::{IndexedFields, Put};

    for (number, (key, value)) in values.iter().enumerate() {
        let put = Put::new(&["p"], *key, value.clone());
        let put = match number % 2 {
            0 => put,
            _ => put.index(IndexedFields::NONE),
        };
        store.put_with(put)?;
    }
    store.reopen();
    Ok(())
}

/// Whether each filter finds just the items that it should, alone and beside a condition that all satisfy.
fn find(store: &Used<'_>, table: &[(Value, &[&str])]) -> Outcome {
    for (filter, keys) in table {
        let keys: Vec<_> = keys.iter().map(ToString::to_string).collect();
        let beside = json!({"$and": [filter, {"all": {"$exists": false}}]});
        for filter in [filter, &beside] {
            let found = store.matching(&["p"], filter)?;
            same!((filter, found), (filter, keys.clone()));
        }
        let others = store.matching(&["p"], &json!({"$not": filter}))?;
        let all = store.matching(&["p"], &json!({}))?;
        let rest = all.into_iter().filter(|key| !keys.contains(key));
        same!((filter, others), (filter, rest.collect::<Vec<_>>()));
    }
    Ok(())
}

pub(super) fn each_operator_says_what_holds_for_a_missing_field(store: &mut Used<'_>) -> Outcome {
    put_all(
        store,
        &[
            ("five", json!({"a": {"b": 5}})),
            ("list", json!({"a": {"b": [1, "x"]}})),
            ("null", json!({"a": {"b": null}})),
            ("text", json!({"a": {"b": "xy"}})),
            ("without", json!({"a": {}})),
            ("without both", json!({})),
            ("on no object", json!({"a": 1})),
            ("no object", json!("x")),
        ],
    )?;
    let missing = &[
        "no object",
        "null",
        "on no object",
        "without",
        "without both",
    ];
    let but_five = &[
        "list",
        "no object",
        "null",
        "on no object",
        "text",
        "without",
        "without both",
    ];
    find(
        store,
        &[
            (json!({"a.b": 5}), &["five"]),
            (json!({"a.b": null}), missing),
            (json!({"a.b": {"$eq": null}}), missing),
            (json!({"a.b": {"$ne": null}}), &["five", "list", "text"]),
            (json!({"a.b": {"$ne": 5}}), but_five),
            (json!({"a.b": {"$gt": 4}}), &["five"]),
            (json!({"a.b": {"$gte": 5}}), &["five"]),
            (json!({"a.b": {"$lt": 6}}), &["five"]),
            (json!({"a.b": {"$lte": "y"}}), &["text"]),
            (json!({"a.b": {"$in": [5, "xy"]}}), &["five", "text"]),
            (json!({"a.b": {"$in": [null]}}), missing),
            (json!({"a.b": {"$in": []}}), &[]),
            (json!({"a.b": {"$nin": [5]}}), but_five),
            (json!({"a.b": {"$nin": [null]}}), &["five", "list", "text"]),
            (
                json!({"a.b": {"$exists": true}}),
                &["five", "list", "null", "text"],
            ),
            (
                json!({"a.b": {"$exists": false}}),
                &["no object", "on no object", "without", "without both"],
            ),
            (json!({"a.b": {"$contains": "x"}}), &["list", "text"]),
            (json!({"a.b": {"$contains": null}}), &[]),
            (json!({"a.b": {"$not": {"$gt": 4}}}), but_five),
            (json!({"a": {"b": null}}), &["null", "without"]),
            (json!({"$or": [{"a.b": {"$gt": 4}}, {"z": 1}]}), &["five"]),
        ],
    )
}

pub(super) fn a_list_has_no_fields(store: &mut Used<'_>) -> Outcome {
    put_all(
        store,
        &[
            ("list", json!([1])),
            ("list in an object", json!({"f": [1]})),
            ("object", json!({"0": 1, "-1": 1, "f": {"0": 1, "-1": 1}})),
        ],
    )?;
    let lists = &["list", "list in an object"];
    for place in ["0", "-1", "f.0", "f.-1"] {
        find(
            store,
            &[
                (json!({ place: 1 }), &["object"]),
                (json!({place: {"$gt": 0}}), &["object"]),
                (json!({place: {"$exists": true}}), &["object"]),
                (json!({place: {"$in": [null]}}), lists),
                (json!({place: {"$ne": 1}}), lists),
            ],
        )?;
    }
    Ok(())
}

pub(super) fn numbers_are_compared_by_value(store: &mut Used<'_>) -> Outcome {
    put_all(
        store,
        &[
            ("-0", json!({"n": -0.0})),
            ("0", json!({"n": 0})),
            ("2^53", json!({"n": 9_007_199_254_740_992_u64})),
            ("2^53 + 1", json!({"n": 9_007_199_254_740_993_u64})),
            ("2^53 as a float", json!({"n": 9_007_199_254_740_992.0})),
            ("5", json!({"n": 5})),
            ("5.0", json!({"n": 5.0})),
            ("5.5", json!({"n": 5.5})),
            ("in a list", json!({"n": [5.0]})),
            ("text", json!({"n": "5"})),
            ("true", json!({"n": true})),
        ],
    )?;
    let great = 9_007_199_254_740_992_u64;
    find(
        store,
        &[
            (json!({"n": 5}), &["5", "5.0"]),
            (json!({"n": {"$in": [5.0, 1]}}), &["5", "5.0"]),
            (json!({"n": {"$eq": [5]}}), &["in a list"]),
            (json!({"n": {"$contains": 5}}), &["in a list"]),
            (json!({"n": 0}), &["-0", "0"]),
            (json!({"n": {"$lt": 5.5}}), &["-0", "0", "5", "5.0"]),
            (json!({"n": {"$gt": 5, "$lt": 6}}), &["5.5"]),
            (json!({"n": great}), &["2^53", "2^53 as a float"]),
            (json!({"n": {"$gt": great}}), &["2^53 + 1"]),
            (
                json!({"n": {"$gt": 9_007_199_254_740_992.0}}),
                &["2^53 + 1"],
            ),
            (json!({"n": "5"}), &["text"]),
            (json!({"n": true}), &["true"]),
            (json!({"n": 1}), &[]),
        ],
    )
}

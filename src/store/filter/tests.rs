use serde_json::json;

use super::*;

fn matches(filter: Value, value: Value) -> bool {
    Filter::from_json(&filter).unwrap().matches(&value)
}

fn refusal(filter: Value) -> String {
    Filter::from_json(&filter).unwrap_err().to_string()
}

#[test]
fn no_conditions_match_everything() {
    for value in [json!({}), json!({"a": 1}), json!(null), json!([1])] {
        assert!(Filter::default().matches(&value));
        assert!(matches(json!({}), value));
    }
}

#[test]
fn a_plain_value_must_be_equal() {
    assert!(matches(json!({"a": "x"}), json!({"a": "x", "b": 1})));
    assert!(!matches(json!({"a": "x"}), json!({"a": "y"})));
    assert!(!matches(json!({"a": 1}), json!({"a": "1"})));
    assert!(!matches(json!({"a": true}), json!({"a": 1})));
}

#[test]
fn all_conditions_must_hold() {
    let filter = Filter::eq("a", 1).and(Filter::eq("b", 2));
    assert!(filter.matches(&json!({"a": 1, "b": 2})));
    assert!(!filter.matches(&json!({"a": 1, "b": 3})));
    assert!(!matches(
        json!({"a": {"$gt": 1, "$lt": 3}}),
        json!({"a": 3})
    ));
    assert!(matches(json!({"a": {"$gt": 1, "$lt": 3}}), json!({"a": 2})));
}

#[test]
fn an_absent_field_equals_null() {
    assert!(matches(json!({"a": null}), json!({})));
    assert!(matches(json!({"a": {"$eq": null}}), json!({})));
    assert!(matches(json!({"a": {"$ne": 1}}), json!({})));
    assert!(!matches(json!({"a": {"$ne": null}}), json!({})));
    assert!(matches(json!({"a": {"b": null}}), json!({"a": {}})));
    assert!(!matches(json!({"a": {"b": null}}), json!({})));
    assert!(!matches(json!({"a": 1}), json!({})));
}

#[test]
fn numbers_are_compared_by_value() {
    assert!(matches(json!({"a": 5}), json!({"a": 5.0})));
    assert!(matches(json!({"a": {"$eq": [5.0]}}), json!({"a": [5]})));
    assert!(matches(json!({"a": {"$gt": 5}}), json!({"a": 5.5})));
    assert!(!matches(json!({"a": {"$gt": 5.5}}), json!({"a": 5})));
    assert!(matches(json!({"a": {"$lt": -1.5}}), json!({"a": -2})));
    assert!(matches(json!({"a": {"$gt": -1.5}}), json!({"a": -1})));
    // Both are 2^53 as floats.
    assert!(matches(
        json!({"a": {"$gt": 9_007_199_254_740_992.0}}),
        json!({"a": 9_007_199_254_740_993_u64})
    ));
    assert!(matches(
        json!({"a": {"$lt": 1e300}}),
        json!({"a": u64::MAX})
    ));
    assert!(matches(
        json!({"a": {"$gt": -1e300}}),
        json!({"a": i64::MIN})
    ));
}

#[test]
fn comparing_with_a_missing_or_differently_typed_field_does_not_match() {
    for operator in ["$gt", "$gte", "$lt", "$lte"] {
        for value in [
            json!({}),
            json!({"a": null}),
            json!({"a": "1"}),
            json!({"a": [1]}),
        ] {
            assert!(!matches(json!({"a": {operator: 1}}), value));
        }
    }
}

#[test]
fn strings_are_compared_by_their_text() {
    let filter = json!({"day": {"$gte": "2026-02-01"}});
    assert!(matches(filter.clone(), json!({"day": "2026-11-01"})));
    assert!(!matches(filter, json!({"day": "2025-11-01"})));
}

#[test]
fn an_object_tests_fields_within_and_a_list_element_by_element() {
    let value = json!({"meta": {"lang": "en", "len": 10}, "tags": ["x", {"n": 2, "m": 1}]});
    assert!(matches(json!({"meta": {"lang": "en"}}), value.clone()));
    assert!(matches(
        json!({"meta": {"len": {"$gte": 10}}}),
        value.clone()
    ));
    assert!(!matches(
        json!({"meta": {"$eq": {"lang": "en"}}}),
        value.clone()
    ));
    assert!(matches(
        json!({"tags": ["x", {"n": {"$gt": 1}}]}),
        value.clone()
    ));
    assert!(!matches(json!({"tags": ["x"]}), value));
}

#[test]
fn a_path_leads_into_objects_and_a_backslash_keeps_a_dot() {
    let value = json!({"a": {"b": {"c": 1}}, "x.y": 2, "l": [{"n": 1}]});
    assert!(matches(json!({"a.b.c": 1}), value.clone()));
    assert!(matches(json!({"a": {"b.c": {"$gt": 0}}}), value.clone()));
    assert!(!matches(json!({"a.c": 1}), value.clone()));
    assert!(matches(json!({"x\\.y": 2}), value.clone()));
    assert!(!matches(json!({"x.y": 2}), value.clone()));
    assert!(!matches(json!({"l.n": 1}), value.clone()));
    // A path that leads nowhere is missing on every level; an object is not.
    assert!(matches(json!({"no.such": null}), value.clone()));
    assert!(!matches(json!({"no": {"such": null}}), value));
}

#[test]
fn each_operator_has_an_answer_for_a_missing_field() {
    let table = [
        (json!({"$eq": 1}), false),
        (json!({"$eq": null}), true),
        (json!({"$ne": 1}), true),
        (json!({"$ne": null}), false),
        (json!({"$gt": 1}), false),
        (json!({"$lte": "z"}), false),
        (json!({"$in": [1, 2]}), false),
        (json!({"$in": [1, null]}), true),
        (json!({"$nin": [1, 2]}), true),
        (json!({"$nin": [1, null]}), false),
        (json!({"$exists": true}), false),
        (json!({"$exists": false}), true),
        (json!({"$contains": 1}), false),
        (json!({"$not": {"$gt": 1}}), true),
        (json!({"$not": {"$exists": false}}), false),
    ];
    for (condition, holds) in table {
        for value in [json!({}), json!(1), json!(null), json!([])] {
            assert_eq!(
                matches(json!({"a": condition}), value),
                holds,
                "{condition}"
            );
        }
    }
}

#[test]
fn a_list_contains_elements_and_a_string_parts() {
    let value = json!({"tags": ["x", 2, [3]], "text": "some words"});
    for (condition, holds) in [
        (json!({"tags": {"$contains": "x"}}), true),
        (json!({"tags": {"$contains": 2.0}}), true),
        (json!({"tags": {"$contains": [3]}}), true),
        (json!({"tags": {"$contains": 3}}), false),
        (json!({"text": {"$contains": "me wo"}}), true),
        (json!({"text": {"$contains": "Words"}}), false),
        (json!({"text": {"$contains": 1}}), false),
    ] {
        assert_eq!(
            matches(condition.clone(), value.clone()),
            holds,
            "{condition}"
        );
    }
}

#[test]
fn filters_are_combined() {
    let filter = json!({"$or": [{"a": 1}, {"$and": [{"b": 1}, {"c": 1}]}], "$not": {"d": 1}});
    assert!(matches(filter.clone(), json!({"a": 1})));
    assert!(matches(filter.clone(), json!({"b": 1, "c": 1})));
    assert!(!matches(filter.clone(), json!({"b": 1})));
    assert!(!matches(filter, json!({"a": 1, "d": 1})));
    assert!(matches(json!({"$and": []}), json!({})));
    assert!(!matches(json!({"$or": []}), json!({})));
    assert!(matches(
        json!({"a": {"$not": {"$gt": 1}, "$exists": true}}),
        json!({"a": 1})
    ));
}

#[test]
fn a_filter_that_makes_no_sense_is_refused_with_its_field() {
    let table = [
        (
            json!({"a": {"b": {"$like": 1}}}),
            "`a.b`: `$like` is not an operator",
        ),
        (json!({"$nor": []}), "`$nor` is not an operator"),
        (json!({"$or": {"a": 1}}), "`$or` takes a list of filters"),
        (
            json!({"$or": [{"a": 1}, 2]}),
            "`$or[1]`: a filter is an object",
        ),
        (json!({"$not": 1}), "`$not`: a filter is an object"),
        (
            json!({"a": [{"$gt": null}]}),
            "`a[0]`: `$gt` takes a number or a string",
        ),
        (json!({"a": {"$in": 1}}), "`$in` takes a list"),
        (
            json!({"a": {"$exists": 1}}),
            "`$exists` takes true or false",
        ),
        (json!({"a": {"$gt": 1, "b": 2}}), "`b` is not an operator"),
        (json!([]), "object"),
    ];
    for (filter, reason) in table {
        let refusal = refusal(filter);
        assert!(refusal.contains(reason), "{refusal}");
    }
}

#[test]
fn a_filter_that_is_too_deep_is_refused() {
    let mut deep = json!({"a": 1});
    let mut nots = json!({"a": 1});
    for _ in 0..100 {
        deep = json!({"a": deep});
        nots = json!({"$not": nots});
    }
    assert!(refusal(deep).contains("64 levels"));
    assert!(refusal(nots).contains("64 levels"));
}

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
fn a_filter_that_makes_no_sense_is_refused_with_its_field() {
    assert!(refusal(json!({"a": {"b": {"$in": [1]}}})).contains("`a.b`"));
    assert!(refusal(json!({"a": {"$in": [1]}})).contains("`$in` is not an operator"));
    assert!(refusal(json!({"$and": []})).contains("`$and`"));
    assert!(refusal(json!({"a": [{"$gt": null}]})).contains("`a[0]`"));
    assert!(refusal(json!({"a": {"$gt": 1, "b": 2}})).contains("`b`"));
    assert!(refusal(json!([])).contains("object"));
}

//! Laws that filters obey, whatever they are applied to.

use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::json;

use super::*;

fn scalar() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(json!(null)),
        any::<bool>().prop_map(Value::from),
        (-3_i64..4).prop_map(Value::from),
        (-3_i64..4).prop_map(|n| json!(n as f64 / 2.0)),
        Just(json!(u64::MAX)),
        "[ab]{0,2}".prop_map(Value::from),
    ]
}

fn value() -> impl Strategy<Value = Value> {
    scalar().prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..3).prop_map(Value::from),
            vec(("[ab]", inner), 0..3)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

fn path() -> impl Strategy<Value = String> {
    "[ab](\\.[ab]){0,2}"
}

fn condition() -> impl Strategy<Value = Value> {
    let comparable = || {
        prop_oneof![
            (-3_i64..4).prop_map(Value::from),
            "[ab]{0,2}".prop_map(Value::from)
        ]
    };
    prop_oneof![
        value().prop_map(|v| json!({"$eq": v})),
        value().prop_map(|v| json!({"$ne": v})),
        comparable().prop_map(|v| json!({"$gt": v})),
        comparable().prop_map(|v| json!({"$gte": v})),
        comparable().prop_map(|v| json!({"$lt": v})),
        comparable().prop_map(|v| json!({"$lte": v})),
        vec(value(), 0..3).prop_map(|v| json!({"$in": v})),
        vec(value(), 0..3).prop_map(|v| json!({"$nin": v})),
        any::<bool>().prop_map(|v| json!({"$exists": v})),
        value().prop_map(|v| json!({"$contains": v})),
        value(),
    ]
}

fn matches(filter: &Value, value: &Value) -> bool {
    Filter::from_json(filter).unwrap().matches(value)
}

proptest! {
    #[test]
    fn not_is_the_complement(path in path(), condition in condition(), value in value()) {
        let holds = matches(&json!({&path: condition}), &value);
        prop_assert_eq!(matches(&json!({"$not": {&path: condition}}), &value), !holds);
        prop_assert_eq!(matches(&json!({&path: {"$not": condition}}), &value), !holds);
        let built = Filter::from_json(&json!({&path: condition})).unwrap().negated();
        prop_assert_eq!(built.matches(&value), !holds);
    }

    #[test]
    fn in_is_any_of_equal_ones_and_nin_none(path in path(), list in vec(value(), 0..4), value in value()) {
        let any: Vec<_> = list.iter().map(|one| json!({&path: {"$eq": one}})).collect();
        let is_in = matches(&json!({&path: {"$in": list}}), &value);
        prop_assert_eq!(is_in, matches(&json!({"$or": any}), &value));
        prop_assert_eq!(matches(&json!({&path: {"$nin": list}}), &value), !is_in);
    }

    #[test]
    fn ne_is_not_eq(path in path(), operand in value(), value in value()) {
        let equal = matches(&json!({&path: {"$eq": operand}}), &value);
        prop_assert_eq!(matches(&json!({&path: {"$ne": operand}}), &value), !equal);
    }

    #[test]
    fn an_order_has_one_answer(path in path(), operand in -3_i64..4, value in value()) {
        let is = |operator: &str| matches(&json!({&path: {operator: operand}}), &value);
        prop_assert_eq!(is("$gte"), is("$gt") || is("$eq"));
        prop_assert_eq!(is("$lte"), is("$lt") || is("$eq"));
        let number = Path::parse(&path).of(&value).is_some_and(Value::is_number);
        let answers = [is("$lt"), is("$eq"), is("$gt")];
        prop_assert_eq!(answers.iter().filter(|holds| **holds).count(), usize::from(number));
    }

    #[test]
    fn and_or_follow_de_morgan(a in condition(), b in condition(), value in value()) {
        let (a, b) = (json!({"a": a}), json!({"b": b}));
        let not_both = matches(&json!({"$not": {"$and": [a, b]}}), &value);
        prop_assert_eq!(not_both, matches(&json!({"$or": [{"$not": a}, {"$not": b}]}), &value));
    }

    #[test]
    fn any_json_is_a_filter_or_refused(json in value(), value in value()) {
        if let Ok(filter) = Filter::from_json(&json) {
            filter.matches(&value);
        }
    }
}

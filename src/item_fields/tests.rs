use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn of(value: &Value, wanted: &IndexedFields) -> ItemFields {
    ItemFields::of_json(value.to_string().as_bytes(), wanted)
}

fn paths(fields: &ItemFields) -> Vec<&str> {
    fields.scalars.iter().map(|(path, _)| &**path).collect()
}

#[test]
fn scalars_are_found_by_their_paths_and_those_of_lists_by_the_lists() {
    let value = json!({
        "b": {"x.y": 1, "n": null, "o": {}},
        "a": true,
        "tags": ["x", "y", "x", 1, [2], {"no": 3}],
        "vector": [0.1, 0.2],
    });
    let fields = of(&value, &IndexedFields::All);
    assert_eq!(paths(&fields), ["a", "b.x\\.y", "tags", "tags"]);
    assert!(fields.coverage.is_whole());
    for value in [
        json!(1),
        json!([1, "x"]),
        json!(null),
        json!("x"),
        json!({}),
    ] {
        assert_eq!(of(&value, &IndexedFields::All), ItemFields::default());
    }
}

#[test]
fn only_wanted_fields_are_found() {
    let value = json!({"a": {"b": 1, "c": 2}, "d": 3});
    let wanted = IndexedFields::Only(vec!["d".into(), "a.c".into(), "no".into()]);
    let fields = of(&value, &wanted);
    assert_eq!(paths(&fields), ["a.c", "d"]);
    assert!(fields.coverage.covers("a.c") && fields.coverage.covers("no"));
    assert!(!fields.coverage.covers("a.b"));
    assert!(!of(&value, &IndexedFields::NONE).coverage.covers("d"));
}

#[test]
fn what_is_found_is_bounded_and_says_so() {
    let object = |count: usize| {
        let fields = (0..count).rev().map(|n| (format!("f{n:04}"), json!(n)));
        Value::Object(fields.collect())
    };
    assert!(
        of(&object(MAX_SCALARS), &IndexedFields::All)
            .coverage
            .is_whole()
    );
    let fields = of(&object(1000), &IndexedFields::All);
    assert_eq!(fields.scalars.len(), MAX_SCALARS);
    assert!(fields.coverage.covers("f0063") && !fields.coverage.covers("f0064"));
    let list = json!({"a": 1, "tags": (0..1000).map(|n| n.to_string()).collect::<Vec<_>>()});
    let fields = of(&list, &IndexedFields::All);
    assert_eq!(paths(&fields), ["a"]);
    assert!(!fields.coverage.covers("tags"));
    let mut deep = json!(1);
    for _ in 0..100 {
        deep = json!({"x": deep});
    }
    assert_eq!(of(&deep, &IndexedFields::All), ItemFields::default());
    assert!(!is_indexable(&FieldPath::parse("x.x.x.x.x.x.x.x.x")));
    let long = json!({"x".repeat(300): 1});
    assert_eq!(of(&long, &IndexedFields::All), ItemFields::default());
}

#[test]
fn what_is_no_json_covers_nothing() {
    for text in [
        &b"{\"a\": 1"[..],
        b"{\"a\": 1} 2",
        b"\xff",
        b"",
        &[b'['; 5000],
    ] {
        let fields = ItemFields::of_json(text, &IndexedFields::All);
        assert_eq!(fields, ItemFields::unknown());
        assert!(!fields.coverage.covers("a"));
    }
}

proptest! {
    #[test]
    fn keys_have_the_order_of_their_scalars(a in any::<f64>(), b in any::<f64>(), c in "[ab]{0,2}", d in "[ab]{0,2}") {
        if let Some(order) = a.partial_cmp(&b) {
            prop_assert_eq!(ScalarKey::number(a).cmp(&ScalarKey::number(b)), order);
        }
        prop_assert_eq!(ScalarKey::text(&c, false).cmp(&ScalarKey::text(&d, false)), c.cmp(&d));
    }

    #[test]
    fn a_coverage_comes_back_from_its_bytes(only in any::<Option<Vec<String>>>(), below in any::<Option<String>>()) {
        let coverage = Coverage { only, below };
        let bytes = coverage.encode();
        prop_assert_eq!(Coverage::decode(&bytes), Some(coverage));
    }

    #[test]
    fn any_bytes_have_fields(bytes in vec(prop_oneof![Just(b'{'), Just(b'"'), Just(b':'), Just(b'1'), any::<u8>()], 0..30)) {
        let _ = ItemFields::of_json(&bytes, &IndexedFields::All);
        let _ = Coverage::decode(&bytes);
    }
}

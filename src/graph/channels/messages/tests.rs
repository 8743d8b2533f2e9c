use proptest::prelude::*;
use serde_json::json;

use super::*;

fn reduce(list: Value, write: Value) -> Result<Folded, ReduceError> {
    super::reduce(list.into(), &mut None, write)
}

#[test]
fn a_known_id_replaces_in_place_and_an_unknown_one_is_appended() {
    let list = json!([{"role": "user", "content": "a", "id": "1"}]);
    let out = reduce(
        list,
        json!([{"role": "user", "content": "b", "id": "1"}, {"role": "user", "content": "c", "id": "2"}]),
    )
    .unwrap();
    let list = out.value.into_value();
    assert_eq!(list[0]["content"], "b");
    assert_eq!(list[1]["id"], "2");
    assert!(!out.only_grew);
}

#[test]
fn removing_an_unknown_message_names_it() {
    let outcome = reduce(json!([]), json!({"role": "remove", "id": "x"}));
    assert!(matches!(outcome, Err(ReduceError::MessageNotFound(id)) if id == "x"));
}

#[test]
fn remove_all_drops_the_old_list_and_everything_before_it_in_the_write() {
    let out = reduce(
        json!([{"role": "user", "content": "a", "id": "1"}]),
        json!([
            {"role": "user", "content": "lost", "id": "2"},
            {"role": "remove", "id": "__remove_all__"},
            {"role": "user", "content": "kept", "id": "3"}
        ]),
    )
    .unwrap();
    let kept = json!([{"role": "user", "content": "kept", "id": "3"}]);
    assert_eq!(out.value.to_value(), kept);
    assert!(!out.only_grew);
}

#[test]
fn a_list_has_only_grown_if_all_that_was_there_is_as_it_was() {
    let [a, b, c] = ["a", "b", "c"].map(|id| json!({"role": "user", "content": "x", "id": id}));
    let remove = |id: &str| json!({"role": "remove", "id": id});
    let only_grew = |current: Value, write: Value| reduce(current, write).unwrap().only_grew;
    assert!(only_grew(json!([a]), json!([b, c])));
    assert!(only_grew(json!([a]), json!([])));
    assert!(only_grew(json!([a]), json!([b, b, c, remove("c")])));
    assert!(!only_grew(json!([a]), json!([a])));
    assert!(!only_grew(json!([a, b]), json!([c, remove("a")])));
    let without_id = json!({"role": "user", "content": "x"});
    assert!(!only_grew(json!([without_id]), json!([a])));
    assert!(only_grew(json!([a]), without_id));
}

/// A write of a few messages: some new, some known, some removed, some without an id.
fn writes() -> impl Strategy<Value = Value> {
    let one = (0..8_u8, 0..12_u8, any::<u8>()).prop_map(|(id, kind, content)| match kind {
        0 => json!({"role": "remove", "id": "__remove_all__"}),
        1 | 2 => json!({"role": "remove", "id": id.to_string()}),
        _ => json!({"role": "user", "content": content, "id": id.to_string()}),
    });
    proptest::collection::vec(one, 0..4).prop_map(Value::Array)
}

proptest! {
    #[test]
    fn to_know_where_messages_are_changes_nothing(
        steps in proptest::collection::vec((writes(), any::<bool>()), 0..12),
    ) {
        let mut known = Held::from(json!([]));
        let mut places = None;
        let mut plain = json!([]);
        for (write, settles) in steps {
            // Others may still have the list as it was.
            let shared = (known.clone(), places.clone());
            let before = plain.clone();
            let by_plain = reduce(plain.clone(), write.clone());
            match super::reduce(known, &mut places, write) {
                Ok(out) => {
                    let by_plain = by_plain.unwrap();
                    prop_assert_eq!(out.only_grew, by_plain.only_grew);
                    plain = by_plain.value.into_value();
                    known = out.value;
                }
                Err(_) => {
                    prop_assert!(by_plain.is_err());
                    (known, places) = shared.clone();
                }
            }
            prop_assert_eq!(shared.0.to_value(), before);
            if settles {
                drop(shared);
                known.join();
                places.iter_mut().for_each(Places::join);
            }
            prop_assert_eq!(known.to_value(), plain.clone());
        }
    }
}

//! JSON lists as text: what they are made longer by, without reading their elements.
//!
//! This module must never know where values are kept.

use crate::Encoded;

/// What is known of the text of a JSON list that begins with its bracket and ends with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ListForm {
    /// It is `[]`.
    Empty,
    /// There is something in it.
    Filled,
}

impl ListForm {
    /// The form of a value, if elements can be put in front of its last byte. A list with white space around it, or nothing else
    /// in it, is none: those are for [`concatenate()`].
    pub(crate) fn of(value: &Encoded) -> Option<Self> {
        if value.tag() != "json" {
            return None;
        }
        let inside = value.bytes().strip_prefix(b"[")?.strip_suffix(b"]")?;
        match inside.iter().find(|byte| !byte.is_ascii_whitespace()) {
            Some(_) => Some(Self::Filled),
            None => inside.is_empty().then_some(Self::Empty),
        }
    }
}

/// The JSON list `list` followed by `elements`; `None` if it is no such list, or one of them not JSON.
pub(crate) fn concatenate(list: &Encoded, elements: &[Encoded]) -> Option<Encoded> {
    if list.tag() != "json" || !are_json(elements) {
        return None;
    }
    let text = list.bytes().trim_ascii().strip_suffix(b"]")?;
    let is_empty = text.strip_prefix(b"[")?.trim_ascii().is_empty();
    let added: usize = elements.iter().map(|e| e.bytes().len() + 1).sum();
    let mut whole = Vec::with_capacity(text.len() + added + 1);
    whole.extend_from_slice(text);
    for (place, element) in elements.iter().enumerate() {
        if place > 0 || !is_empty {
            whole.push(b',');
        }
        whole.extend_from_slice(element.bytes());
    }
    whole.push(b']');
    Some(Encoded::new("json", whole))
}

/// Whether all of them are JSON.
pub(crate) fn are_json(elements: &[Encoded]) -> bool {
    elements.iter().all(|element| element.tag() == "json")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn what_is_no_json_list_cannot_be_appended_to() {
        let one = [Encoded::json(&json!(1))];
        for text in ["{}", "\"[]", "]", "", "[", "1"] {
            assert_eq!(concatenate(&Encoded::new("json", text), &one), None);
            assert_eq!(ListForm::of(&Encoded::new("json", text)), None);
        }
        assert_eq!(concatenate(&Encoded::new("msgpack", "[]"), &one), None);
        assert_eq!(ListForm::of(&Encoded::new("msgpack", "[]")), None);
        let list = Encoded::json(&json!([]));
        assert_eq!(concatenate(&list, &[Encoded::new("bytes", "1")]), None);
    }

    #[test]
    fn a_list_has_a_form_if_it_can_grow_at_its_last_byte() {
        let form = |text: &'static str| ListForm::of(&Encoded::new("json", text));
        assert_eq!(form("[]"), Some(ListForm::Empty));
        assert_eq!(form("[1]"), Some(ListForm::Filled));
        assert_eq!(form("[\n 1 ]"), Some(ListForm::Filled));
        for other in ["[ ]", "[1] ", " [1]"] {
            assert_eq!(form(other), None);
        }
    }

    proptest! {
        #[test]
        fn a_list_is_followed_by_the_elements(
            list in prop::collection::vec("[\\[\\],\" a]{0,4}", 0..4),
            more in prop::collection::vec(prop::option::of(0..9_u8), 0..4),
            pretty: bool,
        ) {
            let text = if pretty {
                format!(" {}\n", serde_json::to_string_pretty(&list).unwrap())
            } else {
                json!(list).to_string()
            };
            let elements: Vec<Encoded> = more.iter().map(|e| Encoded::json(&json!(e))).collect();
            let whole = concatenate(&Encoded::new("json", text), &elements).unwrap();
            let mut expected: Vec<Value> = list.into_iter().map(Value::from).collect();
            expected.extend(more.into_iter().map(|e| json!(e)));
            prop_assert_eq!(whole.to_json().unwrap(), Value::from(expected));
        }
    }
}

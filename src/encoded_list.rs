//! Lists as they are encoded, JSON or MessagePack: what they are made longer by, without reading their elements.
//!
//! This module must never know where values are kept.

use bytes::Bytes;

use crate::Encoded;

/// What is known of an encoded list that can be made longer without looking at it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ListForm {
    /// JSON: `[]`.
    Empty,
    /// JSON, from its bracket to its bracket, with something in it.
    Filled,
    /// MessagePack, with so many elements.
    Counted(u32),
}

impl ListForm {
    /// The form of a value, if elements can be put at its end. A JSON list with white space around it, or nothing else
    /// in it, has none: those are for [`concatenate()`].
    pub(crate) fn of(value: &Encoded) -> Option<Self> {
        match value.tag() {
            "json" => {
                let inside = value.bytes().strip_prefix(b"[")?.strip_suffix(b"]")?;
                match inside.iter().find(|byte| !byte.is_ascii_whitespace()) {
                    Some(_) => Some(Self::Filled),
                    None => inside.is_empty().then_some(Self::Empty),
                }
            }
            "msgpack" => {
                let count = count_of(value.bytes())?;
                let is_usual = value.bytes().starts_with(&head(count));
                is_usual.then_some(Self::Counted(count))
            }
            _ => None,
        }
    }

    /// The form of a list of this form that so many elements were put to.
    pub(crate) fn with(self, elements: usize) -> Option<Self> {
        match self {
            Self::Empty | Self::Filled => Some(Self::Filled),
            Self::Counted(count) => {
                let added = u32::try_from(elements).ok()?;
                count.checked_add(added).map(Self::Counted)
            }
        }
    }

    /// Whether elements under this tag can be put to it.
    pub(crate) fn takes(self, tag: &str) -> bool {
        match self {
            Self::Empty | Self::Filled => tag == "json",
            Self::Counted(_) => tag == "msgpack",
        }
    }
}

/// How many elements a MessagePack list says that it has.
fn count_of(bytes: &[u8]) -> Option<u32> {
    match bytes {
        [first @ 0x90..=0x9f, ..] => Some(u32::from(first & 0x0f)),
        [0xdc, a, b, ..] => Some(u32::from(u16::from_be_bytes([*a, *b]))),
        [0xdd, a, b, c, d, ..] => Some(u32::from_be_bytes([*a, *b, *c, *d])),
        _ => None,
    }
}

/// What a MessagePack list of so many elements begins with. It is the shortest that there is, as all encoders write it.
pub(crate) fn head(count: u32) -> Bytes {
    let [a, b, c, d] = count.to_be_bytes();
    match count {
        0..=15 => Bytes::copy_from_slice(&[0x90 | d]),
        16..=0xffff => Bytes::copy_from_slice(&[0xdc, c, d]),
        _ => Bytes::copy_from_slice(&[0xdd, a, b, c, d]),
    }
}

/// The list `list` followed by `elements`; `None` if it is no list, or one of them not encoded as it is.
pub(crate) fn concatenate(list: &Encoded, elements: &[Encoded]) -> Option<Encoded> {
    if elements.iter().any(|element| element.tag() != list.tag()) {
        return None;
    }
    let added: usize = elements.iter().map(|e| e.bytes().len() + 1).sum();
    if list.tag() == "msgpack" {
        let count = count_of(list.bytes())?;
        let elements_of = list.bytes().get(head_len(list.bytes())..)?;
        let all = count.checked_add(u32::try_from(elements.len()).ok()?)?;
        let mut whole = Vec::with_capacity(elements_of.len() + added + 5);
        whole.extend_from_slice(&head(all));
        whole.extend_from_slice(elements_of);
        for element in elements {
            whole.extend_from_slice(element.bytes());
        }
        return Some(Encoded::new("msgpack", whole));
    }
    if list.tag() != "json" {
        return None;
    }
    let text = list.bytes().trim_ascii().strip_suffix(b"]")?;
    let is_empty = text.strip_prefix(b"[")?.trim_ascii().is_empty();
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

/// How long the head of a MessagePack list is that begins so.
fn head_len(bytes: &[u8]) -> usize {
    match bytes.first() {
        Some(0xdc) => 3,
        Some(0xdd) => 5,
        _ => 1,
    }
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
        assert_eq!(concatenate(&Encoded::new("bytes", "[]"), &one), None);
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

    /// A MessagePack list of so many nils.
    fn nils(count: u32) -> Encoded {
        let mut bytes = head(count).to_vec();
        bytes.resize(bytes.len() + usize::try_from(count).unwrap(), 0xc0);
        Encoded::new("msgpack", bytes)
    }

    #[test]
    fn a_messagepack_list_is_known_by_its_head_and_grows_behind_it() {
        for count in [0, 1, 14, 15, 16, 17, 0xfffe, 0xffff, 0x1_0000] {
            let list = nils(count);
            assert_eq!(ListForm::of(&list), Some(ListForm::Counted(count)));
            let nil = Encoded::new("msgpack", vec![0xc0]);
            let two = [nil.clone(), nil];
            assert_eq!(concatenate(&list, &two), Some(nils(count + 2)));
        }
        let long_head = Encoded::new("msgpack", vec![0xdc, 0, 1, 0xc0]);
        assert_eq!(ListForm::of(&long_head), None);
        let nil = [Encoded::new("msgpack", vec![0xc0])];
        assert_eq!(concatenate(&long_head, &nil), Some(nils(2)));
        let map = Encoded::new("msgpack", vec![0x80]);
        assert_eq!(ListForm::of(&map), None);
        assert_eq!(concatenate(&map, &nil), None);
        assert_eq!(concatenate(&nils(1), &[Encoded::json(&json!(1))]), None);
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

//! Values and how they change.

use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Value, json};
use stepwell::Encoded;

/// A change of a channel's value.
#[derive(Clone, Debug)]
pub(crate) enum Edit {
    /// Elements are appended, handed over as such if the channel is a list.
    Append(Vec<u16>),
    /// The same, but the list is handed over whole.
    Grow(Vec<u16>),
    Replace(usize, u16),
    Insert(usize, u16),
    Remove(usize),
    /// Another list.
    Anew(Vec<u16>),
    /// The value once more.
    Same,
    Clear,
    /// A text; appended bytes of another tag.
    Text(u16),
    /// A list with white space.
    Spaced(Vec<u16>),
}

/// An element whose length and contents follow from a number: short ones, long ones, equal ones.
pub(crate) fn element(seed: u16) -> Value {
    let length = match seed % 8 {
        0 => 0,
        1..=4 => usize::from(seed % 97),
        5 | 6 => 200 + usize::from(seed % 613),
        _ => 3_000 + usize::from(seed),
    };
    let mut state = u64::from(seed / 3).wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let text = (0..length).map(|_| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        char::from(b'a' + u8::try_from((state >> 60) & 15).unwrap())
    });
    json!({"type": "ai", "content": text.collect::<String>()})
}

pub(crate) fn edit() -> impl Strategy<Value = Edit> {
    let seeds = || vec(0_u16..400, 0..4);
    prop_oneof![
        6 => seeds().prop_map(Edit::Append),
        4 => seeds().prop_map(Edit::Grow),
        2 => (0_usize..20, 0_u16..400).prop_map(|(at, seed)| Edit::Replace(at, seed)),
        1 => (0_usize..20, 0_u16..400).prop_map(|(at, seed)| Edit::Insert(at, seed)),
        1 => (0_usize..20).prop_map(Edit::Remove),
        1 => seeds().prop_map(Edit::Anew),
        1 => Just(Edit::Same),
        1 => Just(Edit::Clear),
        1 => (0_u16..400).prop_map(Edit::Text),
        1 => seeds().prop_map(Edit::Spaced),
    ]
}

/// What a channel is to be from now on.
pub(crate) enum Next {
    Whole(Encoded),
    Appended(Vec<Encoded>),
    Cleared,
}

/// What `edit` makes of the value `before`.
pub(crate) fn next(edit: &Edit, before: Option<&Encoded>) -> Next {
    let json = before.and_then(|before| before.to_json().ok());
    let list = json.and_then(|json| json.as_array().cloned());
    let is_list = list.is_some();
    let mut list = list.unwrap_or_default();
    let elements = |seeds: &[u16]| seeds.iter().map(|seed| element(*seed)).collect::<Vec<_>>();
    match edit {
        Edit::Append(seeds) if is_list => {
            return Next::Appended(elements(seeds).iter().map(Encoded::json).collect());
        }
        Edit::Append(seeds) | Edit::Grow(seeds) => list.extend(elements(seeds)),
        Edit::Replace(at, seed) => {
            if let Some(there) = list.get_mut(*at) {
                *there = element(*seed);
            }
        }
        Edit::Insert(at, seed) => list.insert((*at).min(list.len()), element(*seed)),
        Edit::Remove(at) => {
            if *at < list.len() {
                list.remove(*at);
            }
        }
        Edit::Anew(seeds) => list = elements(seeds),
        Edit::Same => {
            return before.map_or(Next::Cleared, |before| Next::Whole(before.clone()));
        }
        Edit::Clear => return Next::Cleared,
        Edit::Text(seed) => {
            let text = element(*seed).to_string();
            return Next::Whole(Encoded::new("msgpack", text));
        }
        Edit::Spaced(seeds) => {
            let text = serde_json::to_string_pretty(&elements(seeds)).unwrap();
            return Next::Whole(Encoded::new("json", format!(" {text}\n")));
        }
    }
    Next::Whole(Encoded::json(&json!(list)))
}

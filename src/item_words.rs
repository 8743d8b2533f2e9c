//! [`ItemWords`]: the words of an item's texts, and how often each is there.
//!
//! A word is what Unicode (UAX 29) takes for one, in lower case. What comes in may be any text: what is kept of it is bounded.
//!
//! This module must never know where items are kept.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::text_fields::TextFields;

/// So many words of an item are looked at: the first.
const MAX_WORDS: u32 = 1 << 16;
/// Longer words are cut off here, in bytes.
const MAX_WORD: usize = 64;

/// The words of an item's texts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ItemWords {
    /// How many there are, repeated ones included.
    pub(crate) length: u32,
    /// How often each is there.
    pub(crate) counts: BTreeMap<String, u32>,
}

impl ItemWords {
    /// Those of the texts of `value`.
    pub(crate) fn of(fields: &TextFields, value: &Value) -> Self {
        let mut words = Self::default();
        fields.scalars(value, |text| {
            each_word(text, |word| {
                if words.length == MAX_WORDS {
                    return false;
                }
                words.length += 1;
                *words.counts.entry(word).or_default() += 1;
                true
            });
        });
        words
    }

    /// The same of a value as JSON text.
    pub(crate) fn of_json(fields: &TextFields, json: &[u8]) -> Self {
        if fields.is_empty() || !cfg!(feature = "words") {
            return Self::default();
        }
        match serde_json::from_slice(json) {
            Ok(value) => Self::of(fields, &value),
            Err(_) => Self::default(),
        }
    }
}

/// The words of a query, each once, in the order in which they first come.
pub(crate) fn query_words(query: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    each_word(query, |word| {
        if !words.contains(&word) {
            words.push(word);
        }
        words.len() < 256
    });
    words
}

/// Hands the words of `text` to `visit`, until it says false.
#[cfg(feature = "words")]
fn each_word(text: &str, mut visit: impl FnMut(String) -> bool) {
    use unicode_segmentation::UnicodeSegmentation;

    for word in text.unicode_words() {
        let mut word = word.to_lowercase();
        let mut end = word.len().min(MAX_WORD);
        while !word.is_char_boundary(end) {
            end -= 1;
        }
        word.truncate(end);
        if !visit(word) {
            return;
        }
    }
}

#[cfg(not(feature = "words"))]
fn each_word(_: &str, _: impl FnMut(String) -> bool) {
    let _ = MAX_WORD;
}

#[cfg(all(test, feature = "words"))]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn words_are_counted_in_lower_case() {
        let value = json!({"text": "The Cat, the CAT-flap; Straße 3.14 don't", "other": "cat"});
        let words = ItemWords::of(&TextFields::new(["text"]), &value);
        let counts: Vec<_> = words.counts.iter().map(|(w, n)| (w.as_str(), *n)).collect();
        let expected = [
            ("3.14", 1),
            ("cat", 2),
            ("don't", 1),
            ("flap", 1),
            ("straße", 1),
            ("the", 2),
        ];
        assert_eq!(counts, expected);
        assert_eq!(words.length, 8);
    }

    #[test]
    fn what_is_kept_of_a_text_is_bounded() {
        let long = "é".repeat(100) + " " + &"x ".repeat(70_000);
        let words = ItemWords::of(&TextFields::whole(), &json!(long));
        assert_eq!(words.length, 1 << 16);
        assert!(words.counts.keys().all(|word| word.len() <= 64));
        let many: String = (0..300).map(|i| format!("w{i} w{i} ")).collect();
        assert_eq!(query_words(&many).len(), 256);
    }
}

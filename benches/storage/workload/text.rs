//! [`Text`]: English of any length.
//!
//! Slices of the few pages that a project has would repeat, and whatever compresses would find that. So every two
//! neighbouring words are neighbours in the project's documentation, and which of its successors follows a word is random.

use std::collections::HashMap;
use std::sync::OnceLock;

use super::Random;

const PAGES: [&str; 6] = [
    include_str!("../../../docs/architecture.md"),
    include_str!("../../../docs/format.md"),
    include_str!("../../../docs/guide/durability.md"),
    include_str!("../../../docs/guide/errors.md"),
    include_str!("../../../docs/guide/coming-from-langgraph.md"),
    include_str!("../../../docs/guide/typed-state.md"),
];

pub(crate) struct Text {
    words: Vec<&'static str>,
    /// By word: what stands behind it, as places in `words`.
    successors: HashMap<&'static str, Vec<usize>>,
}

impl Text {
    /// The pages need be gone through once.
    pub(crate) fn shared() -> &'static Self {
        static TEXT: OnceLock<Text> = OnceLock::new();
        TEXT.get_or_init(Self::new)
    }

    fn new() -> Self {
        let words: Vec<_> = PAGES
            .iter()
            .flat_map(|page| page.split_whitespace())
            .collect();
        let mut successors: HashMap<_, Vec<_>> = HashMap::new();
        for (at, word) in words.iter().enumerate() {
            successors
                .entry(*word)
                .or_default()
                .push((at + 1) % words.len());
        }
        Self { words, successors }
    }

    pub(crate) fn of(&self, characters: usize, random: &mut Random) -> String {
        let mut text = String::new();
        let mut at = random.below(self.words.len());
        while text.len() < 4 * characters {
            let word = self.words[at];
            text.push_str(word);
            text.push(' ');
            let next = &self.successors[word];
            at = next[random.below(next.len())];
        }
        text.chars().take(characters).collect()
    }
}

//! [`Names`]: each channel and node name once, however many checkpoints mention it.

use std::collections::BTreeSet;
use std::sync::Arc;

/// A name that shares its text with all its equals.
pub(crate) type Name = Arc<str>;

/// A text that is often empty: that takes no memory.
pub(super) fn maybe_empty(text: &str) -> Arc<str> {
    if text.is_empty() {
        Arc::default()
    } else {
        text.into()
    }
}

/// The names in use. They stay when the last checkpoint that mentions them goes: graphs have few.
#[derive(Debug, Default)]
pub(crate) struct Names {
    known: BTreeSet<Name>,
}

impl Names {
    /// The shared form of `text`.
    pub(crate) fn share(&mut self, text: &str) -> Name {
        if let Some(name) = self.known.get(text) {
            return Name::clone(name);
        }
        let name = Name::from(text);
        self.known.insert(Name::clone(&name));
        name
    }
}

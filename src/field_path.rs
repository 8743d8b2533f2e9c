//! [`FieldPath`]: where a field is within a value.

use serde_json::Value;

/// The names that lead to a field, from the outside in. At least one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FieldPath(Vec<String>);

impl FieldPath {
    /// The path that is written as names with dots between them. What follows a backslash belongs to a name.
    pub(crate) fn parse(text: &str) -> Self {
        let mut names = Vec::new();
        let mut name = String::new();
        let mut characters = text.chars();
        while let Some(character) = characters.next() {
            match character {
                '.' => names.push(std::mem::take(&mut name)),
                '\\' => name.push(characters.next().unwrap_or('\\')),
                other => name.push(other),
            }
        }
        names.push(name);
        Self(names)
    }

    /// The path as it is written, one way for each.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        for (number, name) in self.0.iter().enumerate() {
            if number > 0 {
                text.push('.');
            }
            put_name(&mut text, name);
        }
        text
    }

    /// The names, from the outside in.
    #[cfg(feature = "langgraph")]
    pub(crate) fn names(&self) -> &[String] {
        &self.0
    }

    /// How many names it has.
    pub(crate) fn depth(&self) -> usize {
        self.0.len()
    }

    /// The path of a field that is within this one by `inner`.
    pub(crate) fn join(&self, inner: &Self) -> Self {
        Self(self.0.iter().chain(&inner.0).cloned().collect())
    }

    /// The field of `value`, if it is there.
    pub(crate) fn of<'v>(&self, value: &'v Value) -> Option<&'v Value> {
        let mut at = value;
        for name in &self.0 {
            at = at.as_object()?.get(name)?;
        }
        Some(at)
    }
}

/// Adds a name to the text of a path.
pub(crate) fn put_name(to: &mut String, name: &str) {
    for character in name.chars() {
        if matches!(character, '.' | '\\') {
            to.push('\\');
        }
        to.push(character);
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_path_comes_back_from_its_text(names in vec("[a.\\\\]{0,3}", 1..4)) {
            let path = FieldPath(names);
            prop_assert_eq!(FieldPath::parse(&path.text()), path);
        }
    }
}

//! [`Path`]: where a field is within a value.

use serde_json::Value;

/// The names that lead to a field, from the outside in. At least one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Path(Vec<String>);

impl Path {
    /// The path that is written as names with dots between them. What follows a backslash belongs to a name.
    pub(super) fn parse(text: &str) -> Self {
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

    /// The field of `value`, if it is there.
    pub(super) fn of<'v>(&self, value: &'v Value) -> Option<&'v Value> {
        let mut at = value;
        for name in &self.0 {
            at = at.as_object()?.get(name)?;
        }
        Some(at)
    }
}

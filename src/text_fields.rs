//! [`TextFields`]: which texts of an item's value searches with a query look at.
//!
//! This module must never know what is made of the texts.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::ser::Formatter;
use serde_json::{Serializer, Value};

/// Which texts of an item's value searches with a query look at, by paths as in LangGraph's `fields`.
///
/// | path | texts |
/// |---|---|
/// | `$` | the whole value |
/// | `a.b` | the field `b` of the field `a`; a dot, bracket or backslash that belongs to a name has a backslash in front |
/// | `a[*].b` | the field `b` of each element of the list `a` |
/// | `a[0]`, `a[-1]` | the first, the last element of the list |
/// | `a.*` | each field of the object, or element of the list, `a` |
///
/// A string is a text, and so is a number or truth value as it is written. An object or list is embedded as its JSON text, with sorted keys and
/// spaces behind commas and colons; its words are those of all strings, numbers and truth values in it, without the names of fields.
/// What is null or missing has no text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TextFields {
    paths: Vec<String>,
}

impl TextFields {
    /// No texts: the item is not ranked by any query.
    pub const NONE: Self = Self { paths: Vec::new() };

    /// The texts at these paths.
    pub fn new<P: Into<String>>(paths: impl IntoIterator<Item = P>) -> Self {
        let paths = paths.into_iter().map(Into::into).collect();
        Self { paths }
    }

    /// The whole value as one text.
    pub fn whole() -> Self {
        Self::new(["$"])
    }

    /// The paths.
    pub fn paths(&self) -> &[String] {
        &self.paths
    }

    /// Whether there is none.
    pub(crate) fn is_empty(&self) -> bool {
        self.paths.is_empty()
    }

    /// The texts of `value` to be embedded, each with its path. Where a path leads to several, their numbers are added: `a[*].0`.
    pub(crate) fn texts(&self, value: &Value) -> BTreeMap<String, String> {
        let mut texts = BTreeMap::new();
        for path in &self.paths {
            let found = at(path, value).into_iter().filter_map(text);
            let found: Vec<_> = found.collect();
            let is_one = found.len() == 1;
            for (number, text) in found.into_iter().enumerate() {
                let path = match is_one {
                    true => path.clone(),
                    false => format!("{path}.{number}"),
                };
                texts.insert(path, text);
            }
        }
        texts
    }

    /// Hands each string, number and truth value of `value` that is a text or in one to `visit`, as text.
    pub(crate) fn scalars(&self, value: &Value, mut visit: impl FnMut(&str)) {
        for path in &self.paths {
            let mut left = at(path, value);
            left.reverse();
            while let Some(value) = left.pop() {
                match value {
                    Value::Null => {}
                    Value::String(text) => visit(text),
                    Value::Bool(_) | Value::Number(_) => visit(&value.to_string()),
                    Value::Array(list) => left.extend(list.iter().rev()),
                    Value::Object(fields) => left.extend(fields.values().rev()),
                }
            }
        }
    }
}

/// One step of a path.
#[derive(Debug, PartialEq)]
enum Step {
    Name(String),
    /// Counted from the end if it is negative.
    Element(i64),
    EachElement,
    Each,
}

fn steps(path: &str) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut name = String::new();
    let end = |name: &mut String, steps: &mut Vec<Step>| {
        if !name.is_empty() {
            steps.push(match std::mem::take(name) {
                star if star == "*" => Step::Each,
                name => Step::Name(name),
            });
        }
    };
    let mut characters = path.chars();
    while let Some(character) = characters.next() {
        match character {
            '.' => end(&mut name, &mut steps),
            '\\' => name.push(characters.next().unwrap_or('\\')),
            '[' => {
                end(&mut name, &mut steps);
                let inside: String = characters.by_ref().take_while(|c| *c != ']').collect();
                steps.push(match inside.parse() {
                    Ok(element) => Step::Element(element),
                    Err(_) if inside == "*" => Step::EachElement,
                    Err(_) => Step::Name(inside),
                });
            }
            other => name.push(other),
        }
    }
    end(&mut name, &mut steps);
    steps
}

/// The values that a path leads to.
fn at<'v>(path: &str, value: &'v Value) -> Vec<&'v Value> {
    let mut found = vec![value];
    if path == "$" {
        return found;
    }
    for step in steps(path) {
        let mut next = Vec::new();
        for value in found {
            match (&step, value) {
                (Step::Name(name), Value::Object(fields)) => next.extend(fields.get(name)),
                (Step::Element(number), Value::Array(list)) => {
                    let number = match usize::try_from(*number) {
                        Ok(number) => Some(number),
                        Err(_) => (usize::try_from(number.unsigned_abs()).ok())
                            .and_then(|back| list.len().checked_sub(back)),
                    };
                    next.extend(number.and_then(|number| list.get(number)));
                }
                (Step::EachElement | Step::Each, Value::Array(list)) => next.extend(list),
                (Step::Each, Value::Object(fields)) => next.extend(fields.values()),
                _ => {}
            }
        }
        found = next;
    }
    found
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        Value::Bool(_) | Value::Number(_) => Some(value.to_string()),
        Value::Array(_) | Value::Object(_) => {
            let mut to = Vec::new();
            let mut serializer = Serializer::with_formatter(&mut to, Spaced);
            value.serialize(&mut serializer).ok()?;
            String::from_utf8(to).ok()
        }
    }
}

/// JSON as Python's `json.dumps` writes it.
struct Spaced;

impl Formatter for Spaced {
    fn begin_array_value<W: std::io::Write + ?Sized>(
        &mut self,
        writer: &mut W,
        first: bool,
    ) -> std::io::Result<()> {
        writer.write_all(if first { b"" } else { b", " })
    }

    fn begin_object_key<W: std::io::Write + ?Sized>(
        &mut self,
        writer: &mut W,
        first: bool,
    ) -> std::io::Result<()> {
        writer.write_all(if first { b"" } else { b", " })
    }

    fn begin_object_value<W: std::io::Write + ?Sized>(
        &mut self,
        writer: &mut W,
    ) -> std::io::Result<()> {
        writer.write_all(b": ")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn texts(path: &str, value: &Value) -> Vec<(String, String)> {
        TextFields::new([path]).texts(value).into_iter().collect()
    }

    #[test]
    fn paths_lead_to_texts_as_in_langgraph() {
        let value = json!({
            "b": [{"t": "one"}, {"t": "two"}, {"x": null}],
            "a": {"c": "deep", "n": 1.5, "yes": true, "no": null},
            "d.e": "dotted",
        });
        let one = |path: &str, text: &str| {
            assert_eq!(texts(path, &value), [(path.to_owned(), text.to_owned())]);
        };
        one("a.c", "deep");
        one("a.n", "1.5");
        one("a.yes", "true");
        one("b[0].t", "one");
        one("b[-2].t", "two");
        one("d\\.e", "dotted");
        one("b[1]", r#"{"t": "two"}"#);
        one("a", r#"{"c": "deep", "n": 1.5, "no": null, "yes": true}"#);
        assert_eq!(
            texts("$", &json!([1, {"b": "x", "a": []}]))[0].1,
            r#"[1, {"a": [], "b": "x"}]"#
        );
        let each = [("b[*].t.0", "one"), ("b[*].t.1", "two")];
        assert_eq!(
            texts("b[*].t", &value),
            each.map(|(p, t)| (p.into(), t.into()))
        );
        for nothing in ["a.no", "missing", "a[0]", "b[7]", "b[-4]", "b.t", "b[2].x"] {
            assert_eq!(texts(nothing, &value), []);
        }
        assert_eq!(texts("a.*", &value).len(), 3);
    }

    #[test]
    fn words_are_those_of_scalars_wherever_they_are() {
        let value = json!({"t": ["a b", {"name": "c", "n": 7}], "u": "d"});
        let mut found = Vec::new();
        TextFields::new(["t", "u"]).scalars(&value, |text| found.push(text.to_owned()));
        assert_eq!(found, ["a b", "7", "c", "d"]);
    }
}

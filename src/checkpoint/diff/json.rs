//! [`JsonDiff`]: how two JSON values differ.

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::{Map, Value};

use super::sample::{MAX_SAMPLE, Sample};

/// How many changes are listed.
pub(super) const MAX_CHANGES: usize = 64;
/// How deep values are compared; below, they are compared whole.
pub(super) const MAX_DEPTH: usize = 8;
/// How many of the elements are shown that a list grew or shrank by.
pub(super) const MAX_ELEMENTS: usize = 3;
/// How much of a key is shown in a path, in bytes.
const MAX_KEY: usize = 64;

/// How two JSON values differ. The changes, as far as they are listed and shown whole, lead from the first value to the
/// second if they are made one after the other.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct JsonDiff {
    /// The first changes.
    pub changes: Vec<JsonChange>,
    /// How many more there are.
    pub more: usize,
}

/// A change of a JSON value.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct JsonChange {
    /// Where, as a JSON Pointer (RFC 6901): `""` is the whole value. Long keys are cut.
    pub path: String,
    /// What has changed there.
    #[serde(flatten)]
    pub kind: JsonChangeKind,
}

/// What has changed at one place of a JSON value.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "change", rename_all = "snake_case")]
#[non_exhaustive]
pub enum JsonChangeKind {
    /// An object has this entry now.
    Added {
        /// The entry's value.
        value: Sample,
    },
    /// An object has this entry no more.
    Removed {
        /// The entry's value.
        value: Sample,
    },
    /// There is another value.
    Replaced {
        /// The value before.
        from: Sample,
        /// The value now.
        to: Sample,
    },
    /// Elements were put into a list.
    Grew {
        /// Before which element; the former length if they were appended.
        at: usize,
        /// How many.
        by: usize,
        /// The list's length now.
        length: usize,
        /// The first of them.
        elements: Vec<Sample>,
    },
    /// Elements were taken out of a list.
    Shrank {
        /// The first of them.
        at: usize,
        /// How many.
        by: usize,
        /// The list's length now.
        length: usize,
        /// The first of them.
        elements: Vec<Sample>,
    },
    /// A long string was changed in one place.
    Text {
        /// At which character.
        at: usize,
        /// What was there.
        from: Sample,
        /// What is there now.
        to: Sample,
        /// The string's length now, in characters.
        length: usize,
    },
}

/// How `b` differs from `a`.
pub(crate) fn compare(a: &Value, b: &Value) -> JsonDiff {
    let mut diff = JsonDiff::default();
    diff.compare("", a, b, MAX_DEPTH);
    diff
}

impl JsonDiff {
    /// Goes down at most `depth` levels, each a call.
    fn compare(&mut self, path: &str, a: &Value, b: &Value, depth: usize) {
        if a == b {
            return;
        }
        match (a, b) {
            (Value::Object(a), Value::Object(b)) if depth > 0 => self.objects(path, a, b, depth),
            (Value::Array(a), Value::Array(b)) if depth > 0 => self.lists(path, a, b, depth),
            (Value::String(a), Value::String(b)) if a.len().max(b.len()) > MAX_SAMPLE => {
                self.push(path, || text(a, b));
            }
            (a, b) => self.push(path, || JsonChangeKind::Replaced {
                from: Sample::of(a),
                to: Sample::of(b),
            }),
        }
    }

    fn objects(
        &mut self,
        path: &str,
        a: &Map<String, Value>,
        b: &Map<String, Value>,
        depth: usize,
    ) {
        let keys: BTreeSet<&String> = a.keys().chain(b.keys()).collect();
        for key in keys {
            let path = child(path, key);
            match (a.get(key), b.get(key)) {
                (Some(a), Some(b)) => self.compare(&path, a, b, depth - 1),
                (None, Some(b)) => self.push(&path, || JsonChangeKind::Added {
                    value: Sample::of(b),
                }),
                (Some(a), None) => self.push(&path, || JsonChangeKind::Removed {
                    value: Sample::of(a),
                }),
                (None, None) => {}
            }
        }
    }

    /// What lies between the equal elements at both ends is compared one by one; what is left over was put in or
    /// taken out there.
    fn lists(&mut self, path: &str, a: &[Value], b: &[Value], depth: usize) {
        let same = |(a, b): &(&Value, &Value)| a == b;
        let before = a.iter().zip(b).take_while(same).count();
        let (rest_a, rest_b) = (
            a.get(before..).unwrap_or_default(),
            b.get(before..).unwrap_or_default(),
        );
        let pairs = rest_a.iter().rev().zip(rest_b.iter().rev());
        let after = pairs.take_while(same).count();
        let between = |rest: &[Value]| rest.len().saturating_sub(after);
        let (gone, come) = (between(rest_a), between(rest_b));
        let common = gone.min(come);
        for (n, (a, b)) in rest_a.iter().zip(rest_b).take(common).enumerate() {
            self.compare(&format!("{path}/{}", before + n), a, b, depth - 1);
        }
        let first = |rest: &[Value], by: usize| {
            let shown = rest.iter().skip(common).take(by.min(MAX_ELEMENTS));
            shown.map(Sample::of).collect()
        };
        let (at, length) = (before + common, b.len());
        if come > gone {
            let by = come - gone;
            self.push(path, || JsonChangeKind::Grew {
                at,
                by,
                length,
                elements: first(rest_b, by),
            });
        } else if gone > come {
            let by = gone - come;
            self.push(path, || JsonChangeKind::Shrank {
                at,
                by,
                length,
                elements: first(rest_a, by),
            });
        }
    }

    fn push(&mut self, path: &str, kind: impl FnOnce() -> JsonChangeKind) {
        if self.changes.len() == MAX_CHANGES {
            self.more += 1;
            return;
        }
        self.changes.push(JsonChange {
            path: path.to_owned(),
            kind: kind(),
        });
    }
}

/// What lies between the equal characters at both ends.
fn text(a: &str, b: &str) -> JsonChangeKind {
    let same = |(a, b): &(char, char)| a == b;
    let equal = a.chars().zip(b.chars()).take_while(same);
    let (at, start) = equal.fold((0, 0), |(n, bytes), (c, _)| (n + 1, bytes + c.len_utf8()));
    let (rest_a, rest_b) = (
        a.get(start..).unwrap_or_default(),
        b.get(start..).unwrap_or_default(),
    );
    let equal = rest_a.chars().rev().zip(rest_b.chars().rev());
    let end: usize = equal.take_while(same).map(|(c, _)| c.len_utf8()).sum();
    let between = |rest: &str| {
        let between = rest.get(..rest.len().saturating_sub(end));
        Sample::of(&Value::from(between.unwrap_or_default()))
    };
    JsonChangeKind::Text {
        at,
        from: between(rest_a),
        to: between(rest_b),
        length: b.chars().count(),
    }
}

/// The path of an object's entry.
fn child(path: &str, key: &str) -> String {
    let shown = key.get(..key.floor_char_boundary(MAX_KEY)).unwrap_or(key);
    let cut = if shown.len() < key.len() { "…" } else { "" };
    let escaped = shown.replace('~', "~0").replace('/', "~1");
    format!("{path}/{escaped}{cut}")
}

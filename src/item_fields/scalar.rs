//! [`ScalarKey`]: numbers, strings and truth values as bytes that have their order.

use std::sync::Arc;

use serde_json::Value;

/// Longer strings are cut off here, so what is found by them has to be looked at.
const MAX_TEXT: usize = 64;

mod kind {
    pub(super) const BOOL: u8 = 1;
    pub(super) const NUMBER: u8 = 2;
    pub(super) const TEXT: u8 = 3;
    /// The same in a list, whose path they have.
    pub(super) const BOOL_IN_LIST: u8 = 4;
    pub(super) const TEXT_IN_LIST: u8 = 5;
}

/// A scalar as bytes. Those of one kind have its order, but that some which differ little are equal.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ScalarKey(pub(crate) Arc<[u8]>);

/// Scalars from the first one up to the other, exclusively.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FieldRange {
    pub(crate) from: ScalarKey,
    pub(crate) to: ScalarKey,
}

impl ScalarKey {
    pub(super) fn bool(value: bool, is_in_list: bool) -> Self {
        let kind = if is_in_list {
            kind::BOOL_IN_LIST
        } else {
            kind::BOOL
        };
        Self([kind, u8::from(value)].into())
    }

    pub(super) fn number(number: f64) -> Self {
        // There is one zero.
        let bits = (number + 0.0).to_bits();
        let ordered = if bits >> 63 == 1 {
            !bits
        } else {
            bits | 1 << 63
        };
        let mut bytes = vec![kind::NUMBER];
        bytes.extend(ordered.to_be_bytes());
        Self(bytes.into())
    }

    pub(super) fn text(text: &str, is_in_list: bool) -> Self {
        let kind = if is_in_list {
            kind::TEXT_IN_LIST
        } else {
            kind::TEXT
        };
        let bytes = [kind].into_iter().chain(text.bytes().take(MAX_TEXT));
        Self(bytes.collect())
    }

    /// That of a field that is `value`, if it is a scalar.
    fn of(value: &Value) -> Option<Self> {
        Some(match value {
            Value::Bool(value) => Self::bool(*value, false),
            Value::Number(number) => Self::number(number.as_f64()?),
            Value::String(text) => Self::text(text, false),
            Value::Null | Value::Array(_) | Value::Object(_) => return None,
        })
    }

    /// The least key that is greater.
    fn next(&self) -> Self {
        Self(self.0.iter().copied().chain([0]).collect())
    }

    /// The least key of its kind.
    fn first_of_kind(&self) -> Self {
        Self(self.0.iter().copied().take(1).collect())
    }

    /// What is greater than all keys of its kind.
    fn behind_kind(&self) -> Self {
        Self(
            self.0
                .iter()
                .take(1)
                .map(|kind| kind.saturating_add(1))
                .collect(),
        )
    }
}

impl FieldRange {
    /// Fields that equal `value`, which is no null, list or object.
    pub(crate) fn equal(value: &Value) -> Option<Self> {
        let from = ScalarKey::of(value)?;
        let to = from.next();
        Some(Self { from, to })
    }

    /// Fields that are at least `value`, a number or a string.
    pub(crate) fn at_least(value: &Value) -> Option<Self> {
        let from = ScalarKey::of(value).filter(|_| !value.is_boolean())?;
        let to = from.behind_kind();
        Some(Self { from, to })
    }

    /// Fields that are at most `value`, a number or a string.
    pub(crate) fn at_most(value: &Value) -> Option<Self> {
        let last = ScalarKey::of(value).filter(|_| !value.is_boolean())?;
        Some(Self {
            from: last.first_of_kind(),
            to: last.next(),
        })
    }

    /// Lists with `value` in them, which is a string or a truth value, and strings that may contain it.
    pub(crate) fn containing(value: &Value) -> Option<Vec<Self>> {
        let element = match value {
            Value::Bool(value) => ScalarKey::bool(*value, true),
            Value::String(text) => ScalarKey::text(text, true),
            _ => return None,
        };
        let mut ranges = vec![Self {
            to: element.next(),
            from: element,
        }];
        if value.is_string() {
            let any = ScalarKey::text("", false);
            let to = any.behind_kind();
            ranges.push(Self { from: any, to });
        }
        Some(ranges)
    }

    /// What is in both.
    pub(crate) fn and(self, other: Self) -> Self {
        Self {
            from: self.from.max(other.from),
            to: self.to.min(other.to),
        }
    }
}

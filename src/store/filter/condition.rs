//! [`Condition`]: what a filter wants of one field.

use std::cmp::Ordering;

use serde_json::Value;

use crate::field_path::FieldPath as Path;
use crate::json_order::{equal, order};

/// What a filter wants of one field.
#[derive(Clone, Debug)]
pub(super) enum Condition {
    Is(Operator, Value),
    In(Vec<Value>),
    Contains(Value),
    Exists,
    /// Of the field's own fields, all of these.
    Fields(Vec<(Path, Condition)>),
    /// Of the elements of a list of this length.
    Elements(Vec<Condition>),
    All(Vec<Condition>),
    Not(Box<Condition>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operator {
    Eq,
    Gt,
    Gte,
    Lt,
    Lte,
}

impl Condition {
    /// `None` is a missing field.
    pub(super) fn holds(&self, value: Option<&Value>) -> bool {
        match self {
            Self::Is(operator, operand) => operator.holds(value, operand),
            Self::In(values) => values.iter().any(|one| Operator::Eq.holds(value, one)),
            Self::Contains(wanted) => match (value, wanted) {
                (Some(Value::Array(list)), _) => list.iter().any(|one| equal(one, wanted)),
                (Some(Value::String(text)), Value::String(part)) => text.contains(part.as_str()),
                _ => false,
            },
            Self::Exists => value.is_some(),
            Self::Fields(fields) => value.is_some_and(|value| match value {
                Value::Object(_) => (fields.iter()).all(|(path, of)| of.holds(path.of(value))),
                _ => fields.is_empty(),
            }),
            Self::Elements(conditions) => value.and_then(Value::as_array).is_some_and(|list| {
                list.len() == conditions.len()
                    && list.iter().zip(conditions).all(|(e, c)| c.holds(Some(e)))
            }),
            Self::All(all) => all.iter().all(|condition| condition.holds(value)),
            Self::Not(condition) => !condition.holds(value),
        }
    }
}

impl Operator {
    fn holds(self, value: Option<&Value>, operand: &Value) -> bool {
        let order = || value.and_then(|value| order(value, operand));
        match self {
            Self::Eq => equal(value.unwrap_or(&Value::Null), operand),
            Self::Gt => order().is_some_and(Ordering::is_gt),
            Self::Gte => order().is_some_and(Ordering::is_ge),
            Self::Lt => order().is_some_and(Ordering::is_lt),
            Self::Lte => order().is_some_and(Ordering::is_le),
        }
    }
}

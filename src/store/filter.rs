//! [`Filter`]: which values a search wants.
//!
//! This module must never know where values are kept.

mod compare;

use serde_json::{Map, Value};

use self::compare::{equal, order};
use crate::store::StoreError;

/// A test of an item's value: all of its conditions on fields must hold.
///
/// A condition is a value, which the field must equal; an absent field equals null, and numbers are
/// compared by value. An object with `$` keys compares: `$eq`, `$ne`, `$gt`, `$gte`, `$lt`, `$lte`,
/// all of those given. Another object is a test of the field's own fields, and a list one of
/// its elements, one by one.
///
/// ```
/// use serde_json::json;
/// use stepwell::store::Filter;
///
/// let filter = Filter::from_json(&json!({"city": "Oslo", "visits": {"$gte": 3}})).unwrap();
/// assert!(filter.matches(&json!({"city": "Oslo", "visits": 3.5})));
/// assert!(!filter.matches(&json!({"city": "Oslo"})));
/// ```
#[derive(Clone, Debug, Default)]
pub struct Filter {
    fields: Vec<(String, Condition)>,
}

#[derive(Clone, Debug)]
enum Condition {
    Equals(Value),
    Compares(Vec<(Operator, Value)>),
    Fields(Vec<(String, Condition)>),
    Elements(Vec<Condition>),
}

#[derive(Clone, Copy, Debug)]
enum Operator {
    Eq,
    Ne,
    Gt,
    Gte,
    Lt,
    Lte,
}

impl Filter {
    /// The values whose `field` equals `value`.
    pub fn eq(field: impl Into<String>, value: impl Into<Value>) -> Self {
        Self {
            fields: vec![(field.into(), Condition::Equals(value.into()))],
        }
    }

    /// The values that satisfy `other` too.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.fields.extend(other.fields);
        self
    }

    /// The filter that `json` describes: an object of conditions by field.
    ///
    /// # Errors
    /// [`StoreError::InvalidFilter`], with the path of the field, if `json` is not an object, if an operator is
    /// unknown or stands beside plain fields, or if what `$gt`, `$gte`, `$lt` or `$lte` compare with is neither
    /// number nor string.
    pub fn from_json(json: &Value) -> Result<Self, StoreError> {
        let Value::Object(fields) = json else {
            return Err(invalid("", "a filter is an object of conditions by field"));
        };
        if let Some(operator) = fields.keys().find(|key| key.starts_with('$')) {
            return Err(invalid(
                operator,
                "an operator belongs into the condition of a field",
            ));
        }
        Ok(Self {
            fields: fields_of(fields, "")?,
        })
    }

    /// Whether `value` satisfies this.
    pub fn matches(&self, value: &Value) -> bool {
        fields_match(&self.fields, value)
    }
}

impl Condition {
    fn parse(json: &Value, path: &str) -> Result<Self, StoreError> {
        Ok(match json {
            Value::Object(map) if map.keys().any(|key| key.starts_with('$')) => {
                let operators = map.iter().map(|(key, operand)| {
                    Ok((Operator::parse(key, operand, path)?, operand.clone()))
                });
                Self::Compares(operators.collect::<Result<_, StoreError>>()?)
            }
            Value::Object(map) => Self::Fields(fields_of(map, path)?),
            Value::Array(elements) => {
                let elements = elements.iter().enumerate();
                let elements = elements.map(|(at, e)| Self::parse(e, &format!("{path}[{at}]")));
                Self::Elements(elements.collect::<Result<_, _>>()?)
            }
            plain => Self::Equals(plain.clone()),
        })
    }

    /// `None` is an absent field.
    fn holds(&self, value: Option<&Value>) -> bool {
        match self {
            Self::Equals(wanted) => equal(value.unwrap_or(&Value::Null), wanted),
            Self::Compares(operators) => operators
                .iter()
                .all(|(operator, operand)| operator.holds(value, operand)),
            Self::Fields(fields) => value.is_some_and(|value| fields_match(fields, value)),
            Self::Elements(conditions) => value.and_then(Value::as_array).is_some_and(|list| {
                list.len() == conditions.len()
                    && list.iter().zip(conditions).all(|(e, c)| c.holds(Some(e)))
            }),
        }
    }
}

impl Operator {
    fn parse(key: &str, operand: &Value, path: &str) -> Result<Self, StoreError> {
        let operator = match key {
            "$eq" => return Ok(Self::Eq),
            "$ne" => return Ok(Self::Ne),
            "$gt" => Self::Gt,
            "$gte" => Self::Gte,
            "$lt" => Self::Lt,
            "$lte" => Self::Lte,
            unknown => {
                let reason = format!(
                    "`{unknown}` is not an operator; use $eq, $ne, $gt, $gte, $lt or $lte, and no \
                     plain field beside them"
                );
                return Err(invalid(path, reason));
            }
        };
        if operand.is_number() || operand.is_string() {
            return Ok(operator);
        }
        let reason = format!("`{key}` compares with a number or a string, not with {operand}");
        Err(invalid(path, reason))
    }

    fn holds(self, value: Option<&Value>, operand: &Value) -> bool {
        let order = || value.and_then(|value| order(value, operand));
        match self {
            Self::Eq => equal(value.unwrap_or(&Value::Null), operand),
            Self::Ne => !equal(value.unwrap_or(&Value::Null), operand),
            Self::Gt => order().is_some_and(std::cmp::Ordering::is_gt),
            Self::Gte => order().is_some_and(std::cmp::Ordering::is_ge),
            Self::Lt => order().is_some_and(std::cmp::Ordering::is_lt),
            Self::Lte => order().is_some_and(std::cmp::Ordering::is_le),
        }
    }
}

fn fields_of(map: &Map<String, Value>, path: &str) -> Result<Vec<(String, Condition)>, StoreError> {
    map.iter()
        .map(|(field, condition)| {
            let path = if path.is_empty() {
                field.clone()
            } else {
                format!("{path}.{field}")
            };
            Ok((field.clone(), Condition::parse(condition, &path)?))
        })
        .collect()
}

fn fields_match(fields: &[(String, Condition)], value: &Value) -> bool {
    match value {
        Value::Object(map) => fields
            .iter()
            .all(|(field, condition)| condition.holds(map.get(field))),
        // An item may be any JSON: one that has no fields satisfies only the empty test.
        _ => fields.is_empty(),
    }
}

fn invalid(field: &str, reason: impl Into<String>) -> StoreError {
    StoreError::InvalidFilter {
        field: field.to_owned(),
        reason: reason.into(),
    }
}

#[cfg(test)]
mod tests;

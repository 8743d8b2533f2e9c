//! [`Filter`]: which values a search wants.
//!
//! This module must never know where values are kept.

mod condition;
mod needs;
mod parse;
mod problem;
#[cfg(feature = "langgraph")]
mod sieve;

use serde_json::Value;

use self::condition::{Condition, Operator};
pub(super) use self::needs::{Need, Probe};
pub use self::problem::FilterProblem;
#[cfg(feature = "langgraph")]
pub(crate) use self::sieve::{Bound, Sieve};
use crate::field_path::FieldPath as Path;
use crate::store::StoreError;

/// A test of an item's value.
///
/// A filter is made of conditions on fields. A field is named by its path, names with dots between
/// them (`address.city`); a dot or backslash that belongs to a name has a backslash in front. Lists
/// are not looked into. A field that is not there, on whatever level, is *missing*, which is
/// never an error:
///
/// | condition | holds if the field | and if it is missing |
/// |---|---|---|
/// | `$eq`, or a plain value | equals the value, numbers by value (`5` = `5.0`) | if the value is null |
/// | `$ne` | does not equal it | unless the value is null |
/// | `$gt` `$gte` `$lt` `$lte` | is of the same kind, number or string, and greater, ... | no |
/// | `$in` | equals one of the list | if null is one of them |
/// | `$nin` | equals none of the list | unless null is one of them |
/// | `$exists` | is there (true) or missing (false); null is there | as the operand says |
/// | `$contains` | is a list with an element that equals the value, or a string with that text in it | no |
/// | `$not` | does not satisfy the condition | if missing does not satisfy it |
///
/// Filters are combined by `$and`, `$or` and `$not`. Strings are compared by their text, byte by byte. `$ne`, `$nin` and
/// `$not` are exact complements: `{"$not": {"$gt": 5}}` holds for missing fields and strings, `{"$lte": 5}` does not.
///
/// As in LangGraph, a plain object tests the field's own fields, and a plain list the elements of a list of the same
/// length, one by one; neither holds for a missing field. `$eq` with an object or list compares with all of it.
///
/// ```
/// use serde_json::json;
/// use stepwell::store::Filter;
///
/// let filter = Filter::from_json(&json!({
///     "address.city": "Oslo",
///     "visits": {"$gte": 3},
///     "$or": [{"tags": {"$contains": "vip"}}, {"age": {"$in": [18, 21]}}],
/// }))?;
/// assert!(filter.matches(&json!({"address": {"city": "Oslo"}, "visits": 3.5, "age": 18})));
/// assert!(!filter.matches(&json!({"address": {"city": "Oslo"}, "age": 18})));
///
/// let same = Filter::eq("address.city", "Oslo")
///     .and(Filter::gte("visits", 3))
///     .and(Filter::contains("tags", "vip").or(Filter::is_in("age", [18, 21])));
/// assert!(same.matches(&json!({"address": {"city": "Oslo"}, "visits": 3, "tags": ["vip"]})));
/// # Ok::<(), stepwell::store::StoreError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Filter {
    test: Test,
}

#[derive(Clone, Debug)]
enum Test {
    All(Vec<Test>),
    Any(Vec<Test>),
    Not(Box<Test>),
    Field(Path, Condition),
}

impl Default for Filter {
    /// All values.
    fn default() -> Self {
        Test::All(Vec::new()).into()
    }
}

impl From<Test> for Filter {
    fn from(test: Test) -> Self {
        Self { test }
    }
}

impl Filter {
    fn field(path: impl AsRef<str>, condition: Condition) -> Self {
        Test::Field(Path::parse(path.as_ref()), condition).into()
    }

    fn compare(path: impl AsRef<str>, operator: Operator, with: impl Into<Value>) -> Self {
        Self::field(path, Condition::Is(operator, with.into()))
    }

    /// The values whose field equals `value`.
    pub fn eq(path: impl AsRef<str>, value: impl Into<Value>) -> Self {
        Self::compare(path, Operator::Eq, value)
    }

    /// The values whose field does not equal `value`.
    pub fn ne(path: impl AsRef<str>, value: impl Into<Value>) -> Self {
        Self::eq(path, value).negated()
    }

    /// The values whose field is greater than `value`; none if that is neither a number nor a string.
    pub fn gt(path: impl AsRef<str>, value: impl Into<Value>) -> Self {
        Self::compare(path, Operator::Gt, value)
    }

    /// The values whose field is at least `value`; none if that is neither a number nor a string.
    pub fn gte(path: impl AsRef<str>, value: impl Into<Value>) -> Self {
        Self::compare(path, Operator::Gte, value)
    }

    /// The values whose field is less than `value`; none if that is neither a number nor a string.
    pub fn lt(path: impl AsRef<str>, value: impl Into<Value>) -> Self {
        Self::compare(path, Operator::Lt, value)
    }

    /// The values whose field is at most `value`; none if that is neither a number nor a string.
    pub fn lte(path: impl AsRef<str>, value: impl Into<Value>) -> Self {
        Self::compare(path, Operator::Lte, value)
    }

    /// The values whose field equals one of `values`.
    pub fn is_in<V: Into<Value>>(
        path: impl AsRef<str>,
        values: impl IntoIterator<Item = V>,
    ) -> Self {
        Self::field(
            path,
            Condition::In(values.into_iter().map(Into::into).collect()),
        )
    }

    /// The values whose field equals none of `values`.
    pub fn not_in<V: Into<Value>>(
        path: impl AsRef<str>,
        values: impl IntoIterator<Item = V>,
    ) -> Self {
        Self::is_in(path, values).negated()
    }

    /// The values that have the field, be it null.
    pub fn exists(path: impl AsRef<str>) -> Self {
        Self::field(path, Condition::Exists)
    }

    /// The values whose field is a list with `value` in it, or a string with that text in it.
    pub fn contains(path: impl AsRef<str>, value: impl Into<Value>) -> Self {
        Self::field(path, Condition::Contains(value.into()))
    }

    /// The values that satisfy `other` too.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        let mut all = match self.test {
            Test::All(all) => all,
            one => vec![one],
        };
        all.push(other.test);
        Test::All(all).into()
    }

    /// The values that satisfy this or `other`.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        let mut any = match self.test {
            Test::Any(any) => any,
            one => vec![one],
        };
        any.push(other.test);
        Test::Any(any).into()
    }

    /// The values that do not satisfy this.
    #[must_use]
    pub fn negated(self) -> Self {
        match self.test {
            Test::Not(not) => (*not).into(),
            test => Test::Not(Box::new(test)).into(),
        }
    }

    /// The filter that `json` describes: an object of conditions by path, all of which must hold, and of `$and` and `$or`
    /// (lists of filters) and `$not` (a filter).
    ///
    /// # Errors
    /// [`StoreError::InvalidFilter`], with the path of the field and [what is wrong](FilterProblem).
    pub fn from_json(json: &Value) -> Result<Self, StoreError> {
        parse::filter(json).map(Self::from)
    }

    /// Whether `value` satisfies this.
    pub fn matches(&self, value: &Value) -> bool {
        self.test.holds(value)
    }

    /// What an index can be asked about it: values that satisfy this satisfy each of these.
    pub(super) fn needs(&self) -> Vec<Need> {
        self.test.needs()
    }

    /// Whether there is no condition at all.
    pub(super) fn is_empty(&self) -> bool {
        matches!(&self.test, Test::All(all) if all.is_empty())
    }
}

impl Test {
    fn holds(&self, value: &Value) -> bool {
        match self {
            Self::All(all) => all.iter().all(|test| test.holds(value)),
            Self::Any(any) => any.iter().any(|test| test.holds(value)),
            Self::Not(test) => !test.holds(value),
            Self::Field(path, condition) => condition.holds(path.of(value)),
        }
    }
}

#[cfg(test)]
mod laws;
#[cfg(test)]
mod tests;

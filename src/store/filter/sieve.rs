//! [`Sieve`]: what a database that knows JSON can be asked about a filter.

use serde_json::{Number, Value};

use super::condition::{Condition, Operator};
use super::{Filter, Test};
use crate::field_path::FieldPath as Path;

/// What holds for every value that satisfies the filter, and maybe for others.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Sieve {
    All(Vec<Sieve>),
    Any(Vec<Sieve>),
    /// Of the field that these names lead to.
    Field(Vec<String>, Bound),
}

/// What holds for a field.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Bound {
    /// It is null or missing.
    Null,
    /// It is not missing.
    Present,
    Is(bool),
    /// It is a number from one up to the other.
    Number(Option<f64>, Option<f64>),
    /// It is a string from one up to the other.
    Text(Option<String>, Option<String>),
}

/// A database is not asked more than this about one filter.
const MOST: usize = 64;
/// Integers that are no greater are exactly a float.
const EXACT: f64 = 9_007_199_254_740_992.0;

impl Filter {
    /// `None`: nothing is known of what satisfies it.
    pub(crate) fn sieve(&self) -> Option<Sieve> {
        let mut left = MOST;
        self.test.sieve(&mut left)
    }
}

impl Test {
    fn sieve(&self, left: &mut usize) -> Option<Sieve> {
        match self {
            Self::All(all) => both(all.iter().filter_map(|test| test.sieve(left)).collect()),
            Self::Any(any) => {
                let each: Option<_> = any.iter().map(|test| test.sieve(left)).collect();
                each.map(Sieve::Any)
            }
            Self::Not(_) => None,
            Self::Field(path, condition) => condition.sieve(path, left),
        }
    }
}

impl Condition {
    fn sieve(&self, path: &Path, left: &mut usize) -> Option<Sieve> {
        match self {
            Self::Is(operator, operand) => field(path, bound(*operator, operand)?, left),
            Self::In(values) => {
                let equal = |value| field(path, bound(Operator::Eq, value)?, left);
                values
                    .iter()
                    .map(equal)
                    .collect::<Option<_>>()
                    .map(Sieve::Any)
            }
            Self::Exists => field(path, Bound::Present, left),
            Self::Fields(fields) => {
                let within = |(inner, of): &(Path, Self)| of.sieve(&path.join(inner), left);
                both(fields.iter().filter_map(within).collect())
            }
            Self::All(all) => both(all.iter().filter_map(|of| of.sieve(path, left)).collect()),
            Self::Contains(_) | Self::Elements(_) | Self::Not(_) => None,
        }
    }
}

fn both(all: Vec<Sieve>) -> Option<Sieve> {
    Some(all).filter(|all| !all.is_empty()).map(Sieve::All)
}

fn field(path: &Path, bound: Bound, left: &mut usize) -> Option<Sieve> {
    *left = left.checked_sub(1)?;
    Some(Sieve::Field(path.names().to_vec(), bound))
}

fn bound(operator: Operator, operand: &Value) -> Option<Bound> {
    Some(match (operand, operator) {
        (Value::Null, Operator::Eq) => Bound::Null,
        (Value::Bool(wanted), Operator::Eq) => Bound::Is(*wanted),
        (Value::Number(number), _) => {
            // A database may have numbers that are no floats, but read as this one.
            let number = exact(number)?;
            let (least, most) = (number.next_down(), number.next_up());
            match operator {
                Operator::Eq => Bound::Number(Some(least), Some(most)),
                Operator::Gt | Operator::Gte => Bound::Number(Some(least), None),
                Operator::Lt | Operator::Lte => Bound::Number(None, Some(most)),
            }
        }
        (Value::String(text), _) => {
            let text = || Some(text.clone());
            match operator {
                Operator::Eq => Bound::Text(text(), text()),
                Operator::Gt | Operator::Gte => Bound::Text(text(), None),
                Operator::Lt | Operator::Lte => Bound::Text(None, text()),
            }
        }
        _ => return None,
    })
}

/// The number as a float, if no other one is near enough to be taken for it.
fn exact(number: &Number) -> Option<f64> {
    number.as_f64().filter(|float| float.abs() <= EXACT)
}

//! Reducers: how a write is folded into the value that a channel already has.

use std::cmp::Ordering;
use std::sync::Arc;

use serde_json::{Number, Value};

use crate::graph::channels::held::Held;
use crate::graph::channels::messages::{self, Places};
use crate::graph::panics::caught;

/// Why a write could not be folded into a channel's value.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReduceError {
    /// The write or the value is not of the kind that the reducer works on.
    #[error("{0}")]
    Invalid(String),
    /// A message is to be removed that is not in the list.
    #[error("there is no message with id `{0}` to remove")]
    MessageNotFound(String),
    /// A reducer of one's own panicked.
    #[error("the reducer panicked: {0}; mend it and run the thread again with Input::Continue")]
    Panicked(String),
}

/// A channel's value with a write folded in.
pub(in crate::graph) struct Folded {
    pub(in crate::graph) value: Held,
    /// Whether it is the list that was there, followed by new elements.
    pub(in crate::graph) only_grew: bool,
}

/// A reducer and the value that it starts from.
#[derive(Clone)]
pub(in crate::graph) struct Reducer {
    pub(in crate::graph) name: &'static str,
    pub(in crate::graph) initial: Option<Arc<Value>>,
    fold: Fold,
}

type FoldValues = dyn Fn(Value, Value) -> Result<Value, ReduceError> + Send + Sync;

#[derive(Clone)]
enum Fold {
    /// The new value follows from the old one, which the function takes, and the write.
    Values(Arc<FoldValues>),
    Append,
    Messages,
}

impl Reducer {
    pub(in crate::graph) fn new<F>(name: &'static str, initial: Option<Value>, fold: F) -> Self
    where
        F: Fn(Value, Value) -> Result<Value, ReduceError> + Send + Sync + 'static,
    {
        Self {
            name,
            initial: initial.map(Arc::new),
            fold: Fold::Values(Arc::new(fold)),
        }
    }

    /// Appends lists to a list, empty at first.
    pub(in crate::graph) fn append() -> Self {
        Self::of_lists("append", Fold::Append)
    }

    /// Merges messages into a list by their ids, empty at first.
    pub(in crate::graph) fn messages() -> Self {
        Self::of_lists("messages", Fold::Messages)
    }

    fn of_lists(name: &'static str, fold: Fold) -> Self {
        Self {
            name,
            initial: Some(Arc::new(Value::Array(Vec::new()))),
            fold,
        }
    }

    /// Folds `write` into `current`. `places` says where messages are, if that is known.
    pub(in crate::graph) fn fold(
        &self,
        current: Held,
        places: &mut Option<Places>,
        write: Value,
    ) -> Result<Folded, ReduceError> {
        match &self.fold {
            Fold::Values(fold) => {
                let current = current.into_value();
                let value = caught(|| fold(current, write)).map_err(ReduceError::Panicked)??;
                Ok(Folded {
                    value: value.into(),
                    only_grew: false,
                })
            }
            Fold::Append => append(current, write),
            Fold::Messages => messages::reduce(current, places, write),
        }
    }
}

impl std::fmt::Debug for Reducer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Reducer({})", self.name)
    }
}

fn mismatch(name: &str, wanted: &str, current: &Value, write: &Value) -> ReduceError {
    ReduceError::Invalid(format!(
        "`{name}` needs {wanted}; the value is {} and the write {}",
        kind_of(current),
        kind_of(write)
    ))
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

pub(in crate::graph) fn add(current: Value, write: Value) -> Result<Value, ReduceError> {
    let (Value::Number(a), Value::Number(b)) = (&current, &write) else {
        return Err(mismatch("add", "numbers", &current, &write));
    };
    sum(a, b).map(Value::Number).ok_or_else(|| {
        ReduceError::Invalid(format!("`add`: {a} + {b} is out of the range of numbers"))
    })
}

/// Integers stay integers; only a fraction makes the sum a float.
fn sum(a: &Number, b: &Number) -> Option<Number> {
    match (as_i128(a), as_i128(b)) {
        (Some(a), Some(b)) => {
            let sum = a.checked_add(b)?;
            i64::try_from(sum)
                .map(Number::from)
                .or_else(|_| u64::try_from(sum).map(Number::from))
                .ok()
        }
        _ => Number::from_f64(a.as_f64()? + b.as_f64()?),
    }
}

fn as_i128(n: &Number) -> Option<i128> {
    n.as_i64()
        .map(i128::from)
        .or_else(|| n.as_u64().map(i128::from))
}

fn append(mut current: Held, write: Value) -> Result<Folded, ReduceError> {
    let refused = match write {
        Value::Array(more) => match current.grow(more) {
            Ok(()) => {
                return Ok(Folded {
                    value: current,
                    only_grew: true,
                });
            }
            Err(more) => Value::Array(more),
        },
        other => other,
    };
    Err(mismatch("append", "lists", current.whole(), &refused))
}

pub(in crate::graph) fn concat(current: Value, write: Value) -> Result<Value, ReduceError> {
    match (current, write) {
        (Value::String(mut text), Value::String(more)) => {
            text.push_str(&more);
            Ok(Value::String(text))
        }
        (current, write) => Err(mismatch("concat", "strings", &current, &write)),
    }
}

pub(in crate::graph) fn merge(current: Value, write: Value) -> Result<Value, ReduceError> {
    match (current, write) {
        (Value::Object(mut map), Value::Object(more)) => {
            map.extend(more);
            Ok(Value::Object(map))
        }
        (current, write) => Err(mismatch("merge", "objects", &current, &write)),
    }
}

pub(in crate::graph) fn max(current: Value, write: Value) -> Result<Value, ReduceError> {
    match compare(&current, &write) {
        Some(Ordering::Less) => Ok(write),
        Some(_) => Ok(current),
        None => Err(mismatch(
            "max",
            "two numbers or two strings",
            &current,
            &write,
        )),
    }
}

pub(in crate::graph) fn min(current: Value, write: Value) -> Result<Value, ReduceError> {
    match compare(&current, &write) {
        Some(Ordering::Greater) => Ok(write),
        Some(_) => Ok(current),
        None => Err(mismatch(
            "min",
            "two numbers or two strings",
            &current,
            &write,
        )),
    }
}

fn compare(a: &Value, b: &Value) -> Option<Ordering> {
    match (a, b) {
        (Value::String(a), Value::String(b)) => Some(a.cmp(b)),
        (Value::Number(a), Value::Number(b)) => match (as_i128(a), as_i128(b)) {
            (Some(a), Some(b)) => Some(a.cmp(&b)),
            _ => a.as_f64()?.partial_cmp(&b.as_f64()?),
        },
        _ => None,
    }
}

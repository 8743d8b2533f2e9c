//! From JSON to filters. What comes in may be nonsense, and is bounded in depth.

use serde_json::{Map, Value};

use super::condition::{Condition, Operator};
use super::{FilterProblem, Test};
use crate::field_path::FieldPath as Path;
use crate::store::StoreError;

/// So many levels of conditions and plain values within one another.
const MAX_DEPTH: usize = 64;

/// The test that `json` describes.
pub(super) fn filter(json: &Value) -> Result<Test, StoreError> {
    test(json, &At::default())
}

/// Where in the filter the parser is.
#[derive(Clone, Default)]
struct At {
    path: String,
    depth: usize,
}

impl At {
    fn invalid(&self, problem: FilterProblem) -> StoreError {
        StoreError::InvalidFilter {
            field: self.path.clone(),
            problem,
        }
    }

    fn unknown(&self, operator: &str) -> StoreError {
        self.invalid(FilterProblem::UnknownOperator {
            operator: operator.to_owned(),
        })
    }

    fn wrong(&self, operator: &'static str, expected: &'static str) -> StoreError {
        self.invalid(FilterProblem::WrongOperand { operator, expected })
    }

    fn deeper(&self, path: String) -> Result<Self, StoreError> {
        let depth = self.depth + 1;
        if depth > MAX_DEPTH {
            return Err(self.invalid(FilterProblem::TooDeep { limit: MAX_DEPTH }));
        }
        Ok(Self { path, depth })
    }

    fn field(&self, name: &str) -> Result<Self, StoreError> {
        self.deeper(match self.path.as_str() {
            "" => name.to_owned(),
            path => format!("{path}.{name}"),
        })
    }
}

fn is_operator(name: &str) -> bool {
    name.starts_with('$')
}

fn test(json: &Value, at: &At) -> Result<Test, StoreError> {
    let Value::Object(map) = json else {
        return Err(at.invalid(FilterProblem::NotAnObject));
    };
    let mut all = Vec::with_capacity(map.len());
    for (name, operand) in map {
        all.push(match name.as_str() {
            "$and" => Test::All(tests(operand, "$and", at)?),
            "$or" => Test::Any(tests(operand, "$or", at)?),
            "$not" => Test::Not(Box::new(test(operand, &at.deeper("$not".to_owned())?)?)),
            unknown if is_operator(unknown) => return Err(at.unknown(unknown)),
            field => Test::Field(Path::parse(field), condition(operand, &at.field(field)?)?),
        });
    }
    Ok(match all.len() {
        1 => all.pop().unwrap_or(Test::All(Vec::new())),
        _ => Test::All(all),
    })
}

fn tests(json: &Value, operator: &'static str, at: &At) -> Result<Vec<Test>, StoreError> {
    let Value::Array(list) = json else {
        return Err(at.wrong(operator, "a list of filters"));
    };
    let numbered = list.iter().enumerate();
    numbered
        .map(|(number, json)| test(json, &at.deeper(format!("{operator}[{number}]"))?))
        .collect()
}

fn condition(json: &Value, at: &At) -> Result<Condition, StoreError> {
    Ok(match json {
        Value::Object(map) if map.keys().any(|key| is_operator(key)) => operators(map, at)?,
        Value::Object(map) => {
            let fields = map
                .iter()
                .map(|(field, of)| Ok((Path::parse(field), condition(of, &at.field(field)?)?)));
            Condition::Fields(fields.collect::<Result<_, StoreError>>()?)
        }
        Value::Array(elements) => {
            let elements = elements.iter().enumerate();
            let elements = elements
                .map(|(number, of)| condition(of, &at.deeper(format!("{}[{number}]", at.path))?));
            Condition::Elements(elements.collect::<Result<_, _>>()?)
        }
        plain => Condition::Is(Operator::Eq, plain.clone()),
    })
}

fn operators(map: &Map<String, Value>, at: &At) -> Result<Condition, StoreError> {
    let mut all = Vec::with_capacity(map.len());
    for (name, operand) in map {
        let not = |condition| Condition::Not(Box::new(condition));
        let equals = || Condition::Is(Operator::Eq, operand.clone());
        all.push(match name.as_str() {
            "$eq" => equals(),
            "$ne" => not(equals()),
            "$gt" => compared("$gt", Operator::Gt, operand, at)?,
            "$gte" => compared("$gte", Operator::Gte, operand, at)?,
            "$lt" => compared("$lt", Operator::Lt, operand, at)?,
            "$lte" => compared("$lte", Operator::Lte, operand, at)?,
            "$in" => one_of("$in", operand, at)?,
            "$nin" => not(one_of("$nin", operand, at)?),
            "$exists" => match operand {
                Value::Bool(true) => Condition::Exists,
                Value::Bool(false) => not(Condition::Exists),
                _ => return Err(at.wrong("$exists", "true or false")),
            },
            "$contains" => Condition::Contains(operand.clone()),
            "$not" => not(condition(operand, &at.deeper(at.path.clone())?)?),
            unknown => return Err(at.unknown(unknown)),
        });
    }
    Ok(match all.len() {
        1 => all.pop().unwrap_or(Condition::All(Vec::new())),
        _ => Condition::All(all),
    })
}

fn compared(
    name: &'static str,
    operator: Operator,
    operand: &Value,
    at: &At,
) -> Result<Condition, StoreError> {
    if operand.is_number() || operand.is_string() {
        Ok(Condition::Is(operator, operand.clone()))
    } else {
        Err(at.wrong(name, "a number or a string"))
    }
}

fn one_of(name: &'static str, operand: &Value, at: &At) -> Result<Condition, StoreError> {
    match operand {
        Value::Array(values) => Ok(Condition::In(values.clone())),
        _ => Err(at.wrong(name, "a list of values")),
    }
}

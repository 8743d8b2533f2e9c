//! Expressions in actions and branches.

use serde_json::{Map, Number, Value};
use stepwell::graph::{State, overwrite};

use crate::text::to_text;

/// What an expression can refer to.
pub(crate) struct Scope<'a> {
    pub(crate) state: &'a State,
    pub(crate) variables: &'a Map<String, Value>,
    pub(crate) execution: u64,
    pub(crate) item: Option<&'a Value>,
    pub(crate) configurable: &'a dyn Fn(&str) -> Option<Value>,
    pub(crate) context: &'a Value,
    pub(crate) remaining_steps: Option<i64>,
}

/// The value of `expression`. Sends stay as they are written, their arguments evaluated.
pub(crate) fn evaluate(expression: &Value, scope: &Scope<'_>) -> Result<Value, String> {
    match expression {
        Value::Array(items) => items.iter().map(|e| evaluate(e, scope)).collect(),
        Value::Object(map) => match operator(map) {
            Some((name, operand)) => apply(name, operand, scope),
            None => map
                .iter()
                .map(|(key, e)| Ok((key.clone(), evaluate(e, scope)?)))
                .collect::<Result<Map<_, _>, String>>()
                .map(Value::Object),
        },
        plain => Ok(plain.clone()),
    }
}

/// Whether a condition `[comparison, a, b]` holds.
pub(crate) fn holds(
    (comparison, left, right): &(String, Value, Value),
    scope: &Scope<'_>,
) -> Result<bool, String> {
    let (left, right) = (evaluate(left, scope)?, evaluate(right, scope)?);
    match comparison.as_str() {
        "eq" => Ok(equal(&left, &right)),
        "ne" => Ok(!equal(&left, &right)),
        "lt" => Ok(less(&left, &right)?),
        "ge" => Ok(!less(&left, &right)?),
        other => Err(format!("comparison `{other}` is unknown")),
    }
}

/// Fills the placeholders of a template.
pub(crate) fn format(template: &str, scope: &Scope<'_>) -> String {
    let mut text = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        text.push_str(before);
        let name = after.split_once('}').filter(|(name, _)| is_name(name));
        if let Some((name, after)) = name {
            let value = scope.variables.get(name).or_else(|| scope.state.get(name));
            text.push_str(&to_text(value.unwrap_or(&Value::Null)));
            rest = after;
        } else {
            text.push('{');
            rest = after;
        }
    }
    text.push_str(rest);
    text
}

fn is_name(name: &str) -> bool {
    !name.is_empty()
        && name
            .chars()
            .all(|c| c.is_alphanumeric() || c == '_' || c == '-')
}

fn operator(map: &Map<String, Value>) -> Option<(&str, &Value)> {
    let mut entries = map.iter();
    match (entries.next(), entries.next()) {
        (Some((key, operand)), None) => key.strip_prefix('$').map(|name| (name, operand)),
        _ => None,
    }
}

fn apply(name: &str, operand: &Value, scope: &Scope<'_>) -> Result<Value, String> {
    let key = || {
        operand
            .as_str()
            .ok_or_else(|| format!("${name} needs a name, not {operand}"))
    };
    Ok(match name {
        "get" => scope.state.get(key()?).cloned().unwrap_or_default(),
        "var" => scope.variables.get(key()?).cloned().unwrap_or_default(),
        "fmt" => Value::from(format(key()?, scope)),
        "config" => (scope.configurable)(key()?).unwrap_or_default(),
        "context" => scope.context.get(key()?).cloned().unwrap_or_default(),
        "exec" => Value::from(scope.execution),
        "item" => scope.item.cloned().unwrap_or_default(),
        "managed" if operand == "remaining_steps" => scope
            .remaining_steps
            .map(Value::from)
            .ok_or("remaining_steps is not known in a branch")?,
        "overwrite" => overwrite(evaluate(operand, scope)?),
        "len" => Value::from(length(&evaluate(operand, scope)?)?),
        "add" => {
            let (left, right) = pair(name, operand)?;
            add(&evaluate(left, scope)?, &evaluate(right, scope)?)?
        }
        "field" => {
            let (of, key) = pair(name, operand)?;
            field(&evaluate(of, scope)?, &evaluate(key, scope)?)
        }
        "send" => {
            let (node, arg) = pair(name, operand)?;
            serde_json::json!({"$send": [evaluate(node, scope)?, evaluate(arg, scope)?]})
        }
        other => return Err(format!("expression `${other}` is unknown")),
    })
}

fn pair<'a>(name: &str, operand: &'a Value) -> Result<(&'a Value, &'a Value), String> {
    match operand.as_array().map(Vec::as_slice) {
        Some([a, b]) => Ok((a, b)),
        _ => Err(format!("${name} needs two operands, not {operand}")),
    }
}

fn length(value: &Value) -> Result<usize, String> {
    match value {
        Value::Null => Ok(0),
        Value::Array(list) => Ok(list.len()),
        Value::Object(map) => Ok(map.len()),
        Value::String(text) => Ok(text.chars().count()),
        other => Err(format!("$len of {other}")),
    }
}

fn field(of: &Value, key: &Value) -> Value {
    let found = match key {
        Value::String(key) => of.get(key),
        key => key
            .as_u64()
            .and_then(|at| usize::try_from(at).ok())
            .and_then(|at| of.get(at)),
    };
    found.cloned().unwrap_or_default()
}

fn add(left: &Value, right: &Value) -> Result<Value, String> {
    Ok(match (left, right) {
        (Value::Null, other) | (other, Value::Null) if other.is_null() => Value::from(0),
        (Value::Null, other) | (other, Value::Null) => other.clone(),
        (Value::Number(a), Value::Number(b)) => Value::Number(sum(a, b)?),
        (Value::String(a), Value::String(b)) => Value::from(format!("{a}{b}")),
        (Value::Array(a), Value::Array(b)) => a.iter().chain(b).cloned().collect(),
        _ => return Err(format!("$add of {left} and {right}")),
    })
}

fn sum(a: &Number, b: &Number) -> Result<Number, String> {
    if let (Some(a), Some(b)) = (a.as_i128(), b.as_i128()) {
        return Number::from_i128(a + b).ok_or_else(|| format!("{a} + {b} is too large"));
    }
    let total = a.as_f64().unwrap_or_default() + b.as_f64().unwrap_or_default();
    Number::from_f64(total).ok_or_else(|| format!("{a} + {b} is no number"))
}

fn equal(left: &Value, right: &Value) -> bool {
    match (left.as_f64(), right.as_f64()) {
        (Some(a), Some(b)) if left.is_f64() || right.is_f64() => a == b,
        _ => left == right,
    }
}

fn less(left: &Value, right: &Value) -> Result<bool, String> {
    if let (Value::String(a), Value::String(b)) = (left, right) {
        return Ok(a < b);
    }
    if let (Value::Number(a), Value::Number(b)) = (left, right)
        && let (Some(a), Some(b)) = (a.as_i128(), b.as_i128())
    {
        return Ok(a < b);
    }
    match (left.as_f64(), right.as_f64()) {
        (Some(a), Some(b)) => Ok(a < b),
        _ => Err(format!("{left} and {right} have no order")),
    }
}

//! Results compared as the scenarios' description says.

use serde_json::{Map, Number, Value};

/// The first place where `got` is not what was expected, or nothing.
pub(crate) fn first_difference(expected: &Value, got: &Value) -> Option<String> {
    let mut path = Path::default();
    difference(&ordered(expected), &ordered(got), &mut path)
}

#[derive(Default)]
struct Path {
    steps: Vec<String>,
    /// How many of the steps lead into a task's result.
    in_result: usize,
}

impl Path {
    fn into<T>(&mut self, step: String, result: bool, visit: impl FnOnce(&mut Self) -> T) -> T {
        self.steps.push(step);
        self.in_result += usize::from(result);
        let visited = visit(self);
        self.in_result -= usize::from(result);
        self.steps.pop();
        visited
    }

    fn report(&self, expected: Option<&Value>, got: Option<&Value>) -> Option<String> {
        let place = self.steps.concat();
        let place = place.strip_prefix('.').unwrap_or("result");
        Some(format!(
            "{place}: expected {}, got {}",
            shown(expected),
            shown(got)
        ))
    }
}

fn shown(value: Option<&Value>) -> String {
    let Some(value) = value else {
        return "nothing".into();
    };
    let text = value.to_string();
    if text.chars().count() <= 160 {
        return text;
    }
    text.chars().take(157).chain("...".chars()).collect()
}

fn difference(expected: &Value, got: &Value, path: &mut Path) -> Option<String> {
    match (expected, got) {
        (Value::Object(a), Value::Object(b)) => object_difference(a, b, path),
        (Value::Array(a), Value::Array(b)) => {
            if a.len() != b.len() {
                return path.report(Some(expected), Some(got));
            }
            a.iter().zip(b).enumerate().find_map(|(at, (a, b))| {
                path.into(format!("[{at}]"), false, |path| difference(a, b, path))
            })
        }
        (Value::Number(a), Value::Number(b)) if same_number(a, b) => None,
        (a, b) if a == b => None,
        (a, b) => path.report(Some(a), Some(b)),
    }
}

fn object_difference(
    expected: &Map<String, Value>,
    got: &Map<String, Value>,
    path: &mut Path,
) -> Option<String> {
    let keys = expected.keys();
    let extra = got.keys().filter(|key| !expected.contains_key(*key));
    for key in keys.chain(extra) {
        let (a, b) = (expected.get(key), got.get(key));
        if key == "id" && a.is_some_and(|a| a == "<auto>") {
            let made_up = b.map_or(path.in_result > 0, |b| {
                b.as_str().is_some_and(|id| !id.is_empty())
            });
            if made_up {
                continue;
            }
        }
        let found = path.into(format!(".{key}"), key == "result", |path| match (a, b) {
            (Some(a), Some(b)) => difference(a, b, path),
            (a, b) => path.report(a, b),
        });
        if found.is_some() {
            return found;
        }
    }
    None
}

/// Numbers are equal by value; an integer must not come back as a float.
fn same_number(expected: &Number, got: &Number) -> bool {
    match (expected.as_i128(), got.as_i128()) {
        (Some(a), Some(b)) => a == b,
        (Some(_), None) => false,
        (None, _) => expected.as_f64() == got.as_f64(),
    }
}

/// The same with the lists sorted whose order does not matter.
fn ordered(value: &Value) -> Value {
    match value {
        Value::Array(items) => items.iter().map(ordered).collect(),
        Value::Object(map) => map
            .iter()
            .map(|(key, value)| {
                if matches!(
                    key.as_str(),
                    "values" | "output" | "result" | "item" | "items"
                ) {
                    return (key.clone(), value.clone());
                }
                let mut value = ordered(value);
                if let Value::Array(items) = &mut value {
                    match key.as_str() {
                        "interrupts" => items.sort_by_cached_key(ToString::to_string),
                        "next" => items.sort_by(|a, b| a.as_str().cmp(&b.as_str())),
                        "tasks" => {
                            items.sort_by(|a, b| a["name"].as_str().cmp(&b["name"].as_str()));
                        }
                        "pending" => sort_pending(items),
                        _ => {}
                    }
                }
                (key.clone(), value)
            })
            .collect::<Map<_, _>>()
            .into(),
        plain => plain.clone(),
    }
}

fn sort_pending(items: &mut [Value]) {
    for item in &mut *items {
        if let Some(Value::Array(channels)) = item.get_mut(1) {
            channels.sort_by_cached_key(ToString::to_string);
        }
    }
    items.sort_by_cached_key(ToString::to_string);
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::first_difference;

    #[test]
    fn an_integer_is_not_a_float_and_a_float_is_its_value() {
        assert!(first_difference(&json!({"a": 1}), &json!({"a": 1.0})).is_some());
        assert!(first_difference(&json!({"a": 1.0}), &json!({"a": 1})).is_none());
        let (a, b) = (
            json!(9_007_199_254_740_993_u64),
            json!(9_007_199_254_740_992_u64),
        );
        assert!(first_difference(&a, &b).is_some());
    }

    #[test]
    fn the_first_difference_names_its_place() {
        let expected = json!({"state": {"tasks": [{"name": "a", "result": {"x": [1, 2]}}]}});
        let got = json!({"state": {"tasks": [{"name": "a", "result": {"x": [1, 3]}}]}});
        let found = first_difference(&expected, &got).unwrap();
        assert_eq!(found, "state.tasks[0].result.x[1]: expected 2, got 3");
    }

    #[test]
    fn a_made_up_id_matches_any_and_in_a_result_none() {
        let auto = json!({"values": [{"id": "<auto>"}]});
        assert!(first_difference(&auto, &json!({"values": [{"id": "x"}]})).is_none());
        assert!(first_difference(&auto, &json!({"values": [{}]})).is_some());
        let auto = json!({"result": [{"id": "<auto>"}]});
        assert!(first_difference(&auto, &json!({"result": [{}]})).is_none());
    }

    #[test]
    fn interrupts_next_and_tasks_have_no_order() {
        let a = json!({"interrupts": ["q", "p"], "next": ["b", "a"], "log": [1]});
        let b = json!({"interrupts": ["p", "q"], "next": ["a", "b"], "log": [1]});
        assert!(first_difference(&a, &b).is_none());
        assert!(first_difference(&json!({"log": [1, 2]}), &json!({"log": [2, 1]})).is_some());
    }
}

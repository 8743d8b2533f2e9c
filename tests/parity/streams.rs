//! Streamed runs: their events as the scenarios show them.

use serde_json::{Map, Value, json};
use stepwell::graph::{Event, StreamEvent, StreamMode, StreamOptions};

use crate::harness::{Harness, Stopped};
use crate::ops::{Answer, input_of, only, run_config};
use crate::scenario::Op;
use crate::show::questions;

impl Harness<'_> {
    pub(crate) async fn stream(&mut self, op: &Op) -> Answer {
        let graph = self.graph(op)?;
        let config = run_config(op, self.config(op)?)?;
        let context = op.context.clone().unwrap_or_default();
        self.run.set(config.thread_id(), &op.configurable, &context);
        let input = input_of(&op.input, &graph, &config).await?;
        let modes: Vec<StreamMode> = op
            .modes
            .iter()
            .map(|mode| mode_of(mode))
            .collect::<Result<_, _>>()?;
        let mut options = StreamOptions::new(modes);
        if op.subgraphs {
            options = options.subgraphs();
        }
        let mut events = graph.stream(input, &config, options);
        let mut shown = Vec::new();
        let mut failed = None;
        while let Some(event) = events.next().await {
            match event {
                Ok(event) => shown.push(show(&event, op.subgraphs)?),
                Err(error) => failed = Some(error),
            }
        }
        let mut result = only("events", shown.into());
        if let Some(error) = failed {
            match Stopped::from(error) {
                Stopped::Error(error) => result.insert("error".into(), error),
                wrong => return Err(wrong),
            };
        }
        Ok(result)
    }
}

/// Brings events into one form: the root's namespace is left out, and, if they are `unordered`, each run of
/// consecutive updates, tasks or custom events is sorted.
pub(crate) fn normalise(result: &mut Value, unordered: bool) {
    let Some(Value::Array(events)) = result.get_mut("events") else {
        return;
    };
    for event in events.iter_mut().filter_map(Value::as_object_mut) {
        if event.get("ns") == Some(&json!([])) {
            event.remove("ns");
        }
    }
    if !unordered {
        return;
    }
    let kind = |event: &Value| {
        let mode = event
            .get("mode")
            .and_then(Value::as_str)
            .unwrap_or_default();
        match mode {
            "updates" | "tasks" | "custom" => mode.to_owned(),
            fixed => format!("{fixed}, in order"),
        }
    };
    for run in events.chunk_by_mut(|a, b| kind(a) == kind(b)) {
        if run
            .first()
            .is_some_and(|first| !kind(first).ends_with("in order"))
        {
            run.sort_by_key(ToString::to_string);
        }
    }
}

fn mode_of(name: &str) -> Result<StreamMode, String> {
    Ok(match name {
        "values" => StreamMode::Values,
        "updates" => StreamMode::Updates,
        "custom" => StreamMode::Custom,
        "tasks" => StreamMode::Tasks,
        "checkpoints" => StreamMode::Checkpoints,
        "debug" => StreamMode::Debug,
        other => return Err(format!("there is no stream mode `{other}`")),
    })
}

fn show(event: &StreamEvent, with_namespace: bool) -> Result<Value, String> {
    let (mode, data) = match &event.event {
        Event::Values { values, interrupts } => {
            let mut data = values.clone();
            if let (Value::Object(data), false) = (&mut data, interrupts.is_empty()) {
                data.insert("__interrupt__".into(), questions(interrupts));
            }
            ("values", data)
        }
        Event::Update {
            node,
            update,
            cached,
        } => {
            let mut data = Map::from_iter([(node.clone(), update.clone())]);
            if *cached {
                data.insert("__metadata__".into(), json!({"cached": true}));
            }
            ("updates", data.into())
        }
        Event::Interrupted(interrupts) => {
            ("updates", json!({"__interrupt__": questions(interrupts)}))
        }
        Event::Custom(value) => ("custom", value.clone()),
        Event::TaskStarted { name, input, .. } => ("tasks", json!({"name": name, "input": input})),
        Event::TaskEnded {
            name,
            error,
            interrupts,
            result,
            ..
        } => {
            let error = error.as_ref().map(|error| match error.kind.as_str() {
                "node_error" => &error.message,
                _ => &error.kind,
            });
            let data = json!({
                "name": name,
                "error": error,
                "interrupts": questions(interrupts),
                "result": crate::show::result_of(result),
            });
            ("tasks", data)
        }
        Event::Checkpoint {
            metadata,
            values,
            next,
            ..
        } => {
            let data = json!({
                "source": metadata.source.map(|s| s.as_str()),
                "step": metadata.step,
                "values": values,
                "next": next,
            });
            ("checkpoints", data)
        }
        other => return Err(format!("an event of no known mode: {other:?}")),
    };
    let mut shown = Map::from_iter([("mode".to_owned(), json!(mode)), ("data".to_owned(), data)]);
    if with_namespace {
        shown.insert("ns".into(), json!(event.path()));
    }
    Ok(shown.into())
}

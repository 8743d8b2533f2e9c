//! The operations of a scenario.

use serde_json::{Map, Value, json};
use stepwell::graph::{
    Command, CompiledGraph, Config, Durability, HistoryQuery, Input, StateUpdate, overwrite,
};

use crate::build::breakpoints;
use crate::harness::{Harness, Stopped};
use crate::node::target_of;
use crate::scenario::{OneOrMany, Op};
use crate::show::questions;

pub(crate) type Answer = Result<Map<String, Value>, Stopped>;

pub(crate) fn done() -> Map<String, Value> {
    Map::from_iter([("ok".to_owned(), Value::Bool(true))])
}

pub(crate) fn only(key: &str, value: Value) -> Map<String, Value> {
    Map::from_iter([(key.to_owned(), value)])
}

impl Harness<'_> {
    pub(crate) async fn operate(&mut self, op: &Op) -> Answer {
        match op.op.as_str() {
            "invoke" => self.invoke(op).await,
            "stream" => self.stream(op).await,
            "get_state" => self.get_state(op).await,
            "history" => self.history(op).await,
            "update_state" => {
                let update = update_of(&op.values, op.as_node.as_deref());
                self.update_state(op, vec![vec![update]], true).await
            }
            "bulk_update_state" => {
                let steps = op.supersteps.iter().map(|step| {
                    let updates = step.iter();
                    updates
                        .map(|u| update_of(&u.values, u.as_node.as_deref()))
                        .collect()
                });
                self.update_state(op, steps.collect(), false).await
            }
            "dump" => self.dump(op).await,
            "delete_thread" => {
                let thread = op.thread.as_deref().ok_or("delete_thread needs a thread")?;
                let deleted = self.kept.saver()?.delete_thread(thread).await;
                deleted.map_err(|e| format!("deleting a thread: {e}"))?;
                Ok(done())
            }
            "restart" => {
                self.restart()?;
                Ok(done())
            }
            "compile" => {
                self.compile(op)?;
                Ok(done())
            }
            _ => self.operate_on_store(op).await,
        }
    }

    async fn invoke(&mut self, op: &Op) -> Answer {
        let graph = self.graph(op)?;
        let config = run_config(op, self.config(op)?)?;
        let context = op.context.clone().unwrap_or_default();
        self.run.set(config.thread_id(), &op.configurable, &context);
        let input = input_of(&op.input, &graph, &config).await?;
        let out = graph.invoke(input, &config).await?;
        let mut result = only("output", out.values);
        if !out.interrupts.is_empty() {
            result.insert("interrupts".into(), questions(&out.interrupts));
        }
        Ok(result)
    }

    async fn get_state(&mut self, op: &Op) -> Answer {
        let graph = self.graph(op)?;
        let config = self.config(op)?;
        let snapshot = if op.subgraphs {
            graph.get_state_with_subgraphs(&config).await?
        } else {
            graph.get_state(&config).await?
        };
        self.remember_snapshot(op, &snapshot);
        Ok(only("state", self.show()?.snapshot(&snapshot).await?))
    }

    async fn history(&mut self, op: &Op) -> Answer {
        let graph = self.graph(op)?;
        let mut query = HistoryQuery::default();
        if let Some(limit) = op.limit {
            query = query.limit(limit);
        }
        if let Some(before) = &op.before {
            query = query.before(&self.refer(before)?);
        }
        if let Some(Value::Object(filter)) = &op.filter {
            for (key, value) in filter {
                query = query.filter(key, value.clone());
            }
        }
        let history = graph.get_state_history(&self.config(op)?, query);
        let history = history.collect().await?;
        self.remember_history(op, &history);
        let mut show = self.show()?;
        let mut shown = Vec::new();
        for snapshot in &history {
            shown.push(show.snapshot(snapshot).await?);
        }
        Ok(only("history", shown.into()))
    }

    async fn update_state(
        &mut self,
        op: &Op,
        steps: Vec<Vec<StateUpdate>>,
        single: bool,
    ) -> Answer {
        let graph = self.graph(op)?;
        let config = self.config(op)?;
        let config = if single {
            let values = with_overwrites(&op.values);
            graph
                .update_state(&config, values, op.as_node.as_deref())
                .await?
        } else {
            graph.bulk_update_state(&config, steps).await?
        };
        self.remember_config(op, &config);
        let mut result = done();
        result.insert("id".into(), self.show()?.id(&config).await?);
        Ok(result)
    }
}

fn update_of(values: &Value, as_node: Option<&str>) -> StateUpdate {
    let update = StateUpdate::new(with_overwrites(values));
    match as_node {
        Some(node) => update.as_node(node),
        None => update,
    }
}

pub(crate) fn run_config(op: &Op, mut config: Config) -> Result<Config, String> {
    if let Some(limit) = op.recursion_limit {
        config = config.recursion_limit(u32::try_from(limit).unwrap_or_default());
    }
    if let Some(durability) = &op.durability {
        config = config.durability(match durability.as_str() {
            "sync" => Durability::Sync,
            "async" => Durability::Async,
            "exit" => Durability::Exit,
            other => return Err(format!("durability `{other}` is unknown")),
        });
    }
    if let Some(nodes) = &op.interrupt_before {
        config = config.interrupt_before(breakpoints(nodes));
    }
    if let Some(nodes) = &op.interrupt_after {
        config = config.interrupt_after(breakpoints(nodes));
    }
    Ok(config)
}

pub(crate) async fn input_of(
    input: &Value,
    graph: &CompiledGraph,
    config: &Config,
) -> Result<Input, Stopped> {
    if let Some(answer) = input.get("$resume") {
        return Ok(Command::resume(answer.clone()).into());
    }
    if let Some(answers) = input.get("$resume_by_value").and_then(Value::as_array) {
        let thread = Config::thread(config.thread_id().unwrap_or_default());
        let mut pending = graph.get_state(&thread).await?.interrupts;
        let mut by_id = Vec::new();
        for pair in answers {
            let (question, answer) = (&pair[0], &pair[1]);
            let at = pending.iter().position(|i| i.value == *question);
            let at = at.ok_or_else(|| format!("no interrupt {question} is pending"))?;
            by_id.push((pending.remove(at).id, answer.clone()));
        }
        return Ok(Command::resume_by_id(by_id).into());
    }
    if let Some(of) = input.get("$command") {
        let mut command = match of.get("resume") {
            Some(answer) => Command::resume(answer.clone()),
            None => Command::new(),
        };
        if let Some(update) = of.get("update") {
            command = command.update(with_overwrites(update));
        }
        if let Some(goto) = of.get("goto") {
            let goto: OneOrMany<Value> =
                serde_json::from_value(goto.clone()).map_err(|e| e.to_string())?;
            for target in goto.to_vec() {
                command = command.goto(target_of(&target).map_err(|e| e.to_string())?);
            }
        }
        return Ok(command.into());
    }
    Ok(with_overwrites(input).into())
}

/// Values for channels, `{"$overwrite": value}` as the library wants it.
fn with_overwrites(values: &Value) -> Value {
    let Value::Object(map) = values else {
        return values.clone();
    };
    let written = map.iter().map(|(channel, write)| {
        let write = match write.as_object().filter(|w| w.len() == 1) {
            Some(w) if w.contains_key("$overwrite") => overwrite(write["$overwrite"].clone()),
            _ => write.clone(),
        };
        (channel.clone(), write)
    });
    json!(written.collect::<Map<_, _>>())
}

//! Nodes that run the actions of a scenario.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use serde_json::{Map, Value};
use stepwell::graph::{
    self, Command, CompiledGraph, NodeError, NodeOutput, NodeResult, Runtime, State, Target,
};
use stepwell::store::{Filter, Order, Search};

use crate::expr::{Scope, evaluate, holds};
use crate::scenario::{Act, Action};

/// How often each `graph/node` was executed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Counters(Arc<Mutex<BTreeMap<String, u64>>>);

impl Counters {
    /// Counts an execution and returns its number, from 1.
    fn count(&self, node: &str) -> u64 {
        let mut counts = self.0.lock();
        let count = counts.entry(node.to_owned()).or_default();
        *count += 1;
        *count
    }

    pub(crate) fn of(&self, node: &str) -> u64 {
        self.0.lock().get(node).copied().unwrap_or_default()
    }

    pub(crate) fn all(&self) -> BTreeMap<String, u64> {
        self.0.lock().clone()
    }
}

/// The failure that a `fail` action raises.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) message: String,
    pub(crate) transient: bool,
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}

/// A node of a scenario.
pub(crate) struct ActionNode {
    /// `graph/node`.
    pub(crate) name: String,
    pub(crate) actions: Vec<Action>,
    pub(crate) subgraphs: BTreeMap<String, CompiledGraph>,
    pub(crate) counters: Counters,
}

/// One execution of it.
struct Execution<'a> {
    node: &'a ActionNode,
    state: &'a State,
    runtime: &'a Runtime,
    number: u64,
    variables: Map<String, Value>,
    update: Map<String, Value>,
    command: Option<Command>,
}

impl ActionNode {
    pub(crate) async fn run(&self, state: State, runtime: Runtime) -> NodeResult<NodeOutput> {
        let mut execution = Execution {
            node: self,
            state: &state,
            runtime: &runtime,
            number: self.counters.count(&self.name),
            variables: Map::new(),
            update: Map::new(),
            command: None,
        };
        for action in &self.actions {
            if let Some(condition) = &action.condition
                && !execution.with_scope(|scope| holds(condition, scope))?
            {
                continue;
            }
            if let Some(output) = execution.act(&action.act).await? {
                return Ok(output);
            }
        }
        let update = Value::Object(execution.update);
        Ok(match execution.command {
            Some(command) => NodeOutput::Command(command.update(update)),
            None => NodeOutput::Update(update),
        })
    }
}

impl Execution<'_> {
    /// Runs one action. An output ends the execution.
    async fn act(&mut self, act: &Act) -> NodeResult<Option<NodeOutput>> {
        match act {
            Act::Set { values } => {
                for (key, value) in values {
                    let value = self.value(value)?;
                    self.update.insert(key.clone(), value);
                }
            }
            Act::Interrupt { value, into } => {
                let answer = self.runtime.interrupt(self.value(value)?)?;
                self.assign(into.as_deref(), answer);
            }
            Act::Fail {
                message,
                times,
                kind,
            } => {
                if times.is_none_or(|times| self.number <= times) {
                    let transient = kind.as_deref().is_none_or(|kind| kind == "transient");
                    let message = message.clone();
                    return Err(Failure { message, transient }.into());
                }
            }
            Act::Goto { to, graph } => {
                let mut command = self.command.take().unwrap_or_default();
                for target in to.to_vec() {
                    command = command.goto(target_of(&self.value(&target)?)?);
                }
                if graph.as_deref() == Some("parent") {
                    command = command.to_parent();
                }
                self.command = Some(command);
            }
            Act::Call { graph, input, into } => {
                let input = self.value(input)?;
                let subgraph = self.node.subgraphs.get(graph);
                let subgraph = subgraph.ok_or_else(|| NodeError::msg("the subgraph is missing"))?;
                let output = self.runtime.call(subgraph, input).await?;
                self.assign(into.as_deref(), output);
            }
            Act::Emit { value } => self.runtime.emit(self.value(value)?).await,
            Act::Sleep { ms } => tokio::time::sleep(Duration::from_millis(*ms)).await,
            Act::Return { raw } => {
                return Ok(Some(match self.value(raw)? {
                    Value::Null => NodeOutput::Nothing,
                    update => NodeOutput::Update(update),
                }));
            }
            store => self.act_on_store(store).await?,
        }
        Ok(None)
    }

    async fn act_on_store(&mut self, act: &Act) -> NodeResult<()> {
        match act {
            Act::StorePut { ns, key, value } => {
                let (ns, key) = (self.labels(ns)?, self.text(key)?);
                let ns: Vec<&str> = ns.iter().map(String::as_str).collect();
                let value = self.value(value)?;
                self.runtime.store()?.put(&ns, &key, value).await?;
            }
            Act::StoreGet { ns, key, into } => {
                let (ns, key) = (self.labels(ns)?, self.text(key)?);
                let ns: Vec<&str> = ns.iter().map(String::as_str).collect();
                let item = self.runtime.store()?.get(&ns, &key).await?;
                self.assign(Some(into), item.map_or(Value::Null, |item| item.value));
            }
            Act::StoreDelete { ns, key } => {
                let (ns, key) = (self.labels(ns)?, self.text(key)?);
                let ns: Vec<&str> = ns.iter().map(String::as_str).collect();
                self.runtime.store()?.delete(&ns, &key).await?;
            }
            Act::StoreSearch { ns, filter, into } => {
                let ns = self.labels(ns)?;
                let ns: Vec<&str> = ns.iter().map(String::as_str).collect();
                let mut search = Search::new(&ns).order(Order::Created);
                if let Some(filter) = filter {
                    search = search.filter(Filter::from_json(filter)?);
                }
                let mut items = self.runtime.store()?.search(search).await?;
                items.sort_by(|a, b| (&a.namespace, &a.key).cmp(&(&b.namespace, &b.key)));
                let values = items.into_iter().map(|item| item.value).collect();
                self.assign(Some(into), values);
            }
            _ => {}
        }
        Ok(())
    }

    fn assign(&mut self, into: Option<&str>, value: Value) {
        if let Some(name) = into {
            self.variables.insert(name.to_owned(), value);
        }
    }

    fn value(&self, expression: &Value) -> NodeResult<Value> {
        self.with_scope(|scope| evaluate(expression, scope))
    }

    fn text(&self, expression: &Value) -> NodeResult<String> {
        let value = self.value(expression)?;
        Ok(crate::text::to_text(&value))
    }

    fn labels(&self, ns: &[Value]) -> NodeResult<Vec<String>> {
        ns.iter().map(|label| self.text(label)).collect()
    }

    fn with_scope<T>(&self, with: impl FnOnce(&Scope<'_>) -> Result<T, String>) -> NodeResult<T> {
        let configurable = |key: &str| match key {
            "thread_id" => self.runtime.thread_id().map(Value::from),
            key => self.runtime.configurable(key).cloned(),
        };
        with(&Scope {
            state: self.state,
            variables: &self.variables,
            execution: self.number,
            item: None,
            configurable: &configurable,
            context: self.runtime.context(),
            remaining_steps: Some(self.runtime.remaining_steps()),
        })
        .map_err(|e| NodeError::msg(format!("the scenario is wrong: {e}")))
    }
}

/// A target that was evaluated: a node's name or `{"$send": [node, argument]}`.
pub(crate) fn target_of(value: &Value) -> Result<Target, NodeError> {
    let wrong = || NodeError::msg(format!("the scenario is wrong: {value} is no target"));
    match value {
        Value::String(node) => Ok(node.as_str().into()),
        Value::Object(map) => {
            let send = map.get("$send").and_then(Value::as_array);
            match send.map(Vec::as_slice) {
                Some([Value::String(node), arg]) => Ok(graph::Send::new(node, arg.clone()).into()),
                _ => Err(wrong()),
            }
        }
        _ => Err(wrong()),
    }
}

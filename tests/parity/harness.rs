//! One scenario being run: its graphs, its saver and store, and what it remembers.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use stepwell::graph::{CompiledGraph, Config, GraphError, StateSnapshot, TaskState};
use stepwell::store::StoreError;

use crate::backend::{Backend, Kept};
use crate::build::{Builder, NotBuilt, RunInfo};
use crate::compare::first_difference;
use crate::node::Counters;
use crate::scenario::{Op, Scenario};
use crate::show::Show;
use crate::status::agree;
use crate::streams::normalise;

/// What a scenario refers to by name.
#[derive(Clone, Debug)]
enum Named {
    Snapshot(Box<StateSnapshot>),
    History(Vec<StateSnapshot>),
    Config(Box<Config>),
}

/// Why an operation has no result.
pub(crate) enum Stopped {
    /// An error that is a result.
    Error(Value),
    /// The harness or the scenario is at fault, or the database failed.
    Wrong(String),
}

impl From<String> for Stopped {
    fn from(text: String) -> Self {
        Self::Wrong(text)
    }
}

impl From<&str> for Stopped {
    fn from(text: &str) -> Self {
        Self::Wrong(text.into())
    }
}

impl From<GraphError> for Stopped {
    fn from(error: GraphError) -> Self {
        let refused = match &error {
            GraphError::Node { source, .. } => source.downcast_ref::<StoreError>().map(kind_of),
            _ => None,
        };
        let kind = refused.unwrap_or_else(|| match error.kind().as_str() {
            "unknown_checkpoint" => "empty_input",
            kind => kind,
        });
        let mut shown = Map::new();
        shown.insert("kind".into(), kind.into());
        match error.node_message() {
            Some(message) if kind == "node_error" => {
                shown.insert("message".into(), message.into());
            }
            _ => {}
        }
        Self::Error(shown.into())
    }
}

impl From<StoreError> for Stopped {
    fn from(error: StoreError) -> Self {
        Self::Error(json!({"kind": kind_of(&error)}))
    }
}

impl From<NotBuilt> for Stopped {
    fn from(error: NotBuilt) -> Self {
        match error {
            NotBuilt::Refused(error) => error.into(),
            NotBuilt::Wrong(text) => Self::Wrong(text),
        }
    }
}

fn kind_of(error: &StoreError) -> &'static str {
    match error {
        StoreError::InvalidNamespace { .. } => "invalid_namespace",
        StoreError::InvalidFilter { .. } => "invalid_filter",
        _ => "store",
    }
}

pub(crate) struct Harness<'a> {
    pub(crate) scenario: &'a Scenario,
    backend: Backend,
    pub(crate) kept: Kept,
    counters: Counters,
    pub(crate) run: RunInfo,
    graphs: BTreeMap<String, CompiledGraph>,
    named: BTreeMap<String, Named>,
}

/// How a scenario went.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// The first difference, if there is one.
    pub(crate) failure: Option<String>,
    /// Differences where LangGraph does something questionable.
    pub(crate) quirks: Vec<String>,
}

/// Runs a scenario on a backend.
pub(crate) async fn run(scenario: &Scenario, backend: Backend) -> Outcome {
    let mut outcome = Outcome::default();
    let kept = match Kept::open(backend).await {
        Ok(kept) => kept,
        Err(error) => {
            outcome.failure = Some(error);
            return outcome;
        }
    };
    let mut harness = Harness {
        scenario,
        backend,
        kept,
        counters: Counters::default(),
        run: RunInfo::default(),
        graphs: BTreeMap::new(),
        named: BTreeMap::new(),
    };
    if scenario.ops.len() != scenario.expect.ops.len() {
        outcome.failure = Some("the file has not one expectation per operation".into());
        return outcome;
    }
    for (at, (op, expected)) in scenario.ops.iter().zip(&scenario.expect.ops).enumerate() {
        let difference = match harness.step(op).await {
            Ok(mut got) if op.op == "stream" => {
                let mut expected = expected.clone();
                normalise(&mut expected, op.unordered);
                normalise(&mut got, op.unordered);
                first_difference(&expected, &got)
            }
            Ok(got) => first_difference(expected, &got),
            Err(wrong) => Some(wrong),
        };
        let Some(difference) = difference else {
            continue;
        };
        let difference = format!("op {at} ({}): {difference}", op.op);
        if op.quirk.is_some() {
            outcome.quirks.push(difference);
        } else {
            outcome.failure = Some(difference);
            break;
        }
    }
    outcome
}

impl Harness<'_> {
    /// Runs one operation and shows its result.
    async fn step(&mut self, op: &Op) -> Result<Value, String> {
        if self.backend == Backend::Reopened {
            self.restart()?;
        }
        let result = self.result_of(op).await?;
        self.check_status(op).await?;
        Ok(result)
    }

    async fn result_of(&mut self, op: &Op) -> Result<Value, String> {
        let before = self.counters.all();
        let mut result = match self.operate(op).await {
            Ok(result) => result,
            Err(Stopped::Error(error)) => Map::from_iter([("error".to_owned(), error)]),
            Err(Stopped::Wrong(text)) => return Err(text),
        };
        let ran: Map<String, Value> = self
            .counters
            .all()
            .into_iter()
            .map(|(node, count)| {
                let more = count - before.get(&node).copied().unwrap_or_default();
                (node, more)
            })
            .filter(|(_, more)| *more > 0)
            .map(|(node, more)| (node, more.into()))
            .collect();
        if !ran.is_empty() {
            result.insert("ran".into(), ran.into());
        }
        Ok(result.into())
    }

    /// Fails if what the checkpoints say of the operation's thread is not what its graph says.
    async fn check_status(&mut self, op: &Op) -> Result<(), String> {
        if self.scenario.name == "unknown_targets" {
            // That a node which tasks were sent to does not exist is what only the graph knows.
            return Ok(());
        }
        let (Ok(config), Ok(graph)) = (self.config(op), self.graph(op)) else {
            return Ok(());
        };
        match config.thread_id() {
            Some(thread) => agree(&graph, &*self.kept.saver()?, thread).await,
            None => Ok(()),
        }
    }

    pub(crate) fn restart(&mut self) -> Result<(), String> {
        self.graphs.clear();
        self.kept.reopen()
    }

    /// The graph that an operation names.
    pub(crate) fn graph(&mut self, op: &Op) -> Result<CompiledGraph, Stopped> {
        let name = op.graph.as_deref().unwrap_or("main");
        if let Some(graph) = self.graphs.get(name) {
            return Ok(graph.clone());
        }
        let builder = Builder {
            graphs: &self.scenario.graphs,
            counters: &self.counters,
            run: &self.run,
        };
        let graph = builder.root(name, &self.kept)?;
        self.graphs.insert(name.to_owned(), graph.clone());
        Ok(graph)
    }

    /// Builds the graph that an operation names anew.
    pub(crate) fn compile(&mut self, op: &Op) -> Result<(), Stopped> {
        self.graphs.remove(op.graph.as_deref().unwrap_or("main"));
        self.graph(op).map(drop)
    }

    pub(crate) fn show(&self) -> Result<Show, String> {
        Ok(Show::new(self.kept.saver()?))
    }

    pub(crate) fn remember_snapshot(&mut self, op: &Op, snapshot: &StateSnapshot) {
        self.remember(op, || Named::Snapshot(Box::new(snapshot.clone())));
    }

    pub(crate) fn remember_history(&mut self, op: &Op, history: &[StateSnapshot]) {
        self.remember(op, || Named::History(history.to_vec()));
    }

    pub(crate) fn remember_config(&mut self, op: &Op, config: &Config) {
        self.remember(op, || Named::Config(Box::new(config.clone())));
    }

    fn remember(&mut self, op: &Op, named: impl FnOnce() -> Named) {
        if let Some(name) = &op.name {
            self.named.insert(name.clone(), named());
        }
    }

    /// The config that an operation is to run with: its thread or checkpoint, and its options.
    pub(crate) fn config(&self, op: &Op) -> Result<Config, String> {
        let mut config = match (&op.at, &op.ns_of, &op.thread) {
            (Some(at), ..) => self.refer(at)?,
            (None, Some(of), _) => {
                let of = self.refer(of)?;
                Config::thread(of.thread_id().unwrap_or_default()).in_namespace(of.checkpoint_ns())
            }
            (None, None, Some(thread)) => Config::thread(thread),
            (None, None, None) => Config::new(),
        };
        for (key, value) in &op.configurable {
            config = config.with(key, value.clone());
        }
        if let Some(context) = &op.context {
            config = config.context(context.clone());
        }
        Ok(config)
    }

    /// The config of the checkpoint or subgraph that a reference leads to.
    pub(crate) fn refer(&self, path: &[Value]) -> Result<Config, String> {
        let wrong = || format!("there is nothing at reference {}", json!(path));
        let mut path_left = path.iter();
        let name = path_left.next().and_then(Value::as_str);
        let named = name
            .and_then(|name| self.named.get(name))
            .ok_or_else(wrong)?;
        let mut snapshot = match named {
            Named::Config(config) => return Ok(Config::clone(config)),
            Named::Snapshot(snapshot) => &**snapshot,
            Named::History(history) => {
                let at = path_left.next().and_then(index);
                at.and_then(|at| history.get(at)).ok_or_else(wrong)?
            }
        };
        while let Some(step) = path_left.next() {
            let at = path_left.next().and_then(index);
            let mut tasks: Vec<_> = snapshot.tasks.iter().collect();
            tasks.sort_by(|a, b| a.name.cmp(&b.name));
            let task = at.and_then(|at| tasks.get(at)).filter(|_| step == "task");
            match task.and_then(|task| task.state.as_ref()) {
                Some(TaskState::Config(config)) => return Ok(Config::clone(config)),
                Some(TaskState::Snapshot(state)) => snapshot = state,
                None => return Err(wrong()),
            }
        }
        Ok(snapshot.config.clone())
    }
}

fn index(value: &Value) -> Option<usize> {
    value.as_u64().and_then(|at| usize::try_from(at).ok())
}

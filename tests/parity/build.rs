//! Graphs of a scenario, built through the public API.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use serde_json::{Map, Value};
use stepwell::graph::{
    self, Breakpoints, Channel, CompiledGraph, GraphError, Node, NodeError, RetryPolicy, State,
    StateGraph, Target,
};

use crate::backend::Kept;
use crate::expr::{Scope, evaluate};
use crate::node::{ActionNode, Counters, Failure};
use crate::scenario::{Act, BranchSpec, GraphSpec, NodeSpec, OneOrMany};
use crate::text::to_text;

/// Why a graph was not built.
pub(crate) enum NotBuilt {
    /// The graph was refused.
    Refused(GraphError),
    /// The harness or the scenario is at fault.
    Wrong(String),
}

impl From<GraphError> for NotBuilt {
    fn from(error: GraphError) -> Self {
        Self::Refused(error)
    }
}

impl From<String> for NotBuilt {
    fn from(text: String) -> Self {
        Self::Wrong(text)
    }
}

/// What branches may ask of the run; routers are given only the state.
#[derive(Clone, Debug, Default)]
pub(crate) struct RunInfo(Arc<Mutex<(Map<String, Value>, Value)>>);

impl RunInfo {
    pub(crate) fn set(
        &self,
        thread: Option<&str>,
        configurable: &Map<String, Value>,
        context: &Value,
    ) {
        let mut configurable = configurable.clone();
        if let Some(thread) = thread {
            configurable.insert("thread_id".into(), thread.into());
        }
        *self.0.lock() = (configurable, context.clone());
    }
}

/// Builds the graphs of one scenario.
pub(crate) struct Builder<'a> {
    pub(crate) graphs: &'a BTreeMap<String, GraphSpec>,
    pub(crate) counters: &'a Counters,
    pub(crate) run: &'a RunInfo,
}

impl Builder<'_> {
    /// The graph `name` as the root of a run.
    pub(crate) fn root(&self, name: &str, kept: &Kept) -> Result<CompiledGraph, NotBuilt> {
        let spec = self.spec(name)?;
        let graph = self.build(name, spec, &[])?;
        Ok(kept
            .equip(graph, spec.checkpointer != Some(false))?
            .compile()?)
    }

    fn subgraph(&self, name: &str, within: &[&str]) -> Result<CompiledGraph, NotBuilt> {
        if within.contains(&name) {
            return Err(format!("graph `{name}` contains itself").into());
        }
        let spec = self.spec(name)?;
        let mut graph = self.build(name, spec, within)?;
        if let Some(own_memory) = spec.checkpointer {
            graph = graph.with_checkpointer(own_memory);
        }
        Ok(graph.compile()?)
    }

    fn spec(&self, name: &str) -> Result<&GraphSpec, String> {
        self.graphs
            .get(name)
            .ok_or_else(|| format!("the scenario has no graph `{name}`"))
    }

    fn build(&self, name: &str, spec: &GraphSpec, within: &[&str]) -> Result<StateGraph, NotBuilt> {
        let within: Vec<&str> = within.iter().copied().chain([name]).collect();
        let mut graph = StateGraph::new();
        for (channel, of) in &spec.channels {
            graph = graph.add_channel(channel, channel_of(&of.reducer)?);
        }
        for (node, of) in &spec.nodes {
            graph = graph.add_node(node, self.node(&format!("{name}/{node}"), of, &within)?);
        }
        for (from, to) in &spec.edges {
            graph = match from {
                OneOrMany::One(from) => graph.add_edge(from, to),
                OneOrMany::Many(from) => graph.add_join(from, to),
            };
        }
        for branch in &spec.branches {
            graph = self.add_branch(graph, name, branch);
        }
        if let Some(channels) = &spec.input {
            graph = graph.with_input(channels);
        }
        if let Some(channels) = &spec.output {
            graph = graph.with_output(channels);
        }
        if let Some(nodes) = &spec.interrupt_before {
            graph = graph.interrupt_before(breakpoints(nodes));
        }
        if let Some(nodes) = &spec.interrupt_after {
            graph = graph.interrupt_after(breakpoints(nodes));
        }
        Ok(graph)
    }

    fn node(&self, name: &str, spec: &NodeSpec, within: &[&str]) -> Result<Node, NotBuilt> {
        let mut node = match &spec.graph {
            Some(graph) => Node::new(self.subgraph(graph, within)?),
            None => self.action_node(name, spec, within)?,
        };
        if spec.defer {
            node = node.deferred();
        }
        if let Some(retry) = &spec.retry {
            let wait = Duration::from_millis(10);
            let mut policy = RetryPolicy::attempts(retry.max_attempts)
                .delay(wait)
                .backoff(1.0);
            policy = match retry.on.as_deref() {
                Some("transient") => {
                    policy.on(|e| e.downcast_ref().is_some_and(|f: &Failure| f.transient))
                }
                _ => policy.on(|_| true),
            };
            node = node.retry(policy);
        }
        Ok(node)
    }

    fn action_node(&self, name: &str, spec: &NodeSpec, within: &[&str]) -> Result<Node, NotBuilt> {
        let mut subgraphs = BTreeMap::new();
        for action in &spec.actions {
            if let Act::Call { graph, .. } = &action.act {
                subgraphs.insert(graph.clone(), self.subgraph(graph, within)?);
            }
        }
        let node = Arc::new(ActionNode {
            name: name.to_owned(),
            actions: spec.actions.clone(),
            subgraphs,
            counters: self.counters.clone(),
        });
        Ok(Node::new(move |state, runtime| {
            let node = Arc::clone(&node);
            async move { node.run(state, runtime).await }
        }))
    }

    fn add_branch(&self, graph: StateGraph, name: &str, branch: &BranchSpec) -> StateGraph {
        let from = match branch {
            BranchSpec::Send { from, .. } | BranchSpec::Choice { from, .. } => from.clone(),
        };
        let router = Router {
            branch: branch.clone(),
            node: format!("{name}/{from}"),
            counters: self.counters.clone(),
            run: self.run.clone(),
        };
        graph.add_conditional_edges(from, move |state| {
            router
                .route(&state)
                .map_err(|e| NodeError::msg(format!("the scenario is wrong: {e}")))
        })
    }
}

struct Router {
    branch: BranchSpec,
    node: String,
    counters: Counters,
    run: RunInfo,
}

impl Router {
    fn route(&self, state: &State) -> Result<Vec<Target>, String> {
        let (configurable, context) = self.run.0.lock().clone();
        let no_variables = Map::new();
        let configurable = |key: &str| configurable.get(key).cloned();
        let scope = |item| Scope {
            state,
            variables: &no_variables,
            execution: self.counters.of(&self.node),
            item,
            configurable: &configurable,
            context: &context,
            remaining_steps: None,
        };
        match &self.branch {
            BranchSpec::Choice {
                on, cases, default, ..
            } => {
                let chosen = to_text(&evaluate(on, &scope(None))?);
                let targets = cases.get(&chosen).or(default.as_ref());
                let targets = targets.map(OneOrMany::to_vec).unwrap_or_default();
                Ok(targets.into_iter().map(Target::from).collect())
            }
            BranchSpec::Send {
                send, each, arg, ..
            } => match evaluate(each, &scope(None))? {
                Value::Null => Ok(Vec::new()),
                Value::Array(items) => items
                    .iter()
                    .map(|item| {
                        let arg = evaluate(arg, &scope(Some(item)))?;
                        Ok(graph::Send::new(send, arg).into())
                    })
                    .collect(),
                other => Err(format!("`each` is no list: {other}")),
            },
        }
    }
}

/// `"*"` is every node.
pub(crate) fn breakpoints(nodes: &OneOrMany<String>) -> Breakpoints {
    let nodes = nodes.to_vec();
    if nodes.iter().any(|node| node == "*") {
        return Breakpoints::All;
    }
    nodes.into()
}

fn channel_of(reducer: &str) -> Result<Channel, String> {
    Ok(match reducer {
        "last" => Channel::last(),
        "add" => Channel::add(),
        "append" | "delta_append" => Channel::append(),
        "concat" => Channel::concat(),
        "merge" => Channel::merge(),
        "max" => Channel::max(),
        "min" => Channel::min(),
        "messages" => Channel::messages(),
        "any" => Channel::any(),
        "ephemeral" => Channel::ephemeral(),
        "untracked" => Channel::untracked(),
        "topic" => Channel::topic(false),
        "topic_all" => Channel::topic(true),
        other => return Err(format!("reducer `{other}` is unknown")),
    })
}

//! From what a node returned to the writes that follow from it: updates of channels, triggers of the
//! next nodes.

use std::sync::Arc;

use serde_json::Value;

use crate::graph::branch::Target;
use crate::graph::channels::Channels;
use crate::graph::channels::live_channel::LiveChannel;
use crate::graph::command::Command;
use crate::graph::compiled::{CompiledNode, Inner};
use crate::graph::error::GraphError;
use crate::graph::names::{self, END, Name, START, TASKS};
use crate::graph::node_error::{NodeError, Stop};
use crate::graph::output::NodeOutput;
use crate::graph::run::task::Write;
use crate::graph::runtime::Runtime;
use crate::graph::state::State;

/// The writes of `node` after it returned `output`, in the order in which they are applied.
pub(in crate::graph) fn writes_of(
    graph: &Inner,
    node: &CompiledNode,
    output: NodeOutput,
    channels: &Channels,
    runtime: &Runtime,
) -> Result<Vec<Write>, NodeError> {
    let mut writes = Vec::new();
    let mut commands = Vec::new();
    let writable = if &*node.name == START {
        &graph.input
    } else {
        &graph.state
    };
    collect(output, graph, writable, &mut writes, &mut commands)?;
    (commands.iter()).for_each(|command| channels.locals.adopt(&command.locals));
    let (to_parent, commands): (Vec<_>, Vec<_>) =
        commands.into_iter().partition(|command| command.to_parent);
    if !to_parent.is_empty() {
        return Err(NodeError(Stop::ToParent(to_parent)));
    }
    for command in commands {
        command.goto.iter().try_for_each(Target::check)?;
        writes.extend(command.goto.iter().filter_map(goto_write));
    }
    writes.extend(node.edges.iter().cloned());
    for branch in &node.branches {
        let state = fresh_state(graph, channels, &writes)?;
        let targets = branch.route(state, runtime.clone())?;
        writes.extend(targets.iter().filter_map(goto_write));
    }
    Ok(writes)
}

/// The write that makes the next step go to `target`.
pub(in crate::graph) fn goto_write(target: &Target) -> Option<Write> {
    match target {
        Target::Node(node) if node == END => None,
        Target::Node(node) => Some((names::trigger(node), Value::Null)),
        Target::Send(send) => Some((TASKS.into(), send.to_packet())),
    }
}

fn collect(
    output: NodeOutput,
    graph: &Inner,
    writable: &[Name],
    writes: &mut Vec<Write>,
    commands: &mut Vec<Command>,
) -> Result<(), NodeError> {
    match output {
        NodeOutput::Nothing => Ok(()),
        NodeOutput::Update(update) => take_update(update, graph, writable, writes),
        NodeOutput::Command(mut command) => {
            if let Some(update) = command.update.take_if(|_| !command.to_parent) {
                // Also in place of an input it may write to all of the state, as on a thread with a past.
                take_update(update, graph, &graph.state, writes)?;
            }
            commands.push(command);
            Ok(())
        }
        NodeOutput::Many(outputs) => outputs
            .into_iter()
            .try_for_each(|output| collect(output, graph, writable, writes, commands)),
    }
}

fn take_update(
    update: Value,
    graph: &Inner,
    writable: &[Name],
    writes: &mut Vec<Write>,
) -> Result<(), NodeError> {
    match update {
        Value::Null => Ok(()),
        Value::Object(entries) => {
            let entries = entries.into_iter();
            writes.extend(entries.filter_map(|entry| state_write(entry, graph, writable)));
            Ok(())
        }
        other => Err(GraphError::invalid_update(
            "the state",
            format!("a node returns an object or nothing, not `{other}`"),
        )
        .into()),
    }
}

/// The write that an entry of an update stands for, if it is for one of the channels `writable`. No other may be written by
/// whoever chooses the keys: there are those that trigger nodes.
pub(in crate::graph) fn state_write(
    (key, value): (String, Value),
    graph: &Inner,
    writable: &[Name],
) -> Option<Write> {
    let key = graph.current_name(&key);
    let name = writable.iter().find(|name| ***name == *key)?;
    Some((Arc::clone(name), value))
}

/// The state as a conditional edge sees it: with this task's writes applied, and no other's. Lists that the writes add to
/// are not copied, but shown in two parts.
fn fresh_state(graph: &Inner, channels: &Channels, writes: &[Write]) -> Result<State, GraphError> {
    let mut values = channels.values(&graph.state);
    for name in &graph.state {
        let own: Vec<Value> = (writes.iter())
            .filter(|(written, _)| written == name)
            .map(|(_, value)| value.clone())
            .collect();
        let changes = |c: &&LiveChannel| !own.is_empty() || c.is_fleeting();
        let Some(channel) = channels.get(name).filter(changes) else {
            continue;
        };
        let mut channel = channel.clone();
        channel
            .update(own)
            .map_err(|e| GraphError::reduce(name, e))?;
        match channel.get() {
            Some(value) => values.insert(Arc::clone(name), value.clone()),
            None => values.remove(name),
        };
    }
    Ok(State::of_channels(values, &channels.locals))
}

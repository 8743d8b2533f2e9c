//! [`TaskRun`]: one task at work, from its node's layers to the writes that follow from what it
//! returned. It keeps nothing.

use std::sync::{Arc, Weak};

use super::call_site::CallSite;
use super::channels::Channels;
use super::command::Command;
use super::compiled::Inner;
use super::heart::Heart;
use super::layer::Next;
use super::node_error::{NodeError, Stop};
use super::output::NodeOutput;
use super::run::Run;
use super::runtime::{Runtime, TaskContext};
use super::slot::Slot;
use super::state::State;
use super::state_graph::StoreWrites;
use super::store_changes;
use super::task::{Task, Write};
use super::writers::writes_of;
use crate::lease::LeasePart;
use crate::store::Draft;

/// One task, with all that it needs to run by itself.
pub(super) struct TaskRun {
    graph: Arc<Inner>,
    context: Arc<TaskContext>,
    input: State,
    /// The state at the start of the super-step.
    channels: Arc<Channels>,
    /// Kept until the task has really gone, also when it is cancelled.
    _leases: Vec<LeasePart>,
}

impl TaskRun {
    pub(super) fn of(run: &Run, task: &Task, channels: Arc<Channels>) -> Self {
        let inherited = run.parent.as_ref().map(|parent| &parent.checkpoint_map);
        let mut checkpoint_map = inherited
            .unwrap_or(&run.scope.config.checkpoint_map)
            .clone();
        checkpoint_map.insert(run.namespace.clone(), run.checkpoint.id.clone());
        let context = TaskContext {
            scope: Arc::clone(&run.scope),
            node: Arc::clone(&task.node),
            task_id: task.id.clone(),
            namespace: task.namespace.clone(),
            scratchpad: Arc::clone(&task.scratchpad),
            graph_namespace: run.namespace.clone(),
            step: run.step,
            remaining_steps: run.last_step - run.step,
            checkpoint_map,
            draft: match run.scope.store_writes {
                StoreWrites::Immediate => None,
                StoreWrites::WithStep => run
                    .scope
                    .store
                    .clone()
                    .map(|store| Arc::new(Draft::new(store))),
            },
            resuming: run.resuming,
            site: CallSite::within(
                run.parent.as_ref().map(|parent| &parent.site),
                &run.checkpoint.id,
                &task.id,
            ),
            slot: Slot::of(run.scope.limits.slots.clone()).into(),
            failure: task.failure.clone(),
            heart: Heart::within(run.parent.as_ref().map(|task| Arc::clone(&task.heart))).into(),
        };
        Self {
            graph: Arc::clone(&run.graph),
            context: Arc::new(context),
            input: task.input.clone(),
            channels,
            _leases: run.scope.leases.iter().filter_map(Weak::upgrade).collect(),
        }
    }

    /// Runs the task, by way of its node's layers.
    pub(super) async fn run(self) -> Result<Vec<Write>, NodeError> {
        let Some(node) = self.graph.node(&self.context.node) else {
            return Ok(Vec::new());
        };
        let runtime = Runtime {
            task: Arc::clone(&self.context),
            attempt: 1,
        };
        let output = match &node.work {
            None => {
                let input = self.input.to_value();
                Ok(Command::from_input(&input)
                    .map_or(NodeOutput::Update(input), NodeOutput::Command))
            }
            Some(work) => {
                // The tasks of a subgraph are counted, and not the one that waits for them.
                let _working = match node.subgraph() {
                    None => Some(self.context.slot.work().await),
                    Some(_) => None,
                };
                let all = Next::outermost(work, &node.layers);
                all.call(self.input.clone(), runtime.clone()).await
            }
        };
        let output = match output {
            // A subgraph's command for this graph counts as what its node returned.
            Err(NodeError(Stop::ToParent(mut command))) => {
                command.to_parent = false;
                NodeOutput::Command(command)
            }
            output => output?,
        };
        let mut writer = node;
        if let Some(failed) = &self.context.failure
            && !output.says_where_to_go()
        {
            // It stands in for what the failed node would have returned.
            writer = self.graph.node(&failed.node).unwrap_or(node);
        }
        let mut writes = writes_of(&self.graph, writer, output, &self.channels, &runtime)?;
        let changes = self.context.draft.as_deref().map(Draft::changes);
        writes.extend(changes.and_then(store_changes::to_write));
        Ok(writes)
    }
}

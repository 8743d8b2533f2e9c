//! [`TaskRun`]: one task at work, from its node's layers to the writes that follow from what it
//! returned. It keeps nothing.

use std::sync::{Arc, Weak};

use crate::graph::channels::Channels;
use crate::graph::command::Command;
use crate::graph::compiled::Inner;
use crate::graph::layer::Next;
use crate::graph::node_error::{NodeError, Stop};
use crate::graph::output::NodeOutput;
use crate::graph::run::Run;
use crate::graph::run::call_site::CallSite;
use crate::graph::run::heart::Heart;
use crate::graph::run::slot::Slot;
use crate::graph::run::store_changes;
use crate::graph::run::store_layer::StoreLayer;
use crate::graph::run::task::{Task, Write};
use crate::graph::run::writers::writes_of;
use crate::graph::runtime::{Runtime, TaskContext};
use crate::graph::state::State;
use crate::lease::LeasePart;
use crate::probe::{self, Boundary};
use crate::store::Draft;

/// One task, with all that it needs to run by itself.
pub(in crate::graph) struct TaskRun {
    graph: Arc<Inner>,
    context: Arc<TaskContext>,
    input: State,
    /// The state at the start of the super-step.
    channels: Arc<Channels>,
    /// Kept until the task has really gone, also when it is cancelled.
    _leases: Vec<LeasePart>,
}

impl TaskRun {
    pub(in crate::graph) fn of(run: &Run, task: &Task, channels: Arc<Channels>) -> Self {
        let inherited = run.parent.as_ref().map(|parent| &parent.checkpoint_map);
        let mut checkpoint_map = inherited
            .unwrap_or(&run.scope.config.checkpoint_map)
            .clone();
        checkpoint_map.insert(run.namespace.clone(), run.checkpoint.id.clone());
        let draft = run.store_layer.as_ref().map(StoreLayer::draft);
        let context = TaskContext {
            scope: Arc::clone(&run.scope),
            node: Arc::clone(&task.node),
            task_id: task.id.clone(),
            namespace: task.namespace.clone(),
            asks_as: task.scratchpad.asks_as().to_owned(),
            scratchpad: Arc::clone(&task.scratchpad),
            graph_namespace: run.namespace.clone(),
            step: run.step,
            remaining_steps: run.last_step - run.step,
            checkpoint_map,
            store: run.scope.store_of_task(draft.as_ref()),
            draft,
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
    pub(in crate::graph) async fn run(self) -> Result<Vec<Write>, NodeError> {
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
                self.comes_to(Boundary::Before).await;
                let output = all.call(self.input.clone(), runtime.clone()).await;
                self.comes_to(Boundary::After).await;
                output
            }
        };
        let output = match output {
            // A subgraph's commands for this graph count as what its node returned.
            Err(NodeError(Stop::ToParent(mut commands))) => {
                for command in &mut commands {
                    command.to_parent = false;
                    if let Some(draft) = &self.context.draft {
                        let changes = std::mem::take(&mut command.store_changes);
                        changes.into_iter().for_each(|change| draft.absorb(change));
                    }
                }
                NodeOutput::Many(commands.into_iter().map(NodeOutput::Command).collect())
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
        let writes = writes_of(&self.graph, writer, output, &self.channels, &runtime);
        let changes = self.context.draft.as_deref().map(Draft::changes);
        match writes {
            Ok(mut writes) => {
                writes.extend(changes.and_then(store_changes::to_write));
                Ok(writes)
            }
            Err(NodeError(Stop::ToParent(mut commands))) => {
                if let Some(first) = commands.first_mut() {
                    first.store_changes = changes.unwrap_or_default().into();
                }
                Err(NodeError(Stop::ToParent(commands)))
            }
            Err(failure) => Err(failure),
        }
    }

    async fn comes_to(&self, boundary: Boundary) {
        let TaskContext {
            graph_namespace,
            node,
            task_id,
            ..
        } = &*self.context;
        probe::at(boundary, graph_namespace, node, task_id).await;
    }
}

//! Planning: which tasks make up the next super-step.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Value;

use crate::checkpoint::Checkpoint;
use crate::graph::channels::Channels;
use crate::graph::channels::held::Held;
use crate::graph::channels::live_channel::LiveChannel;
use crate::graph::command::Send;
use crate::graph::compiled::{CompiledNode, Inner};
use crate::graph::interrupt::Interrupt;
use crate::graph::names::{INTERRUPT, NS_END, NS_SEP, NULL_TASK_ID, PUSH, RESUME, START, TASKS};
use crate::graph::run::call_site::keyed_namespace;
use crate::graph::run::scratchpad::{OpenAnswer, Scratchpad};
use crate::graph::run::task::{
    Task, TaskPath, handler_task_id, interrupt_id, node_namespace, pull_task_id, push_task_id,
};
use crate::graph::run::task_status::{Pending, TaskStatus, read_statuses};
use crate::graph::state::State;

/// An answer that was given without saying to which question, here or further out.
struct OpenAnswers<'a> {
    answer: Option<&'a OpenAnswer>,
    /// The tasks that wait for one.
    askers: BTreeSet<String>,
}

impl OpenAnswers<'_> {
    /// Whether `task` may take it. What somebody answered is the question that they saw, and not one that another task
    /// happens to ask sooner this time.
    fn are_for(&self, task: &str) -> bool {
        self.askers.is_empty() || self.askers.contains(task)
    }
}

/// What the tasks of a super-step follow from.
pub(in crate::graph) struct Plan<'a> {
    pub(in crate::graph) graph: &'a Inner,
    pub(in crate::graph) checkpoint: &'a Checkpoint,
    pub(in crate::graph) channels: &'a Channels,
    pub(in crate::graph) pending: &'a [Pending],
    pub(in crate::graph) namespace: &'a str,
    pub(in crate::graph) step: i64,
    /// Answers by interrupt id.
    pub(in crate::graph) answers: Option<&'a BTreeMap<String, Value>>,
    /// Of a graph that a task runs.
    pub(in crate::graph) within: Option<Within<'a>>,
}

/// What a graph has of the task that runs it.
#[derive(Clone, Copy)]
pub(in crate::graph) struct Within<'a> {
    pub(in crate::graph) scratchpad: &'a Arc<Scratchpad>,
    /// Where it asks, if its tasks have other ids each time that they run.
    pub(in crate::graph) asks_as: Option<&'a str>,
    /// Whether its state was edited since it last ran, so that its tasks have other ids than those that asked.
    pub(in crate::graph) edited: bool,
}

/// Whether a change of a channel has brought a task for `node` about.
pub(in crate::graph) fn is_triggered(
    node: &CompiledNode,
    checkpoint: &Checkpoint,
    channels: &Channels,
) -> bool {
    let seen = checkpoint.versions_seen.get(&*node.name);
    node.triggers.iter().any(|trigger| {
        let available = channels.get(trigger).is_some_and(LiveChannel::is_available);
        let current = checkpoint.channel_versions.get(&**trigger);
        available && seen.is_none_or(|seen| current > seen.get(&**trigger))
    })
}

impl Plan<'_> {
    /// The tasks of the next super-step: what was sent, then what edges triggered.
    pub(in crate::graph) fn tasks(&self) -> Vec<Task> {
        let open_answer = self
            .pending
            .iter()
            .find(|w| w.task_id == NULL_TASK_ID && &*w.channel == RESUME)
            .map(|w| OpenAnswer::new(w.value.clone(), self.answered().as_deref()));
        let open_answer = OpenAnswers {
            answer: open_answer.as_ref(),
            askers: self.askers(),
        };
        let mut tasks = self.sent(&open_answer);
        if !self.checkpoint.channel_versions.is_empty() {
            let nodes = self.graph.nodes.iter();
            let triggered = nodes.filter(|node| is_triggered(node, self.checkpoint, self.channels));
            tasks.extend(triggered.map(|node| self.pulled(node, &open_answer)));
        }
        tasks
    }

    /// The id of the question that the open answer is for, if one waited when it was given.
    fn answered(&self) -> Option<String> {
        let of_command = |w: &&Pending| w.task_id == NULL_TASK_ID && &*w.channel == INTERRUPT;
        let noted = Interrupt::read_all(&self.pending.iter().find(of_command)?.value);
        let question = noted.into_iter().next()?;
        Some(question.id).filter(|id| !id.is_empty())
    }

    /// The tasks whose questions wait for answers.
    fn askers(&self) -> BTreeSet<String> {
        if self.pending.iter().all(|w| &*w.channel != INTERRUPT) {
            return BTreeSet::new();
        }
        // The handler of a failed task asks in its place.
        let waits = |status: &TaskStatus| status.handled || status.waits();
        let statuses = read_statuses(self.pending).into_iter();
        let waiting = statuses.filter(|(_, status)| waits(status));
        waiting.map(|(task, _)| task.to_owned()).collect()
    }

    fn sent(&self, open_answer: &OpenAnswers<'_>) -> Vec<Task> {
        let packets = self.channels.get(TASKS).and_then(|c| c.get());
        let Some(Value::Array(packets)) = packets.map(|p| &**p.whole()) else {
            return Vec::new();
        };
        let mut tasks = Vec::new();
        for (place, packet) in packets.iter().enumerate() {
            let Some(send) = Send::from_packet(packet) else {
                tracing::warn!("ignored a damaged packet among the tasks that were sent");
                continue;
            };
            let Some(node) = self.graph.node(&send.node).filter(|n| n.work.is_some()) else {
                tracing::warn!(node = send.node, "ignored a task for an unknown node");
                continue;
            };
            let namespace = node_namespace(self.namespace, &node.name);
            let id = push_task_id(
                &self.checkpoint.id,
                &namespace,
                self.step,
                &node.name,
                place,
            );
            let path = TaskPath::Push(place);
            let input = State::of_argument(send.arg, &self.channels.locals);
            let key = send.key.as_deref();
            tasks.push(self.task(id, node, path, input, key, open_answer));
        }
        tasks
    }

    fn pulled(&self, node: &CompiledNode, open_answer: &OpenAnswers<'_>) -> Task {
        let namespace = node_namespace(self.namespace, &node.name);
        let id = pull_task_id(
            &self.checkpoint.id,
            &namespace,
            self.step,
            &node.name,
            &node.triggers,
        );
        let input = if &*node.name == START {
            let input = self.channels.get(START).and_then(|c| c.get());
            State::from(input.map_or(Value::Null, Held::to_value))
        } else {
            self.channels.state(&self.graph.state)
        };
        let path = TaskPath::Pull(Arc::clone(&node.name));
        self.task(id, node, path, input, None, open_answer)
    }

    /// A task for the node `handler`, in reply to the failure of `failed`.
    ///
    /// It lies within the failed one, as in LangGraph.
    pub(in crate::graph) fn handler_task(&self, failed: &Task, handler: &CompiledNode) -> Task {
        let within = Plan {
            namespace: &failed.namespace,
            ..*self
        };
        let namespace = node_namespace(within.namespace, &handler.name);
        let id = handler_task_id(
            &self.checkpoint.id,
            &namespace,
            self.step,
            &handler.name,
            &failed.id,
        );
        let path = TaskPath::Handler(Box::new(failed.path.clone()));
        let open_answer = OpenAnswers {
            answer: failed.scratchpad.open_answer(),
            askers: BTreeSet::new(),
        };
        let input = failed.input.clone();
        within.task(id, handler, path, input, None, &open_answer)
    }

    fn task(
        &self,
        id: String,
        node: &CompiledNode,
        path: TaskPath,
        input: State,
        key: Option<&str>,
        open_answer: &OpenAnswers<'_>,
    ) -> Task {
        let mut namespace = format!("{}{NS_END}{id}", node_namespace(self.namespace, &node.name));
        if let Some(Ok(keyed)) = key.map(|key| keyed_namespace(&namespace, key)) {
            namespace = keyed;
        }
        let asks_as = match self.within.and_then(|within| within.asks_as) {
            None => namespace.clone(),
            Some(graph) => {
                let step = self.step;
                format!("{graph}{NS_SEP}{}{NS_END}{step}, {path}", node.name)
            }
        };
        let mut given = self
            .pending
            .iter()
            .find(|w| w.task_id == id && &*w.channel == RESUME)
            .map(|w| match &w.value {
                Value::Array(answers) => answers.clone(),
                one => vec![one.clone()],
            })
            .unwrap_or_default();
        if let Some(answers) = self.answers {
            let next = answers.get(&interrupt_id(&asks_as, given.len()));
            given.extend(next.cloned());
        }
        let is_new = self.within.is_some_and(|within| within.edited)
            && self.pending.iter().all(|write| write.task_id != id);
        let may_take = open_answer.are_for(&id);
        Task {
            scratchpad: Arc::new(Scratchpad::new(
                asks_as,
                is_new,
                given,
                open_answer.answer.filter(|_| may_take).cloned(),
                self.within.map(|within| Arc::clone(within.scratchpad)),
                may_take,
                self.within.is_none_or(|within| within.asks_as.is_none()),
            )),
            id,
            node: Arc::clone(&node.name),
            triggers: match &path {
                TaskPath::Push(_) | TaskPath::Handler(_) => vec![PUSH.into()],
                TaskPath::Pull(_) => node.triggers.clone(),
            },
            path,
            input,
            namespace,
            writes: Vec::new(),
            failure: None,
        }
    }
}

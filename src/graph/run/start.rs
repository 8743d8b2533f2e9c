//! How a run begins: which checkpoint it starts from, and what its input does to it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::origin::{Origin, complete};
use super::take_input::{check_input, input_values};
use super::{Run, recursion_limit};
use crate::checkpoint::{Checkpoint, Metadata, Source};
use crate::graph::channels::Channels;
use crate::graph::checkpointer_mode::CheckpointerMode;
use crate::graph::command::Command;
use crate::graph::compiled::{CompiledGraph, Inner};
use crate::graph::config::{Breakpoints, Config, Durability};
use crate::graph::error::GraphError;
use crate::graph::input::Input;
use crate::graph::names::{INTERRUPT, NS_SEP, NULL_TASK_ID, RESUME, without_task_ids};
use crate::graph::run::admission::Admission;
use crate::graph::run::limits::Limits;
use crate::graph::run::replay::Replay;
use crate::graph::run::run_mark::RunMark;
use crate::graph::run::save::Saver;
use crate::graph::run::store_layer::StoreLayer;
use crate::graph::run::task_status::Pending;
use crate::graph::runtime::{RunScope, TaskContext};
use crate::graph::store_writes::StoreWrites;
use crate::graph::stream::{Emitter, Event, StreamMode};
use crate::store::Draft;

impl Run {
    /// Loads the checkpoint that the run starts from.
    pub(super) async fn load(
        graph: &CompiledGraph,
        config: Config,
        parent: Option<Arc<TaskContext>>,
        emitter: Option<Emitter>,
    ) -> Result<Self, GraphError> {
        let graph = Arc::clone(&graph.inner);
        let limit = recursion_limit(&config)?;
        let checkpointer = graph.checkpointer(parent.as_deref())?;
        let (namespace, asks_as) = own_namespace(&graph, parent.as_deref());
        let mut config = config;
        let admission = match (&checkpointer, parent.as_deref()) {
            (None, _) => Admission::default(),
            (Some(saver), None) => Admission::of_thread(saver, &mut config).await?,
            (Some(saver), Some(task)) => {
                Admission::of_subgraph(saver, &graph, task, &namespace).await?
            }
        };
        if let (Some(checkpointer), None) = (&checkpointer, &parent) {
            complete(&mut config, &**checkpointer).await?;
        }
        let mut saver = match &checkpointer {
            Some(checkpointer) => Some(Saver::new(
                Arc::clone(checkpointer),
                config
                    .thread_id
                    .clone()
                    .ok_or(GraphError::MissingThreadId)?,
                namespace.clone(),
            )),
            None => None,
        };
        let is_lasting =
            |task: &Arc<TaskContext>| saver.is_some() && task.asks_as == task.namespace;
        let asks_as = (!parent.as_ref().is_none_or(is_lasting)).then_some(asks_as);
        let from = Origin::find(&config, &namespace, parent.as_deref(), saver.as_mut()).await?;
        let limits = match &parent {
            Some(task) => task.scope.limits.clone(),
            None => Limits::of(&config)?,
        };
        let mut scope = RunScope::new(config, graph.store.clone());
        scope.emitter = emitter.map(Arc::new);
        scope.limits = limits;
        scope.store_writes = graph.store_writes;
        if let Some(task) = &parent {
            scope.checkpointer.clone_from(&task.scope.checkpointer);
            scope.store = task.scope.store.clone().or(scope.store);
            scope.store_writes = task.scope.store_writes;
            scope.store_scope.clone_from(&task.scope.store_scope);
            scope.replay.clone_from(&task.scope.replay);
            scope.answers.clone_from(&task.scope.answers);
            scope.claims.clone_from(&task.scope.claims);
            scope.leases.clone_from(&task.scope.leases);
            let emitter = task.scope.emitter.as_ref();
            scope.emitter = emitter.filter(|e| e.covers_subgraphs()).cloned();
        }
        scope.checkpointer = checkpointer.or(scope.checkpointer);
        scope.leases.extend(admission.part());
        let resuming = parent
            .as_ref()
            .and_then(|task| task.resuming)
            .filter(|_| !from.before_replay);
        let addressed = from.addressed || scope.replay.is_some();
        let saved = from.saved;
        if let (Some(found), None) = (&scope.config.recovers, &parent) {
            let inner = Arc::clone(&graph);
            let now = (saved.as_ref()).and_then(|saved| CompiledGraph { inner }.inspect(saved));
            if now.as_ref() != Some(&**found) {
                // Between the look at it and the lease, another process has continued it.
                let thread = found.thread.clone();
                return Err(GraphError::ThreadBusy { thread });
            }
        }
        if let Some(saver) = &mut saver {
            let lease = if parent.is_none() {
                admission.part()
            } else {
                None
            };
            saver.begin(saved.as_ref(), lease.unwrap_or_default());
        }
        let mark = saved.as_ref().and_then(RunMark::of);
        if scope.config.recovers.is_some()
            && parent.is_none()
            && let Some(RunMark::Running { before, after, .. }) = &mark
        {
            let config = &mut scope.config;
            config.interrupt_before = config.interrupt_before.or(before).clone();
            config.interrupt_after = config.interrupt_after.or(after).clone();
        }
        let metadata = match &saved {
            Some(saved) => saved.metadata.clone(),
            None => Metadata {
                step: Some(-2),
                ..Metadata::default()
            },
        };
        let mut checkpoint = match (&saved, &parent) {
            (Some(saved), _) => saved.checkpoint.clone(),
            (None, Some(task)) => empty(&graph, task.checkpoint_map.values().max()),
            (None, None) => match &saver {
                Some(saver) => empty(&graph, saver.cutoff().await?.as_ref()),
                None => empty(&graph, None),
            },
        };
        let mut channels = Channels::restore(&graph.channels, &checkpoint)?;
        channels.locals = scope.config.locals.clone();
        checkpoint.channel_values = BTreeMap::new();
        let pending = saved
            .as_ref()
            .map(|s| Pending::read_all(&s.pending_writes, &s.checkpoint.id))
            .transpose()?
            .unwrap_or_default();
        let step = metadata.step.unwrap_or(-2) + 1;
        let durability = scope.config.durability.unwrap_or_default();
        let store_layer = match (scope.store_writes, &scope.store) {
            (StoreWrites::WithStep, Some(store)) => {
                // What is not saved by itself goes with the task around it, and comes after what that did.
                let goes_up = saver.is_none() || durability == Durability::Exit;
                let outer = parent.as_ref().filter(|_| goes_up);
                let draft = match outer.and_then(|task| task.draft.clone()) {
                    Some(draft) => Draft::over(draft),
                    None => Draft::new(Arc::clone(store)),
                };
                Some(StoreLayer::new(draft))
            }
            _ => None,
        };
        Ok(Self {
            durability,
            interrupt_before: breakpoints(
                &scope.config.interrupt_before,
                &graph,
                parent.is_none(),
                true,
            ),
            interrupt_after: breakpoints(
                &scope.config.interrupt_after,
                &graph,
                parent.is_none(),
                false,
            ),
            scope: Arc::new(scope),
            parent,
            admission,
            mark,
            begun: false,
            stopped_here: false,
            namespace,
            asks_as,
            saver,
            saved_id: saved.as_ref().map(|s| s.checkpoint.id.clone()),
            saved_parent: saved.and_then(|s| s.parent_id),
            saved_versions: checkpoint.channel_versions.clone(),
            checkpoint,
            metadata,
            channels,
            pending,
            tasks: Vec::new(),
            store_changes: Vec::new(),
            store_layer,
            wrote: BTreeSet::new(),
            step,
            last_step: step + i64::from(limit) + 1,
            limit,
            addressed,
            superseded: from.superseded,
            replaying: false,
            resuming,
            fleeting: None,
            graph,
        })
    }

    /// Applies the input.
    pub(super) async fn start(&mut self, input: Input) -> Result<(), GraphError> {
        check_input(&input)?;
        let nested = self.parent.is_some();
        let resuming = !self.checkpoint.channel_versions.is_empty()
            && self.resuming.unwrap_or(!matches!(input, Input::Values(_)));
        let time_travel = self.addressed && self.is_time_travel(&input);
        self.replaying = time_travel || self.superseded;
        let answers_anew = self.superseded && input.answers();
        if time_travel || answers_anew {
            // What was answered then is not what is asked or answered now.
            self.pending.retain(|w| &*w.channel != RESUME);
        }
        let copied = matches!(self.metadata.source, Some(Source::Update | Source::Fork));
        let forks =
            resuming && time_travel && (!copied || self.superseded || self.admission.forked);
        if self.admission.forked && matches!(&input, Input::Command(c) if c.resume.is_some()) {
            return Err(GraphError::ThreadBusy {
                thread: self.thread().to_owned(),
            });
        }

        if let Input::Command(Command {
            resume: Some(_), ..
        }) = &input
            && self.saver.is_none()
        {
            return Err(GraphError::NoCheckpointer {
                operation: "Command::resume",
            });
        }
        if let Input::Command(command) = &input {
            self.channels.locals.adopt(&command.locals);
        }
        if !nested {
            self.take_answers(&input, time_travel || answers_anew);
        }
        let mut given = Vec::new();
        if let (Input::Command(command), true) = (&input, resuming) {
            given = self.command_writes(command)?;
        }
        // What is refused must not have been saved: every run after this one would be refused, too.
        self.apply_null_writes(given.clone())?;
        if !forks {
            self.put_writes(NULL_TASK_ID, String::new(), given);
        }

        // Where subgraphs replay from. A copy was made after their checkpoints, so its parent counts.
        let mut replay_from = self.checkpoint.id.clone();
        if let Some(parent) = self.saved_parent.as_ref().filter(|_| copied) {
            replay_from.clone_from(parent);
        }
        if resuming {
            if let Some(task) = &self.parent {
                task.scratchpad.note_digression();
            }
            if !self.waits_here() {
                self.mark_seen();
            }
            if forks {
                // Its tasks get new ids, under which old questions would never be answered.
                self.pending.retain(|w| &*w.channel != INTERRUPT);
                let updated = self.checkpoint.updated_channels.iter().flatten();
                let updated = updated.map(|name| name.as_str().into()).collect();
                self.put_checkpoint(Source::Fork, &updated);
            } else {
                self.mark_continued();
            }
            self.note_output();
            self.emit(StreamMode::Values, |run| Event::Values {
                values: run.channels.to_object(&run.graph.state),
                interrupts: Vec::new(),
            })
            .await;
        } else {
            let Some(values) = input_values(input) else {
                return Err(GraphError::EmptyInput {
                    thread: self.thread().to_owned(),
                });
            };
            self.apply_input(values)?;
            replay_from.clone_from(&self.checkpoint.id);
        }
        if !nested {
            self.resuming = Some(resuming);
            self.set_replay(time_travel.then(|| Replay::new(replay_from)));
        }
        Ok(())
    }

    /// Whether an addressed run replays the past, as opposed to answering a question in it.
    fn is_time_travel(&self, input: &Input) -> bool {
        if let Some(task) = &self.parent
            && task.checkpoint_map.contains_key(&self.namespace)
        {
            return true;
        }
        !(input.answers() || self.resuming == Some(true))
    }

    /// Lets the run pass the breakpoints that it stopped at.
    fn mark_seen(&mut self) {
        let versions = self.checkpoint.channel_versions.clone();
        self.checkpoint
            .versions_seen
            .entry(INTERRUPT.into())
            .or_default()
            .extend(versions);
    }

    fn set_replay(&mut self, replay: Option<Replay>) {
        if let Some(scope) = Arc::get_mut(&mut self.scope) {
            scope.replay = replay.map(Arc::new);
        }
    }
}

/// What a run begins with where nothing was saved. Its id, which those of its checkpoints follow, is greater than `floor`.
fn empty(graph: &Inner, floor: Option<&String>) -> Checkpoint {
    Checkpoint {
        id: graph.ids.next(floor.map(String::as_str), -2),
        ..Checkpoint::default()
    }
}

/// Where the graph saves: the root at `""`, a subgraph below the task that runs it. Then where it asks.
fn own_namespace(graph: &Inner, parent: Option<&TaskContext>) -> (String, String) {
    let Some(task) = parent else {
        return Default::default();
    };
    let base = match graph.checkpointer {
        CheckpointerMode::PerThread => without_task_ids(&task.namespace),
        _ => task.namespace.clone(),
    };
    let asks_as = task.asks_as.clone();
    if task.site.keyed {
        return (base, asks_as);
    }
    match task.scratchpad.next_subgraph() {
        0 => (base, asks_as),
        place => {
            let numbered = |of: String| format!("{of}{NS_SEP}{place}");
            (numbered(base), numbered(asks_as))
        }
    }
}

/// The breakpoints of a run: those of the call, which are not for subgraphs, or the graph's own.
fn breakpoints(of_call: &Breakpoints, graph: &Inner, is_root: bool, before: bool) -> Breakpoints {
    let own = if before {
        &graph.interrupt_before
    } else {
        &graph.interrupt_after
    };
    if is_root {
        of_call.or(own).clone()
    } else {
        own.clone()
    }
}

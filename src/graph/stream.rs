//! Watching a run while it goes on: events, and the stream that carries them.
//!
//! The events are sent through a bounded channel, so a run never gets further ahead of its reader than
//! that holds. A reader that goes away stops the run at its next step boundary.

use std::collections::BTreeSet;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures::{FutureExt, Stream};
use serde_json::Value;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::checkpoint::Metadata;
use crate::graph::compiled::CompiledGraph;
use crate::graph::config::Config;
use crate::graph::error::GraphError;
use crate::graph::input::{Input, RunOutput};
use crate::graph::interrupt::Interrupt;
use crate::graph::names::node_path;
use crate::graph::run;
use crate::graph::thread::snapshot::TaskError;

/// How many events may wait for their reader before the run waits for him.
const BUFFER: usize = 64;

/// Which events a stream carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StreamMode {
    /// The whole state after every super-step that wrote something, and at the start.
    Values,
    /// What each task wrote, and what it asks.
    Updates,
    /// What nodes say with [`Runtime::emit`](crate::graph::Runtime::emit).
    Custom,
    /// Every task's start and end.
    Tasks,
    /// Every checkpoint.
    Checkpoints,
    /// Tasks and checkpoints, each with its step and the time.
    Debug,
}

/// An event of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct StreamEvent {
    /// The graph that it comes from: empty for the root, the namespace for a subgraph.
    pub namespace: String,
    /// What happened.
    pub event: Event,
}

impl StreamEvent {
    /// The nodes that lead from the root to the graph that the event comes from.
    pub fn path(&self) -> Vec<&str> {
        node_path(&self.namespace)
    }
}

/// What happened in a run.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// The state as it is now ([`StreamMode::Values`]).
    Values {
        /// The channels that have a value, as an object.
        values: Value,
        /// What a task has just asked; empty for an ordinary step.
        interrupts: Vec<Interrupt>,
    },
    /// A task finished ([`StreamMode::Updates`]).
    Update {
        /// The node.
        node: String,
        /// What it wrote to the state; null if nothing, a list if it wrote a channel more than once.
        update: Value,
        /// Whether it had finished in an earlier run and did not run now.
        cached: bool,
    },
    /// A task asks, or the run stops at a breakpoint; then the list is empty ([`StreamMode::Updates`]).
    Interrupted(Vec<Interrupt>),
    /// A node says something ([`StreamMode::Custom`]).
    Custom(Value),
    /// A task starts ([`StreamMode::Tasks`]).
    TaskStarted {
        /// The task.
        id: String,
        /// The node.
        name: String,
        /// What it gets as its state.
        input: Value,
    },
    /// A task has ended ([`StreamMode::Tasks`]).
    TaskEnded {
        /// The task.
        id: String,
        /// The node.
        name: String,
        /// How it failed, if it did.
        error: Option<TaskError>,
        /// What it asks.
        interrupts: Vec<Interrupt>,
        /// What it wrote to the state, as [`TaskSnapshot::result`](crate::graph::TaskSnapshot::result).
        result: Value,
    },
    /// A checkpoint was made ([`StreamMode::Checkpoints`]).
    Checkpoint {
        /// Addresses it.
        config: Box<Config>,
        /// How it came about.
        metadata: Metadata,
        /// The state in it.
        values: Value,
        /// The nodes of the super-step that starts with it.
        next: Vec<String>,
    },
    /// A task or checkpoint event ([`StreamMode::Debug`]).
    Debug {
        /// The super-step.
        step: i64,
        /// When: RFC 3339, UTC.
        timestamp: String,
        /// The event.
        payload: Box<Event>,
    },
}

impl Event {
    fn mode(&self) -> StreamMode {
        match self {
            Self::Values { .. } => StreamMode::Values,
            Self::Update { .. } | Self::Interrupted(_) => StreamMode::Updates,
            Self::Custom(_) => StreamMode::Custom,
            Self::TaskStarted { .. } | Self::TaskEnded { .. } => StreamMode::Tasks,
            Self::Checkpoint { .. } => StreamMode::Checkpoints,
            Self::Debug { .. } => StreamMode::Debug,
        }
    }
}

/// What a stream carries, and from which graphs.
///
/// ```
/// use stepwell::graph::{StreamMode, StreamOptions};
/// let options = StreamOptions::new([StreamMode::Updates, StreamMode::Custom]).subgraphs();
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StreamOptions {
    modes: BTreeSet<StreamMode>,
    subgraphs: bool,
}

impl StreamOptions {
    /// Events of these modes, of the root graph only.
    pub fn new(modes: impl IntoIterator<Item = StreamMode>) -> Self {
        Self {
            modes: modes.into_iter().collect(),
            subgraphs: false,
        }
    }

    /// Events of subgraphs too.
    #[must_use]
    pub fn subgraphs(mut self) -> Self {
        self.subgraphs = true;
        self
    }
}

/// A run's way to whoever watches it.
pub(super) struct Emitter {
    events: mpsc::Sender<StreamEvent>,
    options: StreamOptions,
}

impl Emitter {
    /// Whether anybody wants events of `mode`: they cost something to make.
    pub(super) fn wants(&self, mode: StreamMode) -> bool {
        let modes = &self.options.modes;
        let as_debug = matches!(mode, StreamMode::Tasks | StreamMode::Checkpoints);
        modes.contains(&mode) || (as_debug && modes.contains(&StreamMode::Debug))
    }

    /// Whether whoever watched has gone away.
    pub(super) fn is_abandoned(&self) -> bool {
        self.events.is_closed()
    }

    pub(super) fn covers_subgraphs(&self) -> bool {
        self.options.subgraphs
    }

    pub(super) async fn emit(&self, namespace: &str, step: i64, event: Event) {
        let mode = event.mode();
        let as_debug = matches!(mode, StreamMode::Tasks | StreamMode::Checkpoints)
            && self.options.modes.contains(&StreamMode::Debug);
        if as_debug {
            let debug = Event::Debug {
                // A checkpoint ends the step before the one that is about to run.
                step: if mode == StreamMode::Checkpoints {
                    step - 1
                } else {
                    step
                },
                timestamp: crate::checkpoint::now(),
                payload: Box::new(event.clone()),
            };
            self.send(namespace, debug).await;
        }
        if self.options.modes.contains(&mode) {
            self.send(namespace, event).await;
        }
    }

    async fn send(&self, namespace: &str, event: Event) {
        let event = StreamEvent {
            namespace: namespace.to_owned(),
            event,
        };
        // Nobody listens any more: the run sees that at its next step boundary.
        let _ = self.events.send(event).await;
    }
}

/// The events of a run, as they happen, and its outcome.
///
/// The run goes on by itself, in the runtime that [`CompiledGraph::stream`] was called in, until it is
/// further ahead of this stream's reader than 64 events. When the stream is dropped, the run stops at its next step
/// boundary, saved, and the thread can be continued from there.
#[derive(Debug)]
pub struct RunStream {
    events: mpsc::Receiver<StreamEvent>,
    run: Option<JoinHandle<Result<RunOutput, GraphError>>>,
    output: Option<RunOutput>,
}

impl RunStream {
    /// The next event; `None` when the run has ended.
    pub async fn next(&mut self) -> Option<Result<StreamEvent, GraphError>> {
        std::future::poll_fn(|cx| Pin::new(&mut *self).poll_next(cx)).await
    }

    /// What the run gave back, once all its events have been read and none was an error.
    pub fn output(&self) -> Option<&RunOutput> {
        self.output.as_ref()
    }
}

impl Stream for RunStream {
    type Item = Result<StreamEvent, GraphError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if let Some(event) = ready!(self.events.poll_recv(cx)) {
            return Poll::Ready(Some(Ok(event)));
        }
        let Some(run) = &mut self.run else {
            return Poll::Ready(None);
        };
        let outcome = ready!(run.poll_unpin(cx));
        self.run = None;
        Poll::Ready(match outcome {
            Ok(Ok(output)) => {
                self.output = Some(output);
                None
            }
            Ok(Err(error)) => Some(Err(error)),
            Err(_) => Some(Err(GraphError::RuntimeGone)),
        })
    }
}

impl CompiledGraph {
    /// Runs the graph as [`invoke`](Self::invoke) does, and tells what happens as it happens.
    ///
    /// The last item is the error if the run fails. Call it within a tokio runtime.
    ///
    /// ```
    /// # use serde_json::json;
    /// # use stepwell::graph::{CompiledGraph, Config, Event, GraphError, StreamMode, StreamOptions};
    /// # async fn show(graph: CompiledGraph, config: Config) -> Result<(), GraphError> {
    /// let options = StreamOptions::new([StreamMode::Updates]);
    /// let mut events = graph.stream(json!({"messages": ["Hello"]}), &config, options);
    /// while let Some(event) = events.next().await {
    ///     if let Event::Update { node, update, .. } = event?.event {
    ///         println!("{node}: {update}");
    ///     }
    /// }
    /// # Ok(()) }
    /// ```
    pub fn stream(
        &self,
        input: impl Into<Input>,
        config: &Config,
        options: StreamOptions,
    ) -> RunStream {
        let (sender, events) = mpsc::channel(BUFFER);
        let emitter = Emitter {
            events: sender,
            options,
        };
        let (graph, input, config) = (self.clone(), input.into(), config.clone());
        let run =
            tokio::spawn(async move { run::root(&graph, input, config, Some(emitter)).await });
        RunStream {
            events,
            run: Some(run),
            output: None,
        }
    }
}

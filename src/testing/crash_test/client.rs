//! [`Client`]: whoever drives a graph from outside, and outlives its process.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::TryStreamExt;
use parking_lot::Mutex;
use serde_json::Value;

use super::memory::{Answer, Call, Memory, Progress};
use crate::checkpoint::{Checkpointer, ListQuery};
use crate::db::Db;
use crate::graph::{CompiledGraph, Config, GraphError, Input, RunOutput, UnfinishedReason};

/// Whoever drives a graph from outside, and outlives its process. Clones are the same one.
///
/// What it has been told it remembers: a scenario that is run again after a death goes on with the call that was cut off. If
/// that had left a trace in the database, the sweep has continued it, and the client is told what came of it; else it makes the call again.
pub struct Client<W> {
    graph: CompiledGraph,
    db: Db,
    outside: Arc<W>,
    memory: Arc<Memory>,
    after_death: bool,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    /// How many calls were made in this life, by thread.
    made: BTreeMap<String, usize>,
    /// How far the threads had come when this life began.
    found: BTreeMap<String, Progress>,
    /// What came of the threads that the sweep has continued.
    swept: BTreeMap<String, Result<RunOutput, GraphError>>,
}

/// What is to be done about a call.
#[expect(clippy::large_enum_variant, reason = "there is one at a time")]
enum Due {
    /// It was made, and this was the answer.
    Told(Answer),
    /// It is to be made.
    Make,
    /// It was made, and cut off.
    CutOff,
}

impl<W> Clone for Client<W> {
    fn clone(&self) -> Self {
        Self {
            graph: self.graph.clone(),
            db: self.db.clone(),
            outside: Arc::clone(&self.outside),
            memory: Arc::clone(&self.memory),
            after_death: self.after_death,
            state: Arc::clone(&self.state),
        }
    }
}

impl<W> std::fmt::Debug for Client<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").finish_non_exhaustive()
    }
}

impl<W> Client<W> {
    /// The graph of this life, for reading. What is changed through it, and not through the client, is done again when the scenario is run
    /// again.
    pub fn graph(&self) -> &CompiledGraph {
        &self.graph
    }

    /// The model of the outside world.
    pub fn outside(&self) -> &Arc<W> {
        &self.outside
    }

    /// As [`CompiledGraph::invoke`], once and for all: see [`Client`].
    ///
    /// # Errors
    /// Those of `invoke`.
    pub async fn invoke(
        &self,
        input: impl Into<Input>,
        config: &Config,
    ) -> Result<RunOutput, GraphError> {
        let input = input.into();
        let thread = config.thread_id().unwrap_or_default();
        let number = self.number(thread);
        // Where it is answered, or continued, it begins with writes upon the checkpoint that is there.
        let by_writes = !matches!(input, Input::Values(_));
        let output = match self.due(thread, number, config, by_writes).await? {
            Due::Told(Answer::Run(output)) => return output,
            Due::CutOff => self.outcome(thread, config).await,
            Due::Make | Due::Told(_) => crate::probe::alive(self.graph.invoke(input, config)).await,
        };
        let progress = self.progress(thread).await?;
        (self.memory).end(thread, number, Answer::Run(output.clone()), progress);
        output
    }

    /// As [`CompiledGraph::update_state`], once and for all: see [`Client`].
    ///
    /// # Errors
    /// Those of `update_state`.
    pub async fn update_state(
        &self,
        config: &Config,
        values: impl Into<Value>,
        as_node: Option<&str>,
    ) -> Result<Config, GraphError> {
        let thread = config.thread_id().unwrap_or_default();
        let number = self.number(thread);
        let updated = match self.due(thread, number, config, false).await? {
            Due::Told(Answer::Update(updated)) => return updated,
            Due::CutOff => {
                let state = self.graph.get_state(&Config::thread(thread)).await;
                state.map(|state| state.config)
            }
            Due::Make | Due::Told(_) => {
                let update = self.graph.update_state(config, values, as_node);
                crate::probe::alive(update).await
            }
        };
        let progress = self.progress(thread).await?;
        (self.memory).end(thread, number, Answer::Update(updated.clone()), progress);
        updated
    }

    fn number(&self, thread: &str) -> usize {
        let mut state = self.state.lock();
        let made = state.made.entry(thread.to_owned()).or_default();
        *made += 1;
        *made - 1
    }

    /// What is to be done about a call. It has left a trace if there is a newer checkpoint, or, if it shows `by_writes`, more of them.
    async fn due(
        &self,
        thread: &str,
        number: usize,
        config: &Config,
        by_writes: bool,
    ) -> Result<Due, GraphError> {
        let found = self.state.lock().found.get(thread).cloned();
        let found = found.unwrap_or_default();
        let remembered = (self.memory.get(thread, number)).filter(|_| self.after_death);
        let (due, before) = match remembered {
            Some(Call {
                told: Some((answer, progress)),
                ..
            }) if progress <= found => return Ok(Due::Told(answer)),
            Some(call)
                if call.before.checkpoint < found.checkpoint
                    || by_writes && call.before < found =>
            {
                (Due::CutOff, call.before)
            }
            _ => (Due::Make, self.progress(thread).await?),
        };
        let call = Call {
            config: config.clone(),
            before,
            told: None,
        };
        self.memory.begin(thread, number, call);
        Ok(due)
    }

    /// What came of a run that was cut off, now that the sweep has been.
    async fn outcome(&self, thread: &str, config: &Config) -> Result<RunOutput, GraphError> {
        let swept = self.state.lock().swept.remove(thread);
        if let Some(outcome) = swept {
            return outcome;
        }
        let unfinished = self.graph.unfinished().await?;
        let failed = |reason: &_| matches!(reason, UnfinishedReason::Failed { .. });
        if (unfinished.iter()).any(|of| of.thread == thread && failed(&of.reason)) {
            // The client was not told of it.
            return self.graph.invoke(Input::Continue, config).await;
        }
        let state = self.graph.get_state(&Config::thread(thread)).await?;
        Ok(RunOutput {
            values: state.values,
            interrupts: state.interrupts,
        })
    }

    async fn progress(&self, thread: &str) -> Result<Progress, GraphError> {
        let all = progress(&self.db, Some(thread)).await?;
        Ok(all.into_values().next().unwrap_or_default())
    }
}

impl<W> Client<W> {
    /// A client of a graph on a database. After a death the sweep is made first.
    pub(super) async fn new(
        graph: CompiledGraph,
        db: Db,
        outside: Arc<W>,
        memory: Arc<Memory>,
        after_death: bool,
    ) -> Result<Self, GraphError> {
        let mut state = State::default();
        if after_death {
            state.found = progress(&db, None).await?;
            let config = |thread: &str| {
                let progress = state.found.get(thread)?;
                memory.config(thread, progress)
            };
            let sweep = graph.resume_all_with(16, |thread| {
                let config = config(&thread.thread).unwrap_or_default();
                thread.reason.is_cut_off().then_some(config)
            });
            let resumed = crate::probe::alive(sweep).await?;
            let resumed = resumed.into_iter();
            state.swept = resumed.map(|of| (of.thread, of.outcome)).collect();
        }
        Ok(Self {
            graph,
            db,
            outside,
            memory,
            after_death,
            state: Arc::new(Mutex::new(state)),
        })
    }
}

/// How far the threads have come.
async fn progress(db: &Db, thread: Option<&str>) -> Result<BTreeMap<String, Progress>, GraphError> {
    let failed = |error| GraphError::checkpoint(thread.unwrap_or("(all)"), error);
    let saver = db.checkpointer();
    let mut found = match thread {
        None => saver.list_latest("", crate::checkpoint::Projection::default()),
        Some(thread) => saver.list(ListQuery {
            thread: Some(thread.to_owned()),
            namespace: Some(String::new()),
            limit: Some(1),
            ..ListQuery::default()
        }),
    };
    let mut all = BTreeMap::new();
    while let Some(found) = found.try_next().await.map_err(failed)? {
        let progress = Progress {
            checkpoint: Some(found.checkpoint.id),
            writes: found.pending_writes.len(),
        };
        all.insert(found.thread, progress);
    }
    Ok(all)
}

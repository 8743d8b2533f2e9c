//! The sweep after a crash: finding the threads whose runs were cut off, and continuing them.

use std::sync::Arc;

use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt, TryStreamExt, stream};

use crate::checkpoint::{CheckpointError, Projection};
use crate::graph::compiled::CompiledGraph;
use crate::graph::config::Config;
use crate::graph::error::GraphError;
use crate::graph::input::{Input, RunOutput};
use crate::graph::thread::unfinished::UnfinishedThread;

/// How many threads [`CompiledGraph::resume_all`] continues at a time. Enough to keep a machine busy that waits
/// for models and tools; few enough that a restart does not look like an attack to them.
const CONCURRENCY: usize = 16;

/// What became of a thread that was continued.
#[derive(Debug)]
#[non_exhaustive]
pub struct ResumedThread {
    /// The thread.
    pub thread: String,
    /// What the run gave back. It may have stopped to ask.
    pub outcome: Result<RunOutput, GraphError>,
}

impl CompiledGraph {
    /// The threads whose last run has not come to its end: it was cut off (the process died, the run was
    /// dropped or asked to stop), or it failed, which [`UnfinishedThread::reason`] tells.
    ///
    /// Not among them are threads that
    /// - are finished, or are being run now, in this process or in another one on the same server;
    /// - wait for somebody: for the answer to an interrupt, at a breakpoint, or after an update of their
    ///   state that no run has taken up;
    /// - mention a channel or node that this graph does not have, and so belong to another graph on the
    ///   same checkpointer. Graphs of which one could continue the other's threads should not share one.
    ///
    /// Only what was saved is known: of a run with [`Durability::Exit`](crate::graph::Durability::Exit) that was cut off
    /// nothing was, and its thread stands where it stood before. The cost is that of looking at the latest checkpoint of
    /// every thread, without the values of its state.
    ///
    /// # Errors
    /// The graph has no checkpointer, or that failed. A checkpoint that this graph cannot read is a reason, and no
    /// error.
    pub async fn unfinished(&self) -> Result<Vec<UnfinishedThread>, GraphError> {
        let checkpointer = self.state_checkpointer("unfinished")?;
        let leases = checkpointer.leases();
        // Whether there is something to do is told by what triggers nodes, not by the state.
        let triggers = self.inner.triggers().map(str::to_owned);
        let mut latest = checkpointer.list_latest("", Projection::named(triggers));
        let failed = |e| GraphError::checkpoint("(all)", e);
        let elsewhere = leases.busy_elsewhere().await;
        let elsewhere = elsewhere.map_err(|source| {
            failed(CheckpointError::Backend {
                what: "asking which threads other processes run".to_owned(),
                source,
            })
        })?;
        let mut unfinished = Vec::new();
        while let Some(saved) = latest.try_next().await.map_err(failed)? {
            let is_busy = leases.is_busy(&saved.thread) || elsewhere.contains(&saved.thread);
            if is_busy || self.inspect(&saved).is_none() {
                continue;
            }
            // Whether it can be continued is told by the whole state.
            let id = Some(saved.checkpoint.id.as_str());
            let whole = checkpointer.get(&saved.thread, "", id).await;
            unfinished.extend(
                whole
                    .map_err(failed)?
                    .and_then(|whole| self.inspect(&whole)),
            );
        }
        unfinished.sort_by(|a, b| a.thread.cmp(&b.thread));
        Ok(unfinished)
    }

    /// Continues all threads whose last run was cut off, several at a time, each exactly where it stood: what
    /// tasks had finished is not run again, answers that were given still hold, and so do the breakpoints of the
    /// run that was cut off. Call it when the process has started.
    ///
    /// Several processes may do so at once: each thread is continued by one of them. A thread that somebody else has taken up meanwhile is
    /// passed over.
    ///
    /// A thread that fails does not keep the others from being continued. Threads whose last run failed are left
    /// alone: continue them with [`resume_all_with`](Self::resume_all_with), or [`Input::Continue`].
    ///
    /// ```
    /// # use stepwell::graph::{CompiledGraph, GraphError};
    /// # async fn start(graph: CompiledGraph) -> Result<(), GraphError> {
    /// for resumed in graph.resume_all().await? {
    ///     if let Err(error) = resumed.outcome {
    ///         eprintln!("thread {}: {error}", resumed.thread);
    ///     }
    /// }
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// Those of [`unfinished`](Self::unfinished). What a thread runs into is in its [`ResumedThread`].
    pub async fn resume_all(&self) -> Result<Vec<ResumedThread>, GraphError> {
        self.resume_all_with(CONCURRENCY, |thread| {
            thread.reason.is_cut_off().then(Config::new)
        })
        .await
    }

    /// As [`resume_all`](Self::resume_all), at most `concurrency` threads at a time, and only those for which `choose` gives a
    /// config: what the nodes need of context, configurable values and limits is not saved. The thread need not be in
    /// it. Threads whose last run failed are offered too.
    ///
    /// # Errors
    /// Those of [`unfinished`](Self::unfinished).
    pub async fn resume_all_with(
        &self,
        concurrency: usize,
        mut choose: impl FnMut(&UnfinishedThread) -> Option<Config>,
    ) -> Result<Vec<ResumedThread>, GraphError> {
        let unfinished = self.unfinished().await?;
        let chosen: Vec<_> = unfinished
            .into_iter()
            .filter_map(|thread| {
                let config = choose(&thread)?;
                Some((thread, config))
            })
            .collect();
        // Made one by one, so that only those that run take memory.
        let runs = chosen
            .into_iter()
            .map(|(found, config)| self.resume(found, config));
        let runs = stream::iter(runs).buffer_unordered(concurrency.max(1));
        let mut resumed: Vec<_> = runs.collect().await;
        // Somebody else was quicker.
        resumed.retain(|thread| !matches!(thread.outcome, Err(GraphError::ThreadBusy { .. })));
        Ok(resumed)
    }

    /// Boxed with its type named, or nobody could spawn a task that waits for it.
    fn resume(&self, found: UnfinishedThread, mut config: Config) -> BoxFuture<'_, ResumedThread> {
        let thread = found.thread.clone();
        config.thread_id = Some(thread.clone());
        config.recovers = Some(Arc::new(found));
        async move {
            let outcome = self.invoke(Input::Continue, &config).await;
            ResumedThread { thread, outcome }
        }
        .boxed()
    }
}

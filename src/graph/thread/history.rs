//! The history of a thread: its checkpoints as snapshots, newest first.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures::stream::BoxStream;
use futures::{Stream, StreamExt};
use serde_json::{Map, Value};

use crate::checkpoint::ListQuery;
use crate::graph::compiled::CompiledGraph;
use crate::graph::config::Config;
use crate::graph::error::GraphError;
use crate::graph::thread::snapshot::{Reader, StateSnapshot};

/// Which snapshots [`CompiledGraph::get_state_history`] yields; all of them unless told otherwise.
#[derive(Clone, Debug, Default)]
pub struct HistoryQuery {
    limit: Option<usize>,
    before: Option<String>,
    filter: Map<String, Value>,
}

impl HistoryQuery {
    /// At most `limit` snapshots.
    #[must_use]
    pub fn limit(mut self, limit: usize) -> Self {
        self.limit = Some(limit);
        self
    }

    /// Only snapshots older than the checkpoint that `config` addresses.
    #[must_use]
    pub fn before(mut self, config: &Config) -> Self {
        self.before.clone_from(&config.checkpoint_id);
        self
    }

    /// Only snapshots whose metadata has `value` under `key` (`source`, `step`, …).
    #[must_use]
    pub fn filter(mut self, key: impl Into<String>, value: impl Into<Value>) -> Self {
        self.filter.insert(key.into(), value.into());
        self
    }
}

/// Snapshots of a thread's checkpoints, newest first, read one at a time.
///
/// It shows the thread as it was when it was asked for, whatever is written meanwhile.
pub struct StateHistory(BoxStream<'static, Result<StateSnapshot, GraphError>>);

impl StateHistory {
    /// The next older snapshot.
    pub async fn next(&mut self) -> Option<Result<StateSnapshot, GraphError>> {
        self.0.next().await
    }

    /// All that are left.
    ///
    /// # Errors
    /// The first that cannot be read.
    pub async fn collect(self) -> Result<Vec<StateSnapshot>, GraphError> {
        futures::TryStreamExt::try_collect(self.0).await
    }
}

impl Stream for StateHistory {
    type Item = Result<StateSnapshot, GraphError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_next_unpin(cx)
    }
}

impl std::fmt::Debug for StateHistory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("StateHistory")
    }
}

impl CompiledGraph {
    /// The checkpoints of the thread, or of the subgraph that `config` addresses, newest first.
    ///
    /// ```
    /// # use stepwell::graph::{CompiledGraph, Config, GraphError, HistoryQuery};
    /// # async fn show(graph: CompiledGraph, config: Config) -> Result<(), GraphError> {
    /// let mut history = graph.get_state_history(&config, HistoryQuery::default());
    /// while let Some(snapshot) = history.next().await {
    ///     let snapshot = snapshot?;
    ///     println!("{:?}: {}", snapshot.metadata.and_then(|m| m.step), snapshot.values);
    /// }
    /// # Ok(()) }
    /// ```
    ///
    /// Errors (no checkpointer, no thread, an unreadable checkpoint) are items of the history.
    pub fn get_state_history(&self, config: &Config, query: HistoryQuery) -> StateHistory {
        StateHistory(match self.history_reader(config) {
            Ok((reader, config, thread)) => {
                let found = reader.checkpointer.list(ListQuery {
                    before: query.before,
                    filter: query.filter,
                    limit: query.limit,
                    ..ListQuery::of(&*thread, &config.namespace)
                });
                found
                    .then(move |saved| {
                        let reader = Arc::clone(&reader);
                        let thread = Arc::clone(&thread);
                        async move {
                            let saved = saved.map_err(|e| GraphError::checkpoint(&thread, e))?;
                            reader.snapshot(saved, false).await
                        }
                    })
                    .boxed()
            }
            Err(error) => futures::stream::once(async { Err(error) }).boxed(),
        })
    }

    fn history_reader(
        &self,
        config: &Config,
    ) -> Result<(Arc<Reader>, Config, Arc<str>), GraphError> {
        let checkpointer = self.state_checkpointer("get_state_history")?;
        let thread = config.thread_id().ok_or(GraphError::MissingThreadId)?;
        let thread = Arc::from(thread);
        let (graph, config) = self.addressed_graph(config);
        let reader = Reader {
            graph,
            checkpointer,
            recurse: false,
        };
        Ok((Arc::new(reader), config, thread))
    }
}

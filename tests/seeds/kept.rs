//! The two backends that every behaviour is tested on, and small nodes to test it with.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures::TryStreamExt;
use serde_json::Value;
use stepwell::checkpoint::{CheckpointTuple, Checkpointer, ListQuery, MemorySaver};
use stepwell::db::Db;
use stepwell::graph::{
    CompiledGraph, Config, HistoryQuery, Node, NodeError, State, StateGraph, StateSnapshot,
};
use stepwell::store::{MemoryStore, Store};
use tempfile::TempDir;

/// A saver and a store.
pub(crate) enum Kept {
    Memory(MemorySaver, MemoryStore),
    Database(Db, TempDir),
}

impl Kept {
    pub(crate) fn memory() -> Self {
        Self::Memory(MemorySaver::new(), MemoryStore::new())
    }

    pub(crate) fn database() -> Self {
        let directory = TempDir::new().unwrap();
        let db = Db::open(directory.path().join("seeds.stepwell")).unwrap();
        Self::Database(db, directory)
    }

    /// What is left after the process ends and another one starts. (The one in memory stands for a
    /// process that goes on.)
    pub(crate) fn restarted(self) -> Self {
        match self {
            Self::Memory(..) => self,
            Self::Database(db, directory) => {
                db.close().unwrap();
                let db = Db::open(directory.path().join("seeds.stepwell")).unwrap();
                Self::Database(db, directory)
            }
        }
    }

    /// `graph` with this saver and store.
    pub(crate) fn compile(&self, graph: StateGraph) -> CompiledGraph {
        let graph = match self {
            Self::Memory(saver, store) => graph
                .with_checkpointer(saver.clone())
                .with_store(store.clone()),
            Self::Database(db, _) => graph
                .with_checkpointer(db.checkpointer())
                .with_store(db.store()),
        };
        graph.compile().unwrap()
    }

    pub(crate) fn store(&self) -> Arc<dyn Store> {
        match self {
            Self::Memory(_, store) => Arc::new(store.clone()),
            Self::Database(db, _) => Arc::new(db.store()),
        }
    }

    pub(crate) fn saver(&self) -> Arc<dyn Checkpointer> {
        match self {
            Self::Memory(saver, _) => Arc::new(saver.clone()),
            Self::Database(db, _) => Arc::new(db.checkpointer()),
        }
    }

    /// All checkpoints of a thread, in all namespaces.
    pub(crate) async fn checkpoints(&self, thread: &str) -> Vec<CheckpointTuple> {
        let query = ListQuery {
            thread: Some(thread.to_owned()),
            ..ListQuery::default()
        };
        self.saver().list(query).try_collect().await.unwrap()
    }
}

/// Makes of each function two tests: in memory and on a database.
macro_rules! on_each_backend {
    ($(async fn $name:ident($kept:ident: Kept) $body:block)*) => {
        $(
            mod $name {
                use super::*;

                async fn holds($kept: Kept) $body

                #[tokio::test]
                async fn in_memory() {
                    holds(Kept::memory()).await;
                }

                #[tokio::test]
                async fn on_a_database() {
                    holds(Kept::database()).await;
                }
            }
        )*
    };
}
pub(crate) use on_each_backend;

/// A node that always writes the same.
pub(crate) fn writes(update: Value) -> Node {
    Node::new(move |_: State| {
        let update = update.clone();
        async move { update }
    })
}

/// How often something happened.
#[derive(Clone, Default)]
pub(crate) struct Count(Arc<AtomicUsize>);

impl Count {
    pub(crate) fn one_more(&self) -> usize {
        self.0.fetch_add(1, Ordering::SeqCst) + 1
    }

    pub(crate) fn get(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

/// `node`, counted, failing at its first `failures` executions.
pub(crate) fn counted(update: Value, count: &Count, failures: usize) -> Node {
    let count = count.clone();
    Node::new(move |_: State| {
        let (update, number) = (update.clone(), count.one_more());
        async move {
            if number <= failures {
                return Err(NodeError::msg("the service is down"));
            }
            Ok(update)
        }
    })
}

/// The whole history of a thread, newest first.
pub(crate) async fn history(graph: &CompiledGraph, config: &Config) -> Vec<StateSnapshot> {
    let history = graph.get_state_history(config, HistoryQuery::default());
    history.collect().await.unwrap()
}

/// How many elements a list has.
pub(crate) fn len(list: &Value) -> usize {
    list.as_array().unwrap().len()
}

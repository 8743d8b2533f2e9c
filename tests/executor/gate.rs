//! A node that waits until the test lets it go.

use std::sync::Arc;

use serde_json::json;
use stepwell::checkpoint::{Checkpointer, MemorySaver};
use stepwell::db::Db;
use stepwell::graph::{Channel, CompiledGraph, Config, RunOutput, START, State, StateGraph};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

/// Tells when a node has begun, and lets it go.
#[derive(Clone, Debug)]
pub(crate) struct Gate {
    begun: Arc<Semaphore>,
    open: Arc<Semaphore>,
}

impl Gate {
    pub(crate) fn new() -> Self {
        Self {
            begun: Arc::new(Semaphore::new(0)),
            open: Arc::new(Semaphore::new(0)),
        }
    }

    /// What the node does.
    pub(crate) async fn pass(&self) {
        self.begun.add_permits(1);
        self.open.acquire().await.unwrap().forget();
    }

    /// Waits until a node has begun.
    pub(crate) async fn begun(&self) {
        self.begun.acquire().await.unwrap().forget();
    }

    /// Lets one node go.
    pub(crate) fn open(&self) {
        self.open.add_permits(1);
    }
}

/// A graph whose one node waits at the gate, then echoes the last message.
pub(crate) fn gated(saver: impl Checkpointer, gate: &Gate) -> CompiledGraph {
    let gate = gate.clone();
    StateGraph::new()
        .add_channel("messages", Channel::append())
        .add_node("echo", move |s: State| {
            let gate = gate.clone();
            async move {
                gate.pass().await;
                let last = s["messages"].as_array().and_then(|m| m.last()).cloned();
                json!({"messages": [format!("re: {}", last.unwrap().as_str().unwrap())]})
            }
        })
        .add_edge(START, "echo")
        .with_checkpointer(saver)
        .compile()
        .unwrap()
}

pub(crate) type Running = JoinHandle<Result<RunOutput, stepwell::graph::GraphError>>;

/// A run that has reached the gate.
pub(crate) async fn running(
    graph: &CompiledGraph,
    message: &str,
    config: &Config,
    gate: &Gate,
) -> Running {
    let (graph, config) = (graph.clone(), config.clone());
    let input = json!({"messages": [message]});
    let run = tokio::spawn(async move { graph.invoke(input, &config).await });
    gate.begun().await;
    run
}

/// A checkpointer of each kind. The directory lives as long as the database is needed.
pub(crate) fn savers() -> (Vec<Arc<dyn Checkpointer>>, tempfile::TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let db = Db::open(directory.path().join("db")).unwrap();
    let savers: Vec<Arc<dyn Checkpointer>> =
        vec![Arc::new(MemorySaver::new()), Arc::new(db.checkpointer())];
    (savers, directory)
}

//! Layers around nodes: retries, time-outs, caches, one's own, and how they compose.

mod cache;
mod own;
mod retry;
mod timeout;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use stepwell::checkpoint::MemorySaver;
use stepwell::graph::{Channel, CompiledGraph, IntoNode, NodeOf, START, State, StateGraph};

/// A graph of the one node `n`, with the channels `x` (the last value) and `log` (all values).
fn one_node<M: NodeOf<State>>(node: impl IntoNode<M>) -> CompiledGraph {
    StateGraph::new()
        .add_channel("x", Channel::last())
        .add_channel("log", Channel::append())
        .add_node("n", node)
        .add_edge(START, "n")
        .with_checkpointer(MemorySaver::new())
        .compile()
        .unwrap()
}

/// Counts calls.
#[derive(Clone, Default)]
struct Counter(Arc<AtomicUsize>);

impl Counter {
    /// The number of this call, from 1.
    fn next(&self) -> usize {
        self.0.fetch_add(1, Ordering::SeqCst) + 1
    }

    fn get(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

const SECOND: Duration = Duration::from_secs(1);

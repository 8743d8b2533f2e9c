//! [`Replay`]: from where subgraphs start again when the graph around them is replayed.

use std::collections::HashSet;

use parking_lot::Mutex;

use crate::graph::names::{NS_END, NS_SEP};

/// A replay of a past checkpoint, shared by all subgraphs of the run.
///
/// A subgraph's first run in a replay starts from what it was before that checkpoint; its later runs
/// (in a loop, say) go on from what the replay made of it.
#[derive(Debug)]
pub(in crate::graph) struct Replay {
    /// Subgraph checkpoints with a smaller id were there when the replayed one was saved.
    pub(in crate::graph) before: String,
    visited: Mutex<HashSet<String>>,
}

impl Replay {
    pub(in crate::graph) fn new(before: String) -> Self {
        Self {
            before,
            visited: Mutex::default(),
        }
    }

    /// Whether no run in this namespace, whatever its last task id, has asked before.
    pub(in crate::graph) fn is_first_visit(&self, namespace: &str) -> bool {
        let mut place = namespace;
        let mut key = "";
        while let Some((outer, last)) = place.rsplit_once(NS_SEP)
            && last.starts_with(NS_END)
        {
            key = namespace.get(outer.len()..).unwrap_or_default();
            place = outer;
        }
        let place = place.rsplit_once(NS_END).map_or(place, |(place, _)| place);
        self.visited.lock().insert(format!("{place}{key}"))
    }
}

//! [`Graphs`]: which vectors are near which, so that the nearest to one are found without comparing all (HNSW).
//!
//! A graph is made of all vectors of a table at once, in a thread of its own, and never changes. What was put since is known by its LSN; what has gone
//! since is found in the graph and not in the table. When both are many, another graph is made. The same vectors make the same graph.
//!
//! This module must never know what is asked for beside what is near.

use std::sync::Arc;

use instant_distance::{Builder, HnswMap, Search};
use parking_lot::Mutex;
use rayon::ThreadPoolBuilder;

use crate::embedder::Metric;
use crate::index::vector_table::{ItemName, VectorTable};
use crate::similarity::Point;

/// So many vectors are found, but no more than a quarter of all.
pub(crate) const FOUND: usize = 256;
/// How many are looked at for the neighbours of a vector.
const LOOKED_AT: usize = 128;
/// Any number: by it the vectors of upper layers are chosen.
const SEED: u64 = 6;
/// Another graph is made when the changes since are more than this, and than a quarter of the items.
const FEW: usize = 64;

/// Which vectors of a table are in a graph, and how they are compared.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Kind {
    pub(crate) model: Arc<str>,
    pub(crate) dimension: usize,
    pub(crate) metric: Metric,
}

/// The vectors of a table as it was.
pub(super) struct Graph {
    kind: Kind,
    /// The greatest LSN of the items of the table.
    pub(super) made: u64,
    /// How many items the table had.
    items: usize,
    /// What each is of: the item, and the LSN that it was put with.
    points: HnswMap<Point, (ItemName, u64)>,
}

impl Graph {
    fn of(table: &VectorTable, kind: Kind) -> Self {
        let (mut points, mut items) = (Vec::new(), Vec::new());
        for (item, known) in table.below(&[]) {
            let vectors = &known.vectors;
            if vectors.model != kind.model || vectors.dimension() != kind.dimension {
                continue;
            }
            for (_, vector) in &vectors.fields {
                points.push(Point::new(kind.metric, Arc::clone(vector)));
                items.push((item.clone(), known.put));
            }
        }
        let found = FOUND.min(points.len() / 4);
        let builder = Builder::default().seed(SEED).ef_search(found);
        Self {
            kind,
            made: table.newest(),
            items: table.len(),
            points: builder.ef_construction(LOOKED_AT).build(points, items),
        }
    }

    /// The items of the vectors that are nearest to one, as the table was, and the LSNs that they were put with.
    pub(super) fn nearest(&self, query: &[f32]) -> Vec<(ItemName, u64)> {
        let query = Point::new(self.kind.metric, query.into());
        let mut search = Search::default();
        let found = self.points.search(&query, &mut search);
        found.map(|found| found.value.clone()).collect()
    }
}

/// The graph of a table and of what it becomes.
#[derive(Default)]
pub(super) struct Graphs {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    graph: Option<Arc<Graph>>,
    is_being_made: bool,
}

/// Another graph may be made when it is dropped.
struct Making(Arc<Graphs>);

impl Drop for Making {
    fn drop(&mut self) {
        self.0.state.lock().is_being_made = false;
    }
}

impl Graphs {
    /// The graph of this kind, if there is one. If there is none, or `table` has changed much since, one is begun.
    pub(super) fn of(self: &Arc<Self>, table: &VectorTable, kind: &Kind) -> Option<Arc<Graph>> {
        let graph = (self.state.lock().graph.clone()).filter(|graph| graph.kind == *kind);
        let is_old = graph.as_ref().is_none_or(|graph| {
            let since = table.since(graph.made).count();
            let gone = (graph.items + since).saturating_sub(table.len());
            since + gone > FEW.max(graph.items / 4)
        });
        if is_old {
            self.begin(table, kind);
        }
        graph
    }

    fn begin(self: &Arc<Self>, table: &VectorTable, kind: &Kind) {
        {
            let mut state = self.state.lock();
            if state.is_being_made {
                return;
            }
            state.is_being_made = true;
        }
        let making = Making(Arc::clone(self));
        // With one thread it is always the same graph.
        let thread = ThreadPoolBuilder::new()
            .num_threads(1)
            .thread_name(|_| "stepwell-near".to_owned())
            .panic_handler(|_| tracing::warn!("all vectors are compared: no graph could be made"))
            .build();
        let (table, kind) = (table.clone(), kind.clone());
        match thread {
            // It ends when that is done.
            Ok(thread) => thread.spawn(move || {
                let graph = Arc::new(Graph::of(&table, kind));
                making.0.state.lock().graph = Some(graph);
                drop(making);
            }),
            Err(error) => tracing::warn!(%error, "all vectors are compared: no graph is made"),
        }
    }
}

//! [`Graphs`]: which vectors are near which, so that the nearest to one are found without comparing all (HNSW).
//!
//! A graph is made of all vectors of a table at once, in a thread of its own, and never changes. What was put since is known by its LSN; what has gone
//! since is found in the graph and not in the table. When both are many, another graph is made. The same vectors make the same graph. One that nobody
//! can ask any more, as the database was closed, is not made to its end.
//!
//! This module must never know what is asked for beside what is near.

use std::panic;
use std::sync::{Arc, Weak};

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
    points: HnswMap<Vertex, (ItemName, u64)>,
}

/// A vector in a graph, or one to whose neighbours it is asked.
#[derive(Clone)]
struct Vertex {
    point: Point,
    /// Whoever wants the graph; `None` if it is there.
    made_for: Option<Weak<Graphs>>,
}

impl instant_distance::Point for Vertex {
    fn distance(&self, other: &Self) -> f32 {
        if let Some(wanted) = &self.made_for
            && wanted.strong_count() == 0
        {
            return stop();
        }
        self.point.distance(&other.point)
    }
}

/// Ends the making of a graph, for which the library has no other way: as a panic does that nobody is told of. Where panics end the process, what is left
/// to do is made cheap: nothing is near anything.
fn stop() -> f32 {
    if cfg!(panic = "unwind") {
        panic::resume_unwind(Box::new(Stopped));
    }
    f32::INFINITY
}

/// Nobody wants the graph any more.
struct Stopped;

impl Graph {
    fn of(table: &VectorTable, kind: Kind, made_for: &Weak<Graphs>) -> Self {
        let (mut points, mut items) = (Vec::new(), Vec::new());
        for (item, known) in table.below(&[]) {
            let vectors = &known.vectors;
            if vectors.model != kind.model || vectors.dimension() != kind.dimension {
                continue;
            }
            for (_, vector) in &vectors.fields {
                points.push(Vertex {
                    point: Point::new(kind.metric, Arc::clone(vector)),
                    made_for: Some(Weak::clone(made_for)),
                });
                items.push((item.clone(), known.put));
            }
        }
        let found = FOUND.min(points.len() / 4);
        // Choosing neighbours by where they lie takes seven times as long.
        let builder = Builder::default().select_heuristic(None);
        let builder = builder.seed(SEED).ef_search(found);
        Self {
            kind,
            made: table.newest(),
            items: table.len(),
            points: builder.ef_construction(LOOKED_AT).build(points, items),
        }
    }

    /// The items of the vectors that are nearest to one, as the table was, and the LSNs that they were put with.
    pub(super) fn nearest(&self, query: &[f32]) -> Vec<(ItemName, u64)> {
        let query = Vertex {
            point: Point::new(self.kind.metric, query.into()),
            made_for: None,
        };
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
struct Making(Weak<Graphs>);

impl Drop for Making {
    fn drop(&mut self) {
        if let Some(graphs) = self.0.upgrade() {
            graphs.state.lock().is_being_made = false;
        }
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
        // It must not keep alive what it is made for.
        let making = Making(Arc::downgrade(self));
        // With one thread it is always the same graph.
        let thread = ThreadPoolBuilder::new()
            .num_threads(1)
            .thread_name(|_| "stepwell-near".to_owned())
            .panic_handler(|panic| {
                if !panic.is::<Stopped>() {
                    tracing::warn!("all vectors are compared: no graph could be made");
                }
            })
            .build();
        let (table, kind) = (table.without_graphs(), kind.clone());
        match thread {
            // It ends when that is done.
            Ok(thread) => thread.spawn(move || {
                let graph = Arc::new(Graph::of(&table, kind, &making.0));
                if let Some(graphs) = making.0.upgrade() {
                    graphs.state.lock().graph = Some(graph);
                }
                drop(making);
            }),
            Err(error) => tracing::warn!(%error, "all vectors are compared: no graph is made"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;
    use crate::index::Known;
    use crate::item_vectors::ItemVectors;

    const DIMENSION: usize = 384;

    fn vector(seed: u32) -> Arc<[f32]> {
        let mut state = seed.wrapping_mul(0x9E37_79B9) | 1;
        let elements = (0..DIMENSION).map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 - 8_388_608.0
        });
        elements.collect()
    }

    #[test]
    fn a_graph_that_nobody_can_ask_any_more_is_not_made_to_its_end() {
        // So many take minutes in a build for tests.
        let vectors: Vec<_> = (0..512).map(vector).collect();
        let mut table = VectorTable::default();
        for n in 0..30_000_u64 {
            let vector = Arc::clone(&vectors[(n % 512) as usize]);
            let vectors = ItemVectors {
                model: "m".into(),
                fields: vec![("$".into(), vector)],
            };
            let item: ItemName = (["a".to_owned()].into(), n.to_string().into());
            let (put, vectors) = (n, Arc::new(vectors));
            table.insert(item, Known { put, vectors });
        }
        let kind = Kind {
            model: "m".into(),
            dimension: DIMENSION,
            metric: Metric::Cosine,
        };
        let of_table = Arc::strong_count(&vectors[0]);
        let graphs = Arc::new(Graphs::default());
        assert!(graphs.of(&table, &kind).is_none());
        let start = Instant::now();
        while Arc::strong_count(&vectors[0]) == of_table {
            assert!(
                start.elapsed() < Duration::from_secs(60),
                "it does not begin"
            );
            std::thread::sleep(Duration::from_millis(5));
        }
        assert!(graphs.state.lock().is_being_made);
        drop(graphs);
        let start = Instant::now();
        while Arc::strong_count(&vectors[0]) > of_table {
            assert!(start.elapsed() < Duration::from_secs(20), "it goes on");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

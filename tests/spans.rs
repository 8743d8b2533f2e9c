//! The spans that a run is traced in. A program of its own: whether a span is wanted is remembered for the
//! whole process, and other tests do not want any.

use std::fmt::Debug;
use std::sync::Arc;

use parking_lot::Mutex;
use serde_json::json;
use stepwell::checkpoint::MemorySaver;
use stepwell::graph::{Config, Node, NodeError, RetryPolicy, Runtime, START, State, StateGraph};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

/// Notes every span with those around it.
#[derive(Clone, Default)]
struct Spans(Arc<Mutex<Noted>>);

#[derive(Default)]
struct Noted {
    /// By id, from 1: the names down to the span, with its fields.
    spans: Vec<String>,
    entered: Vec<u64>,
}

struct Fields(String);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        // Ids are different every time.
        if field.name() != "id" {
            self.0 += &format!(" {}={value:?}", field.name());
        }
    }
}

impl Subscriber for Spans {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_span() && metadata.target().starts_with("stepwell::graph")
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let mut fields = Fields(span.metadata().name().to_owned());
        span.record(&mut fields);
        let mut noted = self.0.lock();
        let outer = noted.entered.last().copied();
        let outer = outer.and_then(|id| noted.spans.get(id as usize - 1).cloned());
        let path = outer.map_or(fields.0.clone(), |outer| format!("{outer} > {}", fields.0));
        noted.spans.push(path);
        Id::from_u64(noted.spans.len() as u64)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn event(&self, _: &Event<'_>) {}

    fn enter(&self, id: &Id) {
        self.0.lock().entered.push(id.into_u64());
    }

    fn exit(&self, _: &Id) {
        self.0.lock().entered.pop();
    }
}

#[tokio::test(start_paused = true)]
async fn a_run_is_traced_down_to_attempts_and_commits() {
    let inner = StateGraph::new()
        .add_node("leaf", |_: State| async {})
        .add_edge(START, "leaf")
        .compile()
        .unwrap();
    let node = Node::new(move |_: State, rt: Runtime| {
        let inner = inner.clone();
        async move {
            rt.call(&inner, json!({})).await?;
            match rt.attempt() {
                1 => Err(NodeError::msg("no luck")),
                _ => Ok(()),
            }
        }
    });
    let graph = StateGraph::new()
        .add_node("n", node.retry(RetryPolicy::attempts(2)))
        .add_edge(START, "n")
        .with_checkpointer(MemorySaver::new())
        .compile()
        .unwrap();
    let spans = Spans::default();
    let listening = tracing::subscriber::set_default(spans.clone());
    graph.invoke(json!({}), &Config::thread("t")).await.unwrap();
    drop(listening);
    let noted = spans.0.lock().spans.clone();
    let task = "run thread=\"t\" namespace=\"\" > step number=1 tasks=1 > task node=\"n\"";
    for path in [
        "run thread=\"t\" namespace=\"\" > commit pending=".to_owned(),
        format!("{task} > attempt number=1"),
        format!("{task} > attempt number=2 > run thread=\"t\" namespace=\"n:"),
    ] {
        assert!(
            noted.iter().any(|s| s.starts_with(&path)),
            "{path}: {noted:#?}"
        );
    }
}

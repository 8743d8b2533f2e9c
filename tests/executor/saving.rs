//! In which order a run saves, and what it does when it cannot.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures::future::BoxFuture;
use parking_lot::Mutex;
use serde_json::json;
use stepwell::Commit;
use stepwell::checkpoint::{
    CheckpointError, CheckpointStream, CheckpointTuple, Checkpointer, ListQuery, MemorySaver,
    PutCheckpoint, PutWrites,
};
use stepwell::graph::{
    Channel, Config, Durability, ErrorKind, GraphError, HistoryQuery, Input, START, State,
    StateGraph,
};

/// Notes what is submitted, in order, and fails from some checkpoint on.
#[derive(Clone, Default)]
struct Noting {
    inner: MemorySaver,
    notes: Arc<Mutex<Vec<String>>>,
    puts: Arc<AtomicUsize>,
    fail_from: Option<usize>,
}

impl Checkpointer for Noting {
    fn get<'a>(
        &'a self,
        thread: &'a str,
        namespace: &'a str,
        id: Option<&'a str>,
    ) -> BoxFuture<'a, Result<Option<CheckpointTuple>, CheckpointError>> {
        self.inner.get(thread, namespace, id)
    }

    fn list(&self, query: ListQuery) -> CheckpointStream {
        self.inner.list(query)
    }

    fn put(&self, put: PutCheckpoint) -> Commit<CheckpointError> {
        let step = put.metadata.step.unwrap_or_default();
        self.notes.lock().push(format!("checkpoint {step}"));
        if self.puts.fetch_add(1, Ordering::SeqCst) >= self.fail_from.unwrap_or(usize::MAX) {
            return Commit::ready(Err(CheckpointError::Backend {
                what: format!("saving step {step}"),
                source: Arc::new(std::io::Error::other("the disk is gone")),
            }));
        }
        self.inner.put(put)
    }

    fn put_writes(&self, writes: PutWrites) -> Commit<CheckpointError> {
        let node = writes.task_path.rsplit(", ").next().unwrap_or_default();
        self.notes.lock().push(format!("writes of {node}"));
        self.inner.put_writes(writes)
    }

    fn delete_thread(&self, thread: &str) -> Commit<CheckpointError> {
        self.inner.delete_thread(thread)
    }
}

fn three_nodes(saver: Noting, ran: &Arc<Mutex<Vec<&'static str>>>) -> StateGraph {
    let node = |name: &'static str| {
        let ran = Arc::clone(ran);
        move |_: State| {
            ran.lock().push(name);
            async move { json!({"log": [name]}) }
        }
    };
    StateGraph::new()
        .add_channel("log", Channel::append())
        .add_node("a", node("a"))
        .add_node("b", node("b"))
        .add_node("c", node("c"))
        .add_edge(START, "a")
        .add_edge("a", "b")
        .add_edge("b", "c")
        .with_checkpointer(saver)
}

/// In LangGraph the checkpoint may be durable first, and a node that had finished runs again (its issue 8039).
#[tokio::test]
async fn the_writes_of_a_step_are_submitted_before_the_checkpoint_that_supersedes_them() {
    for durability in [Durability::Sync, Durability::Async] {
        let saver = Noting::default();
        let notes = Arc::clone(&saver.notes);
        let graph = three_nodes(saver, &Arc::default()).compile().unwrap();
        let config = Config::thread("t").durability(durability);
        graph.invoke(json!({}), &config).await.unwrap();
        assert_eq!(
            *notes.lock(),
            [
                "checkpoint -1",
                "writes of __start__",
                "checkpoint 0",
                "writes of a",
                "checkpoint 1",
                "writes of b",
                "checkpoint 2",
                "writes of c",
                "checkpoint 3",
            ]
        );
    }
}

#[tokio::test]
async fn exit_saves_the_last_checkpoint_only() {
    let saver = Noting::default();
    let notes = Arc::clone(&saver.notes);
    let graph = three_nodes(saver, &Arc::default()).compile().unwrap();
    let config = Config::thread("t").durability(Durability::Exit);
    let out = graph.invoke(json!({}), &config).await.unwrap();
    assert_eq!(*notes.lock(), ["checkpoint 3"]);
    let state = graph.get_state(&config).await.unwrap();
    assert_eq!(state.values, out.values);
}

#[tokio::test]
async fn a_checkpoint_that_cannot_be_saved_stops_the_run_at_that_step() {
    for durability in [Durability::Sync, Durability::Async] {
        let saver = Noting {
            fail_from: Some(2),
            ..Noting::default()
        };
        let ran = Arc::default();
        let graph = three_nodes(saver.clone(), &ran).compile().unwrap();
        let config = Config::thread("t").durability(durability);
        let error = graph.invoke(json!({}), &config).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Checkpoint);
        assert!(matches!(&error, GraphError::Checkpoint { thread, .. } if thread == "t"));
        assert!(error.to_string().contains("the disk is gone"), "{error}");
        assert_eq!(*ran.lock(), ["a"], "b must not run after a was not saved");

        let mended = Noting {
            fail_from: None,
            ..saver
        };
        let graph = three_nodes(mended, &ran).compile().unwrap();
        let out = graph.invoke(Input::Continue, &config).await.unwrap();
        assert_eq!(out["log"], json!(["a", "b", "c"]));
        assert_eq!(*ran.lock(), ["a", "b", "c"], "what a wrote was kept");
    }
}

/// In LangGraph, lists and joins are saved late and show what came after (its issue 8748).
#[tokio::test]
async fn history_does_not_change_after_it_was_written() {
    let log =
        |name: &'static str| move |_: State| async move { json!({"all": name, "log": [name]}) };
    for durability in [Durability::Sync, Durability::Async] {
        let graph = StateGraph::new()
            .add_channel("all", Channel::topic(true))
            .add_channel("log", Channel::append())
            .add_node("a", log("a"))
            .add_node("b", log("b"))
            .add_node("c", log("c"))
            .add_edge(START, "a")
            .add_edge("a", "b")
            .add_join(["a", "b"], "c")
            .with_checkpointer(MemorySaver::new())
            .compile()
            .unwrap();
        let config = Config::thread("t").durability(durability);
        graph
            .invoke(json!({"all": "in", "log": ["in"]}), &config)
            .await
            .unwrap();
        let history = graph.get_state_history(&config, HistoryQuery::default());
        let history = history.collect().await.unwrap();
        let shown: Vec<_> = history
            .iter()
            .map(|s| (s.values["all"].clone(), &*s.next))
            .collect();
        let next = |node: &str| vec![node.to_owned()];
        let expected = [
            (json!(["in", "a", "b", "c"]), vec![]),
            (json!(["in", "a", "b"]), next("c")),
            (json!(["in", "a"]), next("b")),
            (json!(["in"]), next("a")),
            (json!(null), next("__start__")),
        ];
        let expected: Vec<_> = expected
            .iter()
            .map(|(all, next)| (all.clone(), &**next))
            .collect();
        assert_eq!(shown, expected, "{durability:?}");
        assert!(
            history
                .iter()
                .take(4)
                .all(|s| s.values["log"] == s.values["all"])
        );
    }
}

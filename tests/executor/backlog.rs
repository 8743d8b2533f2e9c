//! A checkpointer that does not keep up, or fails: how far a run gets, and what it says.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures::future::BoxFuture;
use serde_json::{Value, json};
use stepwell::checkpoint::{
    CheckpointError, CheckpointStream, CheckpointTuple, Checkpointer, ListQuery, MemorySaver,
    PutCheckpoint, PutWrites,
};
use stepwell::graph::{
    Channel, Config, Durability, GraphError, LastSaved, ReduceError, START, State, StateGraph,
};
use stepwell::{Commit, Leases};
use tokio::sync::Semaphore;

/// Acknowledges nothing until it is released, refuses at once, and fails from some step on.
#[derive(Clone)]
struct Slow {
    inner: MemorySaver,
    released: Arc<Semaphore>,
    fail_from: i64,
}

impl Slow {
    fn late(&self, commit: Commit<CheckpointError>) -> Commit<CheckpointError> {
        let released = Arc::clone(&self.released);
        Commit::pending(async move {
            let _permit = released.acquire().await;
            commit.await
        })
    }
}

impl Checkpointer for Slow {
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

    fn leases(&self) -> Leases {
        self.inner.leases()
    }

    fn put(&self, put: PutCheckpoint) -> Commit<CheckpointError> {
        if put.metadata.step >= Some(self.fail_from) {
            return self.late(Commit::ready(Err(CheckpointError::Backend {
                what: "saving".into(),
                source: Arc::new(std::io::Error::other("the disk is gone")),
            })));
        }
        match self.inner.put(put).wait() {
            Ok(()) => self.late(Commit::ready(Ok(()))),
            refused => Commit::ready(refused),
        }
    }

    fn put_writes(&self, writes: PutWrites) -> Commit<CheckpointError> {
        self.late(self.inner.put_writes(writes))
    }

    fn delete_thread(&self, thread: &str) -> Commit<CheckpointError> {
        self.inner.delete_thread(thread)
    }
}

fn looping(saver: &Slow, steps: &Arc<AtomicUsize>) -> stepwell::graph::CompiledGraph {
    let steps = Arc::clone(steps);
    StateGraph::new()
        .add_channel("n", Channel::add())
        .add_node("a", move |_: State| {
            steps.fetch_add(1, Ordering::SeqCst);
            async { json!({"n": 1}) }
        })
        .add_edge(START, "a")
        .add_conditional_edges("a", |s: State| {
            if s["n"].as_i64() < Some(200) {
                "a"
            } else {
                "__end__"
            }
        })
        .with_checkpointer(saver.clone())
        .compile()
        .unwrap()
}

#[tokio::test]
async fn a_run_gets_no_further_ahead_of_its_checkpointer_than_the_bound() {
    for (durability, most) in [(Durability::Sync, 0), (Durability::Async, 33)] {
        let saver = Slow {
            inner: MemorySaver::new(),
            released: Arc::new(Semaphore::new(0)),
            fail_from: i64::MAX,
        };
        let steps = Arc::new(AtomicUsize::new(0));
        let graph = looping(&saver, &steps);
        let config = Config::thread("t").durability(durability);
        let run = tokio::spawn(async move { graph.invoke(json!({"n": 0}), &config).await });
        tokio::time::sleep(Duration::from_millis(100)).await;
        let ahead = steps.load(Ordering::SeqCst);
        assert!(
            ahead <= most,
            "{durability:?}: {ahead} steps, none of them saved"
        );
        assert!(durability == Durability::Sync || ahead > 10, "{ahead}");
        saver.released.add_permits(1);
        assert_eq!(run.await.unwrap().unwrap()["n"], 200);
    }
}

#[tokio::test]
async fn the_error_of_a_checkpoint_that_cannot_be_saved_says_which_was_saved_last() {
    for durability in [Durability::Sync, Durability::Async, Durability::Exit] {
        let saver = Slow {
            inner: MemorySaver::new(),
            released: Arc::new(Semaphore::new(1)),
            fail_from: 3,
        };
        let steps = Arc::new(AtomicUsize::new(0));
        let graph = looping(&saver, &steps);
        let config = Config::thread("t").durability(durability);
        let error = graph.invoke(json!({"n": 0}), &config).await.unwrap_err();
        let GraphError::Checkpoint { last_saved, .. } = &error else {
            panic!("{error}");
        };
        let latest = graph.get_state(&config).await.unwrap();
        match &**last_saved {
            LastSaved::Checkpoint { id, step } => {
                assert_eq!(Some(id.as_str()), latest.config.checkpoint_id());
                assert_eq!(*step, 2);
                assert!(
                    error.to_string().contains(&format!("`{id}` of step 2")),
                    "{error}"
                );
            }
            LastSaved::Nothing => {
                assert_eq!(durability, Durability::Exit);
                assert!(
                    error.to_string().contains("nothing was saved before"),
                    "{error}"
                );
            }
            other => panic!("{other:?}"),
        }
        assert!(durability == Durability::Exit || steps.load(Ordering::SeqCst) <= 35);
    }
}

/// A list with what is written to it as its last element.
fn listed(mut list: Value, write: Value) -> Result<Value, ReduceError> {
    list.as_array_mut()
        .into_iter()
        .for_each(|of| of.push(write.clone()));
    Ok(list)
}

#[tokio::test]
async fn after_a_checkpoint_that_is_refused_at_once_nothing_is_submitted() {
    let saver = Slow {
        inner: MemorySaver::new(),
        released: Arc::new(Semaphore::new(0)),
        fail_from: i64::MAX,
    };
    let steps = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&steps);
    let graph = StateGraph::new()
        .add_channel("list", Channel::custom(Some(json!([])), listed))
        .add_node("a", move |_: State| {
            let step = counted.fetch_add(1, Ordering::SeqCst);
            // As it is written it can be read, but not as an element of the list.
            let levels = if step == 3 { 127 } else { 0 };
            let element = (0..levels).fold(json!(1), |inside, _| json!([inside]));
            async move { json!({"list": element}) }
        })
        .add_edge(START, "a")
        .add_edge("a", "a")
        .with_checkpointer(saver.clone())
        .compile()
        .unwrap();
    let config = Config::thread("t").durability(Durability::Async);
    let run = graph.clone();
    let of_run = config.clone();
    let run = tokio::spawn(async move { run.invoke(json!({}), &of_run).await });
    while steps.load(Ordering::SeqCst) < 4 {
        tokio::task::yield_now().await;
    }
    saver.released.add_permits(1);
    let error = run.await.unwrap().unwrap_err();
    assert!(
        error.to_string().contains("channel `list` of checkpoint"),
        "{error}"
    );
    assert_eq!(steps.load(Ordering::SeqCst), 4);
    let latest = graph.get_state(&config).await.unwrap();
    // Of the fourth step it has what the node wrote.
    assert_eq!(latest.metadata.and_then(|of| of.step), Some(3));
}

//! A thread that is deleted while it is being run. In LangGraph a late write brings it back (#7206).

use serde_json::json;
use stepwell::checkpoint::{Checkpoint, CheckpointError, Metadata, PutCheckpoint};
use stepwell::graph::{
    Channel, Config, Durability, GraphError, HistoryQuery, START, State, StateGraph,
};

use crate::gate::{Gate, gated, running, savers};

#[tokio::test]
async fn a_late_write_does_not_bring_a_deleted_thread_back() {
    for durability in [Durability::Sync, Durability::Async, Durability::Exit] {
        for existed in [false, true] {
            let (savers, _directory) = savers();
            for saver in savers {
                let gate = Gate::new();
                let config = Config::thread("t").durability(durability);
                let graph = gated(saver.clone(), &gate);
                if existed {
                    gate.open();
                    graph
                        .invoke(json!({"messages": ["0"]}), &config)
                        .await
                        .unwrap();
                    gate.begun().await;
                }
                let run = running(&graph, "1", &config, &gate).await;
                saver.delete_thread("t").await.unwrap();
                gate.open();
                let error = run.await.unwrap().unwrap_err();
                assert!(
                    matches!(&error, GraphError::Checkpoint { thread, source: CheckpointError::ThreadDeleted { .. }, .. } if thread == "t"),
                    "{durability:?}, existed: {existed}: {error}"
                );
                assert!(error.to_string().contains("was deleted"), "{error}");
                assert!(graph.get_state(&config).await.unwrap().metadata.is_none());
                let history = graph.get_state_history(&config, HistoryQuery::default());
                assert!(history.collect().await.unwrap().is_empty());
                gate.open();
                let out = graph
                    .invoke(json!({"messages": ["2"]}), &config)
                    .await
                    .unwrap();
                assert_eq!(
                    out["messages"],
                    json!(["2", "re: 2"]),
                    "it can be begun anew"
                );
            }
        }
    }
}

/// A checkpoint of a clock that was far ahead.
fn ahead() -> PutCheckpoint {
    PutCheckpoint {
        thread: "t".into(),
        namespace: String::new(),
        parent_id: None,
        checkpoint: Checkpoint {
            id: "7fffffff-ffff-6fff-8000-000000000001".into(),
            ..Checkpoint::default()
        },
        appended: [].into(),
        metadata: Metadata::default(),
        new_versions: [].into(),
    }
}

#[tokio::test]
async fn a_run_on_a_thread_that_was_deleted_begins_after_what_there_was() {
    let subgraph = StateGraph::new()
        .add_channel("messages", Channel::append())
        .add_node("b", |_: State| async { json!({"messages": ["b"]}) })
        .add_edge(START, "b")
        .with_checkpointer(true)
        .compile()
        .unwrap();
    for durability in [Durability::Sync, Durability::Async, Durability::Exit] {
        for updated in [false, true] {
            let (savers, _directory) = savers();
            for saver in savers {
                let graph = StateGraph::new()
                    .add_channel("messages", Channel::append())
                    .add_node("a", subgraph.clone())
                    .add_edge(START, "a")
                    .with_checkpointer(saver.clone())
                    .compile()
                    .unwrap();
                saver.put(ahead()).await.unwrap();
                saver.delete_thread("t").await.unwrap();
                let config = Config::thread("t").durability(durability);
                if updated {
                    let update = json!({"messages": ["0"]});
                    graph.update_state(&config, update, None).await.unwrap();
                }
                let input = json!({"messages": ["1"]});
                let out = graph.invoke(input, &config).await;
                let out = out.unwrap_or_else(|e| panic!("{durability:?}, updated: {updated}: {e}"));
                assert_eq!(graph.get_state(&config).await.unwrap().values, out.values);
            }
        }
    }
}

//! A thread that is deleted while it is being run. In LangGraph a late write brings it back (#7206).

use serde_json::json;
use stepwell::checkpoint::CheckpointError;
use stepwell::graph::{Config, Durability, GraphError, HistoryQuery};

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

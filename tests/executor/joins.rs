//! A join that was half filled when its checkpoint was saved.

use serde_json::{Value, json};
use stepwell::graph::{
    Channel, CompiledGraph, Config, Durability, HistoryQuery, START, State, StateGraph,
};

use crate::gate::savers;

/// `a` reaches the join one step before `c`.
fn uneven(saver: std::sync::Arc<dyn stepwell::checkpoint::Checkpointer>) -> CompiledGraph {
    let log = |name: &'static str| move |_: State| async move { json!({"log": [name]}) };
    StateGraph::new()
        .add_channel("log", Channel::append())
        .add_node("a", log("a"))
        .add_node("b", log("b"))
        .add_node("c", log("c"))
        .add_node("d", log("d"))
        .add_edge(START, "a")
        .add_edge(START, "b")
        .add_edge("b", "c")
        .add_join(["a", "c"], "d")
        .with_checkpointer(saver)
        .compile()
        .unwrap()
}

#[tokio::test]
async fn a_half_filled_join_survives_replay() {
    let (savers, _directory) = savers();
    for saver in savers {
        for durability in [Durability::Sync, Durability::Async] {
            let graph = uneven(saver.clone());
            let config = Config::thread("t").durability(durability);
            let out = graph.invoke(json!({}), &config).await.unwrap();
            assert_eq!(out["log"], json!(["a", "b", "c", "d"]));
            let history = || graph.get_state_history(&config, HistoryQuery::default());
            let before = history().collect().await.unwrap();
            let half = before.iter().find(|s| s.next == ["c"]).unwrap();
            for _ in 0..2 {
                let again = graph.replay(&half.config).await.unwrap();
                assert_eq!(again["log"], json!(["a", "b", "c", "d"]));
            }
            let after = history().collect().await.unwrap();
            let shown = |list: &[stepwell::graph::StateSnapshot]| -> Vec<(Value, Vec<String>)> {
                let old = list.iter().rev().take(before.len());
                old.map(|s| (s.values.clone(), s.next.clone())).collect()
            };
            assert_eq!(shown(&after), shown(&before), "history does not change");
            saver.delete_thread("t").await.unwrap();
        }
    }
}

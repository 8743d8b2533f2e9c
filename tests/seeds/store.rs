//! Long-term memory: facts and preferences that all threads share.

use serde_json::json;
use stepwell::graph::{
    Channel, Config, END, NodeError, NodeResult, Runtime, START, State, StateGraph,
};
use stepwell::store::{Filter, ListNamespaces, Search, StoreError};

use crate::kept::{Kept, on_each_backend};

async fn respond(state: State, runtime: Runtime) -> NodeResult {
    let user = state["user_id"].as_str().unwrap_or_default();
    let item = runtime
        .store()?
        .get(&[user, "preferences"], "language")
        .await?;
    let preference = item.map_or(json!("none"), |item| item.value["preference"].clone());
    let preference = preference.as_str().unwrap_or_default();
    Ok(json!({"response": format!("Using preference: {preference}")}))
}

fn assistant() -> StateGraph {
    StateGraph::new()
        .add_channel("user_id", Channel::last())
        .add_channel("response", Channel::last())
        .add_node("respond", respond)
        .add_edge(START, "respond")
        .add_edge("respond", END)
}

on_each_backend! {
    async fn a_preference_is_there_for_every_thread(kept: Kept) {
        let preference = json!({"preference": "short responses"});
        kept.store().put(&["alice", "preferences"], "language", preference).await.unwrap();
        let graph = kept.compile(assistant());
        for thread in ["thread-1", "thread-2"] {
            let config = Config::thread(thread);
            let out = graph.invoke(json!({"user_id": "alice"}), &config).await.unwrap();
            assert_eq!(out["response"], "Using preference: short responses");
        }
        let config = Config::thread("thread-3");
        let out = graph.invoke(json!({"user_id": "bob"}), &config).await.unwrap();
        assert_eq!(out["response"], "Using preference: none");
    }

    async fn a_node_writes_to_the_store_and_another_thread_reads_it(kept: Kept) {
        let build = || {
            StateGraph::new()
                .add_channel("fact", Channel::last())
                .add_channel("known", Channel::last())
                .add_node("learn", |s: State, rt: Runtime| async move {
                    let known = rt.store()?.get(&["facts"], "latest").await?;
                    if !s["fact"].is_null() {
                        rt.store()?.put(&["facts"], "latest", s["fact"].clone()).await?;
                    }
                    Ok::<_, NodeError>(json!({"known": known.map(|item| item.value)}))
                })
                .add_edge(START, "learn")
        };
        let graph = kept.compile(build());
        graph.invoke(json!({"fact": {"v": 1}}), &Config::thread("1")).await.unwrap();
        drop(graph);
        let kept = kept.restarted();
        let graph = kept.compile(build());
        let out = graph.invoke(json!({}), &Config::thread("2")).await.unwrap();
        assert_eq!(out["known"], json!({"v": 1}));
    }

    async fn items_are_put_got_searched_and_deleted(kept: Kept) {
        let store = kept.store();
        let facts = ["user-123", "facts"];
        store.put(&facts, "location", json!({"city": "San Francisco"})).await.unwrap();
        store.put(&facts, "birthplace", json!({"city": "Oslo"})).await.unwrap();
        let item = store.get(&facts, "location").await.unwrap().unwrap();
        assert_eq!(item.value, json!({"city": "San Francisco"}));
        assert_eq!(item.key, "location");
        assert_eq!(item.namespace, facts);
        let search = Search::new(&facts).filter(Filter::eq("city", "San Francisco"));
        let found = store.search(search).await.unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].key, "location");
        store.delete(&facts, "location").await.unwrap();
        assert!(store.get(&facts, "location").await.unwrap().is_none());
        assert_eq!(store.search(Search::new(&["user-123"])).await.unwrap().len(), 1);
    }

    async fn a_second_put_replaces_the_value_and_keeps_the_time_of_creation(kept: Kept) {
        let store = kept.store();
        store.put(&["u"], "k", json!({"v": 1})).await.unwrap();
        let first = store.get(&["u"], "k").await.unwrap().unwrap();
        tokio::time::sleep(std::time::Duration::from_millis(2)).await;
        store.put(&["u"], "k", json!({"v": 2})).await.unwrap();
        let second = store.get(&["u"], "k").await.unwrap().unwrap();
        assert_eq!(second.value, json!({"v": 2}));
        assert_eq!(second.created_at, first.created_at);
        assert!(second.updated_at > first.updated_at);
    }

    async fn users_have_namespaces_of_their_own(kept: Kept) {
        let store = kept.store();
        for user in ["alice", "bob"] {
            store.put(&[user, "preferences"], "language", json!({"of": user})).await.unwrap();
        }
        let alices = store.search(Search::new(&["alice"])).await.unwrap();
        assert_eq!(alices.len(), 1);
        assert_eq!(alices[0].value, json!({"of": "alice"}));
        let namespaces = store.list_namespaces(ListNamespaces::default()).await.unwrap();
        assert_eq!(namespaces, [["alice", "preferences"], ["bob", "preferences"]]);
    }

    async fn deleting_a_thread_leaves_long_term_memory_alone(kept: Kept) {
        let graph = kept.compile(assistant());
        let (ns, preference) = (["alice", "preferences"], json!({"preference": "x"}));
        kept.store().put(&ns, "language", preference).await.unwrap();
        let config = Config::thread("t");
        graph.invoke(json!({"user_id": "alice"}), &config).await.unwrap();
        kept.saver().delete_thread("t").await.unwrap();
        assert!(graph.get_state(&config).await.unwrap().metadata.is_none());
        let out = graph.invoke(json!({"user_id": "alice"}), &config).await.unwrap();
        assert_eq!(out["response"], "Using preference: x");
    }

    async fn a_bad_namespace_is_refused_with_its_name(kept: Kept) {
        let error = kept.store().put(&["a.b"], "k", json!(1)).await.unwrap_err();
        assert!(matches!(error, StoreError::InvalidNamespace { .. }));
        assert!(error.to_string().contains("a.b"), "{error}");
    }
}

#[tokio::test]
async fn a_node_of_a_graph_without_a_store_is_told_how_to_give_it_one() {
    let graph = assistant().compile().unwrap();
    let error = graph
        .invoke(json!({"user_id": "alice"}), &Config::new())
        .await
        .unwrap_err();
    assert!(error.to_string().contains("with_store"), "{error}");
    assert!(error.to_string().contains("`respond`"), "{error}");
}

//! Subgraphs that run at the same time, each with a memory of its own.

use serde_json::{Value, json};
use stepwell::graph::{
    self, Channel, Command, CompiledGraph, Config, END, ErrorKind, NodeError, Runtime, START,
    State, StateGraph,
};

use crate::kept::{Kept, on_each_backend};

/// An agent that remembers, wrapped in a graph whose one node has the agent's name.
fn create_sub_agent(name: &'static str) -> CompiledGraph {
    let agent = agent(name, true);
    StateGraph::new()
        .add_channel("ask", Channel::last())
        .add_channel("messages", Channel::append())
        .add_node(name, agent)
        .add_edge(START, name)
        .compile()
        .unwrap()
}

fn agent(name: &'static str, own_memory: bool) -> CompiledGraph {
    StateGraph::new()
        .add_channel("ask", Channel::last())
        .add_channel("messages", Channel::append())
        .add_node("answer", move |s: State| async move {
            json!({"messages": [format!("{name} on {}", s["ask"].as_str().unwrap_or_default())]})
        })
        .add_edge(START, "answer")
        .with_checkpointer(own_memory)
        .compile()
        .unwrap()
}

/// A graph whose only node calls the agents at the same time.
fn supervisor(agents: Vec<CompiledGraph>) -> StateGraph {
    StateGraph::new()
        .add_channel("ask", Channel::last())
        .add_channel("answers", Channel::last())
        .add_node("tools", move |s: State, rt: Runtime| {
            let agents = agents.clone();
            async move {
                let calls = agents
                    .iter()
                    .map(|agent| rt.call(agent, json!({"ask": s["ask"]})));
                let answers = futures::future::try_join_all(calls).await?;
                let answers: Vec<Value> = answers.iter().map(|a| a["messages"].clone()).collect();
                Ok::<_, NodeError>(json!({"answers": answers}))
            }
        })
        .add_edge(START, "tools")
        .add_edge("tools", END)
}

on_each_backend! {
    async fn wrapped_agents_have_stable_namespaces_of_their_own(kept: Kept) {
        let agents = vec![create_sub_agent("fruit_agent"), create_sub_agent("veggie_agent")];
        let graph = kept.compile(supervisor(agents));
        let config = Config::thread("t");
        for ask in ["apples", "carrots"] {
            graph.invoke(json!({"ask": ask}), &config).await.unwrap();
        }
        let answers = graph.get_state(&config).await.unwrap().values["answers"].clone();
        let expected = json!([
            ["fruit_agent on apples", "fruit_agent on carrots"],
            ["veggie_agent on apples", "veggie_agent on carrots"],
        ]);
        assert_eq!(answers, expected);
        let saved = kept.checkpoints("t").await;
        for name in ["fruit_agent", "veggie_agent"] {
            let of_agent = saved.iter().filter(|c| c.namespace.ends_with(name));
            let mut namespaces: Vec<_> = of_agent.map(|c| &c.namespace).collect();
            namespaces.dedup();
            assert_eq!(namespaces.len(), 1, "{namespaces:?}");
        }
    }

    async fn wrapped_agents_never_get_each_others_memory_when_the_order_of_calls_changes(kept: Kept) {
        let (fruit, veggie) = (create_sub_agent("fruit_agent"), create_sub_agent("veggie_agent"));
        let config = Config::thread("t");
        let graph = kept.compile(supervisor(vec![fruit.clone(), veggie.clone()]));
        graph.invoke(json!({"ask": "1"}), &config).await.unwrap();
        let graph = kept.compile(supervisor(vec![veggie.clone(), fruit.clone()]));
        let out = graph.invoke(json!({"ask": "2"}), &config).await.unwrap();
        assert_eq!(out["answers"], json!([["veggie_agent on 2"], ["fruit_agent on 2"]]));
        let graph = kept.compile(supervisor(vec![fruit, veggie]));
        let out = graph.invoke(json!({"ask": "3"}), &config).await.unwrap();
        let expected = json!([
            ["fruit_agent on 1", "fruit_agent on 3"],
            ["veggie_agent on 1", "veggie_agent on 3"],
        ]);
        assert_eq!(out["answers"], expected);
    }

    async fn stateful_subgraphs_added_as_nodes_need_no_wrapper(kept: Kept) {
        let graph = kept.compile(
            StateGraph::new()
                .add_channel("ask", Channel::any())
                .add_channel("messages", Channel::append())
                .add_node("fruit", agent("fruit", true))
                .add_node("veggie", agent("veggie", true))
                .add_edge(START, "fruit")
                .add_edge(START, "veggie"),
        );
        let config = Config::thread("t");
        graph.invoke(json!({"ask": "1"}), &config).await.unwrap();
        graph.invoke(json!({"ask": "2"}), &config).await.unwrap();
        for name in ["fruit", "veggie"] {
            let child = graph.get_state(&config.clone().in_namespace(name)).await.unwrap();
            let messages = child.values["messages"].as_array().unwrap();
            let own = messages.iter().filter(|m| m.as_str().unwrap().starts_with(name));
            assert!(own.count() >= 2, "{messages:?}");
        }
    }

    async fn by_default_one_subgraph_runs_in_parallel_with_itself(kept: Kept) {
        let worker = StateGraph::new()
            .add_channel("item", Channel::last())
            .add_channel("done", Channel::append())
            .add_node("ask", |s: State, rt: Runtime| async move {
                let answer = rt.interrupt(s["item"].clone())?;
                Ok::<_, NodeError>(json!({"done": [answer]}))
            })
            .add_edge(START, "ask")
            .compile()
            .unwrap();
        let graph = kept.compile(
            StateGraph::new()
                .add_channel("done", Channel::append())
                .add_node("worker", worker)
                .add_conditional_edges(START, |_: State| {
                    let send = |item: &str| graph::Send::new("worker", json!({"item": item}));
                    vec![send("a"), send("b")]
                }),
        );
        let config = Config::thread("t");
        let out = graph.invoke(json!({}), &config).await.unwrap();
        let answers = out.interrupts.iter().map(|i| {
            (i.id.clone(), format!("{} answered", i.value.as_str().unwrap()))
        });
        let out = graph.invoke(Command::resume_by_id(answers), &config).await.unwrap();
        assert_eq!(out["done"], json!(["a answered", "b answered"]));
    }

    async fn one_stateful_subgraph_called_in_parallel_needs_a_key_per_call(kept: Kept) {
        let one = agent("agent", true);
        let graph = kept.compile(supervisor(vec![one.clone(), one.clone()]));
        let error = graph.invoke(json!({"ask": "0"}), &Config::thread("u")).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::SubgraphBusy, "{error}");

        let graph = kept.compile(
            StateGraph::new()
                .add_channel("ask", Channel::last())
                .add_channel("answers", Channel::last())
                .add_node("tools", move |s: State, rt: Runtime| {
                    let one = one.clone();
                    async move {
                        let (a, b) = tokio::try_join!(
                            rt.call_keyed("a", &one, json!({"ask": s["ask"]})),
                            rt.call_keyed("b", &one, json!({"ask": s["ask"]})),
                        )?;
                        Ok::<_, NodeError>(json!({"answers": [a["messages"], b["messages"]]}))
                    }
                })
                .add_edge(START, "tools"),
        );
        let config = Config::thread("t");
        graph.invoke(json!({"ask": "1"}), &config).await.unwrap();
        let out = graph.invoke(json!({"ask": "2"}), &config).await.unwrap();
        let memory = json!(["agent on 1", "agent on 2"]);
        assert_eq!(out["answers"], json!([memory, memory]));
    }
}

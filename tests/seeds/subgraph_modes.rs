//! The three ways in which a subgraph remembers: not at all, within one call, from call to call.

use serde_json::{Value, json};
use stepwell::graph::{
    Channel, Command, CompiledGraph, Config, END, HistoryQuery, NodeError, Runtime, START, State,
    StateGraph, StateSnapshot, TaskState,
};

use crate::kept::{Count, Kept, counted, on_each_backend, writes};

/// How a subgraph is compiled: `None` without a word about its checkpointer.
type Mode = Option<bool>;
const WITHOUT: Mode = Some(false);
const DEFAULT: Mode = None;
const STATEFUL: Mode = Some(true);

fn in_mode(graph: StateGraph, mode: Mode) -> CompiledGraph {
    let graph = match mode {
        Some(own_memory) => graph.with_checkpointer(own_memory),
        None => graph,
    };
    graph.compile().unwrap()
}

/// A subgraph that works, then asks.
fn asking(mode: Mode, worked: &Count) -> CompiledGraph {
    let graph = StateGraph::new()
        .add_channel("notes", Channel::append())
        .add_node("work", counted(json!({"notes": ["worked"]}), worked, 0))
        .add_node("ask", |_: State, rt: Runtime| async move {
            let answer = rt.interrupt("approve?")?;
            Ok::<_, NodeError>(json!({"notes": [answer]}))
        })
        .add_edge(START, "work")
        .add_edge("work", "ask")
        .add_edge("ask", END);
    in_mode(graph, mode)
}

fn parent_of(child: CompiledGraph) -> StateGraph {
    StateGraph::new()
        .add_channel("notes", Channel::last())
        .add_node("child", child)
        .add_edge(START, "child")
        .add_edge("child", END)
}

/// A subgraph that gathers what it was ever given.
fn gathering(mode: Mode, prefix: &'static str) -> CompiledGraph {
    let graph = StateGraph::new()
        .add_channel("x", Channel::last())
        .add_channel("seen", Channel::append())
        .add_node("see", move |s: State| async move {
            json!({"seen": [format!("{prefix}{}", s["x"].as_str().unwrap_or_default())]})
        })
        .add_edge(START, "see")
        .add_edge("see", END);
    in_mode(graph, mode)
}

/// A graph whose only node calls each of `children` in turn.
fn calling(children: Vec<CompiledGraph>) -> StateGraph {
    StateGraph::new()
        .add_channel("x", Channel::last())
        .add_channel("out", Channel::last())
        .add_node("call", move |s: State, rt: Runtime| {
            let children = children.clone();
            async move {
                let mut out = Vec::new();
                for child in &children {
                    let seen = rt.call(child, json!({"x": s["x"]})).await?;
                    out.push(seen["seen"].clone());
                }
                Ok::<_, NodeError>(json!({"out": out}))
            }
        })
        .add_edge(START, "call")
        .add_edge("call", END)
}

/// What two runs on one thread put out.
async fn two_runs(kept: &Kept, graph: StateGraph) -> [Value; 2] {
    let graph = kept.compile(graph);
    let config = Config::thread("t");
    let first = graph.invoke(json!({"x": "1"}), &config).await.unwrap();
    let second = graph.invoke(json!({"x": "2"}), &config).await.unwrap();
    [first["out"].clone(), second["out"].clone()]
}

/// Interrupts inside the subgraph, answered: how often its first node ran.
async fn runs_of_work_with_an_interrupt(kept: Kept, mode: Mode) -> usize {
    let worked = Count::default();
    let config = Config::thread("t");
    let graph = kept.compile(parent_of(asking(mode, &worked)));
    let out = graph.invoke(json!({}), &config).await.unwrap();
    assert_eq!(out.interrupts[0].value, "approve?");
    drop(graph);
    let kept = kept.restarted();
    let graph = kept.compile(parent_of(asking(mode, &worked)));
    let out = graph.invoke(Command::resume("yes"), &config).await.unwrap();
    assert_eq!(out["notes"], json!(["worked", "yes"]));
    worked.get()
}

async fn memory_over_two_runs(kept: &Kept, mode: Mode) -> [Value; 2] {
    two_runs(kept, calling(vec![gathering(mode, "")])).await
}

/// The subgraph's state while it waits, and after the run.
async fn inspected(kept: &Kept, mode: Mode) -> (Option<StateSnapshot>, usize) {
    let graph = kept.compile(parent_of(asking(mode, &Count::default())));
    let config = Config::thread("t");
    graph.invoke(json!({}), &config).await.unwrap();
    let state = graph.get_state_with_subgraphs(&config).await.unwrap();
    let during = match &state.tasks[0].state {
        Some(TaskState::Snapshot(state)) => Some((**state).clone()),
        Some(TaskState::Config(_)) => panic!("the state was asked for"),
        None => None,
    };
    graph.invoke(Command::resume("yes"), &config).await.unwrap();
    let child = config.in_namespace("child");
    let after = graph.get_state_history(&child, HistoryQuery::default());
    (during, after.collect().await.unwrap().len())
}

on_each_backend! {
    async fn without_a_checkpointer_an_interrupt_makes_the_subgraph_start_over(kept: Kept) {
        assert_eq!(runs_of_work_with_an_interrupt(kept, WITHOUT).await, 2);
    }

    async fn by_default_an_interrupted_subgraph_goes_on_inside(kept: Kept) {
        assert_eq!(runs_of_work_with_an_interrupt(kept, DEFAULT).await, 1);
    }

    async fn a_stateful_subgraph_that_was_interrupted_goes_on_inside(kept: Kept) {
        assert_eq!(runs_of_work_with_an_interrupt(kept, STATEFUL).await, 1);
    }

    async fn without_a_checkpointer_a_subgraph_forgets_between_runs(kept: Kept) {
        let [first, second] = memory_over_two_runs(&kept, WITHOUT).await;
        assert_eq!([first, second], [json!([["1"]]), json!([["2"]])]);
    }

    async fn by_default_a_subgraph_forgets_between_runs(kept: Kept) {
        let [first, second] = memory_over_two_runs(&kept, DEFAULT).await;
        assert_eq!([first, second], [json!([["1"]]), json!([["2"]])]);
    }

    async fn a_stateful_subgraph_remembers_from_run_to_run(kept: Kept) {
        let [first, second] = memory_over_two_runs(&kept, STATEFUL).await;
        assert_eq!([first, second], [json!([["1"]]), json!([["1", "2"]])]);
    }

    async fn a_stateful_subgraph_remembers_per_thread(kept: Kept) {
        let graph = kept.compile(calling(vec![gathering(STATEFUL, "")]));
        for thread in ["a", "b"] {
            let out = graph.invoke(json!({"x": thread}), &Config::thread(thread)).await.unwrap();
            assert_eq!(out["out"], json!([[thread]]));
        }
    }

    async fn without_a_checkpointer_different_subgraphs_can_be_called(kept: Kept) {
        let children = vec![gathering(WITHOUT, "f"), gathering(WITHOUT, "v")];
        let [_, second] = two_runs(&kept, calling(children)).await;
        assert_eq!(second, json!([["f2"], ["v2"]]));
    }

    async fn by_default_different_subgraphs_can_be_called(kept: Kept) {
        let children = vec![gathering(DEFAULT, "f"), gathering(DEFAULT, "v")];
        let [_, second] = two_runs(&kept, calling(children)).await;
        assert_eq!(second, json!([["f2"], ["v2"]]));
    }

    async fn different_stateful_subgraphs_are_told_apart_by_the_order_of_calls(kept: Kept) {
        let children = vec![gathering(STATEFUL, "f"), gathering(STATEFUL, "v")];
        let [_, second] = two_runs(&kept, calling(children)).await;
        assert_eq!(second, json!([["f1", "f2"], ["v1", "v2"]]));
    }

    async fn stateful_subgraphs_that_are_called_in_another_order_swap_memories(kept: Kept) {
        let (fruit, veggie) = (gathering(STATEFUL, "f"), gathering(STATEFUL, "v"));
        let config = Config::thread("t");
        let graph = kept.compile(calling(vec![fruit.clone(), veggie.clone()]));
        graph.invoke(json!({"x": "1"}), &config).await.unwrap();
        let graph = kept.compile(calling(vec![veggie, fruit]));
        let out = graph.invoke(json!({"x": "2"}), &config).await.unwrap();
        assert_eq!(out["out"], json!([["f1", "v2"], ["v1", "f2"]]));
    }

    async fn without_a_checkpointer_one_subgraph_can_be_called_twice(kept: Kept) {
        let child = gathering(WITHOUT, "");
        let [_, second] = two_runs(&kept, calling(vec![child.clone(), child])).await;
        assert_eq!(second, json!([["2"], ["2"]]));
    }

    async fn by_default_one_subgraph_can_be_called_twice(kept: Kept) {
        let child = gathering(DEFAULT, "");
        let [_, second] = two_runs(&kept, calling(vec![child.clone(), child])).await;
        assert_eq!(second, json!([["2"], ["2"]]));
    }

    async fn a_stateful_subgraph_that_is_called_twice_has_a_memory_per_call(kept: Kept) {
        let child = gathering(STATEFUL, "");
        let [_, second] = two_runs(&kept, calling(vec![child.clone(), child])).await;
        assert_eq!(second, json!([["1", "2"], ["1", "2"]]));
    }

    async fn without_a_checkpointer_there_is_no_subgraph_state_to_inspect(kept: Kept) {
        let (during, after) = inspected(&kept, WITHOUT).await;
        assert!(during.is_none());
        assert_eq!(after, 0);
        let namespaces = kept.checkpoints("t").await.into_iter().map(|c| c.namespace);
        assert!(namespaces.into_iter().all(|ns| ns.is_empty()));
    }

    async fn by_default_the_state_can_be_inspected_during_the_current_call(kept: Kept) {
        let (during, after) = inspected(&kept, DEFAULT).await;
        let during = during.unwrap();
        assert_eq!(during.values["notes"], json!(["worked"]));
        assert_eq!(during.next, ["ask"]);
        assert_eq!(after, 0);
    }

    async fn the_state_of_a_stateful_subgraph_can_be_inspected_at_any_time(kept: Kept) {
        let (during, after) = inspected(&kept, STATEFUL).await;
        assert_eq!(during.unwrap().next, ["ask"]);
        assert_eq!(after, 4);
    }
}

#[tokio::test]
async fn own_memory_is_for_subgraphs_only() {
    let graph = StateGraph::new()
        .add_channel("x", Channel::last())
        .add_node("n", writes(json!({"x": 1})))
        .add_edge(START, "n")
        .with_checkpointer(true)
        .compile()
        .unwrap();
    let error = graph
        .invoke(json!({}), &Config::thread("t"))
        .await
        .unwrap_err();
    assert_eq!(error.kind().as_str(), "invalid_config");
}

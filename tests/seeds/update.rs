//! Changing the state of a thread by hand.

use serde_json::json;
use stepwell::graph::{
    Channel, Command, Config, END, Input, Runtime, START, State, StateGraph, overwrite,
};

use crate::kept::{Kept, on_each_backend, writes};

fn list() -> StateGraph {
    StateGraph::new()
        .add_channel("items", Channel::append())
        .add_node("pass", writes(json!({})))
        .add_edge(START, "pass")
        .add_edge("pass", END)
}

on_each_backend! {
    async fn an_update_before_the_resume_is_what_the_next_node_sees(kept: Kept) {
        let graph = kept.compile(
            StateGraph::new()
                .add_channel("data", Channel::last())
                .add_channel("report", Channel::last())
                .add_node("fetch", writes(json!({"data": "fetched"})))
                .add_node("report", |s: State| async move {
                    json!({"report": format!("based on {}", s["data"].as_str().unwrap())})
                })
                .add_edge(START, "fetch")
                .add_edge("fetch", "report")
                .add_edge("report", END)
                .interrupt_before(["report"]),
        );
        let config = Config::thread("session-1");
        graph.invoke(json!({"data": "none"}), &config).await.unwrap();
        assert_eq!(graph.get_state(&config).await.unwrap().next, ["report"]);
        let update = json!({"data": "manually_updated"});
        graph.update_state(&config, update, None).await.unwrap();
        let out = graph.invoke(Input::Continue, &config).await.unwrap();
        assert_eq!(out["report"], "based on manually_updated");
    }

    async fn an_update_goes_through_the_reducer(kept: Kept) {
        let graph = kept.compile(list());
        let config = Config::thread("t");
        graph.invoke(json!({"items": ["A", "B"]}), &config).await.unwrap();
        graph.update_state(&config, json!({"items": ["C"]}), None).await.unwrap();
        let state = graph.get_state(&config).await.unwrap();
        assert_eq!(state.values["items"], json!(["A", "B", "C"]));
    }

    async fn an_overwrite_replaces_what_the_reducer_has_gathered(kept: Kept) {
        let graph = kept.compile(list());
        let config = Config::thread("t");
        graph.invoke(json!({"items": ["A", "B"]}), &config).await.unwrap();
        let update = json!({"items": overwrite(json!(["C"]))});
        graph.update_state(&config, update, None).await.unwrap();
        let state = graph.get_state(&config).await.unwrap();
        assert_eq!(state.values["items"], json!(["C"]));
    }

    async fn a_correction_is_part_of_what_the_next_run_continues_from(kept: Kept) {
        let answer = json!({"messages": [{"role": "assistant", "content": "ok"}]});
        let graph = kept.compile(
            StateGraph::new()
                .add_channel("messages", Channel::messages())
                .add_node("bot", writes(answer))
                .add_edge(START, "bot")
                .add_edge("bot", END),
        );
        let config = Config::thread("t");
        let said = |text: &str| json!({"messages": [{"role": "user", "content": text}]});
        graph.invoke(said("hi"), &config).await.unwrap();
        let sorry = json!({"role": "assistant", "content": "sorry, I made a mistake"});
        graph.update_state(&config, json!({"messages": [sorry]}), None).await.unwrap();
        let out = graph.invoke(said("never mind"), &config).await.unwrap();
        let messages = out["messages"].as_array().unwrap().iter();
        let contents: Vec<_> = messages.map(|m| m["content"].as_str().unwrap()).collect();
        let mistake = "sorry, I made a mistake";
        assert_eq!(contents, ["hi", "ok", mistake, "never mind", "ok"]);
    }

    async fn an_update_can_stand_for_a_node(kept: Kept) {
        let graph = kept.compile(
            StateGraph::new()
                .add_channel("log", Channel::append())
                .add_node("a", writes(json!({"log": ["a"]})))
                .add_node("b", writes(json!({"log": ["b"]})))
                .add_edge(START, "a")
                .add_edge("a", "b")
                .add_edge("b", END),
        );
        let config = Config::thread("t");
        graph.update_state(&config, json!({"log": ["by hand"]}), Some("a")).await.unwrap();
        let out = graph.invoke(Input::Continue, &config).await.unwrap();
        assert_eq!(out["log"], json!(["by hand", "b"]));
    }

    async fn a_human_answers_a_question_of_a_node_after_a_restart(kept: Kept) {
        let build = || {
            StateGraph::new()
                .add_channel("decision", Channel::last())
                .add_node("ask", |_: State, rt: Runtime| async move {
                    let answer = rt.interrupt("approve?")?;
                    Ok::<_, stepwell::graph::NodeError>(json!({"decision": answer}))
                })
                .add_edge(START, "ask")
                .add_edge("ask", END)
        };
        let config = Config::thread("t");
        let graph = kept.compile(build());
        let out = graph.invoke(json!({}), &config).await.unwrap();
        assert!(out.is_interrupted());
        assert_eq!(out.interrupts[0].value, "approve?");
        drop(graph);
        let kept = kept.restarted();
        let graph = kept.compile(build());
        let out = graph.invoke(Command::resume("yes"), &config).await.unwrap();
        assert!(!out.is_interrupted());
        assert_eq!(out["decision"], "yes");
    }
}

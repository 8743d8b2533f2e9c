//! Time travel: browsing the history of a thread, replaying from it, forking it.

use serde_json::{Value, json};
use stepwell::graph::{Channel, Config, END, HistoryQuery, Input, START, StateGraph};

use crate::kept::{Count, Kept, counted, history, len, on_each_backend, writes};

/// Two nodes that each add a message.
fn two_steps(first: &Count, second: &Count) -> StateGraph {
    StateGraph::new()
        .add_channel("messages", Channel::append())
        .add_node("draft", counted(json!({"messages": ["draft"]}), first, 0))
        .add_node(
            "polish",
            counted(json!({"messages": ["polished"]}), second, 0),
        )
        .add_edge(START, "draft")
        .add_edge("draft", "polish")
        .add_edge("polish", END)
}

fn chat() -> StateGraph {
    StateGraph::new()
        .add_channel("messages", Channel::append())
        .add_node("respond", writes(json!({"messages": ["hi"]})))
        .add_edge(START, "respond")
        .add_edge("respond", END)
}

on_each_backend! {
    async fn history_is_newest_first_and_each_entry_says_its_step(kept: Kept) {
        let graph = kept.compile(two_steps(&Count::default(), &Count::default()));
        let config = Config::thread("session-1");
        graph.invoke(json!({"messages": ["start"]}), &config).await.unwrap();
        let shown: Vec<(Option<i64>, Value)> = history(&graph, &config)
            .await
            .into_iter()
            .map(|s| {
                let last = s.values["messages"].as_array().and_then(|m| m.last().cloned());
                (s.metadata.unwrap().step, last.unwrap_or_default())
            })
            .collect();
        assert_eq!(
            shown,
            [
                (Some(2), json!("polished")),
                (Some(1), json!("draft")),
                (Some(0), json!("start")),
                (Some(-1), Value::Null),
            ]
        );
    }

    async fn the_conversation_path_can_be_audited(kept: Kept) {
        let graph = kept.compile(two_steps(&Count::default(), &Count::default()));
        let config = Config::thread("t");
        graph.invoke(json!({"messages": ["start"]}), &config).await.unwrap();
        let states = history(&graph, &config).await;
        for (newer, older) in states.iter().zip(&states[1..]) {
            assert_eq!(newer.parent_config.as_ref(), Some(&older.config));
            assert!(newer.created_at > older.created_at);
        }
        assert_eq!(states[2].next, ["draft"]);
        assert_eq!(states[2].tasks[0].result, Some(json!({"messages": ["draft"]})));
    }

    async fn history_can_be_read_lazily(kept: Kept) {
        let graph = kept.compile(two_steps(&Count::default(), &Count::default()));
        let config = Config::thread("t");
        graph.invoke(json!({"messages": ["start"]}), &config).await.unwrap();
        let mut states = graph.get_state_history(&config, HistoryQuery::default());
        let newest = states.next().await.unwrap().unwrap();
        assert_eq!(newest.metadata.unwrap().step, Some(2));
        assert_eq!(states.collect().await.unwrap().len(), 3);
    }

    async fn a_history_that_is_consumed_after_a_later_run_does_not_show_that_run(kept: Kept) {
        let graph = kept.compile(chat());
        let config = Config::thread("t");
        graph.invoke(json!({"messages": ["one"]}), &config).await.unwrap();
        let mut states = graph.get_state_history(&config, HistoryQuery::default());
        let newest = states.next().await.unwrap().unwrap();
        graph.invoke(json!({"messages": ["two"]}), &config).await.unwrap();
        let rest = states.collect().await.unwrap();
        assert_eq!(len(&newest.values["messages"]), 2);
        let steps: Vec<_> = rest.iter().map(|s| s.metadata.as_ref().unwrap().step).collect();
        assert_eq!(steps, [Some(0), Some(-1)]);
        assert_eq!(history(&graph, &config).await.len(), 6);
    }

    async fn history_is_filtered_limited_and_cut(kept: Kept) {
        let graph = kept.compile(chat());
        let config = Config::thread("t");
        for said in ["one", "two"] {
            graph.invoke(json!({"messages": [said]}), &config).await.unwrap();
        }
        let all = history(&graph, &config).await;
        let inputs = HistoryQuery::default().filter("source", "input");
        let inputs = graph.get_state_history(&config, inputs).collect().await.unwrap();
        assert_eq!(inputs.len(), 2);
        let before = HistoryQuery::default().before(&all[1].config).limit(2);
        let before = graph.get_state_history(&config, before).collect().await.unwrap();
        assert_eq!(before, all[2..4]);
    }

    async fn null_input_at_a_past_checkpoint_replays_what_came_after(kept: Kept) {
        let (first, second) = (Count::default(), Count::default());
        let graph = kept.compile(two_steps(&first, &second));
        let config = Config::thread("session-1");
        let original = graph.invoke(json!({"messages": ["start"]}), &config).await.unwrap();
        let states = history(&graph, &config).await;
        let past = &states[states.len() - 2];
        let replayed = graph.invoke(Input::Continue, &past.config).await.unwrap();
        assert_eq!(replayed.values, original.values);
        assert_eq!((first.get(), second.get()), (2, 2));
    }

    async fn replay_runs_only_what_came_after_the_checkpoint(kept: Kept) {
        let (first, second) = (Count::default(), Count::default());
        let graph = kept.compile(two_steps(&first, &second));
        let config = Config::thread("t");
        graph.invoke(json!({"messages": ["start"]}), &config).await.unwrap();
        let target = history(&graph, &config).await.swap_remove(1);
        assert_eq!(target.next, ["polish"]);
        let out = graph.replay(&target.config).await.unwrap();
        assert_eq!(out["messages"], json!(["start", "draft", "polished"]));
        assert_eq!((first.get(), second.get()), (1, 2));
    }

    async fn a_replay_leaves_the_old_branch_as_it_was(kept: Kept) {
        let graph = kept.compile(chat());
        let config = Config::thread("t");
        graph.invoke(json!({"messages": ["start"]}), &config).await.unwrap();
        let before = history(&graph, &config).await;
        graph.replay(&before[1].config).await.unwrap();
        let after = history(&graph, &config).await;
        assert!(after.len() > before.len());
        assert_eq!(after[after.len() - before.len()..], before);
    }

    async fn a_fork_edits_a_past_state_and_resumes_from_it(kept: Kept) {
        let graph = kept.compile(two_steps(&Count::default(), &Count::default()));
        let config = Config::thread("session-1");
        graph.invoke(json!({"messages": ["start"]}), &config).await.unwrap();
        let states = history(&graph, &config).await;
        let past = &states[states.len() - 2];
        let edit = json!({"messages": ["edited"]});
        let fork = graph.update_state(&past.config, edit, None).await.unwrap();
        let forked = graph.invoke(Input::Continue, &fork).await.unwrap();
        assert_eq!(forked["messages"], json!(["start", "edited", "draft", "polished"]));
        let original = graph.get_state(&states[0].config).await.unwrap();
        assert_eq!(original.values["messages"], json!(["start", "draft", "polished"]));
        let latest = graph.get_state(&config).await.unwrap();
        assert_eq!(latest.values, forked.values);
    }

    async fn going_back_undoes_a_turn(kept: Kept) {
        let graph = kept.compile(chat());
        let config = Config::thread("t");
        graph.invoke(json!({"messages": ["keep"]}), &config).await.unwrap();
        let good = graph.get_state(&config).await.unwrap().config;
        graph.invoke(json!({"messages": ["regret"]}), &config).await.unwrap();
        let out = graph.invoke(json!({"messages": ["instead"]}), &good).await.unwrap();
        assert_eq!(out["messages"], json!(["keep", "hi", "instead", "hi"]));
    }
}

//! An answer that is given without saying to which question: which one it answers, whatever becomes of the run.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use stepwell::checkpoint::Checkpointer;
use stepwell::graph::{
    Channel, Command, CompiledGraph, Config, Durability, Input, NodeError, NodeResult, RunOutput,
    Runtime, START, State, StateGraph, StopSignal, TaskState, WhenBusy,
};

use crate::gate::{Gate, savers};
use crate::status::agree;

/// What happens to the run that was given the first answer.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Ending {
    AsksNext,
    IsCutOff,
    RunsOutOfTime,
    Fails,
    IsStopped,
}

/// Comes to pass once, before or after the first question.
#[derive(Clone)]
struct Mishap {
    ending: Ending,
    due: Arc<AtomicBool>,
    gate: Gate,
    signal: StopSignal,
}

impl Mishap {
    fn new(ending: Ending) -> Self {
        Self {
            ending,
            due: Arc::new(AtomicBool::new(false)),
            gate: Gate::new(),
            signal: StopSignal::new(),
        }
    }

    async fn happen(&self) -> Result<(), NodeError> {
        if !self.due.swap(false, Ordering::SeqCst) {
            return Ok(());
        }
        match self.ending {
            Ending::AsksNext => Ok(()),
            Ending::IsCutOff | Ending::RunsOutOfTime => {
                self.gate.pass().await;
                Ok(())
            }
            Ending::Fails => Err(NodeError::msg("no luck")),
            Ending::IsStopped => {
                self.signal.stop();
                Ok(())
            }
        }
    }

    /// Gives the answer, and sees the run end so.
    async fn answered(&self, graph: &CompiledGraph, answer: Command, config: &Config) {
        self.due.store(true, Ordering::SeqCst);
        match self.ending {
            Ending::AsksNext => assert_eq!(asked(&graph.invoke(answer, config).await), ["second"]),
            Ending::IsCutOff => {
                let (graph, config) = (graph.clone(), config.clone());
                let run = tokio::spawn(async move { graph.invoke(answer, &config).await });
                self.gate.begun().await;
                run.abort();
                assert!(run.await.unwrap_err().is_cancelled());
            }
            Ending::RunsOutOfTime => {
                let short = config.clone().run_timeout(Duration::from_millis(1));
                graph.invoke(answer, &short).await.unwrap_err();
            }
            Ending::Fails => drop(graph.invoke(answer, config).await.unwrap_err()),
            Ending::IsStopped => {
                let stopped = config.clone().stop_signal(&self.signal);
                graph.invoke(answer, &stopped).await.unwrap_err();
            }
        }
    }
}

fn asked<E: std::fmt::Debug>(outcome: &Result<RunOutput, E>) -> Vec<Value> {
    let out = outcome.as_ref().unwrap();
    out.interrupts.iter().map(|q| q.value.clone()).collect()
}

fn channels() -> StateGraph {
    StateGraph::new().add_channel("log", Channel::append())
}

/// Asks two questions in one node, and fails in between if it is to.
fn in_one_node(mishap: &Mishap) -> StateGraph {
    let mishap = mishap.clone();
    channels()
        .add_node("asks", move |_: State, rt: Runtime| {
            let mishap = mishap.clone();
            async move {
                let first = rt.interrupt("first")?;
                mishap.happen().await?;
                let second = rt.interrupt("second")?;
                NodeResult::Ok(json!({"log": [first, second]}))
            }
        })
        .add_edge(START, "asks")
}

/// Asks one question in each of two nodes.
fn in_two_nodes(mishap: &Mishap) -> StateGraph {
    let mishap = mishap.clone();
    channels()
        .add_node("one", move |_: State, rt: Runtime| {
            let mishap = mishap.clone();
            async move {
                let first = rt.interrupt("first")?;
                mishap.happen().await?;
                NodeResult::Ok(json!({"log": [first]}))
            }
        })
        .add_node("two", |_: State, rt: Runtime| async move {
            NodeResult::Ok(json!({"log": [rt.interrupt("second")?]}))
        })
        .add_edge(START, "one")
        .add_edge("one", "two")
}

fn around(inner: StateGraph, saver: &Arc<dyn Checkpointer>) -> CompiledGraph {
    channels()
        .add_node("inner", inner.compile().unwrap())
        .add_edge(START, "inner")
        .with_checkpointer(Arc::clone(saver))
        .compile()
        .unwrap()
}

/// The graphs in which the questions are asked.
fn graphs(saver: &Arc<dyn Checkpointer>, mishap: &Mishap) -> Vec<(&'static str, CompiledGraph)> {
    let root = in_one_node(mishap).with_checkpointer(Arc::clone(saver));
    let remembers = in_two_nodes(mishap).with_checkpointer(true);
    vec![
        ("in a node", root.compile().unwrap()),
        (
            "in a node of a subgraph",
            around(in_one_node(mishap), saver),
        ),
        (
            "in two nodes of a subgraph",
            around(in_two_nodes(mishap), saver),
        ),
        ("in a subgraph with a memory", around(remembers, saver)),
    ]
}

#[tokio::test(start_paused = true)]
async fn an_answer_answers_the_question_that_waited_and_no_other() {
    let (savers, _directory) = savers();
    for saver in savers {
        for ending in [
            Ending::AsksNext,
            Ending::IsCutOff,
            Ending::RunsOutOfTime,
            Ending::Fails,
            Ending::IsStopped,
        ] {
            let mishap = Mishap::new(ending);
            for (place, graph) in graphs(&saver, &mishap) {
                if ending == Ending::IsStopped && !place.contains("two nodes") {
                    // The run comes to its end, or to the question, before it looks.
                    continue;
                }
                let name = format!("{ending:?} {place}");
                let config = Config::thread(&name).when_busy(WhenBusy::Wait);
                assert_eq!(asked(&graph.invoke(json!({}), &config).await), ["first"]);
                mishap.answered(&graph, Command::resume("A"), &config).await;
                for _ in 0..2 {
                    let out = graph.invoke(Input::Continue, &config).await;
                    assert_eq!(asked(&out), ["second"], "{name}");
                }
                let out = graph.invoke(Command::resume("B"), &config).await.unwrap();
                assert_eq!(out["log"], json!(["A", "B"]), "{name}");
            }
        }
    }
}

#[tokio::test]
async fn what_is_resumed_after_a_crash_is_given_no_answer_twice() {
    let (savers, _directory) = savers();
    for saver in savers {
        let mishap = Mishap::new(Ending::IsCutOff);
        for (place, graph) in graphs(&saver, &mishap) {
            let config = Config::thread(place);
            graph.invoke(json!({}), &config).await.unwrap();
            mishap.answered(&graph, Command::resume("A"), &config).await;
            // What is left of the aborted run gives its thread back.
            while graph.unfinished().await.unwrap().is_empty() {
                tokio::task::yield_now().await;
            }
            for _ in 0..2 {
                for resumed in graph.resume_all().await.unwrap() {
                    assert_eq!(asked(&resumed.outcome), ["second"], "{place}");
                }
                let out = graph.invoke(Input::Continue, &config).await;
                assert_eq!(asked(&out), ["second"], "{place}");
            }
        }
    }
}

/// With or without the id of the question.
fn answer(by_id: bool, out: &RunOutput, answer: &str) -> Command {
    match out.interrupts.first().filter(|_| by_id) {
        Some(asked) => Command::resume_by_id([(asked.id.clone(), answer)]),
        None => Command::resume(answer),
    }
}

/// Graphs with a node, in the graph or below it, that may fail before it asks.
fn graphs_that_fail_early(
    saver: &Arc<dyn Checkpointer>,
    mishap: &Mishap,
) -> Vec<(&'static str, CompiledGraph)> {
    let asks = || {
        let mishap = mishap.clone();
        let node = move |_: State, rt: Runtime| {
            let mishap = mishap.clone();
            async move {
                mishap.happen().await?;
                NodeResult::Ok(json!({"log": [rt.interrupt("first")?]}))
            }
        };
        channels().add_node("asks", node).add_edge(START, "asks")
    };
    let root = asks().with_checkpointer(Arc::clone(saver));
    vec![
        ("in a node", root.compile().unwrap()),
        ("in a subgraph", around(asks(), saver)),
        (
            "in a subgraph that saves nothing",
            around(asks().with_checkpointer(false), saver),
        ),
    ]
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_was_not_used_yet_still_holds() {
    let (savers, _directory) = savers();
    for saver in savers {
        for ending in [Ending::IsCutOff, Ending::RunsOutOfTime, Ending::Fails] {
            for by_id in [false, true] {
                let mishap = Mishap::new(ending);
                for (place, graph) in graphs_that_fail_early(&saver, &mishap) {
                    let name = format!("{ending:?} {by_id} {place}");
                    let config = Config::thread(&name).when_busy(WhenBusy::Wait);
                    let out = graph.invoke(json!({}), &config).await.unwrap();
                    let answer = answer(by_id, &out, "A");
                    mishap.answered(&graph, answer, &config).await;
                    if ending == Ending::Fails {
                        // As often as it takes.
                        let again = Command::new().update(json!({"log": []}));
                        mishap.answered(&graph, again, &config).await;
                    }
                    let out = graph.invoke(Input::Continue, &config).await.unwrap();
                    assert_eq!(out["log"], json!(["A"]), "{name}");
                }
            }
        }
    }
}

#[tokio::test]
async fn a_new_answer_takes_the_place_of_one_that_was_not_used() {
    let (savers, _directory) = savers();
    for saver in savers {
        let mishap = Mishap::new(Ending::Fails);
        for (by_id, again_by_id) in [(false, false), (false, true), (true, false), (true, true)] {
            for (place, graph) in graphs_that_fail_early(&saver, &mishap) {
                let name = format!("{by_id} {again_by_id} {place}");
                let config = Config::thread(&name);
                let out = graph.invoke(json!({}), &config).await.unwrap();
                let first = answer(by_id, &out, "A");
                mishap.answered(&graph, first, &config).await;
                let second = answer(again_by_id, &out, "B");
                let out = graph.invoke(second, &config).await.unwrap();
                assert_eq!(out["log"], json!(["B"]), "{name}");
            }
        }
    }
}

#[tokio::test]
async fn answers_by_id_that_were_not_used_yet_hold_beside_those_that_follow() {
    let (savers, _directory) = savers();
    for saver in savers {
        let mishap = Mishap::new(Ending::Fails);
        let once = mishap.clone();
        let graph = channels()
            .add_node("one", move |_: State, rt: Runtime| {
                let mishap = once.clone();
                async move {
                    mishap.happen().await?;
                    NodeResult::Ok(json!({"log": [rt.interrupt("first")?]}))
                }
            })
            .add_node("two", |_: State, rt: Runtime| async move {
                NodeResult::Ok(json!({"log": [rt.interrupt("second")?]}))
            })
            .add_edge(START, "one")
            .add_edge(START, "two")
            .with_checkpointer(saver)
            .compile()
            .unwrap();
        let config = Config::thread("t");
        let out = graph.invoke(json!({}), &config).await.unwrap();
        let [first, second] = [0, 1].map(|place: usize| out.interrupts[place].id.clone());
        let command = Command::resume_by_id([(first, "A")]);
        mishap.answered(&graph, command, &config).await;
        let command = Command::resume_by_id([(second, "B")]);
        let out = graph.invoke(command, &config).await.unwrap();
        assert_eq!(out["log"], json!(["A", "B"]));
    }
}

/// Graphs with a breakpoint that a node comes to when its question has been answered.
fn graphs_that_stop_below(
    saver: &Arc<dyn Checkpointer>,
    mishap: &Mishap,
) -> Vec<(&'static str, CompiledGraph)> {
    let stops = || {
        channels()
            .add_node("said", |_: State| async { json!({"log": ["said"]}) })
            .interrupt_before(["said"])
    };
    let below = stops().add_edge(START, "said").compile().unwrap();
    let once = mishap.clone();
    let calls = channels()
        .add_node("asks", move |_: State, rt: Runtime| {
            let (mishap, below) = (once.clone(), below.clone());
            async move {
                let first = rt.interrupt("first")?;
                mishap.happen().await?;
                rt.call(&below, json!({})).await?;
                NodeResult::Ok(json!({"log": [first, "said"]}))
            }
        })
        .add_edge(START, "asks")
        .with_checkpointer(Arc::clone(saver));
    let once = mishap.clone();
    let asks = stops()
        .add_node("asks", move |_: State, rt: Runtime| {
            let mishap = once.clone();
            async move {
                let first = rt.interrupt("first")?;
                mishap.happen().await?;
                NodeResult::Ok(json!({"log": [first]}))
            }
        })
        .add_edge(START, "asks")
        .add_edge("asks", "said");
    vec![
        ("that it calls", calls.compile().unwrap()),
        ("that is around it", around(asks, saver)),
    ]
}

#[tokio::test]
async fn a_node_that_was_answered_waits_for_no_answer_at_a_breakpoint_below_it() {
    let (savers, _directory) = savers();
    for saver in savers {
        for (ending, by_id) in [Ending::AsksNext, Ending::Fails]
            .into_iter()
            .flat_map(|ending| [(ending, false), (ending, true)])
        {
            let mishap = Mishap::new(ending);
            for (place, graph) in graphs_that_stop_below(&saver, &mishap) {
                let name = format!("{ending:?} {by_id} {place}");
                let config = Config::thread(&name);
                let out = graph.invoke(json!({}), &config).await.unwrap();
                let mut next = Input::from(answer(by_id, &out, "A"));
                if ending == Ending::Fails {
                    let answer = answer(by_id, &out, "A");
                    mishap.answered(&graph, answer, &config).await;
                    next = Input::Continue;
                }
                let out = graph.invoke(next, &config).await;
                assert_eq!(asked(&out), [""; 0], "{name}");
                let waiting = graph.get_state(&config).await.unwrap().interrupts;
                // What was asked in a subgraph is listed until its node comes to an end, as in LangGraph.
                let is_listed = place == "that is around it" && ending == Ending::AsksNext;
                assert_eq!(!waiting.is_empty(), is_listed, "{name}");
                agree(&graph, &*saver, &name).await.unwrap();
                let out = graph.invoke(Input::Continue, &config).await.unwrap();
                assert_eq!(out["log"], json!(["A", "said"]), "{name}");
            }
        }
    }
}

#[tokio::test]
async fn a_question_that_was_answered_waits_no_more_however_often_what_called_it_fails() {
    let (savers, _directory) = savers();
    for saver in savers {
        for by_id in [false, true] {
            let calm = Mishap::new(Ending::AsksNext);
            let asks = in_one_node(&calm).compile().unwrap();
            let graph = channels()
                .add_node("calls", move |_: State, rt: Runtime| {
                    let asks = asks.clone();
                    async move {
                        rt.call(&asks, json!({})).await?;
                        Err::<Value, _>(NodeError::msg("no luck"))
                    }
                })
                .add_edge(START, "calls")
                .with_checkpointer(Arc::clone(&saver))
                .compile()
                .unwrap();
            let name = by_id.to_string();
            let config = Config::thread(&name);
            let out = graph.invoke(json!({}), &config).await.unwrap();
            let out = graph.invoke(answer(by_id, &out, "A"), &config).await;
            let second = answer(by_id, &out.unwrap(), "B");
            graph.invoke(second, &config).await.unwrap_err();
            for _ in 0..2 {
                let waiting = graph.get_state(&config).await.unwrap().interrupts;
                assert_eq!(waiting, [], "{by_id}");
                agree(&graph, &*saver, &name).await.unwrap();
                graph.invoke(Input::Continue, &config).await.unwrap_err();
            }
        }
    }
}

#[tokio::test]
async fn a_question_of_a_graph_that_saves_nothing_is_answered_with_or_without_its_id() {
    for durability in [Durability::Sync, Durability::Exit] {
        for by_id in [false, true] {
            let (savers, _directory) = savers();
            for saver in savers {
                let calm = Mishap::new(Ending::AsksNext);
                let asks = in_two_nodes(&calm).with_checkpointer(false);
                let call = asks.compile().unwrap();
                let graph = channels()
                    .add_node("calls", move |_: State, rt: Runtime| {
                        let call = call.clone();
                        async move { rt.call_keyed("one", &call, json!({})).await }
                    })
                    .add_edge(START, "calls")
                    .with_checkpointer(saver)
                    .compile()
                    .unwrap();
                let config = Config::thread("t").durability(durability);
                let out = graph.invoke(json!({}), &config).await.unwrap();
                let first = out.interrupts[0].id.clone();
                let answer = match by_id {
                    true => Command::resume_by_id([(first.clone(), "A")]),
                    false => Command::resume("A"),
                };
                let out = graph.invoke(answer, &config).await;
                assert_eq!(asked(&out), ["second"]);
                let second = out.unwrap().interrupts[0].id.clone();
                assert_ne!(second, first);
                let answers = Command::resume_by_id([(first, "A"), (second, "B")]);
                let out = graph.invoke(answers, &config).await.unwrap();
                assert_eq!(out["log"], json!(["A", "B"]));
            }
        }
    }
}

#[tokio::test]
async fn an_answer_reaches_the_question_of_a_subgraph_that_was_edited_and_no_other() {
    let (savers, _directory) = savers();
    for saver in savers {
        let mishap = Mishap::new(Ending::AsksNext);
        let graph = around(in_one_node(&mishap), &saver);
        let config = Config::thread("t");
        graph.invoke(json!({}), &config).await.unwrap();
        let TaskState::Config(inner) = graph.get_state(&config).await.unwrap().tasks[0]
            .state
            .clone()
            .unwrap()
        else {
            panic!("the state was not asked for");
        };
        let edit = json!({"log": ["edited"]});
        graph.update_state(&inner, edit, None).await.unwrap();
        mishap.answered(&graph, Command::resume("A"), &config).await;
        let out = graph.invoke(Input::Continue, &config).await;
        assert_eq!(asked(&out), ["second"]);
        let out = graph.invoke(Command::resume("B"), &config).await.unwrap();
        assert_eq!(out["log"], json!(["edited", "A", "B"]));
    }
}

#[tokio::test]
async fn a_question_that_was_answered_waits_no_more_though_its_node_failed() {
    let (savers, _directory) = savers();
    for saver in savers {
        let mishap = Mishap::new(Ending::Fails);
        for by_id in [false, true] {
            for (place, graph) in graphs(&saver, &mishap) {
                let config = Config::thread(format!("{place} {by_id}"));
                let out = graph.invoke(json!({}), &config).await.unwrap();
                let answer = answer(by_id, &out, "A");
                mishap.answered(&graph, answer, &config).await;
                let waiting = graph.get_state(&config).await.unwrap().interrupts;
                assert_eq!(waiting, [], "{place} {by_id}");
                agree(&graph, &*saver, config.thread_id().unwrap())
                    .await
                    .unwrap();
                let out = graph.invoke(Input::Continue, &config).await;
                assert_eq!(asked(&out), ["second"], "{place} {by_id}");
            }
        }
    }
}

#[tokio::test]
async fn an_answer_by_id_that_went_with_what_failed_is_asked_for_again() {
    let (savers, _directory) = savers();
    for saver in savers {
        let mishap = Mishap::new(Ending::Fails);
        let graph = around(in_one_node(&mishap).with_checkpointer(false), &saver);
        let config = Config::thread("t");
        let out = graph.invoke(json!({}), &config).await.unwrap();
        let answer = || Command::resume_by_id([(out.interrupts[0].id.clone(), "A")]);
        mishap.answered(&graph, answer(), &config).await;
        let waiting = graph.get_state(&config).await.unwrap().interrupts;
        assert_eq!(waiting, out.interrupts);
        let out = graph.invoke(answer(), &config).await;
        assert_eq!(asked(&out), ["second"]);
    }
}

#[tokio::test]
async fn of_questions_of_a_subgraph_one_waits_on_though_another_was_answered_and_failed() {
    let (savers, _directory) = savers();
    for saver in savers {
        let mishap = Mishap::new(Ending::Fails);
        let inner = in_one_node(&mishap)
            .add_node("beside", |_: State, rt: Runtime| async move {
                NodeResult::Ok(json!({"log": [rt.interrupt("beside")?]}))
            })
            .add_edge(START, "beside");
        let graph = around(inner, &saver);
        let config = Config::thread("t");
        let out = graph.invoke(json!({}), &config).await.unwrap();
        let of_asks = out.interrupts.iter().find(|q| q.value == "first").unwrap();
        let answer = Command::resume_by_id([(of_asks.id.clone(), "A")]);
        mishap.answered(&graph, answer, &config).await;
        let waiting = graph.get_state(&config).await.unwrap().interrupts;
        assert_eq!(waiting.len(), 1);
        assert_eq!(waiting[0].value, "beside");
        let out = graph.invoke(Command::resume("C"), &config).await;
        assert_eq!(asked(&out), ["second"]);
        let out = graph.invoke(Command::resume("B"), &config).await.unwrap();
        assert_eq!(out["log"], json!(["A", "B", "C"]));
    }
}

#[tokio::test]
async fn a_question_beside_a_node_that_failed_after_it_was_answered_needs_no_id() {
    let (savers, _directory) = savers();
    for saver in savers {
        let mishap = Mishap::new(Ending::Fails);
        let graph = in_one_node(&mishap)
            .add_node("beside", |_: State, rt: Runtime| async move {
                NodeResult::Ok(json!({"log": [rt.interrupt("beside")?]}))
            })
            .add_edge(START, "beside")
            .with_checkpointer(saver)
            .compile()
            .unwrap();
        let config = Config::thread("t");
        let out = graph.invoke(json!({}), &config).await.unwrap();
        let of_asks = out.interrupts.iter().find(|q| q.value == "first").unwrap();
        let answer = Command::resume_by_id([(of_asks.id.clone(), "A")]);
        mishap.answered(&graph, answer, &config).await;
        let out = graph.invoke(Command::resume("C"), &config).await;
        assert_eq!(asked(&out), ["second"]);
        let out = graph.invoke(Command::resume("B"), &config).await.unwrap();
        assert_eq!(out["log"], json!(["A", "B", "C"]));
    }
}

#[tokio::test]
async fn an_answer_to_no_question_does_not_count_as_one_to_the_question_before() {
    let (savers, _directory) = savers();
    for saver in savers {
        let fails = Mishap::new(Ending::Fails);
        let is_cut_off = Mishap::new(Ending::IsCutOff);
        let (first, second) = (fails.clone(), is_cut_off.clone());
        let graph = channels()
            .add_node("asks", move |_: State, rt: Runtime| {
                let (fails, is_cut_off) = (first.clone(), second.clone());
                async move {
                    let answer = rt.interrupt("first")?;
                    fails.happen().await?;
                    is_cut_off.happen().await?;
                    NodeResult::Ok(json!({"log": [answer, rt.interrupt("second")?]}))
                }
            })
            .add_edge(START, "asks")
            .with_checkpointer(saver)
            .compile()
            .unwrap();
        let config = Config::thread("t").when_busy(WhenBusy::Wait);
        graph.invoke(json!({}), &config).await.unwrap();
        fails.answered(&graph, Command::resume("A"), &config).await;
        is_cut_off
            .answered(&graph, Command::resume("B"), &config)
            .await;
        let out = graph.invoke(Input::Continue, &config).await.unwrap();
        assert_eq!(out["log"], json!(["A", "B"]));
    }
}

#[tokio::test]
async fn a_subgraph_that_is_called_in_another_place_asks_again() {
    for by_id in [false, true] {
        let (savers, _directory) = savers();
        for saver in savers {
            let asks = in_two_nodes(&Mishap::new(Ending::AsksNext)).compile();
            let quiet = channels()
                .add_node("says", |_: State| async { json!({"log": ["said"]}) })
                .add_edge(START, "says");
            let (asks, quiet) = (asks.unwrap(), quiet.compile().unwrap());
            let ran = Arc::new(AtomicBool::new(false));
            let graph = channels()
                .add_node("calls", move |_: State, rt: Runtime| {
                    let (asks, quiet, ran) = (asks.clone(), quiet.clone(), Arc::clone(&ran));
                    async move {
                        if ran.swap(true, Ordering::SeqCst) {
                            rt.call(&quiet, json!({})).await?;
                        }
                        rt.call(&asks, json!({})).await
                    }
                })
                .add_edge(START, "calls")
                .with_checkpointer(saver)
                .compile()
                .unwrap();
            let config = Config::thread("t");
            let answer = |out: &RunOutput, text: &str| match by_id {
                true => Command::resume_by_id([(out.interrupts[0].id.clone(), text)]),
                false => Command::resume(text),
            };
            let out = graph.invoke(json!({}), &config).await.unwrap();
            let lost = answer(&out, "lost");
            let out = graph.invoke(lost, &config).await;
            assert_eq!(asked(&out), ["first"]);
            let out = graph.invoke(answer(&out.unwrap(), "A"), &config).await;
            assert_eq!(asked(&out), ["second"]);
            let out = graph.invoke(answer(&out.unwrap(), "B"), &config).await;
            assert_eq!(out.unwrap()["log"], json!(["A", "B"]));
        }
    }
}

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

#[tokio::test(start_paused = true)]
async fn an_answer_that_was_not_used_yet_still_holds() {
    let (savers, _directory) = savers();
    for saver in savers {
        for ending in [Ending::IsCutOff, Ending::RunsOutOfTime, Ending::Fails] {
            let mishap = Mishap::new(ending);
            let before = mishap.clone();
            let inner = channels()
                .add_node("asks", move |_: State, rt: Runtime| {
                    let mishap = before.clone();
                    async move {
                        mishap.happen().await?;
                        NodeResult::Ok(json!({"log": [rt.interrupt("first")?]}))
                    }
                })
                .add_edge(START, "asks");
            let graph = around(inner, &saver);
            let config = Config::thread(format!("{ending:?}")).when_busy(WhenBusy::Wait);
            graph.invoke(json!({}), &config).await.unwrap();
            mishap.answered(&graph, Command::resume("A"), &config).await;
            let out = graph.invoke(Input::Continue, &config).await.unwrap();
            assert_eq!(out["log"], json!(["A"]), "{ending:?}");
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
                let answer = match by_id {
                    true => Command::resume_by_id([(out.interrupts[0].id.clone(), "A")]),
                    false => Command::resume("A"),
                };
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

//! After a crash: which threads are found cut off, and how they are continued. A crash is a run that is dropped in the
//! middle of a step; what it had in memory is gone.

use std::sync::Arc;

use futures::StreamExt;
use parking_lot::Mutex;
use serde_json::json;
use stepwell::checkpoint::{Checkpointer, MemorySaver, Projection};
use stepwell::db::Db;
use stepwell::graph::{
    Breakpoints, Channel, Command, CompiledGraph, Config, Durability, ErrorKind, Input, NodeError,
    Runtime, START, State, StateGraph, StopSignal, UnfinishedReason,
};

use crate::gate::{Gate, savers};
use crate::status::agree;

pub(crate) type Log = Arc<Mutex<Vec<String>>>;

/// `a`, then `b`, then `c`; each notes that it ran. `b` waits at the gate, asks or fails if the state says so.
fn three(saver: Arc<dyn Checkpointer>, gate: &Gate, log: &Log) -> StateGraph {
    let noting = |name: &'static str| {
        let (log, gate) = (Arc::clone(log), gate.clone());
        move |s: State, rt: Runtime| {
            let (log, gate) = (Arc::clone(&log), gate.clone());
            async move {
                if name == "b" {
                    match s["mode"].as_str() {
                        Some("ask") => {
                            rt.interrupt("go on?")?;
                            gate.pass().await;
                        }
                        Some("fail") => return Err(NodeError::msg("no luck")),
                        Some("gate") => gate.pass().await,
                        _ => {}
                    }
                }
                let thread = rt.thread_id().unwrap_or_default();
                log.lock().push(format!("{thread}:{name}"));
                Ok(json!({"done": [name]}))
            }
        }
    };
    StateGraph::new()
        .add_channel("mode", Channel::last())
        .add_channel("done", Channel::append())
        .add_node("a", noting("a"))
        .add_node("b", noting("b"))
        .add_node("c", noting("c"))
        .add_edge(START, "a")
        .add_edge("a", "b")
        .add_edge("b", "c")
        .with_checkpointer(saver)
}

pub(crate) fn compiled(saver: &Arc<dyn Checkpointer>, gate: &Gate, log: &Log) -> CompiledGraph {
    three(Arc::clone(saver), gate, log).compile().unwrap()
}

/// Runs until the gate is reached, and drops the run.
pub(crate) async fn cut_off(
    graph: &CompiledGraph,
    input: impl Into<Input>,
    config: &Config,
    gate: &Gate,
) {
    let (graph, input, config) = (graph.clone(), input.into(), config.clone());
    let run = tokio::spawn(async move { graph.invoke(input, &config).await });
    gate.begun().await;
    run.abort();
    assert!(run.await.unwrap_err().is_cancelled());
}

/// Fails unless the checkpoints of every thread that is not being run say of it what its graph says.
pub(crate) async fn statuses_agree(graph: &CompiledGraph, saver: &Arc<dyn Checkpointer>) {
    // What is left of an aborted run gives its thread back.
    tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    let threads: Vec<_> = saver.list_latest("", Projection::default()).collect().await;
    for thread in threads {
        let thread = thread.unwrap().thread;
        if !saver.leases().is_busy(&thread) {
            agree(graph, saver, &thread).await.unwrap();
        }
    }
}

pub(crate) async fn found(graph: &CompiledGraph) -> Vec<(String, UnfinishedReason)> {
    // What is left of an aborted run gives its thread back.
    tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    let found = graph.unfinished().await.unwrap();
    found.into_iter().map(|t| (t.thread, t.reason)).collect()
}

#[tokio::test]
async fn only_threads_that_were_cut_off_or_failed_are_found() {
    let (savers, _directory) = savers();
    for saver in savers {
        let (gate, log) = (Gate::new(), Log::default());
        let graph = compiled(&saver, &gate, &log);
        let on = |thread: &str| Config::thread(thread);
        let input = |mode: &str| json!({"mode": mode});
        graph.invoke(input("run"), &on("finished")).await.unwrap();
        graph.invoke(input("ask"), &on("asks")).await.unwrap();
        graph
            .invoke(input("fail"), &on("failed"))
            .await
            .unwrap_err();
        let loops = on("limited").recursion_limit(1);
        graph.invoke(input("run"), &loops).await.unwrap_err();
        for durability in [Durability::Sync, Durability::Async, Durability::Exit] {
            let before = on(&format!("before-{durability:?}"));
            let before = before.interrupt_before(["b"]).durability(durability);
            graph.invoke(input("run"), &before).await.unwrap();
            let after = on(&format!("after-{durability:?}"));
            let after = after.interrupt_after(["a"]).durability(durability);
            graph.invoke(input("run"), &after).await.unwrap();
            let cut = on(&format!("cut-{durability:?}")).durability(durability);
            cut_off(&graph, input("gate"), &cut, &gate).await;
        }
        graph
            .invoke(input("run"), &on("edited").interrupt_before(["b"]))
            .await
            .unwrap();
        graph
            .update_state(&on("edited"), json!({"mode": "run"}), Some("a"))
            .await
            .unwrap();
        graph
            .update_state(&on("prepared"), json!({"mode": "run"}), Some("__input__"))
            .await
            .unwrap();
        let busy = {
            let graph = graph.clone();
            let config = on("busy");
            tokio::spawn(async move { graph.invoke(json!({"mode": "gate"}), &config).await })
        };
        gate.begun().await;

        let failed = |node: Option<&str>, message: String| UnfinishedReason::Failed {
            node: node.map(str::to_owned),
            message,
        };
        statuses_agree(&graph, &saver).await;
        let mut found = found(&graph).await;
        let limited = found.pop().unwrap();
        assert!(
            matches!(&limited.1, UnfinishedReason::Failed { node: None, message }
            if limited.0 == "limited" && message.contains("1 super-steps"))
        );
        // Of the run that saves at its end, nothing was saved.
        let expected = [
            ("cut-Async".to_owned(), UnfinishedReason::CutOff),
            ("cut-Sync".to_owned(), UnfinishedReason::CutOff),
            ("failed".to_owned(), failed(Some("b"), "no luck".into())),
        ];
        assert_eq!(found, expected);
        busy.abort();
    }
}

/// The same graph in the next process: `a` must not run again, and on thread 2 `b` is broken.
fn next_process(saver: Arc<dyn Checkpointer>) -> CompiledGraph {
    StateGraph::new()
        .add_channel("mode", Channel::last())
        .add_channel("done", Channel::append())
        .add_node("a", |_: State| async {
            Err::<(), _>(NodeError::msg("a ran again"))
        })
        .add_node("b", |_: State, rt: Runtime| async move {
            if rt.thread_id() == Some("2") {
                return Err(NodeError::msg("broken"));
            }
            Ok(json!({"done": [rt.context().as_str().unwrap_or("b")]}))
        })
        .add_node("c", |_: State| async { json!({"done": ["c"]}) })
        .add_edge(START, "a")
        .add_edge("a", "b")
        .add_edge("b", "c")
        .with_checkpointer(saver)
        .compile()
        .unwrap()
}

#[tokio::test]
async fn cut_off_threads_are_continued_where_they_stood_and_one_that_fails_stops_no_other() {
    let (savers, _directory) = savers();
    for saver in savers {
        let gate = Gate::new();
        let graph = compiled(&saver, &gate, &Log::default());
        for thread in ["1", "2", "3"] {
            let config = Config::thread(thread);
            cut_off(&graph, json!({"mode": "gate"}), &config, &gate).await;
        }
        let failed = Config::thread("4");
        graph
            .invoke(json!({"mode": "fail"}), &failed)
            .await
            .unwrap_err();

        let graph = next_process(Arc::clone(&saver));
        let mut resumed = graph.resume_all().await.unwrap();
        resumed.sort_by(|a, b| a.thread.cmp(&b.thread));
        let [one, two, three] = resumed.try_into().unwrap();
        for good in [one, three] {
            assert_eq!(good.outcome.unwrap()["done"], json!(["a", "b", "c"]));
        }
        assert_eq!(two.thread, "2");
        assert_eq!(
            two.outcome.unwrap_err().node_message().as_deref(),
            Some("broken")
        );

        let reason = |message: &str| UnfinishedReason::Failed {
            node: Some("b".into()),
            message: message.into(),
        };
        let left = [
            ("2".into(), reason("broken")),
            ("4".into(), reason("no luck")),
        ];
        statuses_agree(&graph, &saver).await;
        assert_eq!(found(&graph).await, left);
        assert!(graph.resume_all().await.unwrap().is_empty());
        let resumed = graph
            .resume_all_with(1, |thread| {
                (thread.thread == "4").then(|| Config::new().context("context"))
            })
            .await
            .unwrap();
        assert_eq!(resumed.len(), 1);
        let out = resumed.into_iter().next().unwrap().outcome.unwrap();
        assert_eq!(out["done"], json!(["a", "context", "c"]));
    }
}

#[tokio::test]
async fn a_database_that_is_opened_again_tells_the_same() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("db");
    let gate = Gate::new();
    {
        let db = Db::open(&path).unwrap();
        let graph = compiled(&(Arc::new(db.checkpointer()) as _), &gate, &Log::default());
        for thread in ["1", "3"] {
            let config = Config::thread(thread).durability(Durability::Async);
            cut_off(&graph, json!({"mode": "gate"}), &config, &gate).await;
        }
        let stops = Config::thread("stops").interrupt_before(["b"]);
        graph.invoke(json!({"mode": "gate"}), &stops).await.unwrap();
        drop(graph);
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        db.close().unwrap();
    }
    let db = Db::open(&path).unwrap();
    let graph = next_process(Arc::new(db.checkpointer()));
    let cut_off = |thread: &str| (thread.to_owned(), UnfinishedReason::CutOff);
    assert_eq!(found(&graph).await, [cut_off("1"), cut_off("3")]);
    for resumed in graph.resume_all().await.unwrap() {
        assert_eq!(resumed.outcome.unwrap()["done"], json!(["a", "b", "c"]));
    }
    assert!(found(&graph).await.is_empty());
}

#[tokio::test]
async fn a_run_that_was_cut_off_after_an_answer_goes_on_with_the_answer() {
    let (savers, _directory) = savers();
    for saver in savers {
        let (gate, log) = (Gate::new(), Log::default());
        let graph = compiled(&saver, &gate, &log);
        for by_id in [false, true] {
            let config = Config::thread(format!("by id: {by_id}"));
            let out = graph.invoke(json!({"mode": "ask"}), &config).await.unwrap();
            statuses_agree(&graph, &saver).await;
            assert!(found(&graph).await.is_empty());
            let answer = if by_id {
                Command::resume_by_id([(out.interrupts[0].id.clone(), "yes")])
            } else {
                Command::resume("yes")
            };
            cut_off(&graph, answer, &config, &gate).await;
            statuses_agree(&graph, &saver).await;
            assert_eq!(found(&graph).await.len(), 1);
            gate.open();
            let [resumed] = graph.resume_all().await.unwrap().try_into().unwrap();
            assert_eq!(resumed.outcome.unwrap()["done"], json!(["a", "b", "c"]));
            gate.begun().await;
        }
    }
}

#[tokio::test]
async fn a_run_that_was_cut_off_before_its_breakpoints_stops_at_them_when_it_is_continued() {
    let (savers, _directory) = savers();
    for saver in savers {
        let gate = Gate::new();
        let of_graph = three(Arc::clone(&saver), &gate, &Log::default())
            .interrupt_before(["c"])
            .compile()
            .unwrap();
        let plain = compiled(&saver, &gate, &Log::default());
        let cases = [
            (of_graph, Config::thread("of the graph")),
            (
                plain.clone(),
                Config::thread("before").interrupt_before(["c"]),
            ),
            (
                plain.clone(),
                Config::thread("after").interrupt_after(["b"]),
            ),
            (
                plain,
                Config::thread("all").interrupt_before(Breakpoints::All),
            ),
        ];
        for (graph, config) in cases {
            let mut input = Input::from(json!({"mode": "gate"}));
            if config.thread_id() == Some("all") {
                graph.invoke(input, &config).await.unwrap();
                graph.invoke(Input::Continue, &config).await.unwrap();
                input = Input::Continue;
            }
            cut_off(&graph, input, &config, &gate).await;
            let plain = Config::thread(config.thread_id().unwrap());
            assert_eq!(graph.get_state(&plain).await.unwrap().next, ["b"]);
            statuses_agree(&graph, &saver).await;
            assert_eq!(found(&graph).await.len(), 1, "{plain:?}");
            gate.open();
            let [resumed] = graph.resume_all().await.unwrap().try_into().unwrap();
            gate.begun().await;
            assert_eq!(
                resumed.outcome.unwrap()["done"],
                json!(["a", "b"]),
                "{plain:?}"
            );
            statuses_agree(&graph, &saver).await;
            assert!(found(&graph).await.is_empty(), "it waits at the breakpoint");
            let out = graph.invoke(Input::Continue, &plain).await.unwrap();
            assert_eq!(out["done"], json!(["a", "b", "c"]));
        }
    }
}

#[tokio::test]
async fn a_breakpoint_in_a_subgraph_is_waited_at() {
    let (savers, _directory) = savers();
    for saver in savers {
        let inner = StateGraph::new()
            .add_channel("done", Channel::append())
            .add_node("n", |_: State| async { json!({"done": ["n"]}) })
            .add_edge(START, "n")
            .interrupt_before(["n"])
            .compile()
            .unwrap();
        let graph = StateGraph::new()
            .add_channel("done", Channel::append())
            .add_node("inner", inner)
            .add_edge(START, "inner")
            .with_checkpointer(Arc::clone(&saver))
            .compile()
            .unwrap();
        let config = Config::thread("t");
        graph.invoke(json!({}), &config).await.unwrap();
        statuses_agree(&graph, &saver).await;
        assert!(found(&graph).await.is_empty());
        let out = graph.invoke(Input::Continue, &config).await.unwrap();
        assert_eq!(out["done"], json!(["n"]));
    }
}

#[tokio::test]
async fn threads_of_another_graph_on_the_same_checkpointer_are_left_alone() {
    let saver: Arc<dyn Checkpointer> = Arc::new(MemorySaver::new());
    let gate = Gate::new();
    let graph = compiled(&saver, &gate, &Log::default());
    cut_off(&graph, json!({"mode": "gate"}), &Config::thread("t"), &gate).await;
    let other = crate::gate::gated(saver, &gate);
    assert!(found(&other).await.is_empty());
    assert_eq!(found(&graph).await.len(), 1);
}

#[tokio::test]
async fn a_thread_that_cannot_be_read_does_not_hide_the_others() {
    let saver: Arc<dyn Checkpointer> = Arc::new(MemorySaver::new());
    let gate = Gate::new();
    let graph = compiled(&saver, &gate, &Log::default());
    for thread in ["a", "b"] {
        cut_off(
            &graph,
            json!({"mode": "gate"}),
            &Config::thread(thread),
            &gate,
        )
        .await;
    }
    let latest = saver.get("a", "", None).await.unwrap().unwrap();
    let mut checkpoint = latest.checkpoint;
    let damaged = stepwell::Encoded::new("json", b"{".to_vec());
    checkpoint.channel_values.insert("done".into(), damaged);
    let put = stepwell::checkpoint::PutCheckpoint {
        thread: "a".into(),
        namespace: String::new(),
        parent_id: latest.parent_id,
        appended: [].into(),
        new_versions: checkpoint.channel_versions.clone(),
        checkpoint,
        metadata: latest.metadata,
    };
    saver.put(put).await.unwrap();
    let found = found(&graph).await;
    assert!(
        matches!(&found[0].1, UnfinishedReason::Unreadable { message } if message.contains("`done`"))
    );
    assert_eq!(found[1], ("b".to_owned(), UnfinishedReason::CutOff));
}

#[tokio::test]
async fn a_run_that_was_asked_to_stop_is_continued_by_the_next_process() {
    let (savers, _directory) = savers();
    for saver in savers {
        let gate = Gate::new();
        let graph = compiled(&saver, &gate, &Log::default());
        for durability in [Durability::Sync, Durability::Exit] {
            let stop = StopSignal::new();
            let config = Config::thread(format!("{durability:?}")).durability(durability);
            let run = {
                let (graph, config) = (graph.clone(), config.stop_signal(&stop));
                tokio::spawn(async move { graph.invoke(json!({"mode": "gate"}), &config).await })
            };
            gate.begun().await;
            stop.stop();
            gate.open();
            let error = run.await.unwrap().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Stopped);
            statuses_agree(&graph, &saver).await;
            assert_eq!(found(&graph).await.len(), 1);
            let [resumed] = graph.resume_all().await.unwrap().try_into().unwrap();
            assert_eq!(resumed.outcome.unwrap()["done"], json!(["a", "b", "c"]));
        }
    }
}

/// A graph whose node fails and is handled at the gate.
fn handled(saver: Arc<dyn Checkpointer>, gate: &Gate) -> CompiledGraph {
    let gate = gate.clone();
    StateGraph::new()
        .add_channel("done", Channel::append())
        .add_node("n", |_: State| async { Err::<(), _>(NodeError::msg("no")) })
        .add_error_handler("n", move |_: State| {
            let gate = gate.clone();
            async move {
                gate.pass().await;
                json!({"done": ["handled"]})
            }
        })
        .add_edge(START, "n")
        .with_checkpointer(saver)
        .compile()
        .unwrap()
}

#[tokio::test]
async fn a_thread_that_was_cut_off_in_an_error_handler_was_cut_off_and_did_not_fail() {
    let (savers, _directory) = savers();
    for saver in savers {
        let gate = Gate::new();
        let graph = handled(Arc::clone(&saver), &gate);
        let config = Config::thread("t");
        cut_off(&graph, json!({}), &config, &gate).await;
        let cut_off = ("t".to_owned(), UnfinishedReason::CutOff);
        statuses_agree(&graph, &saver).await;
        assert_eq!(found(&graph).await, [cut_off]);
        gate.open();
        let [resumed] = graph.resume_all().await.unwrap().try_into().unwrap();
        assert_eq!(resumed.outcome.unwrap()["done"], json!(["handled"]));
    }
}

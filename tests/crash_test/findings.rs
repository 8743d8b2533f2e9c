//! What is wrong with a graph is found, and told so that it can be found again.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use stepwell::db::Db;
use stepwell::graph::{
    Channel, CompiledGraph, Config, GraphError, Node, RetryPolicy, START, State, StateGraph,
};
use stepwell::testing::{CrashFinding, CrashTest};

type Payments = Mutex<Vec<u64>>;

/// Charges, and then ships.
fn shop(db: &Db, payments: &Arc<Payments>) -> Result<CompiledGraph, GraphError> {
    let payments = payments.clone();
    let charge = move |_: State| {
        payments.lock().unwrap().push(30);
        async { json!({"log": ["charged"]}) }
    };
    StateGraph::new()
        .add_channel("log", Channel::append())
        .add_node("charge", charge)
        .add_node("ship", async |_: State| json!({"log": ["shipped"]}))
        .add_edge(START, "charge")
        .add_edge("charge", "ship")
        .with_checkpointer(db.checkpointer())
        .compile()
}

fn once(payments: &Payments, _: &Value) -> Result<(), String> {
    match payments.lock().unwrap().as_slice() {
        [30] => Ok(()),
        other => Err(format!("{other:?}")),
    }
}

fn driven<W: Default + std::marker::Send + Sync + 'static>(
    build: impl Fn(&Db, &Arc<W>) -> Result<CompiledGraph, GraphError> + 'static,
) -> CrashTest<W> {
    CrashTest::new(build, |client| async move {
        client
            .invoke(json!({"log": []}), &Config::thread("a"))
            .await?;
        Ok(())
    })
}

#[test]
fn a_side_effect_that_is_not_idempotent_is_found_and_its_case_fails_again() {
    let test = driven(shop).invariant("an order is paid once", once);
    let failure = test.run().unwrap_err();
    let message = "[30, 30]".to_owned();
    let name = "an order is paid once".to_owned();
    assert_eq!(failure.found, CrashFinding::Invariant { name, message });
    assert_eq!(failure.begun["charge"], 2);
    assert_eq!(
        failure.deaths,
        ["after node `charge` has returned, before that is saved"]
    );
    let text = failure.to_string();
    assert!(text.contains("charge") && text.contains(".only("), "{text}");
    let again = driven(shop).invariant("an order is paid once", once);
    let again = again.only(failure.case.clone()).run().unwrap_err();
    assert_eq!((again.found, again.deaths), (failure.found, failure.deaths));
    assert_eq!(again.failed, (1, 4));
}

fn one(
    db: &Db,
    node: impl Fn() -> Value + std::marker::Send + Sync + 'static,
) -> Result<CompiledGraph, GraphError> {
    StateGraph::new()
        .add_channel("log", Channel::append())
        .add_node("node", move |_: State| {
            let update = node();
            async move { update }
        })
        .add_edge(START, "node")
        .with_checkpointer(db.checkpointer())
        .compile()
}

#[test]
fn a_node_that_looks_at_the_clock_is_found() {
    let test = driven(|db, _: &Arc<()>| {
        one(db, || {
            let now = std::time::UNIX_EPOCH.elapsed().unwrap();
            json!({"log": [now.as_nanos().to_string()]})
        })
    });
    let failure = test.run().unwrap_err();
    assert!(
        matches!(failure.found, CrashFinding::Unsteady(_)),
        "{failure}"
    );
    assert!(
        failure.to_string().contains("/threads/a/values/log"),
        "{failure}"
    );
}

#[test]
fn a_node_that_draws_random_numbers_is_found() {
    let test = driven(|db, _: &Arc<()>| {
        one(db, || {
            let random = std::hash::BuildHasher::hash_one(&std::hash::RandomState::new(), 1);
            json!({"log": [random]})
        })
    });
    let failure = test.run().unwrap_err();
    assert!(
        matches!(failure.found, CrashFinding::Unsteady(_)),
        "{failure}"
    );
}

/// The sum, and how often this process has added to it.
fn counting() -> Channel {
    let count = AtomicU64::new(0);
    Channel::custom(Some(json!(0)), move |left: Value, right: Value| {
        let count = count.fetch_add(1, Ordering::Relaxed);
        let sum = left.as_u64().unwrap_or_default() + right.as_u64().unwrap_or_default();
        Ok(json!(sum * 10 + count))
    })
}

#[test]
fn a_reducer_that_remembers_is_found() {
    let test = driven(|db, _: &Arc<()>| {
        let add = async |_: State| json!({"sum": 1});
        StateGraph::new()
            .add_channel("log", Channel::append())
            .add_channel("sum", counting())
            .add_node("add", add)
            .add_node("more", add)
            .add_edge(START, "add")
            .add_edge("add", "more")
            .with_checkpointer(db.checkpointer())
            .compile()
    });
    let failure = test.run().unwrap_err();
    assert!(
        matches!(failure.found, CrashFinding::EndDiffers(_)),
        "{failure}"
    );
    assert!(
        failure.to_string().contains("/threads/a/values/sum"),
        "{failure}"
    );
}

#[test]
fn a_graph_that_waits_for_nobody_is_found() {
    let test = driven(|db, _: &Arc<()>| {
        StateGraph::new()
            .add_channel("log", Channel::append())
            .add_node("wait", async |_: State| {
                std::future::pending::<Value>().await
            })
            .add_edge(START, "wait")
            .with_checkpointer(db.checkpointer())
            .compile()
    });
    assert_eq!(test.run().unwrap_err().found, CrashFinding::Hangs);
}

#[test]
fn tasks_whose_order_matters_are_found() {
    let test = driven(|db, order: &Arc<Mutex<Vec<u64>>>| {
        let task = |number| {
            let order = order.clone();
            move |_: State| {
                let order = order.clone();
                async move {
                    let mut order = order.lock().unwrap();
                    order.push(number);
                    json!({"log": [*order]})
                }
            }
        };
        StateGraph::new()
            .add_channel("log", Channel::append())
            .add_node("one", task(1))
            .add_node("two", task(2))
            .add_edge(START, "one")
            .add_edge(START, "two")
            .with_checkpointer(db.checkpointer())
            .compile()
    });
    let failure = test.seeds(10).run().unwrap_err();
    assert!(
        matches!(
            failure.found,
            CrashFinding::Unsteady(_) | CrashFinding::EndDiffers(_)
        ),
        "{failure}"
    );
}

#[test]
fn what_the_graph_makes_up_itself_is_no_difference() {
    let test = driven(|db, _: &Arc<()>| {
        StateGraph::new()
            .add_channel("log", Channel::append())
            .add_channel("messages", Channel::messages())
            .add_node(
                "say",
                async |_: State| json!({"messages": [{"role": "assistant", "content": "hello"}]}),
            )
            .add_node(
                "repeat",
                async |state: State| json!({"messages": [state["messages"][0]]}),
            )
            .add_edge(START, "say")
            .add_edge("say", "repeat")
            .with_checkpointer(db.checkpointer())
            .compile()
    });
    test.run().unwrap();
}

#[test]
fn a_node_that_fails_once_is_tried_again_after_the_crash_too() {
    let test = driven(|db, calls: &Arc<AtomicU64>| {
        let calls = calls.clone();
        let flaky = Node::new(move |_: State| {
            let failed = calls.fetch_add(1, Ordering::Relaxed) == 0;
            async move {
                match failed {
                    true => Err(stepwell::graph::NodeError::msg("not yet")),
                    false => Ok(json!({"log": ["done"]})),
                }
            }
        });
        StateGraph::new()
            .add_channel("log", Channel::append())
            .add_node("flaky", flaky.retry(RetryPolicy::attempts(3)))
            .add_edge(START, "flaky")
            .with_checkpointer(db.checkpointer())
            .compile()
    });
    test.run().unwrap();
}

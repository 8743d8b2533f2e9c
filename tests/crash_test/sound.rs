//! Graphs that are sound pass, whatever they are made of and however they are saved.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use stepwell::db::{self, Db};
use stepwell::graph::{
    Channel, Command, CompiledGraph, Config, Durability, END, GraphError, NodeResult, Runtime,
    START, Send, State, StateGraph, StoreWrites,
};
use stepwell::testing::{Client, CrashTest};

/// Payments by the key that they were made with: a second one with the same key is the first.
type Bank = Mutex<BTreeMap<String, u64>>;

fn order(db: &Db, bank: &Arc<Bank>) -> Result<CompiledGraph, GraphError> {
    let price = StateGraph::new()
        .add_channel("item", Channel::last())
        .add_channel("prices", Channel::append())
        .add_node("look_up", async |state: State| {
            tokio::time::sleep(Duration::from_secs(1)).await;
            json!({"prices": [state["item"].as_u64().unwrap_or_default() * 10]})
        })
        .add_edge(START, "look_up")
        .compile()?;
    let bank = bank.clone();
    let pay = move |state: State, runtime: Runtime| {
        let bank = bank.clone();
        async move {
            let sum: u64 = state["prices"]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(Value::as_u64)
                .sum();
            tokio::task::yield_now().await;
            bank.lock()
                .unwrap()
                .insert(runtime.task_id().to_owned(), sum);
            runtime
                .store()?
                .put(&["orders"], "last", json!({"sum": sum}))
                .await?;
            NodeResult::Ok(json!({"log": ["paid"], "receipt": runtime.task_id()}))
        }
    };
    let confirm = async |_: State, runtime: Runtime| {
        let answer = runtime.interrupt("pay?")?;
        NodeResult::Ok(json!({"log": [answer]}))
    };
    let each = |state: State| -> Vec<Send> {
        let items = state["items"].as_array().cloned().unwrap_or_default();
        items
            .into_iter()
            .map(|item| Send::new("price", json!({"item": item})))
            .collect()
    };
    StateGraph::new()
        .add_channel("items", Channel::last())
        .add_channel("prices", Channel::append())
        .add_channel("receipt", Channel::last())
        .add_channel("log", Channel::append())
        .add_node("price", price)
        .add_node("confirm", confirm)
        .add_node("pay", pay)
        .add_conditional_edges(START, each)
        .add_edge("price", "confirm")
        .add_edge("confirm", "pay")
        .add_edge("pay", END)
        .with_checkpointer(db.checkpointer())
        .with_store(db.store())
        .with_store_writes(StoreWrites::WithStep)
        .compile()
}

type BoxError = Box<dyn std::error::Error + std::marker::Send + Sync>;

async fn buy(client: Client<Bank>, durability: Durability) -> Result<(), BoxError> {
    let config = Config::thread("order").durability(durability);
    let asked = client.invoke(json!({"items": [1, 2]}), &config).await?;
    if !asked.is_interrupted() {
        return Err("it does not ask".into());
    }
    let paid = client.invoke(Command::resume("yes"), &config).await?;
    assert_eq!(paid["log"], json!(["yes", "paid"]));
    client
        .update_state(&config, json!({"log": ["sent"]}), None)
        .await?;
    Ok(())
}

fn test(durability: Durability) -> CrashTest<Bank> {
    CrashTest::new(order, move |client| buy(client, durability))
}

fn paid(bank: &Bank, _: &Value) -> Result<(), String> {
    match bank.lock().unwrap().values().all(|sum| *sum == 30) {
        true => Ok(()),
        false => Err("a wrong sum".to_owned()),
    }
}

#[test]
fn a_sound_graph_passes_in_all_durabilities() {
    let interval = db::Durability::Interval(Duration::from_millis(5));
    for (saved, durability) in [
        (db::Durability::Sync, Durability::Sync),
        (db::Durability::Sync, Durability::Exit),
        (interval, Durability::Async),
        (db::Durability::Os, Durability::Sync),
        (db::Durability::Os, Durability::Exit),
    ] {
        let test = test(durability).options(move |options| options.durability(saved));
        let report = test.seeds(1).power_cuts().invariant("the sum", paid).run();
        let report = report.unwrap_or_else(|failure| panic!("{saved:?} {durability:?}: {failure}"));
        println!("{saved:?} {durability:?}: {report}");
        assert!(
            report.cases > 50 && report.deaths > report.cases,
            "{report}"
        );
    }
}

#[test]
fn what_was_saved_does_not_begin_again() {
    let report = test(Durability::Sync).seeds(1).run().unwrap();
    let pay = report.again["pay"];
    // Once more after each death in it.
    assert!(pay.usual == 1 && (2..=3).contains(&pay.most), "{report}");
    assert!(pay.cases < report.cases / 3, "{report}");
    assert_eq!(report.again["price/look_up"].usual, 2);
}

#[test]
fn it_is_the_same_test_each_time() {
    let run = || test(Durability::Async).seeds(2).run().unwrap();
    assert_eq!(run(), run());
}

#[test]
fn every_change_of_the_file_system_may_be_the_last() {
    let few = test(Durability::Sync).seeds(1).run().unwrap();
    let all = test(Durability::Sync)
        .seeds(1)
        .at_every_change()
        .power_cuts()
        .run()
        .unwrap();
    assert!(all.cases > few.cases, "{all}");
}

fn conversation(db: &Db, _: &Arc<()>) -> Result<CompiledGraph, GraphError> {
    StateGraph::new()
        .add_channel("messages", Channel::messages())
        .add_node("answer", async |state: State| {
            let heard = state["messages"].as_array().map_or(0, Vec::len);
            json!({"messages": [{"role": "assistant", "content": format!("{heard} so far")}]})
        })
        .add_edge(START, "answer")
        .with_checkpointer(db.checkpointer())
        .compile()
}

#[test]
fn what_was_said_is_said_once_and_answered_once() {
    for durability in [Durability::Sync, Durability::Async, Durability::Exit] {
        let test = CrashTest::new(conversation, move |client| async move {
            let say = |thread, text: &str| {
                let (client, text) = (client.clone(), text.to_owned());
                let config = Config::thread(thread).durability(durability);
                async move {
                    let said = json!({"messages": [{"role": "user", "content": text}]});
                    client.invoke(said, &config).await
                }
            };
            say("a", "one").await?;
            let (first, second) = tokio::join!(say("a", "two"), say("b", "one"));
            assert_eq!(first?["messages"][3]["content"], "3 so far");
            second?;
            say("a", "three").await?;
            Ok(())
        });
        test.seeds(1).power_cuts().run().unwrap();
    }
}

#[test]
fn a_run_that_fails_fails_again() {
    let test = CrashTest::new(
        |db: &Db, tried: &Arc<Mutex<u64>>| {
            let tried = tried.clone();
            let node = move |_: State| {
                *tried.lock().unwrap() += 1;
                async { NodeResult::<Value>::Err(stepwell::graph::NodeError::msg("never")) }
            };
            StateGraph::new()
                .add_channel("log", Channel::append())
                .add_node("fails", node)
                .add_edge(START, "fails")
                .with_checkpointer(db.checkpointer())
                .compile()
        },
        |client| async move {
            let config = Config::thread("a");
            let failed = client.invoke(json!({"log": [1]}), &config).await;
            assert!(failed.is_err());
            Ok(())
        },
    );
    test.run().unwrap();
}

//! A graph whose nodes write to the store with their super-steps: the power goes at every change of the file system.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use stepwell::db::{Compression, Db, Durability};
use stepwell::graph::{
    Channel, CompiledGraph, Config, Durability as RunDurability, END, HistoryQuery, Input,
    NodeError, Runtime, START, State, StateGraph, StoreWrites,
};
use stepwell::store::{Search, Store};
use stepwell::testing::{Random, SimFs, Survival};

use crate::run::{PATH, Setup};

const SETUP: Setup = Setup {
    durability: Durability::Sync,
    segment_bytes: 8192,
    index_bytes: 16 << 10,
    hot_bytes: 1 << 20,
    compression: Compression::None,
};
const ROUNDS: u64 = 3;
const MADE: &[&str] = &["made"];

/// Puts an item for each of its runs, says so in the state, and counts; what it has put two runs ago it deletes.
async fn work(name: &'static str, state: State, runtime: Runtime) -> Result<Value, NodeError> {
    let store = runtime.store()?;
    let round = state["round"].as_u64().unwrap_or_default();
    let item = format!("{name}{round}");
    store
        .put(MADE, &item, json!({"by": name, "round": round}))
        .await?;
    let mut log = vec![json!({"made": item})];
    if let Some(old) = round.checked_sub(1) {
        let old = format!("{name}{old}");
        store.delete(MADE, &old).await?;
        log.push(json!({"deleted": old}));
    }
    let runs = store.get(&["count"], name).await?;
    let runs = runs
        .and_then(|item| item.value.as_u64())
        .unwrap_or_default()
        + 1;
    store.put(&["count"], name, json!(runs)).await?;
    log.push(json!({"counted": [name, runs]}));
    Ok(json!({"log": log}))
}

fn graph(db: &Db) -> CompiledGraph {
    StateGraph::new()
        .add_channel("log", Channel::append())
        .add_channel("round", Channel::last())
        .add_node("a", |state: State, rt: Runtime| work("a", state, rt))
        .add_node("b", |state: State, rt: Runtime| work("b", state, rt))
        .add_node("next", |state: State, rt: Runtime| async move {
            let mut out = work("next", state.clone(), rt).await?;
            let round = state["round"].as_u64().unwrap_or_default() + 1;
            out["round"] = json!(round);
            Ok::<_, NodeError>(out)
        })
        .add_edge(START, "a")
        .add_edge(START, "b")
        .add_join(["a", "b"], "next")
        .add_conditional_edges("next", |state: State| match state["round"].as_u64() {
            Some(round) if round < ROUNDS => vec!["a", "b"],
            _ => vec![END],
        })
        .with_checkpointer(db.checkpointer())
        .with_store(db.store())
        .with_store_writes(StoreWrites::WithStep)
        .compile()
        .unwrap()
}

/// The items and counts that a state says there are.
fn said(state: &Value) -> (BTreeSet<String>, BTreeSet<String>) {
    let (mut made, mut counts) = (BTreeSet::new(), std::collections::BTreeMap::new());
    for entry in state["log"].as_array().into_iter().flatten() {
        let text = |name: &str| entry[name].as_str().map(str::to_owned);
        made.extend(text("made"));
        if let Some(deleted) = text("deleted") {
            assert!(made.remove(&deleted));
        }
        if let Some(counted) = entry["counted"].as_array() {
            counts.insert(counted[0].to_string(), counted[1].to_string());
        }
    }
    let counts = counts
        .into_iter()
        .map(|(name, runs)| format!("{name} {runs}"));
    (made, counts.collect())
}

async fn stored(db: &Db, search: Search) -> (BTreeSet<String>, BTreeSet<String>) {
    let all = db.store().search(search.limit(usize::MAX)).await.unwrap();
    let (made, counts): (Vec<_>, Vec<_>) = all.into_iter().partition(|item| item.namespace == MADE);
    let count = |item: &stepwell::store::Item| format!("{:?} {}", item.key, item.value);
    (
        made.into_iter().map(|item| item.key).collect(),
        counts.iter().map(count).collect(),
    )
}

/// How many checkpoints there are, each of which must have its items, and no others.
async fn check(db: &Db, config: &Config) -> usize {
    let graph = graph(db);
    let history = graph.get_state_history(config, HistoryQuery::default());
    let history = history.collect().await.unwrap();
    let newest = history.first().map(|snapshot| said(&snapshot.values));
    assert_eq!(
        stored(db, Search::new(&[])).await,
        newest.unwrap_or_default(),
        "the newest checkpoint and the store"
    );
    for snapshot in &history {
        let moment = graph.moment(&snapshot.config).await.unwrap();
        let then = stored(db, Search::new(&[]).as_of(moment)).await;
        assert_eq!(then, said(&snapshot.values), "at {:?}", snapshot.config);
    }
    history.len()
}

/// Runs to the end what was begun, or all of it. The state in the end.
async fn finish(db: &Db, config: &Config) -> Value {
    let graph = graph(db);
    let state = graph.get_state(config).await.unwrap();
    if state.metadata.is_none() {
        graph.invoke(json!({"round": 0}), config).await.unwrap();
    } else if !state.next.is_empty() {
        graph.invoke(Input::Continue, config).await.unwrap();
    }
    graph.get_state(config).await.unwrap().values
}

fn all_of_it(durability: RunDurability, each: usize) {
    let runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = { runtime }.enable_time().build().unwrap();
    let config = Config::thread("t").durability(durability);
    let fs = SimFs::new(1);
    let db = SETUP.open(&fs, PATH).unwrap();
    fs.keep_moments();
    let done = runtime.block_on(finish(&db, &config));
    assert_eq!(done["round"], json!(ROUNDS));
    let moments = fs.take_moments();
    assert!(runtime.block_on(check(&db, &config)) > 0);
    drop(db);
    let mut random = Random::new(2);
    let mut seen = BTreeSet::new();
    assert!(!moments.is_empty());
    for (number, moment) in moments.iter().enumerate() {
        let mut survivals = vec![Survival::Nothing, Survival::Everything];
        if moment.pending() <= 3 {
            survivals.extend((1..1 << moment.pending()).map(Survival::Chosen));
        } else {
            survivals.push(Survival::Random(random.number()));
        }
        for survival in survivals {
            let fs = moment.power_cut(&survival);
            let db = SETUP.open(&fs, PATH).unwrap();
            seen.insert(runtime.block_on(check(&db, &config)));
            if number % each == 0 {
                let again = runtime.block_on(finish(&db, &config));
                assert_eq!(said(&again), said(&done), "what was done is done once");
                runtime.block_on(check(&db, &config));
            }
        }
    }
    // Every step was the last one somewhere.
    assert!(seen.len() > 1, "{seen:?}");
}

#[test]
fn a_super_step_and_what_its_nodes_stored_are_there_together() {
    for durability in [
        RunDurability::Sync,
        RunDurability::Async,
        RunDurability::Exit,
    ] {
        all_of_it(durability, 7);
    }
}

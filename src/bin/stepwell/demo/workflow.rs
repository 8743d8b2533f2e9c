//! The demo's workflow: a review of Markdown files. Read it as an example of how to write a graph.
//!
//! ```text
//! gather ──> analyse (one task per file) ──> summarise ──> check ──> approve ──> write_report
//!                 ^                                          │
//!                 └──────── files to look at again ──────────┘
//! ```

#![expect(
    clippy::indexing_slicing,
    reason = "a state or JSON value gives null for a name that it does not have"
)]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use serde_json::{Value, json};
use stepwell::checkpoint::Checkpointer;
use stepwell::graph::{
    self, Channel, CompiledGraph, END, GraphError, NodeResult, Runtime, START, State, StateGraph,
};

use super::analysis::{self, Analysis};
use super::desk::Desk;
use super::journal::{Event, Work};
use super::report::{self, Totals};
use super::witness::Witness;

/// How many times the files are looked at at most.
const MOST_PASSES: u64 = 2;

/// Builds the graph, with its checkpoints in `checkpointer`.
pub(super) fn build(
    checkpointer: impl Checkpointer,
    desk: &Arc<Desk>,
) -> Result<CompiledGraph, GraphError> {
    StateGraph::new()
        // The state: each channel with the rule by which writes change it.
        .add_channel("title", Channel::last())
        .add_channel("sentence_limit", Channel::last())
        .add_channel("report", Channel::last())
        .add_channel("files", Channel::last())
        .add_channel("analyses", Channel::merge())
        .add_channel("totals", Channel::last())
        .add_channel("passes", Channel::add())
        .add_channel("again", Channel::last())
        .add_channel("approved", Channel::last())
        // The work.
        .add_node("gather", desk.at(gather))
        .add_node("analyse", desk.at(analyse))
        .add_node("summarise", summarise)
        .add_node("check", check)
        .add_node("approve", approve)
        .add_node("write_report", write_report)
        // What follows what.
        .add_edge(START, "gather")
        .add_conditional_edges("gather", |s: State| tasks(&s["files"], 1))
        .add_edge("analyse", "summarise")
        .add_edge("summarise", "check")
        .add_conditional_edges("check", look_again_or_ask)
        .add_conditional_edges("approve", |s: State| match &s["approved"] {
            Value::Bool(true) => "write_report",
            _ => END,
        })
        .add_edge("write_report", END)
        .with_checkpointer(Witness {
            saver: checkpointer,
            desk: Arc::clone(desk),
            channel: "analyses",
        })
        .compile()
}

/// One task per file, which gets a [`Work`] instead of the graph's state: this is the fan-out.
fn tasks(files: &Value, pass: u64) -> Vec<graph::Send> {
    let files = files.as_array().map(Vec::as_slice).unwrap_or_default();
    let task = |file| json!({"file": file, "pass": pass, "of": files.len()});
    files
        .iter()
        .map(|file| graph::Send::new("analyse", task(file)))
        .collect()
}

async fn gather(_: State, _: Runtime, desk: Arc<Desk>) -> NodeResult {
    Ok(json!({"files": desk.places.files()?}))
}

/// Looks at one file: quickly in the first pass, deeply in the second. The journal hears of its start and its finish.
async fn analyse(task: State, rt: Runtime, desk: Arc<Desk>) -> NodeResult {
    let work: Work = task.to()?;
    let _seat = desk.seats.acquire().await?;
    let note = |event| desk.journal.note(event, rt.task_id(), &work);

    note(Event::Start)?;
    tokio::time::sleep(desk.pause).await;
    let analysis = analysis::of_file(&desk.places.input, &work.file, work.pass > 1);
    note(Event::Finish)?;
    Ok(json!({"analyses": {work.file: analysis}}))
}

/// Runs once all tasks of `analyse` have finished: the join.
async fn summarise(state: State) -> NodeResult {
    let analyses: BTreeMap<String, Analysis> = state.get_as("analyses")?;
    Ok(json!({"totals": Totals::of(&analyses)}))
}

/// The quality gate: which files deserve a deep look before anyone is asked to approve?
///
/// Those with links that lead nowhere or were not followed to the end, and the longest one.
async fn check(state: State) -> NodeResult {
    let analyses: BTreeMap<String, Analysis> = state.get_as("analyses")?;
    let wordiest = analyses.values().map(|a| a.words).max();
    let passes = state["passes"].as_u64().unwrap_or(0) + 1;
    let again: Vec<&String> = analyses
        .iter()
        .filter(|(_, a)| !a.deep && passes < MOST_PASSES)
        .filter(|(_, a)| !a.dead.is_empty() || a.unchecked > 0 || Some(a.words) == wordiest)
        .map(|(file, _)| file)
        .collect();
    Ok(json!({"passes": 1, "again": again}))
}

fn look_again_or_ask(state: State) -> Vec<graph::Target> {
    let again = tasks(&state["again"], MOST_PASSES);
    if again.is_empty() {
        return vec!["approve".into()];
    }
    again.into_iter().map(Into::into).collect()
}

/// Asks a human. The run stops here until someone answers, from whatever process.
async fn approve(state: State, rt: Runtime) -> NodeResult {
    let answer = rt.interrupt(json!({
        "question": "Write the report?",
        "title": state["title"],
        "totals": state["totals"],
    }))?;
    Ok(json!({"approved": answer == "approve"}))
}

async fn write_report(state: State) -> NodeResult<()> {
    let to: String = state.get_as("report")?;
    let text = report::render(&state)?;
    report::write_atomically(Path::new(&to), &text)?;
    Ok(())
}

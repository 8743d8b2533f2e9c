//! Last act: the thread's history as a tree, and where everything was left.

use std::fs;
use std::io;
use std::path::Path;
use std::time::Instant;

use stepwell::graph::{HistoryQuery, StateSnapshot};

use super::opened::Opened;
use super::places::Places;
use crate::failure::Failure;
use crate::format::{bytes, count, short};
use crate::screen::Screen;
use crate::tree::{self, Entry};

/// Prints the thread's checkpoints, the fork's included.
pub(super) fn show_history(
    screen: &Screen,
    opened: &Opened,
    places: &Places,
) -> Result<(), Failure> {
    let graph = &opened.graph;
    let history = graph.get_state_history(&opened.config, HistoryQuery::default());
    let snapshots = opened.wait(history.collect())?;
    screen.section(format_args!("7  The history of thread {}", places.thread))?;
    screen.line("")?;
    for line in tree::draw(snapshots.iter().map(entry).collect()) {
        screen.indented(line)?;
    }
    Ok(())
}

fn entry(snapshot: &StateSnapshot) -> Entry {
    let id = snapshot.config.checkpoint_id().unwrap_or_default();
    let parent = snapshot.parent_config.as_ref();
    let metadata = snapshot.metadata.as_ref();
    let step = metadata.and_then(|m| m.step).unwrap_or_default();
    let source = metadata.and_then(|m| m.source).map_or("", |s| s.as_str());
    let tail = format!(
        "{step:>3} {source:<6} {:<15} {}",
        next(&snapshot.next),
        numbers(snapshot)
    );
    Entry {
        id: id.to_owned(),
        parent: parent.and_then(|p| p.checkpoint_id()).map(str::to_owned),
        head: short(id).to_owned(),
        tail,
        below: Vec::new(),
    }
}

/// What runs next.
fn next(nodes: &[String]) -> String {
    match nodes {
        [] => "end".to_owned(),
        [node] => format!("→ {node}"),
        [node, ..] => format!("→ {node} ×{}", nodes.len()),
    }
}

/// A few numbers of the state, as far as it has them.
fn numbers(snapshot: &StateSnapshot) -> String {
    let values = &snapshot.values;
    let totals = &values["totals"];
    let read = values["analyses"]
        .as_object()
        .map_or(0, serde_json::Map::len);
    if let (Some(deep), Some(dead)) = (totals["deep"].as_u64(), totals["dead"].as_u64()) {
        return format!("{read} read, {deep} deep, {dead} dead");
    }
    match (read, values["files"].as_array()) {
        (0, None) => String::new(),
        (0, Some(files)) => count(files.len(), "file"),
        (read, _) => format!("{read} read"),
    }
}

/// Says where everything was left.
pub(super) fn show_places(screen: &Screen, places: &Places, began: Instant) -> Result<(), Failure> {
    let program = program();
    let db = places.db.display();
    let size = bytes(size(&places.db)?);
    screen.section("8  What is left")?;
    screen.line("")?;
    let left = [
        ("database", places.db.clone(), format!("  ({size})")),
        ("report", places.report(), String::new()),
        ("fork's report", places.report_of_fork(), String::new()),
        ("journal", places.journal(), String::new()),
    ];
    for (what, path, note) in left {
        if path.exists() {
            screen.indented(format_args!("{what:<15}{}{note}", path.display()))?;
        }
    }
    screen.line("")?;
    screen.indented(format_args!(
        "{program} threads --db {db}\n\
         {program} history --db {db}\n\
         {program} show --db {db} --thread {}",
        places.thread
    ))?;
    let took = began.elapsed().as_secs_f32();
    screen.line(format_args!("\nDone in {took:.1} s."))?;
    Ok(())
}

/// How to call this program again.
fn program() -> String {
    let called = std::env::args().next().unwrap_or_default();
    if std::env::var_os("CARGO_MANIFEST_DIR").is_none() {
        return called;
    }
    let profile = match Path::new(&called).parent() {
        Some(built) if built.ends_with("release") => "--release ",
        _ => "",
    };
    format!("cargo run {profile}--")
}

/// The length of all files of a directory.
fn size(directory: &Path) -> io::Result<u64> {
    let mut total = 0;
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let metadata = entry.metadata()?;
        total += if metadata.is_dir() {
            size(&entry.path())?
        } else {
            metadata.len()
        };
    }
    Ok(total)
}

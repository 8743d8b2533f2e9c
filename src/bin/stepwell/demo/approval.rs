//! Second act: the graph waits for a human's approval, and gets it from another process than asked.

use std::io::{self, IsTerminal, Write};

use serde_json::Value;
use stepwell::graph::Command;

use super::opened::Opened;
use super::report::Totals;
use crate::failure::Failure;
use crate::format::count;
use crate::screen::Screen;

/// Shows the question that the thread waits on, answers it, and lets the graph run to its end.
pub(super) fn ask_and_resume(screen: &Screen, opened: &Opened, ask: bool) -> Result<(), Failure> {
    screen.section("4  A human approves")?;
    let question = pending(opened)?;
    let totals: Totals = question
        .get("totals")
        .map(|totals| serde_json::from_value(totals.clone()))
        .transpose()?
        .unwrap_or_default();
    screen.indented(format_args!(
        "The graph waits at an interrupt; process {} reads its question:",
        std::process::id()
    ))?;
    screen.line("")?;
    screen.indented(format_args!(
        "  \u{201c}{}\u{201d}\n  {}, {} words, {}\n  {}, {} external, {}",
        text(&question, "title"),
        count(totals.files, "file"),
        totals.words,
        count(totals.headings, "heading"),
        count(totals.links, "link"),
        totals.external,
        screen.bold(format_args!("{} leading nowhere", totals.dead)),
    ))?;
    screen.line("")?;
    let answer = answer(screen, &question, ask)?;
    let output = opened.wait(opened.graph.invoke(Command::resume(answer), &opened.config))?;
    let outcome = match output["approved"].as_bool() {
        Some(true) => "The graph ran to its end: the report is written.",
        _ => "The graph ran to its end without a report.",
    };
    screen.indented(outcome)?;
    Ok(())
}

/// What the thread asks.
pub(super) fn pending(opened: &Opened) -> Result<Value, Failure> {
    let state = opened.wait(opened.graph.get_state(&opened.config))?;
    match state.interrupts.into_iter().next() {
        Some(interrupt) => Ok(interrupt.value),
        None => Err(Failure::new(
            "the graph ended without asking for approval; this is a bug, please report it",
        )),
    }
}

/// The human's answer, or `approve` in a human's place.
pub(super) fn answer(
    screen: &Screen,
    question: &Value,
    ask: bool,
) -> Result<&'static str, Failure> {
    let asked = text(question, "question");
    if !ask {
        screen.indented(format_args!("{asked} {}", screen.good("approve")))?;
        return Ok("approve");
    }
    let mut out = io::stdout().lock();
    write!(out, "  {asked} [Y/n] ")?;
    out.flush()?;
    let mut typed = String::new();
    io::stdin().read_line(&mut typed)?;
    if !io::stdin().is_terminal() {
        // Nobody pressed Enter.
        writeln!(out)?;
    }
    let no = typed.trim().to_lowercase().starts_with('n');
    Ok(if no { "reject" } else { "approve" })
}

/// A text of a question.
pub(super) fn text<'q>(question: &'q Value, key: &str) -> &'q str {
    question
        .get(key)
        .and_then(Value::as_str)
        .unwrap_or_default()
}

//! What is printed of a transfer.

use serde_json::{Value, json};
use stepwell::transfer::{PassedOver, TransferReport};

use super::What;
use crate::failure::{Answer, Failure};
use crate::format::{bytes, count};
use crate::screen::Screen;

/// The bytes of the source and of the target, as far as they are known.
type Sizes = (Option<u64>, Option<u64>);

pub(super) fn tell(
    what: &What,
    verb: &str,
    report: &TransferReport,
    sizes: Sizes,
) -> Result<Answer, Failure> {
    let screen = Screen::new();
    match what.json {
        true => screen.json(&document(what, report, sizes))?,
        false => lines(&screen, what, verb, report, sizes)?,
    }
    Ok(if report.is_complete() {
        Answer::Yes
    } else {
        Answer::No
    })
}

fn document(what: &What, report: &TransferReport, (before, after): Sizes) -> Value {
    let passed_over = report.passed_over.iter().map(|of| match of {
        PassedOver::Checkpoint {
            thread,
            namespace,
            id,
            reason,
        } => json!({"thread": thread, "namespace": namespace, "checkpoint": id, "reason": reason}),
        PassedOver::Item {
            namespace,
            key,
            reason,
        } => json!({"namespace": namespace, "key": key, "reason": reason}),
    });
    json!({
        "dry_run": what.dry_run,
        "threads": report.threads,
        "checkpoints": report.checkpoints,
        "present": report.present,
        "writes": report.writes,
        "items": report.items,
        "present_items": report.present_items,
        "vectors_left": report.vectors,
        "conflicts": report.conflicts,
        "newer_items": report.newer_items,
        "conflict_items": report.conflict_items,
        "passed_over": passed_over.collect::<Vec<_>>(),
        "compared": what.verify.then_some(report.compared),
        "differences": report.differences,
        "bytes_before": before,
        "bytes_after": after,
    })
}

fn lines(
    screen: &Screen,
    what: &What,
    verb: &str,
    report: &TransferReport,
    sizes: Sizes,
) -> Result<(), Failure> {
    let number = |of: u64| usize::try_from(of).unwrap_or(usize::MAX);
    screen.line(format_args!(
        "{} {}: {} ({} there already), {}, {} ({} there already)",
        if what.dry_run {
            "Would have moved"
        } else {
            verb
        },
        count(number(report.threads), "thread"),
        count(number(report.checkpoints), "checkpoint"),
        report.present,
        count(number(report.writes), "pending write"),
        count(number(report.items), "item"),
        report.present_items,
    ))?;
    if let (Some(before), Some(after)) = sizes {
        screen.line(format_args!(
            "{} before, {} after",
            bytes(before),
            bytes(after)
        ))?;
    }
    if report.vectors > 0 {
        screen.line(format_args!(
            "The vectors of {} were not moved: put these again where an embedder makes new ones",
            count(number(report.vectors), "item"),
        ))?;
    }
    for thread in &report.conflicts {
        screen.line(format_args!(
            "Thread `{thread}` was left alone: the target has checkpoints of it that the source has not"
        ))?;
    }
    for item in &report.conflict_items {
        screen.line(format_args!(
            "Left alone, as the target has one that was put later: {item}"
        ))?;
    }
    let named = u64::try_from(report.conflict_items.len()).unwrap_or(u64::MAX);
    if report.newer_items > named {
        let more = number(report.newer_items - named);
        screen.line(format_args!("and {} more", count(more, "item")))?;
    }
    for passed in &report.passed_over {
        match passed {
            PassedOver::Checkpoint {
                thread,
                namespace,
                id,
                reason,
            } => screen.line(format_args!(
                "Passed over checkpoint `{id}` of thread `{thread}`, namespace `{namespace}`: {reason}"
            ))?,
            PassedOver::Item {
                namespace,
                key,
                reason,
            } => screen.line(format_args!(
                "Passed over item `{key}` in namespace {namespace:?}: {reason}"
            ))?,
        }
    }
    if what.verify && !what.dry_run {
        screen.line(format_args!(
            "Compared {}: {}",
            count(number(report.compared), "record"),
            if report.differences.is_empty() {
                "all say the same"
            } else {
                "some differ"
            },
        ))?;
    }
    for difference in &report.differences {
        screen.line(format_args!("Differs: {difference}"))?;
    }
    Ok(())
}

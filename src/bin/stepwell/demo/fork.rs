//! Fourth act: a fork from an earlier checkpoint, with an edited state, runs to an end of its own.

use std::fs;

use serde_json::json;
use stepwell::graph::{Command, HistoryQuery, Input};

use super::approval;
use super::opened::Opened;
use super::places::Places;
use crate::failure::{Doing, Failure};
use crate::format::short;
use crate::screen::Screen;

/// Forks the thread before the approval and runs the fork to its end.
pub(super) fn branch_off(
    screen: &Screen,
    opened: &Opened,
    places: &Places,
    ask: bool,
) -> Result<(), Failure> {
    screen.section("6  Go back and take another way")?;
    let graph = &opened.graph;
    let history = graph.get_state_history(&opened.config, HistoryQuery::default());
    let history = opened.wait(history.collect())?;
    let before = history
        .into_iter()
        .find(|snapshot| snapshot.next == ["approve"])
        .ok_or_else(|| Failure::new("the thread has no checkpoint before the approval"))?;
    let tip = opened.wait(graph.get_state(&opened.config))?;
    let path = places.journal();
    let journal = fs::read(&path).doing("read", &path)?;
    let edit = json!({
        "title": "Review for a stricter reader",
        "sentence_limit": 20,
        "report": places.report_of_fork(),
    });
    let forked = opened.wait(graph.update_state(&before.config, edit, Some("check")))?;
    screen.indented(format_args!(
        "From checkpoint {}, before the approval, with\n\
         another title and a limit of 20 words per sentence instead of 30:",
        short(before.config.checkpoint_id().unwrap_or_default()),
    ))?;
    screen.line("")?;
    let asked = opened.wait(graph.invoke(Input::Continue, &forked))?;
    if let Some(question) = asked.interrupts.first() {
        let title = approval::text(&question.value, "title");
        screen.indented(format_args!("  \u{201c}{title}\u{201d}"))?;
        screen.line("")?;
        let answer = approval::answer(screen, &question.value, ask)?;
        opened.wait(graph.invoke(Command::resume(answer), &opened.config))?;
    }
    let tip_now = opened.wait(graph.get_state(&tip.config))?;
    let read_again = fs::read(&path).doing("read", &path)? != journal;
    if read_again || tip_now.values != tip.values {
        return Err(Failure::new(
            "the fork read files again or changed the first branch; this is a bug, please report it",
        ));
    }
    screen.indented("No file was read again. The first branch is as it was.")?;
    Ok(())
}

//! The report: what the analyses add up to, as Markdown, and how it gets to its file.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::Path;

use serde::{Deserialize, Serialize};
use stepwell::graph::{NodeError, State};

use super::analysis::Analysis;

/// What all analyses add up to.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(super) struct Totals {
    pub(super) files: usize,
    pub(super) deep: usize,
    pub(super) words: usize,
    pub(super) headings: usize,
    pub(super) links: usize,
    pub(super) external: usize,
    pub(super) dead: usize,
}

impl Totals {
    pub(super) fn of(analyses: &BTreeMap<String, Analysis>) -> Self {
        let sum = |of: fn(&Analysis) -> usize| analyses.values().map(of).sum();
        Self {
            files: analyses.len(),
            deep: sum(|a| usize::from(a.deep)),
            words: sum(|a| a.words),
            headings: sum(|a| a.headings),
            links: sum(|a| a.links),
            external: sum(|a| a.external),
            dead: sum(|a| a.dead.len()),
        }
    }
}

/// The report on the graph's state.
pub(super) fn render(state: &State) -> Result<String, NodeError> {
    let analyses: BTreeMap<String, Analysis> = state.get_as("analyses")?;
    let totals: Totals = state.get_as("totals")?;
    let limit: usize = state.get_as("sentence_limit")?;
    let title = state["title"].as_str().unwrap_or("Report");

    let mut text = format!("# {title}\n\n");
    let Totals {
        files,
        deep,
        words,
        headings,
        links,
        external,
        dead,
    } = totals;
    writeln!(
        text,
        "{files} files ({deep} read twice), {words} words, {headings} headings, {links} links of \
         which {external} are\nexternal (not followed) and {dead} lead nowhere.\n"
    )?;
    dead_links(&mut text, &analyses)?;
    long_sentences(&mut text, &analyses, limit)?;
    every_file(&mut text, &analyses)?;
    Ok(text)
}

type Analyses = BTreeMap<String, Analysis>;

fn dead_links(text: &mut String, analyses: &Analyses) -> std::fmt::Result {
    text.push_str("## Links that lead nowhere\n\n");
    let before = text.len();
    for (file, analysis) in analyses {
        for dead in &analysis.dead {
            let (line, target, why) = (dead.line, &dead.target, &dead.why);
            writeln!(text, "- `{file}:{line}`: `{target}`: {why}")?;
        }
    }
    if text.len() == before {
        text.push_str("None.\n");
    }
    text.push('\n');
    Ok(())
}

fn long_sentences(text: &mut String, analyses: &Analyses, limit: usize) -> std::fmt::Result {
    writeln!(
        text,
        "## Sentences of more than {limit} words (in files read twice)\n"
    )?;
    let before = text.len();
    for (file, analysis) in analyses {
        for sentence in analysis.longest.iter().filter(|s| s.words > limit) {
            let (line, words, begins) = (sentence.line, sentence.words, &sentence.text);
            writeln!(text, "- `{file}:{line}`, {words} words: {begins}")?;
        }
    }
    if text.len() == before {
        text.push_str("None.\n");
    }
    text.push('\n');
    Ok(())
}

fn every_file(text: &mut String, analyses: &Analyses) -> std::fmt::Result {
    text.push_str("## All files\n\n");
    text.push_str("| File | Words | Headings | Links | Dead | Looked at |\n");
    text.push_str("|---|---:|---:|---:|---:|---|\n");
    for (file, a) in analyses {
        let looked = match &a.unreadable {
            Some(why) => why.as_str(),
            None if a.deep => "twice",
            None => "once",
        };
        let dead = a.dead.len();
        writeln!(
            text,
            "| {file} | {} | {} | {} | {dead} | {looked} |",
            a.words, a.headings, a.links
        )?;
    }
    Ok(())
}

/// Writes `text` to `path` whole or not at all. A node may run again after a crash: writing the same
/// file again this way does no harm.
pub(super) fn write_atomically(path: &Path, text: &str) -> io::Result<()> {
    let temporary = path.with_added_extension("tmp");
    let mut file = File::create(&temporary)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&temporary, path)
}

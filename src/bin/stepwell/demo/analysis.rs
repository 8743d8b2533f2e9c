//! [`Analysis`]: what the workflow finds out about one file, and how.

use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::links::{self, Verdict};
use super::markdown::{self, Sentence};

/// What is known about one file. A quick look counts and asks whether linked files exist; a deep one
/// follows `#anchors` as well and measures sentences.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Analysis {
    pub(super) deep: bool,
    pub(super) words: usize,
    pub(super) headings: usize,
    pub(super) links: usize,
    pub(super) external: usize,
    /// Anchors that a quick look did not follow.
    pub(super) unchecked: usize,
    pub(super) dead: Vec<DeadLink>,
    pub(super) longest: Vec<Sentence>,
    /// Why the file could not be read.
    pub(super) unreadable: Option<String>,
}

/// A link that leads nowhere.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct DeadLink {
    pub(super) line: usize,
    pub(super) target: String,
    pub(super) why: String,
}

/// Analyses `file`, a path below `root`.
pub(super) fn of_file(root: &Path, file: &str, deep: bool) -> Analysis {
    let text = match fs::read(root.join(file)) {
        Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(error) => {
            return Analysis {
                deep,
                unreadable: Some(error.to_string()),
                ..Analysis::default()
            };
        }
    };
    let contents = markdown::read(&text);
    let mut analysis = Analysis {
        deep,
        words: contents.words,
        headings: contents.headings,
        links: contents.links.len(),
        ..Analysis::default()
    };
    for (line, target) in &contents.links {
        match links::check(root, file, target, &contents.anchors, deep) {
            Verdict::Alive => {}
            Verdict::External => analysis.external += 1,
            Verdict::Unchecked => analysis.unchecked += 1,
            Verdict::Dead(why) => analysis.dead.push(DeadLink {
                line: *line,
                target: target.clone(),
                why: why.to_owned(),
            }),
        }
    }
    if deep {
        analysis.longest = contents.longest;
    }
    analysis
}

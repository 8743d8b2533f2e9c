//! The demo as a stranger runs it: the built command, on files of its own.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

fn stepwell(directory: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_stepwell"))
        .args(arguments)
        .current_dir(directory)
        .output()
        .unwrap()
}

/// What a command that succeeds prints.
fn printed(directory: &Path, arguments: &[&str]) -> String {
    let output = stepwell(directory, arguments);
    let text = String::from_utf8(output.stdout).unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "{}\n{text}\n{errors}",
        output.status
    );
    assert_eq!(errors, "");
    text
}

/// Files with a link that leads nowhere and a sentence worth a second look.
fn write_files(directory: &Path) {
    let guide = directory.join("guide");
    fs::create_dir(&guide).unwrap();
    let files = [
        (
            "README.md",
            "# Read me\n\nSee the [guide](guide/one.md#start).\n",
        ),
        (
            "guide/one.md",
            "# One\n\n## Start\n\nA [lost page](nowhere.md).\n",
        ),
        ("guide/two.md", "# Two\n\n[A lost heading](one.md#end).\n"),
        ("guide/three.md", "# Three\n\n[Out](https://example.org).\n"),
        ("CHANGES.md", "# Changes\n\nNone.\n"),
    ];
    for (name, text) in files {
        fs::write(directory.join(name), text).unwrap();
    }
    // Neither is a file of the user's.
    fs::create_dir(directory.join("target")).unwrap();
    fs::write(directory.join("target/built.md"), "# Built\n").unwrap();
}

/// How often each task finished, by the journal.
fn finishes(directory: &Path) -> BTreeMap<(String, String), usize> {
    let journal = fs::read_to_string(directory.join("demo.stepwell.journal.tsv")).unwrap();
    let mut finishes = BTreeMap::new();
    for line in journal.lines() {
        let fields: Vec<&str> = line.split('\t').collect();
        if fields[2] == "finish" {
            let task = (fields[3].to_owned(), fields[6].to_owned());
            *finishes.entry(task).or_default() += 1;
        }
    }
    finishes
}

#[test]
fn a_killed_workflow_carries_on_and_nothing_that_finished_runs_twice() {
    let dir = TempDir::new().unwrap();
    let dir = dir.path();
    write_files(dir);
    let text = printed(dir, &["demo"]);

    for expected in [
        "5 files of Markdown",
        "SIGKILL",
        "run again: 0",
        "It holds.",
        "The history of thread demo-",
        "├─●",
    ] {
        assert!(text.contains(expected), "no {expected:?} in\n{text}");
    }
    assert!(
        text.lines().all(|line| line.chars().count() <= 80),
        "{text}"
    );

    // The quick look at five files and the deep one at those that deserve it. Should the kill have hit
    // a task between its end and its save, that one has finished twice, and the demo says so.
    let finishes = finishes(dir);
    let twice = finishes.values().filter(|times| **times > 1).count();
    assert!(finishes.len() > 5, "{finishes:?}");
    assert!(twice == 0 || text.contains("not saved yet"), "{finishes:?}");
    assert!(!finishes.keys().any(|(_, file)| file.contains("built")));

    let report = fs::read_to_string(dir.join("demo.stepwell.report.md")).unwrap();
    assert!(report.starts_with("# Review of the documentation\n"));
    assert!(
        report.contains("`guide/one.md:5`: `nowhere.md`"),
        "{report}"
    );
    assert!(
        report.contains("`guide/two.md:3`: `one.md#end`"),
        "{report}"
    );
    assert!(report.contains("2 lead nowhere"), "{report}");
    let fork = fs::read_to_string(dir.join("demo.stepwell.fork-report.md")).unwrap();
    assert!(fork.starts_with("# Review for a stricter reader\n"));

    what_is_left_can_be_looked_at(dir);
}

fn what_is_left_can_be_looked_at(dir: &Path) {
    let database = ["--db", "demo.stepwell"];
    let threads = printed(dir, &["threads", database[0], database[1]]);
    let thread = threads.lines().nth(1).unwrap();
    let thread = thread.split_whitespace().next().unwrap();
    assert!(thread.starts_with("demo-"), "{threads}");

    let history = printed(dir, &["history", database[0], database[1]]);
    assert!(history.contains(thread), "{history}");
    assert!(history.contains("└─●"), "{history}");
    let of = ["--thread", thread];
    let same = printed(dir, &["history", database[0], database[1], of[0], of[1]]);
    assert_eq!(history, same);

    let show = ["show", database[0], database[1], of[0], of[1]];
    let values: Value = serde_json::from_str(&printed(dir, &show)).unwrap();
    assert_eq!(values["title"], "Review for a stricter reader");
    assert_eq!(values["totals"]["files"], 5);
    let first = history.lines().nth(1).unwrap();
    let first = first.split_whitespace().nth(1).unwrap();
    let show = [&show[..], &["--checkpoint", first]].concat();
    let values: Value = serde_json::from_str(&printed(dir, &show)).unwrap();
    assert_eq!(values["totals"], Value::Null);
}

#[test]
fn without_markdown_it_brings_its_own_and_can_be_run_again() {
    let dir = TempDir::new().unwrap();
    let text = printed(dir.path(), &["demo"]);
    assert!(text.contains("its own"), "{text}");
    assert!(text.contains("It holds."), "{text}");
    let report = dir.path().join("demo.stepwell.report.md");
    let report = fs::read_to_string(report).unwrap();
    assert!(report.contains("`streaming.md`"), "{report}");
    assert!(report.contains("`checkpoints.md#forking`"), "{report}");

    let again = printed(dir.path(), &["demo"]);
    assert!(again.contains("its own"), "{again}");
    let threads = printed(dir.path(), &["threads", "--db", "demo.stepwell"]);
    assert_eq!(threads.lines().count(), 3, "{threads}");
}

#[test]
fn one_file_is_enough() {
    let dir = TempDir::new().unwrap();
    fs::write(dir.path().join("one.md"), "# One\n").unwrap();
    let text = printed(dir.path(), &["demo"]);
    assert!(text.contains("1 file of Markdown"), "{text}");
    assert!(text.contains("It holds."), "{text}");
}

//! Runs the commands of `docs/guide/operations.md` and compares what they print with what the page says.

use std::fs;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use crate::database::{STEPWELL, make};

/// A command of the page, and the lines below it.
struct Example {
    command: String,
    printed: Vec<String>,
}

fn examples() -> Vec<Example> {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/guide/operations.md");
    let page = fs::read_to_string(page).unwrap();
    let mut examples: Vec<Example> = Vec::new();
    let mut inside = false;
    for line in page.lines() {
        if line.starts_with("```") {
            inside = line == "```console";
        } else if let Some(command) = line.strip_prefix("$ ").filter(|_| inside) {
            examples.push(Example {
                command: command.to_owned(),
                printed: Vec::new(),
            });
        } else if let Some(example) = examples.last_mut().filter(|_| inside) {
            example.printed.push(line.to_owned());
        }
    }
    examples
}

/// Whether `line` is `pattern`, in which `…` stands for anything.
fn is_like(line: &str, pattern: &str) -> bool {
    let mut rest = line;
    let mut parts = pattern.split('…');
    match rest.strip_prefix(parts.next().unwrap_or_default()) {
        Some(left) => rest = left,
        None => return false,
    }
    let mut ends = rest.is_empty();
    for part in parts {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
        ends = part.is_empty() || rest.is_empty();
    }
    ends
}

#[cfg(unix)]
#[test]
fn the_commands_of_the_page_print_what_it_says() {
    let dir = TempDir::new().unwrap();
    make(dir.path());
    let bin = Path::new(STEPWELL).parent().unwrap();
    let path = std::env::var("PATH").unwrap_or_default();
    let examples = examples();
    assert!(examples.len() > 5);
    for Example { command, printed } in examples {
        let output = Command::new("sh")
            .args(["-c", &command])
            .env("PATH", format!("{}:{path}", bin.display()))
            .current_dir(dir.path())
            .output()
            .unwrap();
        let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        let is_same = text.lines().count() == printed.len()
            && text.lines().zip(&printed).all(|(a, b)| is_like(a, b));
        assert!(
            is_same,
            "$ {command}\n{text}\nand not\n{}",
            printed.join("\n")
        );
    }
}

#[test]
fn anything_may_stand_for_an_ellipsis() {
    assert!(is_like("a b c", "a … c"));
    assert!(is_like("a b c", "a…"));
    assert!(is_like("a b c", "a b c"));
    assert!(!is_like("a b c", "a b"));
    assert!(!is_like("a b c", "b…"));
    assert!(!is_like("a b c", "a … b"));
}

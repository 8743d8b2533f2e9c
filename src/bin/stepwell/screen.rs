//! What the commands print: sections, lines, and emphasis where a terminal shows it.

use std::env;
use std::fmt::Display;
use std::io::{self, IsTerminal, Write};

use serde::Serialize;
use serde_json::json;

use crate::failure::Failure;

/// Where a command prints to.
pub(crate) struct Screen {
    terminal: bool,
    styled: bool,
}

impl Screen {
    /// Standard output.
    pub(crate) fn new() -> Self {
        let terminal = io::stdout().is_terminal();
        Self {
            terminal,
            styled: terminal && env::var_os("NO_COLOR").is_none(),
        }
    }

    /// Whether someone watches, as opposed to a file or a pipe.
    pub(crate) fn is_terminal(&self) -> bool {
        self.terminal
    }

    /// Prints a line.
    pub(crate) fn line(&self, text: impl Display) -> io::Result<()> {
        writeln!(io::stdout().lock(), "{text}")
    }

    /// Prints a JSON document on a line of its own.
    pub(crate) fn json(&self, document: &impl Serialize) -> io::Result<()> {
        self.line(serde_json::to_string(document)?)
    }

    /// Prints the heading of a section, with an empty line above.
    pub(crate) fn section(&self, heading: impl Display) -> io::Result<()> {
        self.line(format_args!("\n{}", self.bold(heading)))
    }

    /// Prints lines that belong to a section.
    pub(crate) fn indented(&self, text: impl Display) -> io::Result<()> {
        let mut out = io::stdout().lock();
        text.to_string()
            .lines()
            .try_for_each(|line| writeln!(out, "{}", format!("  {line}").trim_end()))
    }

    /// Makes text stand out.
    pub(crate) fn bold(&self, text: impl Display) -> String {
        self.style("1", text)
    }

    /// Marks text as good news.
    pub(crate) fn good(&self, text: impl Display) -> String {
        self.style("1;32", text)
    }

    /// Marks text as bad news.
    pub(crate) fn bad(&self, text: impl Display) -> String {
        self.style("1;31", text)
    }

    fn style(&self, code: &str, text: impl Display) -> String {
        if self.styled {
            format!("\u{1b}[{code}m{text}\u{1b}[0m")
        } else {
            text.to_string()
        }
    }
}

/// Says on standard error why the command stops.
pub(crate) fn error(failure: &Failure) {
    // If even this cannot be written, the exit code has to do.
    let _ = writeln!(io::stderr().lock(), "error: {failure}");
}

/// Says the same for programs.
pub(crate) fn json_error(failure: &Failure) {
    let said = json!({"error": failure.to_string(), "code": failure.code()});
    let _ = writeln!(io::stderr().lock(), "{said}");
}

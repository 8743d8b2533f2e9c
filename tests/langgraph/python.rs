//! A Python that has LangGraph.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use serde_json::Value;

const PACKAGES: [&str; 2] = ["langgraph>=1.2,<2", "langgraph-checkpoint-sqlite>=3.1,<4"];

/// A Python that has LangGraph and its SQLite saver.
#[derive(Clone)]
pub(crate) struct Python(PathBuf);

impl Python {
    /// The one that is named, or one of our own. `None`, and a word about it, if neither can be had.
    pub(crate) fn find() -> Option<Self> {
        static FOUND: OnceLock<Result<PathBuf, String>> = OnceLock::new();
        let found = FOUND.get_or_init(|| match std::env::var_os("STEPWELL_LANGGRAPH_PYTHON") {
            Some(named) => Ok(named.into()),
            None => installed(),
        });
        match found {
            Ok(path) => Some(Self(path.clone())),
            Err(reason) => {
                eprintln!("skipped: there is no LangGraph to test with: {reason}");
                None
            }
        }
    }

    /// Has `langgraph_peer.py` do something to a file.
    pub(crate) fn run(&self, what: &str, file: &str, thread: &str) -> Value {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/common/langgraph_peer.py");
        let output = Command::new(&self.0)
            .arg(script)
            .args([what, file, thread])
            .output()
            .unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{what}: {errors}");
        serde_json::from_slice(&output.stdout).unwrap()
    }
}

fn installed() -> Result<PathBuf, String> {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("langgraph");
    let python = directory.join("bin/python");
    let has_it = |python: &Path| {
        run(Command::new(python).args(["-c", "import langgraph.checkpoint.sqlite"]))
    };
    if python.exists() && has_it(&python).is_ok() {
        return Ok(python);
    }
    run(Command::new("python3").args(["-m", "venv"]).arg(&directory))?;
    let install = [
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
    ];
    run(Command::new(&python).args(install).args(PACKAGES))?;
    has_it(&python).map(|()| python)
}

fn run(command: &mut Command) -> Result<(), String> {
    let output = command.output().map_err(|error| error.to_string())?;
    match output.status.success() {
        true => Ok(()),
        false => Err(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
    }
}

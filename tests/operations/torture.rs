//! `stepwell torture` finds what is missing, and keeps away from databases that are not its own.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

use crate::database::{STEPWELL, make};

fn torture(db: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(STEPWELL);
    command.arg("torture").arg("--db").arg(db).args(args);
    command.output().unwrap()
}

fn report(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn what_was_acknowledged_is_found() {
    let dir = TempDir::new().unwrap();
    let db = dir.path().join("db");
    for first in [true, false] {
        let output = torture(&db, &["--seconds", "1", "--json"]);
        let report = report(&output);
        assert!(output.status.success(), "{report}");
        assert_eq!(report["kept"], true, "{report}");
        assert_eq!(report["verified"], true, "first: {first}");
        let number = |name: &str| report[name].as_u64().unwrap();
        assert!(
            number("cycles") > 0 && number("acknowledged") > 0,
            "{report}"
        );
        assert!(number("found") >= number("acknowledged"), "{report}");
        assert!(report["sync_median_us"].as_f64().unwrap() > 0.0);
    }
}

#[test]
fn what_is_missing_is_told() {
    let dir = TempDir::new().unwrap();
    let (db, heard) = (dir.path().join("db"), dir.path().join("heard"));
    assert!(
        torture(&db, &["--seconds", "0", "--writers", "1"])
            .status
            .success()
    );
    let after = |lines: &str| {
        fs::write(&heard, lines).unwrap();
        torture(
            &db,
            &["--after-power-cut", heard.to_str().unwrap(), "--json"],
        )
    };
    let there = after("torture-00000000-0 0\n");
    assert!(there.status.success(), "{}", report(&there));
    let cut_off = after("torture-00000000-0 0\ntorture-00000000-0 99999");
    assert!(
        cut_off.status.success(),
        "a line that was cut off was not said"
    );
    let missing = after("torture-00000000-0 99999\ntorture-00000077-0 0\n");
    assert_eq!(missing.status.code(), Some(1));
    let report = report(&missing);
    assert_eq!(report["kept"], false);
    assert_eq!(report["problems"].as_array().unwrap().len(), 2, "{report}");
}

#[test]
fn a_database_of_somebody_else_is_left_alone() {
    let dir = TempDir::new().unwrap();
    make(dir.path());
    let output = torture(&dir.path().join("agents.stepwell"), &["--seconds", "1"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        String::from_utf8(output.stderr)
            .unwrap()
            .contains("of yours")
    );
}

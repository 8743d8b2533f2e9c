//! Runs recorded scenarios and compares each result with what LangGraph answered.
//!
//! `STEPWELL_PARITY_DIR` names the directory of the scenarios, by default `tests/data/parity` and
//! `tests/data/parity_more`; the `README.md` of the former describes them. Each is run in memory, on a
//! database, and on a database that is closed and reopened between all operations.

#[path = "parity/backend.rs"]
mod backend;
#[path = "parity/build.rs"]
mod build;
#[path = "parity/compare.rs"]
mod compare;
#[path = "parity/expr.rs"]
mod expr;
#[path = "parity/harness.rs"]
mod harness;
#[path = "parity/node.rs"]
mod node;
#[path = "parity/ops.rs"]
mod ops;
#[path = "parity/report.rs"]
mod report;
#[path = "parity/scenario.rs"]
mod scenario;
#[path = "parity/show.rs"]
mod show;
#[path = "parity/store_ops.rs"]
mod store_ops;
#[path = "parity/streams.rs"]
mod streams;
#[path = "parity/text.rs"]
mod text;

use std::path::{Path, PathBuf};

use report::ExpectedFailure;

/// Scenarios that are known to fail, with what their failure says. One that passes, or fails in
/// another way, fails the test.
const EXPECTED_FAILURES: &[ExpectedFailure] = &[];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn scenarios_answer_as_langgraph_does_on_every_backend() {
    if let Some(named) = std::env::var_os("STEPWELL_PARITY_DIR") {
        return run(&PathBuf::from(named), EXPECTED_FAILURES, false).await;
    }
    let data = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data");
    run(&data.join("parity"), EXPECTED_FAILURES, true).await;
    run(&data.join("parity_more"), &[], true).await;
}

async fn run(directory: &Path, expected: &[ExpectedFailure], complete: bool) {
    let report = report::run_all(directory, expected, complete)
        .await
        .unwrap();
    println!("{report}");
    assert!(report.is_good(), "{}", report.summary());
}

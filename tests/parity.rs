//! Runs recorded scenarios and compares each result with what LangGraph answered.
//!
//! `STEPWELL_PARITY_DIR` names the directory of the scenarios, by default `tests/data/parity`,
//! `tests/data/parity_more` and `tests/data/parity_random`; the `README.md` of the first describes them.
//! Each is run in memory, in memory with lists handed over as what was appended to them, on a database, and
//! on a database that is closed and reopened between all operations; with the feature `postgres` on a
//! PostgreSQL server, too, if there is one here. `STEPWELL_PARITY_BACKEND` names the only one that is wanted.

#[cfg(test)]
#[path = "common/appending.rs"]
mod appending;
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
#[cfg(feature = "postgres")]
#[path = "common/postgres_server.rs"]
#[expect(
    dead_code,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test fails by panicking, and this one does not stop its server"
)]
mod postgres_server;
#[path = "parity/report.rs"]
mod report;
#[path = "parity/scenario.rs"]
mod scenario;
#[path = "parity/show.rs"]
mod show;
#[path = "common/status.rs"]
mod status;
#[path = "parity/store_ops.rs"]
mod store_ops;
#[path = "parity/streams.rs"]
mod streams;
#[path = "parity/text.rs"]
mod text;

use std::path::PathBuf;

use report::ExpectedFailure;

/// Scenarios that are known to fail, with what their failure says. One that passes, or fails in
/// another way, fails the test.
const EXPECTED_FAILURES: &[ExpectedFailure] = &[];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn scenarios_answer_as_langgraph_does_on_every_backend() {
    #[cfg(feature = "postgres")]
    let _server = postgres_server::Server::start(&[]).inspect(|server| {
        let schemas: String = (0..1000).map(|n| format!("CREATE SCHEMA s{n};")).collect();
        server.sql("postgres", &schemas);
        let address = server.address("postgres");
        backend::POSTGRES.set(address).unwrap();
    });
    assert!(!backend::Backend::all().is_empty(), "no such backend here");
    let named = std::env::var_os("STEPWELL_PARITY_DIR").map(PathBuf::from);
    let data = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data");
    let directories = named.map_or_else(
        || {
            ["parity", "parity_more", "parity_random"]
                .map(|of| data.join(of))
                .into()
        },
        |named| vec![named],
    );
    let complete = directories.len() > 1;
    let mut good = true;
    for (at, directory) in directories.iter().enumerate() {
        let report = report::run_all(directory, EXPECTED_FAILURES, complete && at == 0)
            .await
            .unwrap();
        println!("{report}");
        good &= report.is_good();
    }
    assert!(good, "scenarios failed; their names are above");
}

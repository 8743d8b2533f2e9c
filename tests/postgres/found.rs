//! What a server is asked, and what is looked at here.

use futures::executor::block_on;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use stepwell::postgres::Postgres;

use crate::finding::{case, check};
use crate::server::Server;

#[test]
fn it_finds_what_memory_finds() {
    let Some(server) = Server::start(&[]) else {
        return;
    };
    let postgres = Postgres::connect(&server.database("found")).unwrap();
    block_on(postgres.setup()).unwrap();
    let store = postgres.store();
    let config = ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(32)
    };
    let outcome = TestRunner::new(config).run(&case(), |case| {
        server.sql(
            "found",
            "TRUNCATE store, stepwell_items, stepwell_item_history",
        );
        check(&case, &store)
    });
    outcome.unwrap();
}

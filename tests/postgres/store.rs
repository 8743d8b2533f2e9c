//! Items.

use std::sync::Arc;

use futures::executor::block_on;
use stepwell::postgres::Postgres;
use stepwell::store::{Store, StoreOptions};
use stepwell::testing::store_conformance::{Capability, Subject, cases};

use crate::server::Server;

struct Kept {
    address: String,
    options: StoreOptions,
    open: Postgres,
}

impl Subject for Kept {
    fn store(&self) -> Arc<dyn Store> {
        Arc::new(self.open.store_with(self.options.clone()))
    }

    fn can(&self, capability: Capability) -> bool {
        // LangGraph's table has no place for what items were.
        capability != Capability::History
    }

    fn reopen(&mut self) {
        self.open = Postgres::connect(&self.address).unwrap();
    }
}

#[test]
fn it_does_what_every_store_does_but_keep_the_past() {
    let Some(server) = Server::start(&[]) else {
        return;
    };
    let address = server.database("items");
    block_on(Postgres::connect(&address).unwrap().setup()).unwrap();
    let mut failed = Vec::new();
    for case in cases() {
        let outcome = case.check(|options| {
            server.sql("items", "TRUNCATE store, stepwell_items");
            Box::new(Kept {
                address: address.clone(),
                options,
                open: Postgres::connect(&address).unwrap(),
            })
        });
        failed.extend(outcome.err());
    }
    assert!(failed.is_empty(), "{failed:#?}");
}

//! Items.

use std::sync::Arc;

use futures::executor::block_on;
use stepwell::postgres::Postgres;
use stepwell::store::{Store, StoreOptions};
use stepwell::testing::store_conformance::{Subject, cases};

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

    fn reopen(&mut self) {
        self.open = Postgres::connect(&self.address).unwrap();
    }
}

#[test]
fn it_does_what_every_store_does() {
    let Some(server) = Server::start(&[]) else {
        return;
    };
    let address = server.database("items");
    block_on(Postgres::connect(&address).unwrap().setup()).unwrap();
    let mut failed = Vec::new();
    for case in cases() {
        let outcome = case.check(|options| {
            server.sql(
                "items",
                "TRUNCATE store, stepwell_items, stepwell_item_history",
            );
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

//! What every checkpointer and store does, on a PostgreSQL server of the tests' own; and what only such a server can do to them.
//!
//! Without a server on this machine nothing is tested, and each test says so; with `STEPWELL_REQUIRE_POSTGRES` set that is a failure.

#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

#[path = "../checkpointer/behaviours.rs"]
#[macro_use]
mod behaviours;
#[path = "../checkpointer/copying.rs"]
mod copying;
#[path = "../checkpointer/deletion.rs"]
mod deletion;
mod faults;
#[path = "../common/found.rs"]
mod finding;
mod found;
mod hosts;
mod interop;
#[path = "../checkpointer/listing.rs"]
mod listing;
mod moving;
mod moving_faults;
#[path = "../checkpointer/nesting.rs"]
mod nesting;
#[path = "../checkpointer/projecting.rs"]
mod projecting;
#[path = "../checkpointer/pruning.rs"]
mod pruning;
#[path = "../checkpointer/putting.rs"]
mod putting;
#[path = "../checkpointer/retaining.rs"]
mod retaining;
#[path = "../common/samples.rs"]
mod samples;
#[path = "../checkpointer/saver.rs"]
mod saver;
mod schema;
#[path = "../common/postgres_server.rs"]
mod server;
mod store;
mod tls;
#[path = "../checkpointer/writes.rs"]
mod writes;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use futures::executor::block_on;
use saver::{Kept, Saver};
use server::Server;
use stepwell::checkpoint::Checkpointer;
use stepwell::postgres::Postgres;

type Behaviour = (&'static str, fn(&mut Saver));

macro_rules! table {
    ($($module:ident { $($behaviour:ident)* })*) => {
        const BEHAVIOURS: &[Behaviour] = &[
            $($((concat!(stringify!($module), "::", stringify!($behaviour)), $module::$behaviour),)*)*
        ];
    };
}

behaviours!(table);

#[test]
fn it_does_what_every_checkpointer_does() {
    let Some(server) = Server::start(&[]) else {
        return;
    };
    let address = server.database("behaviours");
    let postgres = Postgres::connect(&address).unwrap();
    block_on(postgres.setup()).unwrap();
    drop(postgres);
    let only = std::env::var("STEPWELL_BEHAVIOUR").unwrap_or_default();
    let mut failed = Vec::new();
    for (name, behaviour) in BEHAVIOURS.iter().filter(|(name, _)| name.contains(&only)) {
        let mut saver = Saver::kept(Box::new(Reconnecting(address.clone())));
        if catch_unwind(AssertUnwindSafe(|| behaviour(&mut saver))).is_err() {
            failed.push(*name);
        }
        drop(saver);
        server.sql(
            "behaviours",
            "TRUNCATE checkpoints, checkpoint_blobs, checkpoint_writes, stepwell_threads, stepwell_tags",
        );
    }
    assert!(failed.is_empty(), "{failed:#?}");
}

/// A saver that goes through another handle after each pause.
struct Reconnecting(String);

impl Kept for Reconnecting {
    fn reopen(&mut self) -> Arc<dyn Checkpointer> {
        Arc::new(Postgres::connect(&self.0).unwrap().checkpointer())
    }
}
